"""Strings of JSON read where they lie: how long they are, whether they are right, and their escapes undone in place.

    raw    e c h o   \\ " h i \\ "      what is undone is never longer than it was written,
    text   e c h o   " h i "            so it has room where it lies
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import inlined
from pipeline.kernels.wide import BACKSLASH, QUOTE, Whole, byte_at, first_bit, string_ends32

SHORT: Final = np.zeros(128, np.uint8)
"""What a backslash and a letter stand for; 0 for no escape."""

for _letter, _meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    SHORT[_letter] = _meant

HEX: Final = np.full(256, -1, np.int64)
for _value in range(16):
    HEX[ord(f"{_value:x}")] = HEX[ord(f"{_value:X}")] = _value

LETTER_U: Final = 117
PAIR, PAIR_END, LOW_HALF, LOW_END = 0xD800, 0xDC00, 0xDC00, 0xE000
"""Surrogates (RFC 8259, section 7): a high half, then a low half."""


@inlined
def plain_length(data: NDArray[np.uint8], at: Whole) -> Whole:
    """How many bytes from `at` on are ASCII without escapes, quotes and control characters."""
    length: Whole = 0
    while True:
        ends = string_ends32(data, at + length)
        if ends != 0:
            return length + first_bit(ends)
        length += 32


@inlined
def four_hex(data: NDArray[np.uint8], at: Whole) -> Whole:
    """The number of four hexadecimal digits; negative where one of them is none."""
    a, b = HEX[byte_at(data, at)], HEX[byte_at(data, at + 1)]
    c, d = HEX[byte_at(data, at + 2)], HEX[byte_at(data, at + 3)]
    if a < 0 or b < 0 or c < 0 or d < 0:
        return -1
    value: Whole = a << 12 | b << 8 | c << 4 | d
    return value


@inlined
def escape_length(data: NDArray[np.uint8], at: Whole) -> Whole:
    """How long the escape at `at` is; 0 where it is none, or half a pair."""
    letter = byte_at(data, at + 1)
    if letter < 128 and SHORT[letter] != 0:
        return 2
    if letter != LETTER_U:
        return 0
    first = four_hex(data, at + 2)
    if first < 0 or LOW_HALF <= first < LOW_END:
        return 0
    if not PAIR <= first < PAIR_END:
        return 6
    if byte_at(data, at + 6) != BACKSLASH or byte_at(data, at + 7) != LETTER_U:
        return 0
    return 12 if LOW_HALF <= four_hex(data, at + 8) < LOW_END else 0


@inlined
def utf8_length(data: NDArray[np.uint8], at: Whole) -> Whole:
    """How many bytes the character at `at` has; 0 where it is ASCII or no UTF-8 (RFC 3629, section 4)."""
    lead, second = byte_at(data, at), byte_at(data, at + 1)
    if second < 0x80 or second > 0xBF or lead < 0xC2 or lead > 0xF4:
        return 0
    if lead < 0xE0:
        return 2
    third = byte_at(data, at + 2)
    if third < 0x80 or third > 0xBF:
        return 0
    if lead < 0xF0:
        return 0 if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F) else 3
    fourth = byte_at(data, at + 3)
    if fourth < 0x80 or fourth > 0xBF or (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F):
        return 0
    return 4


@inlined
def text_length(data: NDArray[np.uint8], at: Whole) -> tuple[Whole, bool]:
    """How many bytes from `at` on are before the closing quote, and whether escapes are among them; -1 where wrong."""
    length: Whole = 0
    escaped = False
    while True:
        length += plain_length(data, at + length)
        byte = byte_at(data, at + length)
        if byte == QUOTE:
            return length, escaped
        if byte == BACKSLASH:
            step = escape_length(data, at + length)
            escaped = True
        else:
            step = utf8_length(data, at + length)
        if step == 0:
            return -1, False
        length += step


@inlined
def undo_escapes(data: NDArray[np.uint8], at: Whole, length: Whole) -> Whole:
    """Undo the escapes of a string that is right, where it lies; how long it is then."""
    end = at + length
    to = at
    while at < end:
        byte = byte_at(data, at)
        if byte != BACKSLASH:
            data[to] = byte
            at += 1
            to += 1
        elif byte_at(data, at + 1) != LETTER_U:
            data[to] = SHORT[byte_at(data, at + 1)]
            at += 2
            to += 1
        else:
            point = four_hex(data, at + 2)
            at += 6
            if PAIR <= point < PAIR_END:
                point = 0x10000 + ((point - PAIR) << 10) + (four_hex(data, at + 2) - LOW_HALF)
                at += 6
            to += put_utf8(data, to, point)
    return to - (end - length)


@inlined
def put_utf8(data: NDArray[np.uint8], to: Whole, point: Whole) -> Whole:
    """Write a character as UTF-8; how many bytes it has."""
    if point < 0x80:
        data[to] = point
        return 1
    if point < 0x800:
        data[to] = 0xC0 | point >> 6
        data[to + 1] = 0x80 | (point & 0x3F)
        return 2
    if point < 0x10000:
        data[to] = 0xE0 | point >> 12
        data[to + 1] = 0x80 | (point >> 6 & 0x3F)
        data[to + 2] = 0x80 | (point & 0x3F)
        return 3
    data[to] = 0xF0 | point >> 18
    data[to + 1] = 0x80 | (point >> 12 & 0x3F)
    data[to + 2] = 0x80 | (point >> 6 & 0x3F)
    data[to + 3] = 0x80 | (point & 0x3F)
    return 4
