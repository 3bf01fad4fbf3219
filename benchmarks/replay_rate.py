"""Events per CPU second of a whole replay, by kind and format; beside it reading alone, and a general library."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._recordings import ndjson, parquet
from pipeline import config, replay
from pipeline.events.codes import KINDS
from pipeline.reading import inputs
from pipeline.reading.reader import Reader, Shares

QUESTION = "How many events per CPU second does a replay take, from bytes to files of scores?"
EVENTS = 400_000
NUMBERS = (
    "ts",
    "src_port",
    "dst_port",
    "duration",
    "src_bytes",
    "dst_bytes",
    "src_pkts",
    "dst_pkts",
    "util_pct",
    "sm_active",
    "tensor_active",
    "dram_active",
    "power_w",
)
"""Fields that the yardstick turns into columns: 13, as in the measurements that the design began with."""


def measure(quick: bool) -> Iterator[Row]:
    """Each kind, from NDJSON and from Parquet."""
    count = EVENTS // 10 if quick else EVENTS
    settings = config.load()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for kind in KINDS:
            warm = ndjson(folder / f"warm-{kind}.ndjson", kind, 2000)
            lines = ndjson(folder / f"{kind}.ndjson", kind, count)
            yardstick, _ = cpu(partial(columns, lines))
            for source in (lines, parquet(folder / f"{kind}.parquet", kind, count)):
                name = f"{kind}, {source.suffix[1:]}"
                replayed(warm, folder / "warm", settings)
                whole, usual = cpu(partial(replayed, source, folder / "out", settings))
                yield Row(f"{name}: replay", count / whole, "events/s", f"median {count / usual:,.0f}")
                yield Row(
                    f"{name}: of a million events", whole * 1e6 / count, "CPU s", f"median {usual * 1e6 / count:.2f}"
                )
                yield Row(f"{name}: against orjson, 13 columns", yardstick / whole, "times", "of NDJSON, in this run")
                yield Row(f"{name}: reading alone", count / cpu(partial(read, source, settings))[0], "events/s")
            yield Row(
                f"{kind}, ndjson: orjson, 13 columns", count / yardstick, "events/s", "yardstick: no checks, no walk"
            )


def replayed(source: Path, out: Path, settings: config.Config) -> None:
    """The whole walk into a folder."""
    replay.run([str(source)], config=settings, sinks=[f"files={out}"], replace=True)


def read(source: Path, settings: config.Config) -> None:
    """Bytes to batches, nothing else."""
    found = inputs.find([str(source)], settings.reading)
    for decoded in Reader(found.sources[0], Shares(settings.reading)):
        assert not decoded.rejected


def columns(source: Path) -> list[Any]:
    """Every line to a dict, some fields of it to arrays."""
    rows = [orjson.loads(line) for line in source.read_bytes().splitlines()]
    return [np.array([row.get(name, np.nan) for row in rows], np.float64) for name in NUMBERS]


def cpu(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process, all threads: the least and the median of three goes."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent), median(spent)
