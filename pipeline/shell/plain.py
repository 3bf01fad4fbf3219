"""Commands made of words without expansions, split without a parser: most of what agents run.

A text passes where its meaning hangs on nothing but blanks, quotes, backslashes, ``|``, ``&&``, ``||``, ``;``, ``&``,
line ends and simple redirects. For those the walk gets the same words that the parser would give; a test holds both
against each other. Where the grammar takes words apart in ways of its own (brackets beside escapes, ``==``), the text
is left to it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.shell.calls import Redirect
from pipeline.shell.values import Field
from pipeline.shell.words import QUOTED, Piece, field_of, literal, unescaped

__all__ = ["Line", "Simple", "split"]

_ENDS = r"(?=[ \t;|&\n]|\Z)"
_BARE = r"[A-Za-z0-9_./:@%+,=*?^~\[\]!-]"
_TOKEN = re.compile(
    r"[ \t]*(?:"
    rf"([A-Za-z0-9_./:@%+,=^-]+){_ENDS}"
    r"|(\|\||&&|\|(?!&)|;(?!;)|\n|&(?![&>]))"
    rf"|((?:{_BARE}++|\{{\}}|\\[^\n\t]|'[^']*'|\"(?:[^\"\\$`!]|\\.)*+\")++){_ENDS}"
    r"|([0-9]?)(>>|>&|<|>)[ \t]*([A-Za-z0-9_./:+,@%-]+)(?=[ \t;|&\n]|\Z)"
    r"|\Z"
    r"|(.+))",
    re.DOTALL,
)
"""plain word, mark, other word, redirect (descriptor, operator, target), the end, or what takes a parser."""
_PIECE = re.compile(rf"((?:{_BARE}++|\{{\}}|\\.)++)|'([^']*)'|\"((?:[^\"\\]|\\.)*+)\"", re.DOTALL)
_RESERVED = frozenset(
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "select", "function",
     "in", "time", "coproc", "export", "declare", "typeset", "readonly", "local", "unset", "unsetenv", "namespace"]
)  # fmt: skip
_FIRST = re.compile(r"(?:[A-Za-z0-9_./:%+,*?^][A-Za-z0-9_./:%+,*?^-]*|'[^']*'|\"[^\"]*\")\Z")
"""Words other than plain ones that may name a program."""
_NARROW = re.compile(r"(?:[A-Za-z0-9_./:@%+,=*?^-]+|'[^'\n\\]*'|\"[^\"\n\\]*\")\Z")
"""Other words after which nothing more is asked of the text."""
_NAME = re.compile(r"[A-Za-z0-9_./:-]+\Z")
_BRACKETS = re.compile(r"(?:[^\[\]]|\[[^\[\]]+\])*+")
_LONGEST = 2_048


class Simple(NamedTuple):
    """One simple command."""

    words: list[str]
    redirects: list[Redirect]
    odd: dict[int, Field]
    """By place those words of which more is to be said than their text."""

    def fields(self) -> list[Field]:
        """The words as the walk takes them."""
        fields = [tuple.__new__(Field, (word, True, "", "", (), None, False)) for word in self.words]
        for at, field in self.odd.items():
            fields[at] = field
        return fields


class Line(NamedTuple):
    """Commands joined by pipes."""

    stages: list[Simple]
    background: bool


def split(text: str) -> list[Line] | None:
    """The pipelines of `text`; None where it takes a parser.

    Example:
        >>> lines = split("cd /tmp && ls -l 'a b' | wc 2>&1")
        >>> [[command.words for command in line.stages] for line in lines or []]
        [[['cd', '/tmp']], [['ls', '-l', 'a b'], ['wc']]]
        >>> split("echo $HOME") is None
        True
    """
    if len(text) > _LONGEST:
        return None
    lines: list[Line] = []
    stages: list[Simple] = []
    words: list[str] = []
    redirects: list[Redirect] = []
    odd: dict[int, Field] = {}
    waiting = ""
    since = 0
    wide = dash = False
    for word, mark, other, descriptor, operator, target, rest in _TOKEN.findall(text):
        if word:
            if not words:
                if word in _RESERVED or "=" in word or "@" in word or word[0] == "-":
                    return None
            elif redirects and (word == "-" or word.isdigit()):
                dash = dash or word == "-"
                wide = wide or word != "-"
            words.append(word)
        elif mark:
            if not words:
                if mark == "\n" and not redirects and waiting not in ("|", "&&", "||"):
                    continue
                return None
            stages.append(Simple(words, redirects, odd))
            words, redirects, odd = [], [], {}
            if mark != "|":
                lines.append(Line(stages, False))
                stages = []
                if mark == "&":
                    wide = True
                    lines[since:] = [line._replace(background=True) for line in lines[since:]]
                if len(mark) == 1:
                    since = len(lines)
            waiting = mark
        elif other:
            field = resolved(other)
            if field is None or not (words or _FIRST.match(other)):
                return None
            if field.glob or field.via:
                odd[len(words)] = field
            wide = wide or not _NARROW.match(other)
            words.append(field.text)
        elif operator:
            if not words:
                return None
            dash = dash or target == "-"
            redirects.append(Redirect(operator, int(descriptor) if descriptor else None, target))
        elif rest:
            return None
    if words:
        stages.append(Simple(words, redirects, odd))
    elif waiting in ("|", "&&", "||") or redirects:
        return None
    if stages:
        lines.append(Line(stages, False))
    if wide and (
        dash or not all(_NAME.match(one.words[0]) and "==" not in one.words for line in lines for one in line.stages)
    ):
        return None
    return lines


def resolved(word: str) -> Field | None:
    """A word with quotes, escapes or patterns in it; None where it takes a parser."""
    pieces: list[Piece] = []
    for bare, single, double in _PIECE.findall(word):
        if bare:
            if bare[0] == "\\" and (pieces or bare[1] in " \t"):
                return None
            if bare[:2] in ("==", "=~") or "{}\\" in bare:
                return None
            if ("[" in bare or "]" in bare) and ("\\" in bare or not _BRACKETS.fullmatch(bare)):
                return None
            pieces += literal(bare)
        elif single:
            pieces.append(Piece(single, QUOTED))
        else:
            pieces.append(Piece(unescaped(double), QUOTED))
    return field_of(pieces)
