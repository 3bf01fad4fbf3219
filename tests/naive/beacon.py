"""Slow twin of detectors/beacon.py: one agent at a time, a list of far sides, each with its calls.

Numbers are rounded to 32 bits where the kernel keeps them, so that both say the same to the last bit.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

from pipeline.detectors.beacon import Settings
from pipeline.events import codes

PLACES, KEPT, ENOUGH = 10, 8, 12


def short(x: float) -> float:
    """Rounded to 32 bits."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


def quartiles(values: list[float]) -> list[float]:
    x = sorted(values)
    out = []
    for at in (0.25 * (len(x) - 1), 0.5 * (len(x) - 1), 0.75 * (len(x) - 1)):
        k = min(int(at), len(x) - 2)
        out.append(x[k] + (x[k + 1] - x[k]) * (at - k))
    return out


@dataclass
class Far:
    name: tuple[str, int]
    flow: int
    last: int
    size: float
    off: float = 0.0
    calls: int = 1
    gaps: list[float] = field(default_factory=list)


class Agent:
    """What is known of one agent: ten places for far sides, None where free."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.places: list[Far | None] = [None] * PLACES

    def see(self, r: dict[str, Any]) -> float:
        """What is known of this agent after this row, in nats."""
        s = self.settings
        if r["place"] != codes.EXTERNAL or r["direction"] == codes.INBOUND or r["final"] == codes.NO:
            return 0.0
        if r["proto"] == codes.ICMP:
            return 0.0
        start = r["ts"] - max(0, r["duration"])
        name = (r["dst"], r["dst_port"])
        sent = -1.0 if math.isnan(r["src_bytes"]) else r["src_bytes"]
        far = next((c for c in self.places if c is not None and c.name == name), None)
        if far is None:
            ranks = [(0, 0) if c is None else (c.calls, c.last) for c in self.places]
            self.places[ranks.index(min(ranks))] = Far(name, r["flow_id"], start, short(sent))
            return 0.0
        gap = (start - far.last) / 1e6
        if gap < s.burst_s or far.flow == r["flow_id"]:
            return 0.0
        far.gaps.append(short(gap))
        far.flow, far.last = r["flow_id"], start
        far.calls += 1
        if sent >= 0.0:
            size = sent if far.size < 0.0 else far.size
            w = 1.0 / min(far.calls, KEPT)
            far.off = short(far.off + w * (abs(sent - size) - far.off))
            far.size = short(size + w * (sent - size))
        if far.calls - 1 < s.fewest:
            return 0.0
        low, median, high = quartiles(far.gaps[-KEPT:])
        spread = quartiles([short(abs(g - median)) for g in far.gaps[-KEPT:]])[1]
        even = 1.0 - abs(low + high - 2.0 * median) / (high - low) if high > low else 1.0
        close = max(0.0, 1.0 - spread / median)
        alike = max(0.0, 1.0 - far.off / far.size) if far.size > 0.0 else 1.0
        score = (2.0 * (0.5 * (even + close)) + alike + min(1.0, far.calls / ENOUGH)) / 4.0
        speaks, full = s.score
        return s.cap * min(1.0, max(0.0, (score - speaks) / (full - speaks)))


def strengths(rows: list[dict[str, Any]], settings: Settings) -> list[float]:
    """One strength for each row."""
    agents: dict[int, Agent] = {}
    return [agents.setdefault(r["agent"], Agent(settings)).see(r) for r in rows]
