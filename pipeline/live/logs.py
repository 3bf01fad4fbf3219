"""Logs of a worker: one fact a line, ours in full, the Kafka clients' only where something is wrong."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

CLIENTS: Final = ("aiokafka", "kafka", "faust", "mode", "asyncio", "pipeline.live.worker", "pipeline.live.transport")
"""The last two are faust's services that are subclassed here; what this room says itself goes to agentrisk.live."""


log = logging.getLogger("agentrisk.live")


class Line(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING agentrisk.live what happened`, whatever the message holds on one line."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).split())


def to_stderr() -> None:
    """Log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
