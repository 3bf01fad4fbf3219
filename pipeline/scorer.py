"""The whole walk for one batch: events in, scores, evidence and alerts out. Owns the state of all agents.

    batch ── names ──> rows ── admission ──> detectors ──> risk.fold ──> evidence with causes, scores ──> alerts

Nothing here knows whether the batch came from a file or from Kafka, reads a clock or opens a socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Annotated, Any, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

import pipeline.detectors
from pipeline import alerts, causes, risk
from pipeline.admission import Stretch, admit, stretches
from pipeline.commands import Commands, judged_by
from pipeline.events.batch import Batch, Part, select_part
from pipeline.events.codes import COMMAND, FLOW, INBOUND, KINDS
from pipeline.events.columns import Command, Flow
from pipeline.kernels.compiled import kernel
from pipeline.kernels.hashing import hash_address, hash_bytes
from pipeline.kernels.interning import Names
from pipeline.kernels.settings import record
from pipeline.outcome import Order, Outcome, Scribe, Seat
from pipeline.plugins import discover
from pipeline.registry import Registry, read_entry

STORIES = ("mining", "tunnel", "scan", "intrusion", "hiding", "")
ROOM = 4096
"""Scores, and pieces of evidence, that one call of the fold has room for."""


TIDY = 8
"""Agents are looked through for such as are long gone when they have become an eighth more."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is let in."""

    lateness_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86400,
            description="s that a row may lie behind the newest of its agent and kind; "
            "cloud flow logs come 5 to 15 minutes late, long flows are told at their end",
        ),
    ] = 3600.0


class Tuning(Protocol):
    """All settings of the walk."""

    @property
    def risk(self) -> risk.Settings: ...
    @property
    def alerts(self) -> alerts.Settings: ...
    @property
    def scorer(self) -> Settings: ...
    @property
    def detectors(self) -> Mapping[str, msgspec.Struct]: ...


@dataclass(frozen=True)
class Defaults:
    """The walk as it is tuned without a configuration."""

    risk: risk.Settings = field(default_factory=risk.Settings)
    alerts: alerts.Settings = field(default_factory=alerts.Settings)
    scorer: Settings = field(default_factory=Settings)
    detectors: Mapping[str, msgspec.Struct] = field(default_factory=dict)


@dataclass
class Account:
    """Events by kind (flow, gpu, command): what was scored and what came too late."""

    scored: list[int] = field(default_factory=lambda: [0, 0, 0])
    late: list[int] = field(default_factory=lambda: [0, 0, 0])


class Scorer:
    """The state of all agents, and the walk that changes it.

    >>> Scorer().account.scored
    [0, 0, 0]
    """

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.tuning: Tuning = tuning or Defaults()
        found = discover(pipeline.detectors)
        speaking = [(d.KIND, name) for name, d in found.items() if d.KIND is not None]
        self.seats = [self._seat(name, found[name]) for _, name in sorted(speaking)]
        kinds = [seat.part.KIND for seat in self.seats]
        self.span = [
            (kinds.index(k), kinds.index(k) + kinds.count(k)) if k in kinds else (0, 0) for k in range(len(KINDS))
        ]
        self.panel = risk.Panel(
            np.array(kinds, np.int64),
            np.array([STORIES.index(seat.part.STORY) for seat in self.seats], np.int64),
            np.array([round(seat.half_life_s * 1000) for seat in self.seats], np.int64),
        )
        self.many = record(self.tuning.risk)
        silence = found["silence"]
        self.hushed = record(self.tuning.detectors.get("silence") or silence.Settings())
        self.commands = Commands(judged_by({s.name: s.part for s in self.seats}))
        self.registry = Registry()
        self.agents, self.runs, self.episodes = Names(), Names(), Names()
        self.scribe = Scribe(
            self.seats, self.tuning.risk.prior, self.registry, self.commands, self.agents, self.runs, self.episodes
        )
        self.account = Account()
        self.clock = 0
        """µs of the newest event of all."""
        self.incidents: dict[str, int] = {}
        """Of agents whose row was given back: how many incidents they had."""
        self.room = 0
        self.states: list[NDArray[np.void]] = [np.zeros(0, seat.part.STATE) for seat in self.seats]
        self.risks = np.zeros(0, risk.STATE)
        self.suspicions = np.zeros(0, risk.suspicion(len(self.seats)))
        self.alerts = np.zeros(0, alerts.STATE)
        self.rings = np.zeros(0, causes.STATE)
        self.newest = np.zeros((0, len(KINDS)), np.int64)
        self.dirty = np.zeros(0, np.bool_)
        self.wanted = self._wanted()
        self.tidy_at = ROOM
        """Agents from which rows are given back."""

    def declare(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take registry entries in; they hold from now on. RejectedError says what is wrong with one."""
        for raw in entries:
            entry = read_entry(raw)
            self.registry.put(entry, self.agents.row(entry.agent))

    def process(self, batch: Batch) -> Outcome:
        """Apply the events of a batch in their order."""
        outcome = Outcome()
        if not len(batch):
            return outcome
        rows = self._rows(batch)
        batch, rows, afresh = self._admitted(batch, rows, outcome)
        order = self._ordered(batch, rows)
        numbers = self._numbers(batch)
        strengths, whys = self.strengths(batch, rows, numbers, afresh)
        places = self._places(batch, strengths, numbers)
        self._fold(batch, order, numbers, strengths, whys, places, outcome)
        for k, part in enumerate(batch.parts):
            self.account.scored[k] += len(part) if part else 0
        self._tidy()
        return outcome

    def final(self) -> Iterator[dict[str, Any]]:
        """The score of every agent as of its newest event, in the order of their names."""
        rows = self.agents.live()
        rows = rows[self.risks["now"][rows] != 0]
        order = sorted(zip(self.agents.names(rows), rows.tolist(), strict=True))
        for begin in range(0, len(order), ROOM):
            yield from self._finals(np.array([row for _, row in order[begin : begin + ROOM]], np.int64))

    def _finals(self, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
        """Final records of some agents."""
        logit, terms = np.zeros(len(rows)), np.zeros((len(rows), len(self.seats) + 2))
        weigh_each(self.risks, self.suspicions, rows, self.panel, self.many, self.hushed, logit, terms)
        value = np.stack([100.0 / (1.0 + np.exp(-logit)), logit], axis=1)
        state, best = self.risks[rows], self.suspicions["peak_terms"][rows]
        lineage = np.stack([state["run"], state["episode"]], axis=1).astype(np.int64) - 1
        out = self.scribe.scores(rows, value, terms, state["last"], lineage)
        peaks, times = state["peak"].tolist(), ((state["peak_ts"] - 1) / 1e6).tolist()
        for i, (score, peak, ts) in enumerate(zip(out, peaks, times, strict=True)):
            if peak >= score["score"]:
                said = self.scribe.spoken(best[i].tolist())
                score["peak"] = {"score": peak, "ts": ts, "terms": said}
            else:
                score["peak"] = {key: score[key] for key in ("score", "ts", "terms")}
        return out

    def _seat(self, name: str, part: ModuleType) -> Seat:
        settings: Any = self.tuning.detectors.get(name) or part.Settings()
        return Seat(name, part, record(settings), float(settings.half_life_s))

    def _wanted(self) -> risk.Wanted:
        d = len(self.seats)
        return risk.Wanted(
            np.zeros(ROOM, np.int64),
            np.zeros((ROOM, 2)),
            np.zeros((ROOM, d + 2)),
            np.zeros((ROOM, len(KINDS)), np.int64),
            np.zeros((ROOM, 2), np.int64),
            np.zeros((ROOM, d, 2), np.int64),
            np.zeros(ROOM, np.int64),
            np.zeros(ROOM, np.int64),
            np.zeros(ROOM, np.int64),
            np.zeros((ROOM, 2), np.int64),
        )

    def _rows(self, batch: Batch) -> list[NDArray[np.int64]]:
        """The state row of each event's agent, for each kind; new agents are given one."""
        out = []
        for part in batch.parts:
            rows, new = self.agents.rows(part.common.agent) if part else (np.zeros(0, np.int64), np.zeros(0, np.int64))
            self.grow(self.agents.rows_used)
            self.registry.seat_all(new)
            if self.registry.entries or self.incidents:
                for row, name in zip(new.tolist(), self.agents.names(new), strict=True):
                    self.registry.seat(name, row)
                    if name in self.incidents:
                        self.alerts[row]["incident"] = self.incidents.pop(name)
            out.append(rows)
        return out

    def _admitted(
        self, batch: Batch, rows: list[NDArray[np.int64]], outcome: Outcome
    ) -> tuple[Batch, list[NDArray[np.int64]], list[list[Stretch]]]:
        """The batch without late rows, and for each kind the stretches of its rows."""
        parts: list[Part | None] = list(batch.parts)
        kind, row = batch.kind, batch.row
        cuts = [[Stretch(0, len(part), [])] if part else [] for part in parts]
        for k, part in enumerate(batch.parts):
            if part is None:
                continue
            late, afresh = np.zeros(len(part), np.bool_), np.zeros(len(part), np.bool_)
            lateness = round(self.tuning.scorer.lateness_s * 1e6)
            if not admit(k, part.common.ts, rows[k], self.newest, lateness, risk.FORGET_US, late, afresh):
                continue
            if late.any():
                outcome.late += self.scribe.late(
                    part, np.flatnonzero(late), self.newest[rows[k][late], k] - 1, self.tuning.scorer.lateness_s
                )
                self.account.late[k] += int(late.sum())
                kept = np.flatnonzero(~late)
                place = np.cumsum(~late) - 1
                mine = kind == k
                keep = ~mine
                keep[mine] = ~late[row[mine]]
                row = np.where(mine, place[np.where(mine, row, 0)], row)[keep]
                kind = kind[keep]
                parts[k], rows[k], afresh = select_part(part, kept), rows[k][kept], afresh[kept]
            cuts[k] = stretches(rows[k], afresh)
        return Batch((parts[0], parts[1], parts[2]), kind, row), rows, cuts

    def _ordered(self, batch: Batch, rows: list[NDArray[np.int64]]) -> Order:
        n = len(batch)
        agent, ts, run = np.empty(n, np.int64), np.empty(n, np.int64), np.full((n, 2), -1, np.int64)
        for k, part in enumerate(batch.parts):
            if part is None:
                continue
            mine = slice(None) if len(part) == n else batch.kind == k
            agent[mine], ts[mine] = rows[k], part.common.ts
            if (part.common.run.length >= 0).any():
                run[mine, 0] = self.runs.rows(part.common.run)[0]
            if (part.common.episode.length >= 0).any():
                run[mine, 1] = self.episodes.rows(part.common.episode)[0]
        if n:
            self.clock = max(self.clock, int(ts.max()))
            self.dirty[agent] = True
        return Order(batch.kind, batch.row, agent, ts, run)

    def _numbers(self, batch: Batch) -> NDArray[np.int64]:
        part = batch.parts[COMMAND]
        if part is None or not isinstance(part.columns, Command):
            return np.zeros(0, np.int64)
        return self.commands.number(part.columns.command)

    def strengths(
        self, batch: Batch, rows: list[NDArray[np.int64]], numbers: NDArray[np.int64], cuts: list[list[Stretch]]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.void]]]:
        """What each detector says of each row: float64[detectors, rows of the longest part], and its reasons."""
        longest = max(len(part) if part else 0 for part in batch.parts)
        strengths = np.zeros((len(self.seats), longest))
        whys = [np.empty(len(p) if (p := batch.parts[seat.part.KIND]) else 0, seat.part.WHY) for seat in self.seats]
        for k, part in enumerate(batch.parts):
            if part is None:
                continue
            first, last = self.span[k]
            agent = rows[k].astype(np.int32)
            shown = self._shown(k, part, rows[k], numbers, last - first)
            for begin, end, afresh in cuts[k]:
                for d in range(first, last):
                    if afresh:
                        self.states[d][afresh] = np.zeros((), self.states[d].dtype)
                    self._step(d, part, agent, shown[d - first], slice(begin, end), strengths[d, : len(part)], whys[d])
        return strengths, whys

    def _shown(
        self, k: int, part: Part, rows: NDArray[np.int64], numbers: NDArray[np.int64], detectors: int
    ) -> list[Any]:
        """The third and fourth argument of each detector's step."""
        if isinstance(part.columns, Command):
            return [(self.commands.weight[numbers, d], self.commands.fact[numbers, d]) for d in range(detectors)]
        if isinstance(part.columns, Flow):
            return [(self.registry.places(part.columns, rows), part.columns)] * detectors
        return [(self.registry.declared[rows], part.columns)] * detectors

    def _step(
        self,
        d: int,
        part: Part,
        agent: NDArray[np.int32],
        shown: tuple[Any, Any],
        rows: slice,
        strength: NDArray[np.float64],
        why: NDArray[np.void],
    ) -> None:
        one, other = shown
        if rows != slice(0, len(part)):
            one = one[rows]
            other = select_part(part, rows).columns if other is part.columns else other[rows]
        seat = self.seats[d]
        seat.part.step(
            part.common.ts[rows], agent[rows], one, other, self.states[d], seat.settings, strength[rows], why[rows]
        )

    def _places(
        self, batch: Batch, strengths: NDArray[np.float64], numbers: NDArray[np.int64]
    ) -> list[NDArray[np.uint64]]:
        """For each kind the hashes of the places that a row of evidence names or reaches; empty where none is known."""
        out = [np.zeros((0, 2), np.uint64) for _ in KINDS]
        flows = batch.parts[FLOW]
        if flows is not None and isinstance(flows.columns, Flow):
            f = flows.columns
            first, last = self.span[FLOW]
            out[FLOW] = np.zeros((len(flows), 2), np.uint64)
            far_sides(
                strengths[first:last],
                f.direction,
                f.src_hi,
                f.src_lo,
                f.dst_hi,
                f.dst_lo,
                f.host.data,
                f.host.offset,
                f.host.length,
                out[FLOW],
            )
        if len(numbers):
            out[COMMAND] = self.commands.places[numbers]
        return out

    def _fold(
        self,
        batch: Batch,
        order: Order,
        numbers: NDArray[np.int64],
        strengths: NDArray[np.float64],
        whys: list[NDArray[np.void]],
        places: list[NDArray[np.uint64]],
        outcome: Outcome,
    ) -> None:
        counts = np.zeros(2, np.int64)
        loudest = self.commands.loudest
        done, remembered = 0, 0
        while done < len(order.kind):
            done = risk.fold(
                done,
                order.kind,
                order.row,
                order.agent,
                order.ts,
                order.run,
                strengths,
                places[FLOW],
                places[COMMAND],
                self.risks,
                self.suspicions,
                self.panel,
                self.many,
                self.hushed,
                self.wanted,
                counts,
            )
            at = self.wanted.proof_at[: counts[1]]
            for p, (row, shown) in enumerate(zip(at.tolist(), self.scribe.events(batch, order, at), strict=True)):
                if len(numbers):
                    causes.remember(
                        remembered, row + 1, order.kind, order.row, order.agent, order.ts, numbers, loudest, self.rings
                    )
                remembered = row + 1
                ring = self.rings[order.agent[row]]
                outcome.evidence.append(
                    self.scribe.evidence(self.wanted, ring, batch, order, p, shown, numbers, strengths, whys, places)
                )
            self._written(order, int(counts[0]), outcome)
        if len(numbers):
            causes.remember(
                remembered, done, order.kind, order.row, order.agent, order.ts, numbers, loudest, self.rings
            )

    def _written(self, order: Order, count: int, outcome: Outcome) -> None:
        """The scores that the fold wrote, and what they do to their agents' alerts."""
        if not count:
            return
        wanted = self.wanted
        rows = order.agent[wanted.score_at[:count]]
        scores = self.scribe.scores(
            rows,
            wanted.score_value[:count],
            wanted.score_terms[:count],
            wanted.score_last[:count],
            wanted.score_run[:count],
        )
        outcome.scores += scores
        followed = set(rows[self.alerts["level"][rows] > 0].tolist())
        newest = (wanted.score_last[:count].max(axis=1) - 1).tolist()
        for s, (row, score) in enumerate(zip(rows.tolist(), scores, strict=True)):
            if score["score"] < risk.LEVELS[0] and row not in followed:
                continue
            followed.add(row)
            change = alerts.follow(self.alerts[row], score["score"], newest[s], self.tuning.alerts)
            if change is not None:
                outcome.alerts.append(self.scribe.alert(score, change, wanted.score_proofs[s]))

    def _tidy(self) -> None:
        """Drop what no agent needs any more, once much has come together."""
        if self.commands.full:
            live = self.agents.live()
            held = np.concatenate([self.rings["recent"][live].ravel(), self.rings["notable"][live].ravel()])
            self.commands.forget(np.unique(held[held > 0]) - 1)
        if len(self.agents) > self.tidy_at:
            self._give_back()
            self.tidy_at = max(ROOM, len(self.agents) + len(self.agents) // TIDY)

    def _give_back(self) -> None:
        """Give the rows of agents back that were not heard for a day: what they say next begins afresh anyway."""
        now = self.risks["now"][: self.agents.rows_used]
        rows = np.flatnonzero((now > 0) & (now <= self.clock - risk.FORGET_US) & (self.agents.size[: len(now)] >= 0))
        for row in rows[self.alerts["incident"][rows] > 0].tolist():
            self.incidents[self.agents.name(row)] = int(self.alerts[row]["incident"])
        for array in [*self.states, self.risks, self.suspicions, self.alerts, self.rings]:
            empty(array, rows)
        self.newest[rows] = 0
        self.dirty[rows] = True
        if len(rows):
            self.agents.give_back(rows)
        live = self.agents.live()
        for names, field_name in ((self.runs, "run"), (self.episodes, "episode")):
            unused = np.setdiff1d(names.live(), self.risks[field_name][live] - 1)
            if 2 * len(unused) > len(names):
                names.give_back(unused)

    def grow(self, needed: int) -> None:
        """Make room for as many agents."""
        if needed <= self.room:
            return
        room = max(64, needed, 2 * self.room)
        for d, state in enumerate(self.states):
            self.states[d] = grown(state, room)
        for name in ("risks", "suspicions", "alerts", "rings", "newest", "dirty"):
            setattr(self, name, grown(getattr(self, name), room))
        self.room = room


def grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """The same array with more rows, all zeros; what nobody has written to yet takes no memory, before and after.

    >>> grown(np.array([7]), 3).tolist()
    [7, 0, 0]
    """
    out: NDArray[Any] = np.zeros((rows, *array.shape[1:]), array.dtype)
    for begin in range(0, len(array), ROOM):
        part = array[begin : begin + ROOM]
        if part.view(np.bool_).any():
            out[begin : begin + len(part)] = part
    return out


def empty(array: NDArray[Any], rows: NDArray[np.int64]) -> None:
    """Fill some rows with zeros, but for those that are zero already: they may take no memory yet.

    >>> array = np.array([7, 0, 7])
    >>> empty(array, np.array([1, 2]))
    >>> array.tolist()
    [7, 0, 0]
    """
    for begin in range(0, len(rows), ROOM):
        some = rows[begin : begin + ROOM]
        used = array[some].view(np.bool_).reshape(len(some), -1).any(axis=1)
        array[some[used]] = np.zeros((), array.dtype)


@kernel
def weigh_each(
    state: NDArray[np.void],
    suspicions: NDArray[np.void],
    rows: NDArray[np.int64],
    panel: risk.Panel,
    many: NDArray[np.void],
    hushed: NDArray[np.void],
    logit: NDArray[np.float64],
    terms: NDArray[np.float64],
) -> None:
    """The terms of some agents' scores as of their newest event, and their sums with the prior."""
    live = np.zeros(len(panel.kind))
    for i in range(len(rows)):
        logit[i] = risk.weigh(state[rows[i]], suspicions[rows[i]], panel, many[0], hushed[0], live, terms[i])


@kernel
def far_sides(
    strengths: NDArray[np.float64],
    direction: NDArray[np.uint8],
    src_hi: NDArray[np.uint64],
    src_lo: NDArray[np.uint64],
    dst_hi: NDArray[np.uint64],
    dst_lo: NDArray[np.uint64],
    host_data: NDArray[np.uint8],
    host_offset: NDArray[np.int64],
    host_length: NDArray[np.int32],
    out: NDArray[np.uint64],
) -> None:
    """Hashes of the far side's address and name, for rows of which a detector spoke."""
    for i in range(len(direction)):
        spoke = False
        for d in range(len(strengths)):
            if strengths[d, i] > 0.0:
                spoke = True
        if not spoke:
            continue
        if direction[i] == INBOUND:
            out[i, 0] = hash_address(src_hi[i], src_lo[i])
        else:
            out[i, 0] = hash_address(dst_hi[i], dst_lo[i])
        if host_length[i] > 0:
            out[i, 1] = hash_bytes(host_data, host_offset[i], host_length[i])
