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

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pipeline.shell import effects, globs, mend, outputs, plain
from pipeline.shell.arithmetic import evaluate
from pipeline.shell.calls import Call, Redirect, Script
from pipeline.shell.deferred import deferred
from pipeline.shell.foreign_commands import started_by_foreign
from pipeline.shell.limits import Budget, Limits
from pipeline.shell.programs import Program, programs_of, script_text
from pipeline.shell.python_commands import started_by_python
from pipeline.shell.quoting import Outline, outline, parts
from pipeline.shell.scope import Function, Scope
from pipeline.shell.tree import Source, parse
from pipeline.shell.values import Field, Text, join_via
from pipeline.shell.words import Runner, Words
from pipeline.shell.wrappers import TRANSPARENT, Inner, inner_of

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Walk"]

_SPECIAL_VARIABLES = frozenset(
    ["HISTFILE", "HISTSIZE", "HISTFILESIZE", "HISTCONTROL", "HISTIGNORE", "PROMPT_COMMAND", "LD_PRELOAD", "PATH",
     "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "TMOUT", "SHELLOPTS", "PS4"]
)  # fmt: skip
"""Variables that change what the shell itself does; to set one is a call without words."""
_PROGRAM_TAKERS = frozenset(["eval", "source", ".", "trap", "ssh", "su", "crontab", "at"])
_WORD_TYPES = frozenset(
    ["word", "number", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation", "expansion",
     "simple_expansion", "command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression",
     "extglob_pattern", "regex", "array", "subscript"]
)  # fmt: skip
_REDIRECTS = frozenset(["file_redirect", "herestring_redirect", "heredoc_redirect"])
_COUNTING = re.compile(
    r"while\s+(?:\[\[?|test|\(\()\s*\"?\$?\{?([A-Za-z_]\w*)\}?\"?\s*(-l[te]|-g[te]|-ne|!=|<=?|>=?)\s*\"?\$?\{?(\w+)"
)
_APART = frozenset(["sh stdin", "ssh", "at", "crontab", "unit", "profile", "su", "source"])
"""Programs whose standard input is not that of the command that runs them."""
_SILENT = Text("")
_LOUD_VIA = frozenset(["variable", "command substitution", "quotes", "ifs", "ansi-c", "brace"])


class Context(NamedTuple):
    """Where a statement stands."""

    via: tuple[str, ...] = ()
    stdin: Text | None = None
    feed: int | None = None
    redirects: tuple[Redirect, ...] = ()
    loop: int = 0
    items: tuple[str, ...] = ()
    count: int = 0
    background: bool = False
    remote: bool = False
    depth: int = 0
    lines: int = 0
    """How many lines `stdin` has, if more than are kept."""


@dataclass(slots=True)
class Redirection:
    """The redirects of one statement."""

    redirects: list[Redirect]
    extra: list[Node]
    """Words that stand after a redirect's target: arguments of the command."""
    stdin: Text | None = None
    replaced: bool = False
    """Standard input comes from a redirect, known or not."""
    feeder: int | None = None


class Walk(Runner):
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

    # Texts

    def whole(self, text: str) -> None:
        """Read the command line itself."""
        scope = Scope()
        self.text(text, scope, Context())
        for name, function in list(scope.functions.items()):
            if name not in scope.called:
                self.function(name, function, (), scope, Context())

    def text(self, text: str, scope: Scope, context: Context) -> Text | None:
        """Read a text as shell; what it prints, where known."""
        if not self.budget.deeper(context.depth):
            return None
        text = self.budget.cut(text)
        simple = plain.split(text) if self.prefilter else None
        if simple is not None:
            return self.plain(simple, scope, context._replace(depth=context.depth + 2))
        out: list[Text | None] = []
        for ready in self.ready(text):
            if self.budget.done:
                self.budget.spent = True
                break
            source = self.parsed(ready, context)
            if source is not None:
                out.append(self.statement(source.root, source, scope, context._replace(depth=context.depth + 1)))
        return _together(out)

    def plain(self, pipelines: list[list[plain.Simple]], scope: Scope, context: Context) -> Text | None:
        """Walk commands of plain words."""
        out: list[Text | None] = []
        for commands in pipelines:
            if len(commands) == 1:
                out.append(self.simple(commands[0], scope, context))
            else:
                stages = [partial(self.simple, command) for command in commands]
                out.append(self.stages(stages, scope, context))
        return _together(out)

    def simple(self, command: plain.Simple, scope: Scope, context: Context) -> Text | None:
        """Walk one command of plain words."""
        found = Redirection(command.redirects, [])
        for redirect in command.redirects:
            if redirect.op == "<" and redirect.fd in (None, 0):
                found.replaced, found.stdin = True, scope.read(redirect.target)
        return self.run(command.fields, (), found, scope, context)

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
            redirects=(), depth=context.depth + 1, background=False,
        )  # fmt: skip
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
        words = [word for child in node.named_children for word in child.named_children if word.type in _WORD_TYPES]
        return scope.read(self.words(source, scope).one(words[0]).text) if len(words) == 1 else None

    def words(self, source: Source, scope: Scope) -> Words:
        """The reader of words for one text and scope."""
        return Words(self, self.budget, source, scope)

    # Statements

    def statement(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """Walk one statement; what it prints, where known."""
        if self.budget.done or not self.budget.step() or not self.budget.deeper(context.depth):
            return None
        handler = _HANDLERS.get(node.type)
        self.context = context
        if self.behind and node.id in self.behind:
            return self.with_redirects([node], self.behind.pop(node.id), source, scope, context)
        if handler is not None:
            return handler(self, node, source, scope, context)
        self.inside(node, source, scope)
        return _SILENT

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
        inner = context._replace(depth=context.depth + 1)
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
        return _together(out)

    def chain(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``a && b | c || d``: read flat from left to right, since the grammar nests these in more than one way.

        It also hangs the redirect of ``a && b > f`` on the whole; the shell means b.
        """
        pipelines: list[list[Node]] = [[]]
        behind: list[int] = []
        todo = [node]
        while todo and self.budget.step():
            current = todo.pop()
            kind = current.type
            body = current.named_children[0] if kind == "redirected_statement" and current.named_children else None
            if kind in ("list", "pipeline"):
                todo.extend(reversed(current.children))
            elif body is not None and body.type in ("list", "pipeline"):
                last = _last(body)
                self.behind[last.id] = [child for child in current.named_children if child.type in _REDIRECTS]
                behind.append(last.id)
                todo.append(body)
            elif not current.is_named and kind not in ("|", "|&"):
                pipelines.append([])
            elif current.is_named and kind != "comment":
                pipelines[-1].append(current)
        out: list[Text | None] = []
        for stages in filter(None, pipelines):
            if len(stages) == 1:
                out.append(self.statement(stages[0], source, scope, context))
            else:
                out.append(self.stages([partial(self.statement, stage, source) for stage in stages], scope, context))
        for place in behind:
            self.behind.pop(place, None)
        return _together(out)

    def stages(
        self, stages: Sequence[Callable[[Scope, Context], Text | None]], scope: Scope, context: Context
    ) -> Text | None:
        """What a stage prints is what the next one reads."""
        inner, out = context, context.stdin
        for at, stage in enumerate(stages):
            before = len(self.calls)
            out = stage(scope.child(), inner)
            last = len(self.calls) - 1 if len(self.calls) > before else inner.feed
            if at + 1 < len(stages):
                inner = context._replace(stdin=out, feed=last, lines=self.lines(last, out))
        return out

    def lines(self, index: int | None, out: Text | None) -> int:
        """How many lines the last call printed, if it is a seq that prints more than are kept."""
        if index is None or out is None or self.calls[index].name != "seq":
            return 0
        numbers = outputs.sequence(self.calls[index].argv)
        return len(numbers) if numbers is not None else 0

    def subshell(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``( .. )``."""
        return self.sequence(node, source, scope.child(), context._replace(via=join_via(context.via, ("subshell",))))

    def compound(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``{ .. }`` or ``(( .. ))``."""
        if node.children and node.children[0].type == "((":
            self.inside(node, source, scope)
            self.assign_numbers(source.of(node)[2:-2], scope)
            return _SILENT
        return self.sequence(node, source, scope, context)

    def assign_numbers(self, text: str, scope: Scope) -> None:
        """``i=1``, ``i++`` and the like: a value where it is known."""
        for part in text.split(",")[:8]:
            match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\+\+|--)\s*([^=].*)?", part)
            if match:
                name, operator, right = match.groups()
                expression = {"=": right, "+=": f"{name}+({right})", "-=": f"{name}-({right})", "++": f"{name}+1"}
                value = evaluate(expression.get(operator) or f"{name}-1", self.number_of(scope))
                scope.set(name, Text(str(value)) if value is not None else None)

    def number_of(self, scope: Scope) -> Callable[[str], str | None]:
        """The text of a variable, for arithmetic."""

        def variable(name: str) -> str | None:
            value = scope.get(name)
            return value.text if value else None

        return variable

    def branches(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``if`` and ``case``: every branch; what they print is not known."""
        words = self.words(source, scope)
        for child in node.named_children:
            if child.type in _WORD_TYPES and node.type in ("case_statement", "case_item"):
                words.one(child)
                self.context = context
            else:
                self.statement(child, source, scope, context._replace(depth=context.depth + 1))
        return None

    def for_(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``for name in words``."""
        name = ""
        fields: list[Field] = []
        count = 0
        body: Node | None = None
        words = self.words(source, scope)
        for child in node.named_children:
            if child.type == "variable_name" and not name:
                name = source.of(child)
            elif child.type in ("do_group", "compound_statement"):
                body = child
            elif child.type != "comment":
                before = len(self.calls)
                more, size = words.fields(child)
                self.context = context
                fields += more
                last = len(self.calls) - 1 if len(self.calls) > before else None
                printed = Text("") if more and more[0].known else None
                count += max(size, self.lines(last, printed) if child.type == "command_substitution" else 0)
        static = bool(fields) and all(field.known and not field.glob for field in fields)
        return self.rounds(name, fields if static else [], count if static else 0, body, source, scope, context)

    def rounds(
        self, name: str, items: list[Field], count: int, body: Node | None, source: Source, scope: Scope, context: Context
    ) -> Text | None:
        """Walk the body of a loop for the values of its variable, while that brings out anything new."""
        if body is None:
            return None
        inner = _looped(context, tuple(item.text for item in items[: self.budget.limits.items]), count)
        start = len(self.calls)
        before = dict(scope.variables)
        scope.set(name, Text(items[0].text, items[0].via) if items else None)
        out = [self.statement(body, source, scope, inner)]
        if len(items) < 2:
            return None
        before[name] = scope.variables.get(name, _SILENT)
        depends = scope.variables != before or any(
            call.name == "" or len(call.via) > len(context.via) for call in self.calls[start:]
        )
        for item in items[1 : self.budget.limits.rounds] if depends else []:
            mark = len(self.calls)
            scope.set(name, Text(item.text, item.via))
            out.append(self.statement(body, source, scope, inner))
            self.keep_new(start, mark)
            if self.budget.spent:
                break
        return _together(out) if depends and len(items) == len(out) == count else None

    def keep_new(self, start: int, mark: int) -> None:
        """Drop the calls of a later round whose names the rounds before have shown."""
        names = {call.name for call in self.calls[start:mark]}
        kept: dict[int, int] = {}
        found: list[Call] = []
        for index, call in enumerate(self.calls[mark:], mark):
            if call.name not in names:
                feed = call.pipe_in if call.pipe_in is None or call.pipe_in < mark else kept.get(call.pipe_in)
                kept[index] = mark + len(found)
                found.append(replace(call, pipe_in=feed))
        self.calls[mark:] = found

    def c_for(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``for ((i = 0; i < n; i++))``."""
        self.inside_head(node, source, scope)
        written = source.of(node)
        match = re.match(r"for\s*\(\((.*?);(.*?);(.*?)\)\)", written, re.DOTALL)
        body = next((child for child in node.named_children if child.type in ("do_group", "compound_statement")), None)
        name, values = self.counted(match.group(1), match.group(2), match.group(3), scope) if match else ("", range(0))
        items = [Field(str(value)) for value in values[: self.budget.limits.rounds]]
        return self.rounds(name, items, len(values), body, source, scope, context)

    def inside_head(self, node: Node, source: Source, scope: Scope) -> None:
        """Run the substitutions in the head of a C-style loop."""
        for child in node.named_children:
            if child.type not in ("do_group", "compound_statement"):
                self.inside(child, source, scope)

    def counted(self, first: str, test: str, step: str, scope: Scope) -> tuple[str, range]:
        """The values of the variable of a counting loop."""
        start = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*=\s*(.+?)\s*", first)
        bound = re.fullmatch(r"\s*\$?([A-Za-z_]\w*)\s*(<=|>=|<|>|!=)\s*(.+?)\s*", test)
        if not start or not bound or start.group(1) != bound.group(1):
            return "", range(0)
        low = evaluate(start.group(2), self.number_of(scope))
        high = evaluate(bound.group(3), self.number_of(scope))
        size = re.fullmatch(r".*?([+-])=\s*(\d{1,9})\s*", step)
        by = int(size.group(1) + size.group(2)) if size else -1 if "--" in step else 1
        if low is None or high is None or by == 0:
            return start.group(1), range(0)
        high += {"<=": 1, ">=": -1}.get(bound.group(2), 0)
        return start.group(1), range(low, high, by)

    def while_(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``while`` and ``until``: rounds are not counted, unless lines that are known are read."""
        count, items = 0, ()
        written = source.of(node)
        if context.stdin is not None and written[:80].split()[1:2] in (["read"], ["IFS="], ["IFS=,"]):
            lines = context.stdin.text.splitlines()
            count, items = max(len(lines), context.lines), tuple(lines[: self.budget.limits.items])
        else:
            values = self.counted_while(written[:4096], scope)
            count, items = len(values), tuple(map(str, values[: self.budget.limits.items]))
        inner = _looped(context, items, count)
        for child in node.named_children:
            self.statement(child, source, scope, inner)
        return None

    def counted_while(self, written: str, scope: Scope) -> range:
        """The values of the variable that ``while [ $i -le n ]`` counts, where its body adds to it once."""
        head = _COUNTING.match(written)
        if head is None:
            return range(0)
        name, operator, bound = head.group(1, 2, 3)
        steps = re.findall(rf"\b{name}\s*(?:=\s*\$\(\(\s*\$?{name}\s*([+-]\s*\d+)|(\+\+|--)|([+-])=\s*(\d+))", written)
        low, high = (evaluate(text, self.number_of(scope)) for text in (name, bound))
        if len(steps) != 1 or low is None or high is None:
            return range(0)
        sum_, twice, sign, size = steps[0]
        step = int(sum_.replace(" ", "")) if sum_ else int(sign + size) if size else 1 if twice == "++" else -1
        high += {"-le": 1, "<=": 1, "-ge": -1, ">=": -1}.get(operator, 0)
        return range(low, high, step) if step else range(0)

    def negated(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``! command``."""
        return _together([self.statement(child, source, scope, context) for child in node.named_children])

    def function_(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """A definition: kept until it is called."""
        name = next((source.of(child) for child in node.named_children if child.type == "word"), "")
        bodies = [child for child in node.named_children if child.type != "word" and child.type not in _REDIRECTS]
        if name and bodies and len(scope.functions) < 64:
            scope.functions[name] = Function(bodies[-1], source)
            scope.called.discard(name)
        return _SILENT

    def function(
        self, name: str, function: Function, arguments: tuple[str, ...] | None, scope: Scope, context: Context
    ) -> Text | None:
        """Run the body of a function."""
        scope.called.add(name)
        if name in self.functions or len(self.functions) > 8:
            return None
        self.functions.add(name)
        before, scope.positional = scope.positional, arguments
        inner = context._replace(via=join_via(context.via, ("function",)), depth=context.depth + 1)
        out = self.statement(function.body, function.source, scope, inner)
        scope.positional = before
        self.functions.discard(name)
        return out

    def assignment(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``NAME=value`` as a statement."""
        pairs = [pair for child in _assignments(node) for pair in self.assign(child, source, scope, context)]
        kept = tuple(pair for pair in pairs if pair[0] in _SPECIAL_VARIABLES)
        if kept:
            self.add(Call("", (), kept), context)
        return _SILENT

    def assign(
        self, node: Node, source: Source, scope: Scope, context: Context, *, keep: bool = True
    ) -> list[tuple[str, str]]:
        """Set one variable; its name and value."""
        if not node.named_children:
            return []
        target, *values = node.named_children
        name = source.of(target)
        words = self.words(source, scope)
        value = values[-1] if values else None
        if value is not None and value.type == "array":
            items = [field for child in value.named_children for field in words.fields(child)[0]]
            scope.arrays[name] = tuple(item.text for item in items)
            scope.variables.pop(name, None)
            field = Field(" ".join(item.text for item in items))
        else:
            if value is not None and name not in scope.unset and scope.get(name) is None and f"${name}" in source.of(value):
                # A name that grows (x=$x$c) begins empty.
                scope.set(name, _SILENT)
            field = words.one(value) if value is not None else Field("")
            if keep and "[" not in name:
                self.remember(name, field, "+=" in [child.type for child in node.children], scope)
        self.context = context
        return [(name, field.text)]

    def remember(self, name: str, field: Field, append: bool, scope: Scope) -> None:
        """Set a variable, or add to it."""
        if not field.known:
            scope.set(name, None)
            return
        before = scope.get(name) if append else None
        joined = (before.text if before else "") + field.text
        via = join_via(before.via if before else (), field.via)
        scope.set(name, Text(joined, via) if self.budget.expand(len(joined)) else None)

    def declaration(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``export``, ``declare``, ``local``, ``readonly``, ``typeset``, ``unset``."""
        name = source.of(node.children[0])
        argv = [name]
        known = True
        words = self.words(source, scope)
        for child in node.named_children:
            if child.type == "variable_assignment":
                argv += [f"{key}={value}" for key, value in self.assign(child, source, scope, context)]
            else:
                fields, _ = words.fields(child)
                argv += [field.text for field in fields]
                known = known and all(field.known for field in fields)
        if name in ("unset", "unsetenv"):
            for variable in argv[1:]:
                scope.set(variable, None)
        self.context = context
        self.add(Call(name, tuple(argv), unknown=not known), context)
        return _SILENT

    def test(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """``[ .. ]`` and ``[[ .. ]]``."""
        self.inside(node, source, scope)
        return _SILENT

    # Commands and redirects

    def redirected(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """A statement with redirects behind it."""
        bodies = [child for child in node.named_children if child.type not in _REDIRECTS]
        nodes = [child for child in node.named_children if child.type in _REDIRECTS]
        if len(bodies) == 1 and bodies[0].type in ("list", "pipeline"):
            return self.chain(node, source, scope, context)
        return self.with_redirects(bodies, nodes, source, scope, context)

    def with_redirects(
        self, bodies: list[Node], nodes: list[Node], source: Source, scope: Scope, context: Context
    ) -> Text | None:
        """Walk statements with the redirects of `nodes`."""
        if len(bodies) == 1 and bodies[0].type == "command":
            return self.command(bodies[0], source, scope, context, nodes)
        found = self.redirection(nodes, source, scope, context)
        if not bodies:
            self.add(Call("", (), redirects=tuple(found.redirects), stdin=found.stdin and found.stdin.text), context)
            self.write(found.redirects, _SILENT, scope, context)
            return _SILENT
        inner = context._replace(redirects=(*context.redirects, *found.redirects))
        if found.replaced:
            inner = inner._replace(stdin=found.stdin, feed=found.feeder)
        out = _together([self.statement(body, source, scope, inner) for body in bodies])
        return self.write(found.redirects, out, scope, context)

    def redirection(self, nodes: Sequence[Node], source: Source, scope: Scope, context: Context) -> Redirection:
        """Read redirects."""
        found = Redirection([], [])
        numbers = {
            first.children[-1].end_byte: source.of(first.children[-1])
            for first, second in pairwise(nodes)
            if first.children and first.children[-1].type == "number" and first.children[-1].end_byte == second.start_byte
        }
        for node in nodes:
            self.redirect(node, numbers, source, scope, context, found)
        return found

    def redirect(
        self, node: Node, numbers: dict[int, str], source: Source, scope: Scope, context: Context, found: Redirection
    ) -> None:
        """Read one redirect."""
        children = node.children
        descriptor = next((source.of(child) for child in children if child.type == "file_descriptor"), None)
        descriptor = descriptor or numbers.get(node.start_byte)
        mark = next((child for child in children if not child.is_named), None)
        written = [child for child in node.named_children if child.type in _WORD_TYPES]
        if mark is None:
            return
        op = source.operators.get(mark.start_byte, mark.type)
        closes = op in (">&-", "<&-")
        op = op[:2] if closes else op
        fd = int(descriptor) if descriptor and descriptor.isdigit() else None
        if node.type == "heredoc_redirect":
            self.heredoc(node, source, scope, context, found)
            return
        if written and written[-1].type == "number" and written[-1].end_byte in numbers and len(written) > 1:
            written = written[:-1]
        found.extra += written[1:]
        target, known = "-" if closes else "", None
        if written:
            before = len(self.calls)
            body = source.body(source.of(written[0]))
            if body is not None:
                target = body.delimiter
                known = self.body(body.text, body.quoted, scope, context)
            else:
                field = self.words(source, scope).one(written[0])
                target = field.text
                if op == "<<<":
                    known = Text(field.again() + "\n", field.via)
                elif op.startswith("<") and written[0].type != "process_substitution":
                    known = scope.read(target)
                elif op.startswith("<"):
                    known = scope.files.get(target)
            self.context = context
            if op in ("<", "<<", "<<-", "<<<", "<>") and fd in (None, 0):
                found.replaced, found.stdin = True, known
                found.feeder = len(self.calls) - 1 if len(self.calls) > before else None
        found.redirects.append(Redirect(op, fd, target))

    def heredoc(self, node: Node, source: Source, scope: Scope, context: Context, found: Redirection) -> None:
        """A here-document that was left in the text."""
        start = next((source.of(child) for child in node.named_children if child.type == "heredoc_start"), "")
        body = next((source.of(child) for child in node.named_children if child.type == "heredoc_body"), "")
        found.replaced = True
        found.stdin = self.body(body, start[:1] in ("'", '"', "\\"), scope, context)
        found.redirects.append(Redirect("<<", None, start.strip("'\"")))
        for child in node.named_children:
            if child.type in _HANDLERS and child.type not in _WORD_TYPES:
                self.statement(child, source, scope, context)

    def body(self, text: str, quoted: bool, scope: Scope, context: Context) -> Text | None:
        """The text of a here-document, expanded unless its delimiter is quoted."""
        if quoted or not re.search(r"[$`\\]", text):
            return Text(text)
        if not re.search(r"[$`]", text):
            return Text(re.sub(r"\\([$`\\\n])", lambda match: match.group(1).strip("\n"), text))
        source = parse(outline('"' + _escaped(self.budget.cut(text)) + '"'))
        node = source.root if source is not None else None
        while node is not None and node.type != "string":
            node = node.named_children[0] if node.named_children else None
        if source is None or node is None or node.has_error:
            return Text(text)
        field = self.words(source, scope).one(node)
        self.context = context
        return Text(field.again(), field.via)

    def write(self, redirects: Sequence[Redirect], out: Text | None, scope: Scope, context: Context) -> Text | None:
        """Let the files be written that standard output goes to; what is left of the output."""
        for redirect in redirects:
            if redirect.fd in (None, 1) and redirect.op in (">", ">>", ">|", "&>", "&>>", ">&"):
                if redirect.target.isdigit() or redirect.target == "-":
                    continue
                path = redirect.target
                scope.write(path, out, append=redirect.op in (">>", "&>>"))
                if out is not None:
                    self.later(path, out, scope, context)
                out = _SILENT
        return out

    def later(self, path: str, text: Text, scope: Scope, context: Context) -> None:
        """Walk what a file written here will run."""
        for program in deferred(path, text):
            self.program(program, scope, context._replace(stdin=None, feed=None, redirects=()))

    def command(
        self, node: Node, source: Source, scope: Scope, context: Context, behind: Sequence[Node] = ()
    ) -> Text | None:
        """A simple command."""
        env: list[tuple[str, str]] = []
        fields: list[Field] = []
        words = self.words(source, scope)
        nodes: list[Node] = []
        for child in node.named_children:
            if child.type == "variable_assignment":
                env += self.assign(child, source, scope, context, keep=False)
            elif child.type in _REDIRECTS:
                nodes.append(child)
            elif child.type == "command_name":
                for part in child.named_children or [child]:
                    fields += words.fields(part)[0]
            elif child.type != "comment" and child.type != "ERROR":
                fields += words.fields(child)[0]
            elif child.type == "ERROR":
                fields += [field for part in child.named_children if part.type in _WORD_TYPES
                           for field in words.fields(part)[0]]  # fmt: skip
            self.context = context
        if behind and behind[0].start_byte > node.end_byte + 1:
            # The grammar (0.25) loses a "-" before "2>".
            fields += map(Field, source.slice(node.end_byte, behind[0].start_byte).replace("\\\n", " ").split())
        if behind and fields and behind[0].start_byte == node.end_byte and fields[-1].text in ("0", "1", "2", "3", "5"):
            descriptor = fields.pop().text
        else:
            descriptor = ""
        found = self.redirection([*nodes, *behind], source, scope, context)
        if descriptor and len(found.redirects) > len(nodes):
            found.redirects[len(nodes)] = replace(found.redirects[len(nodes)], fd=int(descriptor))
        for extra in found.extra:
            fields += words.fields(extra)[0]
            self.context = context
        return self.run(fields, tuple(env), found, scope, context)

    def run(
        self, fields: list[Field], env: tuple[tuple[str, str], ...], found: Redirection, scope: Scope, context: Context
    ) -> Text | None:
        """A simple command with its words resolved."""
        stdin, feed = (found.stdin, found.feeder) if found.replaced else (context.stdin, context.feed)
        redirects = (*context.redirects, *found.redirects)
        self.budget.step(len(fields) // 8)
        if not fields:
            if env or found.redirects:
                self.add(Call("", (), env, redirects), context)
            return self.write(found.redirects, _SILENT, scope, context)
        name, passed = self.name_of(fields, scope)
        if feed is None and any(field.feeder is not None for field in fields):
            feed = self.feeder_of(name, fields)
        index = len(self.calls)
        call = Call(
            name, tuple(field.text for field in fields), env, redirects, feed,
            stdin.text if stdin is not None else None, unknown=not all(field.known for field in fields),
        )  # fmt: skip
        if not self.add(call, context._replace(via=join_via(context.via, passed))):
            return None
        inner = context._replace(stdin=stdin, feed=feed, redirects=redirects, via=join_via(context.via, passed))
        out = self.looked_through(name, fields, stdin, scope, inner)
        if out is None:
            out = outputs.printed(name, self.calls[index].argv, stdin, scope)
            if out is not None and name in ("tee",):
                for path in self.calls[index].argv[1:]:
                    self.later(path, out, scope, context)
        effects.apply(name, fields, stdin, out, scope)
        return self.write(found.redirects, out, scope, context)

    def name_of(self, fields: list[Field], scope: Scope) -> tuple[str, tuple[str, ...]]:
        """The name of the program, and what was looked through to know it."""
        first = fields[0]
        text = first.text if first.known else first.bare
        via = first.via
        if text in scope.copies:
            text, via = scope.copies[text], (*via, "copy")
        elif first.glob:
            resolved = globs.program(text)
            if resolved != text:
                text, via = resolved, (*via, "glob")
        for field in fields[1:]:
            if field.via:
                via = join_via(via, tuple(name for name in field.via if name not in _LOUD_VIA or name == "ifs"))
        name = posixpath.basename(text.rstrip("/")) if text.strip("/") else text
        lower = name.lower()
        return (lower if lower.endswith((".exe", ".bat", ".cmd", ".com")) else name), via

    def feeder_of(self, name: str, fields: list[Field]) -> int | None:
        """The call that feeds a program text or a file substituted among the words."""
        if name not in _PROGRAM_TAKERS and not programs_of(name, [Field(name), Field("-c"), Field("x")], None, Scope()):
            return next((field.feeder for field in fields if field.feeder is not None and field.text[:2] == "<("), None)
        return next((field.feeder for field in fields[1:] if field.feeder is not None), None)

    def looked_through(
        self, name: str, fields: list[Field], stdin: Text | None, scope: Scope, context: Context
    ) -> Text | None:
        """Walk what is inside a command: a function, an alias, another command, a program."""
        deeper = context._replace(depth=context.depth + 1)
        if self.budget.done or not self.budget.deeper(deeper.depth):
            return None
        if name in scope.functions:
            arguments = tuple(field.text for field in fields[1:])
            return self.function(name, scope.functions[name], arguments, scope, deeper)
        if name in scope.aliases and fields[0].known:
            value = scope.aliases.pop(name)
            text = " ".join([value.text, *(_quote(field) for field in fields[1:])])
            out = self.text(text, scope, deeper._replace(via=join_via(deeper.via, ("alias",), value.via)))
            scope.aliases[name] = value
            return out
        out: Text | None = None
        for found in inner_of(name, fields, stdin.text if stdin is not None else None, context.lines):
            out = self.wrapped(found, scope, deeper)
        if name not in TRANSPARENT:
            out = None
        for program in programs_of(name, fields, stdin, scope):
            out = self.program(program, scope, deeper)
        return out

    def wrapped(self, found: Inner, scope: Scope, context: Context) -> Text | None:
        """Walk a command inside a command."""
        inner = context._replace(via=join_via(context.via, (found.via,)), remote=context.remote or found.remote)
        if found.loop:
            inner = _looped(inner, found.items[: self.budget.limits.items], found.count)
        return self.run(found.argv, found.env, Redirection([], []), scope, inner)

    def program(self, program: Program, scope: Scope, context: Context) -> Text | None:
        """Walk a program inside a command."""
        via = join_via(context.via, program.text.via, (program.via,))
        inner = context._replace(via=via, remote=context.remote or program.remote, depth=context.depth + 1)
        if program.language != "sh":
            self.foreign(program, scope, inner)
            return None
        if not script_text(program.text.text):
            return None
        if program.via in _APART:
            inner = inner._replace(stdin=None, feed=None, redirects=_unread(inner.redirects, program.via))
        if program.same_shell:
            before = scope.positional
            scope.positional = program.positional if program.positional is not None else before
            out = self.text(program.text.text, scope, inner)
            scope.positional = before
            return out
        below = scope.child()
        below.positional = program.positional
        if program.zero:
            below.set("0", Text(program.zero))
        return self.text(program.text.text, below, inner)

    def foreign(self, program: Program, scope: Scope, context: Context) -> None:
        """Walk the commands that a program in another language starts."""
        if program.language != "awk" and len(self.code) < 32:
            self.code.append((program.language, program.text.text))
        context = context._replace(stdin=None, feed=None, redirects=())
        if program.language == "python":
            for started in started_by_python(program.text.text):
                inner = _looped(context, (), 0) if started.loop else context
                self.started(started.words, started.text, scope, inner)
        else:
            for foreign in started_by_foreign(program.language, program.text.text):
                self.started(foreign.words, foreign.text, scope, context)

    def started(self, words: tuple[str, ...], text: str, scope: Scope, context: Context) -> None:
        """Walk one command that a program starts, in a shell of its own."""
        if words:
            fields = [Field(word, "$" not in word and word != "?", word, word) for word in words]
            self.run(fields, (), Redirection([], []), scope.child(), context)
        else:
            self.text(text, scope.child(), context)

    def add(self, call: Call, context: Context) -> bool:
        """List a call; False when the list is full."""
        if not self.budget.call():
            return False
        self.calls.append(
            Call(
                call.name, call.argv, call.env, call.redirects, call.pipe_in, call.stdin, context.via, context.loop,
                context.items, context.count, context.background, call.unknown, context.remote,
            )  # fmt: skip
        )
        return True

    def error(self, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
        """What the parser could not place: statements in it are walked, loose words make commands."""
        loose: list[Node] = []
        inner = context._replace(depth=context.depth + 1)

        def flush() -> None:
            if loose:
                self.loose(loose, source, scope, inner)
                loose.clear()

        for child in node.children:
            if child.is_named and (child.type in _WORD_TYPES or child.type in ("command_name", "variable_name")):
                if loose and child.start_point.row != loose[-1].end_point.row:
                    flush()
                loose.append(child)
            elif child.type in _REDIRECTS and loose:
                loose.append(child)
            else:
                flush()
                if child.is_named:
                    self.statement(child, source, scope, inner)
        flush()
        return None

    def loose(self, nodes: list[Node], source: Source, scope: Scope, context: Context) -> None:
        """Words without a command around them, taken as one."""
        words = self.words(source, scope)
        fields = [field for node in nodes if node.type not in _REDIRECTS for field in words.fields(node)[0]]
        self.context = context
        found = self.redirection([node for node in nodes if node.type in _REDIRECTS], source, scope, context)
        while fields and fields[0].text in mend.RESERVED:
            fields = fields[1:]
        if fields:
            self.run(fields, (), found, scope, context)


def _looped(context: Context, items: tuple[str, ...], count: int) -> Context:
    total = max(context.count, 1) * count if count else context.count
    return context._replace(loop=context.loop + 1, items=items or context.items, count=total)


def _together(out: Sequence[Text | None]) -> Text | None:
    """What several statements print one after another."""
    texts = [text for text in out if text is not None]
    if len(texts) < len(out):
        return None
    if len(texts) == 1:
        return texts[0]
    return Text("".join(text.text for text in texts), join_via(*(text.via for text in texts)))


def _unread(redirects: tuple[Redirect, ...], via: str) -> tuple[Redirect, ...]:
    """The redirects that still hold for a program that was itself read from standard input, or that runs later."""
    if via in ("crontab", "unit", "profile", "at"):
        return ()
    return tuple(one for one in redirects if not (one.op.startswith("<") and one.op != "<&" and one.fd in (None, 0)))


def _last(node: Node) -> Node:
    """The last statement of a list or pipeline."""
    while node.type in ("list", "pipeline", "negated_command") and node.named_children:
        node = node.named_children[-1]
    return node


def _assignments(node: Node) -> list[Node]:
    return [node] if node.type == "variable_assignment" else node.named_children


def _quote(field: Field) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", field.text):
        return field.text
    return "'" + field.text.replace("'", "'\\''") + "'" if field.known else field.again()


def _escaped(text: str) -> str:
    r"""A here-document's text with its double quotes escaped, but for those inside ``$(..)``."""
    out: list[str] = []
    depth = 0
    for part in re.split(r"(\\.|\$\(|[()\"`])", text, flags=re.DOTALL):
        if part == "$(" or (part == "(" and depth):
            depth += 1
        elif part == ")" and depth:
            depth -= 1
        out.append("\\" + part if part == '"' and not depth else part)
    return "".join(out)


_Handler = Callable[["Walk", "Node", Source, Scope, Context], Text | None]
_HANDLERS: dict[str, _Handler] = {
    "program": Walk.sequence,
    "do_group": Walk.sequence,
    "list": Walk.chain,
    "pipeline": Walk.chain,
    "subshell": Walk.subshell,
    "compound_statement": Walk.compound,
    "if_statement": Walk.branches,
    "elif_clause": Walk.branches,
    "else_clause": Walk.branches,
    "case_statement": Walk.branches,
    "case_item": Walk.branches,
    "for_statement": Walk.for_,
    "c_style_for_statement": Walk.c_for,
    "while_statement": Walk.while_,
    "negated_command": Walk.negated,
    "function_definition": Walk.function_,
    "variable_assignment": Walk.assignment,
    "variable_assignments": Walk.assignment,
    "declaration_command": Walk.declaration,
    "unset_command": Walk.declaration,
    "test_command": Walk.test,
    "redirected_statement": Walk.redirected,
    "command": Walk.command,
    "ERROR": Walk.error,
}
