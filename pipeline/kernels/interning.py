"""Names to row numbers: an open-addressing hash table that compares the bytes.

slots   int64[2^k]   row + 1, 0 where empty          probe: slot = hash & (2^k - 1), then the next
hashes  uint64[rows]                                 compared first
start, length        where the name lies in `arena`  compared then: a hash alone is not identity
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.events.strings import Strings, pack
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.hashing import few_bytes, hash_inside
from pipeline.kernels.wide import load64

REPEATED = 4
"""Bytes of a buffer to a row up to which it is taken for a dictionary: its strings come again at the same places."""


@inlined
def same_bytes(a: NDArray[np.uint8], a_at: int, b: NDArray[np.uint8], b_at: int, length: int) -> bool:
    """Whether two stretches of bytes are equal."""
    done = 0
    while done + 8 <= length:
        if load64(a, a_at + done) != load64(b, b_at + done):
            return False
        done += 8
    rest = length - done
    return rest == 0 or few_bytes(a, a_at + done, rest) == few_bytes(b, b_at + done, rest)


@inlined
def look_up(
    data: NDArray[np.uint8],
    begin: int,
    length: int,
    wanted: np.uint64,
    slots: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    size: NDArray[np.int32],
    arena: NDArray[np.uint8],
) -> tuple[int, np.uint64]:
    """The row of one name, -1 if it has none, and the slot at which the search ended."""
    mask = np.uint64(len(slots) - 1)
    at = wanted & mask
    while slots[at] != 0:
        row = slots[at] - 1
        if hashes[row] == wanted and size[row] == length and same_bytes(arena, start[row], data, begin, length):
            return row, at
        at = (at + np.uint64(1)) & mask
    return -1, at


@kernel
def find_rows(
    names: Strings,
    slots: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    size: NDArray[np.int32],
    arena: NDArray[np.uint8],
    out: NDArray[np.int64],
) -> tuple[int, int]:
    """Fill out[i] with the row of the i-th name, -1 where absent or unknown; how many are unknown, and their bytes.

    An unknown name that lies where one before it lay is not counted again.
    """
    data, offset, length = names.data, names.offset, names.length
    unknown = 0
    room = 0
    mask = np.uint64(len(slots) - 1)
    kept = out.view(np.uint64)
    dictionary = len(data) <= REPEATED * len(offset)
    first = np.zeros(len(data) + 1 if dictionary else 0, np.int32)
    """Of each place the row + 1 at which a name began there first."""
    for i in range(len(offset)):
        n = length[i]
        if n < 0:
            continue
        if dictionary:
            if first[offset[i]] > 0:
                continue
            first[offset[i]] = i + 1
        if i + 2 * AHEAD < len(offset):
            touch(data, offset[i + 2 * AHEAD])
        kept[i] = hash_inside(data, offset[i], n)
    row: int | np.int64 = np.int64(-1)
    last = -1
    before = np.uint64(0)
    for i in range(len(offset)):
        begin, n = offset[i], length[i]
        if n < 0:
            out[i] = -1
            continue
        if dictionary:
            at = first[begin] - 1
            if at < i:
                if length[at] == n:
                    out[i] = out[at]
                    continue
                kept[i] = hash_inside(data, begin, n)
        else:
            if i + 2 * AHEAD < len(kept):
                touch(slots, np.int64(kept[i + 2 * AHEAD] & mask))
            if i + AHEAD < len(kept):
                likely = slots[kept[i + AHEAD] & mask] - 1
                if likely >= 0:
                    touch(hashes, likely)
                    touch(start, likely)
                    touch(size, likely)
        wanted = kept[i]
        if last < 0 or wanted != before or length[last] != n or not same_bytes(data, begin, data, offset[last], n):
            row, _ = look_up(data, begin, n, wanted, slots, hashes, start, size, arena)
        last = i
        before = wanted
        out[i] = row
        if row < 0:
            unknown += 1
            room += n
    return unknown, room


@kernel
def add_rows(
    names: Strings,
    slots: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    size: NDArray[np.int32],
    arena: NDArray[np.uint8],
    arena_used: int,
    free: NDArray[np.int64],
    out: NDArray[np.int64],
    new: NDArray[np.int64],
) -> tuple[int, int]:
    """Give each name without a row the next free one, for which there is room; how many, and the arena's new end."""
    added = 0
    for i in range(len(names.offset)):
        if out[i] >= 0 or names.length[i] < 0:
            continue
        begin, n = names.offset[i], names.length[i]
        wanted = hash_inside(names.data, begin, n)
        row, slot = look_up(names.data, begin, n, wanted, slots, hashes, start, size, arena)
        if row < 0:
            row = free[added]
            hashes[row], start[row], size[row] = wanted, arena_used, n
            for j in range(n):
                arena[arena_used + j] = names.data[begin + j]
            arena_used += n
            slots[slot] = row + 1
            new[added] = row
            added += 1
        out[i] = row
    return added, arena_used


@kernel
def rebuild(
    rows: NDArray[np.int64],
    slots: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    start: NDArray[np.int64],
    size: NDArray[np.int32],
    old: NDArray[np.uint8],
    arena: NDArray[np.uint8],
) -> int:
    """Lay the names of `rows` into an empty arena and enter them into an empty table; the arena's end."""
    mask = np.uint64(len(slots) - 1)
    used = 0
    for i in range(len(rows)):
        row = rows[i]
        for j in range(size[row]):
            arena[used + j] = old[start[row] + j]
        start[row] = used
        used += size[row]
        at = hashes[row] & mask
        while slots[at] != 0:
            at = (at + np.uint64(1)) & mask
        slots[at] = row + 1
    return used


class Names:
    """Names with a row number each; rows that are given back are used again, the last one first.

    >>> from pipeline.events.strings import pack
    >>> names = Names()
    >>> rows, new = names.rows(pack(["a", "b", "a", None]))
    >>> rows.tolist(), new.tolist(), names.name(1)
    ([0, 1, 0, -1], [0, 1], 'b')
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

    def rows(self, names: Strings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The row of each name (-1 where absent), and the rows that are new, in order of first appearance."""
        out = np.empty(len(names.offset), np.int64)
        unknown, room = find_rows(names, self.slots, self.hashes, self.start, self.size, self.arena, out)
        if not unknown:
            return out, np.zeros(0, np.int64)
        self._make_room(unknown, room)
        free = np.array(
            self.free[: -unknown - 1 : -1] + list(range(self.rows_used, self.rows_used + unknown)), np.int64
        )
        new = np.empty(unknown, np.int64)
        added, self.arena_used = add_rows(
            names, self.slots, self.hashes, self.start, self.size, self.arena, self.arena_used, free, out, new
        )
        taken = min(added, len(self.free))
        del self.free[len(self.free) - taken :]
        self.rows_used += added - taken
        return out, new[:added]

    def row(self, name: str) -> int | None:
        """The row of one name, or None."""
        out = np.empty(1, np.int64)
        find_rows(pack([name]), self.slots, self.hashes, self.start, self.size, self.arena, out)
        return int(out[0]) if out[0] >= 0 else None

    def number(self, name: str) -> int:
        """The row of one name; it is given one if it has none."""
        return int(self.rows(pack([name]))[0][0])

    def name(self, row: int) -> str:
        """The name of a row."""
        begin = int(self.start[row])
        return str(self.arena.data[begin : begin + int(self.size[row])], "utf-8", "replace")

    def names(self, rows: NDArray[np.int64]) -> list[str]:
        """The names of some rows."""
        arena, begin = self.arena.data, self.start[rows]
        ends = (begin + self.size[rows]).tolist()
        return [str(arena[a:b], "utf-8", "replace") for a, b in zip(begin.tolist(), ends, strict=True)]

    def live(self) -> NDArray[np.int64]:
        """The rows in use, ascending."""
        return np.flatnonzero(self.size[: self.rows_used] >= 0)

    def put(self, row: int, name: str) -> None:
        """Enter a name at a given row (restoring a snapshot); rows that are passed over are free."""
        if row < self.rows_used:
            self.free.remove(row)
        else:
            self.free += range(self.rows_used, row)
        one = pack([name])
        self._make_room(row + 1 - self.rows_used, len(one.data))
        self.rows_used = max(self.rows_used, row + 1)
        none = np.full(1, -1, np.int64)
        _, self.arena_used = add_rows(
            one,
            self.slots,
            self.hashes,
            self.start,
            self.size,
            self.arena,
            self.arena_used,
            np.array([row], np.int64),
            none,
            none.copy(),
        )

    def give_back(self, rows: NDArray[np.int64]) -> None:
        """Forget the names of some rows; the rows are handed out again."""
        self.size[rows] = -1
        self.free += rows[::-1].tolist()
        self._rebuild(len(self.slots), max(1024, 2 * int(np.maximum(self.size, 0).sum())))

    def _make_room(self, more: int, room: int) -> None:
        needed = self.rows_used + max(more, 0)
        if needed > len(self.hashes):
            add = max(needed, 2 * len(self.hashes)) - len(self.hashes)
            self.hashes = np.concatenate([self.hashes, np.zeros(add, np.uint64)])
            self.start = np.concatenate([self.start, np.zeros(add, np.int64)])
            self.size = np.concatenate([self.size, np.full(add, -1, np.int32)])
        slots = len(self.slots)
        while 2 * needed > slots:
            slots *= 2
        if slots > len(self.slots) or self.arena_used + room > len(self.arena):
            self._rebuild(slots, max(len(self.arena), 2 * (self.arena_used + room)))

    def _rebuild(self, slots: int, room: int) -> None:
        self.slots, old, self.arena = np.zeros(slots, np.int64), self.arena, np.zeros(room, np.uint8)
        self.arena_used = int(rebuild(self.live(), self.slots, self.hashes, self.start, self.size, old, self.arena))
