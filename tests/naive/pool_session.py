"""Slow twin of detectors/pool_session.py: one agent at a time, a list of sessions, rows as dicts.

Sums are rounded to 32 bits where the kernel keeps them, so that both say the same to the last bit.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeline.detectors.pool_session import Settings
from pipeline.events import codes

PLACES = 8
Band = tuple[float, float, float, float]


def short(x: float) -> float:
    """Rounded to 32 bits."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


def inside(x: float, edges: Band) -> float:
    a, b, c, d = edges
    if b <= x <= c:
        return 1.0
    return max(0.0, (x - a) / (b - a) if x < b else (d - x) / (d - c))


def said(nats: tuple[float, float], part: float) -> float:
    low, high = nats
    return low + (high - low) * part


def line(x: float, at: Band, nats: Band) -> float:
    if x <= at[0]:
        return nats[0]
    for (x0, x1), (y0, y1) in zip(pairwise(at), pairwise(nats), strict=True):
        if x < x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return nats[3]


def payload(size: float, packets: float, header: float) -> float:
    if size < (header - 12.0) * packets:
        return size
    return max(0.0, size - header * packets)


def submitting(ratio: float, out: float, back: float, inward: float, together: float, s: Settings) -> float:
    share = out * ratio / (ratio - 1.0) if ratio > 1.0 else math.inf
    light = inside(share, s.share)
    heavy = min(inside(share, s.heavy_share), inside(inward, s.heavy_inward))
    return min(max(light, heavy), inside(ratio, s.ratio), inside(out, s.out), inside(back, s.back),
               inside(together, s.together))  # fmt: skip


@dataclass
class Figures:
    """Means of a record's packets and payload, their variances and covariances by pair of names."""

    records: int = 0
    mean: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("sent", "came", "out", "back", "mute", "job"), 0.0)
    )
    spread: dict[tuple[str, str], float] = field(default_factory=lambda: dict.fromkeys([
        ("sent", "sent"), ("out", "out"), ("back", "back"), ("out", "back"), ("beyond", "beyond"), ("out", "beyond"),
        ("job", "job")], 0.0))  # fmt: skip

    def take(self, seen: dict[str, float]) -> None:
        self.records += 1
        w = 1.0 / min(self.records, 24)
        off = {name: seen[name] - self.mean[name] for name in seen}
        off["beyond"] = off["sent"] - off["came"]
        for name in seen:
            self.mean[name] = short(self.mean[name] + w * off[name])
        for a, b in self.spread:
            if a != "job":
                self.spread[a, b] = short((1.0 - w) * (self.spread[a, b] + w * off[a] * off[b]))
        mute = seen["out"] < 16.0 and seen["came"] > 0.0
        part = self.mean["mute"] + w * (float(mute) - self.mean["mute"])
        self.mean["mute"] = short(part)
        if mute:
            v = min(1.0, w / part)
            off_job = seen["back"] / seen["came"] - self.mean["job"]
            self.mean["job"] = short(self.mean["job"] + v * off_job)
            self.spread["job", "job"] = short(
                (1.0 - v) * (self.spread["job", "job"] + v * off_job * off_job * seen["came"])
            )

    def nats(self, age: float, s: Settings) -> float:
        sent, came, out, back = (self.mean[name] for name in ("sent", "came", "out", "back"))
        if self.records < 3 or 0.0 in (sent, came, back):
            return 0.0
        n = min(self.records, 24)
        fair = n / (n - 1)
        var = self.spread
        left = var["back", "back"]
        if var["out", "back"] > 0.0:
            left = max(0.0, left - var["out", "back"] * var["out", "back"] / var["out", "out"])
        form = 0.0
        if var["out", "beyond"] > 0.0:
            together = var["out", "beyond"] / math.sqrt(var["out", "out"] * var["beyond", "beyond"])
            form = min(
                submitting(sent / came, out / sent, back / came, back / (out + back), together, s),
                inside(var["out", "beyond"] / var["beyond", "beyond"] * (sent - came) / out, s.steep),
            )
        if n * self.mean["mute"] > 1.5 and self.mean["job"] > 0.0:
            even = math.sqrt(var["job", "job"]) / self.mean["job"]
            form = max(form, s.listen_part * min(
                inside(sent / came, s.listen_ratio), inside(self.mean["mute"], s.listen_mute),
                inside(self.mean["job"], s.listen_job), inside(even, s.listen_even)))  # fmt: skip
        return (
            line(age, s.age_s, s.age_nats)
            + said(s.rate_nats, inside((out + back) * self.records / age, s.rate))
            + said(s.scatter_nats, inside(var["sent", "sent"] * fair / sent, s.scatter))
            + said(s.unasked_nats, inside(math.sqrt(left * fair * came) / back, s.unasked))
            + said(s.form_nats, form)
        )


@dataclass
class Session:
    name: int
    far: tuple[str, int]
    first: int
    mark: int
    last: int
    ended: bool = False
    worth: float = 0.0
    pending: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("sent", "came", "out", "back"), 0.0))
    figures: Figures = field(default_factory=Figures)


class Agent:
    """What is known of one agent: eight places for sessions, None where free."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.places: list[Session | None] = [None] * PLACES

    def admit(self, r: dict[str, Any], start: int) -> None:
        s = self.settings
        far = (r["dst"], r["dst_port"])
        worths = []
        for c in self.places:
            if c is None:
                worths.append(-1e9)
                continue
            gone = start - c.last > s.silent_s * 1e6
            if c.far == far and c.ended and not gone:
                c.name, c.ended, c.mark, c.last = r["flow_id"], False, r["ts"], r["ts"]
                c.pending = dict.fromkeys(c.pending, 0.0)
                return
            worths.append(-1e8 if gone else 2.0 if c.figures.records < 4 else short(c.worth))
        if min(worths) < 2.0:
            self.places[worths.index(min(worths))] = Session(r["flow_id"], far, start, r["ts"], r["ts"])

    def see(self, r: dict[str, Any]) -> float:
        """What is known of this agent after this row, in nats."""
        s = self.settings
        if r["proto"] != codes.TCP or r["direction"] == codes.INBOUND or r["place"] == codes.LOCAL or r["outcome"] > 1:
            return 0.0
        session = next((c for c in self.places if c is not None and c.name == r["flow_id"]), None)
        length = max(0, r["duration"])
        header = 72.0 if ":" in r["dst"] else 52.0
        counters = [r["src_pkts"], r["dst_pkts"], r["src_bytes"], r["dst_bytes"]]
        known = not any(math.isnan(c) for c in counters)
        seen = {}
        if known:
            seen = {"sent": r["src_pkts"], "came": r["dst_pkts"]}
            seen["out"] = payload(r["src_bytes"], r["src_pkts"], header)
            seen["back"] = payload(r["dst_bytes"], r["dst_pkts"], header)
        if session is None:
            if r["final"] == codes.YES or (r["final"] == 0 and length < s.record_s * 1e6):
                if length <= s.life_s[0] * 1e6 or not known or 0.0 in (seen["sent"], seen["came"], seen["back"]):
                    return 0.0
                return self.placed(self.whole(length / 1e6, seen), r["place"])
            if not r["src_bytes"] + r["dst_bytes"] > s.fat_bytes:
                self.admit(r, r["ts"] - length)
            return 0.0
        if r["ts"] - length - session.last > s.silent_s * 1e6:
            session.first = session.mark = r["ts"] - length
            session.figures = Figures()
            session.pending = dict.fromkeys(session.pending, 0.0)
        session.last = max(session.last, r["ts"])
        session.ended = r["final"] == codes.YES
        if not known:
            return 0.0
        seen = {name: seen[name] + session.pending[name] for name in seen}
        if session.last - session.mark < s.record_s * 1e6:
            session.pending = {name: short(x) for name, x in seen.items()}
            return 0.0
        session.pending = dict.fromkeys(session.pending, 0.0)
        session.mark = session.last
        session.figures.take(seen)
        session.worth = session.figures.nats((session.last - session.first) / 1e6, s)
        return self.placed(session.worth, r["place"])

    def whole(self, life: float, seen: dict[str, float]) -> float:
        s = self.settings
        sent, came, out, back = (seen[name] for name in ("sent", "came", "out", "back"))
        forms = [submitting(sent / came, said_out / sent, back / came, back / (out + back), 1.0, s)
                 for said_out in (out, max(0.0, out - s.life_hello))]  # fmt: skip
        form = min(*forms, inside(sent / came, s.life_ratio))
        return (
            line(life, s.life_s, s.life_nats)
            + said(s.rate_nats, inside((out + back) / life, s.rate))
            + said(s.form_nats, form)
        )

    def placed(self, nats: float, place: int) -> float:
        s = self.settings
        nats += {codes.INTERNAL: s.internal_nats, codes.ALLOWED: s.allowed_nats}.get(place, 0.0)
        return min(max(nats, 0.0), s.cap)


def strengths(rows: list[dict[str, Any]], settings: Settings) -> list[float]:
    """One strength for each row."""
    agents: dict[int, Agent] = {}
    return [agents.setdefault(r["agent"], Agent(settings)).see(r) for r in rows]
