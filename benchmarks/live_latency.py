"""How long it takes from an event to the alert it causes, and from a kill -9 to the next score."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks import Row
from benchmarks._kafka import PARTITIONS, broker, environment, flows, packed
from pipeline.kafka_settings import Settings
from pipeline.live import topics

QUESTION = "How long from sending an event to its alert, under load, and from a kill -9 to the next score?"

LOADS = ((20_000, 1), (300_000, 100))
"""Events a second of innocent traffic meanwhile, and how many to a message."""
AGENTS = 400
MINER = (
    "xmrig -o stratum+tcp://pool.example:3333 -u 44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb"
)
SESSION_S = 6.0
TIME = b"@time@"
"""Stands in a message for the moment at which it is sent."""


def measure(quick: bool) -> Iterator[Row]:
    """One worker and a spare one."""
    with broker() as bootstrap:
        settings = Settings(bootstrap_servers=bootstrap, prefix="l.", group="l", session_timeout_s=SESSION_S)
        topics.create(settings, PARTITIONS, 1)
        first, spare = serve(settings), None
        try:
            for rate, pack in LOADS:
                yield from asyncio.run(latency(settings, 20 if quick else 200, rate, pack))
            spare = serve(settings)
            time.sleep(15)
            yield asyncio.run(takeover(settings, first))
        finally:
            for worker in (first, spare):
                if worker is not None:
                    worker.kill()
                    worker.wait()


def serve(settings: Settings) -> subprocess.Popen[bytes]:
    """A worker."""
    said = {
        name: str(getattr(settings, name)) for name in ("bootstrap_servers", "prefix", "group", "session_timeout_s")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "serve"],
        env=environment(**{f"AGENTRISK_LIVE__{name.upper()}": value for name, value in said.items()}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def suspicious(agent: str) -> bytes:
    """A command that opens an alert by itself."""
    return orjson.dumps({"agent": agent, "ts": time.time(), "command": MINER})


def templates(pack: int) -> list[tuple[bytes, bytes]]:
    """A message of `pack` flows for each agent, the time left open."""
    rows = packed(flows(AGENTS * pack, AGENTS), pack) if pack > 1 else flows(AGENTS, AGENTS)
    return [(key, re.sub(rb'"ts":[0-9.]+', b'"ts":' + TIME, value)) for key, value in rows]


async def listening(settings: Settings, kind: str) -> AIOKafkaConsumer:
    """A consumer at the end of an output topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers, group_id=None, fetch_max_wait_ms=20)
    await consumer.start()
    tps = [TopicPartition(topics.name(settings, kind), p) for p in range(PARTITIONS)]
    consumer.assign(tps)
    await consumer.seek_to_end(*tps)
    for tp in tps:
        await consumer.position(tp)
    return consumer


async def latency(settings: Settings, many: int, rate: int, pack: int) -> list[Row]:
    """Alerts of new agents while others work."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, linger_ms=2, max_batch_size=1 << 20, max_request_size=16_000_000
    )
    await producer.start()
    consumer = await listening(settings, "alert")
    sent: dict[str, float] = {}
    took: list[float] = []

    async def load() -> None:
        messages, begun, done = templates(pack), time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - begun) * rate / pack)
            now = b"%.3f" % time.time()
            for i in range(done, due):
                key, value = messages[i % AGENTS]
                await producer.send("l.flow", value.replace(TIME, now), key=key)
            done = max(done, due)
            await asyncio.sleep(0.005)

    async def listen() -> None:
        async for record in consumer:
            agent = orjson.loads(record.value)["agent"]
            if agent in sent:
                took.append(time.perf_counter() - sent.pop(agent))

    listens = asyncio.ensure_future(listen())
    agent = f"lab/first-{rate}"
    while not took:
        sent[agent] = time.perf_counter()
        await producer.send("l.command", suspicious(agent), key=agent.encode())
        await asyncio.sleep(0.5)
    took.clear()
    loads = asyncio.ensure_future(load())
    for n in range(many):
        await asyncio.sleep(0.05)
        agent = f"lab/bad-{rate}-{n}"
        sent[agent] = time.perf_counter()
        await producer.send("l.command", suspicious(agent), key=agent.encode())
    await asyncio.sleep(5)
    loads.cancel()
    listens.cancel()
    await producer.stop()
    await consumer.stop()
    note = f"{len(took)} of {many} alerts, {rate:,} other events/s, {pack} a message"
    return [
        Row("event to alert, median", 1000 * float(np.median(took)), "ms", note),
        Row("event to alert, 99 in 100", 1000 * float(np.quantile(took, 0.99)), "ms", note),
    ]


async def takeover(settings: Settings, victim: subprocess.Popen[bytes]) -> Row:
    """Kill a worker; every partition has news all the time; until each has scored again."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    consumer = await listening(settings, "score")
    victim.kill()
    began, left, n = time.perf_counter(), set(range(PARTITIONS)), 0
    while left:
        agent = f"lab/new-{n}"
        n += 1
        await producer.send("l.command", suspicious(agent), key=agent.encode())
        for tp, records in (await consumer.getmany(timeout_ms=20)).items():
            if records:
                left.discard(tp.partition)
        if time.perf_counter() - began < 1.0:
            left = set(range(PARTITIONS))
    seconds = time.perf_counter() - began
    await producer.stop()
    await consumer.stop()
    return Row(
        "kill -9 to a score on every partition", seconds, "s", f"a spare worker, session_timeout_s {SESSION_S:.0f}"
    )
