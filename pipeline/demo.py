"""A small synthetic lab, replayed through the walk, and told: what a new user sees first.

DIR/lab/     registry, flows, gpu, commands: what the made-up sensors recorded
DIR/result/  what `agentrisk replay` made of it; `agentrisk explain DIR/result AGENT` looks further
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final, TextIO

import orjson
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pipeline import config, replay
from pipeline.errors import UsageError
from pipeline.lab.cast import Lab, play, write
from pipeline.story import story, telling
from pipeline.story.drawing import printable, span
from pipeline.story.table import riskiest

SHOWN: Final = 10
"""Agents in the table."""

OURS: Final = frozenset({"lab", "result"})

NOTICE: Final = (
    "This lab is SYNTHETIC: a program made up its agents, commands, flows and GPU samples, from one seed. One agent "
    "does what an agent did in the incident of arXiv 2512.24873 (section 3.1.4), as a reconstruction; some look like "
    "it and are innocent. It shows how agentrisk works, not how well.\n"
)


def show(out: Path | None, console: Console, progress: TextIO | None = sys.stderr) -> Path:
    """Make the lab, replay it, and print the riskiest agents and the worst one's story; the folder that holds it all.

    `out` is a folder that is new, empty or an earlier demo's (UsageError where not); without it a new temporary one.
    """
    folder = _folder(out)
    width, colour = console.width, console.is_terminal and not console.no_color

    def say(text: str) -> None:
        console.file.write(printable(text, console.encoding) + "\n")

    say(telling.render(NOTICE, width=width, colour=colour))
    lab = play()
    files = write(lab, folder / "lab")
    first, last = lab.span
    say(f"{len(lab.sandboxes)} agents, {lab.events:,} events in {span(last - first)} of event time, kept in {folder}\n")
    console.file.flush()
    result = folder / "result"
    summary = replay.run(
        [str(folder / "lab")],
        config=config.load(None, {}),
        sinks=[f"files={result}"],
        replace=True,
        progress=progress,
    )
    worst = summary["riskiest"][0]["agent"]
    say("The riskiest agents, by their peak\n")
    say(riskiest(summary["riskiest"][:SHOWN], width=width, colour=colour))
    say(f"\n{_truth(lab, result, width, colour)}")
    say(f"The story of {worst}\n")
    say(telling.tell(story.read(result, worst), width=width, colour=colour))
    say(f"Replayed {summary['account']['read']:,} events in {span(summary['seconds'])}. Look further:\n")
    say(f"  agentrisk explain {result} AGENT")
    say(f"  agentrisk replay {files['flows'].parent} --out RESULT")
    return folder


def _folder(out: Path | None) -> Path:
    """Where everything goes."""
    if out is None:
        return Path(tempfile.mkdtemp(prefix="agentrisk-demo-"))
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: expected a folder, got a file")
    strange = sorted(entry.name for entry in out.iterdir() if entry.name not in OURS) if out.exists() else []
    if strange:
        raise UsageError(f"{out}: expected a new, empty or earlier demo's folder, got one with {strange[0]!r}")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _truth(lab: Lab, result: Path, width: int, colour: bool) -> str:
    """Who was meant to be found, and how the innocent ones that look like it came out."""
    peaks: dict[str, float] = {}
    with (result / "agents.ndjson").open("rb") as lines:
        for line in lines:
            record: dict[str, Any] = orjson.loads(line)
            peaks[record["agent"]] = record["peak"]["score"]
    grid = Table.grid(padding=(0, 2))
    for name, peak, what in [
        (lab.guilty, peaks[lab.guilty], "The one that misbehaves"),
        *((agent, peaks[agent], f"Innocent: {what[0].lower()}{what[1:]}") for agent, what in lab.lookalikes.items()),
    ]:
        grid.add_row(name, f"{peak:5.1f}", what)
    return telling.render(Group("What the lab knows, and the peaks", Text(), grid), width=width, colour=colour)
