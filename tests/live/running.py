"""Workers as processes against a real broker, and what they have made of it in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline import config, replay
from pipeline.kafka_settings import Settings
from pipeline.lab import cast
from pipeline.live import checkpoint, sending, topics
from pipeline.live.partition import HEAD, Share
from pipeline.sinks._gate import line
from tests.broker.cluster import Cluster, Docker, Given

Broker: TypeAlias = Cluster | Docker | Given
ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 180.0
"""How long a test waits for what must come; only a broken worker takes as long."""

ORDINARY = 8
PARTITIONS = 4


@dataclass
class Expected:
    """A recording, and what a replay makes of it."""

    files: Path
    agents: dict[str, dict[str, Any]]
    evidence: dict[str, dict[str, Any]]
    alerts: dict[str, dict[str, Any]]
    rows: int


@dataclass
class Found:
    """What the topics hold: final scores out of the state, evidence and alerts by id, how often each id was said."""

    agents: dict[str, dict[str, Any]]
    evidence: dict[str, list[dict[str, Any]]]
    alerts: dict[str, list[dict[str, Any]]]
    rejected: list[dict[str, Any]]
    shares: dict[int, Share]


def record(folder: Path) -> Expected:
    """The guilty agent, its lookalikes and a few others of the demo lab."""
    folder.mkdir(exist_ok=True)
    lab = cast.play()
    few = [s for s in lab.sandboxes if s.agent == lab.guilty or s.agent in lab.lookalikes]
    few += [s for s in lab.sandboxes if s not in few][:ORDINARY]
    cast.write(cast.Lab(tuple(few), lab.guilty, lab.lookalikes), folder / "lab")
    summary = replay.run([str(folder / "lab")], config=config.load(), sinks=[f"files={folder / 'result'}"])
    read = {
        name: [orjson.loads(row) for row in (folder / "result" / f"{name}.ndjson").read_bytes().splitlines()]
        for name in ("agents", "evidence", "alerts")
    }
    return Expected(
        folder / "lab",
        {r["agent"]: r for r in read["agents"]},
        {r["id"]: r for r in read["evidence"]},
        {alert_id(r): r for r in read["alerts"]},
        summary["account"]["read"],
    )


def alert_id(alert: dict[str, Any]) -> str:
    """The id of one thing said of an incident."""
    return f"{alert['id']}.{alert['update']}"


@dataclass
class Live:
    """One set of topics and the workers of its group."""

    bootstrap: str
    name: str
    partitions: int = PARTITIONS
    more: dict[str, Any] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """As the workers have them."""
        said = {
            "bootstrap_servers": self.bootstrap,
            "group": self.name,
            "prefix": f"{self.name}.",
            "checkpoint_s": 1.0,
            "session_timeout_s": 6.0,
        } | self.more
        return msgspec.convert(said, Settings)

    @property
    def config(self) -> config.Config:
        """The whole of it."""
        return msgspec.structs.replace(config.load(), live=self.settings)

    def create(self, replication: int = 1) -> Live:
        """Make the topics."""
        topics.create(self.settings, self.partitions, replication)
        return self

    def send(self, files: Path, speed: float | None = None) -> int:
        """Send a recording; how many events."""
        sent = sending.send([str(files)], self.config, speed, None, None)
        return sum(sent[kind] for kind in topics.EVENTS)

    def sending(self, files: Path, speed: float) -> threading.Thread:
        """Send a recording in the background."""
        thread = threading.Thread(target=self.send, args=(files, speed), daemon=True)
        thread.start()
        return thread

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command that has these settings."""
        said = {
            f"AGENTRISK_LIVE__{key.upper()}": value if isinstance(value, str) else config.toml(value)
            for key, value in msgspec.to_builtins(self.settings).items()
        }
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        return {**os.environ, **said, "PYTHONPATH": path}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in its own process: kafka-python leaves sockets of clients that could not begin."""
        words = [sys.executable, "-m", "pipeline.cli", *arguments]
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def serve(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a worker; its log goes to a file."""
        with log.open("ab") as file:
            worker = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "serve", *arguments],
                stdout=file,
                stderr=file,
                env=self.environment,
                start_new_session=True,
            )
        self.workers.append(worker)
        self.logs.append(log)
        return worker

    def stop(self, worker: subprocess.Popen[bytes]) -> tuple[int, float]:
        """SIGTERM; the exit status and how many seconds it took."""
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(60)
        self.workers.remove(worker)
        return status, time.monotonic() - began

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """kill -9."""
        worker.kill()
        worker.wait(30)
        self.workers.remove(worker)

    def stop_all(self) -> None:
        """End whatever runs."""
        for worker in list(self.workers):
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait(30)
        self.workers.clear()

    def wait(self, mended: bool = False) -> None:
        """Until the state covers everything that the input topics hold; a worker that ends meanwhile fails the test
        unless `mended`."""
        until(self._done, lambda: mended or all(worker.poll() is None for worker in self.workers), self.words)

    def running(self, count: int = 1) -> None:
        """Until that many workers have been assigned partitions at least once."""
        until(
            lambda: sum("partitions assigned" in log.read_text() for log in set(self.logs)) >= count,
            lambda: True,
            self.words,
        )

    def words(self) -> str:
        """The ends of the logs."""
        return "\n".join(f"{log}:\n{log.read_text()[-1500:]}" for log in set(self.logs))

    def _done(self) -> bool:
        ends, offsets = asyncio.run(ends_and_offsets(self.settings, self.partitions))
        return all(offsets.get(tp, 0) >= end for tp, end in ends.items())

    def found(self) -> Found:
        """What the topics hold now."""
        return asyncio.run(read_all(self.settings, self.partitions, self.config))


def until(done: Any, good: Any, words: Any) -> None:
    """Wait for something, as long as all is good."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert good(), f"a worker ended\n{words()}"
        assert time.monotonic() < end, f"waited {PATIENCE_S:.0f} s\n{words()}"
        time.sleep(0.3)


async def newest(settings: Settings, partitions: int) -> dict[TopicPartition, dict[bytes, bytes]]:
    """The newest records of the state topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        isolation_level="read_committed",
        group_id=None,
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        tps = [TopicPartition(f"{settings.prefix}state", p) for p in range(partitions)]
        return await checkpoint.read_to(consumer, await consumer.end_offsets(tps))
    finally:
        await consumer.stop()


async def ends_and_offsets(
    settings: Settings, partitions: int
) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
    """Where the input topics end, and how far the state has come."""
    offsets = {}
    for tp, records in (await newest(settings, partitions)).items():
        if HEAD in records:
            for kind, offset in orjson.loads(records[HEAD].partition(b"\n")[0])["offsets"].items():
                offsets[kind, tp.partition] = offset
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers, group_id=None)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(
            [TopicPartition(settings.prefix + kind, p) for kind in topics.INPUTS for p in range(partitions)]
        )
    finally:
        await consumer.stop()
    return {(tp.topic.removeprefix(settings.prefix), tp.partition): end for tp, end in ends.items()}, offsets


async def read_all(settings: Settings, partitions: int, tuning: config.Config) -> Found:
    """The state and the outputs."""
    shares = {}
    agents = {}
    for tp, records in (await newest(settings, partitions)).items():
        share = Share(tp.partition, partitions, tuning, topics.names(settings))
        share.load(records)
        shares[tp.partition] = share
        for final in share.scorer.final():
            assert final["agent"] not in agents, "an agent lies on two partitions"
            agents[final["agent"]] = orjson.loads(line(final))
    said: dict[str, list[dict[str, Any]]] = {"evidence": [], "alert": [], "rejected": []}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(
            [TopicPartition(settings.prefix + kind, p) for kind in said for p in range(partitions)]
        )
        left = {tp for tp, end in ends.items() if end}
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        while left:
            for tp, chunk in (await consumer.getmany(timeout_ms=200)).items():
                said[tp.topic.removeprefix(settings.prefix)] += [orjson.loads(r.value) for r in chunk]
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()
    evidence: dict[str, list[dict[str, Any]]] = {}
    alerts: dict[str, list[dict[str, Any]]] = {}
    for record in said["evidence"]:
        evidence.setdefault(record["id"], []).append(record)
    for record in said["alert"]:
        alerts.setdefault(alert_id(record), []).append(record)
    return Found(agents, evidence, alerts, said["rejected"], shares)


async def put(settings: Settings, records: Sequence[tuple[str, int | None, bytes | None, bytes | None]]) -> None:
    """Records as they are: topic, partition, key, value."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers, max_request_size=16_000_000)
    await producer.start()
    try:
        for topic, partition, key, value in records:
            await producer.send_and_wait(
                settings.prefix + topic, value, key=key, partition=partition, headers=[("trace", b"\x00\xff")]
            )
    finally:
        await producer.stop()


def same(found: Found, expected: Expected, exactly: bool = True) -> None:
    """The scores, terms, evidence and alerts of the replay, bit for bit; every repeat says the same.

    Not `exactly`: a topic was seen ahead of another for a moment, so that a command may be missing among the causes.
    """
    assert found.agents.keys() == expected.agents.keys()
    for agent, final in expected.agents.items():
        assert bare(found.agents[agent]) == bare(final)
    assert found.evidence.keys() == expected.evidence.keys()
    assert (
        found.alerts.keys() >= expected.alerts.keys() if not exactly else found.alerts.keys() == expected.alerts.keys()
    )
    if exactly:
        for wanted, there in ((expected.evidence, found.evidence), (expected.alerts, found.alerts)):
            for name, record in wanted.items():
                for said in there[name]:
                    differs = {
                        key: (said.get(key), record.get(key))
                        for key in said.keys() | record.keys()
                        if key not in ("source", "position") and said.get(key) != record.get(key)
                    }
                    assert not differs, f"{name}: {differs}"


def bare(final: dict[str, Any]) -> dict[str, Any]:
    """A final record without the peak, which tells of the way there."""
    return {key: value for key, value in final.items() if key != "peak"}


@contextlib.contextmanager
def live(broker: Broker, name: str, partitions: int = PARTITIONS, **more: Any) -> Iterator[Live]:
    """Topics of a name of their own; no worker outlives the test."""
    made = Live(broker.bootstrap, f"{name}-{os.getpid()}", partitions, more).create()
    try:
        yield made
    finally:
        made.stop_all()
