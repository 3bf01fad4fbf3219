"""Measurements, one question per file; `python -m benchmarks` asks them all and prints a table.

A question is a module of this folder with these names. Nothing else has to know of it.

    QUESTION   what is asked, in one sentence
    measure    (quick: bool) -> Iterator[Row]: the answers; `quick` asks for a fraction of the load

Figures are of this machine, at this moment: compare those of one run with one another.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One answer: of what, how much, in which unit, and what has to be known about it."""

    what: str
    value: float
    unit: str
    note: str = ""
