"""Slow twin of kernels/facts.py: one agent at a time, facts as names in dicts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.kernels.facts import FactSettings


class Row(NamedTuple):
    """One command: µs, nats, facts as a mask."""

    ts: int
    agent: int
    weight: float
    fact: int


@dataclass
class Agent:
    last: int
    turned: int
    looks: float = 0.0
    acts: float = 0.0
    excess: float = 0.0
    chain: float = 0.0
    top: int = 0
    next: int = 0
    work: int = 0
    now: set[int] = field(default_factory=set)
    before: set[int] = field(default_factory=set)


def bits(mask: int) -> set[int]:
    return {k for k in range(31) if mask & (1 << k)}


def feed(a: Agent, row: Row, s: FactSettings) -> float:
    if row.ts > a.last:
        fade = math.exp2(-(row.ts - a.last) / (s.half_life_s * 1e6))
        a.looks, a.acts, a.excess, a.chain = a.looks * fade, a.acts * fade, a.excess * fade, a.chain * fade
        a.top, a.next = round(a.top * fade), round(a.next * fade)
        a.last = row.ts
    if row.ts - a.turned > s.memory_s * 1e6:
        a.before = a.now if row.ts - a.turned <= 2.0 * (s.memory_s * 1e6) else set()
        a.now = set()
        a.turned = row.ts
        a.work = 0
    shown = bits(row.fact)
    if not shown:
        a.looks = max(0.0, a.looks - s.looks_wear)
        a.acts = max(0.0, a.acts - s.acts_wear)
        a.work = min(a.work + 1, s.work)
        return 0.0
    remembered = a.now | a.before
    known = 0.0
    for k in sorted(shown):
        known += s.nats[k]
        if k in remembered:
            continue
        if k < 12:
            a.looks += s.nats[k]
        else:
            a.acts += s.nats[k]
    a.acts = min(a.acts, s.cap)
    beyond = row.weight - known
    if max(shown) < 12:
        if shown - remembered:
            a.looks += max(0.0, beyond)
            a.next = round(1000.0 * min(a.top / 1000.0, max(row.weight, a.next / 1000.0)))
        elif row.weight > a.top / 1000.0:
            a.looks += row.weight - a.top / 1000.0
        a.top = round(1000.0 * max(a.top / 1000.0, row.weight))
    elif shown - remembered:
        a.excess = min(s.cap, a.excess + max(0.0, beyond))
    else:
        a.excess = max(a.excess, beyond)
    a.looks = min(a.looks, s.looks_cap)
    a.now |= shown
    everything = remembered | shown
    first, weak, then, last = map(bits, (s.chain_first, s.chain_weak, s.chain_then, s.chain_last))
    begun, gone_on, ended = bool(everything & (first | weak)), bool(everything & then), bool(everything & last)
    if shown & (first | weak | then | last) and begun and (gone_on or ended):
        more = (s.chain_three if gone_on else s.chain_two) if ended else s.chain_begun
        a.chain = max(a.chain, more if everything & first else more * 0.5)
    beside = max(0.0, min(a.looks, a.next / 1000.0) - s.looks_light)
    looks = a.looks + s.looks_alone * beside * (s.work - a.work) / s.work
    return min(s.cap, max(min(s.looks_cap, looks) + a.acts + a.excess + a.chain, row.weight))


def strengths(rows: list[Row], s: FactSettings) -> list[float]:
    """The strength after each row."""
    agents: dict[int, Agent] = {}
    out = []
    for row in rows:
        agent = agents.setdefault(row.agent, Agent(row.ts, row.ts))
        out.append(feed(agent, row, s))
    return out
