"""A broker of our own for measurements, and messages on its topics."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from pipeline.kafka_settings import Settings
from pipeline.live import topics
from tests.broker import cluster as brokers

PARTITIONS = 4
AGENTS = 400
PORTION = 200_000
"""Events that are made at once."""
START = 1_767_225_600.0


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that imports this package and its benchmarks."""
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, **more, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


@contextmanager
def broker() -> Iterator[str]:
    """host:port of a broker; SystemExit says what to install where there is none."""
    if brokers.how() != "java":
        raise SystemExit(brokers.INSTALL)
    with tempfile.TemporaryDirectory() as root, brokers.cluster(Path(root)) as running:
        yield running.bootstrap


def flows(count: int, agents: int = AGENTS, first: int = 0) -> list[tuple[bytes, bytes]]:
    """Agent and flow record as a sandbox's sensor writes it, some 280 bytes; from the `first` one on."""
    made = []
    for i in range(first, first + count):
        agent = f"lab/sbx-{i % agents:05x}"
        made.append(
            (
                agent.encode(),
                orjson.dumps(
                    {
                        "kind": "flow",
                        "agent": agent,
                        "ts": round(START + i * 0.001, 3),
                        "src_ip": "10.64.3.17",
                        "src_port": 40000 + i % 20000,
                        "dst_ip": f"203.0.113.{i // agents % 7}",
                        "dst_port": 443,
                        "proto": "tcp",
                        "direction": "outbound",
                        "outcome": "established",
                        "duration": 0.12,
                        "src_bytes": 900 + i % 50,
                        "dst_bytes": 40000,
                        "src_pkts": 9,
                        "dst_pkts": 30,
                        "flow_id": f"f{i:08x}",
                    }
                ),
            )
        )
    return made


def packed(rows: Sequence[tuple[bytes, bytes]], many: int) -> list[tuple[bytes, bytes]]:
    """Events of one agent, `many` to a message, as lines."""
    waiting: dict[bytes, list[bytes]] = {}
    made = []
    for agent, row in rows:
        held = waiting.setdefault(agent, [])
        held.append(row)
        if len(held) == many:
            made.append((agent, b"\n".join(held)))
            waiting[agent] = []
    return made + [(agent, b"\n".join(held)) for agent, held in waiting.items() if held]


def fill_with_flows(settings: Settings, count: int, pack: int) -> None:
    """Put flows on their topic, `pack` to a message; not all of them are in memory at once."""
    for first in range(0, count, PORTION):
        rows = flows(min(PORTION, count - first), first=first)
        fill(settings, packed(rows, pack) if pack > 1 else rows)


def fill(settings: Settings, messages: Sequence[tuple[bytes, bytes]], kind: str = "flow") -> None:
    """Put messages on a topic, each on the partition of its agent."""
    asyncio.run(_fill(settings, messages, kind))


async def _fill(settings: Settings, messages: Sequence[tuple[bytes, bytes]], kind: str) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, max_batch_size=1 << 20, max_request_size=16_000_000
    )
    await producer.start()
    try:
        topic = topics.name(settings, kind)
        count = len(await producer.partitions_for(topic))
        batches = [producer.create_batch() for _ in range(count)]
        sent = []
        for key, value in messages:
            at = (murmur2(key) & 0x7FFFFFFF) % count
            if batches[at].append(key=key, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batches[at], topic, partition=at))
                batches[at] = producer.create_batch()
                batches[at].append(key=key, value=value, timestamp=None)
        sent += [await producer.send_batch(batch, topic, partition=at) for at, batch in enumerate(batches)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
