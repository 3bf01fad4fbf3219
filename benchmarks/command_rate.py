"""Commands per CPU second: every one another, each run again and again, and repeated as in recorded logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks import Row
from benchmarks._recordings import START, events
from pipeline.formats import native
from pipeline.scorer import Scorer
from pipeline.warming import warm

QUESTION = "How many commands a CPU second are read and judged, all of them distinct and with repetition?"
GOES = 3
REPEATED = (
    (0.000355, 7_608), (0.000410, 2_679), (0.000109, 1_418), (0.000683, 698), (0.001449, 375), (0.002515, 186),
    (0.003116, 80), (0.005057, 45), (0.007982, 21), (0.022771, 10), (0.058553, 5), (0.125253, 2), (0.771746, 1),
)  # fmt: skip
"""Share of distinct commands, and how often each of them is run: 280,727 commands of honeypot sessions, coding agents,
shell tasks and one-liners, 36,582 of them distinct."""


def measure(quick: bool) -> Iterator[Row]:
    """From lines to scores; a distinct command has to be parsed, a repeated one is looked up by its bytes."""
    warm()
    native.warm()
    distinct = 1_000 if quick else 5_000
    for what, times in (
        ("all distinct", np.ones(distinct, np.int64)),
        ("each 30 times", np.full(distinct, 30)),
        ("repeated as in recorded logs", as_recorded(distinct)),
    ):
        lines = recording(times)
        count = int(times.sum())
        rates = [rate(lines, count) for _ in range(GOES)]
        note = f"median {median(rates):,.0f} of {GOES}; {distinct:,} distinct of {count:,}"
        yield Row(what, max(rates), "commands/s", note)


def as_recorded(distinct: int) -> NDArray[np.int64]:
    """How often each of `distinct` commands is run where they repeat as `REPEATED` says."""
    share, times = np.array([s for s, _ in REPEATED]), np.array([n for _, n in REPEATED], np.int64)
    place = (np.arange(distinct) + 0.5) / distinct
    return np.take(times, np.searchsorted(np.cumsum(share), place), mode="clip")


def recording(times: NDArray[np.int64]) -> bytes:
    """Commands of ten agents, each as often as is said, in any order."""
    made = list(events("command", len(times), agents=10))
    for n, event in enumerate(made):
        event["command"] += f" --part {n}"
    order = np.random.default_rng(11).permutation(np.repeat(np.arange(len(made)), times)).tolist()
    step = 3600.0 / len(order)
    return b"".join([orjson.dumps(made[n] | {"ts": round(START + at * step, 6)}) + b"\n" for at, n in enumerate(order)])


def rate(lines: bytes, count: int) -> float:
    """Events per CPU second of reading and scoring; the scorer is new, so no command is known."""
    scorer = Scorer()
    began = time.process_time()
    outcome = scorer.process(native.decode(lines, 0, 1).batch)
    spent = time.process_time() - began
    assert outcome.scores
    assert sum(scorer.account.scored) == count
    return count / spent
