"""One stream as NDJSON on the standard output, for the next program of a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from pipeline.errors import UsageError
from pipeline.sinks import STREAMS, Record, Stream, _gate

ABOUT: Final = "one stream as NDJSON on the standard output"
TARGET: Final = "|".join(STREAMS)


def open_sink(target: str, replace: bool) -> Stdout:
    """Open the standard output for the stream named by `target`."""
    for stream in STREAMS:
        if target == stream:
            return Stdout(stream)
    raise UsageError(f"--sink stdout={target}: expected {TARGET}")


class Stdout:
    """The standard output, for one stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def write(self, stream: Stream, records: Sequence[Record]) -> None:
        """Write the records at once, where they are of our stream."""
        if stream == self.stream and records:
            sys.stdout.buffer.write(_gate.lines(records))
            sys.stdout.buffer.flush()

    def finish(self, summary: Record) -> None:
        """Nothing is left to say."""

    def close(self) -> None:
        """The standard output is not ours to close."""
