"""State is read back as it was written, chunk by chunk, or refused with what was expected and got."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import risk, state
from pipeline.errors import StateError
from pipeline.scorer import Defaults, Scorer
from tests.streams import START, batch, fresh


def flows(agents: int, ts: float) -> list[dict[str, object]]:
    return [
        {
            "kind": "flow",
            "agent": f"lab/{i}",
            "ts": ts,
            "src_ip": "10.0.0.9",
            "src_port": 4000,
            "dst_ip": "10.0.1.7",
            "dst_port": 22,
            "proto": "tcp",
            "outcome": "unanswered",
        }
        for i in range(agents)
    ]


def test_only_chunks_in_which_an_agent_changed_are_saved_again() -> None:
    scorer = fresh()
    scorer.process(batch(flows(200, START)))
    assert state.changed(scorer) == [0, 1, 2, 3]
    state.snapshot(scorer)
    assert state.changed(scorer) == []
    scorer.process(batch([f for f in flows(200, START + 1) if f["agent"] == "lab/70"]))
    assert state.changed(scorer) == [1]


def test_chunks_can_be_read_back_in_any_order() -> None:
    scorer = fresh()
    scorer.process(batch(flows(200, START)))
    head = state.save_head(scorer)
    chunks = [state.save_chunk(scorer, c) for c in range(4)]
    other = Scorer()
    state.load_head(other, head)
    for chunk in (2, 0, 3, 1):
        state.load_chunk(other, chunk, chunks[chunk])
    state.finish(other, head)
    assert list(other.final()) == list(scorer.final())
    scorer.process(batch(flows(300, START + 2)))
    other.process(batch(flows(300, START + 2)))
    assert list(other.final()) == list(scorer.final())


def test_state_written_with_other_settings_is_refused() -> None:
    scorer = fresh()
    scorer.process(batch(flows(3, START)))
    other = Scorer(replace(Defaults(), risk=risk.Settings(others=0.25)))
    with pytest.raises(StateError, match=r"expected state of layout [0-9a-f]{16}, got [0-9a-f]{16}"):
        state.restore(other, state.snapshot(scorer))


def test_a_snapshot_that_was_cut_is_refused() -> None:
    scorer = fresh()
    scorer.process(batch(flows(3, START)))
    with pytest.raises(StateError, match=r"expected \d+ bytes"):
        state.restore(Scorer(), state.snapshot(scorer)[:-5])
