"""IP addresses read from bytes, as two 64-bit halves, IPv4 at ::ffff:0:0."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.wide import Whole, byte_at, digits16, dots16, first_bit, load64

DOT, ZERO, NINE, COLON, LOWER_A, LOWER_F, LOWER = 46, 48, 57, 58, 97, 102, 32
MAPPED: Final = np.uint64(0xFFFF_0000_0000)
DIGIT: Final = np.uint64(15)
NONE: Final = np.uint64(0)
GROUPS: Final = 8


@inlined
def octet(data: NDArray[np.uint8], at: Whole, length: Whole) -> Whole:
    """The number of 1 to 3 digits; 256 or more where that is no octet: too large, or with zeros before it."""
    if length < 1 or length > 3 or (length > 1 and byte_at(data, at) == ZERO):
        return 256
    word = (load64(data, at) << np.uint64(64 - 8 * length)) >> np.uint64(40)
    hundreds = np.int64(word & DIGIT)
    tens = np.int64((word >> np.uint64(8)) & DIGIT)
    return hundreds * 100 + tens * 10 + np.int64((word >> np.uint64(16)) & DIGIT)


@inlined
def read_ipv4(data: NDArray[np.uint8], at: Whole, length: Whole) -> Whole:
    """Four octets as a number; -1 where there is anything else.

        1 9 2 . 0 . 2 . 7
              ^ dots: 3, 5, 7; octets lie between them
    """
    if length < 7 or length > 15:
        return -1
    inside = (1 << length) - 1
    dots = dots16(data, at) & inside
    if dots | (digits16(data, at) & inside) != inside:
        return -1
    first = first_bit(dots)
    dots &= dots - 1
    second = first_bit(dots)
    dots &= dots - 1
    third = first_bit(dots)
    if third == 64 or dots & (dots - 1) != 0:
        return -1
    a = octet(data, at, first)
    b = octet(data, at + first + 1, second - first - 1)
    c = octet(data, at + second + 1, third - second - 1)
    d = octet(data, at + third + 1, length - third - 1)
    if a > 255 or b > 255 or c > 255 or d > 255:
        return -1
    return a << 24 | b << 16 | c << 8 | d


@inlined
def read_ipv6(data: NDArray[np.uint8], at: Whole, length: Whole) -> tuple[bool, np.uint64, np.uint64]:
    """Groups of hexadecimal digits, of which :: leaves out one or more zero ones; an IPv4 tail is not plain.

    Groups are shifted in from the right. At the :: those so far are put aside; at the end they go to the left.
    """
    high, low = NONE, NONE
    left_high, left_low = NONE, NONE
    groups = 0
    left = -1
    end = at + length
    if length < 2 or length > 39:
        return False, NONE, NONE
    if byte_at(data, at) == COLON:
        if byte_at(data, at + 1) != COLON:
            return False, NONE, NONE
        left = 0
        at += 2
    while at < end:
        value: Whole = 0
        digits = 0
        while at < end and byte_at(data, at) != COLON:
            byte = np.int64(byte_at(data, at))
            if ZERO <= byte <= NINE:
                value = value * 16 + byte - ZERO
            elif LOWER_A <= byte | LOWER <= LOWER_F:
                value = value * 16 + (byte | LOWER) - LOWER_A + 10
            else:
                return False, NONE, NONE
            digits += 1
            at += 1
        if digits == 0 or digits > 4 or groups == GROUPS:
            return False, NONE, NONE
        high = high << np.uint64(16) | low >> np.uint64(48)
        low = low << np.uint64(16) | np.uint64(value)
        groups += 1
        if at == end:
            break
        at += 1
        if at == end:
            return False, NONE, NONE
        if byte_at(data, at) == COLON:
            if left >= 0:
                return False, NONE, NONE
            left, left_high, left_low = groups, high, low
            high, low = NONE, NONE
            at += 1
    if left < 0:
        return groups == GROUPS, high, low
    if groups >= GROUPS:
        return False, NONE, NONE
    missing = GROUPS - left
    for _ in range(missing):
        left_high = left_high << np.uint64(16) | left_low >> np.uint64(48)
        left_low = left_low << np.uint64(16)
    return True, left_high | high, left_low | low


@inlined
def read_address(data: NDArray[np.uint8], at: Whole, length: Whole) -> tuple[bool, np.uint64, np.uint64]:
    """An address of `length` bytes: whether it is one in a usual spelling, and its halves; 32 bytes can be read."""
    ipv4 = read_ipv4(data, at, length)
    if ipv4 >= 0:
        return True, NONE, MAPPED | np.uint64(ipv4)
    return read_ipv6(data, at, length)


@kernel
def read_addresses(
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    length: NDArray[np.int32],
    high: NDArray[np.uint64],
    low: NDArray[np.uint64],
    good: NDArray[np.bool_],
) -> None:
    """Fill in the halves of a column of addresses, and which of them are addresses; 32 bytes more can be read.

    >>> data, half = np.frombuffer(bytearray(b"10.0.0.1".ljust(40)), np.uint8), np.zeros((2, 1), np.uint64)
    >>> good = np.zeros(1, np.bool_)
    >>> read_addresses(data, np.zeros(1, np.int64), np.full(1, 8, np.int32), half[0], half[1], good)
    >>> bool(good[0]), int(half[0, 0]), hex(half[1, 0])
    (True, 0, '0xffff0a000001')
    """
    for i in range(len(offset)):
        good[i], high[i], low[i] = read_address(data, offset[i], np.int64(length[i]))
