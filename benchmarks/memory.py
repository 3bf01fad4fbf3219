"""How much memory many live agents take, and whether it stays so when agents come and go."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import Row
from benchmarks.cost_by_agents import ROWS, batch
from pipeline.events import codes
from pipeline.events.batch import Batch, Part, blank, of_kind
from pipeline.events.codes import COMMAND, FLOW, GPU
from pipeline.events.columns import Command, Flow, Gpu
from pipeline.events.strings import Strings, pack
from pipeline.scorer import Scorer

QUESTION = "How much memory does the walk take for a million live agents, and while agents come and go?"
HOUR_US = 3_600_000_000
ALIVE = 20_000
"""Agents that were heard within the last 25 hours, while others come and go: a 25th of them is new each hour."""


def measure(quick: bool) -> Iterator[Row]:
    """Resident memory beyond what the process took before: agents with flows, then the same with all three kinds."""
    agents = 100_000 if quick else 1_000_000
    names = pack([f"lab/sandbox-{n:07d}" for n in range(agents)])
    before = resident()
    scorer = Scorer()
    steps = (("flows", (calls, sessions)), ("flows and GPU samples", (samples,)), ("all three kinds", (commands,)))
    for kinds, some in steps:
        for begin, made in product(range(0, agents, ROWS), some):
            scorer.process(made(names, agents, begin, min(ROWS, agents - begin)))
        # From now on as if each of them were declared to serve a model: then its samples are looked at twice.
        scorer.registry.declared[:] = codes.INFERENCE
        taken = resident() - before
        yield Row(f"{agents:,} agents with {kinds}", taken / 2**30, "GiB", f"{taken / agents:,.0f} bytes an agent")
    known = int(np.count_nonzero(scorer.risks["known"][: scorer.agents.rows_used]))
    more = (agents - known) * scorer.suspicions.dtype.itemsize
    yield Row("the same, all of them suspects", (taken + more) / 2**30, "GiB", f"reckoned; {known:,} were")
    del scorer
    yield from coming_and_going(150 if quick else 700)


def calls(names: Strings, agents: int, begin: int, rows: int) -> Batch:
    """One short call of each agent."""
    return batch(names, agents, begin, rows)


def sessions(names: Strings, agents: int, begin: int, rows: int) -> Batch:
    """A minute of a session of each agent that goes on: the detectors of sessions keep it under watch."""
    part = batch(names, agents, begin, rows).parts[FLOW]
    assert part is not None
    assert isinstance(part.columns, Flow)
    going_on = np.full(rows, codes.NO, np.uint8)
    minute = np.full(rows, 60_000_000, np.int64)
    return of_kind(FLOW, Part(part.common, part.columns._replace(final=going_on, duration=minute)))


def samples(names: Strings, agents: int, begin: int, rows: int) -> Batch:
    """One sample of a GPU at work of each agent."""
    part = said(GPU, names, agents, begin, rows)
    assert isinstance(part.columns, Gpu)
    columns = part.columns._replace(
        gpu=np.arange(begin + 1, begin + rows + 1, dtype=np.uint64),
        gpu_name=pack([f"GPU-{n:08x}" for n in range(begin, begin + rows)]),
        util_pct=np.full(rows, 97.0),
        sm_active=np.full(rows, 0.7),
        tensor_active=np.full(rows, 0.4),
        dram_active=np.full(rows, 0.3),
        power_w=np.full(rows, 510.0),
    )
    return of_kind(GPU, Part(part.common, columns))


def commands(names: Strings, agents: int, begin: int, rows: int) -> Batch:
    """One command of each agent, of ten that all of them run."""
    part = said(COMMAND, names, agents, begin, rows)
    assert isinstance(part.columns, Command)
    texts = pack([f"pytest -q tests/test_{n % 10}.py" for n in range(begin, begin + rows)])
    return of_kind(COMMAND, Part(part.common, part.columns._replace(command=texts)))


def said(kind: int, names: Strings, agents: int, begin: int, rows: int) -> Part:
    """Rows of a kind in which nothing is said but who and when."""
    common = batch(names, agents, begin, rows).parts[FLOW]
    assert common is not None
    return Part(common.common, blank(kind, [""] * rows).columns)


def coming_and_going(hours: int) -> Iterator[Row]:
    """Memory after a seventh of the time, and at its end; each agent speaks once and never again."""
    before = resident()
    scorer = Scorer()
    new = ALIVE // 25
    for hour in range(hours):
        names = pack([f"lab/sandbox-{n:09d}" for n in range(hour * new, (hour + 1) * new)])
        made = batch(names, new, 0, new)
        part = made.parts[0]
        assert part is not None
        moved = Part(part.common._replace(ts=part.common.ts + hour * HOUR_US), part.columns)
        scorer.process(Batch((moved, None, None), made.kind, made.row))
        if hour in (hours // 7, hours - 1):
            taken = (resident() - before) / 2**20
            yield Row(f"{(hour + 1) * new:,} seen, {ALIVE:,} alive", taken, "MiB", f"{scorer.agents.rows_used:,} rows")


def resident() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
