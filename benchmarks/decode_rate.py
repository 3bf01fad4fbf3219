"""Events per CPU second from bytes of native JSON to columns, one thread, against a general library in the same run."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._recordings import ndjson
from pipeline.events.codes import KINDS
from pipeline.formats import ROOM, native
from pipeline.formats._plain import read_plain
from pipeline.formats._words import CLASSES, INTEGER

QUESTION = "How many lines per CPU second become columns: the fast lane, the slow one, orjson to dicts to columns?"
EVENTS = 100_000
GOES: Final = 7
BLOCK: Final = 4 << 20


def measure(quick: bool) -> Iterator[Row]:
    """Each kind: the best and the median of some goes, and the ratio of the best ones."""
    count = EVENTS // 10 if quick else EVENTS
    with tempfile.TemporaryDirectory() as made:
        for kind in KINDS:
            blocks = cut(ndjson(Path(made) / f"{kind}.ndjson", kind, count).read_bytes())
            lines = sum(block.count(b"\n") for block in blocks)
            best: dict[str, float] = {}
            for name, work in (("fast lane", fast), ("slow lane", slow), ("orjson, dicts, columns", general)):
                goes = [seconds(partial(work, blocks)) for _ in range(GOES if work is fast else 3)]
                best[name] = min(goes)
                median = f"median {lines / statistics.median(goes):,.0f}"
                note = f"{median}; no checks, addresses left as text" if work is general else median
                yield Row(f"{kind}: {name}", lines / min(goes), "lines/s", note)
            plain = sum(len(read_plain(buffer(block), len(block), 0, 0).batch) for block in blocks)
            yield Row(f"{kind}: fast lane against orjson", best["orjson, dicts, columns"] / best["fast lane"], "times")
            yield Row(f"{kind}: lines that are plain", 100 * plain / lines, "%")


def cut(data: bytes) -> list[bytes]:
    """Blocks of whole lines, as the inputs give them."""
    out = []
    while data:
        end = len(data) if len(data) <= BLOCK else data.rfind(b"\n", 0, BLOCK) + 1
        out.append(data[:end])
        data = data[end:]
    return out


def buffer(block: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """A block with room behind it."""
    data = np.empty(len(block) + ROOM, np.uint8)
    data[: len(block)] = np.frombuffer(block, np.uint8)
    return data


def fast(blocks: list[bytes]) -> None:
    """The lane for plain lines, the other one for the rest."""
    for block in blocks:
        native.decode_fast(buffer(block), len(block), 0, 0)


def slow(blocks: list[bytes]) -> None:
    """Every line with every check in Python."""
    for block in blocks:
        native.decode_slowly(block, 0, 0)


def general(blocks: list[bytes]) -> None:
    """Every line to a dict, every field that occurs to a column: an array of numbers or a list."""
    for block in blocks:
        rows = [orjson.loads(line) for line in block.splitlines()]
        for field in {field: None for row in rows[:100] for field in row}:
            values: list[Any] = [row.get(field) for row in rows]
            if CLASSES[field] <= INTEGER:
                np.array(values, np.float64)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
