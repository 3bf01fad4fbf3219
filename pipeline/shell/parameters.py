"""``${name..}``: what the operators of parameter expansion make of a value.

Source: Bash Reference Manual, 3.5.3.
"""

from __future__ import annotations

import fnmatch
import re
from typing import NamedTuple

from pipeline.shell.arithmetic import evaluate
from pipeline.shell.scope import Scope
from pipeline.shell.values import Text

__all__ = ["Parameter", "apply", "split"]

_HEAD = re.compile(r"\$\{([!#]?)([A-Za-z_]\w*|\d+|[@*?$!_-])(\[[^\]]*\])?")
_OPERATOR = re.compile(r":[-=+?]|##?|%%?|//|/[#%]?|\^\^?|,,?|[-=+?:@]")
_LONGEST_MATCH = 1_024
_LONGEST_PATTERN = 64


class Parameter(NamedTuple):
    """The parts of ``${..}``."""

    flag: str
    name: str
    subscript: str
    operator: str
    operand: int
    """Offset in the text where the operand begins."""


def split(text: str) -> Parameter | None:
    """The parts of ``${..}``, None where it has another form.

    Example:
        >>> split("${x:-foo}")
        Parameter(flag='', name='x', subscript='', operator=':-', operand=5)
    """
    match = _HEAD.match(text)
    if match is None:
        return None
    operator = _OPERATOR.match(text, match.end())
    if operator is None and text[match.end() :] != "}":
        return None
    end = operator.end() if operator else match.end()
    flag, name, subscript = match.groups()
    return Parameter(flag, name, subscript or "", operator.group() if operator else "", end)


def apply(parameter: Parameter, value: Text | None, operand: str, scope: Scope) -> Text | None:
    """What the operator makes of `value`; None where that is not known.

    Example:
        >>> apply(split("${x%.*}"), Text("a.sh"), ".*", Scope())
        Text(text='a', via=())
    """
    operator = parameter.operator
    if operator in (":-", "-", ":=", "="):
        if value is not None and (value.text or not operator.startswith(":")):
            return value
        if operator.endswith("="):
            scope.set(parameter.name, Text(operand))
        return Text(operand)
    if operator in (":+", "+"):
        return Text(operand) if value is not None and (value.text or operator == "+") else value and Text("")
    if value is None:
        known = scope.first(parameter.name)
        return Text(known) if operator == ":" and known and operand.replace(" ", "") == "0:1" else None
    if operator in ("", ":?", "?"):
        return value
    changed = _change(operator, value.text, operand, scope)
    return None if changed is None else Text(changed, value.via)


def _change(operator: str, text: str, operand: str, scope: Scope) -> str | None:
    if operator == ":":
        return _slice(text, operand, scope)
    if operator[0] in "^,":
        change = str.upper if operator[0] == "^" else str.lower
        return change(text) if len(operator) == 2 else change(text[:1]) + text[1:]
    if operator == "@":
        return {"U": text.upper(), "u": text[:1].upper() + text[1:], "L": text.lower()}.get(operand, text)
    if len(text) > _LONGEST_MATCH or len(operand) > _LONGEST_PATTERN:
        return None
    if operator[0] in "#%":
        return _strip(operator, text, operand)
    return _replace(operator, text, operand)


def _slice(text: str, operand: str, scope: Scope) -> str | None:
    def variable(name: str) -> str | None:
        value = scope.get(name)
        return value.text if value else None

    first, _, second = operand.partition(":")
    start = evaluate(first or "0", variable)
    length = evaluate(second, variable) if second else len(text)
    if start is None or length is None:
        return None
    start = max(0, len(text) + start) if start < 0 else start
    return text[start : len(text) + length] if length < 0 else text[start : start + length]


def _glob(pattern: str) -> re.Pattern[str] | None:
    """A pattern whose match costs at most about the square of the text, else None."""
    if pattern.count("*") > 2 or "(" in pattern:
        return None
    return re.compile(fnmatch.translate(pattern), re.DOTALL)


def _strip(operator: str, text: str, operand: str) -> str | None:
    pattern = _glob(operand)
    if pattern is None or ("*" in operand and len(text) > 256):
        return None
    sizes = range(len(text) + 1) if len(operator) == 1 else range(len(text), -1, -1)
    for size in sizes:
        if operator[0] == "#" and pattern.match(text[:size]):
            return text[size:]
        if operator[0] == "%" and pattern.match(text[len(text) - size :]):
            return text[: len(text) - size]
    return text


def _replace(operator: str, text: str, operand: str) -> str | None:
    old, _, new = operand.partition("/")
    if not old:
        return text
    if re.search(r"[*?\[\\]", old):
        if old != "?" and not re.fullmatch(r"\[[\w!^-]+\]", old):
            return None
        return re.sub(fnmatch.translate(old)[:-2], lambda _: new, text, count=0 if operator == "//" else 1)
    if operator == "/#":
        return new + text[len(old) :] if text.startswith(old) else text
    if operator == "/%":
        return text[: -len(old)] + new if text.endswith(old) else text
    return text.replace(old, new) if operator == "//" else text.replace(old, new, 1)
