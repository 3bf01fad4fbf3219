"""Topics read from outside the group: a stretch of them, or on and on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.kafka_settings import Settings
from pipeline.live import security

WAIT_MS: Final = 300


async def tail(settings: Settings, topics: Iterable[str], follow: bool) -> AsyncGenerator[list[Any], None]:
    """What the topics hold, and with `follow` what comes; in the end of each wait an empty list, so that a caller can
    look around."""
    consumer = AIOKafkaConsumer(
        **security.client(settings),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        tps = [
            TopicPartition(t, p)
            for t in topics
            for p in sorted(consumer.partitions_for_topic(t) or await known(consumer, t))
        ]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        await consumer.seek_to_beginning(*tps)
        left = {tp for tp in tps if ends[tp] > 0}
        while follow or left:
            records = [r for chunk in (await consumer.getmany(timeout_ms=WAIT_MS)).values() for r in chunk]
            yield records
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()


async def known(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """The partitions of a topic that the client has not heard of yet."""
    await consumer._client.add_topic(topic)
    return set(consumer.partitions_for_topic(topic) or ())
