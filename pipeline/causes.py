"""Evidence -> the commands of the same agent that came just before it.

Of each agent the last commands are kept, and apart from them the last that a command detector spoke of, so that a flood
of harmless commands does not push out the one that matters:

    time line of an agent      c  c  C  c  c  c  c        c = command, C = one that a detector spoke of
                                     |        E           E = evidence, which began at `since`
    recent  (ring of 16)      c  C  c  c  c  c
    notable (ring of 8)             C

A command that was run several times is named once. A cause is named for a reason; the strongest reason is named first:
it is the evidence itself, it names the far side, it did something of the same story, it did something suspicious, it
came just before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.events.codes import COMMAND
from pipeline.kernels.compiled import kernel

RECENT = 16
NOTABLE = 8
NAMED = 5
"""Causes that are named with a piece of evidence."""

LOUD = 1.0
"""Nats from which a command counts as suspicious by itself; what says less is what everybody does."""

REASONS = (
    "it came while this went on",
    "it came just before",
    "it did something suspicious itself",
    "it did something of the same kind itself",
    "it names the far side",
    "it is the evidence",
)
"""Why a command is named, the strongest last."""

SLACK_US = 1_000_000
"""Clocks of sensor and shell differ: a command counts as before if it began at most a second after."""

STATE = np.dtype(
    [
        ("recent_ts", "i8", (RECENT,)),
        ("notable_ts", "i8", (NOTABLE,)),
        ("recent", "i4", (RECENT,)),
        ("notable", "i4", (NOTABLE,)),
        ("recent_at", "u4"),
        ("notable_at", "u4"),
    ]
)
"""Commands are kept as their number + 1, 0 = none; *_at counts what was ever written."""


class Cause(NamedTuple):
    """A command, by number, and why it is named."""

    ts: int
    command: int
    reason: str


@kernel
def remember(
    begin: int,
    end: int,
    kind: NDArray[np.uint8],
    row: NDArray[np.int64],
    agent: NDArray[np.int64],
    ts: NDArray[np.int64],
    number: NDArray[np.int64],
    loudest: NDArray[np.float64],
    state: NDArray[np.void],
) -> None:
    """Take the commands among rows begin .. end of the order into their agents' rings."""
    for i in range(begin, end):
        if kind[i] != COMMAND:
            continue
        own = state[agent[i]]
        command = number[row[i]]
        at = own["recent_at"] % RECENT
        own["recent_ts"][at] = ts[i]
        own["recent"][at] = command + 1
        own["recent_at"] = own["recent_at"] + 1
        if loudest[command] >= LOUD:
            at = own["notable_at"] % NOTABLE
            own["notable_ts"][at] = ts[i]
            own["notable"][at] = command + 1
            own["notable_at"] = own["notable_at"] + 1


def causes(
    state: Any, commands: Any, stories: list[str], story: str, since: int, ts: int, places: set[int], itself: int | None
) -> list[Cause]:
    """The commands of one agent that best explain evidence that began at `since` and was seen at `ts` (µs).

    state     the agent's rings
    commands  the Commands that their numbers belong to
    stories   the story of each command detector
    places    hashes of the far side of the evidence
    itself    the number of the command that is the evidence, or None
    """
    if not state["recent_at"]:
        return []
    ranked: dict[str, tuple[tuple[int, float, int], int]] = {}
    for ring in ("recent", "notable"):
        for when, kept in zip(state[f"{ring}_ts"].tolist(), state[ring].tolist(), strict=True):
            number = kept - 1
            if number < 0 or when > ts + SLACK_US:
                continue
            same = other = 0.0
            findings = commands.findings[number]
            if findings is not commands.silent:
                for d, finding in enumerate(findings):
                    if finding is None or finding.weight < LOUD:
                        continue
                    if stories[d] == story:
                        same = max(same, finding.weight)
                    else:
                        other = max(other, finding.weight)
            if number == itself and when == ts:
                rank = 5
            elif places and any(place in places for place in commands.places[number].tolist() if place):
                rank = 4
            elif same:
                rank = 3
            elif other:
                rank = 2
            else:
                rank = 1 if when <= since + SLACK_US else 0
            text = commands.texts[number]
            key = (rank, same or other, when)
            if text not in ranked or key > ranked[text][0]:
                ranked[text] = (key, number)
    best = sorted(ranked.items(), key=lambda item: (item[1][0], item[0]), reverse=True)[:NAMED]
    return [Cause(when, number, REASONS[rank]) for _, ((rank, _, when), number) in best]
