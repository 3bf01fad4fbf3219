"""How much memory an agent takes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import Row
from pipeline.scorer import Scorer

QUESTION = "How many bytes of state does an agent take?"


def measure(quick: bool) -> Iterator[Row]:
    """Each detector, and what the walk keeps beside them."""
    scorer = Scorer()
    sizes = {seat.name: state.dtype.itemsize for seat, state in zip(scorer.seats, scorer.states, strict=True)}
    for name, size in sizes.items():
        yield Row(name, size, "bytes")
    yield Row("all detectors", sum(sizes.values()), "bytes", "bound: 4,096")
    yield Row("score", scorer.risks.dtype.itemsize, "bytes")
    yield Row("evidence", scorer.suspicions.dtype.itemsize, "bytes", "in no memory until a detector spoke of the agent")
    yield Row("alert", scorer.alerts.dtype.itemsize, "bytes")
    yield Row(
        "recent commands", scorer.rings.dtype.itemsize, "bytes", "numbers of commands; each distinct text is kept once"
    )
