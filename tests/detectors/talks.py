"""Connections message by message, as the flow records that a sensor on the agent's side makes of them.

A message is (second, side, payload bytes), side 0 the agent and 1 the far side, at the second when the sensor sees it.
Each side acknowledges what it gets: in its own next message if that comes within DELAY, else by itself.

    agent   share ─┬─────────────┬─ ack          the answer carries the acknowledgement: two packets out, one back
    far            └─ round trip ┘ ok
"""

from __future__ import annotations

import random
from bisect import bisect_left

from pipeline.events import codes
from tests.detectors.flow_rows import Row, row

Message = tuple[float, int, int]

HEADER, SEGMENT, DELAY, TRIP = 52, 1448, 0.04, 0.06


def packets(messages: list[Message]) -> list[Message]:
    """Messages as packets with headers, and the acknowledgements, in order of time."""
    out = []
    spoken = [sorted(t for t, side, _ in messages if side == who) for who in (0, 1)]
    for t, side, size in messages:
        for begin in range(0, size, SEGMENT):
            out.append((t, side, min(SEGMENT, size - begin) + HEADER))
        segments = -(-size // SEGMENT)
        other = 1 - side
        heard = t + (TRIP if side == 0 else 0.0)
        out += [(heard, other, HEADER)] * (segments // 2)
        following = bisect_left(spoken[other], heard)
        answered = following < len(spoken[other]) and spoken[other][following] <= heard + DELAY
        if segments % 2 and not answered:
            out.append((heard + DELAY, other, HEADER))
    return sorted(out)


def talk(
    messages: list[Message],
    dst: str = "198.51.100.7",
    port: int = 443,
    flow_id: int = 1,
    begin: float = 0.0,
    every: float = 60.0,
) -> list[Row]:
    """One connection as records: a record closes when a packet comes `every` seconds after its first."""
    groups: list[list[Message]] = []
    for packet in packets(messages):
        if not groups or packet[0] >= groups[-1][0][0] + every:
            groups.append([])
        groups[-1].append(packet)
    rows = []
    for group in groups:
        out, back = ([size for _, side, size in group if side == who] for who in (0, 1))
        rows.append(row(
            begin + group[-1][0], dst, port, flow_id=flow_id, outcome=codes.ESTABLISHED,
            final=codes.YES if group is groups[-1] else codes.NO, duration=round((group[-1][0] - group[0][0]) * 1e6),
            src_bytes=sum(out), dst_bytes=sum(back), src_pkts=len(out), dst_pkts=len(back),
        ))  # fmt: skip
    return rows


def at_once(rows: list[Row]) -> list[Row]:
    """The same connection as one final record of its whole life."""
    begin = rows[0]["ts"] - rows[0]["duration"]
    sums = {name: sum(r[name] for r in rows) for name in ("src_bytes", "dst_bytes", "src_pkts", "dst_pkts")}
    return [rows[-1] | sums | {"duration": rows[-1]["ts"] - begin, "final": codes.YES}]


def chance(rng: random.Random, mean: float, length: float) -> list[float]:
    """Times of chance events, on average one every `mean` seconds."""
    out, t = [], rng.expovariate(1 / mean)
    while t < length:
        out.append(t)
        t += rng.expovariate(1 / mean)
    return out


def clock(every: float, length: float) -> list[float]:
    """Times of a clock."""
    return [1.0 + n * every for n in range(int((length - 1) / every))]


def asked(t: float, question: int, answer: int, work: float = 0.002) -> list[Message]:
    """A question of the agent and its answer."""
    return [(t, 0, question), (t + TRIP + work, 1, answer)]


HELLO: list[Message] = [(0.0, 0, 517), (0.07, 1, 3000), (0.08, 0, 120)]


def pool(
    rng: random.Random, length: float, job: int = 380, every: float = 25, share: int = 185, luck: float = 20
) -> list[Message]:
    """A pool: jobs unasked, shares by luck, each told ok."""
    out = list(HELLO)
    for t in chance(rng, every, length):
        out.append((t, 1, job))
    for t in chance(rng, luck, length):
        out += asked(t, share, 63)
    return sorted(m for m in out if m[0] < length)
