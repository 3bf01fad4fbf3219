"""Evenly spaced calls: what is even, what is a call, and the laws of a kernel."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detectors import beacon
from pipeline.events import codes
from tests.detectors.flow_rows import NAN, Row, interpreted, most, row, run
from tests.naive import beacon as naive

FAR = "198.51.100.7"


def calls(times: list[float], dst: str = FAR, size: float = 900.0, flow_id: int = 1000, **more: Any) -> list[Row]:
    """One short connection at each time."""
    return [
        row(t + 0.3, dst, 443, flow_id=flow_id + n, final=codes.YES, duration=300_000, src_bytes=size, **more)
        for n, t in enumerate(times)
    ]


def spaced(every: float, count: int, jitter: float = 0.0, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    out = [0.0]
    while len(out) < count:
        out.append(out[-1] + every * (1 + rng.uniform(-jitter, jitter)))
    return out


def test_even_calls_are_weak_evidence() -> None:
    assert most(beacon, calls(spaced(60, 20))) == beacon.Settings().cap <= 2
    assert 0.2 < most(beacon, calls(spaced(300, 20, jitter=0.1))) <= beacon.Settings().cap


def test_calls_at_chance_or_of_any_size_say_less() -> None:
    rng = random.Random(2)
    times = [0.0]
    for _ in range(30):
        times.append(times[-1] + rng.expovariate(1 / 60))
    even, chance = most(beacon, calls(spaced(60, 30))), most(beacon, calls(times))
    assert chance < 0.5 * even
    sizes = [r | {"src_bytes": rng.uniform(100, 20000)} for r in calls(spaced(60, 30))]
    assert most(beacon, sizes) < even


def test_seven_calls_are_too_few_to_say_all() -> None:
    assert most(beacon, calls(spaced(60, 6))) == 0
    assert most(beacon, calls(spaced(60, 7))) < most(beacon, calls(spaced(60, 14)))


def test_the_records_of_one_long_session_are_no_calls() -> None:
    records = calls(spaced(60, 30))
    assert most(beacon, [r | {"flow_id": 1, "final": codes.NO} for r in records]) == 0
    assert most(beacon, [r | {"flow_id": 1, "final": 0} for r in records]) == 0


def test_connections_opened_together_are_one_call() -> None:
    together = [t + d for t in spaced(60, 20) for d in (0.0, 0.1, 0.4)]
    assert most(beacon, calls(together)) == beacon.Settings().cap


def test_only_far_sides_outside_count() -> None:
    for place in (codes.INTERNAL, codes.ALLOWED, codes.LOCAL):
        assert most(beacon, [r | {"place": place} for r in calls(spaced(60, 20))]) == 0
    assert most(beacon, [r | {"direction": codes.INBOUND} for r in calls(spaced(60, 20))]) == 0


def test_refused_calls_count() -> None:
    assert most(beacon, calls(spaced(5, 20), outcome=codes.REJECTED)) > 0


def test_a_flood_of_other_far_sides_does_not_hide_what_has_called_before() -> None:
    even = calls(spaced(60, 40))
    flood = [r for n in range(1500) for r in calls([1200 + n * 0.7], f"203.0.{n % 113}.{n % 250}", flow_id=10**6 + n)]
    mixed = sorted(even + flood, key=lambda r: r["ts"])
    said, _ = run(beacon, mixed)
    assert [nats for r, nats in zip(mixed, said, strict=True) if r["dst"] == FAR] == run(beacon, even)[0]


def test_the_words_tell_how_many_and_how_often() -> None:
    said, why = run(beacon, calls(spaced(60, 20)))
    assert beacon.explain(why[int(np.argmax(said))]).startswith("12 calls to one far side, every 60 s")


def test_the_state_is_small() -> None:
    assert beacon.STATE.itemsize <= 1024


# ---------------------------------------------------------------- laws


@st.composite
def drawn_rows(draw: Any) -> list[Row]:
    """Far sides called about evenly or not, nearly in order of time."""
    rows: list[Row] = []
    for n in range(draw(st.integers(1, 4))):
        times = spaced(
            draw(st.sampled_from([3, 20, 60])), draw(st.integers(1, 20)), draw(st.sampled_from([0, 0.2, 1])), n
        )
        size = draw(st.sampled_from([0.0, 900.0, NAN]))
        rows += calls([t + draw(st.integers(0, 30)) for t in times], f"198.51.100.{n}", size, 100 * n, agent=n % 2)
    for _ in range(draw(st.integers(0, 15))):
        rows += calls(
            [draw(st.integers(0, 600))], f"203.0.113.{draw(st.integers(0, 12))}", flow_id=draw(st.integers(1, 9)),
            agent=draw(st.integers(0, 1)), place=draw(st.sampled_from([codes.EXTERNAL, codes.INTERNAL])),
            proto=draw(st.sampled_from([codes.TCP, codes.UDP, codes.ICMP])),
        )  # fmt: skip
    rows = [r | {"final": draw(st.sampled_from([0, 2, 2, 1]))} for r in rows]
    late = draw(st.sampled_from([0, 40_000_000]))
    return sorted(rows, key=lambda r: r["ts"] + (late if r["flow_id"] % 5 == 0 else 0))


@given(drawn_rows())
def test_it_equals_its_slow_twin(rows: list[Row]) -> None:
    assert run(beacon, rows)[0] == naive.strengths(rows, beacon.Settings())


@given(drawn_rows(), st.lists(st.integers(0, 80), max_size=5), st.sampled_from([-1_700_000_000_000_000, 1, 10**11]))
def test_cuts_other_agents_and_a_shift_in_time_change_nothing(rows: list[Row], cuts: list[int], shift: int) -> None:
    whole, _ = run(beacon, rows)
    assert run(beacon, rows, cuts=tuple(cuts))[0] == whole
    assert run(beacon, [r | {"ts": r["ts"] + shift} for r in rows])[0] == whole
    for agent in range(2):
        mine = [n for n, r in enumerate(rows) if r["agent"] == agent]
        assert run(beacon, [rows[n] for n in mine])[0] == [whole[n] for n in mine]


@given(drawn_rows(), st.floats(0.1, 4))
def test_a_strength_is_between_0_and_the_cap_and_has_its_words(rows: list[Row], cap: float) -> None:
    said, why = run(beacon, rows, beacon.Settings(cap=cap))
    for nats, reason in zip(said, why, strict=True):
        assert 0 <= nats <= cap
        if nats > 0:
            assert beacon.explain(reason)


def test_the_interpreted_kernel_says_the_same() -> None:
    rows = sorted(
        calls(spaced(60, 14, 0.1)) + calls(spaced(20, 30, 0.6), "203.0.113.5", NAN, 500), key=lambda r: r["ts"]
    )
    assert interpreted("beacon", rows) == run(beacon, rows)[0]
