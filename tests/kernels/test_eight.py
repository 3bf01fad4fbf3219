"""Eight numbers in order: as Python sorts them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel
from pipeline.kernels.eight import SIZE, put_in_order


@kernel
def sort_each(rows: NDArray[np.float32]) -> None:
    """Sort every row."""
    for i in range(len(rows)):
        put_in_order(rows[i])


def test_a_network_that_sorts_zeros_and_ones_sorts_everything() -> None:
    # Knuth 5.3.4, theorem Z.
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=SIZE)), np.float32)
    wanted = np.sort(rows, axis=1)
    sort_each(rows)
    assert rows.tolist() == wanted.tolist()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=SIZE, max_size=SIZE))
def test_order_is_that_of_python(values: list[float]) -> None:
    rows = np.array([values], np.float32)
    sort_each(rows)
    assert rows[0].tolist() == sorted(values)
