"""The walk: what comes late, who is forgotten, what an alert says."""

from __future__ import annotations

from typing import Any

import pipeline.detectors
from pipeline import scorer as walk
from pipeline.plugins import discover
from pipeline.scorer import Scorer
from tests.streams import START, batch, fresh

DAY = 86_400


def flow(agent: str, ts: float, **more: Any) -> dict[str, Any]:
    return {
        "kind": "flow",
        "agent": agent,
        "ts": ts,
        "src_ip": "10.0.0.9",
        "src_port": 4000,
        "dst_ip": "10.0.1.7",
        "dst_port": 22,
        "proto": "tcp",
        "outcome": "unanswered",
    } | more


def scan(agent: str, ts: float, targets: int = 30) -> list[dict[str, Any]]:
    return [
        flow(agent, ts + i, dst_ip=f"10.0.2.{i + 1}", src_bytes=44, dst_bytes=0, src_pkts=1, dst_pkts=0)
        for i in range(targets)
    ]


def test_all_detectors_together_stay_within_four_kibibytes_an_agent() -> None:
    scorer = Scorer()
    assert sum(state.dtype.itemsize for state in scorer.states) <= 4096


def test_every_detector_says_what_it_is() -> None:
    for name, detector in discover(pipeline.detectors).items():
        assert detector.TITLE, name
        assert detector.LOOKS_FOR, name
        assert detector.STORY in walk.STORIES, name
        assert all(technique.startswith("T") for technique in detector.ATTACK), name
        if detector.KIND is not None:
            assert {"half_life_s", "cap"} <= set(detector.Settings.__struct_fields__), name


def test_a_row_that_comes_too_late_is_told_and_changes_nothing() -> None:
    scorer = fresh()
    scorer.process(batch([flow("lab/a", START)]))
    before = list(scorer.final())
    outcome = scorer.process(batch([flow("lab/a", START - 7200)]))
    assert [row["reason"] for row in outcome.late] == [
        "late: expected at most 3600 s behind the newest event of its agent and kind, got 7200.000 s"
    ]
    assert list(scorer.final()) == before
    assert (scorer.account.scored, scorer.account.late) == ([1, 0, 0], [1, 0, 0])


def test_a_late_row_of_another_kind_is_not_late() -> None:
    scorer = fresh()
    scorer.process(batch([flow("lab/a", START)]))
    outcome = scorer.process(batch([{"kind": "command", "agent": "lab/a", "ts": START - 7200, "command": "ls"}]))
    assert not outcome.late


def test_an_incident_keeps_its_number_and_says_what_it_rests_on() -> None:
    scorer = fresh()
    told = scorer.process(batch(scan("lab/a", START))).alerts
    assert told[0]["change"] == "opened"
    assert {a["id"] for a in told} == {"lab/a#1"}
    assert [a["update"] for a in told] == list(range(1, len(told) + 1))
    assert told[-1]["level"] == 90
    assert all(proof.startswith("lab/a/probing/") for a in told for proof in a["evidence"])


def test_a_new_incident_has_the_next_number_even_after_the_row_was_given_back() -> None:
    scorer = fresh()
    scorer.process(batch(scan("lab/a", START)))
    scorer.process(batch([flow("lab/b", START + 3 * DAY)]))
    scorer.tidy_at = 0
    scorer.process(batch([flow("lab/b", START + 3 * DAY + 1)]))
    assert scorer.agents.row("lab/a") is None
    told = scorer.process(batch(scan("lab/a", START + 3 * DAY))).alerts
    assert {a["id"] for a in told} == {"lab/a#2"}


def test_an_agent_that_comes_back_after_a_day_begins_afresh_whether_its_row_was_given_back_or_not() -> None:
    finals = []
    for tidy in (False, True):
        scorer = fresh()
        scorer.process(batch(scan("lab/a", START, targets=3)))
        scorer.process(batch([flow("lab/b", START + 2 * DAY)]))
        if tidy:
            scorer.tidy_at = 0
            scorer.process(batch([flow("lab/b", START + 2 * DAY + 1)]))
        scorer.process(batch(scan("lab/a", START + 2 * DAY, targets=4)))
        finals.append([r for r in scorer.final() if r["agent"] == "lab/a"])
    assert finals[0][0]["terms"] == finals[1][0]["terms"]
    assert finals[0][0]["logit"] == finals[1][0]["logit"]


def test_agents_that_come_and_go_do_not_make_the_state_grow() -> None:
    scorer = fresh()
    rooms = []
    for day in range(12):
        scorer.process(batch([flow(f"lab/{day}-{i}", START + 2 * DAY * day) for i in range(3000)]))
        rooms.append(scorer.room)
    assert rooms[-1] == rooms[5]
    assert len(scorer.agents) <= 2 * walk.ROOM


def test_the_registry_says_what_is_internal_and_which_run_it_is() -> None:
    scorer = fresh()
    outcome = scorer.process(batch(scan("lab/a", START)))
    assert {r["run"] for r in [*outcome.scores, *outcome.evidence, *outcome.alerts]} == {"run-7"}
    outcome = scorer.process(batch([flow("lab/a", START + 60, run="run-8", episode="e5")]))
    assert next(scorer.final())["run"] == "run-8"
    assert next(scorer.final())["episode"] == "e5"


def test_a_score_says_which_modalities_it_has_seen() -> None:
    scorer = fresh()
    scorer.process(
        batch([flow("lab/a", START), {"kind": "command", "agent": "lab/a", "ts": START + 5, "command": "ls"}])
    )
    assert next(scorer.final())["seen"] == {"flow": float(START), "command": START + 5.0}
