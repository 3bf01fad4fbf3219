"""Imports run one way, as DESIGN Law 7 says; read from the sources."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).resolve().parent

FLOORS = (
    {"errors", "__init__"},
    {"shell", "kernels", "events", "plugins"},
    {"detectors", "risk", "alerts", "registry", "commands", "causes", "admission"},
    {
        "outcome",
        "scorer",
        "state",
        "sinks",
        "formats",
        "config",
        "kafka_settings",
        "reading",
    },
    {
        "cli",
        "live",
        "replay",
        "warming",
        "progress",
        "demo",
        "lab",
        "story",
        "reports",
        "contracts",
    },
)
"""From the ground up: a module imports from its own floor and from those below."""

PURE = (
    "events",
    "kernels",
    "shell",
    "detectors",
    "risk",
    "alerts",
    "registry",
    "commands",
    "causes",
    "admission",
    "scorer",
    "formats",
    "state",
)
"""Between bytes and records: no clock, socket, thread, subprocess or randomness."""

IMPURE = {"time", "socket", "random", "secrets", "subprocess", "threading", "asyncio", "urllib", "http", "requests"}

FILES = sorted(PACKAGE.rglob("*.py"))


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for path in FILES}


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def imported(path: Path, package: str = "") -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            source = node.module or ""
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                found.add(whole if whole in MODULES else source)
    return found


def floor(name: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room(name) in rooms)


@pytest.mark.parametrize("path", FILES, ids=module)
def test_every_module_has_a_floor_and_imports_from_it_or_below(path: Path) -> None:
    assert any(room(module(path)) in rooms for rooms in FLOORS), f"say in FLOORS where {module(path)} belongs"
    above = {other for other in imported(path) & MODULES if floor(other) > floor(module(path))}
    assert not above, f"{module(path)} imports from above itself: {sorted(above)}"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module(path): (imported(path) & MODULES) - {module(path), "pipeline"} for path in FILES}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", [path for path in FILES if room(module(path)) in PURE], ids=module)
def test_nothing_between_formats_and_sinks_can_reach_a_clock_a_socket_or_chance(path: Path) -> None:
    reached = {other.split(".")[0] for other in imported(path)} & IMPURE
    assert not reached, f"{module(path)} imports {sorted(reached)}"


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not {path.stem for path in FILES} & {"core", "base", "utils", "util", "common", "helpers", "manager"}
