"""Commands per CPU second: every one another, and each run again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import orjson

from benchmarks import Row
from benchmarks._recordings import events
from pipeline.formats import native
from pipeline.scorer import Scorer
from pipeline.warming import warm

QUESTION = "How many commands a CPU second are read and judged, all of them distinct and with repetition?"
GOES = 3


def measure(quick: bool) -> Iterator[Row]:
    """From lines to scores; a distinct command has to be parsed, a repeated one is looked up by its bytes."""
    warm()
    native.warm()
    distinct = 1_000 if quick else 5_000
    for times in (1, 30):
        lines = recording(distinct, times)
        rates = [rate(lines, distinct * times) for _ in range(GOES)]
        what = "all distinct" if times == 1 else f"each {times} times"
        yield Row(what, max(rates), "commands/s", f"median {median(rates):,.0f} of {GOES}; {distinct:,} distinct")


def recording(distinct: int, times: int) -> bytes:
    """Commands of ten agents, each `distinct` command as often as is said."""
    made = list(events("command", distinct, agents=10))
    for n, event in enumerate(made):
        event["command"] += f" --part {n}"
    return b"".join(orjson.dumps(event) + b"\n" for _ in range(times) for event in made)


def rate(lines: bytes, count: int) -> float:
    """Events per CPU second of reading and scoring; the scorer is new, so no command is known."""
    scorer = Scorer()
    began = time.process_time()
    outcome = scorer.process(native.decode(lines, 0, 1).batch)
    spent = time.process_time() - began
    assert outcome.scores
    assert sum(scorer.account.scored) == count
    return count / spent
