"""Bars and plots made of characters: numbers in, text out, nothing else.

A cell of braille holds 2 x 4 dots, a block character fills its cell by eighths; `ascii_only` says the same with what
every terminal has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

LEVELS: Final = (50, 70, 90)
"""Scores at which an alert is opened or raised; drawn as lines."""

GUTTER: Final = 9
"""Columns left of a plot: the names of the levels and lanes."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_DOTS: Final = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""Bits of a braille cell by column, then by row from below (Unicode 16, chapter 21.1)."""

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two labels of a time axis; beyond, whole days."""

_YEARS: Final = (-62135596800.0, 253402300800.0)
"""Unix seconds of the years 1 to 9999, which is what a date can hold."""

_DRAWN: Final = "▏▎▍▐▌▋▊▉█│┤┴└─╌━▲↑↓○●→…·" + "".join(map(chr, range(0x2801, 0x2900)))
_PLAIN: Final = "::::#####|+++--=^^voo>~." + "*" * 0xFF


def bar(share: float, width: int) -> str:
    """A bar of `width` cells, filled by a share of 0 to 1.

    >>> bar(0.5, 5)
    '██▌  '
    """
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def balance(value: float, low: float, high: float, width: int) -> str:
    """A bar from an axis at zero, to the left where `value` is below it; `low` <= 0 <= `high` span the `width` cells.

    >>> balance(2, -2, 4, 7)
    '  │██  '
    >>> balance(-1, -2, 4, 7)
    ' █│    '
    """
    cells = max(width - 1, 1)
    span = (high - low) or 1.0
    left = round(-low / span * cells)
    if value >= 0:
        return " " * left + "│" + bar(value / high if high else 0.0, cells - left)
    halves = round(min(value / low if low else 0.0, 1.0) * left * 2)
    return (("▐" if halves % 2 else "") + "█" * (halves // 2)).rjust(left) + "│" + " " * (cells - left)


def clock(ts: float, *, date: bool = False) -> str:
    """Time of day, UTC, with seconds; with `date` also the day. A time that no calendar has stays a number.

    >>> clock(1772532000.9), clock(1772532000, date=True), clock(1e18)
    ('10:00:00', '2026-03-03 10:00:00', '1e+18')
    """
    if not _YEARS[0] <= ts < _YEARS[1]:
        return f"{ts:g}"
    return datetime.fromtimestamp(math.floor(ts), UTC).strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def span(seconds: float) -> str:
    """How long, in two units at most.

    >>> span(0.26), span(12), span(754), span(10800), span(200000)
    ('0.3 s', '12 s', '12 min 34 s', '3 h', '2 d 7 h')
    """
    if abs(seconds) < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole, sign = round(abs(seconds)), "-" if seconds < 0 else ""
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{sign}{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{sign}{whole} s"


def plot(
    points: Sequence[tuple[float, float]],
    start: float,
    end: float,
    *,
    width: int = 80,
    height: int = 10,
    lanes: Sequence[tuple[str, Sequence[tuple[float, str]]]] = (),
) -> str:
    """A score over time as steps, the levels as lines; below it one lane per kind of event, and the time of day.

    points  (Unix seconds, score 0 to 100), in order of time; a score holds until the next
    lanes   (name of 7 letters at most, [(Unix seconds, one character), ...])

    >>> print(plot([(0, 10), (30, 95)], 0, 60, width=21, height=5, lanes=[("flow", [(30, "▲")])]))
          90 ┤╌╌╌╌╌⢰⠒⠒⠒⠒⠒
          70 ┤╌╌╌╌╌⢸╌╌╌╌╌
          50 ┤╌╌╌╌╌⢸╌╌╌╌╌
             │     ⢸
           0 ┤⠒⠒⠒⠒⠒⠚
        flow │     ▲
             └┴─────────┴
            00:00
    """
    cells = max(width - GUTTER - 1, 10)
    spread = end - start if end > start else 1.0
    grid = _steps(points, start, spread, cells, height)
    named = {_dot(level, height) // 4: f"{level:>{GUTTER - 1}} ┤" for level in (0, *LEVELS)}
    lines = []
    for row in reversed(range(height)):
        empty = "╌" if row in {_dot(level, height) // 4 for level in LEVELS} else " "
        drawn = "".join(chr(0x2800 + bits) if bits else empty for bits in grid[row])
        lines.append(named.get(row, " " * GUTTER + "│") + drawn)
    for name, marks in lanes:
        cell = [" "] * cells
        for ts, mark in marks:
            cell[_column(ts, start, spread, cells)] = mark
        lines.append(f"{name:>{GUTTER - 1}} │" + "".join(cell))
    return "\n".join(line.rstrip() for line in (*lines, *_axis(start, spread, cells)))


def ascii_only(drawn: str) -> str:
    """The same drawing for a terminal that has no Unicode.

    >>> ascii_only("█▌│⠤▲")
    '##|*^'
    """
    return drawn.translate(str.maketrans(_DRAWN, _PLAIN))


def printable(drawn: str, encoding: str | None) -> str:
    """The drawing as a stream of this encoding can take it.

    >>> printable("│ é", "ascii"), printable("│ é", "utf-8")
    ('| ?', '│ é')
    """
    try:
        drawn.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ascii_only(drawn).encode("ascii", "replace").decode()
    return drawn


def _dot(score: float, height: int) -> int:
    """Which row of dots a score lies on, from below."""
    return round(min(max(score, 0.0), 100.0) / 100 * (height * 4 - 1))


def _column(ts: float, start: float, spread: float, columns: int) -> int:
    """Which of so many columns a moment falls into; the outer ones hold what lies outside."""
    return int(min(max((ts - start) / spread * columns, 0.0), columns - 1.0))


def _steps(
    points: Sequence[tuple[float, float]], start: float, spread: float, cells: int, height: int
) -> list[list[int]]:
    """Braille bits, row by row from below, of a line of steps; each column spans all that it passed through."""
    columns = cells * 2
    reach: list[tuple[int, int, int] | None] = [None] * columns
    for ts, score in points:
        x = _column(ts, start, spread, columns)
        y = _dot(score, height)
        low, high, _ = reach[x] or (y, y, y)
        reach[x] = (min(low, y), max(high, y), y)
    grid = [[0] * cells for _ in range(height)]
    before: int | None = None
    for x, here in enumerate(reach):
        if here is None and before is None:
            continue
        low, high, last = here or (before or 0, before or 0, before or 0)
        if before is not None:
            low, high = min(low, before), max(high, before)
        for y in range(low, high + 1):
            grid[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
        before = last
    return grid


def _axis(start: float, spread: float, cells: int) -> list[str]:
    """The line under a plot with a tick at round times of day, and their labels."""
    bottom = " " * GUTTER + "└"
    if not (_YEARS[0] <= start and start + spread < _YEARS[1]):
        return [bottom + "─" * cells]
    days = max(1, math.ceil(spread / 86400 / 6))
    step = next((s for s in _STEPS if spread / s <= max(cells // 10, 1)), 86400 * days)
    shape = "%m-%d" if step >= 86400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    line, labels = ["─"] * cells, [" "] * (cells + GUTTER + 1)
    first = math.ceil(start / step) * step
    for n in range(int((start + spread - first) // step) + 1):
        tick = first + n * step
        at = _column(tick, start, spread, cells)
        label = datetime.fromtimestamp(tick, UTC).strftime(shape)
        left = GUTTER + 1 + at - len(label) // 2
        line[at] = "┴"
        if left + len(label) <= len(labels):
            labels[left : left + len(label)] = label
    return [bottom + "".join(line), "".join(labels)]
