"""A stream is cut into whole lines whatever it is packed in, whatever the lines are, in bounded memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RejectedError
from pipeline.formats import KEPT_BYTES, LINE_BYTES, ROOM
from pipeline.reading.blocks import Block, Break, LongLine, blocks
from pipeline.reading.unpacking import Gzip, Plain, Stream, Zstd

MEBIBYTE = 1 << 20


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKED: dict[str, tuple[Callable[[bytes], bytes], type[Plain] | type[Gzip] | type[Zstd]]] = {
    "plain": (bytes, Plain),
    "gzip": (gzip.compress, Gzip),
    "zstd": (zstd, Zstd),
}


class Repeated(io.RawIOBase):
    """The same bytes again and again, so many in all."""

    def __init__(self, piece: bytes, size: int) -> None:
        self.piece, self.left = piece, size

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        count = min(len(room), self.left)
        room[:count] = (self.piece * (count // len(self.piece) + 1))[:count]
        self.left -= count
        return count


def unpack(stream: Stream) -> bytes:
    out = bytearray()
    room = memoryview(bytearray(100))
    while got := stream.fill(room):
        out += room[:got]
    return bytes(out)


def opened(data: bytes) -> BinaryIO:
    return io.BufferedReader(io.BytesIO(data))


def cut(stream: Stream, size: int) -> tuple[bytes, list[LongLine | Break]]:
    """The lines that came through, and what did not; each block checked on the way."""
    out, rest = bytearray(), []
    for piece in blocks(stream, lambda: size):
        if isinstance(piece, Block):
            assert len(piece.data) >= piece.size + ROOM
            assert piece.size > 0
            if out:
                assert out.endswith(b"\n")
            out += piece.data[: piece.size].tobytes()
        else:
            rest.append(piece)
    return bytes(out), rest


@pytest.mark.parametrize("packing", PACKED)
@given(st.lists(st.binary(max_size=30), max_size=20).map(b"\n".join), st.integers(1, 60))
def test_blocks_are_the_stream_cut_at_line_ends(packing: str, data: bytes, size: int) -> None:
    pack, reader = PACKED[packing]
    out, rest = cut(reader(opened(pack(data))), size)
    expected = b"   " + data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    assert (out, rest) == (expected, [])


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_several_members_or_frames_are_read_on(packing: str) -> None:
    pack, reader = PACKED[packing]
    assert unpack(reader(opened(pack(b"one\n") + pack(b"") + pack(b"two\n")))) == b"one\ntwo\n"


def test_zeros_may_follow_a_gzip_member_and_skippable_frames_are_skipped() -> None:
    assert (
        unpack(Gzip(opened(gzip.compress(b"one\n") + bytes(1000) + gzip.compress(b"two\n") + bytes(70000))))
        == b"one\ntwo\n"
    )
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
    assert unpack(Zstd(opened(skippable + zstd(b"one\n") + skippable + zstd(b"two\n")))) == b"one\ntwo\n"


@pytest.mark.parametrize("packing", PACKED)
def test_an_empty_file_is_an_empty_stream(packing: str) -> None:
    pack, reader = PACKED[packing]
    assert unpack(reader(opened(b""))) == unpack(reader(opened(pack(b"")))) == b""


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("cut_off", [1, 5, 0.5, 0.25])
def test_a_half_written_file_gives_what_can_be_read_and_says_where_it_breaks(packing: str, cut_off: float) -> None:
    pack, reader = PACKED[packing]
    text = b"".join(b"%d %d\n" % (i, i * i * 7919 % 10007) for i in range(100_000))
    packed = pack(text)
    kept = packed[: -int(cut_off)] if cut_off >= 1 else packed[: int(len(packed) * cut_off)]
    out, rest = cut(reader(opened(kept)), 10_000)
    assert text.startswith(out)
    assert len(out) > len(text) * 0.1
    (broken,) = rest
    assert isinstance(broken, Break)
    assert broken.reason.endswith(f"got the end of the file at byte {len(kept)}")


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_rubbish_behind_a_member_is_a_break_and_what_came_before_it_is_used(packing: str) -> None:
    pack, reader = PACKED[packing]
    packed = pack(b"one\ntwo\n")
    out, rest = cut(reader(opened(packed + b"rubbish" * 5)), 100)
    assert out == b"one\ntwo\n"
    (broken,) = rest
    assert isinstance(broken, Break)
    assert f"got something else from byte {len(packed)} on" in broken.reason


def test_a_file_that_is_not_what_its_name_says_breaks_at_once() -> None:
    for reader in (Gzip, Zstd):
        with pytest.raises(RejectedError, match="got something else from byte 0 on"):
            unpack(reader(opened(b'{"agent": "lab/a"}\n' * 10)))


@pytest.mark.parametrize("size", [1000, 64 << 10, 4 << 20])
@pytest.mark.parametrize("length", [LINE_BYTES + 1, 5 * MEBIBYTE])
def test_a_line_that_is_too_long_does_not_hide_its_neighbours(size: int, length: int) -> None:
    long = b"x" * length
    out, rest = cut(Plain(opened(b"before\n" + long + b"\nafter\n" + long)), size)
    lines = [(len(line), line[:KEPT_BYTES]) for line in out.split(b"\n") if line]
    lines += [(piece.size, piece.raw) for piece in rest if isinstance(piece, LongLine)]
    assert sorted(lines) == sorted(
        [(6, b"before"), (5, b"after"), (length, b"x" * KEPT_BYTES), (length, b"x" * KEPT_BYTES)]
    )


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_line_of_100_megabytes_is_not_held_in_memory() -> None:
    def read() -> None:
        source: Any = Repeated(b"x", 100 * MEBIBYTE)
        out, rest = cut(Plain(io.BufferedReader(source)), MEBIBYTE)
        assert out == b""
        assert rest == [LongLine(b"x" * KEPT_BYTES, 100 * MEBIBYTE)]

    assert peak_of(read) < 12 * MEBIBYTE


@pytest.mark.parametrize("reader", [Gzip, Zstd])
def test_a_bomb_is_read_in_bounded_memory(reader: type[Gzip] | type[Zstd]) -> None:
    size = 200 * MEBIBYTE
    pieces = (b"x" * 1023 + b"\n") * 1024
    if reader is Zstd:
        packer = zstandard.ZstdCompressor().compressobj()
        packed = b"".join(packer.compress(pieces) for _ in range(size // MEBIBYTE)) + packer.flush()
    else:
        packed = gzip.compress(pieces, 1) * (size // MEBIBYTE)

    def read() -> None:
        total = 0
        for piece in blocks(reader(opened(packed)), lambda: MEBIBYTE):
            assert isinstance(piece, Block)
            total += piece.size
        assert total == size

    assert peak_of(read) < 50 * MEBIBYTE
