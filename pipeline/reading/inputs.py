"""From the paths of a command line to batches: which files are read, as what, and their rows block by block.

    events.ndjson .jsonl .json, each also .gz .zst      lines of events (formats that have decode_lines)
    events.parquet                                      a file that is read as a whole (formats that have read)
    a folder                                            all of these in it, however deep, in the order of their names
    -                                                   standard input, lines of native events

A file whose first line is a registry entry is read before all others and gives the registry.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

import pipeline.formats
from pipeline.errors import InputError, RejectedError
from pipeline.events.batch import Batch
from pipeline.formats import ROOM, Decoded, Rejected, native
from pipeline.formats._documents import lay_flat
from pipeline.plugins import discover
from pipeline.reading.reader import Reader, Settings, Shares, Source
from pipeline.reading.unpacking import PACKINGS, Stream

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

STDIN: Final = "-"
OTHER_FILES: Final = 256
"""Files that are open beside the inputs: libraries, sinks, sockets."""

HEAD_BYTES: Final = 1 << 16
"""How much of a file is looked at to tell what it is."""


class Skipped(NamedTuple):
    """A file that is not read, and why."""

    name: str
    reason: str


class Found(NamedTuple):
    """What a command line's paths are.

    names     of all inputs, registry files included: `source` of a row is an index into it
    sources   those that hold events
    registry  entries of the files that begin with one, in their order
    rejected  what could not be read of those files
    skipped   files that are not read
    """

    names: list[str]
    sources: list[Source]
    registry: list[dict[str, Any]]
    rejected: list[Rejected]
    skipped: list[Skipped]


def find(paths: Sequence[str], settings: Settings | None = None) -> Found:
    """Look at every path before any work; InputError names each that is missing, unreadable or of an unknown format."""
    settings = settings or Settings()
    found = Found([], [], [], [], [])
    problems: list[str] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path == STDIN:
            if STDIN in found.names or sys.stdin is None:
                got = "it closed" if sys.stdin is None else "it named twice"
                problems.append(f"expected events on the standard input, got {got}")
                continue
            found.sources.append(Source(len(found.names), STDIN, None, native))
            found.names.append(STDIN)
            continue
        try:
            if Path(path).is_dir():
                take_folder(path, found, seen, settings, problems)
            else:
                skipped = take_file(path, found, seen, settings)
                if skipped is not None:
                    problems.append(f"expected events in {path}, got {skipped}")
        except (OSError, InputError) as error:
            problems.append(unreadable(path, error))
    if len(found.sources) > 1:
        for source in found.sources:
            try:
                look_at_first(source)
            except (OSError, InputError) as error:
                problems.append(unreadable(source.name, error))
    if not problems and not found.names:
        problems.append(f"expected a file of events in {', '.join(paths) or 'INPUT'}, got none")
    if problems:
        raise InputError("; ".join(problems))
    allow_open(len(found.sources))
    return found


def allow_open(files: int) -> None:
    """Ask the system to let as many files be open at once, as far as it does."""
    if resource is None:
        return
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + OTHER_FILES if most == resource.RLIM_INFINITY else min(most, files + OTHER_FILES)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def take_folder(
    folder: str, found: Found, seen: set[tuple[int, int]], settings: Settings, problems: list[str]
) -> None:
    """Take every file of a folder that is of a known format."""

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            try:
                skipped = not_events(path) or take_file(path, found, seen, settings)
            except (OSError, InputError) as error:
                problems.append(unreadable(path, error))
                continue
            if skipped is not None:
                found.skipped.append(Skipped(path, skipped))


def not_events(path: str) -> str | None:
    """Why a file of a folder holds no events, where its name or kind tells; a pipe is read only where it is named."""
    if by_name(path) is None:
        return f"a file that does not end in {', '.join(suffixes())}"
    return None if stat.S_ISREG(os.stat(path).st_mode) else "not a regular file"


def take_file(path: str, found: Found, seen: set[tuple[int, int]], settings: Settings) -> str | None:
    """Take a file as a source or as registry; why it is neither, if so."""
    status = os.stat(path)
    if (status.st_dev, status.st_ino) in seen:
        return "a file that was named before"
    source = Source(len(found.names), path, Path(path), native)
    if stat.S_ISREG(status.st_mode):
        source.size = status.st_size
        told = by_name(path)
        if told is None:
            return f"a file that does not end in {', '.join(suffixes())}"
        source.format, source.packing = told
        skipped = look_at(source, found, settings)
        if skipped is not None:
            return skipped
    elif not stat.S_ISFIFO(status.st_mode):
        return "neither a file nor a pipe"
    else:
        found.sources.append(source)
    found.names.append(path)
    seen.add((status.st_dev, status.st_ino))
    return None


def look_at(source: Source, found: Found, settings: Settings) -> str | None:
    """Look at a file's head: a registry, a source of events, or neither (why)."""
    assert source.path is not None
    if not hasattr(source.format, "decode_lines"):
        source.rows = source.format.count_rows(source.path)
        found.sources.append(source)
        return None
    with open(source.path, "rb") as file:
        head, whole = read_head(PACKINGS[source.packing](file))
    if source.format is native:
        source.document = is_document(head)
        head = lay_flat(head) if source.document else head
    first, _, rest = head.lstrip().partition(b"\n")
    if source.format is native and is_other_json(source.name, first, whole and not rest.strip(), source.document):
        return "a JSON document that is not an event"
    decoded = source.format.decode(first, source.index, 1)
    if decoded.registry and not len(decoded.batch):
        if read_registry(source, found, settings):
            return None
    else:
        source.begins = first_ts(decoded.batch)
        if source.begins is None:
            lines = head if whole else head[: head.rfind(b"\n") + 1]
            source.begins = first_ts(decode_bytes(source.format, lines, source.index))
    found.sources.append(source)
    return None


def look_at_first(source: Source) -> None:
    """Find out when a file begins that is not lines; it costs a page of each of its columns."""
    if source.path is not None and not hasattr(source.format, "decode_lines"):
        first = next(iter(source.format.read(source.path, source.index, 1)), None)
        source.begins = first_ts(first.batch) if first is not None else None


def read_registry(source: Source, found: Found, settings: Settings) -> bool:
    """Take registry entries up to the first event; whether the file holds nothing else."""
    rejected: list[Rejected] = []
    for decoded in Reader(source, Shares(settings)):
        found.registry.extend(decoded.registry)
        rejected.extend(decoded.rejected)
        if len(decoded.batch):
            return False
    found.rejected.extend(rejected)
    return True


def unreadable(path: str, error: OSError | InputError) -> str:
    """The sentence about a path that cannot be read."""
    if isinstance(error, InputError):
        return str(error)
    return f"expected a file or folder that can be read, got {path}: {error.strerror or error}"


def by_name(path: str) -> tuple[ModuleType, str] | None:
    """Which format a file's name tells, and how it is packed.

    >>> module, packing = by_name("a/events.NDJSON.zst")
    >>> module.TITLE, packing
    ('native events as JSON', '.zst')
    """
    name = os.path.basename(path).lower()
    packing = next((p for p in PACKINGS if p and name.endswith(p)), "")
    name = name.removesuffix(packing)
    for module in discover(pipeline.formats).values():
        if name.endswith(module.SUFFIXES) and (not packing or hasattr(module, "decode_lines")):
            return module, packing
    return None


def suffixes() -> list[str]:
    """How the names of files that can be read end, packing aside."""
    return [suffix for module in discover(pipeline.formats).values() for suffix in module.SUFFIXES]


def read_head(stream: Stream) -> tuple[bytes, bool]:
    """The first bytes of a stream, and whether they are all of it."""
    room = memoryview(bytearray(HEAD_BYTES + 1))
    filled = 0
    while filled <= HEAD_BYTES:
        try:
            got = stream.fill(room[filled:])
        except RejectedError:
            break
        if got == 0:
            break
        filled += got
    head = bytes(room[: min(filled, HEAD_BYTES)])
    return head.removeprefix(b"\xef\xbb\xbf"), filled <= HEAD_BYTES


def is_document(head: bytes) -> bool:
    """Whether JSON does not keep to one object a line: an array, or objects over several lines.

    >>> is_document(b'[{"a": 1}]'), is_document(b'{\\n "a": 1}'), is_document(b'{"a": 1}\\n{"a"')
    (True, True, False)
    """
    first, _, rest = head.lstrip().partition(b"\n")
    if first[:1] == b"[":
        return True
    if first[:1] != b"{" or not rest.strip() or rest.lstrip()[:1] == b"{":
        return False
    return object_in(first) is None


def is_other_json(name: str, first: bytes, alone: bool, document: bool) -> bool:
    """Whether a .json file is one object that says nothing of any agent, such as the description of a data set.

    >>> is_other_json("meta.json", b'{"licence": "MIT"}', True, False), is_other_json("a.jsonl", b"{}", True, False)
    (True, False)
    """
    if not name.lower().endswith((".json", *(f".json{packing}" for packing in PACKINGS))):
        return False
    row = object_in(first)
    return "agent" not in row and alone if row is not None else document and not alone


def object_in(text: bytes) -> dict[str, Any] | None:
    """The JSON object that a text is, if it is one."""
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def decode_bytes(module: ModuleType, lines: bytes, source: int) -> Batch:
    """The rows of whole lines."""
    data = np.empty(len(lines) + ROOM, np.uint8)
    data[: len(lines)] = np.frombuffer(lines, np.uint8)
    decoded: Decoded = module.decode_lines(data, len(lines), source, 1)
    return decoded.batch


def first_ts(batch: Batch) -> int | None:
    """The time of the first row, µs; None where there is none."""
    if not len(batch):
        return None
    part = batch.parts[int(batch.kind[0])]
    assert part is not None
    return int(part.common.ts[int(batch.row[0])])
