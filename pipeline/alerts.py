"""Scores of one agent -> alerts: opened when a level is reached, raised at the next, closed with hysteresis.

    score  90 ┤          ╭──╮                 opened  the first level is reached: an incident with a number begins
           70 ┤      ╭───╯  ╰────╮            raised  a higher level of the same incident
           50 ┤   ╭──╯           ╰───╮        closed  the score has fallen below `close_below`
           40 ┤───╯  (no alert here) ╰──      one incident says at most five things, whatever the score does
                  o   r   r            c

An incident is numbered by agent, and the number is part of the state: a worker that starts again and crosses the same
level says the same id.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from pipeline.risk import LEVELS

STATE = np.dtype([("opened_ts", "i8"), ("incident", "i4"), ("update", "i4"), ("level", "i4")])


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an alert ends."""

    close_below: Annotated[
        float,
        Meta(
            gt=0,
            lt=50,
            description="score below which an open alert is closed; the distance to 50 "
            "keeps a score that hovers there from opening and closing without end",
        ),
    ] = 40.0


class Change(NamedTuple):
    """One thing that happened to an alert: opened, raised or closed, at which level, of which incident."""

    change: str
    level: int
    incident: int
    update: int
    opened_ts: int


def follow(state: Any, score: float, ts: int, settings: Settings) -> Change | None:
    """Take one new score of an agent in; what it does to the agent's alert, or None. `ts` in µs.

    >>> state = np.zeros(1, STATE)[0]
    >>> [(c.change, c.level) for s in (10.0, 55.0, 60.0, 91.0, 45.0, 39.0) if (c := follow(state, s, 0, Settings()))]
    [('opened', 50), ('raised', 90), ('closed', 90)]
    """
    reached = max((level for level in LEVELS if score >= level), default=0)
    if reached > state["level"]:
        change = "raised" if state["level"] else "opened"
        if change == "opened":
            state["incident"] += 1
            state["update"] = 0
            state["opened_ts"] = ts
        state["level"] = reached
    elif state["level"] and score < settings.close_below:
        change, reached = "closed", int(state["level"])
        state["level"] = 0
    else:
        return None
    state["update"] += 1
    return Change(change, int(reached), int(state["incident"]), int(state["update"]), int(state["opened_ts"]))
