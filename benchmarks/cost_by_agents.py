"""Whether an event costs more when there are many agents."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from benchmarks import Row
from pipeline.events import codes
from pipeline.events.batch import Batch, Part, of_kind
from pipeline.events.columns import Common, Flow
from pipeline.events.strings import Strings, pack
from pipeline.scorer import Scorer

QUESTION = "What does a flow record cost in the walk, without reading, with ten thousand agents and with a million?"
ROWS = 65_536
FEW = 10_000
"""Agents, and records of a batch."""

AGAIN = 5
"""Times that every agent speaks once more."""

START_US = 1_767_225_600_000_000


def measure(quick: bool) -> Iterator[Row]:
    """Each agent speaks as often, in batches of one size, with few agents and with many: when met, and then again."""
    few: list[float] = []
    for agents in (FEW, 10 * FEW) if quick else (FEW, 100 * FEW):
        names = pack([f"lab/sandbox-{n:07d}" for n in range(agents)])
        goes = [[0.0] * (1 + AGAIN)]
        for _ in range(max(1, 20 * FEW // agents)):
            scorer = Scorer()
            scorer.process(batch(names, agents, 0, 64))
            goes.append([cost(scorer, names, agents, n * agents) for n in range(1 + AGAIN)])
        met, *known = (sum(passes) / (len(goes) - 1) for passes in zip(*goes, strict=True))
        yield Row(f"{agents:,} agents, being met", met, "µs an event")
        yield Row(f"{agents:,} agents, all known", min(known), "µs an event", f"median {median(known):.2f}")
        few = few or known
    yield Row("many against few", min(known) / min(few), "times", f"medians: {median(known) / median(few):.2f}")


def cost(scorer: Scorer, names: Strings, agents: int, begin: int) -> float:
    """CPU µs of each record, one of each agent."""
    spent = 0.0
    for done in range(begin, begin + agents, FEW):
        made = batch(names, agents, done, FEW)
        began = time.process_time()
        scorer.process(made)
        spent += time.process_time() - began
    return spent * 1e6 / agents


def batch(names: Strings, agents: int, begin: int, rows: int) -> Batch:
    """Established flows of agents in turn, 10 µs apart, each to one of eight places of its own."""
    number = np.arange(begin, begin + rows, dtype=np.int64)
    who = number % agents
    blank = Strings(names.data, np.zeros(rows, np.int64), np.full(rows, -1, np.int32))
    full: dict[str, Any] = {
        "src_hi": np.zeros(rows, np.uint64),
        "src_lo": (0xFFFF_0A00_0000 + who).astype(np.uint64),
        "dst_hi": np.zeros(rows, np.uint64),
        "dst_lo": (0xFFFF_CB00_0000 + who % 1000 * 8 + number // agents % 8).astype(np.uint64),
        "src_port": (32768 + number % 28000).astype(np.int32),
        "dst_port": np.full(rows, 443, np.int32),
        "proto": np.full(rows, codes.TCP, np.uint8),
        "direction": np.full(rows, codes.OUTBOUND, np.uint8),
        "outcome": np.full(rows, codes.ESTABLISHED, np.uint8),
        "final": np.full(rows, codes.YES, np.uint8),
        "duration": np.full(rows, 2_000_000, np.int64),
        "src_bytes": np.full(rows, 900.0),
        "dst_bytes": np.full(rows, 42_000.0),
        "src_pkts": np.full(rows, 9.0),
        "dst_pkts": np.full(rows, 31.0),
        "bursts": np.full(rows, -1, np.int32),
        "bursts_dst_first": np.full(rows, -1, np.int32),
        "flow_id": (number + 1).astype(np.uint64),
        "service": blank,
        "host": blank,
    }
    common = Common(
        START_US + number * 10,
        np.zeros(rows, np.int32),
        number,
        Strings(names.data, names.offset[who], names.length[who]),
        blank,
        blank,
        blank,
    )
    return of_kind(codes.FLOW, Part(common, Flow(**full)))
