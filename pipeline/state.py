"""Snapshot and restore of a scorer's state, as bytes: a head and chunks of 64 agents each.

A chunk stands by itself: the records of its agents, their names, and what is kept of the commands that their rings
hold. So a checkpoint writes only the chunks that changed, and they can be read back in any order.

    chunk  = zstd( length of the header, header (JSON: names, runs, episodes, commands), records of every array )
    head   = zstd( JSON: account, clock, incidents, registry, layout )

`layout` is a digest of every record type and every setting that gives the numbers in them their meaning: state of
another version is refused, never misread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import orjson
import zstandard
from numpy.typing import NDArray

from pipeline.detectors import Finding
from pipeline.errors import StateError
from pipeline.registry import Entry
from pipeline.scorer import Account, Scorer

ROWS = 64
"""Agents in a chunk: fewer make more records of a checkpoint, more make one busy agent cost more."""

VERSION = 2


_LAYOUTS: WeakKeyDictionary[Scorer, str] = WeakKeyDictionary()
"""A scorer's record types and settings never change, and every chunk of every checkpoint names them."""


def layout(scorer: Scorer) -> str:
    """A digest of what the bytes of a snapshot mean, made once for each scorer.

    >>> layout(Scorer()) == layout(Scorer())
    True
    """
    known = _LAYOUTS.get(scorer)
    if known is not None:
        return known
    parts = [str(VERSION)]
    for seat in scorer.seats:
        parts += [
            seat.name,
            repr(seat.part.STATE.descr),
            repr(seat.settings.dtype.descr),
            seat.settings.tobytes().hex(),
        ]
    parts += [repr(a.dtype.descr) for a in (scorer.risks, scorer.suspicions, scorer.alerts, scorer.rings)]
    parts += [
        scorer.many.tobytes().hex(),
        scorer.hushed.tobytes().hex(),
        repr(msgspec.to_builtins(scorer.tuning.scorer)),
    ]
    _LAYOUTS[scorer] = made = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return made


def changed(scorer: Scorer) -> list[int]:
    """The chunks in which an agent has changed since they were last saved."""
    used = scorer.agents.rows_used
    return sorted(set((np.flatnonzero(scorer.dirty[:used]) // ROWS).tolist()))


def save_head(scorer: Scorer) -> bytes:
    """Everything that does not belong to one agent row."""
    head = {
        "layout": layout(scorer),
        "rows": scorer.agents.rows_used,
        "clock": scorer.clock,
        "incidents": scorer.incidents,
        "account": {"scored": scorer.account.scored, "late": scorer.account.late},
        "registry": [msgspec.to_builtins(e) for e in scorer.registry.entries.values()],
        "free": scorer.agents.free,
        "tidy_at": scorer.tidy_at,
    }
    return zstandard.compress(orjson.dumps(head), 1)


def save_chunk(scorer: Scorer, chunk: int) -> bytes:
    """The agents of one chunk; from now on it counts as saved."""
    rows = slice(chunk * ROWS, min((chunk + 1) * ROWS, scorer.agents.rows_used))
    risks, rings = scorer.risks[rows], scorer.rings[rows]
    held = np.unique(np.concatenate([rings["recent"].ravel(), rings["notable"].ravel()]))
    commands = scorer.commands
    header = {
        "layout": layout(scorer),
        "names": [scorer.agents.name(r) if scorer.agents.size[r] >= 0 else None for r in range(rows.start, rows.stop)],
        "runs": {int(i): scorer.runs.name(int(i) - 1) for i in np.unique(risks["run"]) if i},
        "episodes": {int(i): scorer.episodes.name(int(i) - 1) for i in np.unique(risks["episode"]) if i},
        "commands": {
            int(i): (
                commands.texts[i - 1],
                [f and tuple(f) for f in commands.findings[i - 1]],
                commands.places[i - 1].tolist(),
            )
            for i in held.tolist()
            if i
        },
    }
    head = orjson.dumps(header, option=orjson.OPT_NON_STR_KEYS)
    arrays = b"".join(a[rows].tobytes() for a in _arrays(scorer))
    scorer.dirty[rows] = False
    return zstandard.compress(len(head).to_bytes(4, "little") + head + arrays, 1)


def load_head(scorer: Scorer, data: bytes) -> None:
    """Take the head in; before the chunks."""
    head = orjson.loads(zstandard.decompress(data))
    _same_layout(scorer, head["layout"])
    scorer.account = Account(**head["account"])
    scorer.clock, scorer.incidents, scorer.tidy_at = head["clock"], head["incidents"], head["tidy_at"]
    for entry in head["registry"]:
        scorer.registry.put(msgspec.convert(entry, Entry))


def load_chunk(scorer: Scorer, chunk: int, data: bytes) -> None:
    """Take the agents of one chunk in."""
    raw = zstandard.decompress(data)
    size = int.from_bytes(raw[:4], "little")
    header = orjson.loads(raw[4 : 4 + size])
    _same_layout(scorer, header["layout"])
    begin, count = chunk * ROWS, len(header["names"])
    scorer.grow(begin + count)
    rows = slice(begin, begin + count)
    at = 4 + size
    for array in _arrays(scorer):
        length = count * array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
        # What is zero already is not written to: it takes no memory.
        if array[rows].tobytes() != raw[at : at + length]:
            array[rows] = np.frombuffer(raw[at : at + length], array.dtype).reshape(array[rows].shape)
        at += length
    for row, name in enumerate(header["names"], begin):
        if name is not None:
            scorer.agents.put(row, name)
            scorer.registry.seat(name, row)
    for field, names in (("run", scorer.runs), ("episode", scorer.episodes)):
        renumber = {int(old): names.number(name) + 1 for old, name in header[field + "s"].items()}
        _renumber(scorer.risks[field][rows], renumber)
    renumber = {
        int(old): scorer.commands.put(text, tuple(Finding(*f) if f else None for f in findings), places) + 1
        for old, (text, findings, places) in header["commands"].items()
    }
    for ring in ("recent", "notable"):
        _renumber(scorer.rings[ring][rows], renumber)
    scorer.dirty[rows] = False


def finish(scorer: Scorer, head: bytes) -> None:
    """After the last chunk: the rows that are free are handed out again in the order in which they would have been."""
    scorer.agents.free = orjson.loads(zstandard.decompress(head))["free"]


def snapshot(scorer: Scorer) -> bytes:
    """The whole state.

    >>> restore(Scorer(), snapshot(Scorer())).account
    Account(scored=[0, 0, 0], late=[0, 0, 0])
    """
    chunks = range(-(-scorer.agents.rows_used // ROWS))
    return b"".join(
        len(part).to_bytes(8, "little") + part for part in [save_head(scorer), *(save_chunk(scorer, c) for c in chunks)]
    )


def restore(scorer: Scorer, data: bytes) -> Scorer:
    """Put a snapshot into a fresh scorer of the same settings; the scorer is given back."""
    parts = list(_parts(data))
    load_head(scorer, parts[0])
    for chunk, part in enumerate(parts[1:]):
        load_chunk(scorer, chunk, part)
    finish(scorer, parts[0])
    return scorer


def _parts(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        if at + 8 + size > len(data):
            raise StateError(f"expected {size} bytes of a snapshot at {at + 8}, got {len(data) - at - 8}")
        yield data[at + 8 : at + 8 + size]
        at += 8 + size


def _arrays(scorer: Scorer) -> list[NDArray[Any]]:
    return [*scorer.states, scorer.risks, scorer.suspicions, scorer.alerts, scorer.rings, scorer.newest]


def _renumber(column: NDArray[np.int64], numbers: dict[int, int]) -> None:
    before = column.copy()
    for old in np.unique(before).tolist():
        if old:
            column[before == old] = numbers[old]


def _same_layout(scorer: Scorer, found: str) -> None:
    wanted = layout(scorer)
    if found != wanted:
        raise StateError(
            f"expected state of layout {wanted}, got {found}: it was written by another version or with other settings"
        )
