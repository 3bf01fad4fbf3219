"""What was written about one agent -> its story: how it stands, its score over time, its evidence with what caused it.

    DIR ──> written.py ──> Story ──> telling.py (people)
            (its lines)       └────> JSON       (machines)

A story is bounded, however much was written: the plot keeps the highest and the last score of each stretch, repeats
of the same evidence are folded, and past a limit the weakest evidence makes room.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field, to_builtins

from pipeline.story.written import Alert, Cause, Evidence, Score, lines_of, resolve

REASONS: Final = (
    "it is the evidence",
    "it names the far side",
    "it did something of the same kind itself",
    "it did something suspicious itself",
    "it came just before",
    "it came while this went on",
)
"""Why a command is named (causes.py), the best reason first."""


class Settings(Struct, frozen=True, kw_only=True):
    """How much of a story is kept."""

    points: Annotated[int, Meta(description="scores kept for the plot")] = 4096
    evidence: Annotated[int, Meta(description="folds of evidence kept; the weakest make room")] = 1000
    alerts: Annotated[int, Meta(description="changes of alerts kept; the middle makes room")] = 1000
    gap_s: Annotated[float, Meta(description="s without a repeat after which the same evidence begins anew")] = 3600.0
    far: Annotated[int, Meta(description="far sides named in one fold of evidence")] = 4


class Standing(Struct):
    """A score and what it is made of, in nats: prior + terms = logit, and score = 100 / (1 + exp(-logit))."""

    ts: float
    score: float
    prior: float
    terms: dict[str, float]
    logit: float


class Fold(Struct):
    """The same evidence, once or many times over; `words`, `event` and `source` are those of its strongest time."""

    detector: str
    title: str
    story: str
    modality: str
    attack: list[str]
    ts: float
    until: float
    count: int
    first_strength: float
    strength: float
    words: str
    event: dict[str, Any]
    source: str | int | None
    position: str | int | None
    causes: list[Cause]
    ids: list[str]
    far: list[str] = field(default_factory=list)
    more_far: int = 0


class Story(Struct):
    """One agent: `timeline` holds its evidence and the changes of its alerts, in order of time.

    peak     the highest score whose terms were written
    highest  when the score was highest, and how high; it may have been written without its terms
    """

    agent: str
    run: str | None
    episode: str | None
    first_ts: float | None
    last_ts: float | None
    level: int
    now: Standing | None
    peak: Standing | None
    highest: tuple[float, float] | None
    seen: dict[str, float]
    scores: list[tuple[float, float]]
    timeline: list[Fold | Alert]
    left_out: int
    unreadable: int


def read(folder: Path, wanted: str, settings: Settings | None = None) -> Story:
    """The story of the agent that `wanted` names (see `written.resolve`) in the results of `folder`.

    Raises InputError and UsageError as `resolve` does; lines that cannot be read are counted in `unreadable`.
    """
    settings = settings or Settings()
    agent = resolve(folder, wanted)
    unreadable = [0]
    final = next(lines_of(folder / "agents.ndjson", agent, Score, unreadable), None)
    curve = _Curve(settings.points)
    last: Score | None = final
    highest: Score | None = None
    for score in lines_of(folder / "scores.ndjson", agent, Score, unreadable):
        curve.add(score.ts, score.score)
        if final is None and (last is None or score.ts >= last.ts):
            last = score
        if highest is None or score.score > highest.score:
            highest = score
    folds = _Folds(settings)
    for evidence in lines_of(folder / "evidence.ndjson", agent, Evidence, unreadable):
        folds.add(evidence)
    alerts = _Ends(settings.alerts)
    for alert in lines_of(folder / "alerts.ndjson", agent, Alert, unreadable):
        alerts.add(alert)
    if final is not None:
        curve.add(final.ts, final.score)
    scores = curve.points()
    timeline = [*folds.kept(), *alerts]
    timeline.sort(key=lambda entry: (entry.ts, isinstance(entry, Alert)))
    moments = [ts for ts, _ in scores] + [entry.ts for entry in timeline] + list(last.seen.values() if last else ())
    return Story(
        agent=agent,
        run=_known(last, timeline, "run"),
        episode=_known(last, timeline, "episode"),
        first_ts=min(moments, default=None),
        last_ts=max(moments, default=None),
        level=last.level if last else 0,
        now=_standing(last) if last else None,
        peak=_peak(final, highest),
        highest=_highest(final, scores),
        seen=dict(sorted(last.seen.items())) if last else {},
        scores=scores,
        timeline=timeline,
        left_out=folds.left_out + alerts.left_out,
        unreadable=unreadable[0],
    )


def as_json(story: Story) -> dict[str, Any]:
    """The story as one JSON object; entries of its time line are told apart by `kind`, evidence or alert."""
    told: dict[str, Any] = to_builtins(story)
    told["timeline"] = [
        {"kind": "alert" if isinstance(entry, Alert) else "evidence"} | to_builtins(entry) for entry in story.timeline
    ]
    return told


def _standing(score: Score) -> Standing:
    """What a score is made of. Where its record lacks a part, that follows from the others."""
    terms = sum(score.terms.values())
    logit = score.logit
    if logit is None:
        logit = score.prior + terms if score.prior is not None else logit_of(score.score)
    return Standing(score.ts, score.score, logit - terms if score.prior is None else score.prior, score.terms, logit)


def _peak(final: Score | None, highest: Score | None) -> Standing | None:
    """The highest score whose terms were written with it and add up to it."""
    known = [_standing(score) for score in (final, highest) if score is not None]
    if final is not None and final.peak is not None:
        peak = Score(final.agent, final.peak.ts, final.peak.score, prior=final.prior, terms=final.peak.terms)
        if adds_up(_standing(peak)):
            known.append(_standing(peak))
    return max(known, key=lambda s: s.logit, default=None)


def adds_up(standing: Standing) -> bool:
    """Whether the terms make up the score, as far as a score of 0 to 100 can tell."""
    apart = abs(standing.prior + sum(standing.terms.values()) - logit_of(standing.score))
    return apart < 0.05 or (abs(standing.logit) > 20 and abs(logit_of(standing.score)) > 20)


def _highest(final: Score | None, scores: list[tuple[float, float]]) -> tuple[float, float] | None:
    """(Unix seconds, score) of the highest score that is told of anywhere, the earliest where several are."""
    told = scores + ([(final.peak.ts, final.peak.score)] if final and final.peak else [])
    return max(told, key=lambda p: (p[1], -p[0]), default=None)


def logit_of(score: float) -> float:
    """The nats behind a score, as far as a score of 0 to 100 can tell.

    >>> logit_of(50.0)
    0.0
    """
    share = min(max(score / 100, 1e-12), 1 - 1e-12)
    return math.log(share / (1 - share))


def _known(last: Score | None, timeline: list[Fold | Alert], name: str) -> str | None:
    """The run or episode, from the newest record that says it."""
    said = getattr(last, name) if last else None
    return said or next((v for e in reversed(timeline) if isinstance(e, Alert) and (v := getattr(e, name))), None)


class _Curve:
    """Scores over time: past `limit` points every stretch of time keeps its highest and its last."""

    def __init__(self, limit: int) -> None:
        self.limit = max(limit, 8)
        self.held: list[tuple[float, float]] = []

    def add(self, ts: float, score: float) -> None:
        self.held.append((ts, score))
        if len(self.held) >= 2 * self.limit:
            self.held = self._thinned()

    def points(self) -> list[tuple[float, float]]:
        return self._thinned() if len(self.held) > self.limit else sorted(self.held, key=lambda p: p[0])

    def _thinned(self) -> list[tuple[float, float]]:
        held = sorted(self.held, key=lambda p: p[0])
        start, spread = held[0][0], (held[-1][0] - held[0][0]) or 1.0
        cells: dict[int, list[tuple[float, float]]] = {}
        for point in held:
            cells.setdefault(int((point[0] - start) / spread * (self.limit // 2 - 1)), []).append(point)
        kept = []
        for cell in cells.values():
            top = max(cell, key=lambda p: p[1])
            kept += [top] if top is cell[-1] else [top, cell[-1]]
        return kept


class _Folds:
    """Evidence, the same folded into one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.open: dict[tuple[str, ...], Fold] = {}
        self.all: list[Fold] = []
        self.left_out = 0

    def add(self, evidence: Evidence) -> None:
        same = self.open.get(_same(evidence))
        if same is None or evidence.ts - same.until > self.settings.gap_s:
            same = _first(evidence)
            self.open[_same(evidence)] = same
            self.all.append(same)
            if len(self.all) >= 2 * self.settings.evidence:
                self._prune()
        else:
            _repeat(same, evidence)
        _reach(same, evidence, self.settings.far)

    def kept(self) -> list[Fold]:
        if len(self.all) > self.settings.evidence:
            self._prune()
        return self.all

    def _prune(self) -> None:
        """Keep the strongest; what goes may come again as new."""
        self.all.sort(key=lambda fold: (-fold.strength, fold.ts))
        self.left_out += sum(fold.count for fold in self.all[self.settings.evidence :])
        self.all = self.all[: self.settings.evidence]
        staying = {id(fold) for fold in self.all}
        self.open = {key: fold for key, fold in self.open.items() if id(fold) in staying}


class _Ends:
    """The first and the last of a sequence."""

    def __init__(self, limit: int) -> None:
        self.first: list[Alert] = []
        self.last: deque[Alert] = deque(maxlen=max(limit // 2, 1))
        self.left_out = 0

    def add(self, alert: Alert) -> None:
        if len(self.first) < (self.last.maxlen or 0):
            self.first.append(alert)
            return
        self.left_out += len(self.last) == self.last.maxlen
        self.last.append(alert)

    def __iter__(self) -> Iterator[Alert]:
        yield from self.first
        yield from self.last


def _same(evidence: Evidence) -> tuple[str, ...]:
    """The key of the same evidence: a command run again, a GPU still busy, flows of one detector and cause."""
    if evidence.modality == "command":
        return (evidence.detector, evidence.words, str(evidence.event.get("command", "")))
    if evidence.modality == "gpu":
        return (evidence.detector, str(evidence.event.get("gpu", "")))
    cause = evidence.causes[0] if evidence.causes else None
    return (evidence.detector, cause.command if cause and cause.reason in REASONS[:4] else "")


def _first(evidence: Evidence) -> Fold:
    return Fold(
        detector=evidence.detector,
        title=evidence.title,
        story=evidence.story,
        modality=evidence.modality,
        attack=evidence.attack,
        ts=evidence.ts,
        until=evidence.ts,
        count=1,
        first_strength=evidence.strength,
        strength=evidence.strength,
        words=evidence.words,
        event=evidence.event,
        source=evidence.source,
        position=evidence.position,
        causes=evidence.causes,
        ids=[evidence.id],
    )


def _repeat(fold: Fold, evidence: Evidence) -> None:
    """Take a repeat in: the strongest speaks for all, the best named cause stays."""
    fold.count += 1
    fold.ts = min(fold.ts, evidence.ts)
    fold.until = max(fold.until, evidence.ts)
    fold.ids = [fold.ids[0], evidence.id]
    fold.attack += [technique for technique in evidence.attack[:8] if technique not in fold.attack]
    if _rank(evidence.causes) < _rank(fold.causes):
        fold.causes = evidence.causes
    if evidence.strength > fold.strength:
        fold.strength, fold.words, fold.event = evidence.strength, evidence.words, evidence.event
        fold.source, fold.position = evidence.source, evidence.position


def _rank(causes: list[Cause]) -> int:
    """How good the reason is for which the first command is named; 0 is the best."""
    return REASONS.index(causes[0].reason) if causes and causes[0].reason in REASONS else len(REASONS)


def _reach(fold: Fold, evidence: Evidence, limit: int) -> None:
    """Note the far side of a flow among the first few of its fold; further ones are counted."""
    event = evidence.event
    if evidence.modality != "flow" or "dst_ip" not in event:
        return
    inbound = event.get("direction") == "inbound"
    far = str(event["src_ip"] if inbound and "src_ip" in event else event["dst_ip"])
    far = far if inbound or not event.get("dst_port") else f"{far}:{event['dst_port']}"
    if far not in fold.far:
        if len(fold.far) < limit:
            fold.far.append(far)
        else:
            fold.more_far += 1
