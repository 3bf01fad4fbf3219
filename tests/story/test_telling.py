"""A story in words: what a person must find in it, and what must never reach a terminal."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.story.event_words import rests_on
from pipeline.story.story import Fold, read
from pipeline.story.telling import tell
from tests.stories import (
    AGENT,
    ALERTS,
    EVIDENCE,
    SCORES,
    START,
    alert,
    command_evidence,
    flow_evidence,
    gpu_evidence,
    save,
    score,
)

SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    high, last = score(START + 60, {"pool_session": 8.0}), score(START + 1800, {"pool_session": 5.0, "agreement": 1.25})
    return save(
        tmp_path,
        scores=[score(START, {}), high, last],
        evidence=[
            command_evidence(START, "./worker -o files.example:443"),
            flow_evidence(START + 60, 3.0),
            flow_evidence(START + 120, 7.5),
            gpu_evidence(START + 300),
        ],
        alerts=[alert(START + 61, "opened", 50), alert(START + 62, "raised", 90)],
        agents=[
            last | {"peak": {name: high[name] for name in ("score", "ts", "terms")}, "run": "ppo-7", "episode": "1204"}
        ],
    )


def told(folder: Path, **how: Any) -> str:
    return tell(read(folder, AGENT), **how)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_head_says_who_how_and_what_was_seen(folder: Path) -> None:
    text = flat(told(folder))
    assert "agent lab/a-17 run ppo-7 episode 1204" in text
    assert "score now 72.1 " in text
    assert "peak 93.7 " in text
    assert "at 2026-03-04 01:01:00 UTC" in text
    assert "seen command until 01:15:00, silent for the last 15 min; flow until 01:30:00" in text
    assert "1 opened; the last is open, at level 90 since 01:01:02" in text


def test_the_plot_marks_levels_evidence_and_alerts(folder: Path) -> None:
    lines = told(folder).split("\n")
    assert [line[:10] for line in lines if line.startswith(("      90 ┤", "      70 ┤", "      50 ┤"))] == [
        "      90 ┤",
        "      70 ┤",
        "      50 ┤",
    ]
    lanes = [line for line in lines if re.match(r" +(command|flow|gpu|alerts) │", line)]
    assert [lane.split()[0] for lane in lanes] == ["command", "flow", "gpu", "alerts"]
    assert all("▲" in lane for lane in lanes[:3])
    assert "↑" in lanes[3]


def test_the_terms_are_shown_to_sum_to_the_score(folder: Path) -> None:
    text = flat(told(folder))
    assert "now: -5.30 + 5.00 + 1.25 = 0.95 nats; 1 / (1 + e^-(0.95)) = 72.1%" in text
    assert "at its peak: -5.30 + 8.00 = 2.70 nats; 1 / (1 + e^-(2.70)) = 93.7%" in text


def test_a_score_that_its_terms_do_not_make_is_said_so(tmp_path: Path) -> None:
    text = flat(told(save(tmp_path, scores=[score(START, {"a": 1.0}) | {"logit": 3.0}])))
    assert "-5.30 + 1.00 = -4.30 nats (but 3.00 was written)" in text


def test_evidence_stands_with_its_commands_and_with_what_it_rests_on(folder: Path) -> None:
    text = flat(told(folder))
    assert "01:01:00 ▲ mining pool session +3.0 to +7.5 nats T1496.001 (x2, until 01:02:00)" in text
    assert (
        "rests on 10.0.3.17:51514 → 203.0.113.7:443 tcp, files.example, established, in 48 s, 748 B out in 7 packets, "
        "1.1 kB back in 1 packet (flows.ndjson 88)"
    ) in text
    assert "1 min earlier: ./worker -o files.example:443 [named first: it names the far side; starts a miner]" in text
    assert "1 min 4 s earlier: chmod +x worker [it came just before]" in text
    assert "rests on ./worker -o files.example:443 [in /w by root] (commands.ndjson 3)" in text
    assert "before this command is the evidence itself" in text
    assert "rests on GPU GPU-0 (H100), 100 % busy, 612 W (gpu.ndjson 5)" in text
    assert "before no command of this agent is known from the time before" in text
    order = [
        text.index(words)
        for words in ("▲ miner started", "▲ mining pool", "○ alert 1 opened", "↑ alert 1 raised", "▲ GPU")
    ]
    assert order == sorted(order)


def test_the_strongest_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    many = [command_evidence(START + n, f"./m{n}", 1.0 + n) for n in range(5)]
    text = flat(told(save(tmp_path, evidence=many), most=2))
    assert "./m4" in text
    assert "./m3" in text
    assert "./m2" not in text
    assert "3 weaker entries are not shown; --json has them" in text


def test_nothing_found_is_said(tmp_path: Path) -> None:
    assert "nothing suspicious was found" in told(save(tmp_path, scores=[score(START, {})]))


def test_a_long_command_is_cut_and_counted(tmp_path: Path) -> None:
    text = flat(told(save(tmp_path, evidence=[command_evidence(START, "echo " + "y" * 2000)])))
    assert "1,605 more characters" in text.replace("… ", "")


def test_all_far_sides_of_a_fold_are_hinted_at() -> None:
    fold = Fold(
        "probing",
        "probing",
        "scan",
        "flow",
        [],
        0,
        9,
        3,
        1,
        1,
        "",
        {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2"},
        None,
        None,
        [],
        [],
        far=["10.0.0.2:22", "10.0.0.3:22"],
        more_far=1,
    )
    assert rests_on(fold) == "10.0.0.1 → 10.0.0.2; the same with 10.0.0.2:22, 10.0.0.3:22, ..."


@pytest.mark.parametrize("width", [40, 80, 132])
@pytest.mark.parametrize("colour", [False, True])
def test_it_fits_the_terminal_with_and_without_colour(folder: Path, width: int, colour: bool) -> None:
    text = told(folder, width=width, colour=colour)
    assert ("\x1b[" in text) == colour
    assert max(cell_len(line) for line in SGR.sub("", text).split("\n")) <= width


def test_colour_changes_no_word(folder: Path) -> None:
    assert [line.rstrip() for line in SGR.sub("", told(folder, colour=True)).split("\n")] == told(folder).split("\n")


@settings(max_examples=min(30, settings().max_examples))
@given(
    scores=st.lists(SCORES, max_size=6),
    evidence=st.lists(EVIDENCE, max_size=6),
    alerts=st.lists(ALERTS, max_size=4),
    colour=st.booleans(),
    width=st.integers(40, 100),
)
def test_no_story_fails_or_takes_hold_of_the_terminal(
    tmp_path_factory: pytest.TempPathFactory,
    scores: list[Any],
    evidence: list[Any],
    alerts: list[Any],
    colour: bool,
    width: int,
) -> None:
    agents = [score(START, {"beacon": 1.0})]
    folder = save(tmp_path_factory.mktemp("told"), scores=scores, evidence=evidence, alerts=alerts, agents=agents)
    bare = SGR.sub("", told(folder, colour=colour, width=width))
    assert {c for c in bare if unicodedata.category(c) in ("Cc", "Cf", "Cs")} <= {"\n"}
    assert max(cell_len(line) for line in bare.split("\n")) <= width
