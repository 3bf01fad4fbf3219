"""Distinct facts of one story, seen in one agent's commands: a bounded, fading sum.

A single harmless command proves little and is typed all day. What tells a story is that DIFFERENT facts of it come
together: what the machine is, who is on it, a file fetched from a bare address, made executable, run. So every fact
counts once while it is remembered, and the sum is a naive Bayes over facts with guards against long ordinary work:

```
 facts 0 .. 11   looks   looking around: capped together, and worn down by every ordinary command (Page 1954)
 facts 12 .. 30  acts    doing something: each counts, worn down slowly
 beyond a fact   excess  what the command itself says beyond its facts (a scan of 254 hosts, not of 12)
 of some facts   chain   facts that are more together than one by one: a file brought in, made executable, run
 of two looks    alone   two looks that explorers do not take, and no ordinary work beside them
```

             uname -a   w   history   ls   cd   wget http://203.0.113.5/x   chmod 777 x   ./x
     looks      0.4    3.2    5.2    4.9  4.6         4.6                       4.6       4.6
     alone       -      -     4.0    3.0  2.0         2.0                       2.0       2.0  (7 with looks)
     acts        -      -      -      -    -          1.6                       2.0       2.3
     excess      -      -      -      -    -          1.8                       2.7       3.0
     chain       -      -      -      -    -           -                        1.6       3.2

A command that acts and shows one fact more, and weighs that fact's nats more, never says less. One that only looks may:
what looks say beyond their nats and beside each other counts for commands that do nothing else, so with an act in the
same command up to `looks_cap` of it goes. (To keep it would take which part of a weight the looks are.)

Page, E. S. (1954), Continuous inspection schemes, Biometrika 41: a sum of log-likelihood ratios that is held at zero.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel

__all__ = ["FACTS", "LOOKS", "STATE", "WHY", "FactSettings", "step"]

FACTS: Final = 31
LOOKS: Final = 12

STATE: Final = np.dtype(
    [
        ("last", "i8"),  # µs, the latest event so far
        ("turned", "i8"),  # µs, when `now` was begun
        ("looks", "f8"),
        ("acts", "f8"),
        ("excess", "f8"),
        ("chain", "f8"),
        ("now", "u4"),  # facts seen since `turned`, one bit each
        ("before", "u4"),  # facts seen in the span before
        ("top", "u2"),  # 1/1000 nat, the weightiest command that only looked
        ("next", "u2"),  # and the next, of other facts
        ("work", "u1"),  # ordinary commands since `turned`
        ("started", "u1"),
    ]
)

WHY: Final = np.dtype(
    [
        ("own", "f8"),  # nats, what the command says by itself
        ("sum", "f8"),  # nats, with what was seen before it
        ("fact", "u4"),  # facts of this command
        ("seen", "u4"),  # facts remembered, these included
    ]
)


class FactSettings(msgspec.Struct, frozen=True):
    """What the five command detectors set; each gives its own defaults.

    Example:
        >>> len(FactSettings().nats) == FACTS
        True
    """

    half_life_s: Annotated[float, Meta(description="s until evidence counts half", gt=0)] = 1800.0
    cap: Annotated[float, Meta(description="nats, the most it may say", gt=0)] = 9.0
    nats: Annotated[
        tuple[float, ...],
        Meta(description="nats of each fact, in the order of the table FACTS", min_length=FACTS, max_length=FACTS),
    ] = (0.0,) * FACTS
    looks_cap: Annotated[float, Meta(description="nats, the most that looking around may say", ge=0)] = 4.0
    looks_wear: Annotated[float, Meta(description="nats that an ordinary command takes from looks", ge=0)] = 0.2
    looks_alone: Annotated[
        float,
        Meta(description="nats more for each nat by which two looks exceed `looks_light`, no work being beside", ge=0),
    ] = 0.0
    looks_light: Annotated[float, Meta(description="nats of a look that explorers show as well", ge=0)] = 0.0
    work: Annotated[int, Meta(description="ordinary commands from which looks are no longer alone", ge=1, le=100)] = 6
    acts_wear: Annotated[float, Meta(description="nats that an ordinary command takes from acts", ge=0)] = 0.02
    chain_first: Annotated[int, Meta(description="bits of the facts that may begin a chain (a file is brought in)")] = 0
    chain_weak: Annotated[int, Meta(description="bits of facts that may begin a chain and count half")] = 0
    chain_then: Annotated[int, Meta(description="bits of the facts that may go on with it (it is made executable)")] = 0
    chain_last: Annotated[int, Meta(description="bits of the facts that may end it (something is run)")] = 0
    chain_begun: Annotated[float, Meta(description="nats more when it was begun and gone on with", ge=0)] = 0.0
    chain_two: Annotated[float, Meta(description="nats more when a beginning and an end came together", ge=0)] = 0.0
    chain_three: Annotated[float, Meta(description="nats more when all three came together", ge=0)] = 0.0
    memory_s: Annotated[
        float, Meta(description="s, a fact counts again when it was not seen for one to two of these", gt=0)
    ] = 3600.0


@kernel
def step(
    ts: NDArray[np.int64],
    agent: NDArray[np.int32],
    weight: NDArray[np.float64],
    fact: NDArray[np.uint32],
    state: Any,
    settings: Any,
    strength: NDArray[np.float64],
    why: Any,
) -> None:
    """Walk command rows as `pipeline.detectors` lays down.

    >>> from pipeline.kernels.settings import record
    >>> settings = record(FactSettings(nats=(0.5,) * 12 + (2.0,) * 19))
    >>> state, out, why = np.zeros(1, STATE), np.zeros(3), np.zeros(3, WHY)
    >>> facts = np.array([1 << 12, 1 << 13, 1 << 12], np.uint32)
    >>> step(np.zeros(3, np.int64), np.zeros(3, np.int32), np.full(3, 2.0), facts, state, settings, out, why)
    >>> out.tolist()
    [2.0, 4.0, 4.0]
    """
    half_life = settings[0]["half_life_s"] * 1e6
    memory = settings[0]["memory_s"] * 1e6
    cap = settings[0]["cap"]
    looks_cap = settings[0]["looks_cap"]
    looks_wear = settings[0]["looks_wear"]
    alone = settings[0]["looks_alone"]
    light = settings[0]["looks_light"]
    enough = settings[0]["work"]
    acts_wear = settings[0]["acts_wear"]
    first = settings[0]["chain_first"]
    weak = settings[0]["chain_weak"]
    then = settings[0]["chain_then"]
    last = settings[0]["chain_last"]
    for i in range(ts.size):
        a = agent[i]
        if state[a]["started"] == 0:
            state[a]["started"] = 1
            state[a]["last"] = ts[i]
            state[a]["turned"] = ts[i]
        gone = ts[i] - state[a]["last"]
        if gone > 0:
            fade = math.exp2(-gone / half_life)
            state[a]["last"] = ts[i]
            state[a]["looks"] *= fade
            state[a]["acts"] *= fade
            state[a]["excess"] *= fade
            state[a]["chain"] *= fade
            state[a]["top"] = round(state[a]["top"] * fade)
            state[a]["next"] = round(state[a]["next"] * fade)
        since = ts[i] - state[a]["turned"]
        if since > memory:
            state[a]["before"] = state[a]["now"] if since <= 2.0 * memory else 0
            state[a]["now"] = 0
            state[a]["turned"] = ts[i]
            state[a]["work"] = 0
        facts = np.int64(fact[i])
        if facts == 0:
            state[a]["looks"] = max(0.0, state[a]["looks"] - looks_wear)
            state[a]["acts"] = max(0.0, state[a]["acts"] - acts_wear)
            state[a]["work"] = min(state[a]["work"] + 1, enough)
            continue
        seen = np.int64(state[a]["now"]) | np.int64(state[a]["before"])
        known = 0.0
        looks = state[a]["looks"]
        acts = state[a]["acts"]
        for k in range(FACTS):
            if (facts >> k) & 1:
                nats = settings[0]["nats"][k]
                known += nats
                if not (seen >> k) & 1:
                    if k < LOOKS:
                        looks += nats
                    else:
                        acts += nats
        state[a]["acts"] = min(acts, cap)
        beyond = weight[i] - known
        if facts >> LOOKS == 0:
            top = state[a]["top"] / 1000.0
            if facts & ~seen:
                looks += max(0.0, beyond)
                state[a]["next"] = round(1000.0 * min(top, max(weight[i], state[a]["next"] / 1000.0)))
            elif weight[i] > top:
                looks += weight[i] - top
            state[a]["top"] = round(1000.0 * max(top, min(weight[i], 60.0)))
        elif facts & ~seen:
            state[a]["excess"] = min(cap, state[a]["excess"] + max(0.0, beyond))
        else:
            state[a]["excess"] = max(state[a]["excess"], beyond)
        state[a]["looks"] = min(looks, looks_cap)
        state[a]["now"] = np.int64(state[a]["now"]) | facts
        seen |= facts
        if facts & (first | weak | then | last) and seen & (first | weak) and seen & (then | last):
            more = settings[0]["chain_begun"]
            if seen & last:
                more = settings[0]["chain_three"] if seen & then else settings[0]["chain_two"]
            if not seen & first:
                more *= 0.5
            state[a]["chain"] = max(state[a]["chain"], more)
        looks = state[a]["looks"]
        beside = min(looks, state[a]["next"] / 1000.0) - light
        if beside > 0.0:
            looks += alone * beside * (enough - state[a]["work"]) / enough
        total = min(looks_cap, looks) + state[a]["acts"] + state[a]["excess"] + state[a]["chain"]
        strength[i] = min(cap, max(total, weight[i]))
        why[i]["own"] = weight[i]
        why[i]["sum"] = strength[i]
        why[i]["fact"] = facts
        why[i]["seen"] = seen
