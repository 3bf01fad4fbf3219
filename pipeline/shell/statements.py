"""Statements that hold statements: lists, pipelines, groups, branches, functions, and what could not be placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipeline.shell import assignments, mend, outputs, redirects, running
from pipeline.shell.context import REDIRECTS, SILENT, WORD_TYPES, Context, deeper, together
from pipeline.shell.scope import Function, Scope
from pipeline.shell.tree import Source
from pipeline.shell.values import Text, join_via
from pipeline.shell.walker import Walker

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = [
    "branches",
    "chain",
    "compound",
    "definition",
    "lines",
    "negated",
    "redirected",
    "stages",
    "subshell",
    "test_command",
    "unplaced",
]


def redirected(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """A statement with redirects behind it."""
    bodies = [child for child in node.named_children if child.type not in REDIRECTS]
    nodes = [child for child in node.named_children if child.type in REDIRECTS]
    if len(bodies) == 1 and bodies[0].type in ("list", "pipeline"):
        return chain(walk, node, source, scope, context)
    return running.with_redirects(walk, bodies, nodes, source, scope, context)


def chain(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``a && b | c || d``: read flat from left to right, since the grammar nests these in more than one way.

    It also hangs the redirect of ``a && b > f`` on the whole; the shell means b.
    """
    pipelines: list[list[Node]] = [[]]
    behind: list[int] = []
    todo = [node]
    while todo and walk.budget.step():
        current = todo.pop()
        kind = current.type
        body = current.named_children[0] if kind == "redirected_statement" and current.named_children else None
        if kind in ("list", "pipeline"):
            todo.extend(reversed(current.children))
        elif body is not None and body.type in ("list", "pipeline"):
            last = _last(body)
            walk.behind[last.id] = [child for child in current.named_children if child.type in REDIRECTS]
            behind.append(last.id)
            todo.append(body)
        elif not current.is_named and kind not in ("|", "|&"):
            pipelines.append([])
        elif current.is_named and kind != "comment":
            pipelines[-1].append(current)
    out: list[Text | None] = []
    for row in filter(None, pipelines):
        if len(row) == 1:
            out.append(walk.statement(row[0], source, scope, context))
        else:
            out.append(stages(walk, [partial(walk.statement, stage, source) for stage in row], scope, context))
    for place in behind:
        walk.behind.pop(place, None)
    return together(out)


def stages(
    walk: Walker, stages: Sequence[Callable[[Scope, Context], Text | None]], scope: Scope, context: Context
) -> Text | None:
    """What a stage prints is what the next one reads."""
    inner, out = context, context.stdin
    for at, stage in enumerate(stages):
        before = len(walk.calls)
        out = stage(scope.child(), inner)
        last = len(walk.calls) - 1 if len(walk.calls) > before else inner.feed
        if at + 1 < len(stages):
            inner = context._replace(stdin=out, feed=last, lines=lines(walk, last, out))
    return out


def lines(walk: Walker, index: int | None, out: Text | None) -> int:
    """How many lines the last call printed, if it is a seq that prints more than are kept."""
    if index is None or out is None or walk.calls[index].name != "seq":
        return 0
    numbers = outputs.sequence(walk.calls[index].argv)
    return len(numbers) if numbers is not None else 0


def subshell(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``( .. )``."""
    return walk.sequence(node, source, scope.child(), context._replace(via=join_via(context.via, ("subshell",))))


def compound(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``{ .. }`` or ``(( .. ))``."""
    if node.children and node.children[0].type == "((":
        walk.inside(node, source, scope)
        assignments.assign_numbers(walk, source.of(node)[2:-2], scope)
        return SILENT
    return walk.sequence(node, source, scope, context)


def branches(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``if`` and ``case``: every branch; what they print is not known."""
    words = walk.words(source, scope)
    for child in node.named_children:
        if child.type in WORD_TYPES and node.type in ("case_statement", "case_item"):
            words.one(child)
            walk.context = context
        else:
            walk.statement(child, source, scope, deeper(context, 1))
    return None


def negated(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``! command``."""
    return together([walk.statement(child, source, scope, context) for child in node.named_children])


def definition(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """A definition: kept until it is called."""
    name = next((source.of(child) for child in node.named_children if child.type == "word"), "")
    bodies = [child for child in node.named_children if child.type != "word" and child.type not in REDIRECTS]
    if name and bodies and len(scope.functions) < 64:
        scope.functions[name] = Function(bodies[-1], source)
        scope.called.discard(name)
    return SILENT


def test_command(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``[ .. ]`` and ``[[ .. ]]``."""
    walk.inside(node, source, scope)
    return SILENT


def unplaced(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """What the parser could not place: statements in it are walked, loose words make commands."""
    loose: list[Node] = []
    inner = deeper(context, 1)

    def flush() -> None:
        if loose:
            loose_words(walk, loose, source, scope, inner)
            loose.clear()

    for child in node.children:
        if child.is_named and (child.type in WORD_TYPES or child.type in ("command_name", "variable_name")):
            if loose and child.start_point.row != loose[-1].end_point.row:
                flush()
            loose.append(child)
        elif child.type in REDIRECTS and loose:
            loose.append(child)
        else:
            flush()
            if child.is_named:
                walk.statement(child, source, scope, inner)
    flush()
    return None


def loose_words(walk: Walker, nodes: list[Node], source: Source, scope: Scope, context: Context) -> None:
    """Words without a command around them, taken as one."""
    words = walk.words(source, scope)
    fields = [field for node in nodes if node.type not in REDIRECTS for field in words.fields(node)[0]]
    walk.context = context
    found = redirects.redirection(walk, [node for node in nodes if node.type in REDIRECTS], source, scope, context)
    while fields and fields[0].text in mend.RESERVED:
        fields = fields[1:]
    if fields:
        running.run(walk, fields, (), found, scope, context)


def _last(node: Node) -> Node:
    """The last statement of a list or pipeline."""
    while node.type in ("list", "pipeline", "negated_command") and node.named_children:
        node = node.named_children[-1]
    return node
