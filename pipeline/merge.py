"""Many sources in the order of event time, streamed: each keeps its own order, and memory stays bounded.

An event sorts by (the latest time its source has reached with it, the source, its row):

    source 0   10  12  11  30           keys  10  12  12  30
    source 1   11  12  40               keys  11  12  40
    merged     10  11  12  11  12  30  40      the 12, 11 of source 0 stay in their order, before the 12 of source 1

So the order does not depend on how a source was cut into batches. A source of which the beginning is known is opened
only when the merge has come that far: a recording cut into a file an hour holds one open at a time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.events.batch import Batch, Part
from pipeline.events.codes import KINDS
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.strings import Strings

Columns = TypeVar("Columns", bound=Common | Flow | Gpu | Command)

ALWAYS: Final = np.iinfo(np.int64).min


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is held at once; nothing here changes the order."""

    rows: Annotated[int, msgspec.Meta(ge=1, description="events of one merged batch at most")] = 65536


class Stream(NamedTuple):
    """One source.

    batches   opens it: batches in the source's own order
    begins    int64 µs: no event of it is earlier; None where that is not known, then it is opened at once
    """

    batches: Callable[[], Iterator[Batch]]
    begins: int | None = None


class Held(NamedTuple):
    """A stretch of a source that was read and not yet given on, and its keys."""

    batch: Batch
    keys: NDArray[np.int64]


@dataclass(slots=True)
class Open:
    """A source that is being read. `reached` is its last key so far, `held` what is not yet given on."""

    index: int
    batches: Iterator[Batch]
    reached: int = ALWAYS
    ended: bool = False
    held: deque[Held] = field(default_factory=deque)


def merge(streams: Sequence[Stream], settings: Settings | None = None) -> Iterator[Batch]:
    """Merge sources; batches of at most `settings.rows` events.

    >>> from pipeline.formats import native
    >>> one = native.decode(b'{"agent": "a", "ts": 10, "gpu": 1}\\n{"agent": "a", "ts": 30, "gpu": 1}', 0, 1)
    >>> two = native.decode(b'{"agent": "b", "ts": 20, "command": "ls"}', 1, 1)
    >>> (merged,) = merge([Stream(lambda: iter([one.batch])), Stream(lambda: iter([two.batch]))])
    >>> merged.kind.tolist()
    [1, 2, 1]
    """
    rows = (settings or Settings()).rows
    if len(streams) == 1:
        for whole in streams[0].batches():
            yield from pieces(whole, rows)
        return
    ahead = [(ALWAYS if s.begins is None else s.begins, i) for i, s in enumerate(streams)]
    heapq.heapify(ahead)
    sources: dict[int, Open] = {}
    while ahead:
        read = 0
        while ahead and read < rows:
            _, index = ahead[0]
            source = sources.get(index)
            if source is None:
                source = sources[index] = Open(index, streams[index].batches())
            batch = next(source.batches, None)
            if batch is None:
                heapq.heappop(ahead)
                source.ended = True
                continue
            if not len(batch):
                continue
            keys = np.maximum(np.maximum.accumulate(times(batch)), source.reached)
            source.reached = int(keys[-1])
            source.held.append(Held(batch, keys))
            heapq.heapreplace(ahead, (source.reached, index))
            read += len(batch)
        ready = take_ready(sources, ahead[0] if ahead else None)
        if ready:
            yield from pieces(interleave(ready), rows)


def take_ready(sources: dict[int, Open], bound: tuple[int, int] | None) -> list[Held]:
    """What sorts no later than the bound, (key, source), by source: nothing still unread can come before it.

    Only the source whose last key is least is ever read on, so that each holds at most one batch beyond the bound.
    """
    ready: list[Held] = []
    for index in sorted(sources):
        held = sources[index].held
        while held:
            batch, keys = held[0]
            end = len(keys)
            if bound is not None:
                end = int(np.searchsorted(keys, bound[0], "right" if index <= bound[1] else "left"))
            if end < len(keys):
                if end:
                    ready.append(Held(part_of(batch, 0, end), keys[:end]))
                    held[0] = Held(part_of(batch, end, len(keys)), keys[end:])
                break
            ready.append(held.popleft())
        if not held and (bound is None or sources[index].ended):
            del sources[index]
    return ready


def times(batch: Batch) -> NDArray[np.int64]:
    """The time of every event, in order."""
    out = np.empty(len(batch), np.int64)
    for kind, part in enumerate(batch.parts):
        if part is not None:
            out[batch.kind == kind] = part.common.ts
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


def interleave(ready: list[Held]) -> Batch:
    """Stretches of sources, ordered by source, as one batch ordered by key; within a key they stay as they are."""
    if len(ready) == 1:
        return ready[0].batch
    batches = [stretch.batch for stretch in ready]
    order = np.argsort(np.concatenate([stretch.keys for stretch in ready]), kind="stable")
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

    def __init__(self, batches: list[Batch]) -> None:
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
    """Where a buffer lies in memory: equal for columns that share it."""
    return int(data.__array_interface__["data"][0])
