"""What a folder of results holds about one agent: its lines, found without reading the others.

    DIR/scores.ndjson evidence.ndjson alerts.ndjson     many lines an agent, in the order of the walk
    DIR/agents.ndjson                                   one line an agent: how it stands at the end

The files may be far larger than memory. A block is searched for the agent's name as bytes, and only lines that hold
it are decoded.
"""

from __future__ import annotations

import fnmatch
import heapq
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from pipeline.errors import InputError, UsageError
from pipeline.shell.show import neutral
from pipeline.sinks._gate import LONGEST
from pipeline.sinks.files import SUMMARY

BLOCK: Final = 4 << 20
"""Bytes read at a time. A line longer than four of them is no line of ours and is passed over."""

SHOWN: Final = 8
"""Names that an error message lists."""

NAMED: Final = 120
"""Characters of each of them."""

Time = Annotated[float, Meta(ge=-1e11, le=1e12)]
Points = Annotated[float, Meta(ge=0, le=100)]
Nats = Annotated[float, Meta(ge=-1e4, le=1e4)]


class Peak(Struct, frozen=True):
    """The highest score of an agent, and what it was made of."""

    score: Points
    ts: Time
    terms: dict[str, Nats] = {}


class Score(Struct, frozen=True):
    """A line of scores.ndjson or agents.ndjson (schemas/score.json)."""

    agent: str
    ts: Time
    score: Points
    level: int = 0
    logit: Nats | None = None
    prior: Nats | None = None
    terms: dict[str, Nats] = {}
    seen: dict[str, Time] = {}
    run: str | None = None
    episode: str | None = None
    peak: Peak | None = None


class Cause(Struct, frozen=True):
    """A command that came just before a piece of evidence, and why it is named."""

    ts: Time
    command: str
    reason: str = ""
    ago_s: float = 0.0
    words: str | None = None


class Evidence(Struct, frozen=True):
    """A line of evidence.ndjson (schemas/evidence.json)."""

    id: str
    agent: str
    ts: Time
    detector: str
    strength: Nats
    modality: str = ""
    title: str = ""
    story: str = ""
    words: str = ""
    attack: list[str] = []
    event: dict[str, Any] = {}
    source: str | int | None = None
    position: str | int | None = None
    causes: list[Cause] = []
    run: str | None = None
    episode: str | None = None


class Alert(Struct, frozen=True):
    """A line of alerts.ndjson (schemas/alert.json)."""

    id: str
    agent: str
    ts: Time
    incident: int
    change: str
    level: int
    score: Points
    words: str = ""
    attack: list[str] = []
    evidence: list[str] = []
    opened_ts: Time | None = None
    run: str | None = None
    episode: str | None = None


class _Named(Struct):
    agent: str


Line = TypeVar("Line", Score, Evidence, Alert)


def lines_of(path: Path, agent: str, kind: type[Line], unreadable: list[int]) -> Iterator[Line]:
    """The lines of one agent, decoded; those that cannot be are counted in `unreadable[0]`. No file, no lines."""
    decoder = msgspec.json.Decoder(kind)
    for line in _holding(path, _needle(agent)):
        try:
            found = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable[0] += 1
            continue
        if found.agent == agent:
            yield found


def resolve(folder: Path, wanted: str) -> str:
    """The agent that is meant: its name, a pattern (* ? [..]) or an end of the name that only one agent has.

    A name holds no control characters there, but what stands for them (shell.show); either spelling is understood.

    Raises InputError where `folder` holds no results, UsageError (with names that are near) where none or several fit.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder that `agentrisk replay --out` wrote, got none")
    fitting: set[str] = set()
    shown = neutral(wanted, LONGEST)
    for name in _names(folder):
        if name in (wanted, shown):
            return name
        if (name.endswith((wanted, shown)) or fnmatch.fnmatchcase(name, wanted)) and len(fitting) < 10_000:
            fitting.add(name)
    if len(fitting) == 1:
        return fitting.pop()
    if fitting:
        rest = f" and {len(fitting) - SHOWN} more" if len(fitting) > SHOWN else ""
        raise UsageError(f"{len(fitting)} agents fit {wanted!r}: {_quoted(sorted(fitting)[:SHOWN])}{rest}")
    near = _nearest(_names(folder), wanted)
    if not near:
        raise InputError(f"{folder}: expected results (agents.ndjson, scores.ndjson), got no agent in it")
    raise UsageError(f"no agent {wanted!r} in {folder}; near it: {_quoted(near)}")


def _quoted(names: list[str]) -> str:
    return ", ".join(neutral(name, NAMED) for name in names)


def _names(folder: Path) -> Iterator[str]:
    """Every agent's name: from agents.ndjson, or, where a replay was cut short, from what is there (with repeats)."""
    decoder = msgspec.json.Decoder(_Named)
    complete = folder / "agents.ndjson"
    ended = (folder / SUMMARY).exists()
    found = [complete] if ended else [complete, *(folder / f"{n}.ndjson" for n in ("scores", "evidence", "alerts"))]
    for path in found:
        for line in _holding(path, b'"agent"'):
            try:
                yield decoder.decode(line).agent
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


def _nearest(names: Iterator[str], wanted: str) -> list[str]:
    """The names that share most of their pairs of letters with `wanted`, the nearest first."""
    pairs = _pairs(wanted)

    def nearness(name: str) -> float:
        theirs = _pairs(name)
        return len(pairs & theirs) / len(pairs | theirs)

    best: list[tuple[float, str]] = []
    for name in names:
        entry = (nearness(name), name)
        if entry in best:
            continue
        if len(best) < SHOWN:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    return [name for _, name in sorted(best, key=lambda e: (-e[0], e[1]))]


def _pairs(name: str) -> set[str]:
    padded = f" {name[:200].lower()} "
    return {padded[i : i + 2] for i in range(len(padded) - 1)}


def _needle(agent: str) -> bytes:
    """Bytes that every line of this agent holds, whatever its writer escapes: its quoted name or longest plain part."""
    if re.fullmatch(r"[ !#-.0-\[\]-~]+", agent):
        return f'"{agent}"'.encode()
    parts = re.findall(r"[0-9A-Za-z_.:@=+ -]+", agent)
    return max(parts, key=len, default="").encode()


def _holding(path: Path, needle: bytes) -> Iterator[bytes]:
    """The lines that hold `needle`, without their ends; every line where it is empty."""
    if not path.exists():
        return
    with path.open("rb") as file:
        rest = b""
        skip = False
        while block := file.read(BLOCK):
            whole = rest + block
            cut = whole.rfind(b"\n") + 1
            rest = whole[cut:]
            if skip:
                begin = whole.find(b"\n") + 1
                if not begin:
                    rest = b""
                    continue
                skip = False
            else:
                begin = 0
            yield from _hits(whole, begin, cut, needle)
            if len(rest) > 4 * BLOCK:
                rest, skip = b"", True
        if not skip:
            yield from _hits(rest + b"\n", 0, len(rest) + 1, needle)


def _hits(block: bytes, begin: int, end: int, needle: bytes) -> Iterator[bytes]:
    """Lines of block[begin:end], which ends with a line's end, that hold `needle`."""
    while begin < end:
        hit = block.find(needle, begin, end)
        if hit < 0:
            return
        left = block.rfind(b"\n", begin, hit) + 1 or begin
        right = block.find(b"\n", hit, end)
        if right > left:
            yield block[left:right]
        begin = right + 1
