"""A folder of NDJSON files and a summary: what `explain` reads.

```
DIR/scores.ndjson  evidence.ndjson  alerts.ndjson  rejected.ndjson  agents.ndjson     as records come
DIR/summary.json                                                                      at the end, in one step
```

A folder without summary.json is the result of a run that did not end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.errors import UsageError
from pipeline.sinks import STREAMS, Record, Stream, _gate

ABOUT: Final = "scores, evidence, alerts, rejected rows, final records and the summary as files of one folder"
TARGET: Final = "DIR"

SUMMARY: Final = "summary.json"
UNFINISHED: Final = ".summary.json.tmp"
NAMES: Final = frozenset({*(f"{stream}.ndjson" for stream in STREAMS), SUMMARY, UNFINISHED})
BUFFER: Final = 1 << 20
"""Bytes gathered before they are written; whole lines only, so that a reader beside us never sees half a record."""


def open_sink(target: str, replace: bool) -> Files:
    """Open `target`, a folder that is new, empty, or (with `replace`) the result of an earlier run."""
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise UsageError(f"{folder}: expected a folder to write to, got: {error.strerror}") from error
    if strange := sorted(present - NAMES):
        raise UsageError(f"{folder}: expected a new or empty folder, got one that holds {strange[0]!r}")
    if present and not replace:
        raise UsageError(f"{folder}: holds the result of an earlier run; --replace writes over it")
    try:
        for name in sorted(present, key=lambda name: name != SUMMARY):
            (folder / name).unlink()
        return Files(folder)
    except OSError as error:
        raise UsageError(f"{folder}: expected a folder to write to, got: {error.strerror}") from error


class Files:
    """The open folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, BinaryIO] = {name: (folder / f"{name}.ndjson").open("ab", buffering=0) for name in STREAMS}
        self.waiting: dict[str, bytearray] = {name: bytearray() for name in STREAMS}

    def write(self, stream: Stream, records: Sequence[Record]) -> None:
        """Append records to the stream's file."""
        waiting = self.waiting[stream]
        waiting += _gate.lines(records)
        if len(waiting) >= BUFFER:
            self.flush(stream)

    def flush(self, stream: str) -> None:
        """Write what is waiting."""
        waiting = memoryview(self.waiting[stream])
        self.waiting[stream] = bytearray()
        try:
            while waiting:
                waiting = waiting[self.open[stream].write(waiting) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.open[stream].name) from error

    def finish(self, summary: Record) -> None:
        """Write summary.json by a rename: it is there whole or not at all."""
        for stream in self.open:
            self.flush(stream)
        with (self.folder / UNFINISHED).open("wb") as file:
            file.write(_gate.line(summary))
            file.flush()
            os.fsync(file.fileno())
        (self.folder / UNFINISHED).replace(self.folder / SUMMARY)

    def close(self) -> None:
        """Write what is waiting and close the files; where one cannot be written the others still are."""
        with ExitStack() as stack:
            for stream, file in self.open.items():
                stack.callback(file.close)
                stack.callback(self.flush, stream)
