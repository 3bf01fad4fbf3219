"""Columns of Arrow as columns of a batch: for each field's class which types do, and which rows are not plain.

Every function gives, beside the column, a mask of rows that do not pass here. They are read one by one with the checks
of `_fields`, so that a reason has the same words whatever the format.
"""

from __future__ import annotations

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
    """A column of numbers: `values` where `there`, and rows that are not plain in `odd`."""

    values: NDArray[Any]
    there: Mask
    odd: Mask


def valid(array: Array) -> Mask:
    """Which rows are not null."""
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def filled(array: Array) -> NDArray[Any]:
    """The values with 0 for null, in an array of their own."""
    if array.null_count:
        array = pc.fill_null(array, False if kinds.is_boolean(array.type) else 0)
    return np.array(array.to_numpy(zero_copy_only=False))


def read_numbers(array: Array, low: int, high: int) -> Column:
    """Numbers within bounds as float64; NaN, which is how some tools write null, is the same as null."""
    there = valid(array)
    if kinds.is_null(array.type):
        return Column(np.full(len(array), np.nan), there, np.zeros(len(array), np.bool_))
    if kinds.is_decimal(array.type):
        array = array.cast(pa.float64(), safe=False)
    found = filled(array)
    if found.dtype.kind == "f":
        there = there & ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        odd = there & ~((found >= low) & (found <= high))
    values = found.astype(np.float64)
    values[~there] = np.nan
    return Column(values, there, odd)


def read_integers(array: Array, low: int, high: int) -> Column:
    """Integers within bounds as int64."""
    numbers = read_numbers(array, low, high)
    with np.errstate(invalid="ignore"):
        odd = numbers.odd | (numbers.there & (np.floor(numbers.values) != numbers.values))
        values = np.where(numbers.there & ~odd, numbers.values, 0.0).astype(np.int64)
    return Column(values, numbers.there, odd)


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
    there = valid(array)
    if kinds.is_null(kind):
        return Column(np.zeros(len(array), np.int64), there, np.zeros(len(array), np.bool_))
    found = filled(array.cast(pa.float64(), safe=False) if kinds.is_decimal(kind) else array)
    if nan_is_null and found.dtype.kind == "f":
        there = there & ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        odd = there & ~((found >= 0) & (found < _fields.END_OF_TIME))
        values = np.rint(np.where(there & ~odd, found, 0).astype(np.float64) * 1e6).astype(np.int64)
    return Column(values, there, odd)


def read_truths(array: Array) -> Column:
    """Booleans as codes.NO and codes.YES, 0 for null."""
    there = valid(array)
    values = np.zeros(len(array), np.uint8)
    if not kinds.is_null(array.type):
        values[there] = 1 + filled(array).astype(np.uint8)[there]
    return Column(values, there, np.zeros(len(array), np.bool_))


class Texts(NamedTuple):
    """A column of strings: each row's place among the distinct ones, -1 where null.

    distinct  the strings themselves; ROOM bytes are free behind their data
    row       int64[rows]
    wrong     bool[distinct], those that are no UTF-8
    """

    distinct: Strings
    row: NDArray[np.int64]
    wrong: Mask

    def strings(self, keep_empty: bool = False) -> Strings:
        """The column, where an empty string says nothing unless it is kept."""
        length = take(self.distinct.length, self.row, np.int32(-1))
        if not keep_empty:
            length[length == 0] = -1
        return Strings(self.distinct.data, take(self.distinct.offset, self.row, np.int64(0)), length)

    def odd(self) -> Mask:
        """Rows whose string is no UTF-8, or longer than any line may be."""
        return take(self.wrong | (self.distinct.length > LINE_BYTES), self.row, False)


def take(values: NDArray[Any], row: NDArray[np.int64], absent: Any) -> NDArray[Any]:
    """values[row], `absent` where row is -1."""
    if not len(values):
        return np.full(len(row), absent)
    out = values[row]
    out[row < 0] = absent
    return out


def read_texts(array: Array) -> Texts:
    """Strings, or integers by their digits."""
    if kinds.is_null(array.type):
        return Texts(lay_out(pa.array([], pa.large_string())), np.full(len(array), -1), np.zeros(0, np.bool_))
    if kinds.is_dictionary(array.type):
        row = np.where(valid(array.indices), filled(array.indices), -1).astype(np.int64)
        distinct = array.dictionary
        absent = ~valid(distinct)
        if absent.any():
            row[take(absent, row, False)] = -1
    else:
        row = np.where(valid(array), np.arange(len(array)), -1)
        distinct = array
    distinct = lay_out(distinct.cast(pa.large_string()))
    return Texts(distinct, row, not_utf8(distinct))


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


def negative(array: Array) -> Mask:
    """Which rows are integers below 0, which name nothing."""
    if not kinds.is_integer(array.type):
        return np.zeros(len(array), np.bool_)
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
    if not kinds.is_null(array.type) and not kinds.is_dictionary(array.type):
        array = array.dictionary_encode()
    if kinds.is_null(array.type):
        nothing = np.zeros(len(array), np.bool_)
        return Column(np.zeros(len(array), np.uint8), nothing, nothing)
    row = np.where(valid(array.indices), filled(array.indices), -1).astype(np.int64)
    code = np.array([-2 if word is None else meanings.get(word, -1) for word in array.dictionary.to_pylist()], np.int64)
    found = take(code, row, -2)
    return Column(np.maximum(found, 0).astype(np.uint8), found != -2, found == -1)


def read_address_column(array: Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64], Mask]:
    """Addresses as two halves; null is not plain."""
    texts = read_texts(array)
    count = len(texts.distinct.length)
    high, low, good = np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.zeros(count, np.bool_)
    read_addresses(*texts.distinct, high, low, good)
    zero = np.uint64(0)
    return take(high, texts.row, zero), take(low, texts.row, zero), ~take(good, texts.row, False)


def hash_column(texts: Texts) -> NDArray[np.uint64]:
    """The hash of each string, 0 where there is none."""
    out = np.zeros(len(texts.distinct.length), np.uint64)
    hash_strings(*texts.distinct, out)
    return take(out, texts.row, np.uint64(0))
