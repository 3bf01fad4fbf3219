"""How much more two workers do than one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from faust.types import TP

from benchmarks import Row
from benchmarks._kafka import PARTITIONS, broker, environment, fill_with_flows
from pipeline import config
from pipeline.kafka_settings import Settings
from pipeline.live import topics
from pipeline.live.health import Health
from pipeline.live.worker import Worker

QUESTION = "How many times as much do two workers score as one, each on a core of its own beside the broker?"

PACK = 100


def measure(quick: bool) -> Iterator[Row]:
    """All wait for the word to begin; the rate is that of the time in which all of them work."""
    with broker() as bootstrap, tempfile.TemporaryDirectory() as folder:
        settings = Settings(bootstrap_servers=bootstrap, prefix="w.")
        topics.create(settings, PARTITIONS, 1)
        fill_with_flows(settings, 800_000 if quick else 3_200_000, PACK)
        cores = sorted(os.sched_getaffinity(0))
        rates, busy = {}, {}
        for many in (1, 2):
            rates[many], busy[many] = rate(bootstrap, many, Path(folder) / str(many), cores)
            note = f"of {len(cores)} cores the workers had {busy[many]:.2f}"
            yield Row(f"{many} worker{'s'[: many - 1]}, one core each", rates[many], "events/s", note)
        yield Row("two workers to one", rates[2] / rates[1], "times", "the broker works on the same cores")
        even = rates[2] / busy[2] / (rates[1] / busy[1])
        yield Row("the same for each CPU second that they had", even, "times", "1 is: nothing is lost by sharing")


def rate(bootstrap: str, many: int, word: Path, cores: Sequence[int]) -> tuple[float, float]:
    """Events a second of so many workers together, and CPU seconds a second."""
    workers = []
    for n in range(many):
        core = cores[n % len(cores)]
        code = f"from benchmarks import live_workers; live_workers.work({bootstrap!r}, {many}, {str(word)!r}, {core})"
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment(),
            )
        )
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        word.touch()
        said = [
            [(float(when), float(cpu), int(count)) for when, cpu, count in map(str.split, lines.splitlines())]
            for lines, _ in [worker.communicate(timeout=300) for worker in workers]
        ]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    begin, end = max(steps[0][0] for steps in said), min(steps[-1][0] for steps in said)
    within = [[step for step in steps if begin <= step[0] <= end] for steps in said]
    events = sum(count for steps in within for _, _, count in steps[1:])
    busy = sum(steps[-1][1] - steps[0][1] for steps in within)
    return events / (end - begin), busy / (end - begin)


def work(bootstrap: str, many: int, word: str, core: int) -> None:
    """One of `many` workers: ready once it has its share of the partitions; says when it scored how many events, until
    nothing comes for a second."""
    os.sched_setaffinity(0, {core})
    steps: list[tuple[float, float, int]] = []

    class Counting(Health):
        def applied(self, pieces: Sequence[Any], outputs: Sequence[Any], share: Any, seconds: float) -> None:
            super().applied(pieces, outputs, share, seconds)
            steps.append((time.monotonic(), time.process_time(), sum(len(piece.keys) for piece in pieces)))

        def beat(self) -> None:
            super().beat()
            if steps and time.monotonic() - steps[-1][0] > 1.0:
                print("\n".join(f"{when} {cpu} {count}" for when, cpu, count in steps), flush=True)
                os._exit(0)

    class Waiting(Worker):
        told = False

        def full(self) -> set[TP]:
            if os.path.exists(word):
                return super().full()
            mine = {tp for tp in self.app.consumer.assignment() if tp.topic == self.names["flow"]}
            if len(mine) == PARTITIONS // many and not self.told:
                self.told = True
                print("ready", flush=True)
            return set(self.app.consumer.assignment())

    settings = Settings(bootstrap_servers=bootstrap, prefix="w.", group=f"w{many}")
    tuning = msgspec.structs.replace(config.load(), live=settings)
    asyncio.run(Waiting(settings, tuning, Counting()).run())
