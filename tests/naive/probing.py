"""Slow twin of detectors/probing.py: one agent at a time, sets and dicts, whole numbers for hashes."""

from __future__ import annotations

import math
from typing import Any

from pipeline.detectors.probing import Settings
from pipeline.events import codes
from tests.detectors.flow_rows import halves

MASK = (1 << 64) - 1
MULTIPLIER = 0xC6A4A7935BD1E995


def hashed(*words: int) -> int:
    """A chain of 64-bit words as one number."""
    h = 0x9E3779B97F4A7C15
    for word in words:
        w = word * MULTIPLIER & MASK
        w ^= w >> 47
        h = (h ^ (w * MULTIPLIER & MASK)) * MULTIPLIER & MASK
    h ^= h >> 47
    h = h * MULTIPLIER & MASK
    h ^= h >> 47
    return h or 1


class Memory:
    """Names seen of late: two Bloom filters, each a set of (word, bit)."""

    def __init__(self, forget: int) -> None:
        self.forget = forget
        self.present: set[tuple[int, int]] = set()
        self.past: set[tuple[int, int]] = set()
        self.names = 0
        self.since = 0

    @staticmethod
    def bits(name: int) -> set[tuple[int, int]]:
        return {(name % 16, (name >> 8) % 64), (name % 16, (name >> 20) % 64)}

    def at_hand(self, name: int) -> bool:
        return self.bits(name) <= self.present

    def put_by(self, name: int) -> bool:
        return self.bits(name) <= self.past

    def meet(self, name: int, ts: int) -> bool:
        """Whether the name is remembered; from now on it is."""
        if self.at_hand(name):
            return True
        if self.names == 0 or self.names >= 200 or ts - self.since >= self.forget:
            self.past = set() if ts - self.since >= 2 * self.forget else self.present
            self.present = set()
            self.names = 0
            self.since = ts
        self.names += 1
        self.present |= self.bits(name)
        return self.put_by(name)


class Agent:
    """What is known of one agent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        forget = int(settings.forget_s * 1e6)
        self.failed, self.talked = Memory(forget), Memory(forget)
        self.walk = {"inside": 0.0, "outside": 0.0, "public": 0.0}
        self.company = 0.0
        self.latest: int | None = None

    def see(self, r: dict[str, Any]) -> float:
        s = self.settings
        if r["direction"] == codes.INBOUND or r["place"] == codes.LOCAL or r["src"] == r["dst"]:
            return 0.0
        hi, lo = halves(r["dst"])
        target = hashed(hi, lo, r["dst_port"] * 256 + r["proto"])
        if self.talked.at_hand(target):
            return 0.0
        went, sure = self.outcome(r)
        if went == "talked" and r["proto"] == codes.ICMP and r["place"] == codes.INTERNAL:
            return 0.0
        if went == "failed":
            if self.talked.put_by(target) or self.failed.meet(target, r["ts"]):
                return 0.0
        elif self.talked.meet(target, r["ts"]):
            return 0.0

        share = 1.0
        if self.latest is not None and r["ts"] > self.latest:
            fade = math.exp(-math.log(2) * ((r["ts"] - self.latest) / (s.half_life_s * 1e6)))
            self.walk = {name: value * fade for name, value in self.walk.items()}
            self.company *= fade
        elif self.latest is not None and r["ts"] < self.latest:
            share = math.exp(-math.log(2) * ((self.latest - r["ts"]) / (s.half_life_s * 1e6)))
        self.latest = r["ts"] if self.latest is None else max(self.latest, r["ts"])

        if r["place"] == codes.INTERNAL:
            name, k = "inside", 0
        elif r["place"] == codes.ALLOWED or r["proto"] == codes.ICMP or r["dst_port"] in (53, 80, 123, 443):
            name, k = "public", 2
        else:
            name, k = "outside", 1

        if went == "talked":
            if name == "outside":
                self.company += share
            if self.walk[name] > s.floor[k]:
                self.walk[name] = max(s.floor[k], self.walk[name] + s.talked[k] * share)
            return 0.0
        memory = self.failed if went == "failed" else self.talked
        again = memory.meet(hashed(hi, lo, (1 << 40) + k), r["ts"])
        nats = self.nats(r, went, again)[k]
        if name == "outside":
            nats *= s.company / (s.company + self.company)
        if not sure:
            nats *= s.hinted
        if nats == 0.0:
            return 0.0
        self.walk[name] = min(s.cap, self.walk[name] + nats * share)
        return max(0.0, self.walk[name])

    def nats(self, r: dict[str, Any], went: str, again: bool) -> tuple[float, float, float]:
        s = self.settings
        if went != "failed":
            return (0.0, 0.0, 0.0) if again else s.silent if went == "silent" else s.blind
        if r["proto"] == codes.TCP:
            if again:
                return s.further_low if r["dst_port"] < 1024 else s.further_high
            return s.failed_tcp
        if again:
            return s.further_udp
        return s.failed_icmp if r["proto"] == codes.ICMP else s.failed_udp

    @staticmethod
    def outcome(r: dict[str, Any]) -> tuple[str, bool]:
        """How it went, and whether the record says so outright."""
        if r["outcome"] in (codes.REJECTED, codes.UNANSWERED, codes.BLOCKED):
            return "failed", True
        tcp = r["proto"] == codes.TCP
        more = 20 if ":" in r["src"] else 0
        only_openings = tcp and r["src_bytes"] <= (60 + more) * r["src_pkts"]
        if r["outcome"] == codes.ESTABLISHED:
            return ("silent" if only_openings else "talked"), True
        if r["dst_pkts"] == 0 or r["dst_bytes"] == 0:
            return "failed", False
        if tcp and r["src_pkts"] <= 2 and r["dst_pkts"] == 1 and r["dst_bytes"] <= 40 + more:
            return "failed", False
        if r["dst_pkts"] > 0 or r["dst_bytes"] > 0 or r["src_pkts"] > 3:
            return ("silent" if only_openings else "talked"), True
        return ("silent", False) if only_openings else ("blind", True)


def strengths(rows: list[dict[str, Any]], settings: Settings) -> list[float]:
    """What is said after each row."""
    agents: dict[int, Agent] = {}
    return [agents.setdefault(r["agent"], Agent(settings)).see(r) for r in rows]
