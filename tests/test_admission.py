"""Rows that come too late are set aside, whatever the cuts; agents that were silent for a day begin afresh."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.admission import admit
from tests.naive import walk

HOUR = 3_600_000_000
EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60).map(lambda hours: hours * HOUR)), max_size=30)


@given(EVENTS, st.integers(1, 30))
def test_admission_equals_its_slow_twin(events: list[tuple[str, int]], cut: int) -> None:
    newest = np.zeros((2, 3), np.int64)
    said: list[str] = []
    for begin in range(0, len(events), cut):
        part = events[begin : begin + cut]
        late, afresh = np.zeros(len(part), np.bool_), np.zeros(len(part), np.bool_)
        marked = admit(
            1,
            np.array([ts for _, ts in part], np.int64),
            np.array(["ab".index(a) for a, _ in part], np.int64),
            newest,
            HOUR,
            24 * HOUR,
            late,
            afresh,
        )
        assert marked == late.sum() + afresh.sum()
        said += ["late" if x else "afresh" if y else "" for x, y in zip(late, afresh, strict=True)]
    assert said == walk.admitted(events, HOUR, 24 * HOUR)
    assert not newest[:, (0, 2)].any()
