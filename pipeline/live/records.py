"""Kafka's record batches -> columns, without an object for each record.

A fetch brings record batches as they lie in the broker's log (message format v2, KIP-98):

    ┌ header, 61 bytes ─────────────────────────────┬ records, perhaps compressed ┐
    │ first offset  length  magic  crc  attributes  │ length attributes time offset key value headers │ ...
    └───────────────────────────────────────────────┴─────────────────────────────┘
                                                      all numbers as zigzag varints; time and offset from the header's

The values come to lie side by side with a line end behind each, as the reader of lines wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from aiokafka import codec
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from pipeline.errors import AgentRiskError
from pipeline.events.strings import Strings, pack, raw, take
from pipeline.formats import ROOM
from pipeline.kernels.checksum import QUICK, crc32c
from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.wide import Whole

HEADER: Final = 61
"""Bytes before a batch's records."""
LOG_HEADER: Final = 12
"""Bytes of the first offset and the length, which the length does not count."""
MAGIC: Final = 16
CRC: Final = 17
CHECKED: Final = 21
"""Where the part begins that the checksum is of."""
LEAST: Final = 7
"""Bytes of the shortest record."""
NEWLINE: Final = 10

COMPRESSION: Final = 0x07
APPEND_TIME: Final = 0x08
CONTROL: Final = 0x20
DECODERS: Final = {1: codec.gzip_decode, 2: codec.snappy_decode, 3: codec.lz4_decode, 4: codec.zstd_decode}

BEGIN, END, BASE, FIRST_TIME, LAST_TIME, ATTRIBUTES, COUNT, NEXT, SUM, COLUMNS = range(10)
"""Columns of a table of batches: where its records lie, what its header says, and the offset behind it."""


class CorruptRecordsError(AgentRiskError):
    """What was fetched is not what a broker writes."""


@dataclass(frozen=True)
class Fetched:
    """What one fetch brought of a partition, as it came.

    data     the record batches
    batches  int64[batches, COLUMNS]
    first    records before this offset are not wanted: a batch comes whole
    """

    data: bytes
    batches: NDArray[np.int64]
    first: int

    @property
    def next_offset(self) -> int:
        """The offset behind the last batch."""
        return int(self.batches[-1, NEXT])

    @property
    def last_time(self) -> int:
        """When the last record came, ms."""
        return int(self.batches[-1, LAST_TIME])

    @property
    def records(self) -> int:
        """How many records there are at most."""
        return int(self.batches[(self.batches[:, ATTRIBUTES] & CONTROL) == 0, COUNT].sum())


class Records(NamedTuple):
    """Records as columns; strings of length -1 are absent.

    offset  int64[records]
    time    int64[records], ms: when each came, as Kafka says
    key     its bytes
    value   its bytes; `value.data` holds them in order, a line end behind each, then ROOM bytes
    size    bytes of the values and their line ends
    """

    offset: NDArray[np.int64]
    time: NDArray[np.int64]
    key: Strings
    value: Strings
    size: int

    def __len__(self) -> int:
        return len(self.offset)


def fetched(data: bytes, first: int) -> Fetched | None:
    """The batches of a fetch that began at offset `first`; one cut off at the end is left out. None where there is
    none, or one in an older format."""
    table = np.empty((len(data) // HEADER + 1, COLUMNS), np.int64)
    count = find_batches(np.frombuffer(data, np.uint8), table)
    return Fetched(data, table[:count].copy(), first) if count > 0 else None


@inlined
def big_endian(data: NDArray[np.uint8], at: Whole, size: int) -> Whole:
    """A signed whole number of `size` bytes, the highest first."""
    value = np.int64(data[at])
    if value >= 128:
        value -= 256
    for i in range(1, size):
        value = (value << 8) | np.int64(data[at + i])
    return value


@kernel
def find_batches(data: NDArray[np.uint8], table: NDArray[np.int64]) -> int:
    """Fill a row for each whole batch; how many, or -1 where one is not in format v2."""
    found, size = 0, len(data)
    at: Whole = 0
    while at + HEADER <= size:
        length = big_endian(data, at + 8, 4)
        end = at + LOG_HEADER + length
        if data[at + MAGIC] != 2:
            return -1
        if length < HEADER - LOG_HEADER or end > size:
            break
        row = table[found]
        row[BEGIN], row[END] = at + HEADER, end
        row[BASE] = big_endian(data, at, 8)
        row[SUM] = big_endian(data, at + CRC, 4) & 0xFFFFFFFF
        row[ATTRIBUTES] = big_endian(data, at + 21, 2)
        row[NEXT] = row[BASE] + big_endian(data, at + 23, 4) + 1
        row[FIRST_TIME] = big_endian(data, at + 27, 8)
        row[LAST_TIME] = big_endian(data, at + 35, 8)
        row[COUNT] = big_endian(data, at + 57, 4)
        found += 1
        at = end
    return found


def read(found: Fetched | Sequence[Any], first: int = 0, until: int | None = None) -> Records:
    """The records of a fetch, or of a client's list of records: from offset `first` on, to before `until`.

    CorruptRecordsError where a checksum or a length is wrong.
    """
    if not isinstance(found, Fetched):
        return columns([r for r in found if r.offset >= first and (until is None or r.offset < until)])
    first = max(first, found.first)
    batches = found.batches[found.batches[:, NEXT] > first]
    if (bad := wrong_checksum(found.data, batches)) >= 0:
        base, known = batches[bad, BASE], batches[bad, SUM]
        raise CorruptRecordsError(f"expected the batch at offset {base} to have checksum {known:#x}, got another")
    batches = batches[(batches[:, ATTRIBUTES] & CONTROL) == 0]
    data, batches = unpacked(found.data, batches)
    sizes = batches[:, END] - batches[:, BEGIN]
    wrong = np.flatnonzero((batches[:, COUNT] < 0) | (batches[:, COUNT] * LEAST > sizes))
    if len(wrong):
        raise corrupt(batches[wrong[0]])
    count, room = int(batches[:, COUNT].sum()), int(sizes.sum())
    offset, time = np.empty(count, np.int64), np.empty(count, np.int64)
    key = Strings(np.empty(room, np.uint8), np.empty(count, np.int64), np.empty(count, np.int32))
    value = Strings(np.empty(room + count + ROOM, np.uint8), np.empty(count, np.int64), np.empty(count, np.int32))
    taken, size, bad = lay_out(data, batches, first, offset, time, key, value)
    if bad >= 0:
        raise corrupt(batches[bad])
    if until is not None and taken and offset[taken - 1] >= until:
        taken = int(np.searchsorted(offset[:taken], until))
        size = value.offset[taken]
    value.data[size : size + ROOM] = 0
    return Records(
        offset[:taken],
        time[:taken],
        Strings(key.data, key.offset[:taken], key.length[:taken]),
        Strings(value.data[: size + ROOM], value.offset[:taken], value.length[:taken]),
        int(size),
    )


def wrong_checksum(data: bytes, batches: NDArray[np.int64]) -> int:
    """The number of the first batch whose checksum is not that of its bytes; -1 where there is none."""
    if QUICK:
        return check_sums(np.frombuffer(data, np.uint8), batches)
    view = memoryview(data)
    for i, (begin, end, known) in enumerate(batches[:, (BEGIN, END, SUM)].tolist()):
        if calc_crc32c(view[begin - HEADER + CHECKED : end]) != known:
            return i
    return -1


@kernel
def check_sums(data: NDArray[np.uint8], batches: NDArray[np.int64]) -> int:
    """As `wrong_checksum` says."""
    for i in range(len(batches)):
        begin, end = batches[i, BEGIN] - HEADER + CHECKED, batches[i, END]
        if crc32c(data, begin, end) != batches[i, SUM]:
            return i
    return -1


def corrupt(batch: NDArray[np.int64]) -> CorruptRecordsError:
    """What to say of a batch that does not hold the records that it says."""
    return CorruptRecordsError(f"expected {batch[COUNT]} records in the batch at offset {batch[BASE]}, got other bytes")


def unpacked(data: bytes, batches: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bytes and table with every compressed batch unpacked; the same ones where none is."""
    kinds = batches[:, ATTRIBUTES] & COMPRESSION
    if not kinds.any():
        return np.frombuffer(data, np.uint8), batches
    batches, pieces, at = batches.copy(), [], 0
    for row, kind in zip(batches, kinds.tolist(), strict=True):
        piece: bytes = data[row[BEGIN] : row[END]]
        if kind:
            decode = DECODERS.get(kind)
            if decode is None:
                raise CorruptRecordsError(f"expected compression 0 to 4 at offset {row[BASE]}, got {kind}")
            try:
                piece = bytes(decode(piece))
            except Exception as error:
                raise CorruptRecordsError(f"batch at offset {row[BASE]} cannot be unpacked: {error}") from None
        pieces.append(piece)
        row[BEGIN], row[END] = at, at + len(piece)
        at += len(piece)
    return np.frombuffer(b"".join(pieces), np.uint8), batches


@inlined
def varint(data: NDArray[np.uint8], at: Whole, end: Whole) -> tuple[Whole, Whole]:
    """A zigzag varint at `at` and where the next byte is; -1 for that where it does not end before `end`."""
    bits, shift = np.uint64(0), np.uint64(0)
    while at < end and shift < np.uint64(64):
        byte = data[at]
        at += 1
        bits |= np.uint64(byte & 127) << shift
        if byte < 128:
            return np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1)), at
        shift += np.uint64(7)
    return 0, -1


@inlined
def behind_headers(data: NDArray[np.uint8], at: Whole, end: Whole) -> Whole:
    """Where a record's headers end that begin at `at`; -1 where that is not before `end`."""
    count, at = varint(data, at, end)
    if count < 0:
        return -1
    for _ in range(count):
        for least in range(2):
            size, at = varint(data, at, end)
            if at < 0 or size > end - at or (size < 0 and not least):
                return -1
            at += max(size, 0)
    return at


@inlined
def copy(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
    """Every byte of the source to the beginning of the target."""
    for i in range(len(source)):
        target[i] = source[i]


@kernel
def lay_out(
    data: NDArray[np.uint8],
    batches: NDArray[np.int64],
    first: int,
    offset: NDArray[np.int64],
    time: NDArray[np.int64],
    key: Strings,
    value: Strings,
) -> tuple[int, Whole, int]:
    """Fill the columns; how many records were wanted, how many bytes their values take, and the number of the first
    batch that does not hold what it says, or -1."""
    taken = 0
    keys: Whole = 0
    size: Whole = 0
    for b in range(len(batches)):
        batch = batches[b]
        at, end = batch[BEGIN], batch[END]
        for _ in range(batch[COUNT]):
            length, at = varint(data, at, end)
            if at < 0 or length < 1 or length > end - at:
                return taken, size, b
            stop = at + length
            later, at = varint(data, at + 1, stop)
            if at < 0:
                return taken, size, b
            further, at = varint(data, at, stop)
            if at < 0:
                return taken, size, b
            key_size, at = varint(data, at, stop)
            if at < 0 or key_size > stop - at:
                return taken, size, b
            key_at = at
            at += max(key_size, 0)
            value_size, at = varint(data, at, stop)
            if at < 0 or value_size > stop - at:
                return taken, size, b
            if behind_headers(data, at + max(value_size, 0), stop) != stop:
                return taken, size, b
            if batch[BASE] + further >= first:
                first = batch[BASE] + further + 1
                offset[taken] = first - 1
                time[taken] = batch[LAST_TIME] if batch[ATTRIBUTES] & APPEND_TIME else batch[FIRST_TIME] + later
                key.offset[taken], key.length[taken] = keys, max(key_size, -1)
                copy(data[key_at : key_at + max(key_size, 0)], key.data[keys:])
                keys += max(key_size, 0)
                value.offset[taken], value.length[taken] = size, max(value_size, -1)
                copy(data[at : at + max(value_size, 0)], value.data[size:])
                size += max(value_size, 0)
                value.data[size] = NEWLINE
                size += 1
                taken += 1
            at = stop
        if at != end:
            return taken, size, b
    return taken, size, -1


def columns(records: Sequence[Any]) -> Records:
    """Records as a client gives them, each with offset, timestamp, key and value, as columns.

    >>> from collections import namedtuple
    >>> Record = namedtuple("Record", "offset timestamp key value")
    >>> got = columns([Record(7, 0, b"a", b"{}"), Record(9, 0, b"b", None)])
    >>> got.value.data[: got.size].tobytes(), got.value.length.tolist()
    (b'{}\\n\\n', [2, -1])
    """
    offset = np.array([record.offset for record in records], np.int64)
    time = np.array([record.timestamp or 0 for record in records], np.int64)
    return Records(offset, time, pack(record.key for record in records), *side_by_side([r.value for r in records]))


def only(records: Records, rows: NDArray[np.int64]) -> Records:
    """Some of the records."""
    values = [raw(records.value, row) for row in rows.tolist()]
    return Records(records.offset[rows], records.time[rows], take(records.key, rows), *side_by_side(values))


def side_by_side(values: Sequence[bytes | None]) -> tuple[Strings, int]:
    """Values as Records holds them, and the bytes of them and their line ends."""
    laid = pack([*((value or b"") + b"\n" for value in values), bytes(ROOM)])
    length = np.array([-1 if value is None else len(value) for value in values], np.int32)
    return Strings(laid.data, laid.offset[:-1], length), int(laid.offset[-1])


def warm() -> None:
    """Have the kernels compiled."""
    table = np.zeros((0, COLUMNS), np.int64)
    find_batches(np.frombuffer(b"", np.uint8), np.empty((1, COLUMNS), np.int64))
    read(Fetched(b"", table, 0))
