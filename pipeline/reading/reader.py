"""One source's bytes as batches, block by block: opened when first asked, closed when done."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path
from types import ModuleType
from typing import Annotated, cast

import msgspec
import numpy as np

from pipeline.formats import Decoded, Rejected, too_long
from pipeline.formats._documents import flatten, fresh
from pipeline.formats._rows import Rows
from pipeline.reading.blocks import Block, Break, LongLine, blocks
from pipeline.reading.unpacking import MAGIC, PACKINGS, Stream


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How inputs are read; nothing here changes a result."""

    block_bytes: Annotated[
        int, msgspec.Meta(ge=1, description="bytes of one block: so many that the work per block does not count")
    ] = 4 << 20
    open_bytes: Annotated[
        int, msgspec.Meta(ge=1, description="bytes of the blocks of all open files together: many get smaller ones")
    ] = 256 << 20
    least_bytes: Annotated[
        int, msgspec.Meta(ge=1, description="bytes of one block at least, however many files are open")
    ] = 64 << 10
    batch_rows: Annotated[
        int, msgspec.Meta(ge=1, description="rows of one batch at most, of files that are not lines")
    ] = 65536


@dataclass(slots=True)
class Source:
    """One input.

    index     its number: `source` of its rows
    name      as the command line or the folder names it
    path      None for standard input
    format    the module of pipeline.formats that reads it
    packing   "", ".gz" or ".zst"
    document  whether it is JSON that is not one object a line, and is to be laid flat
    begins    int64 µs, the time of its first row where that is known already: no row of it sorts before
    size      its bytes; None where that cannot be known
    rows      its rows, where its format knows
    """

    index: int
    name: str
    path: Path | None
    format: ModuleType
    packing: str = ""
    document: bool = False
    begins: int | None = None
    size: int | None = None
    rows: int | None = None


@dataclass(slots=True)
class Shares:
    """How large a block may be, so that all open files together keep to a bound."""

    settings: Settings = field(default_factory=Settings)
    open: int = 0

    def block_bytes(self) -> int:
        """Bytes of the next block of any open file."""
        share = self.settings.open_bytes // max(1, self.open)
        return min(self.settings.block_bytes, max(self.settings.least_bytes, share))


class LaidFlat:
    """A stream of JSON that is not one object a line, laid flat (pipeline.formats._documents)."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.state = fresh()

    @property
    def taken(self) -> int:
        """Bytes of the file that were used so far."""
        return self.stream.taken

    def fill(self, room: memoryview) -> int:
        """The next bytes, laid flat."""
        got = self.stream.fill(room)
        flatten(np.frombuffer(room[:got], np.uint8), self.state)
        return got


def told_by_head(head: bytes) -> tuple[str, bool]:
    """How a stream without a name is packed, and whether it is a JSON array, by its first bytes.

    >>> told_by_head(bytes.fromhex("1f8b08")), told_by_head(b" [{}]")
    (('.gz', False), ('', True))
    """
    packing = next((packing for packing, magic in MAGIC.items() if head.startswith(magic)), "")
    return packing, head.lstrip()[:1] == b"["


class Reader:
    """The rows of one source, in its order."""

    def __init__(self, source: Source, shares: Shares) -> None:
        self.source = source
        self.shares = shares
        self.stream: Stream | None = None
        self.done = 0

    @property
    def taken(self) -> int:
        """Bytes of the file that were used so far."""
        return self.stream.taken if self.stream is not None else self.done

    def __iter__(self) -> Iterator[Decoded]:
        self.shares.open += 1
        try:
            if not hasattr(self.source.format, "decode_lines"):
                yield from self._whole()
            else:
                with self._opened() as file:
                    yield from self._lines(file)
        except OSError as error:
            yield self._refused(0, f"expected a file that can be read, got {error.strerror or error}", b"", 0)
        finally:
            self.shares.open -= 1
            self.done = self.taken
            self.stream = None

    def _whole(self) -> Iterator[Decoded]:
        assert self.source.path is not None
        done = 0
        for decoded in self.source.format.read(self.source.path, self.source.index, self.shares.settings.batch_rows):
            done += decoded.lines
            self.done = (self.source.size or 0) * done // max(1, self.source.rows or 0)
            yield decoded

    def _opened(self) -> AbstractContextManager[BufferedReader]:
        """The source's bytes; of a small file all of them at once, so that thousands of files may be merged."""
        if self.source.path is None:
            return nullcontext(cast(BufferedReader, sys.stdin.buffer))
        if self.source.size is not None and self.source.size <= self.shares.block_bytes():
            return BufferedReader(BytesIO(self.source.path.read_bytes()))
        return open(self.source.path, "rb")

    def _pieces(self, file: BufferedReader) -> Iterator[Block | LongLine | Break]:
        """The source's lines in blocks, unpacked, and laid flat where they are a document."""
        packing, document = self.source.packing, self.source.document
        if self.source.size is None:
            packing, document = told_by_head(file.peek(1))
        self.stream = PACKINGS[packing](file)
        return blocks(LaidFlat(self.stream) if document else self.stream, self.shares.block_bytes)

    def _lines(self, file: BufferedReader) -> Iterator[Decoded]:
        position = 1
        for piece in self._pieces(file):
            if isinstance(piece, Block):
                decoded = self.source.format.decode_lines(piece.data, piece.size, self.source.index, position)
            elif isinstance(piece, LongLine):
                decoded = self._refused(position, too_long(piece.size), piece.raw, 1)
            else:
                decoded = self._refused(position, piece.reason, b"", 0)
            position += decoded.lines
            yield decoded

    def _refused(self, position: int, reason: str, raw: bytes, lines: int) -> Decoded:
        rejected = Rejected(self.source.index, position, reason, raw)
        return Decoded(Rows(self.source.index).batch(), [], [rejected], lines)
