"""One partition's share of the walk: its scorer, how far each input topic has been applied, and what waits to leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from pipeline import state
from pipeline.errors import AgentRiskError, RejectedError, StateError
from pipeline.formats import KEPT_BYTES
from pipeline.live.messages import Chunk, Keys, Refused, read
from pipeline.scorer import Outcome, Scorer, Tuning
from pipeline.sinks._gate import line

HEAD = b"head"
VERSION = 1


class GapError(AgentRiskError):
    """Events between the state and the first one read are missing."""


class Output(NamedTuple):
    """One record for an output topic, named by its kind: score, alert, evidence or rejected."""

    kind: str
    key: bytes
    value: bytes


@dataclass
class Share:
    """What one partition holds. `offsets` are the next offset of each input kind, `rejected` counts by reason."""

    number: int
    partitions: int
    tuning: Tuning
    names: dict[str, str]
    strict: bool = True
    gaps: str = "stop"
    scorer: Scorer = field(init=False)
    offsets: dict[str, int] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    changed: bool = False

    def __post_init__(self) -> None:
        self.scorer = Scorer(self.tuning)
        self.keys = Keys(self.number, self.partitions, self.strict)

    def apply(self, kind: str, records: Sequence[Any]) -> list[Output]:
        """Apply one fetched chunk of one input; what leaves because of it. GapError where events are missing before it."""
        expected = self.offsets.get(kind)
        if expected is not None:
            if records[0].offset > expected and self.gaps == "stop":
                raise GapError(f"expected offset {expected} of {self.names[kind]} partition {self.number}, got {records[0].offset}: "
                               f"{records[0].offset - expected} records are missing (setting live.gaps)")
            records = [record for record in records if record.offset >= expected]
        if not records:
            return []
        chunk = read(kind, records, self.keys)
        outputs = self._declare(chunk, kind)
        outcome = self.scorer.process(chunk.batch)
        outputs += self._refused(kind, chunk.refused) + self._told(kind, outcome)
        self.offsets[kind] = records[-1].offset + 1
        self.changed = True
        return outputs

    def save(self) -> list[tuple[bytes, bytes]]:
        """The changed chunks and the head, as records of the state topic; from now on they count as saved."""
        records = [(f"chunk-{c}".encode(), state.save_chunk(self.scorer, c)) for c in state.changed(self.scorer)]
        head = {"version": VERSION, "partitions": self.partitions, "offsets": self.offsets, "rejected": self.rejected}
        self.changed = False
        return [*records, (HEAD, orjson.dumps(head) + b"\n" + state.save_head(self.scorer))]

    def load(self, records: dict[bytes, bytes]) -> None:
        """Read the newest records of the state topic back; StateError where they are not this version's."""
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
        self.rejected = Counter(head["rejected"])

    def _declare(self, chunk: Chunk, kind: str) -> list[Output]:
        out: list[Output] = []
        for entry in chunk.entries:
            try:
                self.scorer.declare([entry])
            except RejectedError as error:
                out += self._refused(kind, [Refused(self.offsets.get(kind, 0), str(error), orjson.dumps(entry)[:KEPT_BYTES])])
        for agent in chunk.removed:
            self.scorer.registry.remove(agent, self.scorer.agents.row(agent))
        return out

    def _refused(self, kind: str, refused: list[Refused]) -> list[Output]:
        out = []
        for row in refused:
            self.rejected[row.reason.partition(", got ")[0]] += 1
            out.append(self._rejected(kind, row.offset, row.reason, row.raw, row.agent))
        return out

    def _rejected(self, kind: str, offset: int, reason: str, raw: bytes, agent: str | None) -> Output:
        topic = self.names[kind]
        record = {"source": f"{topic}-{self.number}", "position": offset, "topic": topic, "partition": self.number, "offset": offset,
                  "reason": reason, "raw": raw.decode("utf-8", "replace")}
        return Output("rejected", (agent or "").encode(), line(record | ({"agent": agent} if agent else {})))

    def _told(self, kind: str, outcome: Outcome) -> list[Output]:
        source = f"{self.names[kind]}-{self.number}"
        out = [self._rejected(kind, late["position"], late["reason"], orjson.dumps(late["event"])[:KEPT_BYTES], late["agent"])
               for late in outcome.late]
        out += [Output("evidence", record["agent"].encode(), line(record | {"source": source})) for record in outcome.evidence]
        out += [Output("score", record["agent"].encode(), line(record)) for record in outcome.scores]
        out += [Output("alert", record["agent"].encode(), line(record)) for record in outcome.alerts]
        return out
