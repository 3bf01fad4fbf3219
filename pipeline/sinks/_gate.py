"""The one gate through which every record leaves: commands without secrets, no control character, then JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pipeline.shell.redact import redact
from pipeline.shell.show import neutral

WRITTEN_BY_THE_AGENT = frozenset({"command", "raw", "words"})
"""Fields that hold a command or quote one."""

_PLAIN = re.compile(rb"[\x20-\x5b\x5d-\x7e]*")
"""JSON in which nothing is escaped and nothing is beyond ASCII."""


def line(record: Mapping[str, Any]) -> bytes:
    """One record as a line of JSON.

    >>> line({"agent": "lab/a", "score": 1.5})
    b'{"agent":"lab/a","score":1.5}\\n'
    >>> line({"agent": "lab/\\x1b[2Ja"}).isascii()
    True
    """
    if not WRITTEN_BY_THE_AGENT.intersection(record):
        try:
            plain = orjson.dumps(record)
        except TypeError:
            pass
        else:
            if _PLAIN.fullmatch(plain) and not _NESTED.search(plain):
                return plain + b"\n"
    return orjson.dumps(clean(record)) + b"\n"


_NESTED = re.compile(rb'"(?:%s)":' % b"|".join(name.encode() for name in sorted(WRITTEN_BY_THE_AGENT)))


def lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as NDJSON."""
    return b"".join(map(line, records))


def clean(value: Any, name: str = "") -> Any:
    """The same value with every string made safe to keep and to show; `name` is the field in which it stands."""
    if isinstance(value, str):
        return neutral(redact(value) if name in WRITTEN_BY_THE_AGENT else value)
    if isinstance(value, Mapping):
        return {neutral(str(key)): clean(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(inner, name) for inner in value]
    return value
