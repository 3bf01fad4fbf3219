"""Reverse tunnels: an outbound session whose roles are turned, because someone outside works through it.

             ordinary session                          used reverse tunnel
    agent    request-->           request-->                    answer==>            answer==>
    far             answer==>            answer==>     request-->           request-->
                             silence                                     silence

Three things are looked at in each session with a far side outside; the table says what each is worth.

    bursts  who spoke first after silence, where a sensor counts it (`bursts`, `bursts_dst_first`), with the direction
            of the volumes: a likelihood ratio over kinds of session; a used tunnel is plain by this alone
    turned  without the counters: more payload goes out than comes in, and yet more packets come in than go out, minute
            after minute: keys typed from outside and answers to them. Up to 2.4 nats
    idle    a session kept alive for 5 minutes and more with a few bytes: an idle tunnel, a quiet shell, a push channel;
            nothing in a flow tells them apart, so never more than 1.5 nats; the command settles it

Kinds of session, each a mixture over the share p of bursts that the far side begins, as measured in lab_dev (silence of
one second, keepalives left out):

    tunnel  0.36, 0.50, 0.85, 0.89, 0.90                                   five used tunnels
    client  0 to 0.09                                                      ssh, git, rsync, web, language model
    push    0.35 to 0.57: work is sent out and answered, or a slow server  pools, job queues, long polls, training mesh
    stream  near 1, next to nothing goes out: logs followed, event feeds   none measured

The direction of volumes, (out - in) / (out + in) of the payload after the handshake, was -0.09, 0.19, 0.26, 0.36 and
1.0 in the used tunnels; of 9 push sessions none was above 0.1, of 8 client sessions only uploads. The tables are these
counts, smoothed by about half a session a class, and rough: they say 7.5, 6.7, 6.6, 4.0 and 2.7 nats of these five by
bursts alone, and 7.3, 5.5, 4.7, 4.1 and 2.8 with each left out of them in turn. The producer/consumer ratio is
Bullard's (FloCon 2014); who speaks first is how packet-level tools see reverse shells.
"""

from __future__ import annotations

import ipaddress
import math
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import Flow
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import kernel

TITLE = "reverse tunnel in use or kept open"
LOOKS_FOR = (
    "An outbound session in which the far side speaks first after silence and more goes out than comes in; "
    "weakly, one that is kept alive and idle."
)
KIND = codes.FLOW
STORY = "tunnel"
ATTACK = ("T1572", "T1090", "T1021.004")

SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97)
"""Shares p of bursts begun by the far side, over which the kinds are mixtures."""

LOG_FAR = tuple(math.log(p) for p in SHARES)
LOG_NEAR = tuple(math.log(1.0 - p) for p in SHARES)

Mixture = tuple[float, float, float, float, float, float, float, float, float, float]
Volumes = tuple[float, float, float, float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kinds of session and what their signs are worth."""

    half_life_s: Annotated[float, Meta(gt=0, description="seconds; a session says it again with each record")] = 3600.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most; a remote worker can look the same")] = 7.5
    tunnel: Annotated[Mixture, Meta(description="weights of SHARES in used tunnels")] = (
        0.0, 0.0, 0.02, 0.07, 0.08, 0.1, 0.12, 0.2, 0.27, 0.14)  # fmt: skip
    client: Annotated[Mixture, Meta(description="weights of SHARES in sessions that the agent leads")] = (
        0.72, 0.22, 0.04, 0.012, 0.005, 0.002, 0.0007, 0.0002, 0.00005, 0.00005)  # fmt: skip
    push: Annotated[Mixture, Meta(description="weights of SHARES where work is pushed to the agent and answered")] = (
        0.0, 0.02, 0.08, 0.25, 0.33, 0.235, 0.08, 0.003, 0.001, 0.001)  # fmt: skip
    stream: Annotated[Mixture, Meta(description="weights of SHARES where the far side only sends")] = (
        0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.05, 0.18, 0.35, 0.4)  # fmt: skip
    # (out - in) / (out + in): up to -0.6, to -0.12, to 0.1, to 0.6, above
    tunnel_volume: Annotated[Volumes, Meta(description="of used tunnels")] = (0.08, 0.1, 0.28, 0.36, 0.18)
    client_volume: Annotated[Volumes, Meta(description="of sessions the agent leads")] = (0.5, 0.28, 0.1, 0.07, 0.05)
    push_volume: Annotated[Volumes, Meta(description="of push sessions")] = (0.16, 0.46, 0.32, 0.04, 0.02)
    stream_volume: Annotated[Volumes, Meta(description="of streams")] = (0.935, 0.05, 0.008, 0.004, 0.003)
    ordinary: Annotated[
        tuple[float, float, float], Meta(description="shares of client, push and stream among ordinary long sessions")
    ] = (0.885, 0.1, 0.015)
    handshake_bytes: Annotated[
        float, Meta(ge=0, description="payload of a session's start each way that says nothing: keys, certificates")
    ] = 4000.0
    enough_bytes: Annotated[float, Meta(gt=0, description="payload below which volumes have no direction")] = 600.0
    enough_bursts: Annotated[float, Meta(gt=2, description="bursts below which nothing is said of them")] = 4.0
    most_bursts: Annotated[
        float, Meta(ge=1, description="bursts that count at most: those of one session are alike, not independent")
    ] = 30.0
    burst_worth: Annotated[float, Meta(gt=0, description="nats at most for each burst beyond the second")] = 1.0
    keepalive_bytes: Annotated[
        float, Meta(gt=0, description="payload of one keepalive each way at most; ssh 52 and 28, TLS below 150")
    ] = 160.0
    keepalive_s: Annotated[float, Meta(gt=0, description="seconds between keepalives, where bursts are unknown")] = 20.0
    turned_worth: Annotated[float, Meta(ge=0, description="nats of each turned record after a session's first")] = 0.8
    turned_cap: Annotated[
        float, Meta(ge=0, description="nats; 2 of 5 used tunnels turned twice, and no other of their length")
    ] = 2.4
    idle_worth: Annotated[
        float, Meta(ge=0, description="nats of an idle session: 5 of 11 tunnels, 1 of 21 harmless agents of lab_dev")
    ] = 1.5
    idle_s: Annotated[float, Meta(gt=0, description="seconds of life at which an idle session says all it can")] = 900.0
    idle_from_s: Annotated[float, Meta(gt=0, description="seconds of life below which it says nothing")] = 300.0
    long_s: Annotated[
        float, Meta(gt=0, description="seconds; a record this long stands for a session of which no other will come")
    ] = 600.0


SLOTS = 8

STATE = np.dtype(
    [
        ("flow", "u8", (SLOTS,)),
        ("first", "i8", (SLOTS,)),
        ("last", "i8", (SLOTS,)),
        ("out", "f8", (SLOTS,)),
        ("back", "f8", (SLOTS,)),
        ("bursts", "i4", (SLOTS,)),
        ("far", "i4", (SLOTS,)),
        ("records", "u2", (SLOTS,)),
        ("idle", "u2", (SLOTS,)),
        ("turned", "u2", (SLOTS,)),
        ("worth", "u2", (SLOTS,)),
    ],
    align=True,
)
"""A table of sessions.

flow         hash of the flow's name; 0 a free slot
first, last  µs, its begin and the end of its latest record
out, back    payload bytes after the handshake, keepalives left out
bursts, far  how many, and how many of them by the far side, keepalives left out
records, idle, turned   how many records, how many of them only keepalives, how many turned
worth        hundredths of nats: the most it has said, so that what is suspicious stays in the table
"""

WHY = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("life", "i8"),
        ("out", "f8"),
        ("back", "f8"),
        ("bursts", "i4"),
        ("far", "i4"),
        ("port", "i4"),
        ("turned", "u2"),
        ("sign", "u1"),
    ],
    align=True,
)

BURSTS, TURNED, IDLE = 1, 2, 3
V4 = np.uint64(0xFFFF)
HALF = np.uint64(32)
NONE = np.uint64(0)
MANY, LOTS = 60_000, 1_000_000_000
"""Where counters stop."""



@kernel
def payload(size: float, packets: float, header: float) -> float:
    """Bytes without headers; all of them where packets are unknown or headers were not counted."""
    if not size > 0.0:
        return 0.0
    if packets > 0.0 and size >= (header - 12.0) * packets:
        return max(0.0, size - header * packets)
    return size


@kernel
def nats_of_bursts(far: float, bursts: float, out: float, back: float, settings: Any) -> float:
    """ln P(bursts, volumes | used tunnel) / P(the same | ordinary session); may be negative."""
    few = min(1.0, settings["most_bursts"] / bursts)
    far = far * few
    near = bursts * few - far
    tunnel = client = push = stream = 0.0
    for g in range(len(SHARES)):
        here = math.exp(far * LOG_FAR[g] + near * LOG_NEAR[g])
        tunnel += settings["tunnel"][g] * here
        client += settings["client"][g] * here
        push += settings["push"][g] * here
        stream += settings["stream"][g] * here
    client *= settings["ordinary"][0]
    push *= settings["ordinary"][1]
    stream *= settings["ordinary"][2]
    if out + back >= settings["enough_bytes"]:
        lean = (out - back) / (out + back)
        v = 0 if lean <= -0.6 else 1 if lean <= -0.12 else 2 if lean <= 0.1 else 3 if lean <= 0.6 else 4
        tunnel *= settings["tunnel_volume"][v]
        client *= settings["client_volume"][v]
        push *= settings["push_volume"][v]
        stream *= settings["stream_volume"][v]
    return float(min(math.log(tunnel / (client + push + stream)), settings["burst_worth"] * (bursts - 2.0)))


@kernel
def slot_for(own: Any) -> int:
    """The slot for a new session: a free one, or that of the least suspicious, then least known, then oldest session.

    A flood of new flows fights for one slot; sessions that were seen twice, or that said something, stay.
    """
    best = 0
    for s in range(SLOTS):
        if own["flow"][s] == NONE:
            return s
        a, b = own["worth"][s] // 50, own["worth"][best] // 50
        if a != b:
            if a < b:
                best = s
            continue
        a, b = min(own["records"][s], 15), min(own["records"][best], 15)
        if a < b or (a == b and own["last"][s] < own["last"][best]):
            best = s
    return best


@kernel
def step(
    ts: NDArray[np.int64],
    agent: NDArray[np.int32],
    place: NDArray[np.uint8],
    flow: Flow,
    state: Any,
    settings: Any,
    strength: NDArray[np.float64],
    why: Any,
) -> None:
    """Walk flow rows as `pipeline.detectors` lays down."""
    set_ = settings[0]
    for i in range(ts.size):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        if place[i] != codes.EXTERNAL or flow.direction[i] == codes.INBOUND or flow.proto[i] == codes.ICMP:
            continue
        if flow.outcome[i] > codes.ESTABLISHED or flow.dst_bytes[i] == 0.0:
            continue
        own = state[agent[i]]
        name = flow.flow_id[i]
        length = flow.duration[i]
        bursts = flow.bursts[i]
        s = 0
        while s < SLOTS and own["flow"][s] != name:
            s += 1
        new = s == SLOTS
        if new:
            if length >= 0 and bursts < set_["enough_bursts"]:
                if flow.final[i] == codes.YES and length < 120_000_000:
                    continue
                keepalive = flow.proto[i] == codes.TCP and flow.src_pkts[i] <= 4.0
                if flow.final[i] == 0 and length < 10_000_000 and not keepalive:
                    continue
            s = slot_for(own)
            own["flow"][s] = name
            own["first"][s] = ts[i] - max(0, length)
            own["last"][s] = ts[i]
            own["out"][s] = own["back"][s] = 0.0
            own["bursts"][s] = own["far"][s] = 0
            own["records"][s] = own["idle"][s] = own["turned"][s] = own["worth"][s] = 0
        start = ts[i] - max(0, length)
        own["first"][s] = min(own["first"][s], start)
        own["last"][s] = max(own["last"][s], ts[i])
        own["records"][s] = min(own["records"][s] + 1, MANY)

        v4 = flow.src_hi[i] == NONE and flow.src_lo[i] >> HALF == V4
        header = (28.0 if flow.proto[i] == codes.UDP else 52.0) + (0.0 if v4 else 20.0)
        out = payload(flow.src_bytes[i], flow.src_pkts[i], header)
        back = payload(flow.dst_bytes[i], flow.dst_pkts[i], header)
        if new:
            out = max(0.0, out - set_["handshake_bytes"])
            back = max(0.0, back - set_["handshake_bytes"])
        whole = length >= set_["long_s"] * 1e6
        beats = max(1.0, length * 1e-6 / set_["keepalive_s"])
        if bursts > 0:
            beats = float(bursts)
        alive = set_["keepalive_bytes"] * beats
        if out <= alive and back <= alive and flow.bursts_dst_first[i] <= 0:
            if out > 0.0 and back > 0.0 and flow.proto[i] == codes.TCP:
                minutes = length // 60_000_000 if whole else 1
                own["idle"][s] = min(own["idle"][s] + minutes, MANY)
        else:
            own["out"][s] += out
            own["back"][s] += back
            if bursts > 0:
                own["bursts"][s] = min(np.int64(own["bursts"][s]) + bursts, LOTS)
                far = np.int64(own["far"][s]) + max(0, flow.bursts_dst_first[i])
                own["far"][s] = min(far, np.int64(own["bursts"][s]))
            if (
                (whole or not new)
                and out > 1.1 * back
                and back >= 400.0
                and flow.dst_pkts[i] > 1.05 * flow.src_pkts[i]
                and flow.dst_pkts[i] >= 8.0
            ):
                own["turned"][s] = min(own["turned"][s] + (2 if whole else 1), MANY)

        sign = TURNED
        turned = np.int64(own["turned"][s])
        said = min(set_["turned_cap"], set_["turned_worth"] * max(0, turned - 1))
        if own["bursts"][s] >= set_["enough_bursts"]:
            sign = BURSTS
            said = 0.5 * said + nats_of_bursts(
                float(own["far"][s]), float(own["bursts"][s]), own["out"][s], own["back"][s], set_
            )
        life = own["last"][s] - own["first"][s]
        beaten = np.int64(own["idle"][s])
        if life >= set_["idle_from_s"] * 1e6 and beaten >= 4 and 2 * beaten >= own["records"][s]:
            idle = set_["idle_worth"] * min(1.0, life * 1e-6 / set_["idle_s"])
            if idle > said:
                said, sign = idle, IDLE
        said = min(said, set_["cap"])
        if said > 0.0:
            own["worth"][s] = max(own["worth"][s], int(said * 100.0))
            strength[i] = said
            why[i]["hi"] = flow.dst_hi[i]
            why[i]["lo"] = flow.dst_lo[i]
            why[i]["port"] = flow.dst_port[i]
            why[i]["life"] = life
            why[i]["out"] = own["out"][s]
            why[i]["back"] = own["back"][s]
            why[i]["bursts"] = own["bursts"][s]
            why[i]["far"] = own["far"][s]
            why[i]["turned"] = turned
            why[i]["sign"] = sign
        if flow.final[i] == codes.YES:
            own["flow"][s] = NONE


def lasted(why: np.void) -> int:
    """For how many µs the session had lasted."""
    return round(float(why["life"]))


def explain(why: np.void) -> str:
    """The words for people.

    >>> row = np.zeros(1, WHY)
    >>> row["lo"], row["port"], row["life"], row["sign"] = 0xFFFFCB007107, 22, 600 * 10**6, BURSTS
    >>> row["far"], row["bursts"], row["out"], row["back"] = 28, 33, 45560.0, 27820.0
    >>> explain(row[0])
    '203.0.113.7 port 22 spoke first in 28 of 33 bursts of a 10 min session; 45.6 kB went out, 27.8 kB came in'
    """
    address = ipaddress.ip_address((int(why["hi"]) << 64) | int(why["lo"]))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    peer = f"{address} port {int(why['port'])}"
    life = f"{int(why['life']) / 60e6:.0f} min"
    volumes = f"{float(why['out']) / 1e3:.1f} kB went out, {float(why['back']) / 1e3:.1f} kB came in"
    if why["sign"] == BURSTS:
        return (
            f"{peer} spoke first in {int(why['far'])} of {int(why['bursts'])} bursts of a {life} session; {volumes}"
        )
    if why["sign"] == TURNED:
        times = int(why["turned"])
        return f"more payload out yet more packets in, {times} times in a {life} session with {peer}; {volumes}"
    return f"a session with {peer} is kept alive for {life} and hardly used: a tunnel that waits, or a quiet shell"
