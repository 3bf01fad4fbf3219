"""The hash of bytes is one function, whatever surrounds the bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.hashing import hash_bytes, hash_text

MASK = (1 << 64) - 1


def slow_hash(data: bytes) -> int:
    """The same in plain integers."""
    multiplier = 0xC6A4A7935BD1E995

    def mix(state: int, word: int) -> int:
        word = word * multiplier & MASK
        word ^= word >> 47
        return (state ^ (word * multiplier & MASK)) * multiplier & MASK

    state = 0x9E3779B97F4A7C15 ^ (len(data) * multiplier & MASK)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        state = mix(state, int.from_bytes(data[at : at + 8], "little"))
    state = mix(state, int.from_bytes(data[whole:], "little"))
    state ^= state >> 47
    state = state * multiplier & MASK
    state ^= state >> 47
    return state or 1


@given(st.binary(max_size=40), st.binary(max_size=9))
def test_the_hash_equals_its_slow_twin(data: bytes, before: bytes) -> None:
    whole = np.frombuffer(before + data + b"after", np.uint8)
    assert int(hash_bytes(whole, len(before), len(data))) == slow_hash(data) == hash_text(data)
