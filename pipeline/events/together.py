"""Batches cut into stretches, and stretches of several batches brought into one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.events.batch import Batch, Part
from pipeline.events.codes import KINDS
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.strings import Strings

Columns = TypeVar("Columns", bound=Common | Flow | Gpu | Command)


def times_of(batch: Batch) -> NDArray[np.int64]:
    """The time of every event, in order."""
    return _each(batch, [part.common.ts if part is not None else None for part in batch.parts])


def positions_of(batch: Batch) -> NDArray[np.int64]:
    """Where in its source every event was, in order."""
    return _each(batch, [part.common.position if part is not None else None for part in batch.parts])


def _each(batch: Batch, columns: Sequence[NDArray[np.int64] | None]) -> NDArray[np.int64]:
    out = np.empty(len(batch), np.int64)
    for kind, column in enumerate(columns):
        if column is not None:
            out[batch.kind == kind] = column
    return out


def part_of(batch: Batch, start: int, end: int) -> Batch:
    """The events from `start` to before `end`, as views."""
    kind = batch.kind[start:end]
    row = batch.row[start:end].copy()
    parts: list[Part | None] = [None, None, None]
    for k, part in enumerate(batch.parts):
        mine = kind == k
        count = int(np.count_nonzero(mine))
        if part is not None and count:
            first = int(row[np.argmax(mine)])
            row[mine] -= first
            parts[k] = Part(cut(part.common, first, first + count), cut(part.columns, first, first + count))
    return Batch((parts[0], parts[1], parts[2]), kind, row)


def cut(columns: Columns, start: int, end: int) -> Columns:
    """Some rows of every column, as views."""
    made = type(columns)._make(
        Strings(c.data, c.offset[start:end], c.length[start:end]) if isinstance(c, Strings) else c[start:end]
        for c in columns
    )
    return cast(Columns, made)


def pieces(batch: Batch, rows: int) -> Iterator[Batch]:
    """A batch in stretches of at most `rows` events."""
    if len(batch) <= rows:
        if len(batch):
            yield batch
        return
    for start in range(0, len(batch), rows):
        yield part_of(batch, start, min(start + rows, len(batch)))


def interleave(batches: Sequence[Batch], keys: Sequence[NDArray[np.int64]]) -> Batch:
    """Several batches as one that is ordered by key, an int64 of each event; within a key they stay in their order."""
    if len(batches) == 1:
        return batches[0]
    order = np.argsort(np.concatenate(keys), kind="stable")
    strings = Together(batches)
    kind = np.concatenate([batch.kind for batch in batches])
    sorted_kind = kind[order]
    row = np.empty(len(kind), np.int64)
    parts: list[Part | None] = [None, None, None]
    for k in range(len(KINDS)):
        here = [(i, batch.parts[k]) for i, batch in enumerate(batches) if batch.parts[k] is not None]
        if not here:
            continue
        mine = kind == k
        count = int(np.count_nonzero(mine))
        row[mine] = np.arange(count)
        rows = row[order][sorted_kind == k]
        parts[k] = Part(
            strings.join([(i, p.common) for i, p in here if p is not None], rows),
            strings.join([(i, p.columns) for i, p in here if p is not None], rows),
        )
    for k in range(len(KINDS)):
        mine = sorted_kind == k
        row[mine] = np.arange(np.count_nonzero(mine))
    return Batch((parts[0], parts[1], parts[2]), sorted_kind, row)


class Together:
    """One buffer for the strings of several batches: of each of their buffers the stretch that is in use, once.

        batch 0   ....[in use]......        offsets shift by where the stretch came to lie
        batch 1   ..[in use]...
        data      [in use][in use]
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.shift: dict[tuple[int, int], int] = {}
        used: list[NDArray[np.uint8]] = []
        size = 0
        for i, batch in enumerate(batches):
            ranges: dict[int, tuple[NDArray[np.uint8], int, int]] = {}
            for part in batch.parts:
                for column in (*part.common, *part.columns) if part is not None else ():
                    if isinstance(column, Strings):
                        widen(ranges, column)
            for key, (data, low, high) in ranges.items():
                self.shift[i, key] = size - low
                used.append(data[low:high])
                size += high - low
        self.data = np.concatenate(used) if used else np.empty(0, np.uint8)

    def join(self, many: list[tuple[int, Columns]], rows: NDArray[np.int64]) -> Columns:
        """Columns of several batches one after another, and of that the rows that are asked for."""
        columns: list[Any] = []
        for column in zip(*(c for _, c in many), strict=True):
            if isinstance(column[0], Strings):
                offset = np.concatenate([
                    c.offset + self.shift[i, address_of(c.data)] for (i, _), c in zip(many, column, strict=True)
                ])
                columns.append(Strings(self.data, offset[rows], np.concatenate([c.length for c in column])[rows]))
            else:
                columns.append(np.concatenate(column)[rows])
        return cast(Columns, type(many[0][1])._make(columns))


def widen(ranges: dict[int, tuple[NDArray[np.uint8], int, int]], column: Strings) -> None:
    """Widen the stretch of a buffer that is in use by what a column needs of it."""
    key = address_of(column.data)
    _, low, high = ranges.get(key, (column.data, len(column.data), 0))
    there = column.length > 0
    if there.any():
        low = min(low, int(np.min(column.offset, where=there, initial=len(column.data))))
        high = max(high, int(np.max(column.offset + column.length, where=there, initial=0)))
    ranges[key] = (column.data, min(low, high) if high == 0 else low, high)


def address_of(data: NDArray[np.uint8]) -> int:
    """Where a buffer lies in memory: equal for columns that share it.

    Not by `__array_interface__`: its names are interned and dropped at each call, until the interpreter makes its table
    of names anew, which takes 2 MB for a moment.
    """
    return int(data.ctypes.data)
