"""Slow twin of detectors/reverse_tunnel.py: one agent at a time, a list of sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pipeline.detectors.reverse_tunnel import Settings
from pipeline.events import codes

SHARES = [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97]
COUNTERS_STOP = 10**9


@dataclass
class Session:
    name: int
    begin: int
    end: int
    out: float = 0.0
    back: float = 0.0
    bursts: int = 0
    far: int = 0
    records: int = 0
    idle: int = 0
    turned: int = 0
    most: int = 0


def payload(size: float, packets: float, header: int) -> float:
    if math.isnan(size) or size <= 0:
        return 0.0
    if packets > 0 and size >= (header - 12) * packets:
        return max(0.0, size - header * packets)
    return size


def bursts_say(c: Session, s: Settings) -> float:
    part = min(1.0, s.most_bursts / c.bursts)
    far = c.far * part
    near = c.bursts * part - far
    chance = [math.exp(far * math.log(p) + near * math.log(1 - p)) for p in SHARES]
    kinds = [s.tunnel, s.client, s.push, s.stream]
    likely = [sum(w * x for w, x in zip(kind, chance, strict=True)) for kind in kinds]
    for k in range(3):
        likely[k + 1] *= s.ordinary[k]
    if c.out + c.back >= s.enough_bytes:
        lean = (c.out - c.back) / (c.out + c.back)
        group = sum(not lean <= edge for edge in (-0.6, -0.12, 0.1, 0.6))
        for k, volume in enumerate((s.tunnel_volume, s.client_volume, s.push_volume, s.stream_volume)):
            likely[k] *= volume[group]
    return min(math.log(likely[0] / sum(likely[1:])), s.burst_worth * (c.bursts - 2))


class Agent:
    """What is known of one agent: eight places for sessions, None where free."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.places: list[Session | None] = [None] * 8

    def find(self, r: dict[str, Any]) -> tuple[int, bool] | None:
        """The place of the row's session and whether it is new; None where the row is not worth a place."""
        for at, c in enumerate(self.places):
            if c is not None and c.name == r["flow_id"]:
                return at, False
        length = r["duration"]
        if length >= 0 and r["bursts"] < self.settings.enough_bursts:
            if r["final"] == codes.YES and length < 120e6:
                return None
            if r["final"] == 0 and length < 10e6 and not (r["proto"] == codes.TCP and r["src_pkts"] <= 4):
                return None
        if None in self.places:
            at = self.places.index(None)
        else:
            kept = [(c.most // 50, min(c.records, 15), c.end) for c in self.places if c is not None]
            at = kept.index(min(kept))
        self.places[at] = Session(r["flow_id"], r["ts"] - max(0, length), r["ts"])
        return at, True

    def see(self, r: dict[str, Any]) -> float:
        s = self.settings
        if r["place"] != codes.EXTERNAL or r["direction"] == codes.INBOUND or r["proto"] == codes.ICMP:
            return 0.0
        if r["outcome"] in (codes.REJECTED, codes.UNANSWERED, codes.BLOCKED) or r["dst_bytes"] == 0:
            return 0.0
        found = self.find(r)
        if found is None:
            return 0.0
        at, new = found
        c = self.places[at]
        assert c is not None
        c.begin = min(c.begin, r["ts"] - max(0, r["duration"]))
        c.end = max(c.end, r["ts"])
        c.records += 1
        header = (28 if r["proto"] == codes.UDP else 52) + (20 if ":" in r["src"] else 0)
        out = payload(r["src_bytes"], r["src_pkts"], header)
        back = payload(r["dst_bytes"], r["dst_pkts"], header)
        if new:
            out, back = max(0.0, out - s.handshake_bytes), max(0.0, back - s.handshake_bytes)
        self.count(c, r, new, out, back)
        said = self.say(c)
        c.most = max(c.most, int(said * 100))
        if r["final"] == codes.YES:
            self.places[at] = None
        return said

    def count(self, c: Session, r: dict[str, Any], new: bool, out: float, back: float) -> None:
        s = self.settings
        whole = r["duration"] >= s.long_s * 1e6
        beats = r["bursts"] if r["bursts"] > 0 else max(1.0, r["duration"] * 1e-6 / s.keepalive_s)
        if max(out, back) <= s.keepalive_bytes * beats and r["bursts_dst_first"] <= 0:
            if out > 0 and back > 0 and r["proto"] == codes.TCP:
                c.idle += r["duration"] // 60_000_000 if whole else 1
            return
        c.out += out
        c.back += back
        if r["bursts"] > 0:
            c.bursts = min(c.bursts + r["bursts"], COUNTERS_STOP)
            c.far = min(c.far + max(0, r["bursts_dst_first"]), c.bursts)
        more_out = out > 1.1 * back and back >= 400
        more_packets_in = r["dst_pkts"] > 1.05 * r["src_pkts"] and r["dst_pkts"] >= 8
        if (whole or not new) and more_out and more_packets_in:
            c.turned += 2 if whole else 1

    def say(self, c: Session) -> float:
        s = self.settings
        said = min(s.turned_cap, s.turned_worth * max(0, c.turned - 1))
        if c.bursts >= s.enough_bursts:
            said = 0.5 * said + bursts_say(c, s)
        life = c.end - c.begin
        if life >= s.idle_from_s * 1e6 and c.idle >= 4 and c.idle * 2 >= c.records:
            said = max(said, s.idle_worth * min(1.0, life * 1e-6 / s.idle_s))
        return max(0.0, min(said, s.cap))


def strengths(rows: list[dict[str, Any]], settings: Settings) -> list[float]:
    """What is said after each row."""
    agents: dict[int, Agent] = {}
    return [agents.setdefault(r["agent"], Agent(settings)).see(r) for r in rows]
