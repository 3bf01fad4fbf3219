"""Looking at many bytes at once sees what looking at one after another sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel
from pipeline.kernels.wide import digits16, dots16, first_bit, line_ends32, load64, string_ends32

MARKS = b'"\\\n.,0123456789 az\x00\x1f\x20\x7f\x80\xff/:'


@kernel
def look(data: NDArray[np.uint8], at: int, out: NDArray[np.int64]) -> np.uint64:
    out[0] = string_ends32(data, at)
    out[1] = line_ends32(data, at)
    out[2] = digits16(data, at)
    out[3] = dots16(data, at)
    out[4] = first_bit(out[0])
    out[5] = first_bit(~out[2])
    return load64(data, at)


def naive(data: bytes, at: int) -> list[int]:
    """The same, one byte after another."""

    def bits(width: int, accepted: Any) -> int:
        return sum(1 << i for i, byte in enumerate(data[at : at + width]) if accepted(byte))

    def lowest(value: int) -> int:
        return next((i for i in range(64) if value >> i & 1), 64)

    ends = bits(32, lambda b: b in (34, 92) or b < 32 or b > 127)
    digits = bits(16, lambda b: 48 <= b <= 57)
    return [ends, bits(32, lambda b: b == 10), digits, bits(16, lambda b: b == 46), lowest(ends), lowest(~digits)]


@given(st.lists(st.sampled_from(MARKS) | st.integers(0, 255), min_size=32, max_size=80), st.integers(0, 48))
def test_bytes_are_seen_alike(values: list[int], at: int) -> None:
    at = min(at, len(values) - 32)
    data = np.array(values, np.uint8)
    out = np.zeros(6, np.int64)
    word = look(data, at, out)
    assert out.tolist() == naive(bytes(values), at)
    assert int(word) == int.from_bytes(bytes(values[at : at + 8]), "little")


def test_every_byte_at_every_place() -> None:
    for byte in range(256):
        for place in range(32):
            data = np.full(40, ord("a"), np.uint8)
            data[place] = byte
            out = np.zeros(6, np.int64)
            look(data, 0, out)
            assert out.tolist() == naive(data.tobytes(), 0)
