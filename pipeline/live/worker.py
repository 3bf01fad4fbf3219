"""One worker: a faust app whose processors apply whole chunks, and its life from start to stop.

A worker that cannot go on says so in one line and exits with a status other than 0; whoever supervises it starts it
again, and it goes on exactly where the state is.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP
from mode import CrashingSupervisor

from pipeline.errors import AgentRiskError
from pipeline.kafka_settings import Settings
from pipeline.live import messages, records, security, topics, transport
from pipeline.live.checkpoint import Kept, Store
from pipeline.live.health import Health
from pipeline.live.logs import log
from pipeline.live.order import LineUp
from pipeline.live.partition import Output, Share
from pipeline.scorer import Tuning
from pipeline.sinks._gate import line
from pipeline.warming import warm

STOP_S: Final = 9.0
"""Seconds that a stop may take; an orchestrator kills after ten."""

COMPRESSION: Final = "zstd"
"""Of what is produced: aiokafka's lz4 encodes 2 to 3 MB/s on the event loop."""

DELIVERY_S: Final = 180
"""Seconds after which an output that no broker acknowledges stops the worker."""


class App(faust.App):
    """A faust app that knows the offsets in its state."""

    worker: Worker
    consumer: Any
    """The Consumer of transport.py."""

    def wanted_offsets(self, assignment: Iterable[TP]) -> dict[TP, int]:
        """Where reading must go on, for partitions of which that is known."""
        return self.worker.wanted_offsets(assignment)

    def events_count(self) -> None:
        """The inputs stand where the state says: from here on events count."""
        self.worker.store.generation = self.worker.store.ready

    def full(self) -> set[TP]:
        """Partitions of which enough is held."""
        return self.worker.full()


class Worker:
    """One worker of the group."""

    def __init__(self, settings: Settings, tuning: Tuning, health: Health | None = None) -> None:
        self.settings, self.tuning = settings, tuning
        self.health = health or Health()
        self.partitions = topics.partitions(settings)
        self.names = topics.names(settings)
        self.kinds = {topic: kind for kind, topic in self.names.items()}
        self.store = Store(settings, self.names[topics.STATE], self.fresh, self.line_up, log)
        self.reading, self.scoring = ThreadPoolExecutor(1, "reading"), ThreadPoolExecutor(1, "scoring")
        self.held = asyncio.Event()
        self.outlet: AIOKafkaProducer | None = None
        self.beginnings: dict[TP, int] = {}
        self.scratch = Path(tempfile.mkdtemp(prefix="agentrisk-worker-"))
        """A folder that faust wants and nothing of ours lies in."""
        self.app = self._app()
        self.failed: str | None = None
        self.settled = time.monotonic()
        """When the group's generation was last the one whose events count."""

    def fresh(self, partition: int) -> Share:
        """A share without events."""
        return Share(partition, self.partitions, self.tuning, self.names, strict=self.settings.partitioner == "murmur2")

    def line_up(self, partition: int) -> LineUp:
        """What is held of a partition: nothing yet."""

        def behind(kind: str, since: float) -> bool:
            return bool(self.app.consumer.behind(TP(self.names[kind], partition), made.next.get(kind, 0), since))

        made = LineUp(self.settings.order_wait_s, behind, self.settings.gaps)
        return made

    def full(self) -> set[TP]:
        """Input partitions of which enough is held."""
        return {
            TP(self.names[kind], partition)
            for partition, kept in list(self.store.kept.items())
            for kind in topics.INPUTS
            if kept.line_up.full(kind)
        }

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
        s = self.settings
        app = App(
            s.group,
            broker=";".join(f"{transport.SCHEME}://{host}" for host in s.bootstrap_servers.split(",")),
            broker_credentials=security.credentials(s),
            value_serializer="raw",
            key_serializer="raw",
            consumer_auto_offset_reset="earliest",
            # above 0 it keeps faust's assignor, which gives the same partition of every input to the same worker
            table_standby_replicas=1,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            broker_session_timeout=s.session_timeout_s,
            broker_heartbeat_interval=max(1.0, s.session_timeout_s / 10),
            broker_request_timeout=max(90.0, s.session_timeout_s + 10),
            broker_commit_interval=2.0,
            consumer_max_fetch_size=s.max_fetch_bytes,
            datadir=str(self.scratch),
        )
        app.worker = self
        inputs = app.topic(*(self.names[kind] for kind in topics.INPUTS), value_type=None, value_serializer="raw")
        app.agent(inputs, name="score", supervisor_strategy=CrashingSupervisor)(self.consume)
        app.on_rebalance_complete.connect(cast(Any, self.assigned))
        app.on_partitions_revoked.connect(cast(Any, self.revoked))
        app.timer(interval=s.checkpoint_s)(self.tick)
        return app

    async def consume(self, stream: Any) -> None:
        """Take every chunk in that faust hands over."""
        async for found in stream:
            message = stream.current_event.message
            kept = self.store.kept.get(message.partition)
            if kept is not None and self.counts(message.generation_id):
                await self.take(kept, self.kinds[message.topic], found)

    def counts(self, generation: int) -> bool:
        """Whether events of a generation count: its state has been read back and its inputs have been sought."""
        return (
            self.store.generation is not None and self.store.generation == self.app.consumer_generation_id == generation
        )

    async def take(self, kept: Kept, kind: str, found: Any) -> None:
        """Read one chunk and line it up; the chunk before it is scored meanwhile."""
        share, line_up = kept.share, kept.line_up
        try:
            expected = line_up.next.get(kind, share.offsets.get(kind))
            loop = asyncio.get_running_loop()
            chunk = await loop.run_in_executor(self.reading, messages.read, kind, found, share.keys, expected or 0)
            if len(chunk.offsets):
                if expected is not None:
                    where = f"{self.names[kind]} partition {share.number}"
                    line_up.expect(kind, expected, int(chunk.offsets[0]), where)
                line_up.add(chunk, time.monotonic())
                self.held.set()
        except Exception as error:
            self._fail(f"{self.names[kind]} partition {share.number}: {type(error).__name__}: {error}")
            raise

    async def advance(self) -> None:
        """Again and again, apply what was lined up, and what has waited long enough for its contemporaries."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.held.wait(), max(0.02, self.settings.order_wait_s / 4))
            self.held.clear()
            await self.advance_all()

    async def advance_all(self) -> None:
        """Apply what may be; an error stops the worker, since the state may be half changed."""
        for kept in list(self.store.kept.values()):
            if kept.line_up.empty:
                continue
            async with kept.lock:
                if self.owns(kept):
                    try:
                        await self._advance(kept)
                    except Exception as error:
                        self._fail(f"partition {kept.share.number}: {type(error).__name__}: {error}")
                        await self.app.crash(error)
                        return

    def owns(self, kept: Kept) -> bool:
        """Whether a share is still ours to change."""
        store = self.store
        return store.kept.get(kept.share.number) is kept and store.generation is not None and not store.stopped

    def _fail(self, reason: str) -> None:
        self.store.abandon()
        self.failed = self.failed or reason
        self.health.state = "failed"

    async def _advance(self, kept: Kept) -> None:
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        for pieces in kept.line_up.take(time.monotonic()):
            outputs, lines = await loop.run_in_executor(self.scoring, apply, kept.share, pieces)
            for output, text in zip(outputs, lines, strict=True):
                kept.waiting.append(await self.send(output, text, kept.share.number))
            self.health.applied(pieces, outputs, kept.share, time.perf_counter() - began)
        kept.waiting = [sent for sent in kept.waiting if not sent.done() or sent.exception() is not None]
        if len(kept.waiting) > self.settings.max_unacknowledged:
            waiting, kept.waiting = kept.waiting, []
            await asyncio.gather(*waiting)

    async def send(self, output: Output, text: bytes, partition: int) -> Any:
        """One record on its way out; what it gives back is done when the broker has it."""
        assert self.outlet is not None
        return await self.outlet.send(self.names[output.kind], text, key=output.key or None, partition=partition)

    async def assigned(self, sender: Any, **_: Any) -> None:
        """After every rebalance, before the inputs are sought."""
        app = self.app
        generation = app.consumer_generation_id
        assignment = app.consumer.assignment()
        mine = {tp.partition for tp in assignment if tp.topic == self.names["flow"]}
        began = time.perf_counter()
        self.health.state = "recovering"
        try:
            async with asyncio.timeout(self.settings.recovery_s):
                self.beginnings = dict(await app.consumer.earliest_offsets(*assignment)) if assignment else {}
                read_before = {tp.partition for tp in await app.consumer.committed(assignment)}
                await self.store.assign(mine, generation, read_before)
        except TimeoutError:
            await self._give_up(
                AgentRiskError(
                    f"expected the state of partitions {sorted(mine)} within "
                    f"{self.settings.recovery_s:.0f} s, got not all of it (setting live.recovery_s)"
                )
            )
            return
        except asyncio.CancelledError as error:
            # faust would end its recovery over one that a client left behind, and idle for ever
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self._give_up(AgentRiskError(f"while taking over: {error!r}"))
            return
        except Exception as error:
            await self._give_up(error)
            return
        if not mine:
            self.store.generation = generation
        agents = sum(len(kept.share.scorer.agents) for kept in self.store.kept.values())
        log.info(
            "partitions assigned: %s; %d agents read back in %.2f s", sorted(mine), agents, time.perf_counter() - began
        )
        self.health.owned(mine)
        self.health.state = "running"

    async def _give_up(self, error: Exception) -> None:
        words = (
            str(error) if isinstance(error, AgentRiskError) else f"while taking over: {type(error).__name__}: {error}"
        )
        self._fail(words)
        await self.app.crash(error)

    async def revoked(self, sender: Any, revoked: Any = (), **_: Any) -> None:
        """Before partitions are given away: what was applied is made durable."""
        self.store.release()
        if self.health.state != "failed":
            self.health.state = "rebalancing"
        await self.store.checkpoint_all()

    async def tick(self) -> None:
        """Every `checkpoint_s`."""
        await self.store.checkpoint_all()
        self.health.checkpoint(self.store)
        overdue = self.store.overdue(3 * self.settings.session_timeout_s)
        if overdue:
            error = AgentRiskError(f"partitions lost and not given back: {overdue}")
            self._fail(str(error))
            await self.app.crash(error)

    # ---------------------------------------------------------------- its life

    async def run(self) -> int:
        """Join the group and work until told to stop; the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        told = asyncio.ensure_future(stop.wait())
        advancing = asyncio.ensure_future(self.advance())
        try:
            if not await first(told, loop.run_in_executor(self.scoring, warm_up)):
                return 0
            self.outlet = AIOKafkaProducer(
                **security.client(self.settings),
                acks="all",
                enable_idempotence=True,
                compression_type=COMPRESSION,
                linger_ms=5,
                max_request_size=16_000_000,
                request_timeout_ms=DELIVERY_S * 1000,
            )
            await self.outlet.start()
            self.app.finalize()
            starting = asyncio.ensure_future(self.app.start())
            starting.add_done_callback(self._started)
        except Exception as error:
            self.failed = self.failed or f"while starting: {type(error).__name__}: {error}"
        while not (stop.is_set() or self.failed or self.app.should_stop or self.app.crashed):
            await asyncio.wait({told}, timeout=0.2)
            self._look()
        told.cancel()
        advancing.cancel()
        return await self.stop()

    def _started(self, starting: asyncio.Future[None]) -> None:
        error = None if starting.cancelled() else starting.exception()
        if error is not None:
            self.failed = self.failed or f"while starting: {type(error).__name__}: {error}"
        else:
            log.info(
                "worker started: group %s, topics %s*, %d partitions",
                self.settings.group,
                self.settings.prefix,
                self.partitions,
            )

    def _look(self) -> None:
        """Beat; say when the group's broker goes and comes; end a takeover that does not."""
        self.health.beat()
        away = self.app.consumer.away()
        if away or self.store.generation == self.app.consumer_generation_id:
            self.settled = time.monotonic()
        elif time.monotonic() - self.settled > self.settings.recovery_s + 2 * self.settings.session_timeout_s:
            self._fail(
                f"expected to take partitions over within {self.settings.recovery_s:.0f} s of a rebalance, "
                "got no further"
            )
        if away and self.health.state == "running":
            self.health.state = "no broker"
            log.warning("the group's broker is away; waiting for it")
        elif not away and self.health.state == "no broker":
            self.health.state = "running"
            log.info("the group's broker is back")

    async def stop(self) -> int:
        """Checkpoint, flush, leave; 0 after a clean stop, 1 after a failure."""
        began = time.perf_counter()
        crashed = self.app.crashed or self.failed is not None
        self.health.state = "failed" if crashed else "stopping"
        self.store.release()
        try:
            async with asyncio.timeout(STOP_S):
                if not crashed:
                    await self.store.checkpoint_all()
                    if self.store.lost:
                        self.failed = f"the last checkpoint was not written: {self.store.overdue(-1)}"
                await self.app.stop()
                await self.store.close_all()
                if self.outlet is not None:
                    await self.outlet.stop()
        except TimeoutError:
            self.failed = (
                self.failed or f"expected to stop within {STOP_S:.0f} s, got no further; the last checkpoint holds"
            )
        except Exception as error:
            self.failed = self.failed or f"while stopping: {type(error).__name__}: {error}"
        shutil.rmtree(self.scratch, ignore_errors=True)
        if crashed or self.failed:
            log.error("worker stops: %s", self.failed or repr(self.app.crash_reason))
            return 1
        log.info("worker stopped in %.2f s", time.perf_counter() - began)
        return 0


async def first(stop: asyncio.Future[Any], work: Any) -> bool:
    """Wait for work or for the word to stop, whichever is first; whether the work was done."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({stop, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    return bool(task.done())


def warm_up() -> None:
    """Have every kernel compiled before the group is joined: what is assigned is then scored at once."""
    warm()
    records.warm()
    messages.warm()


def apply(share: Share, pieces: list[Any]) -> tuple[list[Output], list[bytes]]:
    """Apply records to a share, and write what leaves as bytes."""
    outputs = share.apply(pieces)
    return outputs, [line(output.record) for output in outputs]


def serve(settings: Settings, tuning: Tuning, metrics_port: int | None = None) -> int:
    """Run one worker in this process; the exit status. AgentRiskError where it cannot begin."""
    worker = Worker(settings, tuning)
    if metrics_port is not None:
        worker.health.serve(metrics_port)
    return asyncio.run(worker.run())
