r"""Backslash escapes: ``$'..'`` of the shell, ``echo -e`` and ``printf``.

Source: Bash Reference Manual, 3.1.2.4 (ANSI-C Quoting) and 4.2 (echo, printf).
"""

from __future__ import annotations

import re

__all__ = ["unescape"]

_SIMPLE = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|(0?[0-7]{1,3})|c(.)|(.))", re.DOTALL
)


def unescape(text: str) -> str:
    r"""`text` with its escapes replaced. A byte above 0x7f becomes U+FFFD: no shell word of interest holds one.

    Example:
        >>> unescape(r"\x6e\155\u0061p")
        'nmap'
    """
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_replace, text)


def _replace(match: re.Match[str]) -> str:
    hexadecimal, short, long, octal, control, other = match.groups()
    if hexadecimal:
        return _byte(int(hexadecimal, 16))
    if short or long:
        code = int(short or long, 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    if octal:
        return _byte(int(octal, 8) & 0xFF)
    if control:
        return chr(ord(control.upper()) & 0x1F) if control.isascii() else match.group()
    return _SIMPLE.get(other, match.group())


def _byte(code: int) -> str:
    return chr(code) if code < 0x80 else "\ufffd"
