"""The score of one agent, from all that was ever said of it: no fold, no state, everything looked at anew each time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.risk import Settings

DAY = 86_400_000_000


@dataclass
class Said:
    """One event: when (µs), of which kind, what each detector said of it (nats), which places it names or reaches."""

    ts: int
    kind: int
    strengths: dict[int, float] = field(default_factory=dict)
    places: tuple[int, ...] = ()


def since_last_silence(history: Iterable[Said]) -> list[Said]:
    """The part of a history that counts: what came since the agent was last silent for a day."""
    kept: list[Said] = []
    for event in history:
        if kept and event.ts - max(e.ts for e in kept) > DAY:
            kept = []
        kept.append(event)
    return kept


def faded(strength: float, ts: int, now: int, half_life_ms: int) -> float:
    key = round(4096 * math.log2(strength)) * half_life_ms + (ts // 1000) * 4096
    left = math.exp2((key - (now // 1000) * 4096) / (4096 * half_life_ms))
    return left if left >= 0.05 else 0.0


def silence(history: list[Said], now: int, quiet: Any) -> float:
    said = 0.0
    for kind in range(3):
        times = [e.ts for e in history if e.kind == kind]
        if len(times) < 5:
            continue
        gap = (now - max(times)) * 1e-6
        bound = max(quiet.after_s, quiet.gaps * ((max(times) - min(times)) * 1e-6 / (len(times) - 1)))
        if gap > bound:
            said = max(said, quiet.cap * (1.0 - bound / gap))
    return said


def terms(
    history: list[Said], kinds: list[int], stories: list[int], half_lives: list[int], settings: Settings, quiet: Any
) -> list[float]:
    """Nats of each detector, of agreement and of silence."""
    now = max(e.ts for e in history)
    spoke = [[(e.strengths[d], e.ts) for e in history if d in e.strengths] for d in range(len(kinds))]
    live = [max((faded(s, t, now, half_lives[d]) for s, t in spoke[d]), default=0.0) for d in range(len(kinds))]
    out = [0.0] * len(kinds)
    for kind in range(3):
        mine = [d for d in range(len(kinds)) if kinds[d] == kind]
        top = max(mine, key=lambda d: (live[d], -d), default=None)
        together = 0.0
        for d in mine:
            out[d] = live[d] if d == top else settings.others * live[d]
            together += out[d]
        if together > settings.modality_cap:
            for d in mine:
                out[d] *= settings.modality_cap / together
    return [*out, agreement(history, kinds, stories, live, spoke, settings), silence(history, now, quiet)]


def agreement(
    history: list[Said],
    kinds: list[int],
    stories: list[int],
    live: list[float],
    spoke: list[list[tuple[float, int]]],
    settings: Settings,
) -> float:
    named = {p for e in history if e.kind == 2 and e.strengths for p in e.places}
    reached = {p for e in history if e.kind == 0 and e.strengths for p in e.places}
    total = 0.0
    for one, other in ((0, 1), (0, 2), (1, 2)):
        best = 0.0
        for d in range(len(kinds)):
            for e in range(len(kinds)):
                if (kinds[d], kinds[e]) != (one, other) or not live[d] or not live[e]:
                    continue
                share = settings.agreement_story if stories[d] == stories[e] else settings.agreement_other
                if (one, other) == (0, 2):
                    share += settings.agreement_place if named & reached else 0.0
                begun, ended = min(t for _, t in spoke[d]), max(t for _, t in spoke[d])
                begun2, ended2 = min(t for _, t in spoke[e]), max(t for _, t in spoke[e])
                apart = max(0, begun - ended2, begun2 - ended)
                best = max(best, share * min(live[d], live[e]) * math.exp2(-(apart * 1e-6) / settings.agreement_half_s))
        total += best
    return min(total, settings.agreement_cap)


def logit(prior: float, all_terms: list[float]) -> float:
    total = prior
    for term in all_terms:
        total += term
    return total
