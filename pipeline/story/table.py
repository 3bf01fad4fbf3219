"""The riskiest agents as a table, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.story.drawing import bar, clock
from pipeline.story.event_words import shown
from pipeline.story.telling import COLOURS, level_of, render

CHIEF: Final = 3
"""Terms named for one agent, the largest at its peak."""


def riskiest(
    agents: Sequence[Mapping[str, Any]],
    *,
    alerts: Mapping[str, int] | None = None,
    width: int = 80,
    colour: bool = False,
) -> str:
    """Final records of agents (schemas/agent.json) as a table, in the order given; `alerts` opened, by agent.

    >>> record = {"agent": "lab/a", "ts": 90.0, "score": 40.0, "terms": {"beacon": 4.9, "silence": 0.1},
    ...           "peak": {"score": 55.0, "ts": 60.0, "terms": {"beacon": 5.5}}}
    >>> print(riskiest([record], width=60))
    agent        score           peak  when      chief terms
    ────────────────────────────────────────────────────────────
    lab/a         40.0 ███▎      55.0  00:01:00  beacon +5.5
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("agent", overflow="fold", ratio=3)
    table.add_column("score", no_wrap=True)
    table.add_column("peak", justify="right", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("chief terms", overflow="fold", ratio=4)
    if alerts is not None:
        table.add_column("alerts", justify="right", no_wrap=True)
    for record in agents:
        score, peak = float(record["score"]), record.get("peak") or record
        chief = sorted((t for t in peak["terms"].items() if t[1] >= 0.05), key=lambda t: (-t[1], t[0]))[:CHIEF]
        row: list[str | Text] = [
            shown(record["agent"], 120),
            Text(f"{score:5.1f} ").append(bar(score / 100, 8), style=COLOURS[level_of(score)]),
            Text(f"{peak['score']:.1f}", style=COLOURS[level_of(peak["score"])]),
            clock(peak["ts"]),
            ", ".join(f"{shown(name, 40)} {nats:+.1f}" for name, nats in chief) or "-",
        ]
        table.add_row(*row, *([str(alerts.get(record["agent"], 0))] if alerts is not None else []))
    return render(table, width=width, colour=colour).rstrip("\n")
