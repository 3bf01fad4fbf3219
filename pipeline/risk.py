"""Evidence of one agent -> one score: a fold that order cannot change.

For each detector the largest strength is kept, fading with event time. What is kept is one integer,

    key = round(4096 * log2(strength)) * half_life_ms + 4096 * t_ms

because the strength faded to a moment `now` is 2 ** ((key - 4096 * now_ms) / (4096 * half_life_ms)): the largest key is the largest
faded strength at every later moment. Integers compare exactly, so evidence that comes late, twice or in another
interleaving of the three streams gives the same score to the last bit, and so does a recording shifted in time.

    logit = prior                                              what is known of an agent that has done nothing yet
          + for each modality: the strongest detector whole, the others in part, together at most `modality_cap`
          + agreement: evidence of two modalities that are close in time, more so of one story or of one named place
          + silence: a modality that stopped while another goes on
    score = 100 / (1 + exp(-logit))

Likelihood ratios are added after Gu, Cardenas and Lee (AsiaCCS 2008); the sum of weights of evidence is Good's (1950).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.detectors.silence import silence
from pipeline.events.codes import COMMAND, FLOW, KINDS
from pipeline.kernels.compiled import kernel

STEPS = 4096
FADED = 0.05
"""Nats below which a strength is said to be gone."""

PLACES = 8
"""Named places that are remembered of an agent's commands, and as many of its flows."""

FORGET_US = 86_400_000_000
"""An agent that has not been heard for a day is taken for a new one: no window is longer, and all evidence has faded. Streams that
run apart by more than that are not order-free."""

LEVELS = (50, 70, 90)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How evidence becomes a score."""

    prior: Annotated[float, Meta(ge=-20, le=0, description="nats; -5.3 is 1 agent in 200: the rate of misbehaving "
                                 "episodes to be expected, and the distance that evidence has to make up for a score of 50")] = -5.3
    others: Annotated[float, Meta(ge=0, le=1, description="share at which detectors beside the strongest of a modality "
                                  "count: they look at the same events, so they are not independent")] = 0.5
    modality_cap: Annotated[float, Meta(gt=0, le=30, description="nats that one modality can say at most: a sensor can be "
                                        "wrong as a whole")] = 9.0
    agreement_story: Annotated[float, Meta(ge=0, le=1, description="share of the weaker of two strengths of one story in two "
                                           "modalities that is added for their agreement")] = 0.4
    agreement_other: Annotated[float, Meta(ge=0, le=1, description="the same for two different stories")] = 0.15
    agreement_place: Annotated[float, Meta(ge=0, le=1, description="the same, further, where a command names the very place "
                                           "that a flow of evidence reaches")] = 0.3
    agreement_half_s: Annotated[float, Meta(gt=0, le=86400, description="seconds between two stretches of evidence at which "
                                            "their agreement counts half: a session may be seen minutes after its command")] = 900.0
    agreement_cap: Annotated[float, Meta(ge=0, le=10, description="nats that agreement adds at most")] = 4.0
    evidence_floor: Annotated[float, Meta(gt=0, le=5, description="nats from which a strength is written down as evidence")] = 0.5
    evidence_step: Annotated[float, Meta(gt=0, le=5, description="nats by which a strength must exceed what is known "
                                         "already to be written down again")] = 0.5
    score_step: Annotated[float, Meta(gt=0, le=50, description="points by which a score must change to be written")] = 1.0


class Panel(NamedTuple):
    """The detectors as the fold sees them, in their order.

    kind, story   int64[detectors]
    half_life_ms  int64[detectors]
    """

    kind: NDArray[np.int64]
    story: NDArray[np.int64]
    half_life_ms: NDArray[np.int64]


class Wanted(NamedTuple):
    """What the fold writes, with room for at most one score a row and one evidence a row and detector.

    score_at      int64[room], which row of the order; the others belong to it
    score_value   float64[room, 2]: score, logit
    score_terms   float64[room, detectors + 2]: nats of each detector, agreement, silence
    score_last    int64[room, 3]: newest event of each kind, µs + 1, 0 = none yet
    score_run     int64[room, 2]: run and episode known at that row, -1 none
    score_proofs  int64[room, detectors, 2]: of each detector how many pieces of evidence so far, and µs + 1 of the last
    proof_at      int64[room], which row; proof_detector which detector; proof_count the how manieth of that detector
    proof_run     int64[room, 2], as score_run
    """

    score_at: NDArray[np.int64]
    score_value: NDArray[np.float64]
    score_terms: NDArray[np.float64]
    score_last: NDArray[np.int64]
    score_run: NDArray[np.int64]
    score_proofs: NDArray[np.int64]
    proof_at: NDArray[np.int64]
    proof_detector: NDArray[np.int64]
    proof_count: NDArray[np.int64]
    proof_run: NDArray[np.int64]


def state(detectors: int) -> np.dtype[Any]:
    """The state of one agent. Times are µs + 1, 0 = never; a fresh row is all zeros."""
    return np.dtype([
        ("now", "i8"),
        ("first", "i8", (3,)), ("last", "i8", (3,)), ("count", "i8", (3,)),
        ("key", "i8", (detectors,)), ("begun", "i8", (detectors,)), ("ended", "i8", (detectors,)),
        ("proofs", "i8", (detectors,)), ("proof_ts", "i8", (detectors,)), ("told", "i8", (detectors,)),
        ("named", "u8", (2, PLACES)), ("named_key", "i8", (2, PLACES)),
        ("score", "f8"), ("peak", "f8"), ("peak_ts", "i8"), ("peak_terms", "f8", (detectors + 2,)),
        ("run", "i8"), ("episode", "i8"),
        ("known", "i1"),
    ])


@kernel
def forget(state: Any, a: int) -> None:
    """Begin afresh with an agent that has not been heard for a day; only its last score stays, so that a change is seen."""
    state[a]["now"] = 0
    state[a]["known"] = 0
    state[a]["peak"] = 0.0
    for k in range(len(KINDS)):
        state[a]["first"][k] = 0
        state[a]["last"][k] = 0
        state[a]["count"][k] = 0
    for d in range(len(state[a]["key"])):
        state[a]["key"][d] = 0
        state[a]["told"][d] = 0
        state[a]["begun"][d] = 0
        state[a]["ended"][d] = 0
    for side in range(2):
        for i in range(PLACES):
            state[a]["named"][side, i] = 0
            state[a]["named_key"][side, i] = 0


@kernel
def key_of(strength: float, ts: int, half_life_ms: int) -> int:
    """A strength at a moment as one integer that orders strengths by what is left of them later."""
    return round(STEPS * math.log2(strength)) * half_life_ms + (ts // 1000) * STEPS


@kernel
def faded(key: int, now: int, half_life_ms: int) -> float:
    """What is left at `now` (µs) of the strength that a key stands for, in nats."""
    left = 2.0 ** ((key - (now // 1000) * STEPS) / (STEPS * half_life_ms))
    return left if left >= FADED else 0.0


@kernel
def remember_place(state: Any, a: int, side: int, place: np.uint64, key: int) -> None:
    """Keep a place among the strongest few of a side (0 commands, 1 flows); each place once, with its largest key."""
    for i in range(PLACES):
        held = state[a]["named"][side, i]
        if held == place or held == 0:
            state[a]["named"][side, i] = place
            state[a]["named_key"][side, i] = key if held == 0 else max(key, state[a]["named_key"][side, i])
            return
    weakest = 0
    for i in range(1, PLACES):
        held_key, least = state[a]["named_key"][side, i], state[a]["named_key"][side, weakest]
        if held_key < least or (held_key == least and state[a]["named"][side, i] < state[a]["named"][side, weakest]):
            weakest = i
    held_key = state[a]["named_key"][side, weakest]
    if key > held_key or (key == held_key and place > state[a]["named"][side, weakest]):
        state[a]["named"][side, weakest] = place
        state[a]["named_key"][side, weakest] = key


@kernel
def same_place(state: Any, a: int) -> bool:
    """Whether a place that a command of evidence named is one that a flow of evidence reached."""
    for i in range(PLACES):
        place = state[a]["named"][0, i]
        if place != 0:
            for j in range(PLACES):
                if state[a]["named"][1, j] == place:
                    return True
    return False


@kernel
def agreement(state: Any, a: int, live: NDArray[np.float64], panel: Panel, settings: Any) -> float:
    """Nats for evidence of two modalities that is close in time: for each pair of modalities the best pair of detectors."""
    total = 0.0
    placed = -1.0
    for one in range(len(KINDS)):
        for other in range(one + 1, len(KINDS)):
            best = 0.0
            for d in range(len(live)):
                if panel.kind[d] != one or live[d] == 0.0:
                    continue
                for e in range(len(live)):
                    if panel.kind[e] != other or live[e] == 0.0:
                        continue
                    share = settings["agreement_other"]
                    if panel.story[d] == panel.story[e]:
                        share = settings["agreement_story"]
                    if one == FLOW and other == COMMAND:
                        if placed < 0.0:
                            placed = settings["agreement_place"] if same_place(state, a) else 0.0
                        share += placed
                    apart = max(0, state[a]["begun"][d] - state[a]["ended"][e], state[a]["begun"][e] - state[a]["ended"][d])
                    close = 2.0 ** (-(apart * 1e-6) / settings["agreement_half_s"])
                    best = max(best, share * min(live[d], live[e]) * close)
            total += best
    return min(total, settings["agreement_cap"])


@kernel
def weigh(
    state: Any, a: int, panel: Panel, settings: Any, quiet: Any, live: NDArray[np.float64], terms: NDArray[np.float64]
) -> float:
    """Fill `terms` with nats (each detector, agreement, silence) as of the agent's newest event; their sum with the prior."""
    now = state[a]["now"] - 1
    detectors = len(live)
    for d in range(detectors):
        live[d] = 0.0
        if state[a]["begun"][d] != 0:
            live[d] = faded(state[a]["key"][d], now, panel.half_life_ms[d])
    for k in range(len(KINDS)):
        strongest = -1
        together = 0.0
        for d in range(detectors):
            if panel.kind[d] == k and live[d] > 0.0 and (strongest < 0 or live[d] > live[strongest]):
                strongest = d
        for d in range(detectors):
            if panel.kind[d] == k:
                terms[d] = live[d] if d == strongest else settings["others"] * live[d]
                together += terms[d]
        if together > settings["modality_cap"]:
            for d in range(detectors):
                if panel.kind[d] == k:
                    terms[d] *= settings["modality_cap"] / together
    terms[detectors] = agreement(state, a, live, panel, settings)
    terms[detectors + 1] = silence(state[a]["first"], state[a]["last"], state[a]["count"], state[a]["now"], quiet)
    logit = settings["prior"]
    for t in range(detectors + 2):
        logit += terms[t]
    return logit


@kernel
def level_of(score: float) -> int:
    """The highest level that a score has reached: 0, 50, 70 or 90.

    >>> level_of(70.0)
    70
    """
    if score >= 90.0:
        return 90
    if score >= 70.0:
        return 70
    if score >= 50.0:
        return 50
    return 0


@kernel
def fold(
    begin: int,
    kind: NDArray[np.uint8],
    row: NDArray[np.int64],
    agent: NDArray[np.int64],
    ts: NDArray[np.int64],
    run: NDArray[np.int64],
    strengths: NDArray[np.float64],
    reached: NDArray[np.uint64],
    named: NDArray[np.uint64],
    state: NDArray[np.void],
    panel: Panel,
    many: NDArray[np.void],
    hushed: NDArray[np.void],
    wanted: Wanted,
    counts: NDArray[np.int64],
) -> int:
    """Fold rows from `begin` on into the agents' states, in their order; the row at which room ran out, or how many there are.

    kind, row   the order: which kind, and which row of its part
    agent, ts   int64[n] in that order
    run         int64[n, 2] run and episode of the row, -1 not said
    strengths   float64[detectors, rows of the longest part], nats, by row of the part
    reached     uint64[flows, 2], hashes of the far side of each flow; `named` uint64[commands, 2] of what a command names; 0 none
    many        structured[1], this module's Settings; `hushed` those of the detector of silence
    counts      int64[2]: scores and evidence written
    """
    settings, quiet = many[0], hushed[0]
    detectors = len(panel.kind)
    live = np.zeros(detectors)
    terms = np.zeros(detectors + 2)
    scores, proofs = 0, 0
    for i in range(begin, len(kind)):
        if scores >= len(wanted.score_at) or proofs + detectors > len(wanted.proof_at):
            counts[0], counts[1] = scores, proofs
            return i
        a = agent[i]
        k = kind[i]
        at = ts[i] + 1
        if state[a]["now"] != 0 and at - state[a]["now"] > FORGET_US:
            forget(state, a)
        if at > state[a]["now"]:
            state[a]["now"] = at
        if state[a]["count"][k] == 0 or at < state[a]["first"][k]:
            state[a]["first"][k] = at
        if at > state[a]["last"][k]:
            state[a]["last"][k] = at
        state[a]["count"][k] += 1
        if run[i, 0] >= 0:
            state[a]["run"] = run[i, 0] + 1
        if run[i, 1] >= 0:
            state[a]["episode"] = run[i, 1] + 1
        for d in range(detectors):
            if panel.kind[d] != k:
                continue
            strength = strengths[d, row[i]]
            if strength <= 0.0:
                continue
            half = panel.half_life_ms[d]
            key = key_of(strength, ts[i], half)
            new = state[a]["begun"][d] == 0
            known = 0.0 if new or state[a]["told"][d] == 0 else faded(state[a]["told"][d], ts[i], half)
            if new or at < state[a]["begun"][d]:
                state[a]["begun"][d] = at
            if at > state[a]["ended"][d]:
                state[a]["ended"][d] = at
            if new or key > state[a]["key"][d]:
                state[a]["key"][d] = key
            state[a]["known"] = 1
            if strength >= settings["evidence_floor"] and strength >= known + settings["evidence_step"]:
                state[a]["told"][d] = key
                state[a]["proofs"][d] += 1
                state[a]["proof_ts"][d] = at
                wanted.proof_at[proofs] = i
                wanted.proof_detector[proofs] = d
                wanted.proof_count[proofs] = state[a]["proofs"][d]
                wanted.proof_run[proofs, 0] = state[a]["run"] - 1
                wanted.proof_run[proofs, 1] = state[a]["episode"] - 1
                proofs += 1
            for p in range(2):
                if k == COMMAND and named[row[i], p] != 0:
                    remember_place(state, a, 0, named[row[i], p], key)
                if k == FLOW and reached[row[i], p] != 0:
                    remember_place(state, a, 1, reached[row[i], p], key)
        first_row = state[a]["score"] == 0.0
        if not first_row and state[a]["known"] == 0:
            continue
        logit = weigh(state, a, panel, settings, quiet, live, terms)
        score = 100.0 / (1.0 + math.exp(-logit))
        if score > state[a]["peak"]:
            state[a]["peak"] = score
            state[a]["peak_ts"] = state[a]["now"]
            for t in range(detectors + 2):
                state[a]["peak_terms"][t] = terms[t]
        if first_row or abs(score - state[a]["score"]) >= settings["score_step"] or level_of(score) != level_of(
            state[a]["score"]
        ):
            state[a]["score"] = score
            wanted.score_at[scores] = i
            wanted.score_value[scores, 0] = score
            wanted.score_value[scores, 1] = logit
            for t in range(detectors + 2):
                wanted.score_terms[scores, t] = terms[t]
            for j in range(len(KINDS)):
                wanted.score_last[scores, j] = state[a]["last"][j]
            wanted.score_run[scores, 0] = state[a]["run"] - 1
            wanted.score_run[scores, 1] = state[a]["episode"] - 1
            for d in range(detectors):
                wanted.score_proofs[scores, d, 0] = state[a]["proofs"][d]
                wanted.score_proofs[scores, d, 1] = state[a]["proof_ts"][d]
            scores += 1
    counts[0], counts[1] = scores, proofs
    return len(kind)
