"""Evenly spaced calls to one far side: a program that reports to someone, good or bad.

    calls    |      |      |       |      |      |          start to start, one far side (address and port)
    gaps        g      g       g      g      g              the last RING of them are kept

Four parts between 0 and 1, after RITA (Active Countermeasures, v5: Bowley skewness and median absolute deviation of the
gaps, the same of the sizes), and their mean:

    even     1 - |Bowley skewness of the gaps|        quartiles lie evenly about the median
    close    1 - median absolute deviation / median   gaps are alike
    alike    1 - mean absolute deviation / mean of what is sent, with forgetting
    filled   calls so far / ENOUGH

Metric pushers, clocks, update checks, long polls and push channels beacon just as well. On the development recordings
one of four infected hosts that call one far side seven times and more scores 0.92 and more (a refused control server
every 2 s), and three of eleven innocent agents do (a broker every 302 s, a certificate check, a long poll). By these
counts it is no evidence at all; the literature says otherwise where calls go on for hours. So it is weak by itself and
never says more than `cap`: it adds to what else is known of an agent. Far sides inside are left out, as in RITA:
schedulers and health checks live there. A long session is one call, however many records tell of it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import F64, I32, I64, U8, Flow
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.eight import SIZE, put_in_order
from pipeline.kernels.hashing import finish, mix

TITLE = "evenly spaced calls"
LOOKS_FOR = (
    "Calls to one far side outside, evenly spaced and alike, as programs make that report to someone. Weak by itself."
)
KIND = codes.FLOW
STORY = "tunnel"
ATTACK = ("T1071", "T1571", "T1029")

SLOTS = 10
"""Far sides under watch per agent."""

RING = SIZE
"""Gaps kept of each."""

ENOUGH = 12
"""Calls from which the number of them speaks no more."""

F32 = NDArray[np.float32]
INFINITE = np.float32(np.inf)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is even, and what that is worth."""

    # fmt: off
    half_life_s: Annotated[float, Meta(gt=0, description="seconds; beacons go on for hours")] = 3600.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most: innocent agents beacon too")] = 1.0
    burst_s: Annotated[float, Meta(
        ge=0, description="seconds within which several connections are one call, as browsers open them",
    )] = 2.0
    fewest: Annotated[int, Meta(
        ge=4, le=RING, description="gaps below which nothing is said; RITA asks for four calls")] = 6
    score: Annotated[tuple[float, float], Meta(description="mean of the four parts from which it speaks and at which "
                                               "it says all it can")] = (0.85, 0.98)
    # fmt: on


STATE = np.dtype([
    ("far", "u8", (SLOTS,)), ("flow", "u8", (SLOTS,)), ("last", "i8", (SLOTS,)), ("calls", "i4", (SLOTS,)),
    ("size", "f4", (SLOTS,)), ("off", "f4", (SLOTS,)), ("gap", "f4", (SLOTS, RING)),
])  # fmt: skip
"""The far sides under watch; `calls` 0 is a free slot.

far, flow  hashes of address and port and of the newest flow
last       µs, start of the newest call
size, off  mean of the bytes sent a call and of the distance from it; -1 unknown
gap        seconds, the last gaps; call n (from 1) wrote gap[(n - 1) % RING]
"""

WHY = np.dtype([("calls", "i4"), ("every_s", "f4"), ("spread_s", "f4"), ("score", "f4")])


@inlined
def ordered(values: F32, n: int, out: F32) -> None:
    """The first n values in order, the other places infinite."""
    for k in range(RING):
        out[k] = values[k] if k < n else INFINITE
    put_in_order(out)


@inlined
def middle(x: F32, n: int, quarter: int) -> float:
    """The quartile of n ordered values, 1 to 3, between neighbours in proportion (numpy's "linear")."""
    at = quarter * 0.25 * (n - 1)
    k = min(int(at), n - 2)
    below, above = np.float64(x[k]), np.float64(x[k + 1])
    return float(below + (above - below) * (at - k))


@inlined
def place_of(watch: Any, far: np.uint64) -> int:
    """The slot of a far side; where it has none, the one to give up: a free one, or of the fewest calls the oldest."""
    for k in range(SLOTS):
        if watch["far"][k] == far and watch["calls"][k] > 0:
            return k
    best = 0
    for k in range(1, SLOTS):
        fewer = watch["calls"][k] - watch["calls"][best]
        if fewer < 0 or (fewer == 0 and watch["last"][k] < watch["last"][best]):
            best = k
    return best


@inlined
def mean_of(even: float, close: float, alike: float, filled: float) -> float:
    """The mean of the four parts; none of them can rise and it fall."""
    return (2.0 * (0.5 * (even + close)) + alike + filled) / 4.0


@kernel
def step(ts: I64, agent: I32, place: U8, flow: Flow, state: Any, settings: Any, strength: F64, why: Any) -> None:
    """Walk the rows; see pipeline.detectors for the contract."""
    s = settings[0]
    least, full = s["score"][0], s["score"][1]
    x, away = np.zeros(RING, np.float32), np.zeros(RING, np.float32)
    for i in range(len(ts)):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        if (
            place[i] != codes.EXTERNAL
            or flow.direction[i] == codes.INBOUND
            or flow.final[i] == codes.NO
            or flow.proto[i] == codes.ICMP
        ):
            continue
        watch = state[agent[i]]
        start = ts[i] - max(flow.duration[i], 0)
        far = finish(mix(mix(mix(np.uint64(0), np.uint64(flow.dst_port[i])), flow.dst_hi[i]), flow.dst_lo[i]))
        k = place_of(watch, far)
        sent = flow.src_bytes[i] if flow.src_bytes[i] >= 0.0 else -1.0
        if watch["calls"][k] == 0 or watch["far"][k] != far:
            watch["far"][k] = far
            watch["flow"][k] = flow.flow_id[i]
            watch["last"][k] = start
            watch["calls"][k] = 1
            watch["size"][k] = sent
            watch["off"][k] = 0.0
            continue
        gap = (start - watch["last"][k]) / 1e6
        if gap < s["burst_s"] or watch["flow"][k] == flow.flow_id[i]:
            continue
        calls = watch["calls"][k]
        watch["gap"][k, (calls - 1) % RING] = gap
        watch["flow"][k] = flow.flow_id[i]
        watch["last"][k] = start
        watch["calls"][k] = calls + 1
        if sent >= 0.0:
            size = sent if watch["size"][k] < 0.0 else np.float64(watch["size"][k])
            w = 1.0 / min(calls + 1, RING)
            watch["off"][k] = np.float64(watch["off"][k]) + w * (abs(sent - size) - np.float64(watch["off"][k]))
            watch["size"][k] = size + w * (sent - size)
        if calls < s["fewest"]:
            continue
        mean, off = np.float64(watch["size"][k]), np.float64(watch["off"][k])
        alike = max(0.0, 1.0 - off / mean) if mean > 0.0 else 1.0
        filled = min(1.0, (calls + 1) / ENOUGH)
        # Where the parts that are not known yet could not help, even at 1, nothing is said.
        if mean_of(1.0, 1.0, alike, filled) <= least:
            continue
        n = min(calls, RING)
        ordered(watch["gap"][k], n, x)
        low, median, high = middle(x, n, 1), middle(x, n, 2), middle(x, n, 3)
        even = 1.0 - abs(low + high - 2.0 * median) / (high - low) if high > low else 1.0
        if mean_of(even, 1.0, alike, filled) <= least:
            continue
        for m in range(RING):
            away[m] = abs(np.float64(x[m]) - median)
        put_in_order(away)
        spread = middle(away, n, 2)
        score = mean_of(even, max(0.0, 1.0 - spread / median), alike, filled)
        why[i]["calls"] = calls + 1
        why[i]["every_s"] = median
        why[i]["spread_s"] = spread
        why[i]["score"] = score
        part = (score - least) / (full - least)
        strength[i] = s["cap"] * min(1.0, max(0.0, part))


def explain(why: np.void) -> str:
    """One sentence for people.

    >>> why = np.zeros(1, WHY)
    >>> why["calls"], why["every_s"], why["spread_s"] = 31, 300.2, 1.4
    >>> explain(why[0])
    '31 calls to one far side, every 300 s, half of them within 1.4 s of that'
    """
    return (
        f"{why['calls']} calls to one far side, every {why['every_s']:.0f} s, "
        f"half of them within {why['spread_s']:.1f} s of that"
    )
