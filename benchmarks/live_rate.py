"""How fast one worker is, beside those who only read."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import msgspec

from benchmarks import Row
from benchmarks._kafka import PARTITIONS, broker, environment, fill_with_flows
from pipeline import config
from pipeline.kafka_settings import Settings
from pipeline.live import topics

GOES = 3

QUESTION = "How many events a second does one worker score, beside stock faust with orjson and a raw aiokafka consumer?"


def measure(quick: bool) -> Iterator[Row]:
    """One event a message, then a hundred; every reader starts at the beginning of the same topic, in a process of
    its own."""
    with broker() as bootstrap:
        for pack in (1, 100):
            many = 40_000 if quick else 800_000 if pack == 1 else 1_600_000
            settings = Settings(bootstrap_servers=bootstrap, prefix=f"p{pack}.", group=f"p{pack}")
            topics.create(settings, PARTITIONS, 1)
            fill_with_flows(settings, many, pack)
            stock_many = many if pack > 1 else min(many, 20_000 if quick else 60_000)
            rates = {
                who: [rate(who, settings, stock_many if who == "stock" else many, pack) for _ in range(goes)]
                for who, goes in (("stock", 2), ("raw", GOES), ("worker", GOES))
            }
            note = "one event a message" if pack == 1 else f"{pack} a message"
            for who, words in (
                ("stock", "faust async for + orjson"),
                ("raw", "aiokafka getmany, nothing else"),
                ("worker", "agentrisk serve"),
            ):
                yield Row(words, max(rates[who]), "events/s", f"{note}; median {median(rates[who]):,.0f}")
            for who, words in (("stock", "stock faust"), ("raw", "raw aiokafka")):
                usual = median(rates["worker"]) / median(rates[who])
                best = max(rates["worker"]) / max(rates[who])
                yield Row(f"agentrisk serve to {words}", best, "times", f"{note}; of medians {usual:.2f}")


def rate(who: str, settings: Settings, count: int, pack: int) -> float:
    """Events a second from the first chunk to the last, measured in the process that reads."""
    arguments = (settings.bootstrap_servers, settings.prefix, count, pack)
    code = f"from benchmarks import live_rate; live_rate.{who}(*{arguments!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=900,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("rate ")]
    if not said:
        raise RuntimeError(f"{who} said nothing: {done.stderr[-2000:]}")
    return float(said[-1].split()[1])


def tell(began: float, count: int) -> None:
    """Say the rate and leave at once."""
    print(f"rate {count / (time.perf_counter() - began)}", flush=True)
    os._exit(0)


def raw(bootstrap: str, prefix: str, count: int, pack: int) -> None:
    """getmany, and nothing with what it gives."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    async def run() -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20
        )
        await consumer.start()
        consumer.assign([TopicPartition(f"{prefix}flow", p) for p in range(PARTITIONS)])
        began, seen = time.perf_counter(), 0
        while seen < count // pack:
            seen += sum(map(len, (await consumer.getmany(timeout_ms=500)).values()))
        tell(began, seen * pack)

    asyncio.run(run())


def stock(bootstrap: str, prefix: str, count: int, pack: int) -> None:
    """A faust agent as its documentation shows it."""
    import faust
    import orjson

    app = faust.App(
        f"stock-{prefix}{os.getpid()}",
        broker=f"kafka://{bootstrap}",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        datadir=f"/tmp/stock-{os.getpid()}",
    )
    state: dict[str, Any] = {"seen": 0, "began": 0.0}

    @app.agent(app.topic(f"{prefix}flow", value_type=bytes, value_serializer="raw"))
    async def read(stream: Any) -> None:
        async for value in stream:
            for line in value.split(b"\n"):
                orjson.loads(line)
            if not state["seen"]:
                state["began"] = time.perf_counter()
            state["seen"] += pack
            if state["seen"] >= count:
                tell(state["began"], state["seen"] - pack)

    async def run() -> None:
        app.finalize()
        await app.start()
        await asyncio.sleep(900)

    asyncio.run(run())


def worker(bootstrap: str, prefix: str, count: int, pack: int) -> None:
    """A worker as `agentrisk serve` runs it."""
    from pipeline.live import health, logs
    from pipeline.live.worker import Worker

    logs.to_stderr()
    state: dict[str, Any] = {"seen": 0, "began": 0.0}

    class Watching(health.Health):
        def applied(self, pieces: Sequence[Any], outputs: Sequence[Any], share: Any, seconds: float) -> None:
            super().applied(pieces, outputs, share, seconds)
            rows = sum(len(piece.keys) for piece in pieces)
            if not state["seen"]:
                state["began"], state["first"] = time.perf_counter(), rows
            state["seen"] += rows
            if state["seen"] >= count:
                tell(state["began"], state["seen"] - state["first"])

    loaded = config.load()
    settings = Settings(bootstrap_servers=bootstrap, prefix=prefix, group=f"w{prefix}", checkpoint_s=600)
    asyncio.run(Worker(settings, msgspec.structs.replace(loaded, live=settings), Watching()).run())
