"""Recorded events -> the walk -> sinks, with an account in which every row that was read appears.

paths ──> inputs ──> reading ──> merge ──> scorer ──> sinks
                        └─ rejected ─────────────────> sinks        read = scored + rejected + late
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

import pipeline
import pipeline.sinks
from pipeline import warming
from pipeline.config import Config
from pipeline.errors import InputError, UsageError
from pipeline.events.batch import Batch
from pipeline.events.codes import KINDS
from pipeline.formats import KEPT_BYTES, Rejected
from pipeline.plugins import discover
from pipeline.progress import Progress
from pipeline.reading import inputs
from pipeline.reading.merge import Stream, merge
from pipeline.reading.reader import Reader, Shares, Source
from pipeline.risk import LEVELS
from pipeline.scorer import Scorer
from pipeline.sinks import Sink

RISKIEST: Final = 20
"""Agents that the summary names."""

REASONS: Final = 200
"""Kinds of rejection that are told apart; the others are counted together."""

CHUNK: Final = 4096
"""Final records that are handed to the sinks at once."""


def run(
    paths: Sequence[str],
    *,
    config: Config,
    sinks: Sequence[str],
    registry: Path | None = None,
    replace: bool = False,
    progress: TextIO | None = None,
) -> dict[str, Any]:
    """Replay inputs into sinks (NAME=TARGET each); the summary (schemas/summary.schema.json).

    UsageError where an input cannot be read, a sink cannot be written or does not exist: before any work.
    """
    began, cpu_began = time.monotonic(), time.process_time()
    found = inputs.find(paths, config.reading)
    declared = inputs.find([str(registry)], config.reading) if registry is not None else None
    if declared is not None and declared.sources:
        raise InputError(f"expected registry entries in {registry}, got events")
    with ExitStack() as stack:
        opened = open_sinks(sinks, replace, stack)
        warming.warm(progress)
        walked = time.monotonic()
        walk = Walk(found, config, opened)
        shown = Progress(progress, total_bytes(found.sources))
        stack.callback(shown.close)
        if declared is not None:
            walk.declare(declared)
        walk.declare(found)
        for batch in walk.batches():
            walk.apply(batch)
            shown.show(walk.taken(), walk.read, walk.last_ts)
        shown.close()
        riskiest, levels, agents = walk.finals()
        account = walk.account()
        summary: dict[str, Any] = {
            "version": pipeline.__version__,
            "inputs": [source.name for source in found.sources],
            "account": account,
            "agents": agents,
            "first_ts": walk.first_ts,
            "last_ts": walk.last_ts,
            "levels": levels,
            "riskiest": riskiest,
            "rejected_by_reason": dict(walk.reasons.most_common()),
            "seconds": time.monotonic() - began,
            "cpu_seconds": time.process_time() - cpu_began,
            "events_per_second": account["read"] / (time.monotonic() - walked),
            "unjudged_commands": walk.scorer.commands.unjudged,
            "config_digest": config.digest(),
        }
        for sink in walk.sinks:
            sink.finish(summary)
    return summary


class Walk:
    """One replay: what has been read so far, and where it went."""

    def __init__(self, found: inputs.Found, config: Config, sinks: Sequence[Sink]) -> None:
        self.found = found
        self.config = config
        self.sinks = sinks
        self.scorer = Scorer(config)
        self.read = 0
        self.rejected = 0
        self.reasons: Counter[str] = Counter()
        self.first_ts: float | None = None
        self.last_ts: float | None = None
        shares = Shares(config.reading)
        self.readers = [Reader(source, shares) for source in found.sources]
        self.risen: dict[str, dict[str, Any]] = {}
        """The highest score written of each agent that ever reached the lowest level: the walk forgets an agent that is
        silent for a day, the account of a long recording must not."""

    def declare(self, found: inputs.Found) -> None:
        """Take in what files of registry entries hold."""
        self.scorer.declare(found.registry)
        self.refuse(found.rejected, found.names)

    def batches(self) -> Iterator[Batch]:
        """All events, merged; what is rejected on the way goes to the sinks."""
        return merge(
            [
                Stream(lambda reader=reader: self.events(reader), reader.source.begins)  # type: ignore[misc]
                for reader in self.readers
            ],
            self.config.merge,
        )

    def events(self, reader: Reader) -> Iterator[Batch]:
        """The batches of one source."""
        for decoded in reader:
            self.scorer.declare(decoded.registry)
            self.refuse(decoded.rejected, self.found.names)
            yield decoded.batch

    def refuse(self, rejected: Sequence[Rejected], names: Sequence[str]) -> None:
        """Count and keep rows that could not be read."""
        if not rejected:
            return
        for row in rejected:
            self.read += row.rows
            self.rejected += row.rows
            count_reason(self.reasons, row)
        self.write("rejected", [rejected_record(row, names) for row in rejected])

    def apply(self, batch: Batch) -> None:
        """Score one batch and hand what comes of it to the sinks."""
        self.read += len(batch)
        for part in batch.parts:
            if part is not None and len(part):
                first, last = float(part.common.ts.min()) / 1e6, float(part.common.ts.max()) / 1e6
                self.first_ts = first if self.first_ts is None else min(first, self.first_ts)
                self.last_ts = last if self.last_ts is None else max(last, self.last_ts)
        outcome = self.scorer.process(batch)
        for score in outcome.scores:
            if score["score"] >= LEVELS[0] and score["score"] > self.risen.get(score["agent"], {"score": 0.0})["score"]:
                self.risen[score["agent"]] = score
        self.write("scores", outcome.scores)
        self.write(
            "evidence", [{**record, "source": self.found.names[record["source"]]} for record in outcome.evidence]
        )
        self.write("alerts", outcome.alerts)
        self.write("rejected", [late_record(record, self.found.names) for record in outcome.late])

    def write(self, stream: pipeline.sinks.Stream, records: Sequence[pipeline.sinks.Record]) -> None:
        """Hand records to every sink."""
        if records:
            for sink in self.sinks:
                sink.write(stream, records)

    def taken(self) -> int:
        """Bytes of the inputs that were used so far."""
        return sum(reader.taken for reader in self.readers)

    def finals(self) -> tuple[list[dict[str, Any]], dict[str, int], int]:
        """Write the final records; the riskiest by peak, how many ever reached each level, how many there are."""
        riskiest: list[dict[str, Any]] = []
        levels = dict.fromkeys(map(str, LEVELS), 0)
        agents = 0
        records = self.last_records()
        while chunk := list(islice(records, CHUNK)):
            peaks = [record["peak"]["score"] for record in chunk]
            for level in LEVELS:
                levels[str(level)] += sum(peak >= level for peak in peaks)
            agents += len(chunk)
            least = riskiest[-1]["peak"]["score"] if len(riskiest) == RISKIEST else 0.0
            risky = [record for record, peak in zip(chunk, peaks, strict=True) if peak >= least]
            riskiest = heapq.nsmallest(RISKIEST, [*riskiest, *risky], key=lambda r: (-r["peak"]["score"], r["agent"]))
            self.write("agents", chunk)
        return riskiest, levels, agents

    def last_records(self) -> Iterator[dict[str, Any]]:
        """The final record of each agent that the walk still knows, then of those it forgot after they had risen."""
        for record in self.scorer.final():
            highest = self.risen.pop(record["agent"], None)
            if highest is not None and highest["score"] > record["peak"]["score"]:
                record["peak"] = peak_of(highest)
            yield record
        for highest in self.risen.values():
            yield {**highest, "peak": peak_of(highest)}

    def account(self) -> dict[str, Any]:
        """What became of every row that was read."""
        counted = self.scorer.account
        account: dict[str, Any] = {
            "read": self.read,
            "scored": sum(counted.scored),
            "rejected": self.rejected,
            "late": sum(counted.late),
            "kinds": {kind: {"scored": counted.scored[k], "late": counted.late[k]} for k, kind in enumerate(KINDS)},
        }
        assert account["read"] == account["scored"] + account["rejected"] + account["late"], account
        return account


def peak_of(score: Mapping[str, Any]) -> dict[str, Any]:
    """A score as the peak of its agent's final record."""
    return {key: score[key] for key in ("score", "ts", "terms")}


# ---------------------------------------------------------------- rows that could not be read


def rejected_record(row: Rejected, names: Sequence[str]) -> dict[str, Any]:
    """A refused row as it is kept (schemas/rejected.schema.json); `source` by its name."""
    record: dict[str, Any] = {
        "source": names[row.source],
        "position": row.position,
        "reason": row.reason,
        "raw": row.raw.decode("utf-8", "replace"),
    }
    return record | ({"rows": row.rows} if row.rows != 1 else {})


def late_record(late: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A late row as it is kept: what can be told of it stands where a refused row's bytes do."""
    event = {"agent": late["agent"], **late["event"]}
    raw = orjson.dumps(event)[:KEPT_BYTES].decode("utf-8", "replace")
    return {"source": names[late["source"]], "position": late["position"], "reason": late["reason"], "raw": raw}


def count_reason(reasons: Counter[str], row: Rejected) -> str:
    """Count a refusal by its kind: what was expected, without what was got.

    >>> kinds = Counter()
    >>> count_reason(kinds, Rejected(0, 1, "expected src_port an integer from 0 to 65535, got 70000", b""))
    'expected src_port an integer from 0 to 65535'
    """
    kind = row.reason.partition(", got ")[0]
    if kind not in reasons and len(reasons) >= REASONS:
        kind = "other reasons"
    reasons[kind] += row.rows
    return kind


# ---------------------------------------------------------------- inputs and sinks


def total_bytes(sources: Iterable[Source]) -> int | None:
    """The bytes of all sources, or None where one has no known size."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def open_sinks(wanted: Sequence[str], replace: bool, stack: ExitStack) -> list[Sink]:
    """Open each NAME=TARGET; all are closed with `stack`."""
    found = discover(pipeline.sinks)
    opened: list[Sink] = []
    for said in wanted:
        name, equals, target = said.partition("=")
        if name not in found or not equals or not target:
            known = "; ".join(f"{name}={module.TARGET} ({module.ABOUT})" for name, module in found.items())
            raise UsageError(f"--sink {said}: expected one of {known}")
        sink: Sink = found[name].open_sink(target, replace)
        stack.callback(sink.close)
        opened.append(sink)
    return opened


# ---------------------------------------------------------------- check


def check(paths: Sequence[str], config: Config, progress: TextIO | None = None) -> dict[str, Any]:
    """Read inputs and count: what each holds, and each kind of rejection with its first row."""
    found = inputs.find(paths, config.reading)
    shown = Progress(progress, total_bytes(found.sources))
    counts = [dict.fromkeys((*KINDS, "registry", "rejected", "bytes"), 0) for _ in found.names]
    events_in = {source.index for source in found.sources}
    reasons: Counter[str] = Counter()
    examples: dict[str, dict[str, Any]] = {}

    def refuse(rejected: Iterable[Rejected]) -> None:
        for row in rejected:
            counts[row.source]["rejected"] += row.rows
            examples.setdefault(count_reason(reasons, row), rejected_record(row, found.names))

    refuse(found.rejected)
    events = 0
    for source in found.sources:
        entry = counts[source.index]
        reader = Reader(source, Shares(config.reading))
        for decoded in reader:
            for kind, part in zip(KINDS, decoded.batch.parts, strict=True):
                entry[kind] += len(part) if part else 0
            entry["registry"] += len(decoded.registry)
            refuse(decoded.rejected)
            events += len(decoded.batch)
            shown.show(sum(c["bytes"] for c in counts) + reader.taken, events, None)
        entry["bytes"] = reader.taken
    shown.close()
    rejected = sum(entry["rejected"] for entry in counts)
    return {
        "inputs": [
            {"source": name, **entry}
            for i, (name, entry) in enumerate(zip(found.names, counts, strict=True))
            if i in events_in
        ],
        "registry": {
            "entries": len(found.registry),
            "files": [name for i, name in enumerate(found.names) if i not in events_in],
            "rejected": sum(entry["rejected"] for i, entry in enumerate(counts) if i not in events_in),
        },
        "skipped": [{"source": skipped.name, "reason": skipped.reason} for skipped in found.skipped],
        "account": {"read": events + rejected, "accepted": events, "rejected": rejected},
        "rejected": [{**examples[kind], "count": count} for kind, count in reasons.most_common()],
    }
