"""One input format per file: what its files are called, and how bytes become a batch.

A format is a module of this folder with these names; a leading underscore keeps a neighbour from being taken for one.
Nothing else has to know of it.

    TITLE      a few words, as people read them: "native events as JSON"
    SUFFIXES   how its files' names end, lower case, before a .gz or .zst: (".ndjson", ".jsonl", ".json")

A format of lines has

    decode        (data: bytes | memoryview, source: int, position: int) -> Decoded
                  one whole message
    decode_lines  (data: uint8[], size: int, source: int, position: int) -> Decoded
                  data[:size] is a stretch of a file, cut at line ends; one line more or less in it changes no other
                  line's rows. The batch may keep `data` for its strings, change it, and use what is free behind
                  `size`: ROOM bytes or more

    warm          () -> None, where it has kernels: have them ready, so that the first message does not wait

and a format that needs the whole file

    count_rows    (path: Path) -> int
                  how many rows it holds; InputError where it cannot be opened as this format, before any work
    read          (path: Path, source: int, rows: int) -> Iterator[Decoded]
                  batches of at most `rows` rows, streamed

`source` is an index that the rim keeps and `position` that of the first line in it; both come back with every row. A
row that cannot be read never stops the others: it comes back as Rejected. Nothing here raises for what the bytes say.
Every array of a batch is writable and contiguous, so that kernels are compiled for one type each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.events.batch import Batch


class Rejected(NamedTuple):
    """What could not be read, and why.

    source, position  which input, and the line, row or offset in it
    reason            one sentence: expected, got, where
    raw               the first bytes of it as they came (KEPT_BYTES at most), commands and secrets included
    rows              how many rows are meant: more than one where a file is refused as a whole
    """

    source: int
    position: int
    reason: str
    raw: bytes
    rows: int = 1


class Decoded(NamedTuple):
    """What some bytes held.

    batch     the events, in the order in which they came
    registry  registry entries as decoded JSON objects, valid for pipeline.registry.read_entry
    rejected  what could not be read, in the order in which it came
    lines     how many lines (or rows) the bytes were, blank ones included: the next position is this much further
    """

    batch: Batch
    registry: list[dict[str, Any]]
    rejected: list[Rejected]
    lines: int


KEPT_BYTES = 2048
"""How much of a rejected line is kept: enough to see what it is, too little to fill a disk."""

ROOM = 64
"""How many bytes are free behind the lines in a buffer, so that kernels may look at many at once at the end."""

LINE_BYTES = 1 << 20
"""The longest line that is read; Kafka's own default for a message is the same megabyte."""


def too_long(size: int) -> str:
    """The sentence about a line that is too long."""
    return f"expected a line of at most {LINE_BYTES} bytes, got {size}"
