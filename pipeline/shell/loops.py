"""Loops: the values of their variables, how often they run, which rounds bring out new commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.shell import assignments, statements
from pipeline.shell.arithmetic import evaluate
from pipeline.shell.calls import Call
from pipeline.shell.context import SILENT, Context, looped, together
from pipeline.shell.scope import Scope
from pipeline.shell.tree import Source
from pipeline.shell.values import Field, Text
from pipeline.shell.walker import Walker

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["counting_loop", "for_loop", "while_loop"]

_COUNTING = re.compile(
    r"while\s+(?:\[\[?|test|\(\()\s*\"?\$?\{?([A-Za-z_]\w*)\}?\"?\s*(-l[te]|-g[te]|-ne|!=|<=?|>=?)\s*\"?\$?\{?(\w+)"
)


def for_loop(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``for name in words``."""
    name = ""
    fields: list[Field] = []
    count = 0
    body: Node | None = None
    words = walk.words(source, scope)
    for child in node.named_children:
        if child.type == "variable_name" and not name:
            name = source.of(child)
        elif child.type in ("do_group", "compound_statement"):
            body = child
        elif child.type != "comment":
            before = len(walk.calls)
            more, size = words.fields(child)
            walk.context = context
            fields += more
            last = len(walk.calls) - 1 if len(walk.calls) > before else None
            printed = Text("") if more and more[0].known else None
            count += max(size, statements.lines(walk, last, printed) if child.type == "command_substitution" else 0)
    static = bool(fields) and all(field.known and not field.glob for field in fields)
    return rounds(walk, name, fields if static else [], count if static else 0, body, source, scope, context)


def counting_loop(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``for ((i = 0; i < n; i++))``."""
    inside_head(walk, node, source, scope)
    written = source.of(node)
    match = re.match(r"for\s*\(\((.*?);(.*?);(.*?)\)\)", written, re.DOTALL)
    body = next((child for child in node.named_children if child.type in ("do_group", "compound_statement")), None)
    name, values = counted(walk, match.group(1), match.group(2), match.group(3), scope) if match else ("", range(0))
    items = [Field(str(value)) for value in values[: walk.budget.limits.rounds]]
    return rounds(walk, name, items, len(values), body, source, scope, context)


def while_loop(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``while`` and ``until``: rounds are not counted, unless lines that are known are read."""
    count = 0
    items: tuple[str, ...]
    written = source.of(node)
    if context.stdin is not None and written[:80].split()[1:2] in (["read"], ["IFS="], ["IFS=,"]):
        lines = context.stdin.text.splitlines()
        count, items = max(len(lines), context.lines), tuple(lines[: walk.budget.limits.items])
    else:
        values = counted_while(walk, written[:4096], scope)
        count, items = len(values), tuple(map(str, values[: walk.budget.limits.items]))
    inner = looped(context, items, count)
    for child in node.named_children:
        walk.statement(child, source, scope, inner)
    return None


def rounds(
    walk: Walker,
    name: str,
    items: list[Field],
    count: int,
    body: Node | None,
    source: Source,
    scope: Scope,
    context: Context,
) -> Text | None:
    """Walk the body of a loop for the values of its variable, while that brings out anything new."""
    if body is None:
        return None
    inner = looped(context, tuple(item.text for item in items[: walk.budget.limits.items]), count)
    start = len(walk.calls)
    before = dict(scope.variables)
    scope.set(name, Text(items[0].text, items[0].via) if items else None)
    out = [walk.statement(body, source, scope, inner)]
    if len(items) < 2:
        return None
    before[name] = scope.variables.get(name, SILENT)
    depends = scope.variables != before or any(
        call.name == "" or len(call.via) > len(context.via) for call in walk.calls[start:]
    )
    for item in items[1 : walk.budget.limits.rounds] if depends else []:
        mark = len(walk.calls)
        scope.set(name, Text(item.text, item.via))
        out.append(walk.statement(body, source, scope, inner))
        keep_new(walk, start, mark)
        if walk.budget.spent:
            break
    return together(out) if depends and len(items) == len(out) == count else None


def keep_new(walk: Walker, start: int, mark: int) -> None:
    """Drop the calls of a later round whose names the rounds before have shown."""
    names = {call.name for call in walk.calls[start:mark]}
    kept: dict[int, int] = {}
    found: list[Call] = []
    for index, call in enumerate(walk.calls[mark:], mark):
        if call.name not in names:
            feed = call.pipe_in if call.pipe_in is None or call.pipe_in < mark else kept.get(call.pipe_in)
            kept[index] = mark + len(found)
            found.append(call._replace(pipe_in=feed))
    walk.calls[mark:] = found


def inside_head(walk: Walker, node: Node, source: Source, scope: Scope) -> None:
    """Run the substitutions in the head of a C-style loop."""
    for child in node.named_children:
        if child.type not in ("do_group", "compound_statement"):
            walk.inside(child, source, scope)


def counted(walk: Walker, first: str, test: str, step: str, scope: Scope) -> tuple[str, range]:
    """The values of the variable of a counting loop."""
    start = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*=\s*(.+?)\s*", first)
    bound = re.fullmatch(r"\s*\$?([A-Za-z_]\w*)\s*(<=|>=|<|>|!=)\s*(.+?)\s*", test)
    if not start or not bound or start.group(1) != bound.group(1):
        return "", range(0)
    low = evaluate(start.group(2), assignments.number_of(walk, scope))
    high = evaluate(bound.group(3), assignments.number_of(walk, scope))
    size = re.fullmatch(r".*?([+-])=\s*(\d{1,9})\s*", step)
    by = int(size.group(1) + size.group(2)) if size else -1 if "--" in step else 1
    if low is None or high is None or by == 0:
        return start.group(1), range(0)
    high += {"<=": 1, ">=": -1}.get(bound.group(2), 0)
    return start.group(1), range(low, high, by)


def counted_while(walk: Walker, written: str, scope: Scope) -> range:
    """The values of the variable that ``while [ $i -le n ]`` counts, where its body adds to it once."""
    head = _COUNTING.match(written)
    if head is None:
        return range(0)
    name, operator, bound = head.group(1, 2, 3)
    steps = re.findall(rf"\b{name}\s*(?:=\s*\$\(\(\s*\$?{name}\s*([+-]\s*\d+)|(\+\+|--)|([+-])=\s*(\d+))", written)
    low, high = (evaluate(text, assignments.number_of(walk, scope)) for text in (name, bound))
    if len(steps) != 1 or low is None or high is None:
        return range(0)
    sum_, twice, sign, size = steps[0]
    step = int(sum_.replace(" ", "")) if sum_ else int(sign + size) if size else 1 if twice == "++" else -1
    high += {"-le": 1, "<=": 1, "-ge": -1, ">=": -1}.get(operator, 0)
    return range(low, high, step) if step else range(0)
