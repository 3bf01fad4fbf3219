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
    r"(?P<redirect>([0-9])?(>>|>&|<|>)[ \t]*([A-Za-z0-9_./:+,@%-]+)(?=[ \t;|&\n]|\Z))"
    r"|(?P<word>[A-Za-z0-9_./:@%+,=*?^-]+)(?=[ \t;|\n]|&&|\Z)"
    r"|'(?P<single>[^'\n\\]*)'(?=[ \t;|\n]|&&|\Z)"
    r"|\"(?P<double>[^\"\n\\$`!]*)\"(?=[ \t;|\n]|&&|\Z)"
    r"|(?P<mark>\|\||&&|\|(?!&)|;(?!;)|\n)"
    r")"
)
_BLANK = re.compile(r"[ \t\n]*\Z")
_RESERVED = frozenset(
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "select", "function",
     "in", "time", "coproc", "export", "declare", "typeset", "readonly", "local", "unset", "unsetenv", "namespace"]
)  # fmt: skip
_LONGEST = 2_048


class Simple(NamedTuple):
    """One simple command."""

    fields: list[Field]
    redirects: list[Redirect]


def split(text: str) -> list[list[Simple]] | None:
    """The pipelines of `text`, each a list of commands; None where it takes a parser.

    Example:
        >>> [[command.fields[0].text for command in stages] for stages in split("cd /tmp && ls -l | wc 2>&1") or []]
        [['cd'], ['ls', 'wc']]
        >>> split("echo $HOME") is None
        True
    """
    if len(text) > _LONGEST:
        return None
    pipelines: list[list[Simple]] = []
    stages: list[Simple] = []
    current = Simple([], [])
    waiting = ""
    at = 0
    while not _BLANK.match(text, at):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        kind = match.lastgroup
        mark = match.group("mark")
        if mark is not None:
            if not current.fields:
                if mark == "\n" and not current.redirects and waiting not in ("|", "&&", "||"):
                    continue
                return None
            stages.append(current)
            current = Simple([], [])
            if mark != "|":
                pipelines.append(stages)
                stages = []
            waiting = mark
            continue
        if kind == "redirect" or match.group("redirect") is not None:
            if not current.fields:
                return None
            descriptor, op, target = match.group(2, 3, 4)
            current.redirects.append(Redirect(op, int(descriptor) if descriptor else None, target))
            continue
        word = match.group("word")
        if word is None:
            quoted = match.group("single")
            current.fields.append(Field(quoted if quoted is not None else match.group("double")))
        elif (not current.fields and (word in _RESERVED or "=" in word or "@" in word or word[0] == "-")) or (
            current.redirects and word.isdigit()
        ):
            return None
        else:
            current.fields.append(Field(word, glob="*" in word or "?" in word))
    if current.fields:
        stages.append(current)
    elif waiting in ("|", "&&", "||") or current.redirects:
        return None
    if stages:
        pipelines.append(stages)
    return pipelines
