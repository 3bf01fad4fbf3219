"""A batch as plain Python values, one dict per event, and what its arrays must be like."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.events.batch import Batch
from pipeline.events.codes import KINDS
from pipeline.events.columns import Command, Flow, Gpu
from pipeline.events.strings import Strings

TYPES: dict[str, Any] = dict.fromkeys(Gpu._fields + Flow._fields + Command._fields, np.float64) | {
    "ts": np.int64, "source": np.int32, "position": np.int64, "duration": np.int64,
    "src_port": np.int32, "dst_port": np.int32, "bursts": np.int32, "bursts_dst_first": np.int32,
    "proto": np.uint8, "direction": np.uint8, "outcome": np.uint8, "final": np.uint8,
    "src_hi": np.uint64, "src_lo": np.uint64, "dst_hi": np.uint64, "dst_lo": np.uint64,
    "flow_id": np.uint64, "gpu": np.uint64,
}  # fmt: skip


def events(batch: Batch) -> list[dict[str, Any]]:
    """Every event with every column: strings as bytes or None, numbers as Python's, NaN as "nan"."""
    out = []
    for kind, row in zip(batch.kind.tolist(), batch.row.tolist(), strict=True):
        part = batch.parts[kind]
        assert part is not None
        event: dict[str, Any] = {"kind": KINDS[kind]}
        for columns in (part.common, part.columns):
            for field, column in zip(columns._fields, columns, strict=True):
                event[field] = value(column, row)
        out.append(event)
    return out


def value(column: Any, row: int) -> Any:
    """One value of a column."""
    if isinstance(column, Strings):
        length = int(column.length[row])
        start = int(column.offset[row])
        assert length < 0 or 0 <= start <= start + length <= len(column.data)
        return None if length < 0 else bytes(column.data[start : start + length].tolist())
    found = column[row].item()
    return "nan" if found != found else found


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches hold the same events, bit for bit; as `events(one) == events(other)`, but quick."""
    if not (np.array_equal(one.kind, other.kind) and np.array_equal(one.row, other.row)):
        return False
    for ours, theirs in zip(one.parts, other.parts, strict=True):
        if ours is None or theirs is None:
            if ours is not theirs:
                return False
            continue
        for left, right in zip((*ours.common, *ours.columns), (*theirs.common, *theirs.columns), strict=True):
            if isinstance(left, Strings):
                assert isinstance(right, Strings)
                if not np.array_equal(left.length, right.length) or joined(left) != joined(right):
                    return False
            elif left.dtype != right.dtype or left.tobytes() != right.tobytes():
                return False
    return True


def joined(column: Strings) -> bytes:
    """The bytes of all strings of a column, one after another."""
    length = np.maximum(column.length, 0).astype(np.int64)
    before = np.cumsum(length) - length
    at = np.repeat(column.offset - before, length) + np.arange(length.sum())
    return bytes(column.data[at].tobytes())


def check_layout(batch: Batch) -> None:
    """The contract of a batch: rows of a kind in order, arrays of the same length, type, writable and contiguous."""
    for kind, part in enumerate(batch.parts):
        mine = batch.row[batch.kind == kind]
        assert mine.tolist() == list(range(len(mine)))
        assert (len(part) if part is not None else 0) == len(mine)
        if part is None:
            continue
        named: dict[str, Any] = part.common._asdict() | part.columns._asdict()
        for field, column in named.items():
            arrays: list[Any] = list(column) if isinstance(column, Strings) else [column]
            if isinstance(column, Strings):
                assert [array.dtype for array in arrays] == [np.uint8, np.int64, np.int32]
                assert len(column.offset) == len(column.length) == len(mine)
            else:
                assert len(column) == len(mine)
                assert column.dtype == TYPES[field]
            for array in arrays:
                assert array.flags.c_contiguous, field
                assert array.flags.writeable, field
