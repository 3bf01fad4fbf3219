"""``$(( .. ))``: integers, the operators of C, and variables, as far as they are known.

Source: Bash Reference Manual, 6.5 (Shell Arithmetic). Assignment inside an expression is left out (unknown).
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["evaluate"]

_LONGEST = 200
_TOKEN = re.compile(
    r"\s*(?:(\d+#[0-9A-Za-z]+|0[xX][0-9A-Fa-f]+|\d+)|(\$?[A-Za-z_]\w*)|(\*\*|<<|>>|<=|>=|==|!=|&&|\|\||.))"
)
_BINDING = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 11,
}  # fmt: skip


class _UnknownError(Exception):
    """The expression needs something that is not known."""


def evaluate(text: str, variable: Callable[[str], str | None]) -> int | None:
    """The value of `text`, or None where it is not known; `variable` gives the text of a name.

    Example:
        >>> evaluate("(1 + i) * 2", {"i": "4"}.get)
        10
    """
    if len(text) > _LONGEST:
        return None
    tokens = [match.group().strip() for match in _TOKEN.finditer(text) if match.group().strip()]
    try:
        value, rest = _binary(tokens, 0, 0, variable, 0)
    except (_UnknownError, ValueError, IndexError):
        return None
    return value if rest == len(tokens) else None


def _binary(
    tokens: list[str], at: int, floor: int, variable: Callable[[str], str | None], depth: int
) -> tuple[int, int]:
    left, at = _unary(tokens, at, variable, depth)
    while at < len(tokens):
        operator = tokens[at]
        binding = _BINDING.get(operator, 0)
        if binding <= floor:
            break
        right, at = _binary(tokens, at + 1, binding - (operator == "**"), variable, depth + 1)
        left = _wrap(_apply(operator, left, right))
    return left, at


def _unary(tokens: list[str], at: int, variable: Callable[[str], str | None], depth: int) -> tuple[int, int]:
    if depth > 20:
        raise _UnknownError
    token = tokens[at]
    if token == "(":
        value, at = _binary(tokens, at + 1, 0, variable, depth + 1)
        if tokens[at] != ")":
            raise _UnknownError
        return value, at + 1
    if token in "+-!~":
        value, at = _unary(tokens, at + 1, variable, depth + 1)
        return {"+": value, "-": -value, "!": int(not value), "~": ~value}[token], at
    if token[0].isdigit():
        return _number(token), at + 1
    name = token.removeprefix("$")
    if not name.isidentifier():
        raise _UnknownError
    text = variable(name)
    if text is None or len(text) > 20:
        raise _UnknownError
    sign, digits = (-1, text.strip()[1:]) if text.strip().startswith("-") else (1, text.strip())
    return sign * _number(digits or "0"), at + 1


def _number(token: str) -> int:
    if "#" in token:
        base, _, digits = token.partition("#")
        return _wrap(int(digits, int(base)))
    if token[:2].lower() == "0x":
        return _wrap(int(token, 16))
    return _wrap(int(token, 8 if token.startswith("0") else 10))


def _apply(operator: str, left: int, right: int) -> int:
    if operator in ("/", "%"):
        if right == 0:
            raise _UnknownError
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    if operator == "**":
        if not 0 <= right <= 64:
            raise _UnknownError
        return int(left**right)
    if operator in ("<<", ">>"):
        if not 0 <= right < 64:
            raise _UnknownError
        return left << right if operator == "<<" else left >> right
    return {
        "+": left + right, "-": left - right, "*": left * right, "|": left | right, "^": left ^ right,
        "&": left & right, "==": int(left == right), "!=": int(left != right), "<": int(left < right),
        "<=": int(left <= right), ">": int(left > right), ">=": int(left >= right),
        "&&": int(bool(left and right)), "||": int(bool(left or right)),
    }[operator]  # fmt: skip


def _wrap(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
