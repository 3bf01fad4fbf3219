"""The alert topic as lines, for people and pipes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import orjson

from pipeline.kafka_settings import Settings
from pipeline.live import topics
from pipeline.live.tail import tail
from pipeline.story.drawing import clock
from pipeline.story.event_words import shown


def lines(settings: Settings, *, follow: bool, json: bool) -> Iterator[str]:
    """Every alert that the topic holds, by time, each update once; with `follow` also what comes."""
    topics.partitions(settings)
    with asyncio.Runner() as runner:
        stream = tail(settings, [topics.name(settings, "alert")], follow)
        seen: set[tuple[str, int]] = set()
        first: list[tuple[float, str]] = []
        while True:
            try:
                records: list[Any] = runner.run(following(stream))
            except StopAsyncIteration:
                break
            for record in records:
                alert = orjson.loads(record.value)
                if (alert["id"], alert["update"]) in seen:
                    continue
                seen.add((alert["id"], alert["update"]))
                text = record.value.decode().rstrip("\n") if json else words(alert)
                if follow:
                    yield text
                else:
                    first.append((alert["ts"], text))
        yield from (text for _, text in sorted(first))


async def following(stream: AsyncGenerator[list[Any], None]) -> list[Any]:
    """The next chunk of a stream."""
    return await anext(stream)


def words(alert: dict[str, object]) -> str:
    """One alert for people.

    >>> words({"id": "lab/a#1", "agent": "lab/a", "ts": 60.0, "words": "opened at level 50: score 55.0 from a scan"})
    '00:01:00  lab/a#1  opened at level 50: score 55.0 from a scan'
    """
    return f"{clock(float(str(alert['ts'])))}  {shown(str(alert['id']), 120)}  {shown(str(alert['words']), 400)}"
