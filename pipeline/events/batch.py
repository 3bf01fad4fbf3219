"""A batch: events of up to three kinds as columns, in the order in which they are to be applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from pipeline.events.codes import KINDS
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.strings import Strings, pack, take

Columns = TypeVar("Columns", bound=Common | Flow | Gpu | Command)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one kind: the fields that all events have, and those of the kind."""

    common: Common
    columns: Flow | Gpu | Command

    def __len__(self) -> int:
        return len(self.common.ts)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in their order.

    parts   for each kind (flow, gpu, command) its rows, or None
    kind    uint8[n]: of which kind the n-th event is
    row     int64[n]: which row of that kind's part it is; within a kind the rows appear in order
    """

    parts: tuple[Part | None, Part | None, Part | None]
    kind: NDArray[np.uint8]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)


def of_kind(kind: int, part: Part) -> Batch:
    """A batch of one kind, in the order of its rows."""
    parts: list[Part | None] = [None] * len(KINDS)
    parts[kind] = part
    rows = np.arange(len(part), dtype=np.int64)
    return Batch((parts[0], parts[1], parts[2]), np.full(len(part), kind, np.uint8), rows)


def select(columns: Columns, rows: NDArray[np.intp] | slice) -> Columns:
    """Some rows of every column."""
    at = np.arange(len(columns[0] if not isinstance(columns[0], Strings) else columns[0].length))[rows]
    made = type(columns)._make(take(c, at) if isinstance(c, Strings) else c[rows] for c in columns)
    return cast(Columns, made)


def select_part(part: Part, rows: NDArray[np.intp] | slice) -> Part:
    """Some rows of a part."""
    return Part(select(part.common, rows), select(part.columns, rows))


def blank(kind: int, agents: list[str]) -> Part:
    """Rows of a kind in which nothing is said but the agent: numbers unknown, strings absent, times 0.

    >>> len(blank(0, ["lab/a", "lab/b"]))
    2
    """
    rows = len(agents)

    def column(hint: object) -> Any:
        if hint is Strings:
            return pack([None] * rows)
        dtype = np.dtype(get_args(get_args(hint)[1])[0])
        return np.full(rows, np.nan if dtype.kind == "f" else 0, dtype)

    made = [[column(hint) for hint in get_type_hints(shape).values()] for shape in (Common, (Flow, Gpu, Command)[kind])]
    common = Common(*made[0])._replace(agent=pack(agents))
    return Part(common, (Flow, Gpu, Command)[kind](*made[1]))
