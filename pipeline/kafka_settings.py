"""How agentrisk reaches Kafka, and how often it makes its state durable."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The live walk: Kafka, topics, checkpoints."""

    bootstrap_servers: Annotated[
        str, Meta(min_length=1, description="host:port of one or more brokers, with commas between them")
    ] = "localhost:9092"
    group: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern="^[A-Za-z0-9._-]+$",
            description="consumer group; workers of one "
            "group share the partitions. Also the beginning of the transactional ids",
        ),
    ] = "agentrisk"
    prefix: Annotated[
        str,
        Meta(
            max_length=200,
            pattern="^[A-Za-z0-9._-]*$",
            description="what all topic names begin with: one set of topics per lab, or one for all",
        ),
    ] = "agentrisk."
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Meta(description="as Kafka names it")
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Meta(description="as Kafka names it")
    ] = "PLAIN"
    sasl_username: Annotated[str, Meta(description="user at the broker")] = ""
    sasl_password: Annotated[
        str, Meta(description="its password; better given by the environment than by a file. Never printed")
    ] = ""
    ssl_cafile: Annotated[
        str, Meta(description="PEM file of the authorities that sign the brokers; empty: the system's")
    ] = ""
    ssl_certfile: Annotated[str, Meta(description="PEM file of our own certificate, where the broker asks for one")] = (
        ""
    )
    ssl_keyfile: Annotated[str, Meta(description="PEM file of its key")] = ""
    ssl_check_hostname: Annotated[bool, Meta(description="whether a broker's certificate must carry its name")] = True
    checkpoint_s: Annotated[
        float,
        Meta(
            gt=0,
            le=600,
            description="s between two checkpoints; what a crash makes a worker read and score again, at most",
        ),
    ] = 10.0
    session_timeout_s: Annotated[
        float,
        Meta(
            ge=3,
            le=300,
            description="s without a sign of life after which the group gives a "
            "worker's partitions away: how long a kill -9 stops them",
        ),
    ] = 10.0
    transaction_timeout_s: Annotated[
        float,
        Meta(ge=10, le=900, description="s a checkpoint may take before the broker aborts it; more than the slowest"),
    ] = 60.0
    recovery_s: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="s that reading state back may take before the worker stops: a recovery "
            "that is stuck must not look like work",
        ),
    ] = 300.0
    max_fetch_bytes: Annotated[
        int,
        Meta(
            ge=65536,
            le=104857600,
            description="bytes of one partition that one fetch brings: the "
            "size of a batch. Bounds memory together with the number of partitions",
        ),
    ] = 4_194_304
    max_unacknowledged: Annotated[
        int,
        Meta(
            ge=1,
            description="records of output on their way to the broker before a "
            "partition waits: what a slow broker can make a worker hold",
        ),
    ] = 10_000
    partitioner: Annotated[
        Literal["murmur2", "any"],
        Meta(
            description="murmur2: an event must lie on the partition that Kafka's "
            "own clients choose for its agent, others are rejected; any: whatever partition, as long as all producers "
            "choose alike, since an agent's events on two partitions are two agents"
        ),
    ] = "murmur2"
    order_wait_s: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="s that an event at the end of its topic waits for events of the same "
            "time in the other topics, so that a command is known before the traffic it caused; what "
            "an alert is late by",
        ),
    ] = 0.2
    gaps: Annotated[
        Literal["stop", "accept"],
        Meta(
            description="a gap between the offset in the state and the first one read: stop the "
            "worker with the figures, or accept it (for input topics that are compacted or written in transactions)"
        ),
    ] = "stop"
    lost_state: Annotated[
        Literal["refuse", "rebuild"],
        Meta(
            description="state that is missing where the group has read before, of "
            "another version or of another number of partitions: refuse to start, or rebuild it from what the "
            "input topics still hold"
        ),
    ] = "refuse"
