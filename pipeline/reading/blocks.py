"""A stream of bytes as blocks of whole lines, in bounded memory whatever the lines are.

          block                  block                 a line of 100 MB
    |line line line li|ne line line line li|ne  ....  -> its first bytes and its length, nothing more

A block's buffer belongs to whoever takes it; the piece of a line at its end is copied to the front of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RejectedError
from pipeline.formats import KEPT_BYTES, LINE_BYTES, ROOM
from pipeline.reading.unpacking import Stream

NEWLINE: Final = b"\n"
LOOK: Final = 1 << 16
UTF8_MARK: Final = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines: data[:size]; the ROOM bytes and more behind them are free."""

    data: NDArray[np.uint8]
    size: int


class LongLine(NamedTuple):
    """A line that was too long to be kept: its first bytes and how long it was."""

    raw: bytes
    size: int


class Break(NamedTuple):
    """The stream ended before its time: why."""

    reason: str


def blocks(stream: Stream, block_bytes: Callable[[], int]) -> Iterator[Block | LongLine | Break]:
    """Cut a stream at line ends into blocks of about `block_bytes()`; the last line may lack its end.

    >>> import io
    >>> from pipeline.reading.unpacking import Plain
    >>> for block in blocks(Plain(io.BytesIO(b"one\\ntwo\\nthree")), lambda: 10):
    ...     print(block.data[: block.size].tobytes())
    b'one\\ntwo\\n'
    b'three'
    """
    rest = b""
    first = True
    ended: Break | bool = False
    while not ended:
        data = np.empty(len(rest) + max(block_bytes(), len(UTF8_MARK)) + ROOM, np.uint8)
        view = data.data
        view[: len(rest)] = rest
        filled = len(rest)
        while filled < len(data) - ROOM:
            try:
                got = stream.fill(view[filled : len(data) - ROOM])
            except (RejectedError, OSError) as error:
                ended = Break(str(error))
                break
            if got == 0:
                ended = True
                break
            filled += got
        if first and filled >= len(UTF8_MARK) and bytes(view[: len(UTF8_MARK)]) == UTF8_MARK:
            view[: len(UTF8_MARK)] = b" " * len(UTF8_MARK)
        first = False
        cut = filled if ended else last_line_end(view[:filled])
        rest = bytes(view[cut:filled])
        if cut:
            yield Block(data, cut)
        if len(rest) > LINE_BYTES:
            long, rest, ended = skip_line(stream, rest)
            yield long
    if isinstance(ended, Break):
        yield ended


def last_line_end(view: memoryview) -> int:
    """Where the last whole line ends; 0 where there is none."""
    end = len(view)
    while end > 0:
        start = max(0, end - LOOK)
        found = bytes(view[start:end]).rfind(NEWLINE)
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def skip_line(stream: Stream, begun: bytes) -> tuple[LongLine, bytes, Break | bool]:
    """Read on to the end of a line that is too long; what follows it, and whether the stream ended."""
    size = len(begun)
    room = memoryview(bytearray(LOOK))
    while True:
        try:
            got = stream.fill(room)
        except (RejectedError, OSError) as error:
            return LongLine(begun[:KEPT_BYTES], size), b"", Break(str(error))
        if got == 0:
            return LongLine(begun[:KEPT_BYTES], size), b"", True
        piece = bytes(room[:got])
        found = piece.find(NEWLINE)
        if found >= 0:
            return LongLine(begun[:KEPT_BYTES], size + found), piece[found + 1 :], False
        size += got
