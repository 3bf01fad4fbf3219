"""Each distinct command is read and judged once, and remembered for as long as somebody needs it.

The commands are written by the watched agent, so a command is looked up by its bytes, never by a hash that it could
choose; very long ones by a SHA-256 of them. What is kept of a command for people is redacted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors import Finding
from pipeline.events.strings import Strings, raw
from pipeline.kernels.hashing import hash_address, hash_text
from pipeline.kernels.interning import Names
from pipeline.registry import address_range
from pipeline.shell.hosts import named
from pipeline.shell.redact import redact
from pipeline.shell.script import Script, read
from pipeline.shell.show import neutral

LONG = 4096
"""Bytes from which a command is looked up by its digest."""

SHOWN = 2048
"""Characters of a command that are kept."""

ROOM = 65_536
"""Distinct commands that are remembered before those that no agent ran lately are dropped."""

PLACES = 2

FEW = 256
"""New commands that are read together."""


class Commands:
    """Distinct commands by number, with what each command detector says of them.

    weight    float64[room, detectors], nats
    loudest   float64[room], the largest of them
    fact      uint32[room, detectors]
    places    uint64[room, 2], hashes of the first places that a command names, 0 none
    """

    def __init__(self, detectors: dict[str, ModuleType]) -> None:
        self.detectors = detectors
        self.silent: tuple[Finding | None, ...] = (None,) * len(detectors)
        """The findings of a command of which no detector says anything."""
        self.known = Names()
        """The bytes of commands; `numbers` is the number of each row, `rows` the row of each number, or -1."""
        self.numbers = np.zeros(256, np.int64)
        self.rows: list[int] = []
        self.texts: list[str] = []
        self.findings: list[tuple[Finding | None, ...]] = []
        self.weight = np.zeros((256, len(detectors)))
        self.loudest = np.zeros(256)
        self.fact = np.zeros((256, len(detectors)), np.uint32)
        self.places = np.zeros((256, PLACES), np.uint64)
        self.free: list[int] = []
        self.room = ROOM
        self.unjudged = 0

    def __len__(self) -> int:
        return len(self.texts) - len(self.free)

    def number(self, column: Strings) -> NDArray[np.int64]:
        """The number of each command of a column; commands not met before are read and judged."""
        rows, new = self.known.rows(by_bytes(column))
        if len(new):
            if self.known.rows_used > len(self.numbers):
                self.numbers = np.concatenate([self.numbers, np.zeros(self.known.rows_used, np.int64)])
            _, first = np.unique(rows, return_index=True)
            met = np.sort(first[np.isin(rows[first], new)])
            view = column.data.data
            begin, length = column.offset[met], np.maximum(column.length[met], 0)
            where = list(zip(rows[met].tolist(), begin.tolist(), (begin + length).tolist(), strict=True))
            for few in range(0, len(where), FEW):
                here = where[few : few + FEW]
                self._meet([row for row, _, _ in here], [str(view[at:end], "utf-8", "replace") for _, at, end in here])
        return self.numbers[rows]

    def put(self, text: str, findings: tuple[Finding | None, ...], places: Iterable[int]) -> int:
        """Enter a command of a snapshot: what is kept of it for people, without its bytes."""
        return self._enter(-1, text or " ", findings, list(places))

    def forget(self, needed: NDArray[np.int64]) -> None:
        """Drop the commands that are not among the needed ones."""
        keep = np.zeros(len(self.texts), np.bool_)
        keep[needed] = True
        gone = [number for number in np.flatnonzero(~keep).tolist() if self.texts[number]]
        rows = np.array([self.rows[number] for number in gone], np.int64)
        for number in gone:
            self.texts[number], self.rows[number], self.findings[number] = "", -1, ()
        for said in (self.weight, self.loudest, self.fact, self.places):
            said[gone] = 0
        self.free += gone
        self.known.give_back(rows[rows >= 0])
        self.room = max(ROOM, 2 * len(self))

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return len(self) > self.room

    def _meet(self, rows: list[int], commands: list[str]) -> None:
        """Read and judge some commands, step by step: the code of a step stays in the processor's caches."""
        scripts = [read(command) for command in commands]
        said = [self._said(script) for script in scripts]
        texts = [neutral(redact(command), SHOWN) or " " for command in commands]
        for row, text, (findings, places) in zip(rows, texts, said, strict=True):
            self.numbers[row] = self._enter(row, text, findings, places)

    def _said(self, script: Script) -> tuple[tuple[Finding | None, ...], list[int]]:
        """What the detectors say of a script, and the places that it names.

        The agent writes commands: one that breaks a judge must stop neither the stream nor the other judges.
        """
        findings: list[Finding | None] = []
        places: list[int] = []
        broken = 0
        for detector in self.detectors.values():
            try:
                findings.append(detector.judge(script))
            except Exception:
                findings.append(None)
                broken = 1
        try:
            places = named_places(script)
        except Exception:
            broken = 1
        self.unjudged += broken
        return tuple(findings) if any(findings) else self.silent, places

    def _enter(self, row: int, text: str, findings: tuple[Finding | None, ...], places: list[int]) -> int:
        if self.free:
            number = self.free.pop()
            self.texts[number], self.rows[number], self.findings[number] = text, row, findings
        else:
            number = len(self.texts)
            self.texts.append(text)
            self.rows.append(row)
            self.findings.append(findings)
            if number >= len(self.weight):
                self.weight = np.concatenate([self.weight, np.zeros_like(self.weight)])
                self.loudest = np.concatenate([self.loudest, np.zeros_like(self.loudest)])
                self.fact = np.concatenate([self.fact, np.zeros_like(self.fact)])
                self.places = np.concatenate([self.places, np.zeros_like(self.places)])
        if findings != self.silent:
            for d, finding in enumerate(findings):
                if finding is not None:
                    self.weight[number, d], self.fact[number, d] = finding.weight, finding.fact
            self.loudest[number] = self.weight[number].max()
        if places:
            self.places[number, : len(places)] = places[:PLACES]
        return number


def by_bytes(column: Strings) -> Strings:
    """Commands as they are looked up: long ones by digest, behind a byte that begins no UTF-8; absent ones empty."""
    long = np.flatnonzero(column.length >= LONG)
    length = np.maximum(column.length, 0)
    if not len(long):
        return Strings(column.data, column.offset, length)
    digests = [b"\xff" + hashlib.sha256(raw(column, row) or b"").digest() for row in long.tolist()]
    offset = column.offset.copy()
    offset[long] = len(column.data) + np.arange(len(long)) * len(digests[0])
    length[long] = len(digests[0])
    return Strings(np.concatenate([column.data, np.frombuffer(b"".join(digests), np.uint8)]), offset, length)


def named_places(script: Script) -> list[int]:
    """Hashes of the first places that a script names: of an address as flows hold it, of a name as it is written."""
    out: list[int] = []
    for call in script.calls:
        for target in named(call):
            place = place_hash(target.host)
            if place not in out:
                out.append(place)
        if len(out) >= PLACES:
            break
    return out[:PLACES]


def place_hash(host: str) -> int:
    """The hash of a host name or an address.

    >>> place_hash("198.51.100.7") == place_hash("::ffff:198.51.100.7")
    True
    """
    if host and (host[0].isdigit() or ":" in host) and "/" not in host:
        try:
            (high, low), _ = address_range(host)
        except Exception:
            return hash_text(host)
        return int(hash_address(np.uint64(high), np.uint64(low)))
    return hash_text(host)


def judged_by(detectors: dict[str, Any]) -> dict[str, ModuleType]:
    """Those detectors that judge commands."""
    return {name: d for name, d in detectors.items() if hasattr(d, "judge")}
