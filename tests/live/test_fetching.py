"""aiokafka's fetcher hands out bytes where it handed out records, and keeps its positions."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.consumer.fetcher import FetchError, FetchResult, PartitionRecords
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from pipeline.live.fetching import Results, Tap
from pipeline.live.records import Fetched, read
from tests.live.batches import CONTROL, LARGE, marked, packed

TP = TopicPartition("t", 3)
REQUEST = FetchRequest(0, 1, 1 << 20, 0, [("t", [(3, 0, 1 << 20)])])


class Response:
    """What a broker answers."""

    def __init__(self, data: bytes) -> None:
        self.topics = [("t", [(3, 0, 99, 99, None, data)])]


class Client:
    """Answers every request with the same bytes."""

    cluster = "the cluster"

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def send(self, node: int, request: Any) -> Response:
        """A response, whatever is asked."""
        return Response(self.data)


class State:
    """An assignment whose one partition stands at an offset."""

    active = True
    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, tp: TopicPartition) -> State:
        """The partition."""
        return self

    def consumed_to(self, position: int) -> None:
        """Go on from there."""
        self.position = position


def taken(data: bytes, position: int = 0) -> tuple[list[Any], State]:
    """What a fetch of these bytes hands out, and the assignment afterwards."""
    tap, state = Tap(Client(data)), State(position)
    results = Results(tap)
    asyncio.run(tap.send(1, REQUEST))
    records = PartitionRecords(TP, MemoryRecords(data), None, position, None, None, True, 0)
    results[TP] = FetchResult(TP, assignment=state, partition_records=records, backoff=0.1)
    assert not tap.brought
    got: list[Any] = results[TP].getall()
    return got, state


def test_all_of_a_fetch_comes_as_one_and_the_position_is_behind_it() -> None:
    data = bytes(packed([(5, b"k", b"a"), (5, b"k", b"b")]) + packed([(5, b"k", b"c")], base=2))
    (found,), state = taken(data, 1)
    assert isinstance(found, Fetched)
    assert read(found).offset.tolist() == [1, 2]
    assert state.position == 3


def test_a_fetch_without_records_only_moves_the_position() -> None:
    got, state = taken(bytes(marked(packed([(5, b"\0\0\0\1", b"")]), CONTROL)))
    assert got == []
    assert state.position == 1


def test_an_older_format_comes_as_records() -> None:
    old = LegacyRecordBatchBuilder(1, 0, LARGE)
    old.append(0, 5, b"k", b"v")
    (record,), state = taken(bytes(old.build()))
    assert (record.key, record.value, state.position) == (b"k", b"v", 1)


def test_a_new_assignment_forgets_what_nobody_took() -> None:
    tap = Tap(Client(bytes(packed([(5, b"k", b"a")]))))
    results = Results(tap)
    asyncio.run(tap.send(1, REQUEST))
    assert list(tap.brought) == [TP]
    results.clear()
    assert not tap.brought


def test_errors_and_other_requests_pass_as_they_are() -> None:
    tap = Tap(Client(b""))
    results = Results(tap)
    error = FetchError(error=ValueError("x"), backoff=0.1)
    results[TP] = error
    assert results[TP] is error
    asyncio.run(tap.send(1, "another request"))
    assert (tap.brought, tap.cluster) == ({}, "the cluster")
