"""Brace expansion: ``{a,b}`` and ``{1..5}``, over a word whose quoted parts are known.

Source: Bash Reference Manual, 3.5.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

__all__ = ["expand"]

_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(-?\d{1,9}))?\Z|([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d{1,9}))?\Z")
_DEEPEST = 8
_MOST_WORK = 20_000
"""Braces times pieces of one word: looking for what closes each brace costs that."""

Part = tuple[str, bool]
"""A stretch of a word and whether braces in it count (it is not quoted)."""


def expand(parts: list[Part], most: int) -> tuple[list[list[Part]], int]:
    """The words that a word becomes, at most `most` of them, and how many there would be.

    Example:
        >>> words, count = expand([("x{a,b}{1..200}", True)], 3)
        >>> ["".join(text for text, _ in word) for word in words], count
        (['xa1', 'xa2', 'xa3'], 400)
    """
    atoms = [atom for part in parts for atom in _atoms(part)]
    if len(atoms) * atoms.count(("{", True)) > _MOST_WORK:
        return [parts], 1
    return _expand(atoms, most, 0)


def _atoms(part: Part) -> Iterator[Part]:
    if not part[1]:
        yield part
        return
    yield from ((text, True) for text in re.split(r"([{},])", part[0]) if text)


def _expand(atoms: list[Part], most: int, depth: int) -> tuple[list[list[Part]], int]:
    for start, atom in enumerate(atoms):
        if atom != ("{", True) or depth >= _DEEPEST:
            continue
        close, commas = _close(atoms, start)
        if close is None:
            continue
        choices, count = _choices(atoms[start + 1 : close], [at - start - 1 for at in commas], most, depth)
        if not choices:
            continue
        rests, more = _expand(atoms[close + 1 :], most, depth)
        words = ([*atoms[:start], *choice, *rest] for choice in choices for rest in rests)
        return list(islice(words, most)), count * more
    return [atoms], 1


def _close(atoms: list[Part], start: int) -> tuple[int | None, list[int]]:
    depth = 0
    commas: list[int] = []
    for at in range(start, len(atoms)):
        if atoms[at] == ("{", True):
            depth += 1
        elif atoms[at] == ("}", True):
            depth -= 1
            if depth == 0:
                return at, commas
        elif atoms[at] == (",", True) and depth == 1:
            commas.append(at)
    return None, commas


def _choices(inner: list[Part], commas: list[int], most: int, depth: int) -> tuple[list[list[Part]], int]:
    if not commas:
        match = _RANGE.match("".join(text for text, _ in inner)) if all(plain for _, plain in inner) else None
        return _range(match, most) if match else ([], 0)
    found: list[list[Part]] = []
    count = 0
    for first, last in zip([-1, *commas], [*commas, len(inner)], strict=True):
        words, more = _expand(inner[first + 1 : last], most, depth + 1)
        found += words[: most - len(found)]
        count += more
    return found, count


def _range(match: re.Match[str], most: int) -> tuple[list[list[Part]], int]:
    if match.group(4):
        first, last, step = ord(match.group(4)), ord(match.group(5)), abs(int(match.group(6) or 1)) or 1
        numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
        return [[(chr(code), False)] for code in numbers[:most]], len(numbers)
    first, last, step = int(match.group(1)), int(match.group(2)), abs(int(match.group(3) or 1)) or 1
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    padded = [text for text in match.group(1, 2) if text.lstrip("-").startswith("0") and len(text.lstrip("-")) > 1]
    width = max((len(text) for text in match.group(1, 2)), default=0) if padded else 0
    return [[(str(number).zfill(width), False)] for number in numbers[:most]], len(numbers)
