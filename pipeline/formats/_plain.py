"""What the fast lane's kernel leaves behind, as a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.batch import Batch, Part
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.strings import Strings
from pipeline.formats._fast import (
    COMMON_STRINGS,
    DURATION_LONG,
    FLOATS,
    HASHED,
    MOST_STRINGS,
    NEWLINE,
    OFFSETS,
    POSITION_LONG,
    STRINGS,
    TS_LONG,
    Sheet,
    new_line,
    new_sheet,
    read_lines,
)

LOOK = 1 << 15
"""Bytes of which the lines are counted, to know about how many there are in all."""


class Plain(NamedTuple):
    """What the fast lane read.

    batch   the lines that were plain
    handed  int64[stretches, 3]: lines that were not: where they begin and end, and the number of the first
    lines   how many lines there were
    """

    batch: Batch
    handed: NDArray[np.int64]
    lines: int


def read_plain(data: NDArray[np.uint8], size: int, source: int, position: int) -> Plain:
    """The plain lines of data[:size]; the 64 bytes behind them are used, and strings lie in `data`."""
    data[size] = NEWLINE
    sheet, handed = new_sheet(0), np.empty((0, 3), np.int64)
    line, counts = new_line(), np.zeros(4, np.int64)
    most = likely_lines(data, size)
    while True:
        sheet, handed = with_room(sheet, handed, int(counts[0]), int(counts[1]), most)
        read_lines(data, size, line, sheet, handed, counts)
        rows, stretches, lines, at = counts.tolist()
        if at >= size:
            break
        most = lines + int(np.count_nonzero(data[at:size] == NEWLINE)) + 1
    sheet = Sheet._make(columns[:, :rows] for columns in sheet)
    return Plain(to_batch(data, sheet, source, position), handed[:stretches], lines)


def likely_lines(data: NDArray[np.uint8], size: int) -> int:
    """How many lines there may be, by the first few of them; nothing rests on it."""
    looked = data[: min(size, LOOK)].tobytes().count(b"\n")
    return (looked + 1) * size // min(size, LOOK) * 9 // 8 + 1 if size else 1


def with_room(
    sheet: Sheet, handed: NDArray[np.int64], rows: int, stretches: int, most: int
) -> tuple[Sheet, NDArray[np.int64]]:
    """The same rows and stretches with room for `most` of both."""
    wider, longer = new_sheet(most), np.empty((most, 3), np.int64)
    both: Iterator[tuple[NDArray[Any], NDArray[Any]]] = zip(wider, sheet, strict=True)
    for columns, before in both:
        columns[:, :rows] = before[:, :rows]
    longer[:stretches] = handed[:stretches]
    return wider, longer


def of_kind(sheet: Sheet, kind: int, rows: NDArray[np.intp]) -> Sheet:
    """The rows of one kind; columns that it does not use are left out at the end, or whole."""
    last = OFFSETS + len(STRINGS[kind])
    is_flow = kind == codes.FLOW
    return Sheet(
        sheet.octets.take(rows, axis=1) if is_flow else sheet.octets,
        (sheet.shorts if is_flow else sheet.shorts[: len(STRINGS[kind])]).take(rows, axis=1),
        sheet.longs[:last].take(rows, axis=1),
        sheet.words.take(rows, axis=1),
        sheet.floats[: len(FLOATS[kind])].take(rows, axis=1),
    )


def to_batch(data: NDArray[np.uint8], sheet: Sheet, source: int, position: int) -> Batch:
    """The rows of a sheet as a batch."""
    kind = sheet.octets[0]
    row = np.empty(len(kind), np.int64)
    parts: list[Part | None] = [None, None, None]
    for k in range(len(codes.KINDS)):
        rows = np.flatnonzero(kind == k)
        row[rows] = np.arange(len(rows))
        if len(rows):
            mine = sheet if len(rows) == len(kind) else of_kind(sheet, k, rows)
            parts[k] = Part(common(data, mine, source, position), (flow, gpu, command)[k](data, mine))
    return Batch((parts[0], parts[1], parts[2]), kind, row)


def strings(data: NDArray[np.uint8], sheet: Sheet, first: int, last: int) -> list[Strings]:
    """Some columns of strings."""
    return [Strings(data, sheet.longs[OFFSETS + i], sheet.shorts[i]) for i in range(first, last)]


def common(data: NDArray[np.uint8], sheet: Sheet, source: int, position: int) -> Common:
    """The columns that all kinds have."""
    ts = sheet.longs[TS_LONG]
    named = strings(data, sheet, 0, len(COMMON_STRINGS))
    return Common(ts, np.full(len(ts), source, np.int32), sheet.longs[POSITION_LONG] + position, *named)


def flow(data: NDArray[np.uint8], sheet: Sheet) -> Flow:
    """The columns of flows."""
    integers = sheet.shorts[MOST_STRINGS:]
    return Flow._make((
        *sheet.words[:HASHED], integers[0], integers[1], *sheet.octets[1:], sheet.longs[DURATION_LONG],
        *sheet.floats[: len(FLOATS[codes.FLOW])], integers[2], integers[3], sheet.words[HASHED],
        *strings(data, sheet, len(COMMON_STRINGS), len(STRINGS[codes.FLOW])),
    ))  # fmt: skip


def gpu(data: NDArray[np.uint8], sheet: Sheet) -> Gpu:
    """The columns of GPU samples."""
    named = strings(data, sheet, len(COMMON_STRINGS), len(STRINGS[codes.GPU]))
    return Gpu._make((sheet.words[HASHED], *named, *sheet.floats[: len(FLOATS[codes.GPU])]))


def command(data: NDArray[np.uint8], sheet: Sheet) -> Command:
    """The columns of commands."""
    named = strings(data, sheet, len(COMMON_STRINGS), len(STRINGS[codes.COMMAND]))
    return Command._make((*named, sheet.floats[0]))
