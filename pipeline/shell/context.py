"""Where a statement stands, and what the parts of the walk share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.shell.calls import Redirect
from pipeline.shell.values import Text, join_via

__all__ = ["REDIRECTS", "SILENT", "WORD_TYPES", "Context", "deeper", "looped", "together"]

WORD_TYPES = frozenset(
    ["word", "number", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation", "expansion",
     "simple_expansion", "command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression",
     "extglob_pattern", "regex", "array", "subscript"]
)  # fmt: skip
"""Node types that are one word of a command."""
REDIRECTS = frozenset(["file_redirect", "herestring_redirect", "heredoc_redirect"])
"""Node types that are a redirect."""
SILENT = Text("")
"""What a statement prints that prints nothing."""


class Context(NamedTuple):
    """Where a statement stands."""

    via: tuple[str, ...] = ()
    stdin: Text | None = None
    feed: int | None = None
    redirects: tuple[Redirect, ...] = ()
    loop: int = 0
    items: tuple[str, ...] = ()
    times: int = 0
    """How often it runs by the loops around it, by those that are known."""
    background: bool = False
    remote: bool = False
    depth: int = 0
    lines: int = 0
    """How many lines `stdin` has, if more than are kept."""


def deeper(context: Context, by: int) -> Context:
    """The same place, `by` levels further in."""
    via, stdin, feed, redirects, loop, items, times, background, remote, depth, lines = context
    return Context(via, stdin, feed, redirects, loop, items, times, background, remote, depth + by, lines)


def looped(context: Context, items: tuple[str, ...], count: int) -> Context:
    total = max(context.times, 1) * count if count else context.times
    return context._replace(loop=context.loop + 1, items=items or context.items, times=total)


def together(out: Sequence[Text | None]) -> Text | None:
    """What several statements print one after another."""
    texts = [text for text in out if text is not None]
    if len(texts) < len(out):
        return None
    if len(texts) == 1:
        return texts[0]
    return Text("".join(text.text for text in texts), join_via(*(text.via for text in texts)))
