"""What the commands print for people, 80 columns wide: the riskiest agents, the account, the detectors, a check."""

from __future__ import annotations

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
from pipeline.config import Config, bare
from pipeline.drawing import clock, span
from pipeline.events.codes import KINDS
from pipeline.plugins import discover
from pipeline.shell.show import neutral

STYLES = {0: "", 50: "yellow", 70: "bright_red", 90: "bold red"}


def table(*columns: tuple[str, str]) -> Table:
    """An empty table; a column is its heading and "left", "right" or "wide" (takes what is left)."""
    made = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading, kind in columns:
        made.add_column(heading, justify="right" if kind == "right" else "left", overflow="fold",
                        no_wrap=kind != "wide", ratio=1 if kind == "wide" else None)
    return made


# ---------------------------------------------------------------- replay


def show_summary(summary: Mapping[str, Any], console: Console, folder: Path | None = None) -> None:
    """The riskiest agents, the account, and how to look further."""
    titles = {name: detector.TITLE for name, detector in discover(pipeline.detectors).items()}
    riskiest = [record for record in summary["riskiest"] if record["peak"]["score"] >= 1]
    if riskiest:
        made = table(("agent", "wide"), ("peak", "right"), ("at (UTC)", "left"), ("now", "right"), ("why, at the peak", "wide"))
        for record in riskiest:
            peak = record["peak"]
            made.add_row(neutral(record["agent"]), Text(f"{peak['score']:.0f}", STYLES[level(peak["score"])]),
                         clock(peak["ts"], date=True)[5:], f"{record['score']:.0f}", reasons(peak["terms"], titles))
        console.print(made)
    else:
        console.print("No agent's score ever rose.")
    console.print()
    levels = summary["levels"]
    console.print(f"{summary['agents']:,} agents; ever reached 50: {levels['50']:,}, 70: {levels['70']:,}, 90: {levels['90']:,}")
    console.print(account_line(summary["account"]))
    for reason, count in list(summary["rejected_by_reason"].items())[:5]:
        console.print(Text(f"  {count:,} x {neutral(reason)}", overflow="fold"))
    console.print(f"{summary['events_per_second']:,.0f} events/s over {span(summary['seconds'])}")
    if folder is not None and riskiest:
        console.print(Text(f"Look further: agentrisk explain {folder} {neutral(riskiest[0]['agent'])}"), soft_wrap=True)


def level(score: float) -> int:
    """The highest level at or below a score.

    >>> level(69.9)
    50
    """
    return max((mark for mark in (50, 70, 90) if score >= mark), default=0)


def reasons(terms: Mapping[str, float], titles: Mapping[str, str]) -> str:
    """The terms that speak, the strongest first.

    >>> reasons({"probing": 2.0, "pool_session": 5.1, "agreement": 0.0}, {"pool_session": "mining pool session"})
    'mining pool session 5.1, probing 2.0'
    """
    spoken = sorted(((nats, name) for name, nats in terms.items() if nats >= 0.05), reverse=True)
    return ", ".join(f"{titles.get(name, name)} {nats:.1f}" for nats, name in spoken)


def account_line(account: Mapping[str, Any]) -> str:
    """The account in one line.

    >>> account_line({"read": 1200, "scored": 1190, "rejected": 7, "late": 3})
    'read 1,200 = scored 1,190 + rejected 7 + late 3'
    """
    return "read {read:,} = scored {scored:,} + rejected {rejected:,} + late {late:,}".format(**account)


# ---------------------------------------------------------------- check


def show_check(found: Mapping[str, Any], console: Console) -> None:
    """What was read from each input, and what was rejected."""
    made = table(("input", "wide"), *((kind, "right") for kind in KINDS), ("registry", "right"), ("rejected", "right"),
                 ("bytes", "right"))
    for entry in found["inputs"]:
        made.add_row(neutral(entry["source"]), *(f"{entry[kind]:,}" for kind in (*KINDS, "registry", "rejected", "bytes")))
    console.print(made)
    for entry in found["rejected"]:
        console.print(Text(f"{entry['count']:,} x {neutral(entry['reason'])}"))
        console.print(Text(f"    first: {neutral(entry['source'])}, {entry['position']}: {neutral(entry['raw'])[:200]}"))


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
                field.name: {
                    "value": msgspec.to_builtins(getattr(config.detectors[name], field.name)),
                    "about": " ".join(note.description for note in bare(field.type)[1] if note.description),
                }
                for field in msgspec.structs.fields(detector.Settings)
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
            console.print(wrapped(f"{setting} = {said['value']}: {' '.join(said['about'].split())}", 4))
        console.print()


def wrapped(words: str, indent: int) -> Padding:
    """A paragraph with an indent."""
    return Padding(Text(words), (0, 0, 0, indent))
