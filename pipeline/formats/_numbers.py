"""Numbers of JSON read from bytes, exactly or not at all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import inlined
from pipeline.kernels.wide import Whole, byte_at, digits16, first_bit, load64

MINUS, PLUS, DOT, ZERO, LOWER = 45, 43, 46, 48, 32
EXPONENT: Final = 101
LOW_HALVES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
PAIRS: Final = np.uint64(0x00FF00FF00FF00FF)
FOURS: Final = np.uint64(0x0000FFFF0000FFFF)
TEN_AND_ONE: Final = np.uint64(10 * 256 + 1)
HUNDRED_AND_ONE: Final = np.uint64(100 * 65536 + 1)
MYRIAD_AND_ONE: Final = np.uint64(10000 * 2**32 + 1)
EXACT: Final = 2**53
EXACT_POWER: Final = 22
POWER: Final = np.array([10.0**i for i in range(EXACT_POWER + 1)])
"""Powers of ten that float64 holds exactly."""

WHOLE_POWER: Final = np.array([10**i for i in range(19)], np.int64)


@inlined
def eight_digits(word: np.uint64) -> Whole:
    """The number that eight digits spell, the first in the lowest byte: pairs, then fours, then all eight at once."""
    word = ((word & LOW_HALVES) * TEN_AND_ONE) >> np.uint64(8)
    word = ((word & PAIRS) * HUNDRED_AND_ONE) >> np.uint64(16)
    return np.int64(((word & FOURS) * MYRIAD_AND_ONE) >> np.uint64(32))


@inlined
def read_digits(data: NDArray[np.uint8], at: Whole, count: Whole) -> Whole:
    """The number that `count` digits spell, 1 to 16 of them."""
    if count <= 8:
        return eight_digits(load64(data, at) << np.uint64(64 - 8 * count))
    first = eight_digits(load64(data, at))
    shifted: Whole = first * WHOLE_POWER[count - 8]
    return shifted + eight_digits(load64(data, at + 8) << np.uint64(128 - 8 * count))


@inlined
def read_number(data: NDArray[np.uint8], at: Whole) -> tuple[Whole, float, bool]:
    """A number: where it ends, its value, and whether it is spelled as an integer; an end of -1 where it is not plain.

    Plain is what one division or multiplication of exact float64 gives correctly rounded (Clinger 1990, "How to read
    floating point numbers accurately"): a mantissa below 2**53 and a power of ten from -22 to 22.
    """
    negative = byte_at(data, at) == MINUS
    if negative:
        at += 1
    count = first_bit(~digits16(data, at))
    if count == 0 or (count > 1 and byte_at(data, at) == ZERO):
        return -1, 0.0, False
    mantissa = read_digits(data, at, count)
    at += count
    power: Whole = 0
    whole = True
    if byte_at(data, at) == DOT:
        more = first_bit(~digits16(data, at + 1))
        if more == 0 or count + more > 18:
            return -1, 0.0, False
        mantissa = mantissa * WHOLE_POWER[more] + read_digits(data, at + 1, more)
        power = -more
        at += 1 + more
        whole = False
    if byte_at(data, at) | LOWER == EXPONENT:
        at += 1
        down = byte_at(data, at) == MINUS
        if down or byte_at(data, at) == PLUS:
            at += 1
        count = first_bit(~digits16(data, at))
        if count == 0 or count > 4:
            return -1, 0.0, False
        shift = read_digits(data, at, count)
        power += -shift if down else shift
        at += count
        whole = False
    if mantissa >= EXACT or not -EXACT_POWER <= power <= EXACT_POWER or (negative and mantissa == 0):
        return -1, 0.0, False
    value = float(mantissa)
    if power < 0:
        value /= POWER[-power]
    elif power > 0:
        value *= POWER[power]
    return at, -value if negative else value, whole
