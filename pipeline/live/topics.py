"""The topics: their names, what they must be, making them and finding what differs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from pipeline.errors import AgentRiskError
from pipeline.kafka_settings import Settings
from pipeline.live import security

EVENTS: Final = ("flow", "gpu", "command")
INPUTS: Final = ("registry", *EVENTS)
OUTPUTS: Final = ("score", "alert", "evidence", "rejected")
STATE: Final = "state"
KINDS: Final = (*INPUTS, *OUTPUTS, STATE)

COMPACTED: Final = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
CAME: Final = {"message.timestamp.type": "LogAppendTime"}
"""The broker's clock says when a record came, not its sender's: registry entries hold for what came after them."""

CONFIG: Final[dict[str, dict[str, str]]] = {
    "registry": COMPACTED | CAME,
    **dict.fromkeys(EVENTS, CAME),
    "score": COMPACTED,
    STATE: COMPACTED | {"max.message.bytes": "16777216", "segment.bytes": "67108864"},
}
"""What must be set beyond the broker's defaults: the newest entry, score and chunk count; a chunk may exceed a
megabyte."""


BOOTSTRAP_MS: Final = 10_000
"""Milliseconds in which a first broker must answer."""


class TopicsError(AgentRiskError):
    """Topics are missing or differ from what they must be."""


class Made(NamedTuple):
    """What `create` did: names made, and for topics that were there what differs."""

    made: list[str]
    there: list[str]
    different: list[str]


def name(settings: Settings, kind: str) -> str:
    """The topic of a kind.

    >>> name(Settings(prefix="lab1."), "flow")
    'lab1.flow'
    """
    return settings.prefix + kind


def names(settings: Settings) -> dict[str, str]:
    """All topics by kind."""
    return {kind: name(settings, kind) for kind in KINDS}


def admin(settings: Settings) -> KafkaAdminClient:
    """An administration client; AgentRiskError where no broker answers."""
    try:
        return KafkaAdminClient(
            **security.client(settings), request_timeout_ms=15_000, bootstrap_timeout_ms=BOOTSTRAP_MS
        )
    except KafkaError as error:
        raise AgentRiskError(
            f"expected a Kafka broker at {settings.bootstrap_servers}, got {type(error).__name__}: {error}"
        ) from None


def described(client: KafkaAdminClient, settings: Settings) -> dict[str, Any]:
    """Those of our topics that exist, by kind."""
    wanted = {topic: kind for kind, topic in names(settings).items()}
    return {wanted[t["name"]]: t for t in client.describe_topics() if t["name"] in wanted and not t["error_code"]}


def create(settings: Settings, partitions: int = 12, replication: int = 1) -> Made:
    """Make the topics that are missing; say what differs in those that are there."""
    client = admin(settings)
    try:
        there = described(client, settings)
        missing = [kind for kind in KINDS if kind not in there]
        if missing:
            try:
                client.create_topics(
                    {
                        name(settings, kind): {
                            "num_partitions": partitions,
                            "replication_factor": replication,
                            "configs": CONFIG.get(kind, {}),
                        }
                        for kind in missing
                    }
                )
            except TopicAlreadyExistsError:
                there = described(client, settings)
            client.wait_for_topics([name(settings, kind) for kind in missing])
        different = []
        for kind, topic in there.items():
            if len(topic["partitions"]) != partitions:
                different.append(f"{topic['name']}: expected {partitions} partitions, got {len(topic['partitions'])}")
            copies = {len(p["replica_nodes"]) for p in topic["partitions"]}
            if copies != {replication}:
                different.append(
                    f"{topic['name']}: expected replication {replication}, got {', '.join(map(str, sorted(copies)))}"
                )
            different += wrong_config(client, topic["name"], CONFIG.get(kind, {}))
        return Made([name(settings, k) for k in missing], [name(settings, k) for k in there], different)
    finally:
        client.close()


def wrong_config(client: KafkaAdminClient, topic: str, wanted: dict[str, str]) -> list[str]:
    """Settings of a topic that differ from what they must be."""
    if not wanted:
        return []
    from kafka.admin import ConfigResource, ConfigResourceType

    found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    values = {k: str(v) for k, v in flat(found).items()}
    return [
        f"{topic}: expected {key} {value}, got {values[key]}"
        for key, value in wanted.items()
        if key in values and values[key] != value
    ]


def flat(found: Any) -> dict[str, Any]:
    """Names and values out of kafka-python's answer to describe_configs."""
    out: dict[str, Any] = {}
    if isinstance(found, dict):
        for key, value in found.items():
            if isinstance(value, dict) and "value" in value:
                out[str(key)] = value["value"]
            else:
                out |= flat(value)
    elif isinstance(found, (list, tuple)):
        for value in found:
            out |= flat(value)
    return out


def partitions(settings: Settings) -> int:
    """How many partitions the topics have; TopicsError where one is missing or they are not alike."""
    client = admin(settings)
    try:
        there = described(client, settings)
    finally:
        client.close()
    missing = [name(settings, kind) for kind in KINDS if kind not in there]
    if missing:
        raise TopicsError(
            f"expected topics {', '.join(missing)}, got none of that name; `agentrisk topics create` makes them"
        )
    counts = {topic["name"]: len(topic["partitions"]) for topic in there.values()}
    if len(set(counts.values())) > 1:
        raise TopicsError(
            "expected the same number of partitions everywhere, got "
            + ", ".join(f"{topic} {count}" for topic, count in sorted(counts.items()))
        )
    return next(iter(counts.values()))
