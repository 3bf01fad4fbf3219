"""Recorded events onto the topics, in the order of event time and keyed by agent; registry entries first.

inputs ──> lines of each source ──> merge ──> the line itself as the message
                                (as replay)   rows of other formats as native JSON
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, TextIO

import orjson
from aiokafka import AIOKafkaProducer

from pipeline.config import Config
from pipeline.events.batch import Batch, Part
from pipeline.events.codes import KINDS
from pipeline.events.records import event
from pipeline.events.strings import raw, text
from pipeline.events.together import pieces
from pipeline.formats import native
from pipeline.kafka_settings import Settings
from pipeline.live import security, topics
from pipeline.reading import inputs
from pipeline.reading.blocks import Block
from pipeline.reading.merge import Stream, merge
from pipeline.reading.reader import Reader, Shares, Source

WAITING: Final = 20_000
"""Events on their way at once."""

DELIVERY_MS: Final = 180_000
"""Milliseconds that a broker may be away before sending gives up."""

ROWS: Final = 8192
"""Events between two looks at the clock, where they are sent as fast as they go."""


def send(
    paths: Sequence[str], config: Config, speed: float | None, registry: Path | None, progress: TextIO | None
) -> Counter[str]:
    """Send inputs; `speed` 1 is as recorded, 10 ten times as fast, None as fast as it goes. How many of each kind,
    and rejected."""
    return asyncio.run(_send(paths, config, speed, registry, progress))


async def _send(
    paths: Sequence[str], config: Config, speed: float | None, registry: Path | None, progress: TextIO | None
) -> Counter[str]:
    found = inputs.find(paths, config.reading)
    entries = inputs.find([str(registry)], config.reading).registry if registry is not None else []
    topics.partitions(config.live)
    sent: Counter[str] = Counter()
    names = topics.names(config.live)
    producer = make_producer(config.live)
    await producer.start()
    try:
        for entry in [*entries, *found.registry]:
            await producer.send(names["registry"], orjson.dumps(entry), key=entry["agent"].encode())
            sent["registry"] += 1
        await producer.flush()
        sources = [Lines(source, Shares(config.reading)) for source in found.sources]
        async for kind, key, value in paced(sources, config, speed, sent):
            await producer.send(names[kind], value, key=key)
            sent[kind] += 1
            if progress is not None and sent.total() % WAITING == 0:
                progress.write(f"\r{sent.total():,} sent")
                progress.flush()
        await producer.flush()
    finally:
        await producer.stop()
    sent["rejected"] += len(found.rejected)
    if progress is not None:
        progress.write("\r")
    return sent


def make_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer of events: idempotent, so that a partition keeps its order, and quick."""
    return AIOKafkaProducer(
        **security.client(settings),
        acks="all",
        enable_idempotence=True,
        linger_ms=10,
        max_batch_size=1 << 18,
        compression_type="zstd",
        max_request_size=16_000_000,
        request_timeout_ms=DELIVERY_MS,
    )


async def paced(
    sources: Sequence[Lines], config: Config, speed: float | None, counted: Counter[str]
) -> AsyncIterator[tuple[str, bytes, bytes]]:
    """Kind, agent and message of every event, when it is time for it."""
    begun: tuple[float, float] | None = None
    streams = [Stream(lambda source=source: source.batches(counted), source.source.begins) for source in sources]  # type: ignore[misc]
    for merged in merge(streams, config.merge):
        for batch in pieces(merged, ROWS):
            for kind, row in zip(batch.kind.tolist(), batch.row.tolist(), strict=True):
                part = batch.parts[kind]
                assert part is not None
                ts = int(part.common.ts[row]) / 1e6
                if speed is not None:
                    begun = begun or (time.monotonic(), ts)
                    ahead = begun[0] + (ts - begun[1]) / speed - time.monotonic()
                    if ahead > 0.001:
                        await asyncio.sleep(ahead)
                source = sources[int(part.common.source[row])]
                yield KINDS[kind], raw(part.common.agent, row) or b"", source.message(part, row)
            await asyncio.sleep(0)


class Lines(Reader):
    """A reader that keeps the lines of what it has read until they are sent."""

    def __init__(self, source: Source, shares: Shares) -> None:
        super().__init__(source, shares)
        self.lines: dict[int, bytes] = {}
        self.number = 0

    def batches(self, counted: Counter[str]) -> Iterator[Batch]:
        """The events, with the number of this source among those that are sent."""
        for decoded in self:
            counted["rejected"] += sum(row.rows for row in decoded.rejected)
            yield decoded.batch

    def message(self, part: Part, row: int) -> bytes:
        """One event as a message: its line where that is a native object, else its fields."""
        line = self.lines.pop(int(part.common.position[row]), None)
        if line is not None:
            return line
        said = {
            "agent": text(part.common.agent, row),
            "run": text(part.common.run, row),
            "episode": text(part.common.episode, row),
        }
        return orjson.dumps({name: value for name, value in said.items() if value is not None} | event(part, row))

    def _lines(self, file: BufferedReader) -> Iterator[Any]:
        if self.source.format is not native:
            yield from super()._lines(file)
            return
        position = 1
        for piece in self._pieces(file):
            if not isinstance(piece, Block):
                decoded = self._refused(position, "expected a line that can be read", b"", 1)
            else:
                lines = piece.data[: piece.size].tobytes().split(b"\n")
                self.lines.update(
                    (position + i, line.strip()) for i, line in enumerate(lines) if line.lstrip()[:1] == b"{"
                )
                decoded = native.decode_lines(piece.data, piece.size, self.source.index, position)
                for row in decoded.rejected:
                    self.lines.pop(row.position, None)
            position += decoded.lines
            yield decoded


def said(sent: Mapping[str, int]) -> str:
    """What was sent, for people.

    >>> said({"flow": 2, "gpu": 0, "rejected": 1})
    'sent 2 flow; 1 could not be read'
    """
    kinds = ", ".join(f"{sent[kind]:,} {kind}" for kind in topics.INPUTS if sent.get(kind))
    return f"sent {kinds or 'nothing'}" + (f"; {sent['rejected']:,} could not be read" if sent.get("rejected") else "")


def speed_of(text: str) -> float | None:
    """`1x`, `10x` or `max` as a factor; ValueError for anything else.

    >>> speed_of("10x"), speed_of("max")
    (10.0, None)
    """
    if text == "max":
        return None
    factor = float(text.removesuffix("x"))
    if not 0 < factor < 1e6:
        raise ValueError(f"expected a speed above 0, got {text}")
    return factor
