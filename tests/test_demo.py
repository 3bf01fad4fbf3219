"""The demo: a new user finds the one agent that misbehaves, and is told the truth about the others."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from rich.cells import cell_len
from rich.console import Console

from pipeline import demo
from pipeline.errors import UsageError
from pipeline.lab.cast import Lab, play


class Shown(NamedTuple):
    text: str
    folder: Path
    peaks: dict[str, float]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return play()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("a hundred thousand events are too many for kernels that run as Python")
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
    folder = demo.show(tmp_path_factory.mktemp("demo"), console, progress=None)
    agents = [orjson.loads(line) for line in (folder / "result" / "agents.ndjson").read_bytes().splitlines()]
    return Shown(out.getvalue(), folder, {record["agent"]: record["peak"]["score"] for record in agents})


def test_the_guilty_agent_is_first_and_above_90(shown: Shown, lab: Lab) -> None:
    guilty = lab.guilty
    assert shown.peaks[guilty] > 90
    assert max(shown.peaks, key=lambda agent: shown.peaks[agent]) == guilty
    rows = re.findall(r"^(demo/\S+) +\d+\.\d [█▏▎▍▌▋▊▉ ]", shown.text, re.MULTILINE)
    assert rows[0] == guilty


def test_no_innocent_agent_reaches_50(shown: Shown, lab: Lab) -> None:
    guilty = lab.guilty
    assert {agent: peak for agent, peak in shown.peaks.items() if peak >= 50 and agent != guilty} == {}


def test_it_says_that_it_is_synthetic_and_who_was_meant_to_be_found(shown: Shown, lab: Lab) -> None:
    flat = " ".join(shown.text.split())
    assert "This lab is SYNTHETIC" in flat
    assert f"{lab.guilty} {shown.peaks[lab.guilty]:.1f} The one that misbehaves" in flat
    assert all(agent in flat for agent in lab.lookalikes)


def test_it_tells_the_worst_ones_story_and_how_to_look_further(shown: Shown, lab: Lab) -> None:
    guilty = lab.guilty
    assert f"The story of {guilty}" in shown.text
    assert "rests on" in shown.text
    assert f"agentrisk explain {shown.folder / 'result'}" in shown.text


def test_it_fits_80_columns(shown: Shown) -> None:
    long = [line for line in shown.text.split("\n") if cell_len(line) > 80 and str(shown.folder) not in line]
    assert long == []


def test_nothing_was_rejected_or_late(shown: Shown, lab: Lab) -> None:
    account = orjson.loads((shown.folder / "result" / "summary.json").read_bytes())["account"]
    assert account["read"] == account["scored"] == lab.events


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        demo.show(tmp_path, Console(file=io.StringIO()), progress=None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="expected a folder"):
        demo.show(tmp_path / "file", Console(file=io.StringIO()), progress=None)
