"""How much memory many live agents take, and whether it stays so when agents come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from benchmarks.cost_by_agents import ROWS, batch
from pipeline.events.batch import Batch, Part
from pipeline.events.strings import pack
from pipeline.scorer import Scorer

QUESTION = "How much memory does the walk take for a million live agents, and while agents come and go?"
HOUR_US = 3_600_000_000
ALIVE = 20_000
"""Agents that were heard within the last 25 hours, while others come and go: a 25th of them is new each hour."""


def measure(quick: bool) -> Iterator[Row]:
    """Resident memory beyond what the process took before; flows alone, then what all three kinds would take."""
    agents = 100_000 if quick else 1_000_000
    names = pack([f"lab/sandbox-{n:07d}" for n in range(agents)])
    before = resident()
    scorer = Scorer()
    for begin in range(0, agents, ROWS):
        scorer.process(batch(names, agents, begin, min(ROWS, agents - begin)))
    taken = resident() - before
    yield Row(f"{agents:,} agents with flows", taken / 2**30, "GiB", f"{taken / agents:,.0f} bytes an agent")
    silent = sum(
        state.dtype.itemsize for seat, state in zip(scorer.seats, scorer.states, strict=True) if seat.part.KIND != 0
    )
    whole = taken + agents * (silent + scorer.rings.dtype.itemsize)
    yield Row(f"{agents:,} agents with all kinds", whole / 2**30, "GiB", "reckoned: rows not written to take none yet")
    del scorer
    yield from coming_and_going(150 if quick else 700)


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
