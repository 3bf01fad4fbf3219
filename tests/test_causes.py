"""Which commands are named with a piece of evidence, and in which order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline import causes
from pipeline.commands import Commands, place_hash
from pipeline.detectors import Finding
from pipeline.events.codes import COMMAND, FLOW
from tests.naive import walk

SECOND = 1_000_000
LOUD = Finding(5.0, 1, "opens a tunnel")
STORIES = ["tunnel"]


def commands(*said: tuple[str, Finding | None, str | None]) -> Commands:
    known = Commands({"tunnel_command": None})  # type: ignore[dict-item]
    for text, finding, place in said:
        known.put(text, (finding,), [place_hash(place)] if place else [])
    return known


def remembered(
    events: list[tuple[int, int]], loudest: list[float], cut: int = 1000
) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Rings after commands (µs, number) of one agent."""
    rings = np.zeros(1, causes.STATE)
    n = len(events)
    arrays = (
        np.full(n, COMMAND, np.uint8),
        np.arange(n),
        np.zeros(n, np.int64),
        np.array([t for t, _ in events], np.int64),
        np.array([c for _, c in events], np.int64),
        np.array(loudest),
    )
    for begin in range(0, n, cut):
        causes.remember(begin, min(begin + cut, n), *arrays, rings)
    return rings


def named(
    events: list[tuple[int, int]],
    known: Commands,
    *,
    ts: int,
    since: int | None = None,
    places: set[int] = set(),  # noqa: B006
    itself: int | None = None,
    story: str = "tunnel",
) -> list[tuple[int, str]]:
    loudest = [max((f.weight for f in found if f), default=0.0) for found in known.findings]
    rings = remembered(events, loudest)
    found = causes.causes(rings[0], known, STORIES, story, ts if since is None else since, ts, places, itself)
    return [(c.command, c.reason) for c in found]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), max_size=60), st.integers(1, 60))
def test_the_rings_hold_the_last_commands_and_apart_from_them_the_last_suspicious_ones(
    events: list[tuple[int, int]], cut: int
) -> None:
    loudest = [0.0, 0.5, 1.0, 3.0, 0.0]
    ring = remembered(events, loudest, cut)[0]
    recent, notable = walk.remembered([(t, c, loudest[c] if loudest[c] >= 1.0 else 0.0) for t, c in events])
    for name, wanted in (("recent", recent), ("notable", notable)):
        held = [(t, c - 1) for t, c in zip(ring[f"{name}_ts"].tolist(), ring[name].tolist(), strict=True) if c]
        assert sorted(held) == sorted(wanted)


def test_rows_of_other_kinds_are_not_commands() -> None:
    rings = np.zeros(1, causes.STATE)
    one = np.zeros(1, np.int64)
    causes.remember(0, 1, np.full(1, FLOW, np.uint8), one, one, one, one, np.zeros(1), rings)
    assert not rings["recent"].any()


def test_the_command_that_names_the_far_side_comes_before_a_later_one_that_is_merely_suspicious() -> None:
    known = commands(("ssh -R ... u@198.51.100.7", LOUD, "198.51.100.7"), ("autossh", LOUD, None), ("ls", None, None))
    found = named(
        [(1 * SECOND, 0), (2 * SECOND, 1), (3 * SECOND, 2)],
        known,
        ts=60 * SECOND,
        since=4 * SECOND,
        places={place_hash("198.51.100.7")},
    )
    assert found == [
        (0, "it names the far side"),
        (1, "it did something of the same kind itself"),
        (2, "it came just before"),
    ]


def test_evidence_that_is_a_command_is_its_own_first_cause() -> None:
    known = commands(("ls", None, None), ("ssh -R", LOUD, None))
    assert named([(1, 0), (2, 1)], known, ts=2, itself=1)[0] == (1, "it is the evidence")


def test_a_suspicious_command_outlives_a_flood_of_harmless_ones() -> None:
    known = commands(("ssh -R", LOUD, None), ("ls", None, None))
    events = [(0, 0)] + [(i * SECOND, 1) for i in range(1, 200)]
    assert named(events, known, ts=300 * SECOND)[0][0] == 0


def test_what_came_after_the_evidence_is_no_cause() -> None:
    known = commands(("ls", None, None), ("pwd", None, None))
    assert named([(1 * SECOND, 0), (9 * SECOND, 1)], known, ts=5 * SECOND) == [(0, "it came just before")]


def test_of_another_story_a_command_is_suspicious_but_not_of_the_same_kind() -> None:
    known = commands(
        ("ssh -R", LOUD, None),
    )
    assert named([(1, 0)], known, ts=2, story="mining") == [(0, "it did something suspicious itself")]
