"""Mining pool sessions, from flow records alone: any port, any address, encrypted or not, through a proxy or ssh -L.

A pool and a miner exchange lines (Stratum and its kin), one line a packet:

    pool    job>         job>              ok>     job>         job>            jobs come when there is new work,
    miner        ack>         ack>  share>     ack>     ack>         ack>       nobody asks for them
            |------------- for hours, a few to a few hundred bytes a second -------------|

Shares are found by luck at a pace that the pool holds steady, so they are a Poisson process. With J jobs and S shares
in a record, J + 2 S packets go out and J + S come back. Hence, from the four counters of each record:

    share     payload out / (packets out - packets back): the size of one share. A submit line has 90 to 350 bytes (a
              kilobyte and more where a proof goes with it); a typed key in ssh has 36, a keepalive 8 to 52, and where
              every message is answered by another (job queues, control channels) no packets are left over
    together  payload out and the packets beyond rise and fall together, record by record
    unasked   payload back that payload out does not explain: the jobs. None in request and answer (RPC, metrics, polls)
    scatter   variance over mean of the packets of a record: 1 to 3 for chance events, near 0 for clocks (keepalives,
              pushers), above 10 for people and downloads
    mute      a miner with few shares sends nothing but acknowledgements for whole records, not even the pings of
              WebSocket, MQTT or ssh, and what comes in these records is jobs of one size to the byte

Weights: each part's nats are about the logarithm of (how often pool sessions lie in its band) / (how often long
innocent ones do), those inside rounded down since the parts are not independent. Bands are argued from the protocol.
Counts at ten minutes of session time on the development recordings (78 pool sessions of ten minutes and more in eleven
clusters, of seven and more in lab_dev; 22 other sessions of lab_dev, tunnels, shells, job queues and a training mesh):

    rate      78 of 78 pools, 18 of 22 others        scatter   73 of 78, 4 of 22
    unasked   69 of 78, 7 of 22                      form      69 of 78, 1 of 22 (a used reverse tunnel)

In one final record of a whole session: of 209 that are no pool's and last 600 s and more none has the rate and the form
of one; of 519 that last 200 to 600 s nine do. Hence `life_nats` begin below zero.

Features in the line of XMR-Ray (EURASIP J. Inf. Sec. 2021) and DeCrypto (NordSec 2022); share and mute are our own.
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
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import kernel
from pipeline.kernels.hashing import finish, mix

TITLE = "mining pool session"
LOOKS_FOR = (
    "A long, thin, steady connection in which the far side speaks unasked and is sent small messages of one size now "
    "and then, as mining pools are; on any port, encrypted or not."
)
KIND = codes.FLOW
STORY = "mining"
ATTACK = ("T1496.001", "T1071", "T1571")

F32 = NDArray[np.float32]
Band = tuple[float, float, float, float]
Pair = tuple[float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pool session is, and how much each part of it says.

    A band a, b, c, d is a trapezoid: 0 up to a, rising to 1 at b, 1 up to c, falling to 0 at d. Its two nats are what
    it says at 0 and at 1. The parts are added up, as in naive Bayes.
    """

    # fmt: off
    half_life_s: Annotated[float, Meta(gt=0, description="seconds; mining goes on for hours")] = 3600.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most")] = 9.0
    record_s: Annotated[float, Meta(
        gt=0, description="seconds that a counted stretch must last: shorter records are summed",
    )] = 45.0
    silent_s: Annotated[float, Meta(
        gt=0, description="seconds without a packet after which a session is over; pools send work every minute or two",
    )] = 300.0
    fat_bytes: Annotated[float, Meta(
        gt=0, description="bytes of a first record from which it is not watched: ten minutes' worth of the upper rate",
    )] = 250e3

    age_s: Annotated[Band, Meta(description="seconds under watch at which age_nats are reached")] = (
        120.0, 300.0, 500.0, 3600.0)
    age_nats: Annotated[Band, Meta(description="nats for lasting that long in this shape")] = (0.0, 1.5, 3.0, 3.5)
    rate: Annotated[Band, Meta(description="payload bytes a second, both ways: thin, not idle")] = (
        0.8, 2.5, 350.0, 1500.0)
    rate_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-4.0, 0.8)
    scatter: Annotated[Band, Meta(description="variance over mean of the packets out of a record")] = (
        0.05, 0.25, 6.0, 14.0)
    scatter_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-5.0, 0.8)
    unasked: Annotated[Band, Meta(
        description="spread over mean of the payload back that the payload out does not explain, times the root of the "
        "packets back of a record: about 1 for chance messages",
    )] = (0.2, 0.45, 9.0, 10.0)
    unasked_nats: Annotated[Pair, Meta(description="nats outside and inside")] = (-6.0, 0.9)
    form_nats: Annotated[Pair, Meta(
        description="nats outside both forms, submitting and listening, and inside one")] = (-5.0, 3.5)

    ratio: Annotated[Band, Meta(description="submitting: packets out for one back, 1 to 2 by the protocol")] = (
        1.02, 1.12, 1.9, 2.02)
    out: Annotated[Band, Meta(description="submitting: payload bytes a packet out, acknowledgements among them")] = (
        20.0, 30.0, 1000.0, 1350.0)
    back: Annotated[Band, Meta(description="submitting: payload bytes a packet back, jobs and answers mixed")] = (
        30.0, 45.0, 700.0, 1200.0)
    share: Annotated[Band, Meta(description="submitting: payload bytes of a share")] = (60.0, 95.0, 400.0, 700.0)
    heavy_share: Annotated[Band, Meta(description="the same where a proof goes with it (Equihash)")] = (
        700.0, 1000.0, 3500.0, 5000.0)
    heavy_inward: Annotated[Band, Meta(description="part of the payload that comes in, where a proof goes out")] = (
        -2.0, -1.0, 0.08, 0.16)
    together: Annotated[Band, Meta(description="submitting: correlation of payload out and packets beyond")] = (
        0.0, 0.35, 9.0, 10.0)
    steep: Annotated[Band, Meta(
        description="submitting: payload of one more packet beyond over that of the average one: 1 where only shares "
        "leave packets over, more where pings do too",
    )] = (-9.0, -8.0, 1.6, 2.4)

    listen_ratio: Annotated[Band, Meta(description="listening: packets out for one back, 1 by acknowledging")] = (
        0.8, 0.9, 1.7, 1.9)
    listen_mute: Annotated[Band, Meta(description="listening: part of the records that are mute")] = (
        0.12, 0.3, 9.0, 10.0)
    listen_job: Annotated[Band, Meta(description="listening: payload bytes a packet back in mute records")] = (
        100.0, 140.0, 700.0, 1300.0)
    listen_even: Annotated[Band, Meta(description="listening: spread over mean of that, as of one packet")] = (
        -2.0, -1.0, 0.1, 0.3)
    listen_part: Annotated[float, Meta(
        ge=0, le=1, description="how far such a session counts as a pool's: less, since quiet subscribers come near it",
    )] = 0.8

    internal_nats: Annotated[float, Meta(
        le=0, description="nats for a far side inside: queues and databases live there")] = -1.5
    allowed_nats: Annotated[float, Meta(le=0, description="nats for a far side that the registry expects")] = -3.0

    life_s: Annotated[Band, Meta(
        description="seconds of a session told in one final record at which life_nats are reached")] = (
        500.0, 900.0, 1800.0, 14400.0)
    life_nats: Annotated[Band, Meta(description="nats for them: nothing is known of what lies between")] = (
        -1.5, 0.8, 2.2, 3.5)
    life_hello: Annotated[float, Meta(
        ge=0, description="the same: payload bytes out that may be the handshake; the form must hold with and without",
    )] = 2200.0
    life_ratio: Annotated[Band, Meta(description="the same: packets out for one back; nearer to 1 nothing is told")] = (
        1.22, 1.32, 1.9, 2.02)
    # fmt: on


SLOTS = 8
"""Sessions under watch per agent."""

HEADER = 52.0
"""Bytes of the headers of IPv4 and TCP with time stamps: a packet without payload. IPv6 has 20 more."""

WORD = 16.0
"""Payload bytes of a record up to which nothing was said: TCP options more than HEADER has."""

WINDOW = 24
"""Records over which means and variances forget: a session is judged by its last half hour or so."""

YOUNG = 4
"""Records before which a session keeps its slot; without this, nine idle ones would keep a tenth from being seen."""

SENT, CAME, OUT, BACK, MUTE, JOB = range(6)
SENT_SENT, OUT_OUT, BACK_BACK, OUT_BACK, BEYOND_BEYOND, OUT_BEYOND, JOB_JOB = range(7)
LEFT = (0, 2, 3, 2, 4, 2)
RIGHT = (0, 2, 3, 3, 4, 4)
"""The two deviations, of SENT to BACK and beyond, in each of the first six spreads."""

STATE = np.dtype([
    ("flow", "u8", (SLOTS,)), ("far", "u8", (SLOTS,)),
    ("first", "i8", (SLOTS,)), ("mark", "i8", (SLOTS,)), ("last", "i8", (SLOTS,)),
    ("records", "i4", (SLOTS,)), ("ended", "u1", (SLOTS,)), ("worth", "f4", (SLOTS,)),
    ("pending", "f4", (SLOTS, 4)), ("mean", "f4", (SLOTS, 6)), ("spread", "f4", (SLOTS, 7)),
])  # fmt: skip
"""The sessions under watch; `flow` 0 is a free slot. Times are µs.

pending  packets out, packets back, payload out, payload back since `mark`
mean     of these per record; of being mute; of the payload a packet back of mute records
spread   variances and covariances of the same; "beyond" is packets out less packets back
"""

WHY = np.dtype([
    ("age_s", "f4"), ("records", "i4"), ("rate", "f4"), ("ratio", "f4"), ("out", "f4"), ("back", "f4"),
    ("listens", "u1"),
])  # fmt: skip


@kernel
def band(x: float, edges: F64) -> float:
    """How far x is inside a trapezoid, 0 to 1.

    >>> import numpy as np
    >>> [float(band(x, np.array([1.0, 2.0, 3.0, 4.0]))) for x in (0.0, 1.5, 2.5, 3.25, 9.0)]
    [0.0, 0.5, 1.0, 0.75, 0.0]
    """
    if x < edges[1]:
        return float(max(0.0, (x - edges[0]) / (edges[1] - edges[0])))
    if x <= edges[2]:
        return 1.0
    return float(max(0.0, (edges[3] - x) / (edges[3] - edges[2])))


@kernel
def between(nats: F64, part: float) -> float:
    """From nats[0] at 0 to nats[1] at 1."""
    return float(nats[0] + (nats[1] - nats[0]) * part)


@kernel
def ramp(x: float, at: F64, nats: F64) -> float:
    """A line through four points, level outside them."""
    if x <= at[0]:
        return float(nats[0])
    for k in range(1, 4):
        if x < at[k]:
            return float(nats[k - 1] + (nats[k] - nats[k - 1]) * (x - at[k - 1]) / (at[k] - at[k - 1]))
    return float(nats[3])


@kernel
def submitting(ratio: float, out: float, back: float, inward: float, together: float, s: Any) -> float:
    """How much a session looks like one with shares, 0 to 1.

    ratio packets out for one back; out, back payload a packet; inward part of the payload that comes in; together
    correlation of payload out and packets beyond
    """
    share = out * ratio / (ratio - 1.0) if ratio > 1.0 else 1e9
    size = max(band(share, s["share"]), min(band(share, s["heavy_share"]), band(inward, s["heavy_inward"])))
    where = min(band(ratio, s["ratio"]), min(band(out, s["out"]), band(back, s["back"])))
    return min(min(size, where), band(together, s["together"]))


@kernel
def count(mean: F32, spread: F32, n: int, sent: float, came: float, out: float, back: float) -> None:
    """The n-th record goes into means, variances and covariances (West 1979; forgetting after WINDOW records)."""
    w = 1.0 / min(n, WINDOW)
    x = (sent, came, out, back)
    d_sent, d_came = sent - np.float64(mean[SENT]), came - np.float64(mean[CAME])
    d = (d_sent, d_came, out - np.float64(mean[OUT]), back - np.float64(mean[BACK]), d_sent - d_came)
    for m in range(4):
        mean[m] = np.float64(mean[m]) + w * (x[m] - np.float64(mean[m]))
    for m in range(6):
        spread[m] = (1.0 - w) * (np.float64(spread[m]) + w * d[LEFT[m]] * d[RIGHT[m]])
    mute = out < WORD and came > 0.0
    part = np.float64(mean[MUTE])
    part += w * ((1.0 if mute else 0.0) - part)
    mean[MUTE] = part
    if mute:
        v = min(1.0, w / part)
        d_job = back / came - np.float64(mean[JOB])
        mean[JOB] = np.float64(mean[JOB]) + v * d_job
        spread[JOB_JOB] = (1.0 - v) * (np.float64(spread[JOB_JOB]) + v * d_job * d_job * came)


@kernel
def weigh(mean: F32, spread: F32, records: int, age: float, s: Any, why: Any) -> float:
    """What a session of so many records says after `age` seconds, in nats, wherever its far side lies."""
    sent, came = np.float64(mean[SENT]), np.float64(mean[CAME])
    out, back = np.float64(mean[OUT]), np.float64(mean[BACK])
    if records < 3 or sent <= 0.0 or came <= 0.0 or back <= 0.0:
        return 0.0
    n = min(records, WINDOW)
    fair = n / (n - 1.0)
    rate = (out + back) * records / age
    scatter = np.float64(spread[SENT_SENT]) * fair / sent

    out_out, out_back, out_beyond = (
        np.float64(spread[OUT_OUT]),
        np.float64(spread[OUT_BACK]),
        np.float64(spread[OUT_BEYOND]),
    )
    explained = out_back * out_back / out_out if out_back > 0.0 else 0.0
    left = max(0.0, np.float64(spread[BACK_BACK]) - explained)
    unasked = math.sqrt(left * fair * came) / back

    beyond_beyond = np.float64(spread[BEYOND_BEYOND])
    form = 0.0
    if out_beyond > 0.0:
        together = out_beyond / math.sqrt(out_out * beyond_beyond)
        form = min(
            submitting(sent / came, out / sent, back / came, back / (out + back), together, s),
            band(out_beyond / beyond_beyond * (sent - came) / out, s["steep"]),
        )

    mute, job = np.float64(mean[MUTE]), np.float64(mean[JOB])
    listening = 0.0
    if n * mute > 1.5 and job > 0.0:
        even = math.sqrt(np.float64(spread[JOB_JOB])) / job
        listening = s["listen_part"] * min(
            min(band(sent / came, s["listen_ratio"]), band(mute, s["listen_mute"])),
            min(band(job, s["listen_job"]), band(even, s["listen_even"])),
        )
    tell(
        why,
        age,
        float(n),
        rate,
        sent / came,
        out / sent,
        job if listening > form else back / came,
        1.0 if listening > form else 0.0,
    )
    return (
        ramp(age, s["age_s"], s["age_nats"])
        + between(s["rate_nats"], band(rate, s["rate"]))
        + between(s["scatter_nats"], band(scatter, s["scatter"]))
        + between(s["unasked_nats"], band(unasked, s["unasked"]))
        + between(s["form_nats"], max(form, listening))
    )


@kernel
def whole(life: float, sent: float, came: float, out: float, back: float, s: Any, why: Any) -> float:
    """What one final record of a whole session says, in nats."""
    rate = (out + back) / life
    ratio, inward = sent / came, back / (out + back)
    later = max(0.0, out - s["life_hello"])
    form = min(
        submitting(ratio, out / sent, back / came, inward, 1.0, s),
        submitting(ratio, later / sent, back / came, inward, 1.0, s),
    )
    tell(why, life, 1.0, rate, ratio, out / sent, back / came, 0.0)
    return (
        ramp(life, s["life_s"], s["life_nats"])
        + between(s["rate_nats"], band(rate, s["rate"]))
        + between(s["form_nats"], min(form, band(ratio, s["life_ratio"])))
    )


@kernel
def tell(
    why: Any, age: float, records: float, rate: float, ratio: float, out: float, back: float, listens: float
) -> None:
    """Fill the reason of a row."""
    why["age_s"] = age
    why["records"] = records
    why["rate"] = rate
    why["ratio"] = ratio
    why["out"] = out
    why["back"] = back
    why["listens"] = listens


@kernel
def forget(watch: Any, k: int) -> None:
    """Nothing counted in slot k."""
    watch["records"][k] = 0
    watch["mean"][k, :] = 0.0
    watch["spread"][k, :] = 0.0
    watch["pending"][k, :] = 0.0


@kernel
def admit(watch: Any, far: np.uint64, start: int, silent: float) -> int:
    """The slot for a connection that was not under watch, SLOTS more where it goes on with what is known there; or -1.

    A session to the same far side that has just ended goes on in it: pools cut connections. Else a free slot is taken,
    or that of a session long silent, or that of the least suspicious. The young and the suspicious keep theirs, so that
    neither a flood of connections nor a crowd of idle ones hides a session for good: each gets its turn.
    """
    best = -1
    least = 2.0
    for k in range(SLOTS):
        worth = -1e9
        if watch["flow"][k] != 0:
            gone = start - watch["last"][k] > silent
            if watch["far"][k] == far and watch["ended"][k] != 0 and not gone:
                return SLOTS + k
            if gone:
                worth = -1e8
            elif watch["records"][k] < YOUNG:
                worth = 2.0
            else:
                worth = np.float64(watch["worth"][k])
        if worth < least:
            best = k
            least = worth
    return best


@kernel
def payload(size: float, packets: float, header: float) -> float:
    """Bytes less headers; as they are where there are too few for headers, as some exporters count payload only."""
    return size if size < (header - 12.0) * packets else max(0.0, size - header * packets)


@kernel
def step(ts: I64, agent: I32, place: U8, flow: Flow, state: Any, settings: Any, strength: F64, why: Any) -> None:
    """Walk the rows; see pipeline.detectors for the contract."""
    s = settings[0]
    silent = s["silent_s"] * 1e6
    enough = s["record_s"] * 1e6
    for i in range(len(ts)):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        if (
            flow.proto[i] != codes.TCP
            or flow.direction[i] == codes.INBOUND
            or place[i] == codes.LOCAL
            or flow.outcome[i] > codes.ESTABLISHED
        ):
            continue
        watch = state[agent[i]]
        k = 0
        while k < SLOTS and watch["flow"][k] != flow.flow_id[i]:
            k += 1
        duration = flow.duration[i]
        alone = k == SLOTS and (flow.final[i] == codes.YES or (flow.final[i] == codes.UNKNOWN and duration < enough))
        if alone and duration <= s["life_s"][0] * 1e6:
            continue
        start = ts[i] - max(duration, 0)
        sent, came = flow.src_pkts[i], flow.dst_pkts[i]
        header = HEADER if flow.dst_hi[i] == 0 else HEADER + 20.0
        out = payload(flow.src_bytes[i], sent, header)
        back = payload(flow.dst_bytes[i], came, header)
        known = sent >= 0.0 and came >= 0.0 and flow.src_bytes[i] >= 0.0 and flow.dst_bytes[i] >= 0.0
        if alone:
            if not (known and sent > 0.0 and came > 0.0 and back > 0.0):
                continue
            nats = whole(duration / 1e6, sent, came, out, back, s, why[i])
        elif k == SLOTS:
            if flow.src_bytes[i] + flow.dst_bytes[i] > s["fat_bytes"]:
                continue
            far = finish(mix(mix(mix(np.uint64(0), np.uint64(flow.dst_port[i])), flow.dst_hi[i]), flow.dst_lo[i]))
            k = admit(watch, far, start, silent)
            if k < 0:
                continue
            if k >= SLOTS:
                k -= SLOTS
            else:
                forget(watch, k)
                watch["first"][k] = start
                watch["far"][k] = far
            watch["pending"][k, :] = 0.0
            watch["flow"][k] = flow.flow_id[i]
            watch["ended"][k] = 0
            watch["mark"][k] = ts[i]
            watch["last"][k] = ts[i]
            continue
        else:
            last = watch["last"][k]
            if start - last > silent:
                forget(watch, k)
                watch["first"][k] = start
                watch["mark"][k] = start
            last = max(last, ts[i])
            watch["last"][k] = last
            watch["ended"][k] = 1 if flow.final[i] == codes.YES else 0
            if not known:
                continue
            pending = watch["pending"][k]
            sent += np.float64(pending[0])
            came += np.float64(pending[1])
            out += np.float64(pending[2])
            back += np.float64(pending[3])
            if last - watch["mark"][k] < enough:
                pending[0], pending[1], pending[2], pending[3] = sent, came, out, back
                continue
            pending[:] = 0.0
            n = watch["records"][k] + 1
            watch["records"][k] = n
            watch["mark"][k] = last
            mean, spread = watch["mean"][k], watch["spread"][k]
            count(mean, spread, n, sent, came, out, back)
            nats = weigh(mean, spread, n, (last - watch["first"][k]) / 1e6, s, why[i])
            watch["worth"][k] = nats
        if place[i] == codes.INTERNAL:
            nats += s["internal_nats"]
        elif place[i] == codes.ALLOWED:
            nats += s["allowed_nats"]
        strength[i] = min(max(nats, 0.0), s["cap"])


def lasted(why: np.void) -> int:
    """For how many µs the session had lasted."""
    return round(float(why["age_s"]) * 1e6)


def explain(why: np.void) -> str:
    """One sentence for people.

    >>> why = np.zeros(1, WHY)
    >>> why["age_s"], why["records"], why["rate"], why["ratio"], why["out"], why["back"] = 840, 12, 21, 1.6, 69, 130
    >>> explain(why[0])
    '14 min of one connection at 21 B/s: 1.6 packets out for one back, messages out of 184 bytes, 130 a packet back'
    """
    session = f"{why['age_s'] / 60:.0f} min of one connection at {why['rate']:.0f} B/s"
    if why["listens"]:
        return f"{session}: messages of {why['back']:.0f} bytes come unasked, hardly anything goes out"
    share = why["out"] * why["ratio"] / max(why["ratio"] - 1, 0.01)
    return (
        f"{session}: {why['ratio']:.1f} packets out for one back, messages out of {share:.0f} bytes, "
        f"{why['back']:.0f} a packet back"
    )
