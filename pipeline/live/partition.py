"""One partition's share of the walk: its scorer, how far each input topic has been applied, and what leaves because
of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from pipeline import state
from pipeline.errors import RejectedError, StateError
from pipeline.events.codes import KINDS
from pipeline.events.together import interleave
from pipeline.formats import KEPT_BYTES
from pipeline.live.keys import Keys
from pipeline.live.messages import Refused
from pipeline.live.order import Piece
from pipeline.outcome import Outcome
from pipeline.scorer import Scorer, Tuning

HEAD: Final = b"head"
VERSION: Final = 2
REASONS: Final = 200
"""Kinds of rejection that are told apart; the others are counted together."""


class Output(NamedTuple):
    """One record for an output topic, named by its kind: score, alert, evidence or rejected."""

    kind: str
    key: bytes
    record: dict[str, Any]


@dataclass
class Share:
    """What one partition holds.

    names     of the topics, by kind
    offsets   the next offset of each input kind
    records   how many records were applied, by kind; rejected: rows rejected, by reason; late ones are not among them
    """

    number: int
    partitions: int
    tuning: Tuning
    names: dict[str, str]
    strict: bool = True
    scorer: Scorer = field(init=False)
    offsets: dict[str, int] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    changed: bool = False

    def __post_init__(self) -> None:
        self.scorer = Scorer(self.tuning)
        self.keys = Keys(self.number, self.partitions, self.strict)

    def apply(self, pieces: Sequence[Piece]) -> list[Output]:
        """Apply records of one or more topics; what leaves because of it."""
        outputs: list[Output] = []
        for piece in pieces:
            outputs += self._declare(piece)
            outputs += [self._refused(piece.kind, row) for row in piece.refused]
        full = [piece for piece in pieces if piece.batch is not None]
        if full:
            batch = interleave([p.batch for p in full if p.batch is not None], [p.keys for p in full])
            outputs += self._told(self.scorer.process(batch))
        for piece in pieces:
            self.offsets[piece.kind] = piece.next_offset
            self.records[piece.kind] += piece.records
            self.changed = True
        return outputs

    def save(self) -> list[tuple[bytes, bytes]]:
        """The changed chunks and the head, as records of the state topic; from now on they count as saved."""
        records = [(f"chunk-{c}".encode(), state.save_chunk(self.scorer, c)) for c in state.changed(self.scorer)]
        head = {
            "version": VERSION,
            "partitions": self.partitions,
            "offsets": self.offsets,
            "records": self.records,
            "rejected": self.rejected,
        }
        self.changed = False
        return [*records, (HEAD, orjson.dumps(head) + b"\n" + state.save_head(self.scorer))]

    def load(self, records: dict[bytes, bytes]) -> None:
        """Read the newest records of the state topic back; StateError where they are not this version's."""
        if HEAD not in records:
            raise StateError("expected a head among the state's records, got none")
        said, _, scorer_head = records[HEAD].partition(b"\n")
        try:
            head = orjson.loads(said)
            version, partitions = head["version"], head["partitions"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise StateError(f"expected state of version {VERSION}, got something else ({error})") from None
        if version != VERSION:
            raise StateError(f"expected state of version {VERSION}, got {version}")
        if partitions != self.partitions:
            raise StateError(f"expected state of {self.partitions} partitions, got {partitions}")
        state.load_head(self.scorer, scorer_head)
        for key, value in records.items():
            if key != HEAD:
                state.load_chunk(self.scorer, int(key.removeprefix(b"chunk-")), value)
        state.finish(self.scorer, scorer_head)
        self.offsets = head["offsets"]
        self.records, self.rejected = Counter(head["records"]), Counter(head["rejected"])

    def _declare(self, piece: Piece) -> list[Output]:
        out: list[Output] = []
        for told in piece.entries:
            if told.entry is None:
                self.scorer.registry.remove(told.agent, self.scorer.agents.row(told.agent))
                continue
            try:
                self.scorer.declare([told.entry])
            except RejectedError as error:
                raw = orjson.dumps(told.entry)[:KEPT_BYTES]
                out.append(self._refused(piece.kind, Refused(piece.next_offset - 1, str(error), raw, told.agent)))
        return out

    def _refused(self, kind: str, row: Refused) -> Output:
        reason = row.reason.partition(", got ")[0]
        self.rejected[reason if reason in self.rejected or len(self.rejected) < REASONS else "other reasons"] += 1
        return self._rejected(kind, row.offset, row.reason, row.raw, row.agent)

    def _rejected(self, kind: str, offset: int, reason: str, raw: bytes, agent: str | None) -> Output:
        topic = self.names[kind]
        record = {
            "source": self._source(kind),
            "position": offset,
            "topic": topic,
            "partition": self.number,
            "offset": offset,
            "reason": reason,
            "raw": raw.decode("utf-8", "replace"),
        }
        return Output(
            "rejected", (agent or "").encode("utf-8", "replace"), record | ({"agent": agent} if agent else {})
        )

    def _source(self, kind: str) -> str:
        return f"{self.names[kind]}-{self.number}"

    def _told(self, outcome: Outcome) -> list[Output]:
        out = [
            self._rejected(
                KINDS[late["source"]],
                late["position"],
                late["reason"],
                orjson.dumps(late["event"])[:KEPT_BYTES],
                late["agent"],
            )
            for late in outcome.late
        ]
        out += [
            Output("evidence", record["agent"].encode(), record | {"source": self._source(record["modality"])})
            for record in outcome.evidence
        ]
        out += [Output("score", record["agent"].encode(), record) for record in outcome.scores]
        out += [Output("alert", record["agent"].encode(), record) for record in outcome.alerts]
        return out
