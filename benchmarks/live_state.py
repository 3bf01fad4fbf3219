"""What it costs to make the state of a partition durable, and to read it back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from benchmarks import Row
from benchmarks._kafka import broker, flows
from pipeline import config
from pipeline.kafka_settings import Settings
from pipeline.live import logs, topics
from pipeline.live.checkpoint import Store
from pipeline.live.messages import Record, read
from pipeline.live.order import LineUp
from pipeline.live.partition import Share

QUESTION = "What do a checkpoint and a takeover cost, by the number of agents in a partition?"

CHUNK = 16_000


def measure(quick: bool) -> Iterator[Row]:
    """One partition; every agent has been heard twice, which is the least that compresses; all chunks have changed."""
    with broker() as bootstrap:
        for agents in (1000,) if quick else (20_000, 100_000):
            yield from asyncio.run(one(Settings(bootstrap_servers=bootstrap, prefix=f"n{agents}."), agents))


async def one(settings: Settings, agents: int) -> list[Row]:
    """One number of agents."""
    topics.create(settings, 1, 1)
    tuning, names = config.load(), topics.names(settings)

    def fresh(partition: int) -> Share:
        return Share(partition, 1, tuning, names)

    def line_up(partition: int) -> LineUp:
        return LineUp(0.0, lambda kind, since: False)

    store = Store(settings, names[topics.STATE], fresh, line_up, logs.log)
    await store.assign([0], 1, ())
    kept = store.kept[0]
    records = [Record(key, value, i) for i, (key, value) in enumerate(flows(2 * agents, agents))]
    for i in range(0, len(records), CHUNK):
        kept.line_up.add(read("flow", records[i : i + CHUNK], kept.share.keys), 0.0)
        for pieces in kept.line_up.take(0.0):
            kept.share.apply(pieces)
    stalls: list[float] = []
    beating = asyncio.ensure_future(beat(stalls))
    began = time.perf_counter()
    await store.checkpoint(0)
    seconds = time.perf_counter() - began
    beating.cancel()
    other = Store(settings, names[topics.STATE], fresh, line_up, logs.log)
    began = time.perf_counter()
    await other.assign([0], 2, ())
    taken = time.perf_counter() - began
    assert len(other.kept[0].share.scorer.agents) == agents
    await other.close_all()
    await store.close_all()
    note = f"{agents:,} agents, all chunks changed"
    return [
        Row("checkpoint", seconds, "s", note),
        Row("checkpoint", store.written.last_bytes / 1e6, "MB", note),
        Row("longest stall of the event loop meanwhile", 1000 * max(stalls), "ms", note),
        Row("takeover: fence, read back, unpack", taken, "s", f"{agents:,} agents"),
    ]


async def beat(stalls: list[float]) -> None:
    """How late the event loop comes back to a sleep of 5 ms."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        stalls.append(time.perf_counter() - began - 0.005)
