"""Columns of Arrow as columns of a batch: for each field's class which types do, and which rows are not plain.

Every function gives, beside the column, a mask of rows that do not pass here. They are read one by one with the checks
of `_fields`, so that a reason has the same words whatever the format.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
from numpy.typing import NDArray

from pipeline.events.strings import Strings, raw
from pipeline.formats import LINE_BYTES, ROOM, _fields
from pipeline.formats._addresses import read_addresses
from pipeline.formats._words import ADDRESS, CLASSES, INTEGER, NAME, NUMBER, TEXT, TRUTH, WORD
from pipeline.kernels.hashing import hash_strings

END_OF_TIME: Final = math.nextafter(_fields.END_OF_TIME, 0)
"""The latest time, as float64."""

NO_WORD: Final = -1
NOT_SAID: Final = -2

Mask: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = Any
"""An Arrow array of a type that is known only when it is there."""

A_SECOND: Final = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
"""How many of Arrow's units of time are a second."""

WANTED: Final = {
    NUMBER: "a number",
    INTEGER: "an integer",
    TEXT: "a string",
    NAME: "a string or an integer",
    WORD: "a string",
    ADDRESS: "a string",
    TRUTH: "a boolean",
}


def is_string(kind: pa.DataType) -> bool:
    """Whether a type holds strings."""
    if kinds.is_dictionary(kind):
        return is_string(kind.value_type)
    return kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)


def is_number(kind: pa.DataType) -> bool:
    """Whether a type holds numbers."""
    return kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)


def is_lapse(field: str, kind: pa.DataType) -> bool:
    """Whether the field is a duration, and the type too."""
    return field == "duration" and kinds.is_duration(kind)


def does(field: str, kind: pa.DataType) -> bool:
    """Whether a column of this type can hold the field; one of nothing but nulls always can.

    >>> does("ts", pa.timestamp("ms")), does("src_port", pa.float64()), does("src_port", pa.string())
    (True, True, False)
    """
    if kinds.is_null(kind):
        return True
    wanted = CLASSES[field]
    if wanted in (NUMBER, INTEGER):
        return is_number(kind) or (kinds.is_timestamp(kind) if field == "ts" else is_lapse(field, kind))
    if wanted == TRUTH:
        return bool(kinds.is_boolean(kind))
    return is_string(kind) or (wanted == NAME and (kinds.is_integer(kind)))


def wanted(field: str) -> str:
    """What a field's column should hold, in words."""
    return {"ts": "a number of seconds or a timestamp", "duration": "a number of seconds or a duration"}.get(
        field, WANTED[CLASSES[field]]
    )


class Column(NamedTuple):
    """A column of numbers: `values`, which rows are `there`, and which are `odd`: not plain. None: all are, or none."""

    values: NDArray[Any]
    there: Mask | None = None
    odd: Mask | None = None

    def or_else(self, absent: float) -> NDArray[Any]:
        """The values, and where there is none `absent`."""
        return self.values if self.there is None else np.where(self.there, self.values, absent)


def mark(bad: Mask, odd: Mask | None) -> None:
    """Mark rows that are odd in `bad`."""
    if odd is not None:
        np.logical_or(bad, odd, out=bad)


def absent(bad: Mask, there: Mask | None) -> None:
    """Mark rows that are not there in `bad`."""
    if there is not None:
        np.logical_or(bad, ~there, out=bad)


def valid(array: Array) -> Mask:
    """Which rows are not null."""
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def filled(array: Array) -> NDArray[Any]:
    """The values with 0 for null; to be read only."""
    if array.null_count:
        array = pc.fill_null(array, False if kinds.is_boolean(array.type) else 0)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def within(values: NDArray[Any], low: float, high: float) -> bool:
    """Whether all values lie within bounds; NaN does not."""
    return not len(values) or bool(values.min() >= low and values.max() <= high)


def read_numbers(array: Array, low: int, high: int) -> Column:
    """Numbers within bounds as float64; NaN, which is how some tools write null, is the same as null."""
    if kinds.is_null(array.type):
        return Column(np.full(len(array), np.nan), np.zeros(len(array), np.bool_))
    if kinds.is_decimal(array.type):
        array = array.cast(pa.float64(), safe=False)
    found = filled(array)
    if array.null_count == 0 and within(found, low, high):
        return Column(found.astype(np.float64))
    there = valid(array)
    if found.dtype.kind == "f":
        there = there & ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        odd = there & ~((found >= low) & (found <= high))
    values = found.astype(np.float64)
    values[~there] = np.nan
    return Column(values, there, odd)


def read_integers(array: Array, low: int, high: int) -> Column:
    """Integers within bounds as int64; to be read only."""
    if kinds.is_null(array.type):
        return Column(np.zeros(len(array), np.int64), np.zeros(len(array), np.bool_))
    if kinds.is_integer(array.type) and array.null_count == 0:
        found = filled(array)
        if within(found, low, high):
            return Column(found.astype(np.int64, copy=False))
    numbers = read_numbers(array, low, high)
    there = np.ones(len(array), np.bool_) if numbers.there is None else numbers.there
    with np.errstate(invalid="ignore"):
        odd = there & (np.floor(numbers.values) != numbers.values)
        mark(odd, numbers.odd)
        values = np.where(there & ~odd, numbers.values, 0.0).astype(np.int64)
    return Column(values, there, odd)


def read_times(array: Array, nan_is_null: bool) -> Column:
    """Times or durations as int64 µs, half to even."""
    kind = array.type
    if kinds.is_timestamp(kind) or kinds.is_duration(kind):
        there = valid(array)
        values = filled(array.cast(pa.int64()))
        odd = there & ~((values >= 0) & (values < _fields.END_OF_TIME * A_SECOND[kind.unit]))
        if kind.unit == "ns":
            values, rest = np.divmod(values, 1000)
            values += (rest > 500) | ((rest == 500) & (values % 2 == 1))
        else:
            values = np.where(odd, 0, values) * (1_000_000 // A_SECOND[kind.unit])
        return Column(values, there, odd)
    if kinds.is_null(kind):
        return Column(np.zeros(len(array), np.int64), np.zeros(len(array), np.bool_))
    found = filled(array.cast(pa.float64(), safe=False) if kinds.is_decimal(kind) else array)
    if array.null_count == 0 and within(found, 0, END_OF_TIME):
        return Column(np.rint(found.astype(np.float64) * 1e6).astype(np.int64))
    there = valid(array)
    if nan_is_null and found.dtype.kind == "f":
        there = there & ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        odd = there & ~((found >= 0) & (found < _fields.END_OF_TIME))
        values = np.rint(np.where(there & ~odd, found, 0).astype(np.float64) * 1e6).astype(np.int64)
    return Column(values, there, odd)


def read_truths(array: Array) -> NDArray[np.uint8]:
    """Booleans as codes.NO and codes.YES, 0 for null."""
    if kinds.is_null(array.type):
        return np.zeros(len(array), np.uint8)
    values = filled(array).astype(np.uint8) + np.uint8(1)
    if array.null_count:
        values[~valid(array)] = 0
    return values


class Texts(NamedTuple):
    """A column of strings: each row's place among the distinct ones, -1 where null.

    distinct  the strings themselves, of length -1 where null; ROOM bytes are free behind their data
    row       int64[rows]; None: each row has its own, in their order
    wrong     bool[distinct], those that are no UTF-8 or longer than any line may be; None: none is
    nulls     whether any row is -1
    """

    distinct: Strings
    row: NDArray[np.int64] | None
    wrong: Mask | None
    nulls: bool

    def strings(self, keep_empty: bool = False) -> Strings:
        """The column, where an empty string says nothing unless it is kept."""
        data, offset, length = self.distinct
        if not keep_empty and not length.all():
            length = np.where(length == 0, np.int32(-1), length)
        return Strings(data, self.of_row(offset, np.int64(0)), self.of_row(length, np.int32(-1)))

    def odd(self) -> Mask | None:
        """Rows whose string is no UTF-8, or longer than any line may be."""
        return None if self.wrong is None else self.of_row(self.wrong, False)

    def of_row(self, values: NDArray[Any], absent: Any) -> NDArray[Any]:
        """What each row has of the values of the distinct strings, `absent` where it is null."""
        if self.row is None:
            return values
        out = values[self.row] if values.any() else np.zeros(len(self.row), values.dtype)
        if self.nulls:
            out[self.row < 0] = absent
        return out


def read_texts(array: Array) -> Texts:
    """Strings, or integers by their digits."""
    if kinds.is_null(array.type):
        return Texts(nothing(len(array)), None, None, True)
    if not kinds.is_dictionary(array.type):
        return told(array, None, False)
    return told(array.dictionary, places(array), array.indices.null_count > 0)


def places(array: Array) -> NDArray[np.int64]:
    """Each row's place in the dictionary, -1 where null."""
    row = filled(array.indices).astype(np.int64)
    if array.indices.null_count:
        row[~valid(array.indices)] = -1
    return row


@functools.lru_cache(8)
def nothing(rows: int) -> Strings:
    """A column in which nothing is said; to be read only."""
    return Strings(np.zeros(ROOM, np.uint8), np.zeros(rows, np.int64), np.full(rows, -1, np.int32))


def told(array: Array, row: NDArray[np.int64] | None, nulls: bool) -> Texts:
    """The rows of some distinct strings."""
    distinct = lay_out(array.cast(pa.large_string()))
    wrong = not_utf8(distinct) | (distinct.length > LINE_BYTES)
    if array.null_count:
        none = ~valid(array)
        distinct.length[none] = -1
        wrong &= ~none
    return Texts(distinct, row, wrong if wrong.any() else None, nulls)


def not_utf8(column: Strings) -> Mask:
    """Which strings are no UTF-8: Arrow takes their word for it."""
    out = np.zeros(len(column.length), np.bool_)
    try:
        column.data.tobytes().decode()
        # All of it is right, and so is each string unless a character was cut between two of them.
        begins = column.data[column.offset[column.length > 0]]
        if not np.any((begins & 0xC0) == 0x80):
            return out
    except UnicodeDecodeError:
        pass
    for row in range(len(out)):
        try:
            raw(column, row).decode()  # type: ignore[union-attr]
        except UnicodeDecodeError:
            out[row] = True
    return out


def negative(array: Array) -> Mask | None:
    """Which rows are integers below 0, which name nothing."""
    if not kinds.is_integer(array.type):
        return None
    return np.asarray(valid(array) & (filled(array) < 0), np.bool_)


def lay_out(array: Array) -> Strings:
    """Strings of Arrow in a buffer of their own."""
    if not len(array):
        return Strings(np.zeros(ROOM, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int32))
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    first, last = int(edges[0]), int(edges[-1])
    buffer = np.zeros(last - first + ROOM, np.uint8)
    if last > first:
        buffer[: last - first] = np.frombuffer(data, np.uint8)[first:last]
    return Strings(buffer, edges[:-1] - first, np.diff(edges).astype(np.int32))


def read_words(array: Array, meanings: dict[str, int]) -> Column:
    """Words of an enumeration as codes, 0 for null."""
    if kinds.is_null(array.type):
        return Column(np.zeros(len(array), np.uint8), np.zeros(len(array), np.bool_))
    if not kinds.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = [NOT_SAID if word is None else meanings.get(word, NO_WORD) for word in array.dictionary.to_pylist()]
    if array.indices.null_count == 0 and codes and min(codes) >= 0:
        if len(codes) == 1:
            return Column(np.full(len(array), codes[0], np.uint8))
        return Column(np.array(codes, np.uint8)[filled(array.indices)])
    found = np.array([*codes, NOT_SAID], np.int64)[places(array)]
    return Column(np.maximum(found, 0).astype(np.uint8), found != NOT_SAID, found == NO_WORD)


def read_address_column(array: Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64], Mask | None]:
    """Addresses as two halves; null is not plain."""
    texts = read_texts(array)
    count = len(texts.distinct.length)
    high, low, good = np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.zeros(count, np.bool_)
    read_addresses(*texts.distinct, high, low, good)
    zero = np.uint64(0)
    odd = None if good.all() and not texts.nulls else ~texts.of_row(good, False)
    return texts.of_row(high, zero), texts.of_row(low, zero), odd


def hash_column(texts: Texts) -> NDArray[np.uint64]:
    """The hash of each string, 0 where there is none."""
    out = np.zeros(len(texts.distinct.length), np.uint64)
    hash_strings(*texts.distinct, out)
    return texts.of_row(out, np.uint64(0))
