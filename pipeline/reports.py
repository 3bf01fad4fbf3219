"""What the commands print for people, 80 columns wide: a replay's end, a check, the detectors."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import rich.box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import pipeline.detectors
from pipeline.config import Config, about, types_of
from pipeline.events.codes import KINDS
from pipeline.plugins import discover
from pipeline.shell.show import neutral
from pipeline.sinks._gate import redact_row
from pipeline.story.drawing import printable, span
from pipeline.story.table import riskiest

RAW = 200
"""Characters of a rejected row that are shown."""

REASONS = 5
"""Kinds of rejection that the end of a replay names; `agentrisk check` shows all."""


def table(*columns: tuple[str, str]) -> Table:
    """An empty table; a column is its heading and "left", "right" or "wide" (takes what is left)."""
    made = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading, kind in columns:
        made.add_column(
            heading,
            justify="right" if kind == "right" else "left",
            overflow="fold",
            no_wrap=kind != "wide",
            ratio=1 if kind == "wide" else None,
        )
    return made


# ---------------------------------------------------------------- replay


def show_summary(summary: Mapping[str, Any], console: Console, folder: Path | None = None) -> None:
    """The riskiest agents, the account, and how to look further."""
    risen = [record for record in summary["riskiest"] if record["peak"]["score"] >= 1]
    if risen:
        drawn = riskiest(risen, width=console.width, colour=console.is_terminal and not console.no_color)
        console.file.write(printable(drawn, console.encoding) + "\n")
    else:
        console.print("No agent's score rose.")
    levels = summary["levels"]
    console.print()
    console.print(
        f"{summary['agents']:,} agents; scores that ever reached 50: {levels['50']:,}, 70: {levels['70']:,}, "
        f"90: {levels['90']:,}"
    )
    console.print(account_line(summary["account"]))
    for reason, count in list(summary["rejected_by_reason"].items())[:REASONS]:
        console.print(wrapped(f"{count:,} x {neutral(reason)}", 2))
    console.print(f"{summary['events_per_second']:,.0f} events/s, {span(summary['seconds'])} in all")
    if folder is not None and risen:
        worst = shlex.quote(neutral(risen[0]["agent"]))
        console.print(Text(f"Look further: agentrisk explain {shlex.quote(str(folder))} {worst}"), soft_wrap=True)


def account_line(account: Mapping[str, Any]) -> str:
    """The account in one line.

    >>> account_line({"read": 1200, "scored": 1190, "rejected": 7, "late": 3})
    'read 1,200 = scored 1,190 + rejected 7 + late 3'
    """
    return "read {read:,} = scored {scored:,} + rejected {rejected:,} + late {late:,}".format(**account)


# ---------------------------------------------------------------- check


def show_check(found: Mapping[str, Any], console: Console) -> None:
    """What was read from each input, and what was rejected."""
    made = table(
        ("input", "wide"),
        *((kind, "right") for kind in KINDS),
        ("registry", "right"),
        ("rejected", "right"),
        ("bytes", "right"),
    )
    for entry in found["inputs"]:
        made.add_row(
            neutral(entry["source"]), *(f"{entry[kind]:,}" for kind in (*KINDS, "registry", "rejected", "bytes"))
        )
    console.print(made)
    if found["registry"]["files"]:
        console.print(
            Text(
                f"registry: {found['registry']['entries']:,} entries in "
                f"{', '.join(map(neutral, found['registry']['files']))}"
            )
        )
    for entry in found["rejected"]:
        console.print(Text(f"{entry['count']:,} x {neutral(entry['reason'])}"))
        first = f"first: {neutral(entry['source'])}, {entry['position']}: {neutral(redact_row(entry['raw']), RAW)}"
        console.print(wrapped(first, 4))
    for entry in found["skipped"]:
        console.print(Text(f"not read: {neutral(entry['source'])}: {neutral(entry['reason'])}"))
    console.print("read {read:,} = accepted {accepted:,} + rejected {rejected:,}".format(**found["account"]))


# ---------------------------------------------------------------- detectors


def detectors(config: Config) -> dict[str, dict[str, Any]]:
    """What each detector looks for, by its name, with its settings in force."""
    return {
        name: {
            "title": detector.TITLE,
            "looks_for": detector.LOOKS_FOR,
            "modality": None if detector.KIND is None else KINDS[detector.KIND],
            "story": detector.STORY,
            "attack": list(detector.ATTACK),
            "settings": {
                key: {"value": msgspec.to_builtins(getattr(config.detectors[name], key)), "about": about(annotation)}
                for key, annotation in types_of(detector.Settings).items()
            },
        }
        for name, detector in discover(pipeline.detectors).items()
    }


def show_detectors(found: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """The detectors, one after another."""
    for name, entry in found.items():
        heading = Text(name, "bold")
        heading.append(f"  {entry['modality'] or 'all streams'}, {' '.join(entry['attack'])}", "not bold")
        console.print(heading)
        console.print(wrapped(f"{entry['title']}: {entry['looks_for']}", 2))
        for setting, said in entry["settings"].items():
            console.print(wrapped(f"{setting} = {said['value']}: {said['about']}", 4))
        console.print()


def wrapped(words: str, indent: int) -> Padding:
    """A paragraph with an indent."""
    return Padding(Text(words), (0, 0, 0, indent))
