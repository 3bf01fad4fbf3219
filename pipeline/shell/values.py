"""What a piece of shell text comes to: text with its history, and one resolved word."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Field", "Text", "join_via"]


class Text(NamedTuple):
    """A known text and what it came through.

    Example:
        >>> Text("id", ("base64",)).via
        ('base64',)
    """

    text: str
    via: tuple[str, ...] = ()


class Field(NamedTuple):
    """One word of a command after expansion.

    Example:
        >>> Field("$X/nmap", known=False, bare="/nmap").bare
        '/nmap'
    """

    text: str
    """The word; what could not be resolved stands in it as written."""
    known: bool = True
    bare: str = ""
    """`text` without what could not be resolved; of use only where not `known`."""
    program: str = ""
    """`text` as a shell would read it again, each substitution that ran already set to ``${_}``; only where not
    `known`."""
    via: tuple[str, ...] = ()
    """What it was looked through to get the text."""
    feeder: int | None = None
    """The last call of a substitution inside it."""
    glob: bool = False
    """It holds unquoted ``*``, ``?`` or ``[``."""

    def again(self) -> str:
        """The text for another shell to read."""
        return self.text if self.known else self.program


def join_via(*parts: tuple[str, ...]) -> tuple[str, ...]:
    """All of `parts`, each name once, in order.

    Example:
        >>> join_via(("variable",), ("base64", "variable"))
        ('variable', 'base64')
    """
    filled = [part for part in parts if part]
    if len(filled) < 2:
        return filled[0] if filled else ()
    return tuple(dict.fromkeys(name for part in filled for name in part))
