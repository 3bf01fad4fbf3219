"""Checked rows one after another, laid out as the columns of a batch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.batch import Batch, Part
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.strings import pack
from pipeline.formats import _fields
from pipeline.kernels.hashing import hash_strings, hash_tuples

KINDS: Final = (Flow, Gpu, Command)
STRINGS: Final = (
    frozenset({"service", "host"}),
    frozenset({"gpu_name", "model"}),
    frozenset(Command._fields) - {"exit_code"},
)
TYPES: Final[dict[str, type[np.generic]]] = {
    **dict.fromkeys(("src_hi", "src_lo", "dst_hi", "dst_lo"), np.uint64),
    **dict.fromkeys(("src_port", "dst_port", "bursts", "bursts_dst_first"), np.int32),
    **dict.fromkeys(("proto", "direction", "outcome", "final"), np.uint8),
    "duration": np.int64,
}
"""The type of each column that is neither a string nor a float64."""


class Rows:
    """Rows of any kind in their order, until they become a batch.

    >>> rows = Rows(source=0)
    >>> rows.add(1, {"agent": "lab/a", "ts": 12.5, "command": "ls"}, codes.COMMAND)
    >>> len(rows.batch())
    1
    """

    def __init__(self, source: int) -> None:
        self.source = source
        self.order: list[int] = []
        self.positions: tuple[list[int], list[int], list[int]] = ([], [], [])
        self.common: tuple[list[_fields.CommonRow], ...] = ([], [], [])
        self.columns: tuple[list[tuple[Any, ...]], ...] = ([], [], [])

    def add(self, position: int, row: _fields.Row, kind: int) -> None:
        """Check a row and take it in; RejectedError says what is wrong with it, and then nothing is taken in."""
        common = _fields.common(row)
        columns = _fields.READERS[kind](row)
        self.order.append(kind)
        self.positions[kind].append(position)
        self.common[kind].append(common)
        self.columns[kind].append(columns)

    def batch(self) -> Batch:
        """All rows that were taken in, in their order."""
        kind = np.array(self.order, np.uint8)
        row = np.empty(len(kind), np.int64)
        parts: list[Part | None] = [None, None, None]
        for k in range(len(codes.KINDS)):
            if self.columns[k]:
                mine = kind == k
                row[mine] = np.arange(np.count_nonzero(mine))
                parts[k] = Part(self._common(k), self._columns(k))
        return Batch((parts[0], parts[1], parts[2]), kind, row)

    def _common(self, kind: int) -> Common:
        ts, agent, ident, run, episode = zip(*self.common[kind], strict=True)
        return Common(
            np.array(ts, np.int64),
            np.full(len(ts), self.source, np.int32),
            np.array(self.positions[kind], np.int64),
            *(pack(column) for column in (agent, ident, run, episode)),
        )

    def _columns(self, kind: int) -> Flow | Gpu | Command:
        columns = dict(zip(KINDS[kind]._fields, zip(*self.columns[kind], strict=True), strict=True))
        made: dict[str, Any] = {}
        for field, values in columns.items():
            if field in STRINGS[kind]:
                made[field] = pack(values)
            elif field not in ("flow_id", "gpu"):
                made[field] = np.array(values, TYPES.get(field, np.float64))
        if kind == codes.FLOW:
            named = pack(columns["flow_id"])
            made["flow_id"] = five_tuples(made)
            hash_strings(named.data, named.offset, named.length, made["flow_id"])
        elif kind == codes.GPU:
            named = made["gpu_name"]
            made["gpu"] = np.zeros(len(named.length), np.uint64)
            hash_strings(named.data, named.offset, named.length, made["gpu"])
        return KINDS[kind](**made)


def five_tuples(columns: dict[str, Any]) -> NDArray[np.uint64]:
    """The hash of each flow's five-tuple."""
    out = np.zeros(len(columns["proto"]), np.uint64)
    hash_tuples(
        columns["src_hi"], columns["src_lo"], columns["dst_hi"], columns["dst_lo"],
        columns["src_port"], columns["dst_port"], columns["proto"], out,
    )  # fmt: skip
    return out
