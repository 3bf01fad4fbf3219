"""One worker: a faust app whose processors apply whole chunks, and its life from start to stop.

A worker that cannot go on says so in one line and exits with a status other than 0; whoever supervises it starts it again, and it
goes on exactly where the state is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP
from mode import CrashingSupervisor

from pipeline import warming
from pipeline.errors import AgentRiskError
from pipeline.live import security, topics, transport
from pipeline.live.checkpoint import Kept, Store
from pipeline.live.health import Health
from pipeline.live.partition import Output, Share
from pipeline.live.settings import Settings
from pipeline.scorer import Tuning

STOP_S = 8.0
"""Seconds that a clean stop may take; an orchestrator kills after ten."""

COMPRESSION = "zstd"
"""Of what is produced: aiokafka's lz4 encodes 2 to 3 MB/s on the event loop."""

log = logging.getLogger("agentrisk.live")


class App(faust.App):
    """A faust app that knows the offsets in its state."""

    worker: Worker

    def wanted_offsets(self, assignment: Iterable[TP]) -> dict[TP, int]:
        """Where reading must go on, for partitions of which that is known."""
        return self.worker.wanted_offsets(assignment)

    def events_count(self) -> None:
        """The inputs stand where the state says: from here on events count."""
        self.worker.store.generation = self.worker.store.ready


class Worker:
    """One worker of the group."""

    def __init__(self, settings: Settings, tuning: Tuning, health: Health | None = None) -> None:
        self.settings, self.tuning = settings, tuning
        self.health = health or Health()
        self.partitions = topics.partitions(settings)
        self.names = topics.names(settings)
        self.kinds = {topic: kind for kind, topic in self.names.items()}
        self.store = Store(settings, self.names[topics.STATE], self.fresh, log)
        self.scoring = ThreadPoolExecutor(1, "scoring")
        self.outlet: AIOKafkaProducer | None = None
        self.app = self._app()
        self.failed: str | None = None

    def fresh(self, partition: int) -> Share:
        """A share without events."""
        return Share(partition, self.partitions, self.tuning, self.names, strict=self.settings.partitioner == "murmur2",
                     gaps=self.settings.gaps)

    def wanted_offsets(self, assignment: Iterable[TP]) -> dict[TP, int]:
        """The next offset of each input that the state knows; inputs it does not know begin at the beginning."""
        out = {}
        for tp in assignment:
            kept, kind = self.store.kept.get(tp.partition), self.kinds.get(tp.topic)
            if kept is not None and kind in kept.share.offsets:
                out[tp] = kept.share.offsets[kind]
            elif kept is not None and kind in topics.INPUTS:
                out[tp] = self.beginnings.get(tp, 0)
        return out

    # ---------------------------------------------------------------- the app

    def _app(self) -> App:
        transport.register()
        transport.Consumer.first = self.names["registry"]
        s = self.settings
        app = App(
            s.group,
            broker=";".join(f"{transport.SCHEME}://{host}" for host in s.bootstrap_servers.split(",")),
            broker_credentials=security.credentials(s),
            value_serializer="raw", key_serializer="raw",
            consumer_auto_offset_reset="earliest",
            # above 0 it keeps faust's assignor, which gives the same partition of every input to the same worker
            table_standby_replicas=1,
            topic_allow_declare=False, topic_disable_leader=True, stream_wait_empty=False, web_enabled=False,
            broker_session_timeout=s.session_timeout_s, broker_heartbeat_interval=max(1.0, s.session_timeout_s / 10),
            broker_request_timeout=max(90.0, s.session_timeout_s + 10),
            broker_commit_interval=2.0,
            consumer_max_fetch_size=s.max_fetch_bytes,
            datadir=str(Path(tempfile.gettempdir()) / f"agentrisk-{os.getpid()}"),
        )
        app.worker = self
        self.beginnings: dict[TP, int] = {}
        inputs = app.topic(*(self.names[kind] for kind in topics.INPUTS), value_type=None, value_serializer="raw")
        app.agent(inputs, name="score", supervisor_strategy=CrashingSupervisor)(self.consume)
        app.on_rebalance_complete.connect(self.assigned)
        app.on_partitions_revoked.connect(self.revoked)
        app.timer(interval=s.checkpoint_s)(self.tick)
        return app

    async def consume(self, stream: Any) -> None:
        """Apply every chunk that faust hands over."""
        async for records in stream:
            message = stream.current_event.message
            store = self.store
            if store.generation is None or store.generation != self.app.consumer_generation_id:
                continue
            if message.generation_id != store.generation:
                continue
            kept = store.kept.get(message.partition)
            if kept is None:
                continue
            await self.apply(kept, self.kinds[message.topic], records)

    async def apply(self, kept: Kept, kind: str, records: list[Any]) -> None:
        """Apply one chunk and send what leaves because of it; an error stops the worker, since the state may be half changed."""
        began = time.perf_counter()
        async with kept.lock:
            if self.store.kept.get(kept.share.number) is not kept or self.store.stopped:
                return
            try:
                outputs = await asyncio.get_running_loop().run_in_executor(self.scoring, kept.share.apply, kind, records)
                for output in outputs:
                    kept.waiting.append(await self.send(output, kept.share.number))
            except Exception as error:
                self.store.abandon()
                self.failed = f"{self.names[kind]} partition {kept.share.number}: {type(error).__name__}: {error}"
                raise
            if len(kept.waiting) > self.settings.max_unacknowledged:
                waiting, kept.waiting = kept.waiting, []
                await asyncio.gather(*waiting)
        self.health.applied(kind, records, outputs, kept.share, time.perf_counter() - began)

    async def send(self, output: Output, partition: int) -> Any:
        """One record on its way out; what it gives back is done when the broker has it."""
        assert self.outlet is not None
        return await self.outlet.send(self.names[output.kind], output.value, key=output.key or None, partition=partition)

    async def assigned(self, sender: Any, **_: Any) -> None:
        """After every rebalance, before the inputs are sought."""
        app = self.app
        generation = app.consumer_generation_id
        assignment = app.consumer.assignment()
        mine = {tp.partition for tp in assignment if tp.topic == self.names["flow"]}
        began = time.perf_counter()
        self.health.state = "recovering"
        try:
            self.beginnings = dict(await app.consumer.earliest_offsets(*assignment)) if assignment else {}
            await self.store.assign(mine, generation, self.names["registry"])
        except AgentRiskError as error:
            self.failed = str(error)
            self.store.abandon()
            await app.crash(error)
            return
        agents = sum(len(kept.share.scorer.agents) for kept in self.store.kept.values())
        log.info("partitions assigned: %s; %d agents read back in %.2f s", sorted(mine), agents, time.perf_counter() - began)
        self.health.state = "running"

    async def revoked(self, sender: Any, revoked: Any = (), **_: Any) -> None:
        """Before partitions are given away: what was applied is made durable."""
        self.store.release()
        self.health.state = "rebalancing"
        await self.store.checkpoint_all()

    async def tick(self) -> None:
        """Every `checkpoint_s`."""
        await self.store.checkpoint_all()
        self.health.checkpoint(self.store)
        overdue = self.store.overdue(3 * self.settings.session_timeout_s)
        if overdue:
            self.failed = f"partitions lost and not given back: {overdue}"
            await self.app.crash(AgentRiskError(self.failed))

    # ---------------------------------------------------------------- its life

    async def run(self) -> int:
        """Join the group and work until told to stop; the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await loop.run_in_executor(self.scoring, warming.warm)
        self.outlet = AIOKafkaProducer(**security.client(self.settings), acks="all", enable_idempotence=True,
                                       compression_type=COMPRESSION, linger_ms=5, max_request_size=16_000_000)
        await self.outlet.start()
        self.app.finalize()
        await self.app.start()
        log.info("worker started: group %s, topics %s*, %d partitions", self.settings.group, self.settings.prefix, self.partitions)
        while not (stop.is_set() or self.app.should_stop or self.app.crashed):
            try:
                await asyncio.wait_for(stop.wait(), 0.2)
            except TimeoutError:
                self.health.beat()
        return await self.stop()

    async def stop(self) -> int:
        """Checkpoint, flush, leave; 0 after a clean stop, 1 after a failure."""
        began = time.perf_counter()
        crashed = self.app.crashed or self.failed is not None
        self.health.state = "stopping"
        self.store.release()
        try:
            if not crashed:
                await asyncio.wait_for(self.store.checkpoint_all(), STOP_S)
            await asyncio.wait_for(self.app.stop(), STOP_S)
            await asyncio.wait_for(self.store.close_all(), STOP_S)
            if self.outlet is not None:
                await asyncio.wait_for(self.outlet.stop(), STOP_S)
        except Exception as error:
            self.failed = self.failed or f"while stopping: {type(error).__name__}: {error}"
        if crashed or self.failed:
            log.error("worker stops: %s", self.failed or repr(self.app.crash_reason))
            return 1
        log.info("worker stopped in %.2f s", time.perf_counter() - began)
        return 0


def serve(settings: Settings, tuning: Tuning, health: Health | None = None) -> int:
    """Run one worker in this process; the exit status."""
    return asyncio.run(Worker(settings, tuning, health).run())
