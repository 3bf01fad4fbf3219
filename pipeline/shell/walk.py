"""The walk over a syntax tree: statements in, calls out, with what each prints as far as that is known.

Every branch counts as taken: what a command line may do is what it does. The calls of a loop are listed once, for the
first value of its variable; later rounds are walked only where they can bring out new commands.

```
 text ── outline ── parse ── statement ──┬── words ── fields
          (quoting)  (tree)     |        |
                                |        └── run ──┬── Call
                                |                  ├── wrappers: a command inside ── run
                                |                  ├── programs: a text inside ──── text
                                |                  └── outputs: what it prints
                                └── what the statement prints: the next one's stdin
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipeline.shell import assignments, loops, mend, plain, running, statements
from pipeline.shell.calls import Call, Script
from pipeline.shell.context import SILENT, WORD_TYPES, Context, deeper, together
from pipeline.shell.limits import Budget, Limits
from pipeline.shell.quoting import Outline, outline, parts
from pipeline.shell.scope import Scope
from pipeline.shell.tree import Source, parse
from pipeline.shell.values import Text, join_via
from pipeline.shell.walker import Walker
from pipeline.shell.words import Words

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Walk"]


class Walk(Walker):
    """Reads one command line; see `calls`, `code`, `errors` and `budget.spent` when `text` has returned."""

    def __init__(self, limits: Limits, *, prefilter: bool = True) -> None:
        self.prefilter = prefilter
        self.budget = Budget(limits)
        self.calls: list[Call] = []
        self.code: list[tuple[str, str]] = []
        self.errors = False
        self.context = Context()
        self.functions: set[str] = set()
        self.behind: dict[int, list[Node]] = {}

    def script(self) -> Script:
        """What was found."""
        return Script(tuple(self.calls), self.errors, tuple(self.code), self.budget.spent)

    def whole(self, text: str) -> None:
        """Read the command line itself."""
        scope = Scope()
        self.text(text, scope, Context())
        for name, function in list(scope.functions.items()):
            if name not in scope.called:
                running.call_function(self, name, function, (), scope, Context())

    def text(self, text: str, scope: Scope, context: Context) -> Text | None:
        """Read a text as shell; what it prints, where known."""
        if not self.budget.deeper(context.depth):
            return None
        text = self.budget.cut(text)
        simple = plain.split(text) if self.prefilter else None
        if simple is not None:
            return self.plain_words(simple, scope, deeper(context, 2))
        out: list[Text | None] = []
        for ready in self.ready(text):
            if self.budget.done:
                self.budget.spent = True
                break
            source = self.parsed(ready, context)
            if source is not None:
                out.append(self.statement(source.root, source, scope, deeper(context, 1)))
        return together(out)

    def plain_words(self, lines: list[plain.Line], scope: Scope, context: Context) -> Text | None:
        """Walk commands of plain words."""
        out: list[Text | None] = []
        for commands, background in lines:
            where = context._replace(background=True) if background else context
            if len(commands) == 1:
                out.append(running.plainly(self, commands[0], scope, where))
            else:
                stages = [partial(running.plainly, self, command) for command in commands]
                out.append(statements.stages(self, stages, scope, where))
        return together(out)

    def ready(self, text: str) -> Iterable[Outline]:
        """The text made ready for the parser: whole where it is short, else in parts."""
        if len(text) <= self.budget.limits.part:
            return [outline(text)]
        return parts(outline(text, mend=True), self.budget.limits.part)

    def parsed(self, ready: Outline, context: Context) -> Source | None:
        """The tree; of a broken text, that of its mended form."""
        size = self.budget.marks(ready.text)
        if size < len(ready.text):
            ready = ready._replace(text=ready.text[:size])
        source = parse(ready)
        if source is None:
            self.budget.spent = True
            source = parse(ready._replace(text=ready.text[:512]))
        if source is None or not source.root.has_error:
            return source
        if context.depth == 0:
            self.errors = True
        return mend.mended(ready, source)

    def substitute(self, node: Node, source: Source, scope: Scope) -> tuple[Text | None, int | None]:
        """What ``$(..)``, a backtick or ``<(..)`` prints, where known, and its last call."""
        context = self.context
        before = len(self.calls)
        kind = "process substitution" if node.type == "process_substitution" else "command substitution"
        inner = context._replace(
            via=join_via(context.via, (kind,)) if kind != "command substitution" else context.via,
            redirects=(),
            depth=context.depth + 1,
            background=False,
        )
        if not self.budget.deeper(inner.depth):
            return None, None
        written = source.of(node)
        if written.startswith("`") and "\\" in written:
            body = re.sub(r"\\([`\\$])", r"\1", written.strip("`"))
            printed = self.text(body, scope.child(), inner)
        elif written.startswith("$(<"):
            printed = self.file_text(node, source, scope)
        else:
            printed = self.sequence(node, source, scope.child(), inner)
        self.context = context
        return printed, len(self.calls) - 1 if len(self.calls) > before else None

    def file_text(self, node: Node, source: Source, scope: Scope) -> Text | None:
        """``$(< file)``."""
        words = [word for child in node.named_children for word in child.named_children if word.type in WORD_TYPES]
        return scope.read(self.words(source, scope).one(words[0]).text) if len(words) == 1 else None

    def words(self, source: Source, scope: Scope) -> Words:
        """The reader of words for one text and scope."""
        return Words(self, self.budget, source, scope)

    def statement(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """Walk one statement; what it prints, where known."""
        if self.budget.done or not self.budget.step() or not self.budget.deeper(context.depth):
            return None
        handler = _HANDLERS.get(node.type)
        self.context = context
        if self.behind and node.id in self.behind:
            return running.with_redirects(self, [node], self.behind.pop(node.id), source, scope, context)
        if handler is not None:
            return handler(self, node, source, scope, context)
        self.inside(node, source, scope)
        return SILENT

    def inside(self, node: Node, source: Source, scope: Scope) -> None:
        """Run the substitutions inside something that is not a command itself (``[[ .. ]]``, ``(( .. ))``)."""
        todo = [node]
        while todo and self.budget.step():
            for child in todo.pop().named_children:
                if child.type in ("command_substitution", "process_substitution"):
                    self.substitute(child, source, scope)
                else:
                    todo.append(child)

    def sequence(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """The statements below a node, one after another."""
        inner = deeper(context, 1)
        return self.statements(node.children, source, scope, inner)

    def statements(self, nodes: Sequence[Node], source: Source, scope: Scope, context: Context) -> Text | None:
        """Statements one after another; one before ``&`` runs in the background."""
        out: list[Text | None] = []
        for at, child in enumerate(nodes):
            if not child.is_named or child.type == "comment":
                continue
            behind = at + 1 < len(nodes) and nodes[at + 1].type == "&"
            inner = context._replace(background=True) if behind else context
            out.append(self.statement(child, source, scope, inner))
        return together(out)

    def add(self, call: Call, context: Context, via: tuple[str, ...] | None = None) -> bool:
        """List a call that stands in `context`, found through `via` where that is more; False when the list is full."""
        if not self.budget.call():
            return False
        name, argv, env, redirects, pipe_in, stdin, _, _, _, _, _, unknown, _ = call
        passed, _, _, _, loop, items, times, background, remote, _, _ = context
        self.calls.append(
            Call(
                name, argv, env, redirects, pipe_in, stdin, passed if via is None else via,
                loop, items, times, background, unknown, remote,
            )
        )  # fmt: skip
        return True


_Handler = Callable[["Walk", "Node", Source, Scope, Context], Text | None]
_HANDLERS: dict[str, _Handler] = {
    "program": Walk.sequence,
    "do_group": Walk.sequence,
    "list": statements.chain,
    "pipeline": statements.chain,
    "subshell": statements.subshell,
    "compound_statement": statements.compound,
    "if_statement": statements.branches,
    "elif_clause": statements.branches,
    "else_clause": statements.branches,
    "case_statement": statements.branches,
    "case_item": statements.branches,
    "for_statement": loops.for_loop,
    "c_style_for_statement": loops.counting_loop,
    "while_statement": loops.while_loop,
    "negated_command": statements.negated,
    "function_definition": statements.definition,
    "variable_assignment": assignments.assignment,
    "variable_assignments": assignments.assignment,
    "declaration_command": assignments.declaration,
    "unset_command": assignments.declaration,
    "test_command": statements.test_command,
    "redirected_statement": statements.redirected,
    "command": running.command,
    "ERROR": statements.unplaced,
}
