"""One fetched chunk of a topic partition -> a batch, registry entries and what was rejected.

    record 0   {"agent": ..}                 line 0
    record 1   {"agent": ..}\\n{"agent": ..}   line 1, 2      owner = [0, 1, 1, ...]: which record a line came in
    record 2   [{..}, {..}]                  line 3, 4

The values are laid side by side and read at once. The key of a record must be the agent of its events and its partition the one that the key
gives: an agent whose events lay on two partitions would be two agents in two workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from pipeline.events.batch import Batch, select_part
from pipeline.events.codes import KINDS
from pipeline.events.strings import Strings, pack, raw
from pipeline.formats import KEPT_BYTES, ROOM, native
from pipeline.formats._documents import lay_flat, one_object
from pipeline.kernels.compiled import kernel
from pipeline.kernels.interning import same_bytes

KNOWN_KEYS = 100_000
"""Keys whose partition is remembered; then all are looked up anew."""


class Refused(NamedTuple):
    """Something of a record that was not scored: which record (by offset), why, and its first bytes. `agent` where it is known."""

    offset: int
    reason: str
    raw: bytes
    agent: str | None = None


class Chunk(NamedTuple):
    """What the records held. The `position` of an event is the offset of its record.

    entries   registry entries, in order; removed: agents whose entry was taken back by a tombstone
    """

    batch: Batch
    entries: list[dict[str, Any]]
    removed: list[str]
    refused: list[Refused]


class Keys:
    """Which keys belong on this partition.

    >>> keys = Keys(0, 1, strict=True)
    >>> keys.wrong(b"lab/a"), keys.wrong(None)
    (None, 'expected the agent as key, got none')
    """

    def __init__(self, partition: int, partitions: int, strict: bool) -> None:
        self.partition, self.partitions, self.strict = partition, partitions, strict
        self.known: set[bytes] = set()

    def wrong(self, key: bytes | None) -> str | None:
        """What is wrong with a key, or None."""
        if key is None or not key:
            return "expected the agent as key, got none"
        if not self.strict or key in self.known:
            return None
        right = (murmur2(key) & 0x7FFFFFFF) % self.partitions
        if right != self.partition:
            return f"expected partition {right} for key {key[:80].decode('utf-8', 'replace')!r}, got {self.partition}"
        if len(self.known) >= KNOWN_KEYS:
            self.known.clear()
        self.known.add(key)
        return None


def read(kind: str, records: Sequence[Any], keys: Keys) -> Chunk:
    """Read the records of one chunk of the topic of a kind (flow, gpu, command or registry)."""
    refused: list[Refused] = []
    removed: list[str] = []
    values: list[bytes] = []
    owners: list[Any] = []
    for record in records:
        wrong = keys.wrong(record.key)
        value = record.value
        if wrong is None and value is None and kind == "registry":
            removed.append(record.key.decode("utf-8", "replace"))
        elif wrong is not None or not value:
            refused.append(Refused(record.offset, wrong or f"expected an event, got {'a tombstone' if value is None else 'nothing'}",
                                   (value or b"")[:KEPT_BYTES]))
        else:
            if value.lstrip()[:1] == b"[" or (b"\n" in value and one_object(value)):
                value = lay_flat(value)
            values.append(value)
            owners.append(record)
    data = np.frombuffer(b"\n".join(values) + bytes(ROOM), np.uint8).copy()
    decoded = native.decode_lines(data, len(data) - ROOM, 0, 0)
    lines = np.repeat(np.arange(len(values)), [v.count(b"\n") + 1 for v in values]) if values else np.zeros(0, np.int64)
    refused += [Refused(owners[lines[r.position]].offset, r.reason, r.raw) for r in decoded.rejected]
    batch, wrong_rows = keep(decoded.batch, kind, lines, pack([r.key for r in owners]), owners)
    refused += wrong_rows
    entries = decoded.registry
    if kind != "registry":
        refused += [Refused(records[0].offset, f"expected a {kind} event, got a registry entry", b"", str(e.get("agent")))
                    for e in entries]
        entries = []
    return Chunk(batch, entries, removed, sorted(refused, key=lambda r: r.offset))


def keep(batch: Batch, kind: str, lines: NDArray[np.int64], keys: Strings, owners: Sequence[Any]) -> tuple[Batch, list[Refused]]:
    """The rows of the topic's kind whose agent is their record's key, at their records' offsets; the others with the reason."""
    refused: list[Refused] = []
    offsets = np.array([record.offset for record in owners], np.int64)
    parts = list(batch.parts)
    good = np.ones(len(batch), np.bool_)
    for k, part in enumerate(parts):
        if part is None:
            continue
        owner = lines[part.common.position]
        right = np.full(len(part), KINDS[k] == kind)
        if KINDS[k] == kind:
            same_names(part.common.agent, keys, owner, right)
        for i in np.flatnonzero(~right).tolist():
            agent = (raw(part.common.agent, i) or b"").decode("utf-8", "replace")
            record = owners[owner[i]]
            reason = (f"expected a {kind} event, got {KINDS[k]}" if KINDS[k] != kind else
                      f"expected the agent {agent[:80]!r} as key, got {record.key[:80].decode('utf-8', 'replace')!r}")
            refused.append(Refused(record.offset, reason, record.value[:KEPT_BYTES], agent))
        part.common.position[:] = offsets[owner]
        if not right.all():
            good[batch.kind == k] = right
            parts[k] = select_part(part, np.flatnonzero(right)) if right.any() else None
    if good.all():
        return batch, refused
    row = batch.row.copy()
    for k in range(len(KINDS)):
        mine = batch.kind == k
        row[mine] = np.cumsum(good[mine]) - 1
    return Batch((parts[0], parts[1], parts[2]), batch.kind[good], row[good]), refused


@kernel
def same_names(names: Strings, keys: Strings, owner: NDArray[np.int64], out: NDArray[np.bool_]) -> None:
    """Whether the name of each row is the key of the record that it came in."""
    for i in range(len(owner)):
        k = owner[i]
        out[i] = names.length[i] == keys.length[k] and same_bytes(
            names.data, names.offset[i], keys.data, keys.offset[k], keys.length[k]
        )
