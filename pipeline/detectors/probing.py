"""Probing: many first contacts that fail.

A sequential likelihood test over first contacts after Jung, Paxson, Berger and Balakrishnan, "Fast portscan detection
using sequential hypothesis testing" (IEEE S&P 2004, section 4: threshold random walk), with what a fleet of sandboxes
needs beside it:

* Targets count, never failures: a (host, port, protocol) counts once, however often it is tried. Which ones were tried
  is kept in two pairs of Bloom filters (failed, talked), each pair a present and a past generation of two hours.
* Three walks that do not pay for each other: contacts inside, outside, and with what the public Internet offers to all
  (DNS, HTTP, NTP, HTTPS, echo, and what the registry allows). Otherwise an agent could pay for each probe inside with a
  new web page, and a sandbox whose way out is shut would scan: its package tools fail at 31 addresses of six sites.
* One host counts once in full. Its further ports count as a scan of services below port 1024, and little above, where
  an integration test looks for its own services.
* Outside, a failure weighs less the more others talked: a peer-to-peer client meets thousands, and half are gone.
* The walk fades by half in an hour: one target a minute is still found, a failure now and then all day is not.
* A connection that is opened and says nothing is no proof of ordinary work: it pays nothing.

Nats of one first contact, ln P(outcome | scan) / P(outcome | ordinary):
    inside    failed  ln(0.90 / 0.27) = 1.2   talked  ln(0.10 / 0.40)  = -1.4
    outside   failed  ln(0.90 / 0.37) = 0.9
The harmless agents of all development sets failed at 9 of 110 first contacts inside (the port test of one container in
lab_dev left out) and at 15 of 1,496 TCP contacts outside, the scanners of lab_dev at 0.82 to 1.0. The ordinary rates
used are several times the measured ones, because failures of innocents come together: what is down is down for all.
Jung and others use 0.2 and 0.8, that is 1.39 and -1.39.
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
from pipeline.kernels.hashing import SEED, finish, mix

TITLE = "probing of hosts and ports"
LOOKS_FOR = "First contacts with many different targets, of which most are refused, blocked or not answered."
KIND = codes.FLOW
STORY = "scan"
ATTACK = ("T1046", "T1018")

INSIDE, OUTSIDE, PUBLIC = 0, 1, 2
"""The three walks, and the order in the triples of the settings."""

Triple = tuple[float, float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a first contact says, in nats; triples are for contacts inside, outside and with public services."""

    half_life_s: Annotated[
        float,
        Meta(gt=0, description="seconds until it counts half: one target a minute adds up, a few a day do not"),
    ] = 3600.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most, of the walk too: it must come down again")] = 9.0
    failed_tcp: Annotated[Triple, Meta(description="first failed TCP port of a host")] = (1.2, 0.9, 0.15)
    failed_udp: Annotated[
        Triple, Meta(description="first failed UDP port of a host: much UDP is never answered")
    ] = (0.6, 0.3, 0.15)
    failed_icmp: Annotated[
        Triple,
        Meta(description="unanswered ICMP: echo is often filtered, and errors that answer others look the same"),
    ] = (0.6, 0.15, 0.15)
    further_low: Annotated[
        Triple, Meta(description="further failed TCP port of a host, below 1024: another of its services")
    ] = (0.9, 0.9, 0.15)
    further_high: Annotated[
        Triple, Meta(description="further failed TCP port from 1024: a test of one's own container tries a few dozen")
    ] = (0.2, 0.2, 0.05)
    further_udp: Annotated[
        Triple, Meta(description="further failed UDP port of a host: a traceroute tries ninety, a call some")
    ] = (0.03, 0.03, 0.01)
    silent: Annotated[Triple, Meta(description="new host that was connected to and told nothing")] = (0.25, 0.15, 0.0)
    blind: Annotated[
        Triple, Meta(description="new host where the record says neither outcome nor packets nor bytes: bare fan-out")
    ] = (0.1, 0.0, 0.0)
    talked: Annotated[Triple, Meta(description="first contact that talked")] = (-1.4, -1.4, -0.15)
    floor: Annotated[Triple, Meta(description="how far talking pays ahead: a failure or less")] = (-1.2, -0.5, -0.15)
    company: Annotated[
        float,
        Meta(gt=0, description="outside targets that talked of late at which a failed one weighs half: peers leave"),
    ] = 20.0
    hinted: Annotated[
        float, Meta(ge=0, le=1, description="share of the weight where only the counters show that nothing came back")
    ] = 0.7
    forget_s: Annotated[
        float, Meta(gt=0, description="seconds; a target not tried for one to two of these is new again")
    ] = 7200.0


WORDS = 16
FULL = 200
"""Names after which a filter is put by: 1 - exp(-2 * 200 / 1024) = 32 % of its bits set, 11 % of new ones missed."""

FAILED_SET, TALKED_SET = 0, 1

STATE = np.dtype(
    [
        ("walk", "f8", (3,)),
        ("company", "f8"),
        ("last", "i8"),
        ("began", "i8", (3,)),
        ("since", "i8", (2,)),
        ("now", "u8", (2, WORDS)),
        ("past", "u8", (2, WORDS)),
        ("kept", "i4", (2,)),
        ("targets", "i4", (3,)),
        ("hosts", "i4", (3,)),
        ("started", "u1"),
    ],
    align=True,
)
"""walk      nats, one walk each for INSIDE, OUTSIDE, PUBLIC, as of `last`
company   how many outside targets talked, fading like the walks
last      µs, the latest first contact so far
began     µs, when each walk last left the ground; targets, hosts: how many failed or were told nothing since
since     µs, when the present filter of each set was begun; kept: how many are in it
now, past  the present and the past filter of each set
"""

WHY = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("span", "i8"),
        ("targets", "i4"),
        ("hosts", "i4"),
        ("port", "i4"),
        ("walk", "u1"),
        ("proto", "u1"),
    ],
    align=True,
)

IN_FILTER = np.uint64(WORDS - 1)
IN_WORD = np.uint64(63)
ONE = np.uint64(1)
EIGHT = np.uint64(8)
TWENTY = np.uint64(20)
HALF = np.uint64(32)

RESET, OPENING = 40.0, 60.0
"""Bytes of a TCP packet that refuses and of one that opens, over IPv4; 20 more over IPv6."""

NONE = np.uint64(0)
V4_LOW = np.uint64(0xFFFF)

GROUND = 0.05
"""Nats below which a walk is over, for the words only."""

LN2 = math.log(2.0)
FAILED, TALKED, SILENT, BLIND = 0, 1, 2, 3
HOST = 1 << 40
"""Mark of a host, beyond every mark of a port and protocol; plus the walk."""


@kernel
def named(hi: np.uint64, lo: np.uint64, mark: np.int64) -> np.uint64:
    """A hash of an address and of what it is noted for: a port and protocol, or a host of one walk."""
    return finish(mix(mix(mix(SEED, hi), lo), np.uint64(mark)))


@kernel
def marks(name: np.uint64) -> np.uint64:
    """The two bits of a name within its word of a filter: one word, so that a look costs one line of cache."""
    return (ONE << ((name >> EIGHT) & IN_WORD)) | (ONE << ((name >> TWENTY) & IN_WORD))


@kernel
def holds(words: NDArray[np.uint64], name: np.uint64) -> bool:
    """Whether both bits of a name are set in a filter."""
    bits = marks(name)
    return bool(words[name & IN_FILTER] & bits == bits)


@kernel
def known(state: Any, which: int, name: np.uint64, ts: np.int64, forget: np.int64) -> bool:
    """Whether a name is in one of the two sets of one agent; from now on it is.

    A filter that is full or old is put by; the one put by before it is dropped. A name that keeps coming back moves on
    to the present filter each time, so that it never gets new again.
    """
    now = state["now"][which]
    past = state["past"][which]
    if holds(now, name):
        return True
    age = ts - state["since"][which]
    if state["kept"][which] >= FULL or age >= forget or state["kept"][which] == 0:
        for k in range(WORDS):
            past[k] = now[k] if age < 2 * forget else NONE
            now[k] = NONE
        state["kept"][which] = 0
        state["since"][which] = ts
    now[name & IN_FILTER] |= marks(name)
    state["kept"][which] += 1
    return holds(past, name)


@kernel
def outcome_of(
    said: int, tcp: bool, header: float, out: float, back: float, out_bytes: float, back_bytes: float
) -> tuple[int, bool]:
    """How a contact went, and whether only its counters say so; `header` is what IPv6 adds to a packet, 0 or 20."""
    if said == codes.REJECTED or said == codes.UNANSWERED or said == codes.BLOCKED:
        return FAILED, False
    bare = tcp and out_bytes <= (OPENING + header) * out
    if said != codes.ESTABLISHED:
        if back == 0.0 or back_bytes == 0.0:
            return FAILED, True
        if tcp and out <= 2.0 and back == 1.0 and back_bytes <= RESET + header:
            return FAILED, True
        if not (back > 0.0 or back_bytes > 0.0 or out > 3.0):
            return (SILENT, True) if bare else (BLIND, False)
    return (SILENT if bare else TALKED), False


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
    half_life = settings[0]["half_life_s"] * 1e6
    cap = settings[0]["cap"]
    forget = np.int64(settings[0]["forget_s"] * 1e6)
    for i in range(ts.size):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        if flow.direction[i] == codes.INBOUND or place[i] == codes.LOCAL:
            continue
        hi, lo, port, proto = flow.dst_hi[i], flow.dst_lo[i], flow.dst_port[i], flow.proto[i]
        if hi == flow.src_hi[i] and lo == flow.src_lo[i]:
            continue
        own = state[agent[i]]
        target = named(hi, lo, np.int64((np.int64(port) << 8) | proto))
        if holds(own["now"][TALKED_SET], target):
            continue
        v4 = flow.src_hi[i] == NONE and flow.src_lo[i] >> HALF == V4_LOW
        how, hinted = outcome_of(
            flow.outcome[i], proto == codes.TCP, 0.0 if v4 else 20.0,
            flow.src_pkts[i], flow.dst_pkts[i], flow.src_bytes[i], flow.dst_bytes[i],
        )  # fmt: skip
        if how == TALKED and proto == codes.ICMP and place[i] == codes.INTERNAL:
            continue
        if how == FAILED and holds(own["past"][TALKED_SET], target):
            continue
        which = FAILED_SET if how == FAILED else TALKED_SET
        if known(own, which, target, ts[i], forget):
            continue

        if own["started"] == 0:
            own["started"] = 1
            own["last"] = ts[i]
        gone = ts[i] - own["last"]
        fade = math.exp(-LN2 * (abs(gone) / half_life))
        if gone > 0:
            own["last"] = ts[i]
            own["company"] *= fade
            for k in range(3):
                own["walk"][k] *= fade
        late = fade if gone < 0 else 1.0

        walk = OUTSIDE
        if place[i] == codes.INTERNAL:
            walk = INSIDE
        elif place[i] == codes.ALLOWED or proto == codes.ICMP or port == 80 or port == 443 or port == 53 or port == 123:
            walk = PUBLIC

        if how == TALKED:
            if walk == OUTSIDE:
                own["company"] += late
            paid = own["walk"][walk] + settings[0]["talked"][walk] * late
            own["walk"][walk] = max(paid, min(own["walk"][walk], settings[0]["floor"][walk]))
            continue

        host = named(hi, lo, np.int64(HOST + walk))
        met = known(own, which, host, ts[i], forget)
        counted = met or holds(own["now"][1 - which], host)
        if how != FAILED:
            nats = 0.0 if met else settings[0]["silent"][walk] if how == SILENT else settings[0]["blind"][walk]
        elif proto == codes.TCP:
            if not met:
                nats = settings[0]["failed_tcp"][walk]
            else:
                nats = settings[0]["further_low"][walk] if port < 1024 else settings[0]["further_high"][walk]
        elif met:
            nats = settings[0]["further_udp"][walk]
        else:
            nats = settings[0]["failed_icmp"][walk] if proto == codes.ICMP else settings[0]["failed_udp"][walk]
        if walk == OUTSIDE:
            nats *= settings[0]["company"] / (settings[0]["company"] + own["company"])
        if hinted:
            nats *= settings[0]["hinted"]

        if nats == 0.0:
            continue
        if own["walk"][walk] < GROUND:
            own["began"][walk] = ts[i]
            own["targets"][walk] = 0
            own["hosts"][walk] = 0
        own["targets"][walk] += 1
        if not counted or own["hosts"][walk] == 0:
            own["hosts"][walk] += 1
        own["walk"][walk] = min(cap, own["walk"][walk] + nats * late)
        if own["walk"][walk] <= 0.0:
            continue
        strength[i] = own["walk"][walk]
        why[i]["hi"] = hi
        why[i]["lo"] = lo
        why[i]["span"] = max(0, own["last"] - own["began"][walk])
        why[i]["targets"] = own["targets"][walk]
        why[i]["hosts"] = own["hosts"][walk]
        why[i]["port"] = port
        why[i]["walk"] = walk
        why[i]["proto"] = proto


def lasted(why: np.void) -> int:
    """For how many µs the walk had lasted."""
    return round(float(why["span"]))


def explain(why: np.void) -> str:
    """The words for people.

    >>> row = np.zeros(1, WHY)
    >>> row["lo"], row["port"], row["proto"], row["targets"], row["hosts"] = 0xFFFF0A000005, 22, 1, 9, 8
    >>> explain(row[0])
    '9 targets on 8 hosts inside were silent, refused or told nothing, all within 0 s; last 10.0.0.5 port 22/tcp'
    """
    address = ipaddress.ip_address((int(why["hi"]) << 64) | int(why["lo"]))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    span = int(why["span"]) / 1e6
    within = f"{span:.0f} s" if span < 60 else f"{span / 60:.0f} min"
    side = ("inside", "outside", "outside, of public services,")[int(why["walk"])]
    proto = {code: name for name, code in codes.PROTOS.items()}.get(int(why["proto"]), "")
    at = "icmp" if proto == "icmp" else f"port {int(why['port'])}/{proto}" if proto else f"port {int(why['port'])}"
    targets, hosts = int(why["targets"]), int(why["hosts"])
    return (
        f"{targets} target{'s' * (targets != 1)} on {hosts} host{'s' * (hosts != 1)} {side} "
        f"were silent, refused or told nothing, all within {within}; last {address} {at}"
    )
