"""A stretch of the topics through the same walk into files, without touching the group: what a worker would have made
of it.

Each partition has a share and a line-up of its own, as in a worker. `since` and `until` are times at which records
came, as Kafka keeps them. The registry is read from its beginning: an entry holds for what came after it. What an agent
did before `since` is not known, so its score is the live one only where the stretch begins before the agent did.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition

import pipeline
from pipeline.config import Config
from pipeline.errors import UsageError
from pipeline.events.codes import KINDS
from pipeline.live import messages, security, topics
from pipeline.live.fetching import as_bytes
from pipeline.live.order import LineUp
from pipeline.live.partition import Output, Share
from pipeline.live.records import Fetched
from pipeline.replay import RISKIEST, open_sinks
from pipeline.risk import LEVELS
from pipeline.sinks import Sink

STREAMS: Final[dict[str, Literal["scores", "evidence", "alerts", "rejected"]]] = {
    "score": "scores",
    "evidence": "evidence",
    "alert": "alerts",
    "rejected": "rejected",
}


def moment(text: str) -> int:
    """A time as ms: Unix seconds, or a date and time (ISO 8601; UTC where no zone is said). UsageError for anything
    else.

    >>> moment("1767225600"), moment("2026-01-01"), moment("2026-01-01T00:00:00+01:00")
    (1767225600000, 1767225600000, 1767222000000)
    """
    try:
        return round(float(text) * 1000)
    except ValueError:
        pass
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"expected a time such as 2026-01-31T12:00 or Unix seconds, got {text!r}") from None
    return round((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1000)


def replay(config: Config, since: int | None, until: int | None, sinks: Sequence[str], replace: bool) -> dict[str, Any]:
    """Replay what came from `since` to before `until` (ms; None: all there is); the summary
    (schemas/summary.schema.json)."""
    began, cpu_began = time.monotonic(), time.process_time()
    partitions = topics.partitions(config.live)
    with ExitStack() as stack:
        past = Past(config, partitions, open_sinks(sinks, replace, stack))
        asyncio.run(past.read(since, until))
        summary = past.summary()
        seconds = time.monotonic() - began
        summary |= {
            "seconds": seconds,
            "cpu_seconds": time.process_time() - cpu_began,
            "events_per_second": summary["account"]["read"] / seconds,
        }
        for sink in past.sinks:
            sink.finish(summary)
    return summary


class Past:
    """The shares of all partitions, and what comes of them."""

    def __init__(self, config: Config, partitions: int, sinks: Sequence[Sink]) -> None:
        self.config, self.sinks = config, sinks
        self.names = topics.names(config.live)
        self.kinds = {self.names[kind]: kind for kind in topics.INPUTS}
        self.left: set[TopicPartition] = set()
        strict = config.live.partitioner == "murmur2"
        self.shares = [Share(p, partitions, config, self.names, strict) for p in range(partitions)]
        self.lines = [
            LineUp(0.0, lambda kind, since, p=p: TopicPartition(self.names[kind], p) in self.left)  # type: ignore[misc]
            for p in range(partitions)
        ]
        self.span: list[float | None] = [None, None]
        self.peaks: dict[str, dict[str, Any]] = {}
        self.reasons: Counter[str] = Counter()

    async def read(self, since: int | None, until: int | None) -> None:
        """Read and apply all of it."""
        consumer = AIOKafkaConsumer(
            **security.client(self.config.live),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=self.config.live.max_fetch_bytes,
        )
        await consumer.start()
        as_bytes(consumer._fetcher)
        try:
            tps = [TopicPartition(self.names[kind], share.number) for share in self.shares for kind in topics.INPUTS]
            consumer.assign(tps)
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            if since is not None:
                found = await consumer.offsets_for_times(dict.fromkeys(tps, since))
                begins |= {
                    tp: at.offset if at is not None else ends[tp]
                    for tp, at in found.items()
                    if self.kinds[tp.topic] != "registry"
                }
            if until is not None:
                found = await consumer.offsets_for_times(dict.fromkeys(tps, until))
                ends |= {tp: min(at.offset, ends[tp]) for tp, at in found.items() if at is not None}
            for tp in tps:
                consumer.seek(tp, begins[tp])
            self.left = {tp for tp in tps if begins[tp] < ends[tp]}
            while self.left:
                ready = [tp for tp in self.left if not self.lines[tp.partition].full(self.kinds[tp.topic])]
                for tp, records in (await consumer.getmany(*ready, timeout_ms=200)).items():
                    self.take(tp, records, ends[tp])
                for tp in list(self.left):
                    if await consumer.position(tp) >= ends[tp]:
                        self.left.discard(tp)
                self.advance()
        finally:
            await consumer.stop()

    def take(self, tp: TopicPartition, fetches: list[Any], until: int) -> None:
        """What was fetched of a partition."""
        share = self.shares[tp.partition]
        for found in fetches if isinstance(fetches[0], Fetched) else [fetches]:
            chunk = messages.read(self.kinds[tp.topic], found, share.keys, until=until)
            if len(chunk.offsets):
                self.lines[tp.partition].add(chunk, 0.0)

    def advance(self) -> None:
        """Apply what may be applied."""
        for share, line_up in zip(self.shares, self.lines, strict=True):
            for pieces in line_up.take(0.0):
                for piece in pieces:
                    if len(piece.keys):
                        first, last = float(piece.keys[0]) / 1e6, float(piece.keys[-1]) / 1e6
                        self.span = [min(first, self.span[0] or first), max(last, self.span[1] or last)]
                self.write(share.apply(pieces))

    def write(self, outputs: list[Output]) -> None:
        """Hand what leaves to the sinks."""
        for kind, stream in STREAMS.items():
            records = [output.record for output in outputs if output.kind == kind]
            if kind == "score":
                for score in records:
                    if score["agent"] not in self.peaks or score["score"] > self.peaks[score["agent"]]["score"]:
                        self.peaks[score["agent"]] = score
            for sink in self.sinks:
                if records:
                    sink.write(stream, records)

    def summary(self) -> dict[str, Any]:
        """What was read and what came of it; the final records go to the sinks."""
        finals = sorted(
            (record for share in self.shares for record in share.scorer.final()), key=lambda r: str(r["agent"])
        )
        for record in finals:
            highest = max((record, self.peaks.get(record["agent"], record)), key=lambda r: float(r["score"]))
            record["peak"] = {key: highest[key] for key in ("score", "ts", "terms")}
        for sink in self.sinks:
            sink.write("agents", finals)
        accounts = [share.scorer.account for share in self.shares]
        scored = [sum(a.scored[k] for a in accounts) for k in range(len(KINDS))]
        late = [sum(a.late[k] for a in accounts) for k in range(len(KINDS))]
        rejected = sum((share.rejected for share in self.shares), Counter())
        return {
            "version": pipeline.__version__,
            "inputs": [self.names[kind] for kind in topics.EVENTS],
            "account": {
                "read": sum(scored) + sum(late) + rejected.total(),
                "scored": sum(scored),
                "rejected": rejected.total(),
                "late": sum(late),
                "kinds": {kind: {"scored": scored[k], "late": late[k]} for k, kind in enumerate(KINDS)},
            },
            "agents": len(finals),
            "first_ts": self.span[0],
            "last_ts": self.span[1],
            "levels": {str(level): sum(r["peak"]["score"] >= level for r in finals) for level in LEVELS},
            "riskiest": sorted(finals, key=lambda r: (-r["peak"]["score"], r["agent"]))[:RISKIEST],
            "rejected_by_reason": dict(rejected.most_common()),
            "config_digest": self.config.digest(),
        }
