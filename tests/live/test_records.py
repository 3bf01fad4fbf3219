"""Record batches as columns hold what Kafka's client reads from them, however they are packed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.strings import raw
from pipeline.formats import ROOM
from pipeline.kernels.checksum import QUICK
from pipeline.live.records import HEADER, CorruptRecordsError, Records, columns, fetched, read
from tests.live.batches import APPEND_TIME, CONTROL, LARGE, marked, packed, resealed

Row = tuple[int, int, bytes | None, bytes | None]
"""Offset, time (ms), key and value."""


def by_client(data: bytes, first: int) -> list[Row]:
    """What Kafka's client reads."""
    read_there = PartitionRecords(TopicPartition("t", 0), MemoryRecords(data), None, first, None, None, True, 0)
    return [(r.offset, r.timestamp, r.key, r.value) for r in read_there]


def by_us(data: bytes, first: int) -> list[Row]:
    """What we read."""
    found = fetched(data, first)
    return rows_of(read(found, first)) if found is not None else []


def rows_of(records: Records) -> list[Row]:
    """Columns as rows; what the columns promise of their buffer holds."""
    values = [raw(records.value, i) for i in range(len(records))]
    text = b"".join((value or b"") + b"\n" for value in values)
    assert records.value.data[: records.size].tobytes() == text
    assert len(records.value.data) >= records.size + ROOM
    keys = [raw(records.key, i) for i in range(len(records))]
    return list(zip(records.offset.tolist(), records.time.tolist(), keys, values, strict=True))


strings = st.none() | st.binary(max_size=300)
batches = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 1 << 45), strings, strings), min_size=1, max_size=5),
        st.sampled_from([0, 1, 2, 3, 4]),
        st.booleans(),
        st.sampled_from([0, CONTROL, APPEND_TIME]),
    ),
    min_size=1,
    max_size=4,
)


def log_of(said: Any) -> bytes:
    """Batches one behind another, ten offsets apart."""
    made = bytearray()
    for i, (rows, compression, headers, flag) in enumerate(said):
        made += marked(packed(rows, compression, 10 * i, headers), flag)
    return bytes(made)


@given(batches, st.integers(0, 4), st.integers(0, 200))
def test_we_read_what_the_client_reads(said: Any, later: int, cut: int) -> None:
    first = min(later, len(said[0][0]) - 1)
    data = log_of(said)
    assert by_us(data, first) == by_client(data, first)
    short = data[: max(0, len(data) - cut)]
    assert by_us(short, first) == by_client(short, first)


@given(batches, st.integers(0, 4))
def test_the_offset_to_go_on_with_is_the_client_s(said: Any, later: int) -> None:
    first = min(later, len(said[0][0]) - 1)
    data = log_of(said)
    client = PartitionRecords(TopicPartition("t", 0), MemoryRecords(data), None, first, None, None, True, 0)
    list(client)
    found = fetched(data, first)
    assert found is not None
    assert found.next_offset == client.next_fetch_offset
    assert found.records >= len(rows_of(read(found, first)))


@given(batches, st.integers(0, 4), st.integers(0, 40))
def test_what_comes_at_until_or_later_is_left_out(said: Any, later: int, until: int) -> None:
    first = min(later, len(said[0][0]) - 1)
    data = log_of(said)
    found, seen = fetched(data, first), by_client(data, first)
    assert found is not None
    assert rows_of(read(found, first, until)) == [row for row in seen if row[0] < until]


def test_no_batch_and_an_older_format_are_left_to_the_client() -> None:
    old = LegacyRecordBatchBuilder(1, 0, LARGE)
    old.append(0, 5, b"k", b"v")
    assert fetched(b"", 0) is None
    assert fetched(b"\0" * (HEADER - 1), 0) is None
    assert fetched(bytes(old.build()) + b"\0" * HEADER, 0) is None


@pytest.mark.parametrize("quick", sorted({False, QUICK}))
def test_a_wrong_checksum_is_told_with_its_offset(quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.live.records.QUICK", quick)
    batch = packed([(5, b"k", b"value")], base=70)
    batch[-3] ^= 1
    assert by_us(bytes(packed([(5, b"k", b"value")])), 0) == [(0, 5, b"k", b"value")]
    found = fetched(bytes(batch), 0)
    assert found is not None
    with pytest.raises(CorruptRecordsError, match="batch at offset 70 to have checksum 0x"):
        read(found, 0)


@given(st.data(), st.sampled_from([0, 4]))
def test_bytes_that_no_broker_writes_are_refused_or_read_within_their_buffer(data: st.DataObject, how: int) -> None:
    batch = packed([(5, b"key", b"value"), (6, None, b"x" * 200)], how)
    for at in data.draw(st.lists(st.integers(HEADER - 4, len(batch) - 1), min_size=1, max_size=4)):
        batch[at] = data.draw(st.integers(0, 255))
    sound = bytes(resealed(batch))
    found = fetched(sound, 0)
    assert found is not None
    got = expected = None
    with suppress(CorruptRecordsError):
        got = rows_of(read(found, 0))
    # The client reads a record's attributes as a varint, where the format says one byte; and it trusts any text.
    with suppress(Exception):
        expected = by_client(sound, 0)
    assert got is None or expected is None or got == expected


def test_a_compression_that_nobody_knows_is_refused() -> None:
    found = fetched(bytes(marked(packed([(5, b"k", b"v")]), 7)), 0)
    assert found is not None
    with pytest.raises(CorruptRecordsError, match="expected compression 0 to 4 at offset 0, got 7"):
        read(found, 0)


def test_records_of_a_client_become_the_same_columns() -> None:
    rows = [(5, b"a", b"{}"), (6, None, None), (7, b"b", b"")]
    data = bytes(packed(rows))
    client = PartitionRecords(TopicPartition("t", 0), MemoryRecords(data), None, 0, None, None, True, 0)
    seen = list(client)
    assert rows_of(columns(seen)) == by_us(data, 0)
    assert rows_of(read(seen, 2)) == by_us(data, 2)
