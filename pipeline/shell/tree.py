"""Text in, syntax tree out: tree-sitter with the bash grammar, the text made ready for it first."""

from __future__ import annotations

from typing import NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from pipeline.shell.quoting import Body, Outline, body_index

__all__ = ["Source", "parse"]

_LANGUAGE = Language(tree_sitter_bash.language())
_PLAIN = bytes(range(128)) + b"z" * 128
"""Every byte of a character outside ASCII as a letter: the scanner of tree-sitter-bash 0.25.1 gives code points to C's
``isalnum`` and its kin, which read outside of their tables for large ones, and crashes. Offsets stay the same."""


class Source(NamedTuple):
    """One parsed text."""

    data: bytes
    root: Node
    operators: dict[int, str]
    bodies: tuple[Body, ...]

    def slice(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        return self.data[start:end].decode("utf-8", "replace")

    def of(self, node: Node) -> str:
        """The text of a node."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def body(self, word: str) -> Body | None:
        """The here-document that a word stands for, None for an ordinary word."""
        index = body_index(word)
        return self.bodies[index] if index is not None and index < len(self.bodies) else None


_PART_READS = 1_500
"""Reads of the text during one parse before it is given up: a plain text of 32,768 characters needs 20, one that makes
the parser try again and again needs tens of thousands."""


def parse(ready: Outline) -> Source | None:
    """The tree of a text that went through `quoting.outline`; None where the parser tries for too long.

    Example:
        >>> from pipeline.shell.quoting import outline
        >>> source = parse(outline("id"))
        >>> source and source.root.type
        'program'
    """
    data = ready.text.encode("utf-8", "replace")
    text = data if data.isascii() else data.translate(_PLAIN)
    # A new parser costs 1 us, and keeps nothing of a parse that was given up or runs in another thread.
    parser = Parser(_LANGUAGE)
    if len(text) < _SMALL:
        root = parser.parse(text).root_node
    else:
        reads = 0

        def piece(offset: int, _: object) -> bytes:
            nonlocal reads
            reads += 1
            return text[offset : offset + 4096]

        try:
            root = parser.parse(piece, progress_callback=lambda *_: reads > _PART_READS).root_node
        except ValueError:
            return None
    return Source(data, root, ready.operators, ready.bodies)


_SMALL = 512
"""Bytes below which no text is slow to parse, so the guard is left out."""
