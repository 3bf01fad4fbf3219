"""One fetched chunk of a topic partition -> a batch, registry entries and what was refused.

    record 0   {"agent": ..}                 line 0
    record 1   {"agent": ..}\\n{"agent": ..}   line 1, 2      owner = [0, 1, 1, ...]: which record a line came in
    record 2   [{..}, {..}]                  line 3, 4

The values lie side by side and are read at once. The key of a record must be the agent of its events and its partition
the one that the key gives: an agent whose events lay on two partitions would be two agents in two workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.events.batch import Batch, of_kind, select_part
from pipeline.events.codes import KINDS
from pipeline.events.strings import Strings, raw
from pipeline.formats import KEPT_BYTES, native
from pipeline.formats._documents import is_document, lay_flat
from pipeline.kernels.compiled import kernel
from pipeline.kernels.interning import same_bytes
from pipeline.kernels.wide import first_bit, line_ends32
from pipeline.live.keys import Keys
from pipeline.live.records import Fetched, Records, only
from pipeline.live.records import read as read_records

BLANK: Final = tuple(b" \t\n\r\x0b\x0c")
ARRAY: Final = ord("[")
OBJECT: Final = ord("{")


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


def read(kind: str, found: Fetched | Sequence[Any], keys: Keys, first: int = 0, until: int | None = None) -> Chunk:
    """Read what one fetch brought of the topic of a kind, from offset `first` on, to before `until`."""
    records = read_records(found, first, until)
    refused: list[Refused] = []
    entries: list[Entry] = []
    owners: NDArray[np.int64] = np.arange(len(records))
    good = keys.right(records.key)
    good &= records.value.length > 0
    readable = records
    if not good.all():
        for i in np.flatnonzero(~good).tolist():
            key, value = raw(records.key, i), raw(records.value, i)
            wrong = keys.wrong(key)
            if wrong is None and value is None and kind == "registry":
                entries.append(Entry(i, (key or b"").decode("utf-8", "replace"), None))
            else:
                got = "a tombstone" if value is None else "nothing"
                refused.append(
                    Refused(
                        int(records.offset[i]), wrong or f"expected an event, got {got}", (value or b"")[:KEPT_BYTES]
                    )
                )
        owners = np.flatnonzero(good)
        readable = only(records, owners)
    values, lines = lines_of(readable.value)
    decoded = native.decode_lines(values.data, readable.size, 0, 0)
    owner = owners if lines is None else np.repeat(owners, lines)
    refused += [Refused(int(records.offset[owner[r.position]]), r.reason, r.raw) for r in decoded.rejected]
    for entry in registry(decoded.registry, values, owners) if decoded.registry else ():
        key, value = raw(records.key, entry.record) or b"", raw(records.value, entry.record) or b""
        offset = int(records.offset[entry.record])
        if kind != "registry":
            refused.append(
                Refused(offset, f"expected a {kind} event, got a registry entry", value[:KEPT_BYTES], entry.agent)
            )
        elif entry.agent.encode("utf-8", "replace") != key:
            reason = f"expected the agent {entry.agent[:80]!r} as key, got {key[:80].decode('utf-8', 'replace')!r}"
            refused.append(Refused(offset, reason, value[:KEPT_BYTES], entry.agent))
        else:
            entries.append(entry)
    batch, record = keep(decoded.batch, kind, owner, records, refused)
    return Chunk(
        kind,
        records.offset,
        records.time,
        batch,
        record,
        sorted(entries, key=lambda e: e.record),
        sorted(refused, key=lambda r: r.offset),
        readable.size,
    )


def lines_of(values: Strings) -> tuple[Strings, NDArray[np.int64] | None]:
    """Values with those that hold an array, or an object over several lines, laid flat; and of how many lines each is,
    None where each is one.

    >>> from pipeline.live.records import columns
    >>> records = columns([Record(b"a", b"{}"), Record(b"a", b"[1, 2]")])
    >>> values, lines = lines_of(records.value)
    >>> values.data[: records.size].tobytes(), lines.tolist()
    (b'{}\\n 1\\n 2\\n\\n', [1, 3])
    """
    lines = np.empty(len(values.length), np.int64)
    odd = np.empty(len(values.length), np.bool_)
    if not count_lines(values, lines, odd):
        return values, None
    if odd.any():
        values = values._replace(data=values.data.copy())
    for i in np.flatnonzero(odd).tolist():
        value = raw(values, i) or b""
        if is_document(value):
            flat = lay_flat(value)
            begin = int(values.offset[i])
            values.data[begin : begin + len(flat)] = np.frombuffer(flat, np.uint8)
            lines[i] = flat.count(b"\n") + 1
    return values, lines


@kernel
def count_lines(values: Strings, lines: NDArray[np.int64], odd: NDArray[np.bool_]) -> bool:
    """Fill lines[i] with how many lines the i-th value is, odd[i] with whether it may hold an array or an object over
    several lines; whether any is more than one line."""
    data, several = values.data, False
    for i in range(len(lines)):
        begin = values.offset[i]
        end = begin + values.length[i]
        first = begin
        while first < end and data[first] in BLANK:
            first += 1
        odd[i] = first < end and data[first] == ARRAY
        found, second = 0, end
        for at in range(begin, end, 32):
            ends = line_ends32(data, at)
            while ends:
                line_end = at + first_bit(ends)
                if line_end >= end:
                    break
                found += 1
                if second == end and line_end > first:
                    second = line_end
                ends &= ends - 1
        while second < end and data[second] in BLANK:
            second += 1
        odd[i] |= second < end and data[second] != OBJECT
        lines[i] = found + 1
        several |= found > 0 or odd[i]
    return several


def registry(found: list[dict[str, Any]], values: Strings, owners: NDArray[np.int64]) -> list[Entry]:
    """Registry entries with the record that each came in: a message holds one, as Kafka keeps one a key."""
    if len(found) == len(owners):
        return [Entry(int(i), entry["agent"], entry) for i, entry in zip(owners, found, strict=True)]
    out = []
    for row, i in enumerate(owners.tolist()):
        out += [Entry(i, entry["agent"], entry) for entry in native.decode(raw(values, row) or b"", 0, 0).registry]
    return out


def keep(
    batch: Batch, kind: str, owner: NDArray[np.int64], records: Records, refused: list[Refused]
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
            same_names(part.common.agent, records.key, mine, right)
        for i in np.flatnonzero(~right).tolist():
            agent = (raw(part.common.agent, i) or b"").decode("utf-8", "replace")
            key, value = raw(records.key, mine[i]) or b"", raw(records.value, mine[i]) or b""
            reason = (
                f"expected a {kind} event, got {KINDS[k]}"
                if KINDS[k] != kind
                else f"expected the agent {agent[:80]!r} as key, got {key[:80].decode('utf-8', 'replace')!r}"
            )
            refused.append(Refused(int(records.offset[mine[i]]), reason, value[:KEPT_BYTES], agent))
        if right.any():
            rows = np.flatnonzero(right)
            part = part if right.all() else select_part(part, rows)
            record = mine[rows]
            part.common.position[:] = records.offset[record]
            part.common.source[:] = k
            kept = of_kind(k, part)
    return kept, record


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
    lines = [Record(b"warm", b'[{"agent": "warm", "ts": 0, "command": "true"}]')]
    read("command", lines, Keys(0, 1, strict=True))
