"""Evidence of one agent -> one score: a fold that order cannot change.

For each detector the largest strength is kept, fading with event time. What is kept is one integer,

    key = round(4096 * log2(strength)) * half_life_ms + 4096 * t_ms

because the strength faded to a moment `now` is 2 ** ((key - 4096 * now_ms) / (4096 * half_life_ms)): the largest key
is the largest faded strength at every later moment. Integers compare exactly, so evidence that comes late, twice or
in another interleaving of the three streams gives the same score to the last bit, and so does a recording shifted in
time.

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
from pipeline.events.codes import COMMAND, FLOW, GPU, KINDS
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import kernel

STEPS = 4096
FADED = 0.05
"""Nats below which a strength is said to be gone."""

PLACES = 8
"""Named places that are remembered of an agent's commands, and as many of its flows."""

FORGET_US = 86_400_000_000
"""An agent that has not been heard for a day is taken for a new one: no window is longer, and all evidence has
faded. Streams that run apart by more than that are not order-free."""

LEVELS = (50, 70, 90)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How evidence becomes a score."""

    prior: Annotated[
        float,
        Meta(
            ge=-20,
            le=0,
            description="nats; -5.3 is 1 agent in 200: the rate of misbehaving "
            "episodes to be expected, and the distance that evidence has to make up for a score of 50",
        ),
    ] = -5.3
    others: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share at which detectors beside the strongest of a modality "
            "count: they look at the same events, so they are not independent",
        ),
    ] = 0.5
    modality_cap: Annotated[
        float, Meta(gt=0, le=30, description="nats that one modality can say at most: a sensor can be wrong as a whole")
    ] = 9.0
    agreement_story: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of the weaker of two strengths of one story in two "
            "modalities that is added for their agreement",
        ),
    ] = 0.4
    agreement_other: Annotated[float, Meta(ge=0, le=1, description="the same for two different stories")] = 0.15
    agreement_place: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="the same, further, where a command names the very place that a flow of evidence reaches",
        ),
    ] = 0.3
    agreement_half_s: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="seconds between two stretches of evidence at which "
            "their agreement counts half: a session may be seen minutes after its command",
        ),
    ] = 900.0
    agreement_cap: Annotated[float, Meta(ge=0, le=10, description="nats that agreement adds at most")] = 4.0
    evidence_floor: Annotated[
        float, Meta(gt=0, le=5, description="nats from which a strength is written down as evidence")
    ] = 0.5
    evidence_step: Annotated[
        float,
        Meta(
            gt=0,
            le=5,
            description="nats by which a strength must exceed what is known already to be written down again",
        ),
    ] = 0.5
    score_step: Annotated[float, Meta(gt=0, le=50, description="points by which a score must change to be written")] = (
        1.0
    )


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


STATE = np.dtype(
    [
        ("now", "i8"),
        ("first", "i8", (3,)),
        ("last", "i8", (3,)),
        ("count", "i8", (3,)),
        ("score", "f8"),
        ("run", "i4"),
        ("episode", "i4"),
        ("known", "i4"),
        ("peak", "f8"),
        ("peak_ts", "i8"),
    ],
    align=True,
)
"""What every event touches of an agent's state, two lines of a processor's cache. Times are µs + 1, 0 = never; a fresh
row is all zeros. `known` is 1 from when a detector spoke of the agent."""


def suspicion(detectors: int) -> np.dtype[Any]:
    """The rest of an agent's state: all zeros, and so in no memory yet, until a detector speaks of the agent."""
    return np.dtype(
        [
            ("key", "i8", (detectors,)),
            ("begun", "i8", (detectors,)),
            ("ended", "i8", (detectors,)),
            ("told", "i8", (detectors,)),
            ("proof_ts", "i8", (detectors,)),
            ("named", "u8", (2, PLACES)),
            ("named_key", "i8", (2, PLACES)),
            ("peak_terms", "f8", (detectors + 2,)),
            ("proofs", "i4", (detectors,)),
        ],
        align=True,
    )


@kernel
def forget(own: Any, held: Any) -> None:
    """Begin afresh with an agent not heard for a day; only its last score stays, so that a change is seen."""
    own["now"] = 0
    own["peak"] = 0.0
    for k in range(len(KINDS)):
        own["first"][k] = 0
        own["last"][k] = 0
        own["count"][k] = 0
    if own["known"] == 0:
        return
    own["known"] = 0
    for d in range(len(held["key"])):
        held["key"][d] = 0
        held["told"][d] = 0
        held["begun"][d] = 0
        held["ended"][d] = 0
    for side in range(2):
        for i in range(PLACES):
            held["named"][side, i] = 0
            held["named_key"][side, i] = 0


@kernel
def key_of(strength: float, ts: int, half_life_ms: int) -> int:
    """A strength at a moment as one integer that orders strengths by what is left of them later."""
    return round(STEPS * math.log2(strength)) * half_life_ms + (ts // 1000) * STEPS


@kernel
def faded(key: int, now: int, half_life_ms: int) -> float:
    """What is left at `now` (µs) of the strength that a key stands for, in nats."""
    left = math.exp2((key - (now // 1000) * STEPS) / (STEPS * half_life_ms))
    return left if left >= FADED else 0.0


@kernel
def remember_place(named: NDArray[np.uint64], keys: NDArray[np.int64], place: np.uint64, key: int) -> None:
    """Keep a place among the strongest few of a side; each place once, with its largest key."""
    for i in range(PLACES):
        if named[i] == place or named[i] == 0:
            keys[i] = key if named[i] == 0 else max(key, keys[i])
            named[i] = place
            return
    weakest = 0
    for i in range(1, PLACES):
        if keys[i] < keys[weakest] or (keys[i] == keys[weakest] and named[i] < named[weakest]):
            weakest = i
    if key > keys[weakest] or (key == keys[weakest] and place > named[weakest]):
        named[weakest] = place
        keys[weakest] = key


@kernel
def same_place(named: NDArray[np.uint64]) -> bool:
    """Whether a place that a command of evidence named is one that a flow of evidence reached."""
    for i in range(PLACES):
        if named[0, i] != 0:
            for j in range(PLACES):
                if named[1, j] == named[0, i]:
                    return True
    return False


@kernel
def agreement(held: Any, live: NDArray[np.float64], panel: Panel, settings: Any) -> float:
    """Nats for evidence of two modalities close in time: for each pair of modalities the best pair of detectors."""
    begun, ended = held["begun"], held["ended"]
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
                            placed = settings["agreement_place"] if same_place(held["named"]) else 0.0
                        share += placed
                    apart = max(0, begun[d] - ended[e], begun[e] - ended[d])
                    close = math.exp2(-(apart * 1e-6) / settings["agreement_half_s"])
                    best = max(best, share * min(live[d], live[e]) * close)
            total += best
    capped: float = min(total, settings["agreement_cap"])
    return capped


@kernel
def weigh(
    own: Any,
    held: Any,
    panel: Panel,
    settings: Any,
    quiet: Any,
    live: NDArray[np.float64],
    terms: NDArray[np.float64],
) -> float:
    """Fill `terms` with nats (each detector, agreement, silence) as of the newest event; their sum with the prior."""
    now = own["now"] - 1
    detectors = len(live)
    modalities = 0
    for d in range(detectors):
        terms[d] = live[d] = 0.0
        if own["known"] != 0 and held["begun"][d] != 0:
            terms[d] = live[d] = faded(held["key"][d], now, panel.half_life_ms[d])
        if live[d] > 0.0:
            modalities |= 1 << panel.kind[d]
    for k in range(len(KINDS)):
        if not modalities >> k & 1:
            continue
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
    terms[detectors] = agreement(held, live, panel, settings) if modalities & (modalities - 1) else 0.0
    terms[detectors + 1] = silence(own["first"], own["last"], own["count"], own["now"], quiet)
    logit: float = settings["prior"]
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
    suspicions: NDArray[np.void],
    panel: Panel,
    many: NDArray[np.void],
    hushed: NDArray[np.void],
    wanted: Wanted,
    counts: NDArray[np.int64],
) -> int:
    """Fold rows from `begin` on into the agents' states, in their order; the row at which room ran out, or the end.

    kind, row   the order: which kind, and which row of its part
    agent, ts   int64[n] in that order
    run         int64[n, 2] run and episode of the row, -1 not said
    strengths   float64[detectors, rows of the longest part], nats, by row of the part
    reached     uint64[flows, 2], hashes of the far side of each flow, 0 none
    named       uint64[commands, 2], hashes of the places that a command names, 0 none
    state       STATE of each agent, and `suspicions`
    many        structured[1], this module's Settings; `hushed` those of the detector of silence
    counts      int64[2]: scores and evidence written
    """
    settings, quiet = many[0], hushed[0]
    detectors = len(panel.kind)
    live = np.zeros(detectors)
    terms = np.zeros(detectors + 2)
    lowest, beyond = np.zeros(len(KINDS), np.int64), np.zeros(len(KINDS), np.int64)
    for d in range(detectors - 1, -1, -1):
        lowest[panel.kind[d]] = d
        beyond[panel.kind[d]] = max(d + 1, beyond[panel.kind[d]])
    scores, proofs = 0, 0
    for i in range(begin, len(kind)):
        if scores >= len(wanted.score_at) or proofs + detectors > len(wanted.proof_at):
            counts[0], counts[1] = scores, proofs
            return i
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        own, held = state[agent[i]], suspicions[agent[i]]
        k = kind[i]
        at = ts[i] + 1
        if own["now"] != 0 and at - own["now"] > FORGET_US:
            forget(own, held)
        first, last, count = own["first"], own["last"], own["count"]
        own["now"] = max(at, own["now"])
        if count[k] == 0 or at < first[k]:
            first[k] = at
        last[k] = max(at, last[k])
        count[k] += 1
        if run[i, 0] >= 0:
            own["run"] = run[i, 0] + 1
        if run[i, 1] >= 0:
            own["episode"] = run[i, 1] + 1
        for d in range(lowest[k], beyond[k]):
            strength = strengths[d, row[i]]
            if strength <= 0.0 or panel.kind[d] != k:
                continue
            keys, begun, ended, told = held["key"], held["begun"], held["ended"], held["told"]
            half = panel.half_life_ms[d]
            key = key_of(strength, ts[i], half)
            new = begun[d] == 0
            known = 0.0 if new or told[d] == 0 else faded(told[d], ts[i], half)
            if new or at < begun[d]:
                begun[d] = at
            ended[d] = max(at, ended[d])
            if new or key > keys[d]:
                keys[d] = key
            own["known"] = 1
            if strength >= settings["evidence_floor"] and strength >= known + settings["evidence_step"]:
                told[d] = key
                held["proofs"][d] += 1
                held["proof_ts"][d] = at
                wanted.proof_at[proofs] = i
                wanted.proof_detector[proofs] = d
                wanted.proof_count[proofs] = held["proofs"][d]
                wanted.proof_run[proofs, 0] = own["run"] - 1
                wanted.proof_run[proofs, 1] = own["episode"] - 1
                proofs += 1
            if k != GPU:
                places, side = (named, 0) if k == COMMAND else (reached, 1)
                for p in range(2):
                    if places[row[i], p] != 0:
                        remember_place(held["named"][side], held["named_key"][side], places[row[i], p], key)
        first_row = own["score"] == 0.0
        if not first_row and own["known"] == 0:
            continue
        logit = weigh(own, held, panel, settings, quiet, live, terms)
        score = 100.0 / (1.0 + math.exp(-logit))
        if score > own["peak"]:
            own["peak"] = score
            own["peak_ts"] = own["now"]
            for t in range(detectors + 2):
                if held["peak_terms"][t] != terms[t]:
                    held["peak_terms"][t] = terms[t]
        if (
            first_row
            or abs(score - own["score"]) >= settings["score_step"]
            or level_of(score) != level_of(own["score"])
        ):
            own["score"] = score
            wanted.score_at[scores] = i
            wanted.score_value[scores, 0] = score
            wanted.score_value[scores, 1] = logit
            for t in range(detectors + 2):
                wanted.score_terms[scores, t] = terms[t]
            for j in range(len(KINDS)):
                wanted.score_last[scores, j] = last[j]
            wanted.score_run[scores, 0] = own["run"] - 1
            wanted.score_run[scores, 1] = own["episode"] - 1
            for d in range(detectors):
                wanted.score_proofs[scores, d, 0] = held["proofs"][d]
                wanted.score_proofs[scores, d, 1] = held["proof_ts"][d]
            scores += 1
    counts[0], counts[1] = scores, proofs
    return len(kind)
