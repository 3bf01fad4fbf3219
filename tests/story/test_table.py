"""The table of riskiest agents."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from pipeline.story.table import riskiest
from tests.stories import START, score

HIGH = score(START + 60, {"pool_session": 8.0, "agreement": 0.5, "beacon": 0.2, "silence": 0.1})


def record(agent: str) -> dict[str, object]:
    peak = {name: HIGH[name] for name in ("score", "ts", "terms")}
    return score(START + 90, {"pool_session": 5.0}) | {"agent": agent, "peak": peak}


def test_a_row_says_how_an_agent_stands_its_peak_and_its_chief_terms() -> None:
    row = riskiest([record("lab/a")], alerts={"lab/a": 2}, width=160).split("\n")[-1]
    terms = "pool_session +8.0, agreement +0.5, beacon +0.2"
    assert " ".join(row.split()) == f"lab/a 42.6 ███▍ 97.1 01:01:00 {terms} 2"


def test_agents_keep_their_order() -> None:
    text = riskiest([record(name) for name in ("lab/c", "lab/a", "lab/b")])
    assert [line.split()[0] for line in text.split("\n") if line.startswith("lab/")] == ["lab/c", "lab/a", "lab/b"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_fits_and_shows_no_control_character(width: int) -> None:
    text = riskiest([record("lab/" + "long" * 30), record("x\x1b[2J\r\u202e漢")], width=width)
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text


def test_no_agents_make_a_table_without_rows() -> None:
    assert len(riskiest([]).split("\n")) == 2
