"""Native events as JSON: one object a line; as a message also an array of objects, or one object over many lines."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import numba
import numpy as np
import orjson
from numpy.typing import NDArray

from pipeline.errors import RejectedError
from pipeline.events.together import interleave, positions_of
from pipeline.formats import KEPT_BYTES, LINE_BYTES, ROOM, Decoded, Rejected, _fields, too_long
from pipeline.formats._documents import is_document, lay_flat
from pipeline.formats._fast import read_lines
from pipeline.formats._plain import read_plain
from pipeline.formats._rows import Rows
from pipeline.kernels.compiled import FOLDER
from pipeline.registry import read_entry

TITLE: Final = "native events as JSON"
SUFFIXES: Final = (".ndjson", ".jsonl", ".json")

SPACE: Final = b" \t\r"
WORTH_IT: Final = 1 << 13
"""Bytes from which on the fast lane is quicker: to lay out its columns costs as much as some lines of the slow one."""

PATIENCE: Final = 64 << 20
"""Bytes that the slow lane reads in about the time that the fast one takes to be compiled (measured: 16 MB/s, 4 s)."""

SPACED_COLON: Final = re.compile(rb'"[ \t\r]+:')


def decode(data: bytes | memoryview, source: int, position: int) -> Decoded:
    """A message: an object, an array of objects, or lines of objects. The n-th line or element has position + n.

    >>> decoded = decode(b'[{"agent": "lab/a", "ts": 12.5, "command": "ls"}, {"agent": "lab/b"}]', 0, 7)
    >>> len(decoded.batch), decoded.registry
    (1, [{'agent': 'lab/b'}])
    """
    message = bytes(data)
    if is_document(message):
        message = lay_flat(message)
    buffer = np.empty(len(message) + ROOM, np.uint8)
    buffer[: len(message)] = np.frombuffer(message, np.uint8)
    return decode_lines(buffer, len(message), source, position)


def decode_lines(data: NDArray[np.uint8], size: int, source: int, position: int) -> Decoded:
    """Lines of objects, data[:size], by the lane that is quicker; the n-th, blank ones counted, has position + n."""
    if size >= WORTH_IT and FAST_LANE.open_for(size):
        return decode_fast(data, size, source, position)
    return decode_slowly(data[:size].tobytes(), source, position)


def warm() -> None:
    """Have the fast lane's kernel ready: read from disk, or compiled, which takes some seconds."""
    if not numba.config.DISABLE_JIT:
        line = b'{"agent":"a","ts":1,"gpu":0}'
        decode_fast(np.frombuffer(bytearray(line + bytes(ROOM)), np.uint8), len(line), 0, 0)


class FastLane:
    """Whether the fast lane is quicker by now; what comes out is the same.

    Where its kernel lies compiled on disk, it is at once. Otherwise compiling it takes as long as the slow lane takes
    for PATIENCE bytes, so that many go there first.
    """

    def __init__(self) -> None:
        self.waited = 0

    def open_for(self, size: int) -> bool:
        """Whether to take it for so many bytes."""
        if numba.config.DISABLE_JIT:
            return False
        if self.waited < PATIENCE:
            self.waited = PATIENCE if on_disk() or is_compiled(read_lines) else self.waited + size
        return self.waited >= PATIENCE


FAST_LANE: Final = FastLane()


def is_compiled(kernel: Any) -> bool:
    """Whether a kernel is compiled in this process."""
    return bool(kernel.signatures)


def on_disk() -> bool:
    """Whether the kernel of the fast lane lies compiled on disk."""
    return FOLDER is not None and any(FOLDER.glob(f"*/*.{read_lines.__name__}-*.nbi"))


def decode_fast(data: NDArray[np.uint8], size: int, source: int, position: int) -> Decoded:
    """The fast lane, and line by line the slow lane for what it hands on; the events come in the order of the lines."""
    read = read_plain(data, size, source, position)
    if not len(read.handed):
        return Decoded(read.batch, [], [], read.lines)
    slow = Slow(source)
    for start, end, line in read.handed.tolist():
        slow.read(data[start:end].tobytes(), position + line)
    rest = slow.rows.batch()
    batch = interleave([read.batch, rest], [positions_of(read.batch), positions_of(rest)])
    return Decoded(batch, slow.registry, slow.rejected, read.lines)


def decode_slowly(data: bytes, source: int, position: int) -> Decoded:
    """The slow lane, which is the truth: a general JSON library, then every check in Python.

    >>> decoded = decode_slowly(b'{"agent": "lab/a", "ts": 12.5, "command": "ls"}\\nrubbish', 0, 1)
    >>> len(decoded.batch), decoded.rejected[0].position, decoded.rejected[0].reason[:22]
    (1, 2, 'expected a JSON object')
    """
    slow = Slow(source)
    lines = slow.read(data, position)
    return Decoded(slow.rows.batch(), slow.registry, slow.rejected, lines)


class Slow:
    """What the slow lane has read so far."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.rows = Rows(source)
        self.registry: list[dict[str, Any]] = []
        self.rejected: list[Rejected] = []

    def read(self, data: bytes, position: int) -> int:
        """Read lines; how many there were."""
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for at, whole in enumerate(lines, position):
            line = whole.strip(SPACE)
            if len(whole) > LINE_BYTES:
                self.reject(at, too_long(len(whole)), whole)
            elif line[:1] == b"[" and is_array(line):
                for part in filter(bytes.strip, lay_flat(line).split(b"\n")):
                    self.read_object(part, at)
            elif line:
                self.read_object(line, at)
        return len(lines)

    def read_object(self, line: bytes, position: int) -> None:
        """One object goes where it belongs."""
        try:
            row = read_object(line)
            kind = _fields.kind_of(row)
            if kind is None:
                read_entry(row)
                self.registry.append({field: row[field] for field in row if field in _fields.ENTRY_FIELDS})
            else:
                self.rows.add(position, row, kind)
        except RejectedError as error:
            self.reject(position, str(error), line)

    def reject(self, position: int, reason: str, raw: bytes) -> None:
        """Keep what cannot be read."""
        self.rejected.append(Rejected(self.source, position, reason, raw[:KEPT_BYTES]))


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

