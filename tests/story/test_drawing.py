"""Bars, plots and words for numbers: exact small drawings, and laws that hold for all."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pipeline import risk
from pipeline.story.drawing import LEVELS, ascii_only, balance, bar, clock, plot, printable, span

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
SCORES = st.floats(min_value=0, max_value=100)


def test_the_lines_of_a_plot_are_the_levels_of_the_walk() -> None:
    assert LEVELS == risk.LEVELS


def test_a_bar_fills_by_eighths() -> None:
    assert [bar(n / 16, 2) for n in range(6)] == ["  ", "▏ ", "▎ ", "▍ ", "▌ ", "▋ "]
    assert bar(1.0, 2) == bar(7.0, 2) == "██"
    assert bar(-1.0, 2) == "  "


def test_a_balance_leans_to_its_side() -> None:
    assert balance(0, -4, 4, 9) == "    │    "
    assert balance(4, -4, 4, 9) == "    │████"
    assert balance(-4, -4, 4, 9) == "████│    "
    assert balance(-0.5, -4, 4, 9) == "   ▐│    "
    assert balance(3, 0, 3, 4) == "│███"
    assert balance(0, 0, 0, 4) == "│   "


@given(st.floats(-50, 50), st.floats(-50, 0), st.floats(0, 50), st.integers(2, 60))
def test_a_balance_is_as_wide_as_asked(value: float, low: float, high: float, width: int) -> None:
    drawn = balance(value, low, high, width)
    assert len(drawn) == width
    assert drawn.count("│") == 1


def test_a_plot_steps_where_the_score_does() -> None:
    drawn = plot([(0, 0), (50, 100)], 0, 100, width=20, height=2, lanes=[("gpu", [(0, "▲"), (100, "▲")])])
    assert drawn.split("\n") == [
        "      90 ┤╌╌╌╌╌⡏⠉⠉⠉⠉",
        "       0 ┤⣀⣀⣀⣀⣀⡇",
        "     gpu │▲        ▲",
        "         └┴─────────",
        "        00:00",
    ]


def test_a_short_spike_is_seen_however_long_the_plot() -> None:
    points = [(0.0, 1.0), (5e5, 99.0), (5e5 + 1, 1.0), (1e6, 1.0)]
    top = plot(points, 0, 1e6, width=30).split("\n")[0]
    assert any(0x2800 < ord(c) < 0x2900 for c in top)


def test_a_plot_of_one_moment_and_of_nothing() -> None:
    assert plot([(5, 50)], 5, 5, width=30).count("\n") >= 10
    assert not any(0x2800 < ord(c) < 0x2900 for c in plot([], 0, 1, width=30))


@given(
    st.lists(st.tuples(FINITE, SCORES), max_size=30),
    FINITE,
    FINITE,
    st.integers(-5, 200),
    st.lists(st.tuples(FINITE, st.sampled_from("▲○↑↓")), max_size=5),
)
def test_a_plot_never_fails_and_keeps_its_width(
    points: list[tuple[float, float]], start: float, end: float, width: int, marks: list[tuple[float, str]]
) -> None:
    drawn = plot(sorted(points), start, end, width=width, lanes=[("flow", marks)])
    assert all(len(line) <= max(width, 20) for line in drawn.split("\n"))
    assert not any(unicodedata.category(c) == "Cc" for c in drawn.replace("\n", ""))


def test_times_are_told_in_utc_and_never_refused() -> None:
    assert clock(0) == "00:00:00"
    assert clock(1772586000.9, date=True) == "2026-03-04 01:00:00"
    assert clock(-1, date=True) == "1969-12-31 23:59:59"
    assert clock(1e30) == "1e+30"


def test_spans_have_two_units_at_most() -> None:
    said = [span(s) for s in (0, 0.04, 1.5, 59.7, 60, 3599, 3600, 3660, 86400, 90000)]
    assert said == ["0 s", "0 s", "1.5 s", "1 min", "1 min", "59 min 59 s", "1 h", "1 h 1 min", "1 d", "1 d 1 h"]
    assert span(-61) == "-1 min 1 s"


def test_what_an_output_cannot_take_is_drawn_in_ascii() -> None:
    drawn = (
        plot([(0, 5), (9, 95)], 0, 9, width=40, lanes=[("alerts", [(5, "○")])]) + balance(-1, -2, 3, 20) + bar(0.3, 9)
    )
    assert ascii_only(drawn).isascii()
    assert len(ascii_only(drawn)) == len(drawn)
    assert printable(drawn, "utf-8") == drawn
    assert printable(drawn + "é", "ascii") == ascii_only(drawn) + "?"
    assert printable("é", "no such encoding") == "?"
