"""Strings as columns: one buffer of bytes, and for each row where its bytes lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Strings(NamedTuple):
    """UTF-8 strings laid in one buffer; several columns may share it. An absent string has length -1.

    data    uint8[bytes]
    offset  int64[rows], where the row's bytes begin
    length  int32[rows], how many there are; -1 where the string is absent
    """

    data: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int32]


def pack(values: Iterable[str | bytes | None]) -> Strings:
    """Lay strings into one buffer.

    >>> column = pack(["a", None, "bc"])
    >>> [text(column, row) for row in range(3)]
    ['a', None, 'bc']
    """
    parts = [v.encode("utf-8", "surrogatepass") if isinstance(v, str) else v for v in values]
    length = np.array([-1 if p is None else len(p) for p in parts], dtype=np.int32)
    offset = np.zeros(len(parts), dtype=np.int64)
    np.cumsum(np.maximum(length, 0)[:-1], out=offset[1:])
    data = np.frombuffer(bytearray(b"".join(p for p in parts if p is not None)), dtype=np.uint8)
    return Strings(data, offset, length)


def raw(column: Strings, row: int) -> bytes | None:
    """The bytes of one row, or None where absent."""
    length = int(column.length[row])
    if length < 0:
        return None
    start = int(column.offset[row])
    return column.data[start : start + length].tobytes()


def text(column: Strings, row: int) -> str | None:
    """The string of one row, or None where absent."""
    value = raw(column, row)
    return None if value is None else value.decode("utf-8", "replace")


def take(column: Strings, rows: NDArray[np.intp]) -> Strings:
    """The same buffer, other rows."""
    return Strings(column.data, column.offset[rows], column.length[rows])
