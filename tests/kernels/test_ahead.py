"""Asking for memory ahead changes nothing, wherever the row lies."""

from __future__ import annotations

import numpy as np

from pipeline.kernels.ahead import LINE, touch
from pipeline.kernels.compiled import kernel


@kernel
def touched(state: np.ndarray, column: np.ndarray, rows: np.ndarray) -> int:
    """Touch all rows; how many."""
    for i in range(len(rows)):
        touch(state, rows[i])
        touch(column, rows[i])
    return len(rows)


def test_touching_changes_nothing_even_where_there_is_nothing() -> None:
    state = np.zeros(4, np.dtype([("a", "i8", (LINE,)), ("b", "u1")]))
    state["b"] = 7
    before = state.tobytes()
    assert touched(state, np.arange(4), np.array([0, 3, 4, 1 << 40, -1])) == 5
    assert state.tobytes() == before
