"""The riskiest agents, live, in the terminal; a key opens one agent's story."""

from __future__ import annotations

import asyncio
import heapq
import os
import select
import sys
import tempfile
import termios
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipeline.kafka_settings import Settings
from pipeline.live import topics
from pipeline.live.tail import tail
from pipeline.story import story, telling
from pipeline.story.event_words import shown
from pipeline.story.table import riskiest

MOST_AGENTS: Final = 50_000
"""Agents that are remembered; beyond, those of the lowest peaks are forgotten."""

TOLD: Final = 400
"""Records of each kind that are kept of an agent for its story."""

REFRESH_S: Final = 0.5
KEYS: Final = "↑ ↓ or j k choose   enter opens the story   q goes back or leaves"
FILES: Final = {"score": "scores", "evidence": "evidence", "alert": "alerts"}


class Board:
    """What the output topics say of every agent: its newest score, its peak, what can be told of it."""

    def __init__(self) -> None:
        self.scores: dict[str, dict[str, Any]] = {}
        self.told: dict[str, dict[str, deque[bytes]]] = {}
        self.opened: dict[str, int] = {}

    def take(self, kind: str, value: bytes | None) -> None:
        """One record of an output topic."""
        if not value:
            return
        record = orjson.loads(value)
        agent = record["agent"]
        if kind == "score":
            peak = self.scores.get(agent, {}).get("peak")
            if peak is None or record["score"] > peak["score"]:
                peak = {key: record[key] for key in ("score", "ts", "terms")}
            self.scores[agent] = {**record, "peak": peak}
            if len(self.scores) > MOST_AGENTS:
                for gone in heapq.nsmallest(
                    MOST_AGENTS // 10, self.scores, key=lambda a: self.scores[a]["peak"]["score"]
                ):
                    del self.scores[gone]
                    self.told.pop(gone, None)
        elif kind == "alert" and record["change"] == "opened":
            self.opened[agent] = max(self.opened.get(agent, 0), record["incident"])
        self.told.setdefault(agent, {k: deque(maxlen=TOLD) for k in FILES})[kind].append(value.rstrip(b"\n"))

    def riskiest(self, many: int) -> list[dict[str, Any]]:
        """The riskiest agents now."""
        return heapq.nsmallest(many, self.scores.values(), key=lambda r: (-r["score"], -r["peak"]["score"], r["agent"]))

    def story(self, agent: str, width: int, colour: bool) -> str:
        """One agent's story, as `agentrisk explain` tells it of a replay."""
        with tempfile.TemporaryDirectory() as folder:
            for kind, name in FILES.items():
                lines = list(dict.fromkeys(self.told.get(agent, {}).get(kind, ())))
                (Path(folder) / f"{name}.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
            (Path(folder) / "agents.ndjson").write_bytes(orjson.dumps(self.scores[agent]) + b"\n")
            return telling.tell(story.read(Path(folder), agent), width=width, colour=colour)

    def table(self, many: int, width: int, colour: bool) -> str:
        """The riskiest agents as a table."""
        return riskiest(self.riskiest(many), alerts=self.opened, width=width, colour=colour)


def watch(settings: Settings, console: Console, most: int) -> None:
    """Show until q is pressed; without a terminal print once what the topics hold."""
    topics.partitions(settings)
    terminal = console.is_terminal and sys.stdin.isatty()
    asyncio.run(_live(settings, console, most) if terminal else _once(settings, console, most))


async def _once(settings: Settings, console: Console, most: int) -> None:
    board = Board()
    async for records in tail(settings, _names(settings), follow=False):
        _take(settings, board, records)
    console.file.write(board.table(most, console.width, False) + "\n")


async def _live(settings: Settings, console: Console, most: int) -> None:
    board, chosen, opened = Board(), 0, ""
    shown_at = 0.0
    with keyboard() as pressed, Live(console=console, auto_refresh=False, screen=True) as live:
        async for records in tail(settings, _names(settings), follow=True):
            _take(settings, board, records)
            agents = [r["agent"] for r in board.riskiest(most)]
            keys = list(pressed())
            for key in keys:
                if key in ("q", "\x1b") and opened:
                    opened = ""
                elif key == "q":
                    return
                elif key in ("j", "\x1b[B"):
                    chosen = min(chosen + 1, max(0, len(agents) - 1))
                elif key in ("k", "\x1b[A"):
                    chosen = max(0, chosen - 1)
                elif key in ("\r", "\n") and agents:
                    opened = agents[min(chosen, len(agents) - 1)]
            now = asyncio.get_running_loop().time()
            if keys or now - shown_at > REFRESH_S:
                shown_at = now
                live.update(_screen(board, agents, chosen, opened, console, most), refresh=True)


def _screen(board: Board, agents: list[str], chosen: int, opened: str, console: Console, most: int) -> Text:
    if opened and opened in board.scores:
        return Text.from_ansi(board.story(opened, console.width, True))
    if not agents:
        return Text("no scores yet")
    said = Text.from_ansi(board.table(min(most, max(1, console.height - 5)), console.width, True))
    at = agents[min(chosen, len(agents) - 1)]
    return Text.assemble(said, "\n\n", ("> ", "bold"), (shown(at, 120), "bold"), f"   {KEYS}")


def _names(settings: Settings) -> list[str]:
    return [topics.name(settings, kind) for kind in FILES]


def _take(settings: Settings, board: Board, records: list[Any]) -> None:
    for record in records:
        board.take(record.topic.removeprefix(settings.prefix), record.value)


@contextmanager
def keyboard() -> Iterator[Any]:
    """Keys as they are pressed, without waiting for a line; the terminal is left as it was."""
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)

    def pressed() -> Iterator[str]:
        while select.select([file], [], [], 0)[0]:
            yield os.read(file, 8).decode("utf-8", "replace")

    try:
        tty.setcbreak(file)
        yield pressed
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)
