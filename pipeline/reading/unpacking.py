"""Bytes of files as they were before gzip or Zstandard packed them, streamed in bounded memory.

A packed file may hold several members (gzip) or frames (Zstandard) one after another; they are read on. Where it breaks
off, what could be read is given first, and RejectedError then says where it broke.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO, Final, Protocol

import zstandard

from pipeline.errors import RejectedError

TAKE_PLAIN: Final = 1 << 16
TAKE_ZSTD: Final = 1 << 10
"""Bytes fed to Zstandard at once. Four bytes can stand for 128 KiB there, so this is at most 32 MiB unpacked."""

WINDOW_MAX: Final = 1 << 27
"""The largest window (bytes) a frame may ask for: what `zstd --long` uses by default."""

GZIP: Final = 31
"""zlib's word for a gzip header and trailer around a window of 32 KiB."""


class Stream(Protocol):
    """A stream of bytes."""

    @property
    def taken(self) -> int:
        """Bytes of the file that were used so far."""

    def fill(self, room: memoryview) -> int:
        """Put the next bytes into `room`, as many as there are and fit; 0 at the end."""


class Plain:
    """A file as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.taken = 0

    def fill(self, room: memoryview) -> int:
        got = self.file.readinto(room)  # type: ignore[attr-defined]
        self.taken += got
        return int(got)


class Gzip:
    """Members of a gzip file, one after another; zeros may follow the last."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.taken = 0
        self.packed = b""
        self.member: zlib._Decompress | None = None
        self.doubt: int | None = None
        """Where it first failed, of what has been unpacked to nothing since."""

    def fill(self, room: memoryview) -> int:
        while True:
            if not self.packed:
                self.packed = self.file.read(TAKE_PLAIN)
                self.taken += len(self.packed)
            if self.member is None:
                self.packed = self.packed.lstrip(b"\0") if self.taken > len(self.packed) else self.packed
                if not self.packed:
                    if self.file.peek(1):  # type: ignore[attr-defined]
                        continue
                    return 0
                self.member = zlib.decompressobj(GZIP)
            elif not self.packed:
                raise RejectedError(f"expected the end of a gzip member, got the end of the file at byte {self.taken}")
            out = self._unpack(len(room))
            if out:
                room[: len(out)] = out
                return len(out)


    def _unpack(self, most: int) -> bytes:
        """The next bytes of the member. zlib drops what it unpacked before a fault, so there it is fed ever less."""
        assert self.member is not None
        fed = len(self.packed)
        while True:
            before = self.member.copy()
            try:
                out = self.member.decompress(self.packed[:fed], most)
                break
            except zlib.error as error:
                if self.doubt is None:
                    self.doubt = self.taken - len(self.packed)
                if fed == 1:
                    reason = f"expected gzip data, got something else from byte {self.doubt} on ({error})"
                    raise RejectedError(reason) from None
                fed //= 2
                self.member = before
        if out:
            self.doubt = None
        rest = self.packed[fed:]
        if self.member.eof:
            self.packed = self.member.unused_data + rest
            self.member = None
        else:
            self.packed = self.member.unconsumed_tail + rest
        return out


class Zstd:
    """Frames of a Zstandard file, one after another."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.taken = 0
        self.packed = b""
        self.unpacked = memoryview(b"")
        self.frame: zstandard.ZstdDecompressionObj | None = None
        self.unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)

    def fill(self, room: memoryview) -> int:
        while not self.unpacked:
            if not self.packed:
                self.packed = self.file.read(TAKE_ZSTD)
                self.taken += len(self.packed)
                if not self.packed:
                    if self.frame is None:
                        return 0
                    raise RejectedError(
                        f"expected the end of a Zstandard frame, got the end of the file at byte {self.taken}"
                    )
            if self.frame is None:
                self.frame = self.unpacker.decompressobj()
            try:
                self.unpacked = memoryview(self.frame.decompress(self.packed))
            except zstandard.ZstdError as error:
                at = self.taken - len(self.packed)
                reason = f"expected Zstandard data, got something else from byte {at} on ({error})"
                raise RejectedError(reason) from None
            self.packed = b""
            if self.frame.eof:
                self.packed = self.frame.unused_data
                self.frame = None
        count = min(len(room), len(self.unpacked))
        room[:count] = self.unpacked[:count]
        self.unpacked = self.unpacked[count:]
        return count


PACKINGS: Final[dict[str, type[Plain] | type[Gzip] | type[Zstd]]] = {"": Plain, ".gz": Gzip, ".zst": Zstd}
"""How a file's name ends, and what reads it."""

MAGIC: Final = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""How packed bytes begin (RFC 1952, RFC 8878)."""
