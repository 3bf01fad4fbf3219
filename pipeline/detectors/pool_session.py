"""Mining pool sessions, from flow records alone: any port, any address, encrypted or not, through a proxy or ssh -L.

What a pool's line protocol (Stratum and its kin) looks like from outside, one message a line:

    pool   --job-->       --job-->            --ok-->   --job-->           jobs come when a block or a batch of work
    miner        (ack)          (ack)  --share-->  (ack)      (ack)        is there; nobody asked, only TCP answers
           ├───────────────────── hours, a few to a few hundred bytes a second ───────────────────────┤

A share is found by luck, so shares are a Poisson process, at a pace that the pool holds steady by its difficulty. Hence,
with J jobs and S shares in a record: about J + 2 S packets out and J + S back, little payload both ways, packets whose
count scatters like a count of chance events, and traffic back that the traffic out does not explain. Two forms:

    submitting  many shares: clearly more packets out than back, small messages both ways
    listening   few shares: nearly all payload comes in, in messages of one size

Innocent twins differ in one of these: an idle shell and a metric pusher keep time (no scatter), request and answer rise
and fall together (nothing unasked), a job queue's jobs are each answered with payload (as many packets and bytes out as
back), typing in a shell is 36 bytes a packet, a download is not thin.

Features after XMR-Ray (Russo and others, EURASIP J. Inf. Sec. 2021) and DeCrypto (Plny and others, NordSec 2022).
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import F64, I32, I64, U8, Flow
from pipeline.kernels.compiled import kernel
from pipeline.kernels.hashing import finish, mix

TITLE = "mining pool session"
LOOKS_FOR = (
    "A long, thin, steady connection in which the far side speaks unasked and often, as mining pools do; "
    "on any port, encrypted or not."
)
KIND = codes.FLOW
STORY = "mining"
ATTACK = ("T1496.001", "T1071", "T1571")

SLOTS = 8
HEADER = 52.0
"""Bytes of IPv4 and TCP headers with time stamps: what a packet without payload has."""

ANSWER = 60.0
"""Bytes of payload of a pool's answer to a share, `{"id":5,"result":{"status":"OK"}}` and the like."""

WINDOW = 24
"""Records over which means and variances forget: a session is judged by its last half hour or so."""

Band = tuple[float, float, float, float]
Pair = tuple[float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pool session is, and how much each part of it says.

    A band a, b, c, d is a trapezoid: 0 up to a, rising to 1 at b, 1 up to c, falling to 0 at d. Its two nats are what it
    says at 0 and at 1. The parts are added up: a naive Bayes, with the parts' dependence paid for by small numbers.
    """

    half_life_s: Annotated[float, Meta(gt=0, description="seconds; mining goes on for hours")] = 3600.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most")] = 9.0
    record_s: Annotated[float, Meta(gt=0, description="seconds that a stretch to be counted must last: records of a minute "
                            "as they come, shorter ones summed")] = 45.0
    silent_s: Annotated[float, Meta(gt=0, description="seconds without a packet after which a session is over; pools send "
                            "work at least every minute or two")] = 300.0
    age_s: Annotated[Band, Meta(description="seconds under watch at which the nats below are reached")] = (120.0, 300.0, 500.0, 3600.0)
    age_nats: Annotated[Band, Meta(description="nats for lasting that long and staying as it is")] = (0.0, 1.5, 3.0, 3.5)
    rate: Annotated[Band, Meta(description="payload bytes a second, both ways: thin, not idle")] = (0.8, 2.5, 350.0, 1500.0)
    rate_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-4.0, 0.8)
    scatter: Annotated[Band, Meta(description="variance over mean of the packets out of a record: 1 to 3 for chance events, "
                                  "below 0.1 for a clock, above 10 for a person")] = (0.05, 0.25, 6.0, 14.0)
    scatter_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-4.0, 0.8)
    unasked: Annotated[Band, Meta(description="payload back that varies without the payload out, over its mean: jobs")] = (
        0.05, 0.18, 9.0, 10.0)
    unasked_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-4.0, 0.9)
    fixed: Annotated[Band, Meta(description="share of the variance of the payload out that the packet counts explain: shares "
                                "have one size")] = (0.35, 0.75, 9.0, 10.0)
    fixed_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-2.5, 0.5)
    ratio: Annotated[Band, Meta(description="submitting: packets out for one back, 1 to 2 by the protocol")] = (
        1.06, 1.22, 1.95, 2.2)
    out: Annotated[Band, Meta(description="submitting: payload bytes a packet out: half a share, more than a typed key")] = (
        25.0, 42.0, 200.0, 400.0)
    back: Annotated[Band, Meta(description="submitting: payload bytes a packet back, jobs and answers mixed")] = (
        22.0, 42.0, 450.0, 1000.0)
    listen_ratio: Annotated[Band, Meta(description="listening: packets out for one back, near 1 by acknowledging")] = (
        0.8, 0.92, 1.6, 1.9)
    listen_share: Annotated[Band, Meta(description="listening: share of the payload that comes in")] = (0.6, 0.78, 9.0, 10.0)
    listen_back: Annotated[Band, Meta(description="listening: payload bytes a packet back: a job")] = (80.0, 130.0, 700.0, 1300.0)
    listen_even: Annotated[Band, Meta(description="listening: spread over mean of the payload of one packet back: jobs "
                                      "have one size, give or take the answers between them")] = (-2.0, -1.0, 0.3, 0.6)
    heavy_out: Annotated[Band, Meta(description="submitting proofs of a kilobyte (Equihash): payload bytes a packet out")] = (
        250.0, 350.0, 1000.0, 1350.0)
    heavy_share: Annotated[Band, Meta(description="the same: share of the payload that comes in")] = (-2.0, -1.0, 0.1, 0.25)
    shape_nats: Annotated[Pair, Meta(description="nats of the two forms, outside both and inside one")] = (-5.0, 3.5)
    internal_nats: Annotated[float, Meta(le=0, description="nats for a far side inside: queues and databases live there")] = -1.5
    allowed_nats: Annotated[float, Meta(le=0, description="nats for a far side that the registry expects")] = -3.0
    life_s: Annotated[Band, Meta(description="seconds of a session told in one final record, at which the nats below are "
                                 "reached")] = (600.0, 1800.0, 7200.0, 28800.0)
    life_nats: Annotated[Band, Meta(description="nats for them: without records in between, only length and form speak")] = (
        -2.0, 0.0, 2.5, 3.5)


STATE = np.dtype([
    ("flow", "u8", (SLOTS,)), ("far", "u8", (SLOTS,)),
    ("first", "i8", (SLOTS,)), ("mark", "i8", (SLOTS,)), ("last", "i8", (SLOTS,)),
    ("records", "i4", (SLOTS,)), ("ended", "u1", (SLOTS,)), ("worth", "f4", (SLOTS,)),
    ("pending", "f4", (SLOTS, 4)), ("mean", "f4", (SLOTS, 5)), ("spread", "f4", (SLOTS, 9)),
])
"""The sessions under watch. Times are µs; `flow` 0 is a free slot.

pending  packets out, packets back, payload out, payload back since `mark`
mean     of the same four per record, and of the payload of a job (see `job_size`)
spread   variances and covariances, named by the constants below
"""

SENT, CAME, OUT, BACK, JOB = 0, 1, 2, 3, 4
SENT_SENT, CAME_CAME, SENT_CAME, OUT_OUT, SENT_OUT, CAME_OUT, BACK_BACK, OUT_BACK, JOB_JOB = range(9)

WHY = np.dtype([
    ("age_s", "f4"), ("records", "i4"), ("rate", "f4"), ("ratio", "f4"), ("out", "f4"), ("back", "f4"),
    ("share", "f4"), ("scatter", "f4"), ("unasked", "f4"), ("even", "f4"), ("fixed", "f4"), ("shape", "f4"),
])


@kernel
def band(x: float, edges: Any) -> float:
    """How far inside a trapezoid, 0 to 1.

    >>> import numpy as np
    >>> [float(band(x, np.array([1.0, 2.0, 3.0, 4.0]))) for x in (0.0, 1.5, 2.5, 3.25, 9.0)]
    [0.0, 0.5, 1.0, 0.75, 0.0]
    """
    if x < edges[1]:
        return max(0.0, (x - edges[0]) / (edges[1] - edges[0]))
    if x <= edges[2]:
        return 1.0
    return max(0.0, (edges[3] - x) / (edges[3] - edges[2]))


@kernel
def ramp(x: float, at: Any, nats: Any) -> float:
    """A line through four points, level outside them."""
    if x <= at[0]:
        return float(nats[0])
    for k in range(1, 4):
        if x < at[k]:
            return float(nats[k - 1] + (nats[k] - nats[k - 1]) * (x - at[k - 1]) / (at[k] - at[k - 1]))
    return float(nats[3])


@kernel
def form(ratio: float, out: float, back: float, share: float, even: float, settings: Any) -> float:
    """How much packets and payload look like one of the two forms of a pool session, 0 to 1."""
    s = settings[0]
    submitting = min(band(ratio, s["ratio"]), band(out, s["out"]), band(back, s["back"]))
    listening = min(band(ratio, s["listen_ratio"]), band(share, s["listen_share"]), band(back, s["listen_back"]),
                    band(even, s["listen_even"]))
    heavy = min(band(ratio, s["ratio"]), band(out, s["heavy_out"]), band(share, s["heavy_share"]))
    return max(submitting, listening, heavy)


@kernel
def admit(watch: Any, far: np.uint64, start: int, silent: float) -> int:
    """The slot for a connection that is seen for the first time, or -1.

    A session to the same far side that ended a moment ago is taken over with all that is known of it. Otherwise a free
    slot is taken, or that of a session that is over, or that of the least suspicious one; one that was not yet seen long
    enough is left alone, so that many connections at once get their turn one after the other.
    """
    best = -1
    least = 2.0
    for k in range(SLOTS):
        if watch["flow"][k] == 0:
            if least > -2.0:
                best, least = k, -2.0
            continue
        gone = start - watch["last"][k] > silent
        if watch["far"][k] == far and watch["ended"][k] and not gone:
            return k
        worth = -1.0 if gone else 2.0 if watch["records"][k] < 4 else float(watch["worth"][k])
        if worth < least:
            best, least = k, worth
    if best >= 0:
        watch["records"][best] = 0
    return best


@kernel
def forget(watch: Any, k: int) -> None:
    """Nothing counted in slot k."""
    watch["records"][k] = 0
    for m in range(5):
        watch["mean"][k][m] = 0.0
    for m in range(9):
        watch["spread"][k][m] = 0.0


@kernel
def job_size(sent: float, came: float, back: float) -> float:
    """Payload of one job, if each packet sent beyond those that came is a share with an answer of ANSWER bytes; else -1."""
    shares = min(max(sent - came, 0.0), came)
    jobs = came - shares
    return max(0.0, back - ANSWER * shares) / jobs if jobs > 0.0 else -1.0


@kernel
def count(watch: Any, k: int, sent: float, came: float, out: float, back: float) -> None:
    """One record goes into means, variances and covariances (West 1979; forgetting after WINDOW)."""
    watch["records"][k] += 1
    w = 1.0 / min(watch["records"][k], WINDOW)
    left = 1.0 - w
    mean = watch["mean"][k]
    spread = watch["spread"][k]
    job = job_size(sent, came, back)
    if job < 0.0:
        job = float(mean[JOB])
    d_sent, d_came, d_out, d_back, d_job = (
        sent - mean[SENT], came - mean[CAME], out - mean[OUT], back - mean[BACK], job - mean[JOB])
    mean[SENT] += w * d_sent
    mean[CAME] += w * d_came
    mean[OUT] += w * d_out
    mean[BACK] += w * d_back
    mean[JOB] += w * d_job
    spread[SENT_SENT] = left * (spread[SENT_SENT] + w * d_sent * d_sent)
    spread[CAME_CAME] = left * (spread[CAME_CAME] + w * d_came * d_came)
    spread[SENT_CAME] = left * (spread[SENT_CAME] + w * d_sent * d_came)
    spread[OUT_OUT] = left * (spread[OUT_OUT] + w * d_out * d_out)
    spread[SENT_OUT] = left * (spread[SENT_OUT] + w * d_sent * d_out)
    spread[CAME_OUT] = left * (spread[CAME_OUT] + w * d_came * d_out)
    spread[BACK_BACK] = left * (spread[BACK_BACK] + w * d_back * d_back)
    spread[OUT_BACK] = left * (spread[OUT_BACK] + w * d_out * d_back)
    spread[JOB_JOB] = left * (spread[JOB_JOB] + w * d_job * d_job)


@kernel
def fixed_size(spread: Any, n: float) -> float:
    """Share of the variance of the payload out that the packet counts explain (adjusted R squared of two regressors).

    Messages of one size make payload a sum of packets; messages of any size do not. 1 where nothing varies.
    """
    ss, cc, sc = float(spread[SENT_SENT]), float(spread[CAME_CAME]), float(spread[SENT_CAME])
    so, co, oo = float(spread[SENT_OUT]), float(spread[CAME_OUT]), float(spread[OUT_OUT])
    if oo <= 1.0:
        return 1.0
    left = oo
    if ss * cc - sc * sc > 1e-3 * ss * cc:
        left = oo - (cc * so * so - 2.0 * sc * so * co + ss * co * co) / (ss * cc - sc * sc)
    elif ss > 0.0:
        left = oo - so * so / ss
    return 1.0 - max(0.0, left) / (n - 3.0) / (oo / (n - 1.0))


@kernel
def weigh(watch: Any, k: int, now: int, settings: Any, why: Any, i: int) -> float:
    """What the session in slot k says, in nats, before the place of its far side counts."""
    s = settings[0]
    mean = watch["mean"][k]
    spread = watch["spread"][k]
    sent, came, out, back = float(mean[SENT]), float(mean[CAME]), float(mean[OUT]), float(mean[BACK])
    if watch["records"][k] < 3 or sent <= 0.0 or came <= 0.0 or back <= 0.0:
        return 0.0
    n = float(min(watch["records"][k], WINDOW))
    fair = n / (n - 1.0)
    age = (now - watch["first"][k]) / 1e6
    scatter = float(spread[SENT_SENT]) * fair / sent
    explained = 0.0
    if spread[OUT_BACK] > 0.0:
        explained = float(spread[OUT_BACK]) * float(spread[OUT_BACK]) / float(spread[OUT_OUT])
    unasked = math.sqrt(max(0.0, float(spread[BACK_BACK]) - explained) * fair) / back
    jobs = max(1.0, came - max(0.0, sent - came))
    even = math.sqrt(float(spread[JOB_JOB]) * fair * jobs) / max(1.0, float(mean[JOB]))
    fixed = fixed_size(spread, n) if n > 4.0 else 0.5 * (s["fixed"][0] + s["fixed"][1])
    rate = (out + back) / (age / watch["records"][k])
    share = back / (out + back)
    shape = form(sent / came, out / sent, back / came, share, even, settings)
    why[i]["age_s"] = age
    why[i]["records"] = watch["records"][k]
    why[i]["rate"] = rate
    why[i]["ratio"] = sent / came
    why[i]["out"] = out / sent
    why[i]["back"] = back / came
    why[i]["share"] = share
    why[i]["scatter"] = scatter
    why[i]["unasked"] = unasked
    why[i]["even"] = even
    why[i]["fixed"] = fixed
    why[i]["shape"] = shape
    return (
        ramp(age, s["age_s"], s["age_nats"])
        + between(s["rate_nats"], band(rate, s["rate"]))
        + between(s["scatter_nats"], band(scatter, s["scatter"]))
        + between(s["unasked_nats"], band(unasked, s["unasked"]))
        + between(s["fixed_nats"], band(fixed, s["fixed"]))
        + between(s["shape_nats"], shape)
    )


@kernel
def between(nats: Any, share: float) -> float:
    """From nats[0] at 0 to nats[1] at 1."""
    return float(nats[0] + (nats[1] - nats[0]) * share)


@kernel
def placed(strength: float, place: int, settings: Any) -> float:
    """Lower for a far side inside or expected; within 0 and the cap."""
    s = settings[0]
    if place == codes.INTERNAL:
        strength += s["internal_nats"]
    elif place == codes.ALLOWED:
        strength += s["allowed_nats"]
    return min(max(strength, 0.0), float(s["cap"]))


@kernel
def whole(life: float, sent: float, came: float, out: float, back: float, settings: Any, why: Any, i: int) -> float:
    """What one final record of a whole session says, in nats."""
    s = settings[0]
    share = back / (out + back)
    rate = (out + back) / life
    shape = form(sent / came, out / sent, back / came, share, 0.7, settings)
    why[i]["age_s"] = life
    why[i]["records"] = 1
    why[i]["rate"] = rate
    why[i]["ratio"] = sent / came
    why[i]["out"] = out / sent
    why[i]["back"] = back / came
    why[i]["share"] = share
    why[i]["scatter"] = 0.0
    why[i]["unasked"] = 0.0
    why[i]["even"] = 0.0
    why[i]["fixed"] = 0.0
    why[i]["shape"] = shape
    return ramp(life, s["life_s"], s["life_nats"]) + between(s["rate_nats"], band(rate, s["rate"])) + between(
        s["shape_nats"], shape)


@kernel
def step(
    ts: I64, agent: I32, place: U8, flow: Flow, state: Any, settings: Any, strength: F64, why: Any
) -> None:
    """Walk the rows; see pipeline.detectors for the contract."""
    s = settings[0]
    silent = s["silent_s"] * 1e6
    enough = s["record_s"] * 1e6
    for i in range(len(ts)):
        if flow.proto[i] != codes.TCP or flow.direction[i] == codes.INBOUND or place[i] == codes.LOCAL:
            continue
        if flow.outcome[i] > codes.ESTABLISHED:
            continue
        watch = state[agent[i]]
        name = flow.flow_id[i]
        k = 0
        while k < SLOTS and watch["flow"][k] != name:
            k += 1
        duration = flow.duration[i]
        header = HEADER if flow.dst_hi[i] == 0 else HEADER + 20.0
        sent, came = flow.src_pkts[i], flow.dst_pkts[i]
        out = max(0.0, flow.src_bytes[i] - header * sent)
        back = max(0.0, flow.dst_bytes[i] - header * came)
        known = sent >= 0.0 and came >= 0.0 and flow.src_bytes[i] >= 0.0 and flow.dst_bytes[i] >= 0.0
        start = ts[i] - max(duration, 0)
        if k == SLOTS:
            if flow.final[i] == codes.YES or (flow.final[i] == codes.UNKNOWN and duration < enough):
                if duration > s["life_s"][0] * 1e6 and known and sent > 0.0 and came > 0.0 and back > 0.0:
                    strength[i] = placed(whole(duration / 1e6, sent, came, out, back, settings, why, i), place[i], settings)
                continue
            far = finish(mix(mix(mix(np.uint64(flow.dst_port[i]), flow.dst_hi[i]), flow.dst_lo[i]), flow.dst_lo[i]))
            k = admit(watch, far, start, silent)
            if k < 0:
                continue
            if watch["records"][k] == 0:
                watch["first"][k] = start
                watch["far"][k] = far
                watch["worth"][k] = 0.0
                forget(watch, k)
            watch["flow"][k] = name
            watch["ended"][k] = 0
            for m in range(4):
                watch["pending"][k][m] = 0.0
            watch["mark"][k] = ts[i]
            watch["last"][k] = ts[i]
            continue
        if start - watch["last"][k] > silent:
            watch["records"][k] = 0
            watch["first"][k] = start
            watch["mark"][k] = start
            for m in range(4):
                watch["pending"][k][m] = 0.0
            forget(watch, k)
        watch["last"][k] = max(watch["last"][k], ts[i])
        watch["ended"][k] = flow.final[i] == codes.YES
        if not known:
            continue
        pending = watch["pending"][k]
        pending[0] += sent
        pending[1] += came
        pending[2] += out
        pending[3] += back
        if watch["last"][k] - watch["mark"][k] < enough:
            continue
        count(watch, k, float(pending[0]), float(pending[1]), float(pending[2]), float(pending[3]))
        for m in range(4):
            pending[m] = 0.0
        watch["mark"][k] = watch["last"][k]
        nats = weigh(watch, k, watch["last"][k], settings, why, i)
        watch["worth"][k] = nats
        strength[i] = placed(nats, place[i], settings)


def explain(why: np.void) -> str:
    """One sentence for people.

    >>> why = np.zeros(1, WHY)
    >>> why["age_s"], why["records"], why["rate"], why["ratio"], why["out"], why["back"] = 840, 12, 21, 1.6, 80, 130
    >>> explain(why[0])
    '14 min of one connection at 21 B/s: 1.6 packets out for one back, 80 and 130 bytes a packet'
    """
    return (
        f"{why['age_s'] / 60:.0f} min of one connection at {why['rate']:.0f} B/s: {why['ratio']:.1f} packets out for one back, "
        f"{why['out']:.0f} and {why['back']:.0f} bytes a packet"
    )
