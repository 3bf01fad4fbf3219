"""What aiokafka fetches, handed on as the bytes that came instead of an object for each record.

    broker ── Tap ── aiokafka's fetcher ── Results ── getmany
              keeps a response's bytes     puts them in the place of the iterator over their records

aiokafka's fetcher goes on to see to positions, errors, leaders and rebalances; only what it hands out is another thing.
An object for each record costs 1.1 us (aiokafka 0.14), more than to read and score it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from pipeline.live.records import Fetched, fetched


def as_bytes(fetcher: Any) -> None:
    """Let a fetcher that has fetched nothing yet give one Fetched for each response of a partition.

    Batches of formats before v2 still come as records.
    """
    tap = Tap(fetcher._client)
    fetcher._client = tap
    fetcher._records = Results(tap)


class Tap:
    """A client that keeps what its last fetch of each partition brought, until it is taken."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.brought: dict[TopicPartition, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    async def send(self, node: int, request: Any, **more: Any) -> Any:
        """Send a request; the response."""
        response = await self.client.send(node, request, **more)
        if isinstance(request, FetchRequest):
            for topic, partitions in response.topics:
                for partition, *_, data in partitions:
                    if data:
                        self.brought[TopicPartition(topic, partition)] = data
        return response


class Results(OrderedDict[TopicPartition, Any]):
    """Results of fetches that nobody has taken yet.

    The fetcher puts a result here in the same step in which it gets the response, so the bytes are that response's.
    """

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap = tap

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        records = getattr(result, "_partition_records", None)
        data = self.tap.brought.pop(tp, None)
        if records is not None and data is not None:
            found = fetched(data, records.next_fetch_offset)
            if found is not None:
                result._partition_records = Once(found)
        super().__setitem__(tp, result)

    def clear(self) -> None:
        """At a new assignment the fetcher forgets all, and so do we."""
        super().clear()
        self.tap.brought.clear()


class Once:
    """In the place of an iterator over records: gives all of them as one, if there are any."""

    def __init__(self, found: Fetched) -> None:
        self.found: Fetched | None = found
        self.next_fetch_offset = found.first

    def __iter__(self) -> Once:
        return self

    def __next__(self) -> Fetched:
        found, self.found = self.found, None
        if found is None:
            raise StopIteration
        self.next_fetch_offset = found.next_offset
        if not found.records:
            raise StopIteration
        return found
