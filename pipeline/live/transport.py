"""faust's Kafka consumer, with three things done otherwise; registered as a transport, nothing in faust is changed.

Whole chunks    faust 0.15.3 spends 70 to 100 µs a message, most of it in four asyncio tasks each. Here what one fetch
                brought of a partition is one faust event, and its value the bytes as they came.
Own offsets     inputs are read from the offsets in the state, not from the group's commits, which only report the lag.
No parking      faust never asks aiokafka's coordinator for its errors, and after one unexpected error in a join a
                worker would idle for ever. Here they are asked for, and the coordinator goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import faust.transport.drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from pipeline.live.fetching import as_bytes
from pipeline.live.records import Fetched

SCHEME = "agentrisk"
FETCH_S = 0.2
"""Seconds that one fetch waits for records: until then a partition that can take more again is not asked for."""
FULL_S = 0.02
"""Seconds to wait where nothing may be fetched, since enough is held of every topic."""
COORDINATOR_ERRORS = 20
"""Coordinator errors in a row after which the worker gives up."""


class Thread(driver.AIOKafkaConsumerThread):
    """faust's thread around aiokafka's consumer, whose fetches come as bytes."""

    async def on_start(self) -> None:
        """Start the consumer."""
        await super().on_start()
        consumer: Any = self._consumer
        as_bytes(consumer._fetcher)


class Consumer(driver.Consumer):
    """faust's consumer over aiokafka that hands whole chunks on."""

    app: Any
    """The App of worker.py."""
    coordinator_errors = 0

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.reached: dict[TP, int] = {}
        """Offsets up to which everything has been handed on."""
        self.handed: dict[TP, int] = {}
        """The next offset after what was handed on last."""
        self.caught_up: dict[TP, tuple[float, int]] = {}
        """When all there was had been fetched last (s, monotonic), and what had been handed on by then."""

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the offsets in the state; from here on events count."""
        offsets = dict(await super().seek_to_committed())
        self.reached, self.handed, self.caught_up = {}, {}, {}
        for tp, offset in self.app.wanted_offsets(self.assignment()).items():
            self._thread.seek(tp, offset)
            offsets[tp] = offset
        self.app.events_count()
        return offsets

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await self.sleep(0)
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # faust waits for it the same way
                active = self._get_active_partitions() - self.app.full()
                if self.should_stop or not active:
                    await self.sleep(FULL_S)
                    continue
                generation = self.app.consumer_generation_id
                self._reach()
                records = await self._getmany(active_partitions=active, timeout=FETCH_S)
                if self.should_stop:
                    continue
                if not self.flow_active:
                    await self._seek_again()
                    continue
                for tp, chunk in records.items():
                    if not self.flow_active or self.app.consumer_generation_id != generation:
                        break
                    await self._hand_on(tp, chunk, generation)
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise

    async def _seek_again(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # as faust's own loop does: the next assignment seeks again
            self.log.warning("seek while no events flow: %r", error)

    async def _hand_on(self, tp: TP, chunk: list[Any], generation: int) -> None:
        found: Fetched | list[Any] = chunk[0] if isinstance(chunk[0], Fetched) else chunk
        if isinstance(found, Fetched):
            next_offset, last_time = found.next_offset, found.last_time
        else:
            next_offset, last_time = found[-1].offset + 1, found[-1].timestamp or 0
        read = self._read_offset[tp]
        if read is not None and next_offset <= read:
            return
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            next_offset - 1,
            last_time / 1000.0,
            0,
            None,
            None,
            cast(Any, found),
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        self._read_offset[tp] = next_offset - 1
        self.handed[tp] = next_offset

    def behind(self, tp: TP, next_offset: int, since: float) -> bool:
        """Whether more than what lies before `next_offset` is to be had of a partition, of what was there at `since`.

        True where that is not known yet.
        """
        state = self._state(tp)
        if state is None or state.highwater is None:
            return True
        if self.reached.get(tp, -1) >= state.highwater and next_offset >= self.handed.get(tp, 0):
            return False
        when, handed = self.caught_up.get(tp, (-1.0, 0))
        return when < since or next_offset < handed

    def _state(self, tp: TP) -> Any:
        """What the client knows of a partition; None between two assignments."""
        consumer = self._thread._consumer
        subscription = consumer._subscription.subscription if consumer is not None else None
        assigned = subscription.assignment if subscription is not None else None
        return assigned.state_value(tp) if assigned is not None else None

    def _reach(self) -> None:
        """Before a fetch: all that was fetched before has been handed on. A position also steps over what is not a
        record."""
        for tp in self.assignment():
            state = self._state(tp)
            if state is not None and state.has_valid_position:
                self.reached[tp] = state.position
                if state.highwater is not None and state.position >= state.highwater:
                    self.caught_up[tp] = time.monotonic(), self.handed.get(tp, 0)

    def away(self) -> bool:
        """Whether the group's coordinator cannot be reached."""
        consumer = self._thread._consumer if self._thread is not None else None
        return consumer is None or consumer._coordinator is None or consumer._coordinator.coordinator_id is None

    async def committed(self, tps: Iterable[TP]) -> list[TP]:
        """Those partitions of which the group has committed an offset."""
        consumer: Any = self._thread._consumer
        return [tp for tp in tps if await self._thread.call_thread(consumer.committed, tp) is not None]

    def _new_offset(self, tp: TP) -> int | None:
        """Chunks of a partition are applied in order: what may be committed is behind the newest one."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        self._acked_index[tp].difference_update(acked)
        self._acked[tp] = []
        return int(newest) + 1

    @Service.task
    async def _watch_coordinator(self) -> None:
        while not self.should_stop:
            await self.sleep(1.0)
            thread = self._thread
            if self.should_stop or thread._consumer is None:
                continue

            async def check(thread: Any = thread) -> None:
                thread._consumer._coordinator.check_errors()

            try:
                await thread.call_thread(check)
                self.coordinator_errors = 0
            except Exception as error:
                self.coordinator_errors += 1
                self.log.error("group coordinator error, trying again: %r", error)
                if (
                    self.coordinator_errors > COORDINATOR_ERRORS
                    or thread._consumer._coordinator._coordination_task.done()
                ):
                    await self.app.crash(error)


class Transport(driver.Transport):
    """faust's aiokafka transport with that consumer."""

    Consumer: ClassVar[type[Any]] = Consumer


def register() -> None:
    """Let faust know `agentrisk://` as a transport."""
    faust.transport.drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
