"""Commands made of plain words only, split without a parser: most of what agents run.

A text passes where its meaning hangs on nothing but blanks, ``|``, ``&&``, ``||``, ``;``, line ends and simple
redirects: no expansion, no quoting inside words, no reserved word. For those the walk gets the same words that the
parser would give; a test holds both against each other.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.shell.calls import Redirect
from pipeline.shell.values import Field

__all__ = ["Simple", "split"]

_TOKEN = re.compile(
    r"[ \t]*(?:"
    r"([A-Za-z0-9_./:@%+,=*?^-]+)(?=[ \t;|\n]|&&|\Z)"
    r"|(\|\||&&|\|(?!&)|;(?!;)|\n)"
    r"|('[^'\n\\]*'|\"[^\"\n\\$`!]*\")(?=[ \t;|\n]|&&|\Z)"
    r"|([0-9]?)(>>|>&|<|>)[ \t]*([A-Za-z0-9_./:+,@%-]+)(?=[ \t;|&\n]|\Z)"
    r"|\Z"
    r"|(.+))",
    re.DOTALL,
)
"""word, mark, quoted, redirect (descriptor, operator, target), the end, or what takes a parser."""
_RESERVED = frozenset(
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "select", "function",
     "in", "time", "coproc", "export", "declare", "typeset", "readonly", "local", "unset", "unsetenv", "namespace"]
)  # fmt: skip
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


def split(text: str) -> list[list[Simple]] | None:
    """The pipelines of `text`, each a list of commands; None where it takes a parser.

    Example:
        >>> [[command.words[0] for command in stages] for stages in split("cd /tmp && ls -l | wc 2>&1") or []]
        [['cd'], ['ls', 'wc']]
        >>> split("echo $HOME") is None
        True
    """
    if len(text) > _LONGEST:
        return None
    pipelines: list[list[Simple]] = []
    stages: list[Simple] = []
    words: list[str] = []
    redirects: list[Redirect] = []
    odd: dict[int, Field] = {}
    waiting = ""
    for word, mark, quoted, descriptor, operator, target, other in _TOKEN.findall(text):
        if word:
            if not words:
                if word in _RESERVED or "=" in word or "@" in word or word[0] == "-":
                    return None
            elif redirects and word.isdigit():
                return None
            if "*" in word or "?" in word:
                odd[len(words)] = Field(word, glob=True)
            words.append(word)
        elif mark:
            if not words:
                if mark == "\n" and not redirects and waiting not in ("|", "&&", "||"):
                    continue
                return None
            stages.append(Simple(words, redirects, odd))
            words, redirects, odd = [], [], {}
            if mark != "|":
                pipelines.append(stages)
                stages = []
            waiting = mark
        elif quoted:
            words.append(quoted[1:-1])
        elif operator:
            if not words:
                return None
            redirects.append(Redirect(operator, int(descriptor) if descriptor else None, target))
        elif other:
            return None
    if words:
        stages.append(Simple(words, redirects, odd))
    elif waiting in ("|", "&&", "||") or redirects:
        return None
    if stages:
        pipelines.append(stages)
    return pipelines
