"""The README is true: its commands run, and print what it says they print.

A fenced block marked `console` holds commands after `$ ` and what they print. `...` stands for what differs from run
to run; as the last line for all that follows. `python -m tests.test_readme` writes the README anew.
"""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import pipeline.detectors
from pipeline.events.codes import KINDS
from pipeline.plugins import discover

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^\| detector \|.*?\n\n", re.MULTILINE | re.DOTALL)
REST = "..."


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines it is said to print."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(lines[0], lines[1:]) for lines in (part.rstrip("\n").split("\n") for part in parts)]


def printed(command: str, folder: Path) -> list[str]:
    """What a command prints, run in `folder` with `agentrisk` on its path."""
    shim = folder / ".bin" / "agentrisk"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline.cli "$@"\n')
    shim.chmod(0o755)
    keep = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={**keep, "PATH": f"{shim.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return [line.rstrip() for line in done.stdout.rstrip("\n").split("\n")] if done.stdout else []


def same(said: str, line: str) -> bool:
    """Whether a line is as it was said, `...` standing for anything."""
    pattern = re.sub(r"[\[\]?*]", "?", said.rstrip()).replace(REST, "*")
    return said.rstrip() == line or (REST in said and fnmatch.fnmatchcase(line, pattern))


def agrees(said: list[str], lines: list[str]) -> bool:
    """Whether what was printed is what was said."""
    if said[-1:] == [REST]:
        said, lines = said[:-1], lines[: len(said) - 1]
    return len(said) == len(lines) and all(map(same, said, lines))


def detectors_table() -> str:
    """The detectors as the README lists them."""
    rows = ["| detector | stream | what it looks for | ATT&CK |", "|---|---|---|---|"]
    for name, part in discover(pipeline.detectors).items():
        stream = "all" if part.KIND is None else KINDS[part.KIND]
        looks_for = " ".join(part.LOOKS_FOR.rstrip(".").split())
        rows.append(f"| `{name}` | {stream} | {looks_for[0].lower()}{looks_for[1:]} | {' '.join(part.ATTACK)} |")
    return "\n".join(rows) + "\n\n"


def test_commands_run_and_print_what_the_readme_says(tmp_path: Path) -> None:
    found = [command for block in BLOCK.findall(README.read_text(encoding="utf-8")) for command in commands(block)]
    assert found
    for command, said in found:
        lines = printed(command, tmp_path)
        assert agrees(said, lines), "\n".join([f"$ {command}", "--- README", *said, "--- printed", *lines[:80]])


def test_the_table_of_detectors_is_complete() -> None:
    assert detectors_table() in README.read_text(encoding="utf-8"), "python -m tests.test_readme writes it anew"


@pytest.mark.parametrize(
    ("said", "lines", "agree"),
    [
        (["a", "..."], ["a", "b", "c"], True),
        (["a", "..."], ["b", "c"], False),
        (["took ... s"], ["took 12 s"], True),
        (["[x] ... s"], ["[x] 12 s"], True),
        (["took ... s"], ["took 12 h"], False),
        (["a"], ["a", "b"], False),
        ([], [], True),
    ],
)
def test_what_counts_as_agreeing(said: list[str], lines: list[str], agree: bool) -> None:
    assert agrees(said, lines) is agree


def anew(text: str, folder: Path) -> str:
    """The README with what is printed now."""

    def block(match: re.Match[str]) -> str:
        out = ["```console"]
        for command, said in commands(match[1]):
            lines = printed(command, folder)
            cut = said[-1:] == [REST]
            lines = lines[: len(said) - 1] if cut else lines
            lines = [old if same(old, new) else new for old, new in zip(said, lines, strict=False)] + lines[len(said) :]
            out += [f"$ {command}", *lines, *([REST] if cut else [])]
        return "\n".join([*out, "```"])

    return TABLE.sub(lambda _: detectors_table(), BLOCK.sub(block, text))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        README.write_text(anew(README.read_text(encoding="utf-8"), Path(made)), encoding="utf-8")
