"""Which keys belong on a partition: those that Kafka's own clients would put there."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.events.strings import Strings
from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.wide import Whole

SEED: Final = 0x9747B28C
MULTIPLIER: Final = 0x5BD1E995
WORD: Final = 0xFFFFFFFF


class Keys:
    """Which keys belong on this partition.

    >>> keys = Keys(0, 1, strict=True)
    >>> keys.wrong(b"lab/a"), keys.wrong(None)
    (None, 'expected the agent as key, got none')
    """

    def __init__(self, partition: int, partitions: int, strict: bool) -> None:
        self.partition, self.partitions, self.strict = partition, partitions, strict

    def right(self, keys: Strings) -> NDArray[np.bool_]:
        """Whether each key is there and belongs here."""
        out = keys.length > 0
        if self.strict:
            belong(keys.data, keys.offset, keys.length, self.partition, self.partitions, out)
        return out

    def wrong(self, key: bytes | None) -> str | None:
        """What is wrong with a key, or None."""
        if not key:
            return "expected the agent as key, got none"
        at = partition_of(np.frombuffer(key, np.uint8), self.partitions)
        if self.strict and at != self.partition:
            return f"expected partition {at} for key {key[:80].decode('utf-8', 'replace')!r}, got {self.partition}"
        return None


@inlined
def murmur2(data: NDArray[np.uint8]) -> Whole:
    """MurmurHash2 of 32 bits (Appleby 2008) with the seed of Kafka's Java client."""
    size = len(data)
    state = np.int64(SEED ^ size)
    for i in range(size // 4):
        word = np.int64(0)
        for j in range(4):
            word |= np.int64(data[4 * i + j]) << 8 * j
        word = (word * MULTIPLIER) & WORD
        word ^= word >> 24
        state = ((state * MULTIPLIER) & WORD) ^ ((word * MULTIPLIER) & WORD)
    left = size & 3
    if left:
        for i in range(left):
            state ^= np.int64(data[size - left + i]) << 8 * i
        state = (state * MULTIPLIER) & WORD
    state ^= state >> 13
    state = (state * MULTIPLIER) & WORD
    return state ^ (state >> 15)


@kernel
def partition_of(key: NDArray[np.uint8], partitions: int) -> Whole:
    """The partition that Kafka's clients choose for a key.

    >>> partition_of(np.frombuffer(b"lab/a", np.uint8), 6)
    1
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


@kernel
def belong(
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    length: NDArray[np.int32],
    partition: int,
    partitions: int,
    out: NDArray[np.bool_],
) -> None:
    """Clear out[i] where the i-th key belongs on another partition."""
    for i in range(len(out)):
        if out[i]:
            out[i] = partition_of(data[offset[i] : offset[i] + length[i]], partitions) == partition
