"""The JSON Schemas of everything that comes in and goes out, as they were installed."""

from __future__ import annotations

from pathlib import Path

import pipeline
from pipeline.errors import UsageError

SUFFIX = ".schema.json"


def folder() -> Path:
    """Where the schemas lie: beside the package's modules once installed, beside the package in its sources."""
    package = Path(pipeline.__file__).resolve().parent
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


def names() -> list[str]:
    """What there is a schema of.

    >>> "event" in names()
    True
    """
    return sorted(path.name.removesuffix(SUFFIX) for path in folder().glob(f"*{SUFFIX}"))


def text(name: str) -> str:
    """The schema of `name` as it is written; UsageError where there is none."""
    if name not in names():
        raise UsageError(f"schema {name!r}: expected one of {', '.join(names())}")
    return (folder() / f"{name}{SUFFIX}").read_text(encoding="utf-8")
