"""One row of a batch as the JSON object that the schema describes."""

from __future__ import annotations

import ipaddress
import math
from typing import Any

import numpy as np

from pipeline.events import codes
from pipeline.events.batch import Part
from pipeline.events.columns import Flow, Gpu
from pipeline.events.strings import Strings, text

PROTOS = {code: name for name, code in codes.PROTOS.items()}
DIRECTIONS = {code: name for name, code in codes.DIRECTIONS.items()}
OUTCOMES = {code: name for name, code in codes.OUTCOMES.items()}
NOT_SHOWN = ("src_hi", "src_lo", "dst_hi", "dst_lo", "flow_id", "gpu", "gpu_name", "duration")


def seconds(ts: int) -> float:
    """Microseconds as the schema's seconds."""
    return ts / 1e6


def address(high: int, low: int) -> str:
    """An address of two halves in its usual spelling.

    >>> address(0, 0xFFFF_0A00_0001)
    '10.0.0.1'
    """
    whole = ipaddress.IPv6Address((int(high) << 64) | int(low))
    return str(whole.ipv4_mapped or whole)


def event(part: Part, row: int) -> dict[str, Any]:
    """The fields of one event that were said, in the schema's words; the agent stands beside it, not in it."""
    columns = part.columns
    out: dict[str, Any] = {"kind": _kind(part), "ts": seconds(int(part.common.ts[row]))}
    if isinstance(columns, Flow):
        out["src_ip"] = address(columns.src_hi[row], columns.src_lo[row])
        out["dst_ip"] = address(columns.dst_hi[row], columns.dst_lo[row])
        out |= {
            "proto": PROTOS.get(int(columns.proto[row])),
            "direction": DIRECTIONS.get(int(columns.direction[row])),
            "outcome": OUTCOMES.get(int(columns.outcome[row])),
            "final": {codes.YES: True, codes.NO: False}.get(int(columns.final[row])),
            "duration": seconds(int(columns.duration[row])) if columns.duration[row] >= 0 else None,
        }
    if isinstance(columns, Gpu):
        out["gpu"] = text(columns.gpu_name, row)
    for name, column in columns._asdict().items():
        if name not in NOT_SHOWN and name not in out:
            out[name] = _value(column, row)
    out["id"] = text(part.common.id, row)
    return {name: value for name, value in out.items() if value is not None}


def _kind(part: Part) -> str:
    return type(part.columns).__name__.lower()


def _value(column: Strings | np.ndarray[Any, Any], row: int) -> str | int | float | None:
    if isinstance(column, Strings):
        return text(column, row)
    value = column[row].item()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return None if value < 0 else int(value)
