"""What the parts of the walk need of the whole: its account, its list of calls, and ways to walk further."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from pipeline.shell.calls import Call
from pipeline.shell.context import Context
from pipeline.shell.limits import Budget
from pipeline.shell.scope import Scope
from pipeline.shell.tree import Source
from pipeline.shell.values import Text
from pipeline.shell.words import Runner, Words

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Walker"]


class Walker(Runner):
    """The walk over one command line, as its parts see it."""

    budget: Budget
    calls: list[Call]
    code: list[tuple[str, str]]
    context: Context
    """Where the words that are being read stand."""
    functions: set[str]
    """Names of the functions whose bodies are being walked."""
    behind: dict[int, list[Node]]
    """Redirects that belong to a node, by its id, where the grammar hangs them elsewhere."""

    @abstractmethod
    def text(self, text: str, scope: Scope, context: Context) -> Text | None:
        """Read a text as shell; what it prints, where known."""

    @abstractmethod
    def statement(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """Walk one statement; what it prints, where known."""

    @abstractmethod
    def sequence(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """Walk the statements below a node, one after another."""

    @abstractmethod
    def inside(self, node: Node, source: Source, scope: Scope) -> None:
        """Run the substitutions inside something that is not a command itself."""

    @abstractmethod
    def words(self, source: Source, scope: Scope) -> Words:
        """The reader of words for one text and scope."""

    @abstractmethod
    def add(self, call: Call, context: Context, via: tuple[str, ...] | None = None) -> bool:
        """List a call that stands in `context`, found through `via` where that is more; False when the list is full."""
