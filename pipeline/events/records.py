"""One row of a batch as the JSON object that the schema describes."""

from __future__ import annotations

import ipaddress
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.batch import Part
from pipeline.events.columns import Flow, Gpu
from pipeline.events.strings import Strings, text

PROTOS = {code: name for name, code in codes.PROTOS.items()}
DIRECTIONS = {code: name for name, code in codes.DIRECTIONS.items()}
OUTCOMES = {code: name for name, code in codes.OUTCOMES.items()}
FINAL = {codes.YES: True, codes.NO: False}
NOT_SHOWN = ("src_hi", "src_lo", "dst_hi", "dst_lo", "flow_id", "gpu", "gpu_name", "duration")


def seconds(ts: int) -> float:
    """Microseconds as the schema's seconds."""
    return ts / 1e6


def address(high: int, low: int) -> str:
    """An address of two halves in its usual spelling.

    >>> address(0, 0xFFFF_0A00_0001)
    '10.0.0.1'
    """
    if not high and low >> 32 == 0xFFFF:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    whole = ipaddress.IPv6Address((high << 64) | low)
    return str(whole.ipv4_mapped or whole)


def event(part: Part, row: int) -> dict[str, Any]:
    """The fields of one event that were said, in the schema's words; the agent stands beside it, not in it."""
    return events(part, np.array([row]))[0]


def events(part: Part, rows: NDArray[np.intp]) -> list[dict[str, Any]]:
    """The same of several rows."""
    columns = part.columns
    shown: dict[str, list[Any]] = {
        "kind": [_kind(part)] * len(rows),
        "ts": [seconds(t) for t in part.common.ts[rows].tolist()],
    }
    if isinstance(columns, Flow):
        f = columns
        shown["src_ip"] = [
            address(h, lo) for h, lo in zip(f.src_hi[rows].tolist(), f.src_lo[rows].tolist(), strict=True)
        ]
        shown["dst_ip"] = [
            address(h, lo) for h, lo in zip(f.dst_hi[rows].tolist(), f.dst_lo[rows].tolist(), strict=True)
        ]
        shown["proto"] = [PROTOS.get(code) for code in f.proto[rows].tolist()]
        shown["direction"] = [DIRECTIONS.get(code) for code in f.direction[rows].tolist()]
        shown["outcome"] = [OUTCOMES.get(code) for code in f.outcome[rows].tolist()]
        shown["final"] = [FINAL.get(code) for code in f.final[rows].tolist()]
        shown["duration"] = [seconds(us) if us >= 0 else None for us in f.duration[rows].tolist()]
    if isinstance(columns, Gpu):
        shown["gpu"] = [text(columns.gpu_name, row) for row in rows.tolist()]
    for name, column in zip(columns._fields, columns, strict=True):
        if name not in NOT_SHOWN and name not in shown:
            shown[name] = _values(column, rows)
    shown["id"] = [text(part.common.id, row) for row in rows.tolist()]
    return [
        {name: value for name, value in zip(shown, row, strict=True) if value is not None}
        for row in zip(*shown.values(), strict=True)
    ]


def _kind(part: Part) -> str:
    return type(part.columns).__name__.lower()


def _values(column: Any, rows: NDArray[np.intp]) -> list[Any]:
    if isinstance(column, Strings):
        return [text(column, row) for row in rows.tolist()] if (column.length[rows] >= 0).any() else [None] * len(rows)
    values = column[rows].tolist()
    if column.dtype.kind != "f":
        return [value if value >= 0 else None for value in values]
    return [None if math.isnan(v) else int(v) if v.is_integer() and abs(v) < 2**53 else v for v in values]
