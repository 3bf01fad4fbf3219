"""Command line in, calls out: the front door of the room."""

from __future__ import annotations

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from pipeline.shell.calls import Call, Redirect, Script

__all__ = ["Call", "Redirect", "Script", "read"]

_LANGUAGE = Language(tree_sitter_bash.language())


def read(command: str) -> Script:
    """What `command` would run.

    Example:
        >>> [call.name for call in read("cd /tmp && ls -l").calls]
        ['cd', 'ls']
    """
    text = command.replace("\0", "").encode("utf-8", "replace")[:65536]
    tree = Parser(_LANGUAGE).parse(text)
    calls: list[Call] = []
    todo = [tree.root_node]
    while todo:
        node = todo.pop()
        if node.type == "command":
            calls.append(_call(node))
        todo.extend(reversed(node.children))
    return Script(tuple(calls), tree.root_node.has_error)


def _call(node: Node) -> Call:
    words = [_word(child) for child in node.named_children if child.type != "variable_assignment"]
    return Call(words[0].rpartition("/")[2] if words else "", tuple(words))


def _word(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    return text[1:-1] if node.type in ("string", "raw_string") else text
