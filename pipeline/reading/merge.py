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
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.events.batch import Batch
from pipeline.events.together import interleave, part_of, pieces, times_of

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
            keys = np.maximum(np.maximum.accumulate(times_of(batch)), source.reached)
            source.reached = int(keys[-1])
            source.held.append(Held(batch, keys))
            heapq.heapreplace(ahead, (source.reached, index))
            read += len(batch)
        ready = take_ready(sources, ahead[0] if ahead else None)
        if ready:
            yield from pieces(interleave([r.batch for r in ready], [r.keys for r in ready]), rows)


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
