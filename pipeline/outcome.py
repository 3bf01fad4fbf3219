"""What leaves the walk: the numbers of detectors and fold, written down as records for people and programs.

scores     what the fold weighed                        schemas/score.schema.json
evidence   a strength worth keeping, with its causes    schemas/evidence.schema.json
alerts     what a score did to an agent's alert         schemas/alert.schema.json
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import alerts, causes, risk
from pipeline.commands import Commands
from pipeline.events import records
from pipeline.events.batch import Batch, Part
from pipeline.events.codes import COMMAND, KINDS
from pipeline.events.strings import text
from pipeline.kernels.interning import Names
from pipeline.registry import Registry

REACHED = (0, *risk.LEVELS)


@dataclass
class Outcome:
    """What one batch gave: JSON objects as the schemas describe them, in the order in which they came about."""

    scores: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)


class Seat(NamedTuple):
    """A detector at its place in the panel."""

    name: str
    part: ModuleType
    settings: NDArray[np.void]
    half_life_s: float


class Order(NamedTuple):
    """The rows of a batch in their order, as the fold takes them."""

    kind: NDArray[np.uint8]
    row: NDArray[np.int64]
    agent: NDArray[np.int64]
    ts: NDArray[np.int64]
    run: NDArray[np.int64]


class Scribe:
    """Writes records; it knows the detectors by their seats, and the names that stand behind rows and numbers."""

    def __init__(
        self,
        seats: Sequence[Seat],
        prior: float,
        registry: Registry,
        commands: Commands,
        agents: Names,
        runs: Names,
        episodes: Names,
    ) -> None:
        self.seats, self.prior, self.registry, self.commands = seats, prior, registry, commands
        self.agents, self.runs, self.episodes = agents, runs, episodes
        self.names = [*(seat.name for seat in seats), "agreement", "silence"]
        self.techniques = [next(iter(seat.part.ATTACK), None) for seat in seats]
        self.stories = [judge.STORY for judge in commands.detectors.values()]
        self.judges = {name: d for d, name in enumerate(commands.detectors)}

    def late(
        self, part: Part, rows: NDArray[np.intp], newest: NDArray[np.int64], lateness: float
    ) -> Iterator[dict[str, Any]]:
        """Rows that came too late, with how far they lie behind; `newest` int64[rows] µs, `lateness` s."""
        for i, event, new in zip(rows.tolist(), records.events(part, rows), newest.tolist(), strict=True):
            behind = records.seconds(new - int(part.common.ts[i]))
            yield {
                "agent": text(part.common.agent, i),
                "source": int(part.common.source[i]),
                "position": int(part.common.position[i]),
                "reason": f"late: expected at most {lateness:.0f} s behind the newest event of its agent and kind, "
                f"got {behind:.3f} s",
                "event": event,
            }

    def events(self, batch: Batch, order: Order, at: NDArray[np.int64]) -> list[dict[str, Any]]:
        """The events of some rows of the order, as people read them."""
        out: list[dict[str, Any]] = [{}] * len(at)
        for k, part in enumerate(batch.parts):
            mine = np.flatnonzero(order.kind[at] == k)
            if part is not None and len(mine):
                for p, event in zip(mine.tolist(), records.events(part, order.row[at[mine]]), strict=True):
                    out[p] = event
        return out

    def scores(
        self,
        agents: NDArray[np.int64],
        value: NDArray[np.float64],
        terms: NDArray[np.float64],
        last: NDArray[np.int64],
        run: NDArray[np.int64],
    ) -> list[dict[str, Any]]:
        """Scores of the agents in some rows, each as of its newest event; arrays of as many rows as in risk.Wanted."""
        runs = {n: self.runs.name(n) for n in np.unique(run[:, 0]).tolist() if n >= 0}
        episodes = {n: self.episodes.name(n) for n in np.unique(run[:, 1]).tolist() if n >= 0}
        loud = (terms != 0.0).any(axis=1)
        spoken = iter(terms[loud].tolist())
        out = []
        # Column by column: a list for each row would be most of the work.
        for agent, score, logit, spoke, newest, times, said, episode in zip(
            self.agents.names(agents),
            *value.T.tolist(),
            loud.tolist(),
            zip(*last.T.tolist(), strict=True),
            zip(*((last.T - 1) / 1e6).tolist(), strict=True),
            *run.T.tolist(),
            strict=True,
        ):
            nats = next(spoken) if spoke else []
            record: dict[str, Any] = {
                "agent": agent,
                "ts": max(times),
                "score": score,
                "level": REACHED[bisect(risk.LEVELS, score)],
                "logit": logit,
                "prior": self.prior,
                "terms": self.spoken(nats) if spoke else {},
                "attack": self._techniques(nats) if spoke else [],
                "seen": {kind: ts for kind, ts, there in zip(KINDS, times, newest, strict=True) if there},
            }
            declared = runs[said] if said >= 0 else self.registry.run(agent)
            if said >= 0 or declared:
                record["run"] = declared
            if episode >= 0:
                record["episode"] = episodes[episode]
            out.append(record)
        return out

    def _techniques(self, terms: list[float]) -> list[str]:
        """The first ATT&CK technique of each detector that spoke, each once."""
        return list(dict.fromkeys(t for t, nats in zip(self.techniques, terms, strict=False) if t and nats != 0.0))

    def spoken(self, terms: list[float]) -> dict[str, float]:
        """The terms that are not 0, by their names."""
        return {name: nats for name, nats in zip(self.names, terms, strict=True) if nats != 0.0}

    def _lineage(self, agent: str, run: int, episode: int) -> dict[str, str]:
        """The training run and the episode, where they are known: said by an event, else by the registry."""
        declared = self.registry.run(agent)
        out = {}
        if run >= 0 or declared:
            out["run"] = self.runs.name(run) if run >= 0 else str(declared)
        if episode >= 0:
            out["episode"] = self.episodes.name(episode)
        return out

    def alert(self, score: dict[str, Any], change: alerts.Change, proofs: NDArray[np.int64]) -> dict[str, Any]:
        """What a score did to the agent's alert; `proofs` int64[detectors, 2]: how many, and µs + 1 of the last."""
        last = [
            self._proof_id(score["agent"], d, int(proofs[d, 1]) - 1, int(proofs[d, 0]))
            for d, seat in enumerate(self.seats)
            if seat.name in score["terms"] and proofs[d, 0]
        ]
        strongest = sorted((s for s in self.seats if s.name in score["terms"]), key=lambda s: -score["terms"][s.name])
        titles = ", ".join(s.part.TITLE for s in strongest[:3])
        out = {key: score[key] for key in ("agent", "ts", "score", "terms", "attack", "run", "episode") if key in score}
        return out | {
            "id": f"{score['agent']}#{change.incident}",
            "incident": change.incident,
            "update": change.update,
            "change": change.change,
            "level": change.level,
            "opened_ts": records.seconds(change.opened_ts),
            "evidence": last,
            "words": f"{change.change} at level {change.level}: score {score['score']:.1f}"
            + (f" from {titles}" if titles else ""),
        }

    def _proof_id(self, agent: str, d: int, ts: int, count: int) -> str:
        return f"{agent}/{self.seats[d].name}/{ts}-{count}"

    def evidence(
        self,
        wanted: risk.Wanted,
        ring: Any,
        batch: Batch,
        order: Order,
        p: int,
        shown: dict[str, Any],
        numbers: NDArray[np.int64],
        strengths: NDArray[np.float64],
        whys: list[NDArray[np.void]],
        places: list[NDArray[np.uint64]],
    ) -> dict[str, Any]:
        """The p-th piece of evidence of the fold, with the commands in the agent's ring that best explain it."""
        at, d = int(wanted.proof_at[p]), int(wanted.proof_detector[p])
        seat = self.seats[d]
        k, i, a = seat.part.KIND, int(order.row[at]), int(order.agent[at])
        part = batch.parts[k]
        assert part is not None
        agent, ts, why = self.agents.name(a), int(order.ts[at]), whys[d][i]
        itself = int(numbers[i]) if k == COMMAND else None
        finding = self.commands.findings[itself][self.judges[seat.name]] if itself is not None else None
        words = seat.part.explain(why)
        lasted = seat.part.lasted(why) if hasattr(seat.part, "lasted") else round(shown.get("duration", 0.0) * 1e6)
        since = ts - max(0, lasted)
        if finding is not None and itself is not None:
            words = f"{finding.words}; {words}" if words else finding.words
            shown["command"] = self.commands.texts[itself]
        far = {int(h) for h in places[k][i] if h} if len(places[k]) else set()
        attack = list(seat.part.ATTACK)
        if finding is not None and finding.technique:
            attack = list(dict.fromkeys([finding.technique, *attack]))
        named = causes.causes(ring, self.commands, self.stories, seat.part.STORY, since, ts, far, itself)
        return {
            "id": self._proof_id(agent, d, ts, int(wanted.proof_count[p])),
            "agent": agent,
            "ts": records.seconds(ts),
            "detector": seat.name,
            "title": seat.part.TITLE,
            "story": seat.part.STORY,
            "modality": KINDS[k],
            "strength": float(strengths[d, i]),
            "attack": attack,
            "words": words,
            "event": shown,
            "source": int(part.common.source[i]),
            "position": int(part.common.position[i]),
            "causes": [self._cause(c, ts) for c in named],
        } | self._lineage(agent, int(wanted.proof_run[p, 0]), int(wanted.proof_run[p, 1]))

    def _cause(self, cause: causes.Cause, ts: int) -> dict[str, Any]:
        words = "; ".join(f.words for f in self.commands.findings[cause.command] if f)
        out: dict[str, Any] = {
            "ts": records.seconds(cause.ts),
            "ago_s": records.seconds(ts - cause.ts),
            "command": self.commands.texts[cause.command],
            "reason": cause.reason,
        }
        return out | ({"words": words} if words else {})
