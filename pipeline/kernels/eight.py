"""Eight numbers in order, without a branch that a processor could guess wrong.

A sorting network (Knuth, The Art of Computer Programming 3, section 5.3.4) of 19 exchanges in six steps; those of one
step do not wait for one another:

    0 ─●─●───●─────────────      0-1 2-3 4-5 6-7 | 0-2 1-3 4-6 5-7 | 1-2 5-6 0-4 3-7
    1 ─●─│─● ...                 1-5 2-6 | 1-4 3-6 | 2-4 3-5 | 3-4
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from pipeline.kernels.compiled import inlined

SIZE = 8


@inlined
def exchange(x: NDArray[Any], i: int, j: int) -> None:
    """Have the lesser of two values at i, the other one at j."""
    one, other = x[i], x[j]
    x[i] = one if one < other else other
    x[j] = other if one < other else one


@inlined
def put_in_order(x: NDArray[Any]) -> None:
    """Sort the first SIZE values of x where they lie; none of them may be NaN."""
    exchange(x, 0, 1)
    exchange(x, 2, 3)
    exchange(x, 4, 5)
    exchange(x, 6, 7)
    exchange(x, 0, 2)
    exchange(x, 1, 3)
    exchange(x, 4, 6)
    exchange(x, 5, 7)
    exchange(x, 1, 2)
    exchange(x, 5, 6)
    exchange(x, 0, 4)
    exchange(x, 3, 7)
    exchange(x, 1, 5)
    exchange(x, 2, 6)
    exchange(x, 1, 4)
    exchange(x, 3, 6)
    exchange(x, 2, 4)
    exchange(x, 3, 5)
    exchange(x, 3, 4)
