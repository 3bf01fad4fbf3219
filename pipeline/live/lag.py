"""How far the group has come in each input topic: offsets, and event time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console

from pipeline.formats import native
from pipeline.kafka_settings import Settings
from pipeline.live import security, topics
from pipeline.reports import table


class Lag(NamedTuple):
    """One partition: its end, the next offset of the group (None before the first commit), s of event time between
    the two."""

    topic: str
    partition: int
    end: int
    consumed: int | None
    behind: int
    behind_s: float | None


def lag(settings: Settings) -> list[Lag]:
    """Every partition of every input topic."""
    partitions = topics.partitions(settings)
    client = topics.admin(settings)
    try:
        found = client.list_group_offsets(settings.group).get(settings.group, {})
    finally:
        client.close()
    return asyncio.run(
        _lag(settings, partitions, {(tp.topic, tp.partition): int(at.offset) for tp, at in found.items()})
    )


async def _lag(settings: Settings, partitions: int, consumed: dict[tuple[str, int], int]) -> list[Lag]:
    consumer = AIOKafkaConsumer(
        **security.client(settings), group_id=None, enable_auto_commit=False, fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        tps = [TopicPartition(topics.name(settings, kind), p) for kind in topics.INPUTS for p in range(partitions)]
        ends, begins = await consumer.end_offsets(tps), await consumer.beginning_offsets(tps)
        out = []
        for tp in tps:
            end = ends[tp]
            offset = consumed.get((tp.topic, tp.partition))
            at = begins[tp] if offset is None or offset < 0 else offset
            seconds: float | None = 0.0 if at >= end else None
            if at < end and tp.topic != topics.name(settings, "registry"):
                first, last = await event_time(consumer, tp, at), await event_time(consumer, tp, end - 1)
                seconds = max(0.0, last - first) if first is not None and last is not None else None
            out.append(Lag(tp.topic, tp.partition, end, offset, max(0, end - at), seconds))
        return out
    finally:
        await consumer.stop()


async def event_time(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> float | None:
    """The time of the first event of a record, s; None where it holds none."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    records = (await consumer.getmany(tp, timeout_ms=2000, max_records=1)).get(tp)
    if not records or not records[0].value:
        return None
    for part in native.decode(records[0].value, 0, 0).batch.parts:
        if part is not None and len(part):
            return float(part.common.ts[0]) / 1e6
    return None


def show(found: Sequence[Lag], console: Console) -> None:
    """Print it as a table, and the sum of each topic."""
    made = table(
        ("topic", "left"),
        ("partition", "right"),
        ("end", "right"),
        ("consumed", "right"),
        ("behind", "right"),
        ("s behind", "right"),
    )
    for row in found:
        seconds = "?" if row.behind_s is None else f"{row.behind_s:,.0f}"
        made.add_row(
            row.topic,
            str(row.partition),
            f"{row.end:,}",
            "-" if row.consumed is None else f"{row.consumed:,}",
            f"{row.behind:,}",
            seconds,
        )
    console.print(made)
