"""Broken command lines: logs lose quotes and brackets, and a parser then swallows what stands behind them.

First a quote that nothing closes is taken out, and what else is open is closed at the end; where that does not do, the
text is cut at line ends, ``;``, ``&&``, ``||``, ``|`` and ``&`` outside of quotes, and each piece that still does not
parse is left to the walk's own recovery.
"""

from __future__ import annotations

import re

from pipeline.shell.quoting import Outline, outline
from pipeline.shell.tree import Source, parse

__all__ = ["RESERVED", "mended"]

RESERVED = frozenset(
    ["if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "{", "}", "!",
     "(", ")", "[[", "]]", "time", "function", "select"]
)  # fmt: skip
_CLOSING = {"$(": ")", "((": "))", "${": "}", "(": ")", "`": "`"}
_TRIES = ((1_024, 6), (8_192, 2))
"""Up to how many characters a text is mended how often: each try costs a parse of a text that is slow to parse."""
_CUT = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|(\n|;+|&&|\|\||\|&?|(?<![<>&])&(?![>&]))", re.DOTALL)
_LEADING = re.compile(r"(?:\s*(?:if|then|else|elif|while|until|do|[{(!])(?=[\s(]|$))+")
_LONE = re.compile(r"\s*(?:fi|done|esac|[})]|then|do|else|\{|\()\s*\Z")
_BRACKETS = re.compile(r"\\.|[()]")


def mended(ready: Outline, broken: Source) -> Source:
    """The tree of `ready` after mending; `broken`, its tree as it is, where nothing helps.

    Example:
        >>> from pipeline.shell.tree import parse
        >>> ready = outline('echo "a; wget h')
        >>> mended(ready, parse(ready)).data
        b'echo a; wget h'
    """
    text = ready.text
    best, fewest = broken, _damage(broken)
    for _ in range(next((tries for size, tries in _TRIES if len(text) < size), 0)):
        again = outline(text, mend=True)
        places = [*again.open_quotes, *again.stray]
        if not places:
            break
        # Of nested openings the last one is the culprit as a rule; a bracket nothing opens stands alone.
        place = again.stray[0] if again.stray else again.open_quotes[-1]
        closing = "" if again.stray else _CLOSING.get(text[place : place + 2]) or _CLOSING.get(text[place], "")
        text = text + closing if closing else text[:place] + text[place + 1 :]
        source = parse(ready._replace(text=text, operators=_moved(ready.operators, ready.text, text)))
        if source is not None and _damage(source) < fewest:
            best, fewest = source, _damage(source)
        if fewest == 0:
            return best
    pieces = _pieces(text)
    if len(pieces) > 1:
        source = parse(ready._replace(text="\n".join(pieces), operators={}))
        if source is not None and _damage(source) < fewest:
            best, fewest = source, _damage(source)
    return best


def _damage(source: Source) -> int:
    """How many bytes lie in what the parser could not place."""
    if not source.root.has_error:
        return 0
    total = 1
    todo = [source.root]
    seen = 0
    while todo and seen < 2_000:
        node = todo.pop()
        seen += 1
        if node.is_error:
            total += node.end_byte - node.start_byte
        elif node.has_error:
            todo.extend(node.children)
    return total


def _moved(operators: dict[int, str], before: str, after: str) -> dict[int, str]:
    """Operators after some characters were taken out: kept where the text up to them is the same."""
    same = 0
    for old, new in zip(before.encode("utf-8", "replace"), after.encode("utf-8", "replace"), strict=False):
        if old != new:
            break
        same += 1
    return {(at if at < same else at - (len(before) - len(after))): name for at, name in operators.items()}


def _pieces(text: str) -> list[str]:
    """Statements, each on a line of its own, without the words that open and close compound commands."""
    found: list[str] = []
    start = 0
    for match in _CUT.finditer(text):
        if match.group(1):
            found.append(text[start : match.start()])
            start = match.end()
    found.append(text[start:])
    kept = []
    for piece in found:
        piece = _LEADING.sub("", piece)
        if piece.strip() and not _LONE.match(piece):
            kept.append(_unbracketed(piece) if piece.count("(") != piece.count(")") else piece.strip())
    return kept


def _unbracketed(piece: str) -> str:
    return _BRACKETS.sub(lambda match: match.group() if match.group().startswith("\\") else " ", piece).strip()
