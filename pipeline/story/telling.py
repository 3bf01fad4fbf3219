"""A story in words: for a terminal of any width, with colour or without.

    head        who, how it stands, how it stood at its peak, what was seen of it
    plot        its score over time; under it when evidence came in, by modality, and what became of alerts
    terms       what the score is made of, in nats, now and at its peak, and that it adds up
    time line   each piece of evidence with what it rests on and the commands that came just before it

What an agent wrote is made harmless here once more, since a file can be changed after it was written.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.story.drawing import LEVELS, balance, bar, clock, plot, span
from pipeline.story.event_words import WRITTEN, rests_on, shown
from pipeline.story.story import REASONS, Fold, Standing, Story
from pipeline.story.written import Alert, Cause

COLOURS: Final = {90: "bold red", 70: "red", 50: "yellow", 0: "green"}
CHANGES: Final = {"opened": "○", "raised": "↑", "closed": "↓"}

CAUSES: Final = 3
"""Commands shown before a piece of evidence."""

QUIET_S: Final = 300.0
"""s of silence of a modality, while another goes on, that are worth a word."""

BRIEF: Final = 120
"""Characters shown of a command that is not the first named."""


def tell(story: Story, *, width: int = 80, colour: bool = False, most: int = 40) -> str:
    """The whole story as text, lines of `width` cells at most; the `most` strongest pieces of evidence stand in it."""
    parts: list[RenderableType] = [_head(story), Text()]
    if story.scores and story.first_ts is not None and story.last_ts is not None:
        parts += [_section("Score over time"), _plot(story, width), Text()]
    if story.now is not None:
        parts += [_section("What the score is made of, in nats"), *_terms(story, story.now, width)]
        parts.append(Text())
    parts += [_section("Time line"), *_timeline(story, most)]
    return render(Group(*parts), width=width, colour=colour)


def render(what: RenderableType, *, width: int = 80, colour: bool = False) -> str:
    """Lay something out for a terminal that is `width` cells wide."""
    out = io.StringIO()
    console = Console(
        file=out, width=max(width, 40), force_terminal=colour, color_system="standard" if colour else None,
        no_color=not colour, highlight=False, markup=False, emoji=False, soft_wrap=False, legacy_windows=False,
        _environ={},
    )  # fmt: skip
    console.print(what)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def level_of(score: float) -> int:
    """The highest level that a score reaches, 0 below all of them."""
    return max((level for level in LEVELS if score >= level), default=0)


def _section(title: str) -> Text:
    return Text(title, style="bold")


def _head(story: Story) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    who = Text(shown(story.agent, 200), style="bold")
    for name, value in (("run", story.run), ("episode", story.episode)):
        if value:
            who.append(f"   {name} {shown(value, 80)}", style="not bold")
    grid.add_row("agent", who)
    if story.now is None:
        grid.add_row("score", "none was written")
    else:
        level = f"level {story.level}" if story.level else "below all levels"
        grid.add_row("score now", _standing(story.now.ts, story.now.score).append(f", {level}"))
        if story.highest is not None:
            grid.add_row("peak", _standing(*story.highest))
    if story.seen and story.now is not None:
        end = max(story.seen.values())
        grid.add_row("seen", "; ".join(f"{shown(m, 20)} until {_until(ts, end)}" for m, ts in story.seen.items()))
    alerts = [entry for entry in story.timeline if isinstance(entry, Alert)]
    grid.add_row("alerts", _alerts(alerts) if alerts else "none")
    if story.unreadable:
        grid.add_row("beware", f"{story.unreadable} lines about this agent could not be read and are not told here")
    return grid


def _standing(ts: float, score: float) -> Text:
    text = Text(f"{score:5.1f} ", style=COLOURS[level_of(score)])
    text.append(bar(score / 100, 20))
    return text.append(f" at {clock(ts, date=True)} UTC", style="default not bold")


def _until(ts: float, end: float) -> str:
    return clock(ts) + (f", silent for the last {span(end - ts)}" if end - ts > QUIET_S else "")


def _alerts(alerts: list[Alert]) -> str:
    last = alerts[-1]
    opened = sum(alert.change == "opened" for alert in alerts)
    state = (
        f"closed {clock(last.ts)}" if last.change == "closed" else f"open, at level {last.level} since {clock(last.ts)}"
    )
    return f"{opened} opened; the last is {state}"


def _plot(story: Story, width: int) -> Text:
    evidence = [entry for entry in story.timeline if isinstance(entry, Fold)]
    lanes = [
        (name, [(at, "▲") for fold in evidence if fold.modality == name for at in (fold.ts, fold.until)])
        for name in ("command", "flow", "gpu")
    ]
    changes = [(a.ts, CHANGES.get(a.change, "○")) for a in story.timeline if isinstance(a, Alert)]
    drawn = plot(
        story.scores, story.first_ts or 0.0, story.last_ts or 0.0, width=max(width, 40),
        lanes=[*((name, marks) for name, marks in lanes if marks), *([("alerts", changes)] if changes else [])],
    )  # fmt: skip
    text = Text()
    for row, line in enumerate(drawn.split("\n")):
        text.append("\n" if row else "")
        text.append(line, style=COLOURS[level_of(100 - 10 * row - 1)] if row < 5 else "")
    text.append(f"\n         times are UTC, {clock(story.first_ts or 0.0, date=True)[:10]}")
    text.append("; ▲ evidence" if evidence else "").append("; ○ opened ↑ raised ↓ closed" if changes else "")
    return text


def _terms(story: Story, now: Standing, width: int) -> Iterable[RenderableType]:
    peak = story.peak or now
    title = "at its peak" if story.highest is None or story.highest[1] - peak.score < 0.05 else "highest written"
    same = (now.terms, now.prior) == (peak.terms, peak.prior)
    names = sorted(
        now.terms.keys() | peak.terms.keys(), key=lambda n: (-peak.terms.get(n, 0.0), -now.terms.get(n, 0.0), n)
    )
    sides = [("now", now)] if same else [("now", now), (title, peak)]
    low = min(0.0, *(v for _, s in sides for v in (s.prior, s.logit, *s.terms.values())))
    high = max(0.0, *(v for _, s in sides for v in (s.prior, s.logit, *s.terms.values())))
    cells = min(max((width - 22 - 11 * len(sides)) // len(sides), 9), 40)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("term", overflow="fold", max_width=20)
    for side, standing in sides:
        table.add_column(Text(side), justify="right", no_wrap=True)
        table.add_column(Text(clock(standing.ts)), no_wrap=True)
    rows: list[tuple[str, list[float | None]]] = [("prior", [s.prior for _, s in sides])]
    rows += [(shown(name, 40), [s.terms.get(name) for _, s in sides]) for name in names]
    for name, values in rows:
        table.add_row(name, *_cells(values, low, high, cells))
    table.add_section()
    table.add_row("sum", *_cells([s.logit for _, s in sides], low, high, cells), style="bold")
    yield table
    for side, standing in sides:
        yield Padding(Text(_sum(f"{side} and {title}" if same else side, standing)), (0, 0, 0, 1))


def _cells(values: list[float | None], low: float, high: float, cells: int) -> Iterable[Text]:
    for value in values:
        style = "red" if value and value > 0 else "green"
        yield Text("" if value is None else f"{value:+.2f}")
        yield Text(balance(value or 0.0, low, high, cells), style=style)


def _sum(title: str, standing: Standing) -> str:
    """The terms written out as a sum, and the probability that it stands for.

    >>> _sum("now", Standing(0.0, 50.0, -5.3, {"pool_session": 5.3}, 0.0))
    'now: -5.30 + 5.30 = 0.00 nats; 1 / (1 + e^-(0.00)) = 50.0%'
    """
    total = standing.prior + sum(standing.terms.values())
    parts = f"{standing.prior:.2f}" + "".join(
        f" {'-' if value < 0 else '+'} {abs(value):.2f}" for value in standing.terms.values()
    )
    said = "" if abs(total - standing.logit) < 0.01 else f" (but {standing.logit:.2f} was written)"
    logit = round(total, 2) + 0.0
    return f"{title}: {parts} = {logit:.2f} nats{said}; 1 / (1 + e^-({logit:.2f})) = {percent(standing.score)}%"


def percent(score: float) -> str:
    """A score with as many digits as keep it from 0 and 100.

    >>> percent(97.62), percent(99.99995), percent(100.0)
    ('97.6', '99.99995', '100.0')
    """
    left = min(score, 100 - score)
    digits = 1 if left <= 0 else min(max(1, -math.floor(math.log10(left))), 9)
    return f"{score:.{digits}f}"


def _timeline(story: Story, most: int) -> Iterable[RenderableType]:
    folds = sorted((e for e in story.timeline if isinstance(e, Fold)), key=lambda f: (-f.strength, f.ts))[:most]
    told = {id(fold) for fold in folds}
    if not story.timeline:
        yield Text("  nothing suspicious was found")
        return
    day = ""
    changes = 0
    for entry in story.timeline:
        if isinstance(entry, Alert):
            changes += 1
            if changes > 2 * most:
                continue
        elif id(entry) not in told:
            continue
        if (today := clock(entry.ts, date=True).partition(" ")[0]) != day:
            day = today
            yield Text(f"  {day} UTC", style="bold")
        yield _alert(entry) if isinstance(entry, Alert) else _fold(entry)
    hidden = sum(isinstance(e, Fold) for e in story.timeline) - len(folds) + max(changes - 2 * most, 0)
    if hidden:
        yield Text(f"  {hidden:,} weaker entries are not shown; --json has them")
    if story.left_out:
        yield Text(f"  {story.left_out:,} more, the weakest, were not kept")


def _row(at: str, mark: Text, *body: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=8, no_wrap=True)
    grid.add_column(width=1, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(at, mark, Group(*body))
    return grid


def _alert(alert: Alert) -> Table:
    style = COLOURS.get(alert.level, "")
    line = Text(f"alert {alert.incident} {shown(alert.change, 20)}", style=style)
    line.append(
        f" at level {alert.level}, score {alert.score:.1f}"
        if alert.change != "closed"
        else f", score {alert.score:.1f}"
    )
    words = [Text(shown(alert.words))] if alert.words else []
    return _row(clock(alert.ts), Text(CHANGES.get(alert.change, "○"), style=style), line, *words)


def _fold(fold: Fold) -> Table:
    title = Text(shown(fold.title or fold.detector, 80), style="bold")
    details = [_nats(fold), " ".join(shown(technique, 12) for technique in fold.attack)]
    details += [f"(x{fold.count}, until {clock(fold.until)})"] if fold.count > 1 else []
    title.append("".join(f"  {detail}" for detail in details if detail), style="not bold")
    body = Table.grid(padding=(0, 1))
    body.add_column(width=8, no_wrap=True)
    body.add_column(overflow="fold")
    body.add_row("rests on", Text(rests_on(fold)))
    before = fold.causes[:CAUSES]
    for place, cause in enumerate(before):
        body.add_row("before" if place == 0 else "", _cause(cause, first=place == 0, itself=fold.modality == "command"))
    if not before:
        body.add_row("before", Text("no command of this agent is known from the time before", style="italic"))
    words = [Text(shown(fold.words))] if fold.words else []
    return _row(clock(fold.ts), Text("▲"), title, *words, body)


def _nats(fold: Fold) -> str:
    if fold.count > 1 and fold.strength - fold.first_strength >= 0.05:
        return f"{fold.first_strength:+.1f} to {fold.strength:+.1f} nats"
    return f"{fold.strength:+.1f} nats"


def _cause(cause: Cause, *, first: bool, itself: bool) -> Text:
    if first and itself and cause.reason == REASONS[0]:
        return Text("this command is the evidence itself")
    text = Text(f"{span(cause.ago_s)} earlier: " if cause.ago_s >= 0.05 else "at once: ")
    text.append(shown(cause.command, WRITTEN if first else BRIEF), style="cyan")
    why = [f"named first: {shown(cause.reason, 80)}" if first else shown(cause.reason, 80)]
    why += [shown(cause.words, 200)] if cause.words and first else []
    return text.append(f"  [{'; '.join(w for w in why if w)}]", style="italic")
