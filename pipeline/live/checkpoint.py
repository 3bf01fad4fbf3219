"""State made durable: changed chunks and the next offsets of one partition in one transaction of its own producer.

    take over    1  start the producer of the partition        its transactional id fences whoever owned it before
                 2  read the state topic to its end            read_committed: a transaction counts whole or not at all
                 3  seek the inputs to the offsets in it       (transport.py)
                 4  let events count
    checkpoint   outputs acknowledged -> begin, chunks, head, commit

A share that was given up and comes back is kept only where nobody has written since: the log then ends with our own
commit marker. Any error in a checkpoint leaves its outcome unknown: the share is forgotten and read back at the next
assignment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from pipeline.errors import StateError
from pipeline.kafka_settings import Settings
from pipeline.live import security
from pipeline.live.order import LineUp
from pipeline.live.partition import HEAD, Share

MARKER = 2
"""From the offset of a transaction's last record to the end of the log: the record, and the commit marker."""

RECORD_BYTES = 16_000_000


@dataclass
class Kept:
    """A share with what makes it durable.

    line_up   what was fetched and not applied yet
    lock      held while events are applied or the state is saved
    writing   held while a checkpoint is on its way
    waiting   outputs that the broker has not acknowledged yet
    log_end   the end of the state topic after our own last checkpoint; None before the first
    """

    share: Share
    producer: AIOKafkaProducer
    line_up: LineUp
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[Any] = field(default_factory=list)
    log_end: int | None = None
    stale: set[bytes] = field(default_factory=set)


@dataclass
class Written:
    """What checkpoints cost, for metrics: how many, bytes, seconds of the last and of all."""

    count: int = 0
    bytes: int = 0
    seconds: float = 0.0
    last_seconds: float = 0.0
    last_bytes: int = 0


class Store:
    """The shares of this worker, by partition."""

    def __init__(
        self, settings: Settings, topic: str, fresh: Callable[[int], Share], line_up: Callable[[int], LineUp], log: Any
    ) -> None:
        self.settings, self.topic, self.fresh, self.line_up, self.log = settings, topic, fresh, line_up, log
        self.kept: dict[int, Kept] = {}
        self.ready: int | None = None
        """The generation whose state has been read back."""
        self.generation: int | None = None
        """The generation whose events count; set after the seek."""
        self.stopped = False
        self.lost: dict[int, tuple[float, str]] = {}
        self.fenced = 0
        self.written = Written()

    # ---------------------------------------------------------------- taking over

    async def assign(self, mine: Iterable[int], generation: int, read_before: Container[int]) -> None:
        """Take these partitions over and give up the others; their state is read back.

        `read_before` are partitions of which the group has read: state that is empty there is lost. StateError where
        the state cannot be used.
        """
        mine = set(mine)
        for partition in set(self.kept) - mine:
            await self.close(partition)
        await asyncio.gather(*(self._fence(partition) for partition in mine))
        if mine:  # aiokafka ends a consumer that was never assigned anything with a CancelledError
            await self._read_back(mine, read_before)
        self.ready = generation
        self.lost.clear()

    async def _fence(self, partition: int) -> None:
        producer = AIOKafkaProducer(
            **security.client(self.settings),
            transactional_id=f"{self.settings.group}-{self.topic}-{partition}",
            acks="all",
            max_request_size=RECORD_BYTES,
            max_batch_size=1 << 20,
            transaction_timeout_ms=int(self.settings.transaction_timeout_s * 1000),
        )
        await producer.start()
        kept = self.kept.get(partition)
        if kept is None:
            self.kept[partition] = Kept(self.fresh(partition), producer, self.line_up(partition))
        else:
            old, kept.producer, kept.line_up = kept.producer, producer, self.line_up(partition)
            await stop(old)

    async def _read_back(self, mine: set[int], read_before: Container[int]) -> None:
        consumer = AIOKafkaConsumer(
            **security.client(self.settings),
            group_id=None,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            wanted = []
            ends = await consumer.end_offsets([TopicPartition(self.topic, p) for p in mine])
            for tp, end in ends.items():
                kept = self.kept[tp.partition]
                if kept.log_end != end:
                    kept.share, kept.waiting, kept.stale = self.fresh(tp.partition), [], set()
                    wanted.append(tp)
            newest = await read_to(consumer, {tp: ends[tp] for tp in wanted})
        finally:
            await consumer.stop()
        for tp in wanted:
            kept = self.kept[tp.partition]
            await self._load(kept, newest[tp], tp.partition in read_before)
            kept.log_end = ends[tp]
            if HEAD not in newest[tp] or kept.stale:  # from now on empty state means lost state
                await self._write(kept)

    async def _load(self, kept: Kept, records: dict[bytes, bytes], read_before: bool) -> None:
        share = kept.share
        try:
            if records:
                await asyncio.get_running_loop().run_in_executor(None, share.load, records)
            elif read_before:
                raise StateError("expected state, since the group has read the input topics before, got none")
        except StateError as error:
            if self.settings.lost_state == "refuse":
                raise StateError(
                    f"{self.topic} partition {share.number}: {error}; set live.lost_state to rebuild to score anew "
                    "what the input topics still hold"
                ) from None
            self.log.warning("state of partition %d is rebuilt from the input topics: %s", share.number, error)
            kept.share = self.fresh(share.number)
            kept.stale = set(records)

    # ---------------------------------------------------------------- checkpoints

    async def checkpoint_all(self) -> None:
        """Write what has changed in every share."""
        await asyncio.gather(*(self.checkpoint(partition) for partition in list(self.kept)))

    async def checkpoint(self, partition: int) -> None:
        """Write what has changed in one share; where it fails the share is forgotten."""
        kept = self.kept.get(partition)
        if kept is None:
            return
        async with kept.writing:
            if self.kept.get(partition) is not kept or self.stopped or not kept.share.changed:
                return
            began = time.perf_counter()
            try:
                size = await self._write(kept)
            except Exception as error:  # aiokafka raises errors of many kinds from a fenced or lost producer
                if self.kept.get(partition) is kept:
                    self.fenced += isinstance(error, ProducerFenced)
                    self.lost[partition] = (time.monotonic(), f"{type(error).__name__}: {error}")
                    self.log.warning("partition %d is no longer ours: %s", partition, self.lost[partition][1])
                    await self.close(partition)
                return
            seconds = time.perf_counter() - began
            done = self.written
            self.written = Written(done.count + 1, done.bytes + size, done.seconds + seconds, seconds, size)

    async def _write(self, kept: Kept) -> int:
        """One checkpoint; its bytes. Events are applied again while it is on its way."""
        async with kept.lock:
            waiting, kept.waiting = kept.waiting, []
            records = await asyncio.get_running_loop().run_in_executor(None, kept.share.save)
            stale, kept.stale = kept.stale, set()
        await asyncio.gather(*waiting)
        gone = sorted(stale - {key for key, _ in records})
        async with kept.producer.transaction():
            sent = [await kept.producer.send(self.topic, None, key=key, partition=kept.share.number) for key in gone]
            sent += [
                await kept.producer.send(self.topic, value, key=key, partition=kept.share.number)
                for key, value in records
            ]
            done = await asyncio.gather(*sent)
        kept.log_end = done[-1].offset + MARKER
        return sum(len(value) for _, value in records)

    # ---------------------------------------------------------------- giving up

    def release(self) -> None:
        """Let no event count until the next assignment."""
        self.ready = self.generation = None

    def abandon(self) -> None:
        """Write nothing any more: the state may be half changed."""
        self.release()
        self.stopped = True

    def overdue(self, seconds: float) -> dict[int, str]:
        """Lost partitions that no assignment has given back or taken away in time, with the error that lost them."""
        return {p: error for p, (since, error) in self.lost.items() if time.monotonic() - since > seconds}

    async def close(self, partition: int) -> None:
        """Forget a share."""
        kept = self.kept.pop(partition, None)
        if kept is not None:
            await stop(kept.producer)

    async def close_all(self) -> None:
        """Forget every share."""
        for partition in list(self.kept):
            await self.close(partition)


async def read_to(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> dict[TopicPartition, dict[bytes, bytes]]:
    """The newest value of each key of some partitions, up to their ends; keys of tombstones are left out."""
    newest: dict[TopicPartition, dict[bytes, bytes]] = {tp: {} for tp in ends}
    if not ends:
        return newest
    consumer.assign(list(ends))
    await consumer.seek_to_beginning(*ends)
    left = set(ends)
    while left:
        for tp, records in (await consumer.getmany(timeout_ms=200)).items():
            for record in records:
                if record.value is None:
                    newest[tp].pop(record.key, None)
                else:
                    newest[tp][record.key] = record.value
        for tp in list(left):
            if await consumer.position(tp) >= ends[tp]:
                left.discard(tp)
                consumer.pause(tp)
    return newest


async def stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer that may be fenced or cut off from its broker."""
    try:
        await asyncio.wait_for(producer.stop(), 10)
    except Exception:
        return
