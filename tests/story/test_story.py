"""From files of results to one agent's story: what is kept, what is folded, what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.story.story import Fold, Settings, Story, adds_up, as_json, read
from pipeline.story.written import Alert
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


def folds(story: Story) -> list[Fold]:
    return [entry for entry in story.timeline if isinstance(entry, Fold)]


def peak_of(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("score", "ts", "terms")}


def test_a_story_says_how_the_agent_stands_and_how_it_stood_at_its_peak(tmp_path: Path) -> None:
    low, high, last = (
        score(START, {}),
        score(START + 60, {"pool_session": 8.0}),
        score(START + 120, {"pool_session": 6.0}),
    )
    save(tmp_path, scores=[low, high, last], agents=[last | {"peak": peak_of(high), "run": "ppo-7"}])
    story = read(tmp_path, "a-17")
    assert (story.agent, story.run, story.level) == (AGENT, "ppo-7", 50)
    assert story.now is not None
    assert story.peak is not None
    assert (story.now.score, story.now.ts) == (last["score"], START + 120)
    assert (story.peak.score, story.peak.ts, story.peak.terms) == (high["score"], START + 60, {"pool_session": 8.0})
    assert story.highest == (START + 60, high["score"])
    assert adds_up(story.now)
    assert adds_up(story.peak)
    assert story.scores == [(r["ts"], r["score"]) for r in (low, high, last, last)]


def test_without_final_records_the_scores_say_it(tmp_path: Path) -> None:
    save(tmp_path, scores=[score(START, {"a": 7.0}), score(START + 9, {"a": 1.0})])
    story = read(tmp_path, AGENT)
    assert story.now is not None
    assert story.peak is not None
    assert (story.now.ts, story.peak.ts) == (START + 9, START)


def test_a_peak_whose_terms_do_not_add_up_to_it_is_not_explained_by_them(tmp_path: Path) -> None:
    known, last = score(START, {"a": 7.0}), score(START + 9, {"a": 1.0})
    save(
        tmp_path, scores=[known, last], agents=[last | {"peak": {"score": 99.0, "ts": START + 5, "terms": {"a": 1.0}}}]
    )
    story = read(tmp_path, AGENT)
    assert story.highest == (START + 5, 99.0)
    assert story.peak is not None
    assert (story.peak.ts, story.peak.terms) == (START, {"a": 7.0})


def test_an_agent_of_which_nothing_was_said_has_a_story_too(tmp_path: Path) -> None:
    save(tmp_path, agents=[score(START, {}) | {"peak": peak_of(score(START, {}))}])
    story = read(tmp_path, AGENT)
    assert story.timeline == []
    assert story.highest is not None


def test_an_agent_known_from_evidence_alone_has_a_story_too(tmp_path: Path) -> None:
    story = read(save(tmp_path, evidence=[flow_evidence(START, 3.0)]), AGENT)
    assert story.now is None
    assert len(story.timeline) == 1


def test_repeats_are_folded_and_the_strongest_speaks_for_them(tmp_path: Path) -> None:
    many = [flow_evidence(START + 60 * n, strength) for n, strength in enumerate([1.0, 4.0, 2.5])]
    (fold,) = folds(read(save(tmp_path, evidence=many), AGENT))
    assert (fold.count, fold.ts, fold.until) == (3, START, START + 120)
    assert (fold.first_strength, fold.strength, fold.words) == (1.0, 4.0, many[1]["words"])
    assert fold.ids == [many[0]["id"], many[2]["id"]]
    assert fold.far == ["203.0.113.7:443"]


def test_what_comes_again_after_a_long_time_is_told_again(tmp_path: Path) -> None:
    many = [flow_evidence(START, 1.0), flow_evidence(START + 4000, 1.0)]
    assert [fold.count for fold in folds(read(save(tmp_path, evidence=many), AGENT))] == [1, 1]


def test_different_commands_gpus_and_causes_stay_apart(tmp_path: Path) -> None:
    other = flow_evidence(START + 4, 1.0)
    other["causes"][0]["command"] = "./another"
    many = [
        command_evidence(START, "./m1"),
        command_evidence(START + 1, "./m2"),
        command_evidence(START + 2, "./m1"),
        flow_evidence(START + 3, 1.0),
        other,
        gpu_evidence(START + 5),
        gpu_evidence(START + 6),
    ]
    assert [(f.detector, f.count) for f in folds(read(save(tmp_path, evidence=many), AGENT))] == [
        ("miner_command", 2),
        ("miner_command", 1),
        ("pool_session", 1),
        ("pool_session", 1),
        ("mining_gpu", 2),
    ]


def test_a_better_named_cause_is_kept(tmp_path: Path) -> None:
    vague = flow_evidence(START, 3.0)
    vague["causes"] = []
    named = flow_evidence(START + 60, 2.0)
    named["causes"] = [{"ts": START, "ago_s": 60, "command": "x", "reason": "it came just before"}]
    (fold,) = folds(read(save(tmp_path, evidence=[vague, named]), AGENT))
    assert [cause.command for cause in fold.causes] == ["x"]


def test_alerts_stand_between_the_evidence_in_order_of_time(tmp_path: Path) -> None:
    evidence = [flow_evidence(START, 3.0), gpu_evidence(START + 50)]
    alerts = [alert(START, "opened", 50), alert(START + 20, "raised", 90), alert(START + 90, "closed", 90)]
    story = read(save(tmp_path, evidence=evidence, alerts=alerts), AGENT)
    kinds = [entry.change if isinstance(entry, Alert) else entry.detector for entry in story.timeline]
    assert kinds == ["pool_session", "opened", "raised", "mining_gpu", "closed"]
    assert [entry["kind"] for entry in as_json(story)["timeline"]] == [
        "evidence",
        "alert",
        "alert",
        "evidence",
        "alert",
    ]


def test_other_agents_are_not_told_of(tmp_path: Path) -> None:
    other = flow_evidence(START, 9.0) | {"agent": "lab/a-170"}
    story = read(save(tmp_path, evidence=[other, flow_evidence(START, 1.0)]), AGENT)
    assert [fold.strength for fold in folds(story)] == [1.0]


def test_a_flood_of_weak_evidence_does_not_push_out_the_strong(tmp_path: Path) -> None:
    flood = [command_evidence(START + n, f"./weak-{n}", 0.6) for n in range(500)]
    flood.insert(3, command_evidence(START + 3, "./strong", 8.0))
    story = read(save(tmp_path, evidence=flood), AGENT, Settings(evidence=20))
    assert len(folds(story)) == 20
    assert story.left_out == 481
    assert max(fold.strength for fold in folds(story)) == 8.0


def test_a_flood_of_alerts_keeps_its_ends(tmp_path: Path) -> None:
    many = [alert(START + n, "opened", 50, n) for n in range(100)]
    story = read(save(tmp_path, alerts=many), AGENT, Settings(alerts=10))
    assert [entry.incident for entry in story.timeline if isinstance(entry, Alert)] == [
        0,
        1,
        2,
        3,
        4,
        95,
        96,
        97,
        98,
        99,
    ]
    assert story.left_out == 90


def test_a_long_curve_is_thinned_and_keeps_its_peak(tmp_path: Path) -> None:
    scores = [score(START + n, {"a": 0.1 * (n % 7)}) for n in range(1000)]
    scores[333] = score(START + 333, {"a": 9.0})
    story = read(save(tmp_path, scores=scores), AGENT, Settings(points=50))
    assert len(story.scores) <= 50
    assert max(story.scores, key=lambda p: p[1]) == (START + 333, scores[333]["score"])
    assert story.scores[-1][0] == START + 999


def test_unreadable_lines_are_counted(tmp_path: Path) -> None:
    save(tmp_path, scores=[score(START, {})])
    with (tmp_path / "scores.ndjson").open("ab") as file:
        file.write(b'{"agent":"lab/a-17","ts":"yesterday"}\n{"agent":"lab/a-17"')
    assert read(tmp_path, AGENT).unreadable == 2


@given(
    scores=st.lists(SCORES, max_size=12), evidence=st.lists(EVIDENCE, max_size=12), alerts=st.lists(ALERTS, max_size=6)
)
def test_whatever_was_written_makes_a_story_that_adds_up(
    tmp_path_factory: pytest.TempPathFactory, scores: list[Any], evidence: list[Any], alerts: list[Any]
) -> None:
    agents = [score(START, {"beacon": 1.0})]
    folder = save(tmp_path_factory.mktemp("story"), scores=scores, evidence=evidence, alerts=alerts, agents=agents)
    story = read(folder, AGENT, Settings(points=8, evidence=5, alerts=4))
    assert story.unreadable == 0
    assert [entry.ts for entry in story.timeline] == sorted(entry.ts for entry in story.timeline)
    assert sum(fold.count for fold in folds(story)) + len(story.timeline) - len(folds(story)) + story.left_out == len(
        evidence
    ) + len(alerts)
    for standing in (story.now, story.peak):
        assert standing is not None
        assert standing.prior + sum(standing.terms.values()) == pytest.approx(standing.logit)
