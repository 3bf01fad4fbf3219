"""The two lanes of the native format against each other, over millions of strange lines.

    python -m tests.long.fuzz_lanes --lines 1000000 --seed 7 [events.jsonl.zst ...]

Lines come from the files, or from tests/formats/mutations.py where none is named; each is made strange or left as it
is, and every block of them must give the same rows, entries and rejections in both lanes, bit for bit. Run it with
NUMBA_BOUNDSCHECK=1 as well: then every access of the kernel is checked. It prints what it counted and ends with 1 at
the first difference, which it prints line by line.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

import numba
import numpy as np
import orjson

from pipeline.formats import ROOM, Decoded, native
from pipeline.formats._plain import read_plain
from pipeline.reading.unpacking import PACKINGS
from tests.formats.mutations import LINES, strange
from tests.naive.batches import same

BLOCK = 20_000


def lines_of(path: str) -> list[bytes]:
    """The lines of a file, packed or not."""
    packing = next((p for p in PACKINGS if p and path.endswith(p)), "")
    data = bytearray()
    room = memoryview(bytearray(1 << 20))
    with open(path, "rb") as file:
        stream = PACKINGS[packing](file)
        while got := stream.fill(room):
            data += room[:got]
    return bytes(data).splitlines()


def buffer_of(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The bytes with just the room behind them that is asked for, filled with digits."""
    buffer = np.full(len(data) + ROOM, ord("7"), np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    return buffer


def differ(data: bytes) -> bool:
    """Whether the lanes differ on some lines."""
    quick: Decoded = native.decode_fast(buffer_of(data), len(data), 1, 1)
    slow = native.decode_slowly(data, 1, 1)
    return quick[1:] != slow[1:] or not same(quick.batch, slow.batch)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    stock: list[list[bytes]] = [lines_of(path) for path in asked.files] or [[orjson.dumps(line) for line in LINES]]
    count = plain = rows = rejected = 0
    began = time.monotonic()
    while count < asked.lines:
        kinds = chance.choice(stock)
        lines = [strange(chance.choice(kinds), chance) for _ in range(min(BLOCK, asked.lines - count))]
        data = b"\n".join(lines)
        if differ(data):
            print(f"seed {asked.seed}, after {count} lines: the lanes differ on")
            for line in data.split(b"\n"):
                if differ(line):
                    print(line)
            return 1
        plain += len(read_plain(buffer_of(data), len(data), 1, 1).batch)
        slow = native.decode_slowly(data, 1, 1)
        rows += len(slow.batch)
        rejected += len(slow.rejected)
        count += len(lines)
        if sys.stderr.isatty():
            print(f"\r{count} lines", end="", file=sys.stderr)
    checked = "every access checked" if numba.config.BOUNDSCHECK else "accesses not checked"
    print(
        f"{count} lines, {rows} rows, {plain} of them through the fast lane, {rejected} rejected, no difference "
        f"(seed {asked.seed}, {checked}, {time.monotonic() - began:.0f} s)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
