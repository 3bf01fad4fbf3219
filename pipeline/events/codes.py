"""Enumerations of the schemas as small integers; 0 is always "not said"."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = 0

TCP: Final = 1
UDP: Final = 2
ICMP: Final = 3
PROTOS: Final = {"tcp": TCP, "udp": UDP, "icmp": ICMP}

OUTBOUND: Final = 1
INBOUND: Final = 2
DIRECTIONS: Final = {"outbound": OUTBOUND, "inbound": INBOUND}

ESTABLISHED: Final = 1
REJECTED: Final = 2
UNANSWERED: Final = 3
BLOCKED: Final = 4
OUTCOMES: Final = {"established": ESTABLISHED, "rejected": REJECTED, "unanswered": UNANSWERED, "blocked": BLOCKED}

NO: Final = 1
YES: Final = 2

NONE: Final = 1
TRAINING: Final = 2
INFERENCE: Final = 3
ANY: Final = 4
DECLARATIONS: Final = {"none": NONE, "training": TRAINING, "inference": INFERENCE, "any": ANY}

INTERNAL: Final = 1
EXTERNAL: Final = 2
ALLOWED: Final = 3
LOCAL: Final = 4
"""Where the far side of a flow lies: `Placed` in registry.py fills a uint8 column with these.

INTERNAL  inside one of the agent's internal networks
EXTERNAL  outside of them
ALLOWED   a destination that the registry expects, wherever it lies
LOCAL     loopback, link-local, multicast, broadcast or unspecified: never a place to reach
"""

FLOW: Final = 0
GPU: Final = 1
COMMAND: Final = 2
KINDS: Final = ("flow", "gpu", "command")
