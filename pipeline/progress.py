"""How far a long run has come, on stderr: one line that is redrawn on a terminal, else a line now and then."""

from __future__ import annotations

import time
from typing import Final, TextIO

from pipeline.story.drawing import clock

REDRAW_S: Final = 0.2
"""s between two drawings on a terminal: as smooth as can be read."""

LINE_S: Final = 10.0
"""s between two lines of a log."""


class Progress:
    """Bytes used of how many, events a second, and the event time reached.

    total   bytes of all inputs, or None where one of them has no known size
    """

    def __init__(self, out: TextIO | None, total: int | None) -> None:
        self.out = out
        self.total = total
        self.redrawn = out is not None and out.isatty()
        self.began = time.monotonic()
        self.next = self.began + (REDRAW_S if self.redrawn else LINE_S)
        self.drawn = 0

    def show(self, taken: int, events: int, reached: float | None) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if self.out is None or now < self.next:
            return
        self.next = now + (REDRAW_S if self.redrawn else LINE_S)
        line = said(taken, self.total, events, now - self.began, reached)
        if self.redrawn:
            self.out.write(f"\r{line:<{self.drawn}}")
            self.drawn = len(line)
        else:
            self.out.write(f"{line}\n")
        self.out.flush()

    def close(self) -> None:
        """Take the line away again."""
        if self.out is not None and self.drawn:
            self.out.write(f"\r{'':<{self.drawn}}\r")
            self.out.flush()
            self.drawn = 0


def said(taken: int, total: int | None, events: int, seconds: float, reached: float | None) -> str:
    """The line.

    >>> said(5_000_000, 20_000_000, 90_000, 0.5, 1772532000.0)
    '5.0 of 20.0 MB (25 %), 180,000 events/s, reached 2026-03-03 10:00:00'
    """
    of = f" of {total / 1e6:,.1f} MB ({min(taken / total, 1):.0%})".replace("%", " %") if total else " MB"
    rate = events / seconds if seconds > 0 else 0.0
    return f"{taken / 1e6:,.1f}{of}, {rate:,.0f} events/s" + (
        f", reached {clock(reached, date=True)}" if reached is not None else ""
    )
