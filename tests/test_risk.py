"""The fold of risk.py equals the score computed from the whole history, in every order of arrival."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import risk
from pipeline.detectors import silence
from pipeline.events.codes import COMMAND, FLOW, GPU
from pipeline.kernels.settings import record
from tests.naive import risk as naive
from tests.naive.risk import Said

KINDS = [FLOW, FLOW, GPU, COMMAND, COMMAND]
STORIES = [0, 1, 0, 0, 1]
HALF_LIVES = [3_600_000, 900_000, 7_200_000, 3_600_000, 60_000]
SETTINGS = risk.Settings()
QUIET = silence.Settings()
PANEL = risk.Panel(*(np.array(x, np.int64) for x in (KINDS, STORIES, HALF_LIVES)))
MINUTE = 60_000_000


def wanted(room: int) -> risk.Wanted:
    d = len(KINDS)
    return risk.Wanted(
        np.zeros(room, np.int64),
        np.zeros((room, 2)),
        np.zeros((room, d + 2)),
        np.zeros((room, 3), np.int64),
        np.zeros((room, 2), np.int64),
        np.zeros((room, d, 2), np.int64),
        np.zeros(room * d, np.int64),
        np.zeros(room * d, np.int64),
        np.zeros(room * d, np.int64),
        np.zeros((room * d, 2), np.int64),
    )


class Folded:
    """One agent, folded event by event."""

    def __init__(self) -> None:
        self.state = np.zeros(1, risk.STATE)
        self.suspicions = np.zeros(1, risk.suspicion(len(KINDS)))
        self.scores: list[tuple[float, list[float]]] = []
        self.proofs = 0

    def take(self, events: list[Said]) -> None:
        n = len(events)
        if not n:
            return
        strengths, reached, named = np.zeros((len(KINDS), n)), np.zeros((n, 2), np.uint64), np.zeros((n, 2), np.uint64)
        for i, event in enumerate(events):
            for d, strength in event.strengths.items():
                strengths[d, i] = strength
            for p, place in enumerate(event.places[:2]):
                (reached if event.kind == FLOW else named)[i, p] = place
        out, counts = wanted(n), np.zeros(2, np.int64)
        done = risk.fold(
            0,
            np.array([e.kind for e in events], np.uint8),
            np.arange(n),
            np.zeros(n, np.int64),
            np.array([e.ts for e in events], np.int64),
            np.full((n, 2), -1, np.int64),
            strengths,
            reached,
            named,
            self.state,
            self.suspicions,
            PANEL,
            record(SETTINGS),
            record(QUIET),
            out,
            counts,
        )
        assert done == n
        self.scores += [(float(out.score_value[s, 1]), out.score_terms[s].tolist()) for s in range(counts[0])]
        self.proofs += int(counts[1])

    def weighed(self) -> tuple[float, list[float]]:
        terms = np.zeros(len(KINDS) + 2)
        logit = weigh(self.state, self.suspicions, terms)
        return logit, terms.tolist()


def weigh(state: Any, suspicions: Any, terms: Any) -> float:
    from pipeline.scorer import weigh_each

    logit = np.zeros(1)
    row = np.zeros(1, np.int64)
    weigh_each(state, suspicions, row, PANEL, record(SETTINGS), record(QUIET), logit, terms.reshape(1, -1))
    return float(logit[0])


def said(kind: int) -> st.SearchStrategy[Said]:
    mine = [d for d in range(len(KINDS)) if KINDS[d] == kind]
    return st.builds(
        Said,
        ts=st.integers(0, 400).map(lambda minutes: 1_700_000_000_000_000 + minutes * MINUTE),
        kind=st.just(kind),
        strengths=st.dictionaries(st.sampled_from(mine), st.floats(0.01, 9.0), max_size=2),
        places=st.tuples(st.integers(1, 4)) if kind != GPU else st.just(()),
    )


HISTORIES = st.lists(st.sampled_from([FLOW, GPU, COMMAND]).flatmap(said), min_size=1, max_size=25)


@given(HISTORIES)
def test_the_fold_equals_the_score_from_the_whole_history(history: list[Said]) -> None:
    folded = Folded()
    for i, event in enumerate(history):
        folded.take([event])
        expected = naive.terms(history[: i + 1], KINDS, STORIES, HALF_LIVES, SETTINGS, QUIET)
        logit, terms = folded.weighed()
        assert terms == expected
        assert logit == naive.logit(SETTINGS.prior, expected)


@given(HISTORIES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(history: list[Said], random: Any) -> None:
    one, other = Folded(), Folded()
    one.take(history)
    shuffled = list(history)
    random.shuffle(shuffled)
    other.take(shuffled)
    assert one.weighed() == other.weighed()


@given(HISTORIES, st.integers(-(10**9), 10**9))
def test_shifting_all_times_changes_nothing(history: list[Said], milliseconds: int) -> None:
    one, other = Folded(), Folded()
    one.take(history)
    other.take([Said(e.ts + 1000 * milliseconds, e.kind, e.strengths, e.places) for e in history])
    assert one.weighed() == other.weighed()


@given(HISTORIES, st.integers(1, 24))
def test_cuts_change_nothing(history: list[Said], cut: int) -> None:
    one, other = Folded(), Folded()
    one.take(history)
    for begin in range(0, len(history), cut):
        other.take(history[begin : begin + cut])
    assert one.scores == other.scores
    assert one.proofs == other.proofs


@given(HISTORIES, st.sampled_from([FLOW, GPU, COMMAND]).flatmap(said))
def test_more_evidence_never_lowers_a_score(history: list[Said], more: Said) -> None:
    newest = max(e.ts for e in history)
    same_time = [Said(newest, kind, {}) for kind in (FLOW, GPU, COMMAND)]
    one, other = Folded(), Folded()
    one.take([*history, *same_time])
    other.take([*history, *same_time, Said(newest, more.kind, more.strengths, more.places)])
    assert other.weighed()[0] >= one.weighed()[0] - 1e-12


@given(HISTORIES, st.integers(1, 600))
def test_silence_lets_evidence_fade(history: list[Said], minutes: int) -> None:
    newest = max(e.ts for e in history)
    one, other = Folded(), Folded()
    one.take([*history, *(Said(newest, kind, {}) for kind in (FLOW, GPU, COMMAND))])
    other.take([*history, *(Said(newest + minutes * MINUTE, kind, {}) for kind in (FLOW, GPU, COMMAND))])
    assert other.weighed()[0] <= one.weighed()[0] + 1e-12


@given(HISTORIES, HISTORIES)
@settings(max_examples=30)
def test_a_day_of_silence_begins_afresh(before: list[Said], after: list[Said]) -> None:
    shift = 86_400_000_000 + 401 * MINUTE
    later = [Said(e.ts + shift, e.kind, e.strengths, e.places) for e in after]
    one, other = Folded(), Folded()
    one.take([*before, *later])
    other.take(later)
    assert naive.since_last_silence([*before, *later]) == later
    assert one.weighed() == other.weighed()


def test_terms_sum_to_the_score_and_no_modality_says_more_than_its_cap() -> None:
    folded = Folded()
    folded.take(
        [Said(0, FLOW, {0: 9.0, 1: 9.0}, (7,)), Said(0, GPU, {2: 9.0}), Said(0, COMMAND, {3: 9.0, 4: 9.0}, (7,))]
    )
    logit, terms = folded.weighed()
    assert math.isclose(logit, SETTINGS.prior + sum(terms))
    assert math.isclose(terms[0] + terms[1], SETTINGS.modality_cap)
    assert terms[5] == SETTINGS.agreement_cap


def test_nothing_known_is_the_prior() -> None:
    folded = Folded()
    folded.take([Said(0, FLOW)])
    assert folded.weighed() == (SETTINGS.prior, [0.0] * 7)
