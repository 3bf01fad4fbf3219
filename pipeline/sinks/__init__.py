"""Where records go: one destination per file.

A sink is a module of this folder with these names. Nothing else has to know of it.

    ABOUT      one sentence: what is written, and where
    TARGET     what stands after the = of `--sink NAME=TARGET`, in a word or two
    open_sink  (target: str, replace: bool) -> Sink; UsageError where it cannot write there, before any work.
               `replace` allows what an earlier run left there to be overwritten

Records are the plain dicts of schemas/. A sink turns them into bytes with `_gate.lines` or `_gate.line` and with
nothing else, so that no secret and no control character leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

Stream: TypeAlias = Literal["scores", "evidence", "alerts", "rejected", "agents"]
Record: TypeAlias = Mapping[str, Any]

STREAMS: Final[tuple[Stream, ...]] = ("scores", "evidence", "alerts", "rejected", "agents")
"""`agents` is the final record of each agent, the others come as the walk goes on."""


class Sink(Protocol):
    """One open destination."""

    def write(self, stream: Stream, records: Sequence[Record]) -> None:
        """Take records of one stream, in order."""

    def finish(self, summary: Record) -> None:
        """All has been written; the summary says what."""

    def close(self) -> None:
        """Let go of the destination; called once, also after an error. What `finish` did not see is unfinished."""
