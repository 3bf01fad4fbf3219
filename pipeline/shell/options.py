"""Options of a command as getopt reads them: letters in one word, values attached or next, long names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Options", "listed", "names", "parse"]


def names(text: str) -> frozenset[str]:
    """Names written with blanks between them.

    Example:
        >>> sorted(names("curl wget"))
        ['curl', 'wget']
    """
    return frozenset(text.split())


@lru_cache(128)
def listed(text: str) -> frozenset[str]:
    """`names` for the tables of this program, each of which is taken apart once."""
    return names(text)


class Options(NamedTuple):
    """Options and operands of one call."""

    values: dict[str, list[str]]
    """By letter or long name, in order; '' for an option without a value."""
    operands: list[str]

    def has(self, *names: str) -> bool:
        """Whether any of `names` was given."""
        return any(name in self.values for name in names)

    def all(self, *names: str) -> list[str]:
        """Every value of `names`."""
        return [value for name in names for value in self.values.get(name, ())]

    def first(self, *names: str) -> str:
        """The first value of `names`, '' where there is none."""
        return next(iter(self.all(*names)), "")


def parse(
    words: Sequence[str],
    valued: str = "",
    valued_long: Collection[str] = (),
    stop_at_operand: bool = False,
    single_dash_long: bool = False,
) -> Options:
    """Read `words` (without the program itself).

    `valued` holds the letters that take a value, `valued_long` the long names that take one as the next word
    (`--name=value` always has one). With `stop_at_operand` everything from the first operand on is an operand. With
    `single_dash_long`, as Go programs and miners do, `-name` is a long name too.

    Example:
        >>> parse(["-fR", "80:localhost:22", "-p2222", "u@h", "--tries=3"], valued="Rp")
        Options(values={'f': [''], 'R': ['80:localhost:22'], 'p': ['2222'], 'tries': ['3']}, operands=['u@h'])
        >>> parse(["-listen", ":80", "x"], valued_long={"listen"}, single_dash_long=True)
        Options(values={'listen': [':80']}, operands=['x'])
    """
    values: dict[str, list[str]] = {}
    operands: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            operands.extend(words[at:])
            break
        if len(word) < 2 or word[0] != "-":
            operands.append(word)
            if stop_at_operand:
                operands.extend(words[at:])
                break
            continue
        if word[1] == "-" or single_dash_long:
            name, given, value = word.lstrip("-").partition("=")
            if not given and name in valued_long and at < len(words):
                value = words[at]
                at += 1
            if word[1] == "-" or given or name in valued_long or len(name) > 1:
                values.setdefault(name, []).append(value)
                continue
        for place, letter in enumerate(word[1:], 1):
            if letter in valued:
                value = word[place + 1 :]
                if not value and at < len(words):
                    value = words[at]
                    at += 1
                values.setdefault(letter, []).append(value)
                break
            values.setdefault(letter, []).append("")
    return Options(values, operands)
