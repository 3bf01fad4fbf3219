r"""Text that an adversary wrote, made harmless to look at: no control characters, escapes or bidirectional tricks."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["neutral"]

_PLAIN = re.compile(r"[\x20-\x7e]*\Z")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
_HARMFUL = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SUSPECT = re.compile(f"[^\x20-\x7e\u00c0-\u024f\u0370-\u03ff\u0400-\u0481\u048a-\u052f\u4e00-\u9fff]|[{_SPACES}]")
_MARKS = re.compile(r"(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f])+")


def neutral(text: str, limit: int = 400) -> str:
    r"""`text` in one line of at most `limit` characters that any terminal or page shows as what it is.

    Control and format characters (bidirectional overrides, zero width), line ends and unassigned code points become
    escapes, other spaces a space, piled-up accents one escape; what is too long loses its middle to an ellipsis.

    Example:
        >>> neutral("ls\n\x1b[31mrm\u202e")
        'ls\\n\\e[31mrm\\u202e'
        >>> neutral("abcdefghij", 6)
        'abc…ij'
    """
    if len(text) > 2 * limit:
        # Escapes only lengthen, so nothing beyond `limit` characters from either end can be shown.
        text = text[:limit] + "\n" + text[-limit:]
        return _cut(_escaped(text), limit, always=True)
    return _cut(text if _PLAIN.match(text) else _escaped(text), limit, always=False)


def _escaped(text: str) -> str:
    return _SUSPECT.sub(lambda match: _visible(match.group()), _MARKS.sub(_accent, text))


def _accent(match: re.Match[str]) -> str:
    return match.group() if len(match.group()) <= 2 else f"\\u{ord(match.group()[0]):04x}"


def _visible(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    kind = unicodedata.category(char)
    if kind == "Zs":
        return " "
    if kind not in _HARMFUL:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(text: str, limit: int, *, always: bool) -> str:
    if len(text) <= limit and not always:
        return text
    if limit < 2:
        return "…"[:limit]
    tail = (limit - 1) // 2
    return text[: limit - 1 - tail] + "…" + text[len(text) - tail :]
