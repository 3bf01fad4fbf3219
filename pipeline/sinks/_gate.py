"""The one gate through which every record leaves: commands without secrets, no control character, then JSON."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from pipeline.shell.redact import redact
from pipeline.shell.show import neutral

COMMANDS: Final = frozenset({"command", "words", "reason"})
"""Fields that hold a command, or may quote one."""

ROW: Final = "raw"
"""The field that holds a row as it came: JSON perhaps, whole or cut, with commands somewhere in it."""

LONGEST: Final = 1 << 16
"""Characters of a string that leave; what is longer loses its middle."""

SHORT: Final = 32
"""Characters of a piece of a row that may come often."""

REMEMBERED: Final = 1 << 12
"""Such pieces that are remembered."""

_PLAIN = re.compile(rb"[\x20-\x5b\x5d-\x7e]*")
"""JSON in which nothing is escaped and nothing is beyond ASCII."""

_PLAIN_LINES = re.compile(rb"[\n\x20-\x5b\x5d-\x7e]*")
"""Lines of it: a line end within a string is escaped."""

_READ = re.compile(rb'"(?:%s)":' % b"|".join(name.encode() for name in sorted({*COMMANDS, ROW})))

_BETWEEN_QUOTES = re.compile(r'(?:[^"\\]|\\.)+', re.DOTALL)


def line(record: Mapping[str, Any]) -> bytes:
    """One record as a line of JSON.

    >>> line({"agent": "lab/a", "score": 1.5})
    b'{"agent":"lab/a","score":1.5}\\n'
    >>> line({"agent": "lab/\\x1b[2Ja"}).isascii()
    True
    """
    try:
        plain = orjson.dumps(record)
    except TypeError:
        plain = b"\\"
    if not _PLAIN.fullmatch(plain) or _READ.search(plain):
        plain = orjson.dumps(clean(record))
    return plain + b"\n"


def lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as NDJSON: looked at together where all of them are plain, as most are."""
    records = list(records)
    try:
        plain = b"".join([orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records])
    except TypeError:
        plain = b""
    if plain and _PLAIN_LINES.fullmatch(plain) and not _READ.search(plain):
        return plain
    return b"".join(map(line, records))


def clean(value: Any, name: str = "") -> Any:
    """The same value with every string made safe to keep and to show; `name` is the field in which it stands."""
    if isinstance(value, str):
        if name in COMMANDS:
            value = redact(value)
        elif name == ROW:
            value = redact_row(value)
        return neutral(value, LONGEST)
    if isinstance(value, Mapping):
        return {neutral(str(key), LONGEST): clean(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(inner, name) for inner in value]
    return value


def redact_row(row: str) -> str:
    """A row without secrets: those of each of its strings, then those of the whole. It need not be well-formed.

    >>> redact_row('{"command": "mysql -phunter2", "ts": nul')
    '{"command": "mysql -p[redacted]", "ts": nul'
    """


    def redacted(piece: re.Match[str]) -> str:
        return _often(piece[0]) if len(piece[0]) < SHORT else _piece(piece[0])

    return redact(_BETWEEN_QUOTES.sub(redacted, row))


def _piece(piece: str) -> str:
    """What stands between two quotes of a row, without secrets."""
    try:
        said = orjson.loads(f'"{piece}"')
    except ValueError:
        return redact(piece)
    without = redact(said)
    return piece if without == said else orjson.dumps(without).decode()[1:-1]


_often = functools.lru_cache(REMEMBERED)(_piece)
"""Most of a row is names of fields and what stands between them: the same in every row."""
