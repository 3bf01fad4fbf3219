"""Variables that a command line sets: assignments, declarations, arithmetic."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.shell.arithmetic import evaluate
from pipeline.shell.calls import Call
from pipeline.shell.context import SILENT, Context
from pipeline.shell.scope import Scope
from pipeline.shell.tree import Source
from pipeline.shell.values import Field, Text, join_via
from pipeline.shell.walker import Walker

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["assign", "assign_numbers", "assignment", "declaration", "number_of"]

_SPECIAL_VARIABLES = frozenset(
    ["HISTFILE", "HISTSIZE", "HISTFILESIZE", "HISTCONTROL", "HISTIGNORE", "PROMPT_COMMAND", "LD_PRELOAD", "PATH",
     "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "TMOUT", "SHELLOPTS", "PS4"]
)  # fmt: skip
"""Variables that change what the shell itself does; to set one is a call without words."""


def assignment(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``NAME=value`` as a statement."""
    pairs = [pair for child in _assignments(node) for pair in assign(walk, child, source, scope, context)]
    kept = tuple(pair for pair in pairs if pair[0] in _SPECIAL_VARIABLES)
    if kept:
        walk.add(Call("", (), kept), context)
    return SILENT


def assign(
    walk: Walker, node: Node, source: Source, scope: Scope, context: Context, *, keep: bool = True
) -> list[tuple[str, str]]:
    """Set one variable; its name and value."""
    if not node.named_children:
        return []
    target, *values = node.named_children
    name = source.of(target)
    words = walk.words(source, scope)
    value = values[-1] if values else None
    if value is not None and value.type == "array":
        items = [field for child in value.named_children for field in words.fields(child)[0]]
        scope.arrays[name] = tuple(item.text for item in items)
        scope.variables.pop(name, None)
        field = Field(" ".join(item.text for item in items))
    else:
        if value is not None and name not in scope.unset and scope.get(name) is None and f"${name}" in source.of(value):
            # A name that grows (x=$x$c) begins empty.
            scope.set(name, SILENT)
        field = words.one(value) if value is not None else Field("")
        if keep and "[" not in name:
            remember(walk, name, field, "+=" in [child.type for child in node.children], scope)
    walk.context = context
    return [(name, field.text)]


def remember(walk: Walker, name: str, field: Field, append: bool, scope: Scope) -> None:
    """Set a variable, or add to it."""
    if not field.known:
        scope.set(name, None)
        return
    before = scope.get(name) if append else None
    joined = (before.text if before else "") + field.text
    via = join_via(before.via if before else (), field.via)
    scope.set(name, Text(joined, via) if walk.budget.expand(len(joined)) else None)


def declaration(walk: Walker, node: Node, source: Source, scope: Scope, context: Context) -> Text | None:
    """``export``, ``declare``, ``local``, ``readonly``, ``typeset``, ``unset``."""
    name = source.of(node.children[0])
    argv = [name]
    known = True
    words = walk.words(source, scope)
    for child in node.named_children:
        if child.type == "variable_assignment":
            argv += [f"{key}={value}" for key, value in assign(walk, child, source, scope, context)]
        else:
            fields, _ = words.fields(child)
            argv += [field.text for field in fields]
            known = known and all(field.known for field in fields)
    if name in ("unset", "unsetenv"):
        for variable in argv[1:]:
            scope.set(variable, None)
    walk.context = context
    walk.add(Call(name, tuple(argv), unknown=not known), context)
    return SILENT


def assign_numbers(walk: Walker, text: str, scope: Scope) -> None:
    """``i=1``, ``i++`` and the like: a value where it is known."""
    for part in text.split(",")[:8]:
        match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(=|\+=|-=|\+\+|--)\s*([^=].*)?", part)
        if match:
            name, operator, right = match.groups()
            expression = {"=": right, "+=": f"{name}+({right})", "-=": f"{name}-({right})", "++": f"{name}+1"}
            value = evaluate(expression.get(operator) or f"{name}-1", number_of(walk, scope))
            scope.set(name, Text(str(value)) if value is not None else None)


def number_of(walk: Walker, scope: Scope) -> Callable[[str], str | None]:
    """The text of a variable, for arithmetic."""

    def variable(name: str) -> str | None:
        value = scope.get(name)
        return value.text if value else None

    return variable


def _assignments(node: Node) -> list[Node]:
    return [node] if node.type == "variable_assignment" else node.named_children
