"""One fetched chunk of a topic partition -> a batch, registry entries and what was refused.

    record 0   {"agent": ..}                 line 0
    record 1   {"agent": ..}\\n{"agent": ..}   line 1, 2      owner = [0, 1, 1, ...]: which record a line came in
    record 2   [{..}, {..}]                  line 3, 4

The values are laid side by side and read at once. The key of a record must be the agent of its events and its
partition the one that the key
gives: an agent whose events lay on two partitions would be two agents in two workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from pipeline.events.batch import Batch, of_kind, select_part
from pipeline.events.codes import KINDS
from pipeline.events.strings import Strings, raw
from pipeline.formats import KEPT_BYTES, ROOM, native
from pipeline.formats._documents import lay_flat, one_object
from pipeline.kernels.compiled import kernel
from pipeline.kernels.interning import same_bytes

KNOWN_KEYS: Final = 100_000
"""Keys whose partition is remembered; then all are looked up anew."""

OPENING: Final = b"["
BEHIND: Final = bytes(ROOM - 1)
"""Follows the last line's end: the free bytes that kernels may look at."""


class Refused(NamedTuple):
    """Something of a record that was not scored: which record (by offset), why, and its first bytes. `agent` where it
    is known."""

    offset: int
    reason: str
    raw: bytes
    agent: str | None = None


class Entry(NamedTuple):
    """A registry entry of a record; None where a tombstone takes the agent's entry back."""

    record: int
    agent: str
    entry: dict[str, Any] | None


class Chunk(NamedTuple):
    """What the records of one fetch held, all of one topic.

    kind      flow, gpu, command or registry
    offsets   int64[records]
    times     int64[records], ms: when each came, as Kafka says
    batch     the events of that kind; `position` of an event is the offset of its record, `source` the number of the
              kind
    record    int64[events]: which record each came in
    entries   registry entries, in order
    refused   what was not scored, by offset
    size      bytes of the values
    """

    kind: str
    offsets: NDArray[np.int64]
    times: NDArray[np.int64]
    batch: Batch | None
    record: NDArray[np.int64]
    entries: list[Entry]
    refused: list[Refused]
    size: int


class Keys:
    """Which keys belong on this partition.

    >>> keys = Keys(0, 1, strict=True)
    >>> keys.wrong(b"lab/a"), keys.wrong(None)
    (None, 'expected the agent as key, got none')
    """

    def __init__(self, partition: int, partitions: int, strict: bool) -> None:
        self.partition, self.partitions, self.strict = partition, partitions, strict
        self.known: set[bytes] = set()

    def all_right(self, keys: Sequence[bytes | None]) -> bool:
        """Whether none of these is wrong."""
        return not any(map(self.wrong, set(keys) - self.known))

    def wrong(self, key: bytes | None) -> str | None:
        """What is wrong with a key, or None."""
        if not key:
            return "expected the agent as key, got none"
        if key in self.known:
            return None
        right = (murmur2(key) & 0x7FFFFFFF) % self.partitions if self.strict else self.partition
        if right != self.partition:
            return f"expected partition {right} for key {key[:80].decode('utf-8', 'replace')!r}, got {self.partition}"
        if len(self.known) >= KNOWN_KEYS:
            self.known.clear()
        self.known.add(key)
        return None


def read(kind: str, records: Sequence[Any], keys: Keys) -> Chunk:
    """Read the records (one or more) of one chunk of the topic of a kind."""
    refused: list[Refused] = []
    entries: list[Entry] = []
    names, values = [r.key for r in records], [r.value for r in records]
    offsets = [r.offset for r in records]
    where = np.array(offsets, np.int64)
    came = np.array([r.timestamp or 0 for r in records], np.int64)
    owners: NDArray[np.int64] = np.arange(len(values))
    if not (all(values) and keys.all_right(names)):
        good = []
        for i, (key, value) in enumerate(zip(names, values, strict=True)):
            wrong = keys.wrong(key)
            if wrong is None and value is None and kind == "registry":
                entries.append(Entry(i, key.decode("utf-8", "replace"), None))
            elif wrong is not None or not value:
                got = "a tombstone" if value is None else "nothing"
                refused.append(
                    Refused(offsets[i], wrong or f"expected an event, got {got}", (value or b"")[:KEPT_BYTES])
                )
            else:
                good.append(i)
        owners = np.array(good, np.int64)
        values = [values[i] for i in good]
    text, counts = lines_of(values)
    size = len(text) - ROOM
    decoded = native.decode_lines(np.frombuffer(text, np.uint8), size, 0, 0)
    owner = owners if counts is None else np.repeat(owners, counts)
    refused += [Refused(offsets[owner[r.position]], r.reason, r.raw) for r in decoded.rejected]
    for entry in registry(decoded.registry, values, owners) if decoded.registry else ():
        key, value, offset = records[entry.record].key, records[entry.record].value, offsets[entry.record]
        if kind != "registry":
            refused.append(
                Refused(offset, f"expected a {kind} event, got a registry entry", value[:KEPT_BYTES], entry.agent)
            )
        elif entry.agent.encode("utf-8", "replace") != key:
            reason = f"expected the agent {entry.agent[:80]!r} as key, got {key[:80].decode('utf-8', 'replace')!r}"
            refused.append(Refused(offset, reason, value[:KEPT_BYTES], entry.agent))
        else:
            entries.append(entry)
    batch, record = keep(decoded.batch, kind, owner, records, names, where, refused)
    return Chunk(
        kind,
        where,
        came,
        batch,
        record,
        sorted(entries, key=lambda e: e.record),
        sorted(refused, key=lambda r: r.offset),
        size,
    )


def lines_of(values: Sequence[bytes]) -> tuple[bytearray, list[int] | None]:
    """Values as lines with ROOM bytes behind them, and of how many lines each is; None where each is one.

    >>> text, counts = lines_of([b"{}", b"[1, 2]"])
    >>> text[:-ROOM], counts
    (bytearray(b'{}\\n 1\\n 2\\n'), [1, 3])
    """
    if not values:
        return bytearray(ROOM), None
    text = bytearray(b"\n").join([*values, BEHIND])
    if text.count(b"\n") == len(values) and OPENING not in {value[:1] for value in values}:
        return text, None
    flat = [
        lay_flat(value) if value.lstrip()[:1] == OPENING or (b"\n" in value and one_object(value)) else value
        for value in values
    ]
    return bytearray(b"\n").join([*flat, BEHIND]), [value.count(b"\n") + 1 for value in flat]


def registry(found: list[dict[str, Any]], values: Sequence[bytes], owners: NDArray[np.int64]) -> list[Entry]:
    """Registry entries with the record that each came in: a message holds one, as Kafka keeps one a key."""
    if len(found) == len(values):
        return [Entry(int(i), entry["agent"], entry) for i, entry in zip(owners, found, strict=True)]
    out = []
    for i, value in zip(owners.tolist(), values, strict=True):
        out += [Entry(i, entry["agent"], entry) for entry in native.decode(value, 0, 0).registry]
    return out


def keep(
    batch: Batch,
    kind: str,
    owner: NDArray[np.int64],
    records: Sequence[Any],
    names: Sequence[bytes | None],
    where: NDArray[np.int64],
    refused: list[Refused],
) -> tuple[Batch | None, NDArray[np.int64]]:
    """The events of the topic's kind whose agent is their record's key, and the record of each; the others are
    refused."""
    kept: Batch | None = None
    record = np.zeros(0, np.int64)
    for k, part in enumerate(batch.parts):
        if part is None or not len(part):
            continue
        mine = owner[part.common.position]
        right = np.full(len(part), KINDS[k] == kind)
        if KINDS[k] == kind:
            same_names(part.common.agent, packed(names), mine, right)
        for i in np.flatnonzero(~right).tolist():
            agent = (raw(part.common.agent, i) or b"").decode("utf-8", "replace")
            told = records[mine[i]]
            reason = (
                f"expected a {kind} event, got {KINDS[k]}"
                if KINDS[k] != kind
                else f"expected the agent {agent[:80]!r} as key, got {told.key[:80].decode('utf-8', 'replace')!r}"
            )
            refused.append(Refused(told.offset, reason, told.value[:KEPT_BYTES], agent))
        if right.any():
            rows = np.flatnonzero(right)
            part = part if right.all() else select_part(part, rows)
            record = mine[rows]
            part.common.position[:] = where[record]
            part.common.source[:] = k
            kept = of_kind(k, part)
    return kept, record


def packed(keys: Sequence[bytes | None]) -> Strings:
    """Keys as a column; an absent one is empty.

    >>> packed([b"ab", None, b"c"]).offset.tolist()
    [0, 2, 2]
    """
    some = [key or b"" for key in keys]
    length = np.fromiter(map(len, some), np.int32, len(some))
    offset = np.zeros(len(some), np.int64)
    np.cumsum(length[:-1], out=offset[1:])
    return Strings(np.frombuffer(bytearray(b"".join(some)), np.uint8), offset, length)


@kernel
def same_names(names: Strings, keys: Strings, owner: NDArray[np.int64], out: NDArray[np.bool_]) -> None:
    """Whether the name of each row is the key of the record that it came in."""
    for i in range(len(owner)):
        k = owner[i]
        out[i] = names.length[i] == keys.length[k] and same_bytes(
            names.data, names.offset[i], keys.data, keys.offset[k], keys.length[k]
        )


class Record(NamedTuple):
    """A record as Kafka's clients give it, as far as it is read here."""

    key: bytes | None
    value: bytes | None
    offset: int = 0
    timestamp: int = 0


def warm() -> None:
    """Have the kernels of reading compiled."""
    native.warm()
    read("command", [Record(b"warm", b'[{"agent": "warm", "ts": 0, "command": "true"}]')], Keys(0, 1, strict=True))
