"""How much work one command line may cause, and the account that stops it.

The watched agent writes the text, so every quantity that it can drive is counted: text parsed, nodes walked, calls
found, words expanded, nesting. Nothing here looks at a clock, so the same text always gives the same answer.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Budget", "Limits"]

_MARKS = "|&(){}[]<>$`=!~;"
_MARK = re.compile(r"[|&(){}\[\]<>$`=!~;]")


class Limits(msgspec.Struct, frozen=True):
    """What one command line may cost."""

    text: Annotated[
        int, Meta(description="characters of one text that are parsed; of a longer one its head and tail are", gt=0)
    ] = 32_768
    parsed: Annotated[int, Meta(description="characters parsed in all, nested texts included", gt=0)] = 49_152
    part: Annotated[int, Meta(description="characters from which a text is parsed in parts", gt=0)] = 2_048
    marks: Annotated[
        int, Meta(description="brackets, pipes and the like in one part: errors cost their square to parse", gt=0)
    ] = 400
    all_marks: Annotated[int, Meta(description="brackets, pipes and the like parsed in all", gt=0)] = 3_000
    steps: Annotated[int, Meta(description="syntax nodes walked, about 3 us each", gt=0)] = 8_000
    calls: Annotated[int, Meta(description="calls listed", gt=0)] = 512
    depth: Annotated[
        int, Meta(description="nesting of statements, substitutions and texts; bounds the stack", gt=0)
    ] = 40
    words: Annotated[int, Meta(description="words that one word may become by {a,b} or splitting", gt=0)] = 512
    value: Annotated[int, Meta(description="characters that one resolved value may have", gt=0)] = 65_536
    expanded: Annotated[int, Meta(description="characters of all resolved values together", gt=0)] = 1_048_576
    rounds: Annotated[int, Meta(description="rounds of a loop that are walked to follow its variables", gt=0)] = 64
    items: Annotated[int, Meta(description="values of a loop variable that a call keeps", gt=0)] = 16


class Budget:
    """What is left of the limits while one command line is read.

    Example:
        >>> budget = Budget(Limits(steps=2))
        >>> [budget.step() for _ in range(3)], budget.spent
        ([True, True, False], True)
    """

    __slots__ = ("_calls", "_expanded", "_marks", "_parsed", "_steps", "limits", "spent")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = False
        self._steps = limits.steps
        self._calls = limits.calls
        self._parsed = limits.parsed
        self._marks = limits.all_marks
        self._expanded = limits.expanded

    @property
    def done(self) -> bool:
        """Whether nothing more can be found: no steps or no calls are left."""
        return self._steps < 0 or self._calls < 0

    def step(self, size: int = 1) -> bool:
        """Take one node, or more; False when none is left."""
        self._steps -= size
        return self._hold(self._steps >= 0)

    def call(self) -> bool:
        """Take one call; False when the list is full."""
        self._calls -= 1
        return self._hold(self._calls >= 0)

    def expand(self, size: int) -> bool:
        """Take the characters of one resolved value; False when it is too long or too many came before."""
        self._expanded -= size
        return self._hold(size <= self.limits.value and self._expanded >= 0)

    def deeper(self, depth: int) -> bool:
        """Whether nesting may reach `depth`."""
        return self._hold(depth <= self.limits.depth)

    def cut(self, text: str) -> str:
        """`text` as far as it may be parsed: whole, or its head and tail, cut where a line or a statement ends."""
        room = min(self.limits.text, self._parsed)
        if len(text) <= room:
            self._parsed -= len(text)
            return text
        self.spent = True
        self._parsed -= room
        if room < 256:
            return ""
        head, tail = text[: room * 3 // 4], text[-(room // 4) :]
        return head[: _last_end(head)] + "\n" + tail[_first_end(tail) :]

    def marks(self, text: str) -> int:
        """How far `text` may be parsed, by the brackets, pipes and the like in it; takes those."""
        room = min(self.limits.marks, self._marks)
        count = sum(map(text.count, _MARKS)) if len(text) > room else 0
        if count <= room:
            self._marks -= count
            return len(text)
        self.spent = True
        self._marks -= room
        end = 0
        for match in _MARK.finditer(text):
            end = match.start()
            room -= 1
            if room <= 0:
                break
        return end

    def _hold(self, kept: bool) -> bool:
        if not kept:
            self.spent = True
        return kept


def _last_end(text: str) -> int:
    end = max(text.rfind("\n"), text.rfind(";"))
    return end if end > len(text) // 2 else len(text)


def _first_end(text: str) -> int:
    ends = [at + 1 for at in (text.find("\n"), text.find(";")) if 0 <= at < len(text) // 2]
    return min(ends, default=0)
