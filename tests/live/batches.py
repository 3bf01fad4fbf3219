"""Record batches as a broker would keep them, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

LARGE = 1 << 20
CONTROL = 0x20
APPEND_TIME = 0x08
ATTRIBUTES = slice(21, 23)
CHECKSUM = slice(17, 21)


def packed(
    rows: Sequence[tuple[int, bytes | None, bytes | None]], compression: int = 0, base: int = 0, headers: bool = False
) -> bytearray:
    """A batch of records (time in ms, key, value); the offsets begin at `base`."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, LARGE)
    for i, (time, key, value) in enumerate(rows):
        assert builder.append(i, time, key, value, [("trace", b"7"), ("none", None)] if headers else []) is not None
    batch = bytearray(builder.build())
    batch[:8] = base.to_bytes(8, "big")
    return batch


def marked(batch: bytearray, flag: int) -> bytearray:
    """The batch with a flag more among its attributes, and its checksum right."""
    batch[ATTRIBUTES] = (int.from_bytes(batch[ATTRIBUTES], "big") | flag).to_bytes(2, "big")
    return resealed(batch)


def resealed(batch: bytearray) -> bytearray:
    """The batch with the checksum of what it holds."""
    batch[CHECKSUM] = calc_crc32c(bytes(batch[21:])).to_bytes(4, "big")
    return batch
