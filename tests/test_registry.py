"""What is declared, and where the far side of a flow lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RejectedError
from pipeline.events import codes
from pipeline.events.columns import Flow
from pipeline.events.strings import pack
from pipeline.registry import PRIVATE, Entry, Registry, address_range, read_entry
from tests.naive import walk

ADDRESSES = [
    "10.1.2.3",
    "192.168.0.1",
    "198.51.100.7",
    "127.0.0.1",
    "169.254.169.254",
    "224.0.0.251",
    "2001:db8::1",
    "fd00::5",
    "::1",
    "fe80::1",
    "255.255.255.255",
    "203.0.113.9",
]
HOSTS = ["pypi.org", "files.pypi.org", "evilpypi.org", "db.internal"]
PLACES = ["198.51.100.0/24", "203.0.113.9", "2001:db8::/32", "pypi.org", "*.pypi.org", "10.1.0.0/16"]


def flows(pairs: list[tuple[str, str | None]], direction: int) -> Flow:
    far = np.array([address_range(a)[0] for a, _ in pairs], np.uint64).reshape(-1, 2)
    near = np.array([address_range("10.0.0.9")[0]] * len(pairs), np.uint64).reshape(-1, 2)
    src, dst = (far, near) if direction == codes.INBOUND else (near, far)
    n = len(pairs)
    none, unknown = np.zeros(n), np.full(n, -1, np.int32)
    return Flow(
        src[:, 0].copy(),
        src[:, 1].copy(),
        dst[:, 0].copy(),
        dst[:, 1].copy(),
        unknown,
        unknown,
        none.astype(np.uint8),
        np.full(n, direction, np.uint8),
        none.astype(np.uint8),
        none.astype(np.uint8),
        np.full(n, -1, np.int64),
        none,
        none,
        none,
        none,
        unknown,
        unknown,
        np.ones(n, np.uint64),
        pack([None] * n),
        pack([h for _, h in pairs]),
    )


@given(
    st.lists(st.tuples(st.sampled_from(ADDRESSES), st.none() | st.sampled_from(HOSTS)), min_size=1, max_size=20),
    st.none() | st.lists(st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"]), max_size=3),
    st.lists(st.sampled_from(PLACES), max_size=3),
    st.sampled_from([codes.OUTBOUND, codes.INBOUND, codes.UNKNOWN]),
)
def test_places_equal_their_slow_twin(
    pairs: list[tuple[str, str | None]], internal: list[str] | None, allow: list[str], direction: int
) -> None:
    registry = Registry()
    registry.put(Entry("a", internal=None if internal is None else tuple(internal), allow=tuple(allow)))
    registry.seat("other", 0)
    registry.seat("a", 1)
    found = registry.places(flows(pairs, direction), np.ones(len(pairs), np.int64))
    networks = list(PRIVATE) if internal is None else internal
    assert found.tolist() == [walk.place(a, h, networks, allow) for a, h in pairs]


def test_the_newest_entry_counts_also_for_an_agent_that_is_known_already() -> None:
    registry = Registry()
    registry.seat("a", 3)
    assert registry.declared[3] == codes.UNKNOWN
    registry.put(Entry("a", declared_gpu="training", run="r1"), 3)
    assert registry.declared[3] == codes.TRAINING
    assert registry.run("a") == "r1"
    registry.put(Entry("a", declared_gpu="none"), 3)
    assert registry.declared[3] == codes.NONE


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "agent"),
        ({"agent": ""}, "agent"),
        ({"agent": "a", "declared_gpu": "toaster"}, "got 'toaster'"),
        ({"agent": "a", "declared_gpu": 3}, "declared_gpu"),
        ({"agent": "a", "internal": "10.0.0.0/8"}, "internal"),
        ({"agent": "a", "internal": ["10.0.0.0/40"]}, "got '10.0.0.0/40'"),
        ({"agent": "a", "allow": [3]}, "allow"),
    ],
)
def test_a_bad_entry_is_refused_by_name(row: dict[str, object], words: str) -> None:
    with pytest.raises(RejectedError, match=words):
        read_entry(row)
