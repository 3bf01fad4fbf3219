"""The laws of DESIGN 6 over the whole walk, with every detector in it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline import state
from pipeline.scorer import Scorer
from tests.streams import STREAMS, batch, fresh, records

Event = dict[str, Any]


def run(events: list[Event], cuts: list[int] | None = None, restart: bool = False) -> tuple[list[Event], list[Event]]:
    """All records that a stream gives when it comes in pieces, sorted, and the final scores."""
    scorer = fresh()
    out: list[Event] = []
    edges = [0, *sorted({c % (len(events) + 1) for c in cuts or []}), len(events)]
    for begin, end in pairwise(edges):
        out += records(scorer.process(batch(events[begin:end])))
        if restart:
            scorer = state.restore(Scorer(), state.snapshot(scorer))
    return sorted(out, key=repr), list(scorer.final())


CUTS = st.lists(st.integers(0, 60), max_size=8)


@given(STREAMS, CUTS)
def test_law_1_cuts_change_nothing(events: list[Event], cuts: list[int]) -> None:
    assert run(events, cuts) == run(events)


@given(STREAMS, CUTS)
def test_law_1_a_restart_from_a_snapshot_changes_nothing(events: list[Event], cuts: list[int]) -> None:
    assert run(events, cuts, restart=True) == run(events)


@given(STREAMS)
def test_law_1_another_agent_changes_nothing(events: list[Event]) -> None:
    alone = [e for e in events if e["agent"] == "lab/a"]
    together, final = run(events)
    assert [r for r in together if r["agent"] == "lab/a"] == run(alone)[0]
    assert [r for r in final if r["agent"] == "lab/a"] == run(alone)[1]


@given(STREAMS, st.integers(-(10**8), 10**8))
def test_law_1_shifting_all_times_changes_nothing(events: list[Event], seconds: int) -> None:
    _, final = run(events)
    _, shifted = run([e | {"ts": e["ts"] + seconds} for e in events])
    assert [(r["agent"], r["logit"], r["terms"]) for r in final] == [
        (r["agent"], r["logit"], r["terms"]) for r in shifted
    ]


@given(STREAMS, st.permutations(["flow", "gpu", "command"]), CUTS)
def test_law_2_the_interleaving_of_the_three_streams_changes_nothing(
    events: list[Event], kinds: list[str], cuts: list[int]
) -> None:
    one_after_another = [e for kind in kinds for e in events if e["kind"] == kind]
    merged, final = run(events)
    apart, final_apart = run(one_after_another, cuts)
    keep = ("agent", "score", "logit", "terms", "seen")
    assert [{k: r[k] for k in keep} for r in final] == [{k: r[k] for k in keep} for r in final_apart]

    def proofs(records: list[Event]) -> list[Any]:
        return sorted((r["id"], r["strength"], r["words"]) for r in records if "strength" in r)

    assert proofs(merged) == proofs(apart)


@given(STREAMS)
def test_every_score_is_the_sum_of_its_terms(events: list[Event]) -> None:
    out, final = run(events)
    for record in [*(r for r in out if "logit" in r), *final]:
        assert abs(record["prior"] + sum(record["terms"].values()) - record["logit"]) < 1e-9
        assert 0.0 <= record["score"] <= 100.0


@given(STREAMS)
def test_what_goes_in_is_accounted_for(events: list[Event]) -> None:
    scorer = fresh()
    outcome = scorer.process(batch(events))
    assert sum(scorer.account.scored) + sum(scorer.account.late) == len(events)
    assert len(outcome.late) == sum(scorer.account.late)
    assert scorer.commands.unjudged == 0
