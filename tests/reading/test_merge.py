"""Merged sources come in event time, each in its own order, however they were cut, and little is held at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.batch import Batch, Part, select
from pipeline.events.together import part_of
from pipeline.formats import native
from pipeline.reading.merge import Settings, Stream, merge
from tests.naive import merge as naive
from tests.naive.batches import check_layout, events

Cut = tuple[list[int], list[int], bool]


def row(source: int, at: int, ts: int) -> dict[str, Any]:
    """An event of a kind that changes from row to row, with strings of every length."""
    event: dict[str, Any] = {"agent": f"s{source}", "ts": ts, "id": "x" * (at % 5), "run": None if at % 2 else f"r{at}"}
    match (source + at * at) % 3:
        case 0:
            return event | {"command": f"echo {at}", "cwd": "/" * (at % 3)}
        case 1:
            return event | {"gpu": at, "util_pct": at % 100}
        case _:
            ends = {"src_ip": "::1", "dst_ip": f"10.0.0.{at % 256}", "src_port": at, "dst_port": 1, "proto": "udp"}
            return event | ends | {"host": f"h{at}" if at % 4 else None}


def batches(source: int, times: list[int], cuts: list[int]) -> list[Batch]:
    """A source's rows, cut before each row in `cuts`."""
    edges = sorted({0, len(times), *(c % (len(times) + 1) for c in cuts)})
    out = []
    for start, end in pairwise(edges):
        lines = b"\n".join(orjson.dumps(row(source, at, times[at])) for at in range(start, end))
        decoded = native.decode(lines, source, start)
        assert len(decoded.batch) == end - start
        out.append(decoded.batch)
    return out


def stream(source: int, times: list[int], cuts: list[int], known: bool) -> Stream:
    begins = times[0] * 1_000_000 if known and times else None
    return Stream(lambda: iter(batches(source, times, cuts)), begins)


SOURCES = st.lists(
    st.tuples(st.lists(st.integers(0, 12), max_size=12), st.lists(st.integers(0, 12), max_size=4), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(SOURCES, st.integers(1, 20))
def test_merging_is_sorting_by_time_reached_then_source_then_row(sources: list[Cut], rows: int) -> None:
    merged = list(merge([stream(i, *source) for i, source in enumerate(sources)], Settings(rows=rows)))
    got = []
    for batch in merged:
        check_layout(batch)
        assert 0 < len(batch) <= rows
        got += events(batch)
    order = naive.merged([times for times, _, _ in sources])
    assert [(event["source"], event["position"]) for event in got] == order
    alone = [events(native.decode(orjson.dumps(row(s, at, sources[s][0][at])), s, at).batch)[0] for s, at in order]
    assert got == alone


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_a_stretch_of_a_batch_is_its_events(times: list[int], start: int, end: int) -> None:
    (batch,) = batches(0, times, [])
    cut = part_of(batch, min(start, end), max(start, end))
    check_layout(cut)
    assert events(cut) == events(batch)[min(start, end) : max(start, end)]


def test_one_source_passes_through_untouched() -> None:
    (batch,) = batches(0, [3, 1, 2], [])
    (merged,) = merge([Stream(lambda: iter([batch]))])
    assert merged is batch


def test_a_source_whose_beginning_is_known_is_opened_only_when_the_merge_has_come_that_far() -> None:
    log: list[str] = []

    def source(index: int, times: list[int]) -> Stream:
        def read() -> Iterator[Batch]:
            log.append(f"open {index}")
            yield from batches(index, times, list(range(len(times))))
            log.append(f"close {index}")

        return Stream(read, times[0] * 1_000_000)

    list(merge([source(1, [20, 21, 29]), source(0, [10, 11, 19]), source(2, [30])], Settings(rows=1)))
    assert log == ["open 0", "close 0", "open 1", "close 1", "open 2", "close 2"]


@pytest.mark.parametrize("sources", [1, 2, 8])
def test_memory_does_not_grow_with_the_length_of_the_recording(sources: int) -> None:
    (piece,) = batches(0, [0] * 200, [])

    def source(length: int) -> Stream:
        def read() -> Iterator[Batch]:
            for n in range(length):
                yield at_time(piece, n)

        return Stream(read)

    def peak(length: int) -> int:
        streams = [source(length) for _ in range(sources)]
        tracemalloc.start()
        try:
            assert sum(len(batch) for batch in merge(streams, Settings(rows=500))) == 200 * length * sources
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is compiled or imported at first use is not part of it
    assert peak(60) < 1.5 * peak(10) + 50_000


def at_time(batch: Batch, ts: int) -> Batch:
    """The same events at another time, with numbers of their own."""
    parts = [
        None
        if part is None
        else Part(part.common._replace(ts=np.full(len(part), ts)), select(part.columns, slice(None)))
        for part in batch.parts
    ]
    return Batch((parts[0], parts[1], parts[2]), batch.kind.copy(), batch.row.copy())
