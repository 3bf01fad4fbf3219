"""What was fetched of one partition's topics, brought into one order before it is applied.

    flow      ── 10  12  15 ──┐
    gpu       ── 11  14 ──────┼──>  10  11  12  14 | 15 waits while gpu may still bring something before it
    command   ── 12 ──────────┘
    registry  ── an entry holds for the records that came after it, by the time that Kafka gave them

Events are taken as a replay takes them: always the one of the topic whose next event is earliest, each topic in its own
order. A topic of which more is to be had is waited for. At the end of all topics an event waits `order_wait_s` for its
contemporaries; what comes later than that is applied when it comes, and changes no score at the end (DESIGN Law 2),
though it may change which command is named as a cause.

A record is applied whole or not at all, so that a checkpoint has one next offset for each topic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AgentRiskError
from pipeline.events.batch import Batch
from pipeline.events.together import part_of, times_of
from pipeline.live.messages import Chunk, Entry, Refused
from pipeline.live.topics import EVENTS, INPUTS

REGISTRY: Final = "registry"
PATIENCE_S: Final = 5.0
"""Seconds that the other topics wait for one that has more but does not give it: its broker may be away."""
MOST_BYTES: Final = 8 << 20
"""Bytes of one topic that are held before no more is fetched of it."""
MOST_CHUNKS: Final = 32


class GapError(AgentRiskError):
    """Events between the state and the first one read are missing."""


@dataclass
class Held:
    """A chunk of which `done` records have been taken; `keys` are the events' times, each at least the one before."""

    chunk: Chunk
    arrived: float
    keys: NDArray[np.int64]
    done: int = 0

    @property
    def came(self) -> int:
        """When the next record came, ms."""
        return int(self.chunk.times[self.done])

    def rows(self, end: int) -> tuple[int, int]:
        """The events of the records from `done` to before `end`."""
        first, last = np.searchsorted(self.chunk.record, (self.done, end))
        return int(first), int(last)


class Piece(NamedTuple):
    """Records of one topic that are applied now: their events, what was refused of them, and the next offset."""

    kind: str
    batch: Batch | None
    keys: NDArray[np.int64]
    entries: list[Entry]
    refused: list[Refused]
    records: int
    next_offset: int


@dataclass
class LineUp:
    """The chunks of one partition.

    wait_s   seconds that the newest events wait
    behind   whether more of a kind is to be had than was fetched, of what was there at a moment (s, monotonic)
    next     the offset that the next chunk of each kind must begin with
    """

    wait_s: float
    behind: Callable[[str, float], bool]
    gaps: str = "stop"
    held: dict[str, deque[Held]] = field(default_factory=lambda: {kind: deque() for kind in INPUTS})
    next: dict[str, int] = field(default_factory=dict)

    def expect(self, kind: str, offset: int, first: int, where: str) -> None:
        """GapError where records are missing between what was read of a kind and its next chunk. The registry is
        compacted: none there."""
        if kind != REGISTRY and self.gaps == "stop" and first > offset:
            raise GapError(
                f"expected offset {offset} of {where}, got {first}: {first - offset} records are missing "
                "(setting live.gaps)"
            )

    def add(self, chunk: Chunk, now: float) -> None:
        """Take a chunk in."""
        keys = np.maximum.accumulate(times_of(chunk.batch)) if chunk.batch is not None else np.zeros(0, np.int64)
        self.held[chunk.kind].append(Held(chunk, now, keys))
        self.next[chunk.kind] = int(chunk.offsets[-1]) + 1

    def full(self, kind: str) -> bool:
        """Whether no more of a kind should be fetched for now."""
        queue = self.held[kind]
        return len(queue) >= MOST_CHUNKS or sum(h.chunk.size for h in queue) >= MOST_BYTES

    @property
    def empty(self) -> bool:
        """Whether nothing is held."""
        return not any(self.held.values())

    def take(self, now: float) -> list[list[Piece]]:
        """What may be applied now, step by step: registry entries by themselves, events of several topics together."""
        steps = []
        while step := self._step(now):
            steps.append(step)
        return steps

    def _step(self, now: float) -> list[Piece]:
        heads = [queue[0] for kind in EVENTS if (queue := self.held[kind])]
        registry = self.held[REGISTRY][0] if self.held[REGISTRY] else None
        there = [*heads, registry] if registry is not None else heads
        if not there or self._waits(there, now):
            return []
        barrier: int | None = None
        if registry is not None:
            first = min((head.came for head in heads), default=None)
            if first is None or registry.came <= first:
                end = len(registry.chunk.times)
                if first is not None:
                    end = int(np.searchsorted(registry.chunk.times, first, "right"))
                return [self._piece(REGISTRY, registry, max(end, registry.done + 1))]
            barrier = registry.came
        return self._events(heads, barrier)

    def _waits(self, there: list[Held], now: float) -> bool:
        arrived = min(held.arrived for held in there)
        oldest = now - arrived
        missing = [kind for kind in INPUTS if not self.held[kind]]
        if oldest < PATIENCE_S and any(self.behind(kind, arrived) for kind in missing):
            return True
        at_the_end = not any(self.behind(held.chunk.kind, now) for held in there)
        return oldest < self.wait_s and at_the_end and any(kind in EVENTS for kind in missing)

    def _events(self, heads: list[Held], barrier: int | None) -> list[Piece]:
        """Up to the last event of the topic whose chunk ends first, and of records that came before the barrier."""
        ends = {}
        for head in heads:
            records = len(head.chunk.times)
            if barrier is not None:
                came = head.chunk.times[head.done :] >= barrier
                records = head.done + int(np.argmax(came)) if came.any() else records
            if records > head.done:
                ends[head.chunk.kind] = (head, records)
        bound: tuple[int, int] | None = None
        for rank, kind in enumerate(EVENTS):
            if kind in ends:
                head, records = ends[kind]
                first, last = head.rows(records)
                if last > first and (bound is None or (int(head.keys[last - 1]), rank) < bound):
                    bound = int(head.keys[last - 1]), rank
        pieces = []
        for rank, kind in enumerate(EVENTS):
            if kind not in ends:
                continue
            head, records = ends[kind]
            first, last = head.rows(records)
            if bound is not None and last > first:
                cut = int(np.searchsorted(head.keys, bound[0], "right" if rank <= bound[1] else "left"))
                if cut < last:
                    records = int(head.chunk.record[max(cut, first)])
            if records > head.done:
                pieces.append(self._piece(kind, head, records))
        return pieces

    def _piece(self, kind: str, held: Held, end: int) -> Piece:
        chunk, begin = held.chunk, held.done
        first, last = held.rows(end)
        whole = begin == 0 and end == len(chunk.times)
        if whole:
            batch, refused, entries = chunk.batch, chunk.refused, chunk.entries
        else:
            low, high = int(chunk.offsets[begin]), int(chunk.offsets[end - 1])
            batch = part_of(chunk.batch, first, last) if chunk.batch is not None and last > first else None
            refused = [r for r in chunk.refused if low <= r.offset <= high]
            entries = [e for e in chunk.entries if begin <= e.record < end]
        held.done = end
        if end == len(chunk.times):
            self.held[kind].popleft()
        return Piece(kind, batch, held.keys[first:last], entries, refused, end - begin, int(chunk.offsets[end - 1]) + 1)
