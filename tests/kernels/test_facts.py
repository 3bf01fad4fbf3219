"""Distinct facts that add up: against the slow twin, and the laws of every detector that uses the kernel."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detectors import hiding_command, intrusion_command, miner_command, scan_command, tunnel_command
from pipeline.kernels import facts
from pipeline.kernels.settings import record
from tests.naive import facts as naive
from tests.naive.facts import Row

DETECTORS = [miner_command, tunnel_command, scan_command, intrusion_command, hiding_command]
START = 1_750_000_000_000_000

ROWS = st.lists(
    st.builds(
        Row,
        st.integers(-3_600, 14_400).map(lambda s: START + s * 1_000_000 + 7),
        st.integers(0, 2),
        st.floats(0.1, 12.0),
        st.one_of(st.just(0), st.integers(0, 30).map(lambda k: 1 << k), st.integers(1, 2**31 - 1)),
    ),
    max_size=60,
)
"""Rows of three agents over four hours, out of order by any amount."""


def walk(rows: list[Row], settings: facts.FactSettings, cuts: list[int] | None = None) -> list[float]:
    """Strengths of the kernel, in batches cut at `cuts`."""
    state = np.zeros(4, facts.STATE)
    out: list[float] = []
    edges = [0, *sorted(c % (len(rows) + 1) for c in cuts or []), len(rows)]
    for begin, end in pairwise(edges):
        part = rows[begin:end]
        strength, why = np.zeros(len(part)), np.zeros(len(part), facts.WHY)
        facts.step(
            np.array([r.ts for r in part], np.int64),
            np.array([r.agent for r in part], np.int32),
            np.array([r.weight if r.fact else 0.0 for r in part]),
            np.array([r.fact for r in part], np.uint32),
            state,
            record(settings),
            strength,
            why,
        )
        out += strength.tolist()
    return out


@pytest.mark.parametrize("detector", DETECTORS)
@given(rows=ROWS)
def test_the_kernel_equals_its_twin(detector: ModuleType, rows: list[Row]) -> None:
    settings = detector.Settings()
    assert walk(rows, settings) == naive.strengths(rows, settings)


@given(ROWS, st.lists(st.integers(0, 60), max_size=5))
def test_cuts_of_batches_change_nothing(rows: list[Row], cuts: list[int]) -> None:
    settings = intrusion_command.Settings()
    assert walk(rows, settings, cuts) == walk(rows, settings)


@given(ROWS)
def test_other_agents_change_nothing(rows: list[Row]) -> None:
    settings = intrusion_command.Settings()
    together = [s for s, r in zip(walk(rows, settings), rows, strict=True) if r.agent == 1]
    assert together == walk([r for r in rows if r.agent == 1], settings)


@given(ROWS, st.integers(-(10**15), 10**15))
def test_a_shift_of_all_times_changes_nothing(rows: list[Row], shift: int) -> None:
    settings = intrusion_command.Settings()
    assert walk(rows, settings) == walk([r._replace(ts=r.ts + shift) for r in rows], settings)


@given(ROWS)
def test_strengths_stay_between_nothing_and_the_cap(rows: list[Row]) -> None:
    for detector in DETECTORS:
        settings = detector.Settings()
        for strength, row in zip(walk(rows, settings), rows, strict=True):
            assert 0.0 <= strength <= settings.cap
            assert strength >= min(row.weight, settings.cap) or row.fact == 0


FACTS = st.one_of(st.integers(0, 30).map(lambda k: 1 << k), st.integers(1, 4095), st.integers(1, 2**31 - 1))
ENDS = st.tuples(FACTS, st.integers(0, 30), st.floats(0.1, 9.0))
"""Facts of a last command, one more, and what the command weighs without it."""


def with_one_more(rows: list[Row], end: tuple[int, int, float], settings: facts.FactSettings) -> tuple[float, float]:
    """What is said after a last command, and what had it shown one fact more, and weighed that fact's nats more."""
    fact, bit, weight = end
    last = Row(START + 15_000_000_000, 0, weight, fact & ~(1 << bit) or 1 << 12)
    more = last._replace(fact=last.fact | 1 << bit, weight=weight + (0 if last.fact >> bit & 1 else settings.nats[bit]))
    return walk([*rows, last], settings)[-1], walk([*rows, more], settings)[-1]


@pytest.mark.parametrize("detector", DETECTORS)
@given(rows=ROWS, end=ENDS)
def test_a_fact_more_of_a_command_that_acts_never_says_less(
    detector: ModuleType, rows: list[Row], end: tuple[int, int, float]
) -> None:
    settings = detector.Settings()
    less, more = with_one_more(rows, (end[0] | 1 << 12 + end[1] % 19, end[1], end[2]), settings)
    assert more >= less - 1e-9


@pytest.mark.parametrize("detector", DETECTORS)
@given(rows=ROWS, end=ENDS)
def test_a_fact_more_of_a_command_that_looks_costs_at_most_what_looks_may_say(
    detector: ModuleType, rows: list[Row], end: tuple[int, int, float]
) -> None:
    """What a look says beyond its nats, and beside other looks, counts while nothing is done in the same command."""
    settings = detector.Settings()
    less, more = with_one_more(rows, end, settings)
    assert more >= less - settings.looks_cap - 1e-9


def test_the_state_of_an_agent_is_small() -> None:
    assert facts.STATE.itemsize <= 256


def test_ordinary_commands_wear_looking_around_down() -> None:
    settings = facts.FactSettings(nats=(3.0,) * 31, looks_wear=0.5, looks_cap=9.0)
    look, other, ordinary = Row(START, 0, 3.0, 1), Row(START, 0, 3.0, 2), Row(START, 0, 0.0, 0)
    assert walk([look, other], settings)[-1] == 6.0
    assert walk([look, ordinary, ordinary, other], settings)[-1] == 5.0


def test_a_chain_says_more_than_its_links() -> None:
    settings = facts.FactSettings(
        nats=(1.0,) * 31, chain_first=1 << 12, chain_then=1 << 13, chain_last=1 << 14, chain_two=1.5, chain_three=2.5
    )
    rows = [Row(START, 0, 1.0, 1 << k) for k in (12, 14, 13)]
    assert walk(rows, settings) == [1.0, 3.5, 5.5]
