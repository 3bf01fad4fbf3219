"""Native events as JSON: one object a line; as a message also an array of objects, or one object over many lines."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from pipeline.errors import RejectedError
from pipeline.formats import KEPT_BYTES, LINE_BYTES, Decoded, Rejected, _fields, too_long
from pipeline.formats._documents import lay_flat, one_object
from pipeline.formats._rows import Rows
from pipeline.registry import read_entry

TITLE: Final = "native events as JSON"
SUFFIXES: Final = (".ndjson", ".jsonl", ".json")

SPACE: Final = b" \t\r"
SPACED_COLON: Final = re.compile(rb'"[ \t\r]+:')


def decode(data: bytes | memoryview, source: int, position: int) -> Decoded:
    """A message: an object, an array of objects, or lines of objects. The n-th line or element has position + n.

    >>> decoded = decode(b'[{"agent": "lab/a", "ts": 12.5, "command": "ls"}, {"agent": "lab/b"}]', 0, 7)
    >>> len(decoded.batch), decoded.registry
    (1, [{'agent': 'lab/b'}])
    """
    message = bytes(data)
    if message.lstrip()[:1] == b"[" or one_object(message):
        message = lay_flat(message)
    return read_lines(message, source, position)


def decode_lines(data: NDArray[np.uint8], size: int, source: int, position: int) -> Decoded:
    """Lines of objects, data[:size]; the n-th line, blank ones counted, has position + n."""
    return read_lines(data[:size].tobytes(), source, position)


def read_lines(data: bytes, source: int, position: int) -> Decoded:
    """The slow lane, which is the truth: a general JSON library, then every check in Python.

    >>> decoded = read_lines(b'{"agent": "lab/a", "ts": 12.5, "command": "ls"}\\nrubbish', 0, 1)
    >>> len(decoded.batch), decoded.rejected[0].position, decoded.rejected[0].reason[:22]
    (1, 2, 'expected a JSON object')
    """
    rows = Rows(source)
    registry: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for at, whole in enumerate(lines, position):
        line = whole.strip(SPACE)
        if len(whole) > LINE_BYTES:
            rejected.append(Rejected(source, at, too_long(len(whole)), whole[:KEPT_BYTES]))
        elif line:
            parts = lay_flat(line).split(b"\n") if line[:1] == b"[" and is_array(line) else [line]
            for part in filter(bytes.strip, parts):
                read_line(part, at, rows, registry, rejected)
    return Decoded(rows.batch(), registry, rejected, len(lines))


def read_line(
    line: bytes, position: int, rows: Rows, registry: list[dict[str, Any]], rejected: list[Rejected]
) -> None:
    """One object goes where it belongs."""
    try:
        row = read_object(line)
        kind = _fields.kind_of(row)
        if kind is None:
            read_entry(row)
            registry.append({field: row[field] for field in row if field in _fields.REGISTRY_FIELDS - {"kind"}})
        else:
            rows.add(position, row, kind)
    except RejectedError as error:
        rejected.append(Rejected(rows.source, position, str(error), line[:KEPT_BYTES]))


def read_object(line: bytes) -> dict[str, Any]:
    """A line as a dict; RejectedError where it is no JSON, no object, or names a field twice."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RejectedError(f"expected a JSON object, got {error.msg} at byte {error.pos}") from None
    if type(row) is not dict:
        raise RejectedError(f"expected a JSON object, got {_fields.shown(row) if row is not None else 'null'}")
    if line.count(b'":') != len(row) or SPACED_COLON.search(line):
        once_each(line)
    return row


def once_each(line: bytes) -> None:
    """Refuse an object that names a field twice: readers differ on which of the two counts."""
    seen: set[str] = set()
    try:
        pairs = json.loads(line, object_pairs_hook=lambda pairs: pairs)
    except RecursionError:
        raise RejectedError("expected a flat JSON object, got one nested too deep") from None
    for field, _ in pairs:
        if field in seen:
            raise RejectedError(f"expected every field once, got {_fields.shown(field)} twice")
        seen.add(field)


def is_array(line: bytes) -> bool:
    """Whether a line is a JSON array by itself."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True

