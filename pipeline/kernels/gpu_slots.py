"""A few GPUs of one agent: which slot of a small fixed table is whose."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.compiled import kernel


@kernel
def slot_of(slots: Any, gpu: Any, ts: int, works: bool, gap: int) -> tuple[int, bool]:
    """The slot of a GPU and whether it is newly given to it; slot -1 where there is no room.

    slots   structured array with at least key (uint64, hash of the GPU that has the slot, 0 for a free one),
            last (int64 µs, when it was last heard of) and worked_s (0 where it is not at work)
    works   whether the GPU that asks is at work
    gap     µs

    Room is made by dropping the GPU that has been silent longest, if for more than `gap`; else, for one at work, the
    first that is not. So a machine with more GPUs than slots has its idle ones dropped, and no two take turns.
    The caller writes what belongs to the GPU into a newly given slot.

    >>> import numpy as np
    >>> slots = np.array([(7, 0, 0.0), (9, 100, 0.0)], [("key", "u8"), ("last", "i8"), ("worked_s", "f4")])
    >>> slot_of(slots, np.uint64(9), 200, False, 1000)
    (1, False)
    >>> slot_of(slots, np.uint64(5), 2000, False, 1000)
    (0, True)
    >>> slot_of(slots, np.uint64(5), 200, False, 1000)
    (-1, False)
    """
    for k in range(len(slots)):
        if slots[k]["key"] == gpu:
            return k, False
    oldest = 0
    idle = -1
    for k in range(len(slots)):
        if slots[k]["key"] == 0:
            return k, True
        if slots[k]["worked_s"] == 0 and idle < 0:
            idle = k
        if slots[k]["last"] < slots[oldest]["last"]:
            oldest = k
    if ts - slots[oldest]["last"] > gap:
        return oldest, True
    if works and idle >= 0:
        return idle, True
    return -1, False


@kernel
def between(x: Any, low: Any, high: Any) -> Any:
    """0 up to `low`, 1 from `high`, a straight line in between.

    >>> between(0.5, 0.0, 2.0)
    0.25
    """
    return min(1.0, max(0.0, (x - low) / (high - low)))


@kernel
def on_line(x: Any, at: Any, nats: Any) -> Any:
    """The line through the points (at[j], nats[j]), at ascending; level outside of them.

    >>> import numpy as np
    >>> on_line(1.5, np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    2.0
    """
    if x <= at[0]:
        return nats[0]
    for j in range(1, len(at)):
        if x < at[j]:
            return nats[j - 1] + (nats[j] - nats[j - 1]) * ((x - at[j - 1]) / (at[j] - at[j - 1]))
    return nats[len(at) - 1]
