"""Names to row numbers: an open-addressing hash table that compares the bytes.

    slots   int64[2^k]   row + 1, 0 where empty          probe: slot = hash & (2^k - 1), then the next
    hashes  uint64[rows]                                 compared first
    start, length        where the name lies in `arena`  compared then: a hash alone is not identity
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.events.strings import Strings
from pipeline.kernels.compiled import kernel
from pipeline.kernels.hashing import hash_bytes


@kernel
def same_bytes(a: NDArray[np.uint8], a_at: int, b: NDArray[np.uint8], b_at: int, length: int) -> bool:
    """Whether two stretches of bytes are equal."""
    for i in range(length):
        if a[a_at + i] != b[b_at + i]:
            return False
    return True


@kernel
def find_rows(
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    length: NDArray[np.int32],
    slots: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    size: NDArray[np.int32],
    arena: NDArray[np.uint8],
    out: NDArray[np.int64],
) -> int:
    """Fill out[i] with the row of the i-th name, -1 where it is not known (or absent); how many are not known."""
    mask = np.uint64(len(slots) - 1)
    unknown = 0
    for i in range(len(offset)):
        n = length[i]
        if n < 0:
            out[i] = -1
            continue
        if i > 0 and length[i - 1] == n and same_bytes(data, offset[i], data, offset[i - 1], n):
            out[i] = out[i - 1]
            if out[i] < 0:
                unknown += 1
            continue
        wanted = hash_bytes(data, offset[i], n)
        at = wanted & mask
        out[i] = -1
        while slots[at] != 0:
            row = slots[at] - 1
            if hashes[row] == wanted and size[row] == n and same_bytes(arena, start[row], data, offset[i], n):
                out[i] = row
                break
            at = (at + np.uint64(1)) & mask
        if out[i] < 0:
            unknown += 1
    return unknown


@kernel
def place_rows(
    rows: NDArray[np.int64], slots: NDArray[np.int64], hashes: NDArray[np.uint64]
) -> None:
    """Enter rows, whose hashes are known and which are not in the table yet."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(rows)):
        at = hashes[rows[i]] & mask
        while slots[at] != 0:
            at = (at + np.uint64(1)) & mask
        slots[at] = rows[i] + 1


class Names:
    """Names with a row number each; rows that are given back are used again.

    >>> from pipeline.events.strings import pack
    >>> names = Names()
    >>> [int(row) for row in names.rows(pack(["a", "b", "a", None]))[0]]
    [0, 1, 0, -1]
    >>> names.name(1)
    'b'
    """

    def __init__(self) -> None:
        self.slots = np.zeros(64, np.int64)
        self.hashes = np.zeros(16, np.uint64)
        self.start = np.zeros(16, np.int64)
        self.size = np.full(16, -1, np.int32)
        self.arena = np.zeros(1024, np.uint8)
        self.arena_used = 0
        self.rows_used = 0
        self.free: list[int] = []

    def __len__(self) -> int:
        return self.rows_used - len(self.free)

    def rows(self, names: Strings) -> tuple[NDArray[np.int64], list[int]]:
        """The row of each name (-1 where absent), and the rows that are new, in order of first appearance."""
        out = np.empty(len(names.offset), np.int64)
        new: list[int] = []
        if self._find(names, out):
            for i in np.flatnonzero((out < 0) & (names.length >= 0)):
                begin, length = int(names.offset[i]), int(names.length[i])
                known = self.row(names.data[begin : begin + length].tobytes())
                out[i] = known if known is not None else self._add(names.data[begin : begin + length])
                if known is None:
                    new.append(int(out[i]))
        return out, new

    def row(self, name: bytes) -> int | None:
        """The row of one name, or None."""
        one = np.frombuffer(name, np.uint8)
        out = np.empty(1, np.int64)
        self._find(Strings(one, np.zeros(1, np.int64), np.array([len(one)], np.int32)), out)
        return int(out[0]) if out[0] >= 0 else None

    def name(self, row: int) -> str:
        """The name of a row."""
        begin = int(self.start[row])
        return self.arena[begin : begin + int(self.size[row])].tobytes().decode("utf-8", "replace")

    def live(self) -> NDArray[np.int64]:
        """The rows in use, ascending."""
        return np.flatnonzero(self.size[: self.rows_used] >= 0)

    def put(self, row: int, name: bytes) -> None:
        """Enter a name at a given row (restoring a snapshot); rows between are left free."""
        self._grow_rows(row + 1)
        self.free += range(self.rows_used, row)
        self.rows_used = max(self.rows_used, row + 1)
        if row in self.free:
            self.free.remove(row)
        self._enter(row, np.frombuffer(name, np.uint8))

    def give_back(self, rows: NDArray[np.int64]) -> None:
        """Forget the names of some rows; the rows are handed out again."""
        self.size[rows] = -1
        self.free += [int(r) for r in rows[::-1]]
        live = self.live()
        arena = np.zeros(max(1024, 2 * int(self.size[live].sum())), np.uint8)
        used = 0
        for r in live:
            length = int(self.size[r])
            arena[used : used + length] = self.arena[self.start[r] : self.start[r] + length]
            self.start[r] = used
            used += length
        self.arena, self.arena_used = arena, used
        self._rebuild(len(self.slots))

    def _find(self, names: Strings, out: NDArray[np.int64]) -> int:
        return int(
            find_rows(names.data, names.offset, names.length, self.slots, self.hashes, self.start, self.size, self.arena, out)
        )

    def _add(self, name: NDArray[np.uint8]) -> int:
        if self.free:
            row = self.free.pop()
        else:
            row = self.rows_used
            self._grow_rows(row + 1)
            self.rows_used += 1
        self._enter(row, name)
        return row

    def _enter(self, row: int, name: NDArray[np.uint8]) -> None:
        if self.arena_used + len(name) > len(self.arena):
            arena = np.zeros(2 * (self.arena_used + len(name)), np.uint8)
            arena[: self.arena_used] = self.arena[: self.arena_used]
            self.arena = arena
        self.arena[self.arena_used : self.arena_used + len(name)] = name
        self.start[row], self.size[row] = self.arena_used, len(name)
        self.hashes[row] = hash_bytes(name, 0, len(name))
        self.arena_used += len(name)
        if 2 * (len(self) + 1) > len(self.slots):
            self._rebuild(4 * len(self.slots))
        else:
            place_rows(np.array([row], np.int64), self.slots, self.hashes)

    def _grow_rows(self, needed: int) -> None:
        if needed > len(self.hashes):
            room = max(needed, 2 * len(self.hashes))
            self.hashes = np.concatenate([self.hashes, np.zeros(room - len(self.hashes), np.uint64)])
            self.start = np.concatenate([self.start, np.zeros(room - len(self.start), np.int64)])
            self.size = np.concatenate([self.size, np.full(room - len(self.size), -1, np.int32)])

    def _rebuild(self, slots: int) -> None:
        self.slots = np.zeros(slots, np.int64)
        place_rows(self.live(), self.slots, self.hashes)
