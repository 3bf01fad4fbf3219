"""Redirects of a statement: files, descriptors, here-documents, here-strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.shell.calls import Redirect
from pipeline.shell.context import WORD_TYPES, Context
from pipeline.shell.quoting import outline
from pipeline.shell.scope import Scope
from pipeline.shell.tree import Source, parse
from pipeline.shell.values import Text
from pipeline.shell.walker import Walker

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Redirection", "redirection"]


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


def redirection(walk: Walker, nodes: Sequence[Node], source: Source, scope: Scope, context: Context) -> Redirection:
    """Read redirects."""
    found = Redirection([], [])
    numbers = {
        first.children[-1].end_byte: source.of(first.children[-1])
        for first, second in pairwise(nodes)
        if first.children and first.children[-1].type == "number" and first.children[-1].end_byte == second.start_byte
    }
    for node in nodes:
        redirect(walk, node, numbers, source, scope, context, found)
    return found


def redirect(
    walk: Walker,
    node: Node,
    numbers: dict[int, str],
    source: Source,
    scope: Scope,
    context: Context,
    found: Redirection,
) -> None:
    """Read one redirect."""
    children = node.children
    descriptor = next((source.of(child) for child in children if child.type == "file_descriptor"), None)
    descriptor = descriptor or numbers.get(node.start_byte)
    mark = next((child for child in children if not child.is_named), None)
    written = [child for child in node.named_children if child.type in WORD_TYPES]
    if mark is None:
        return
    op = source.operators.get(mark.start_byte, mark.type)
    closes = op in (">&-", "<&-")
    op = op[:2] if closes else op
    fd = int(descriptor) if descriptor and descriptor.isdecimal() and len(descriptor) < 20 else None
    if node.type == "heredoc_redirect":
        heredoc(walk, node, source, scope, context, found)
        return
    if written and written[-1].type == "number" and written[-1].end_byte in numbers and len(written) > 1:
        written = written[:-1]
    found.extra += written[1:]
    target, known = "-" if closes else "", None
    if written:
        before = len(walk.calls)
        body = source.body(source.of(written[0]))
        if body is not None:
            target = body.delimiter
            known = document_text(walk, body.text, body.quoted, scope, context)
        else:
            field = walk.words(source, scope).one(written[0])
            target = field.text
            if op == "<<<":
                known = Text(field.again() + "\n", field.via)
            elif op.startswith("<") and written[0].type != "process_substitution":
                known = scope.read(target)
            elif op.startswith("<"):
                known = scope.files.get(target)
        walk.context = context
        if op in ("<", "<<", "<<-", "<<<", "<>") and fd in (None, 0):
            found.replaced, found.stdin = True, known
            found.feeder = len(walk.calls) - 1 if len(walk.calls) > before else None
    found.redirects.append(Redirect(op, fd, target))


def heredoc(walk: Walker, node: Node, source: Source, scope: Scope, context: Context, found: Redirection) -> None:
    """A here-document that was left in the text."""
    start = next((source.of(child) for child in node.named_children if child.type == "heredoc_start"), "")
    body = next((source.of(child) for child in node.named_children if child.type == "heredoc_body"), "")
    found.replaced = True
    found.stdin = document_text(walk, body, start[:1] in ("'", '"', "\\"), scope, context)
    found.redirects.append(Redirect("<<", None, start.strip("'\"")))
    for child in node.named_children:
        if child.type not in WORD_TYPES and not child.type.startswith("heredoc"):
            walk.statement(child, source, scope, context)


def document_text(walk: Walker, text: str, quoted: bool, scope: Scope, context: Context) -> Text | None:
    """The text of a here-document, expanded unless its delimiter is quoted."""
    if quoted or not re.search(r"[$`\\]", text):
        return Text(text)
    if not re.search(r"[$`]", text):
        return Text(re.sub(r"\\([$`\\\n])", lambda match: match.group(1).strip("\n"), text))
    source = parse(outline('"' + _escaped(walk.budget.cut(text)) + '"'))
    node = source.root if source is not None else None
    while node is not None and node.type != "string":
        node = node.named_children[0] if node.named_children else None
    if source is None or node is None or node.has_error:
        return Text(text)
    field = walk.words(source, scope).one(node)
    walk.context = context
    return Text(field.again(), field.via)


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
