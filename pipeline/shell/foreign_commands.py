"""The commands that a Perl, Ruby, PHP, Node, Lua or awk program starts, where they stand in it as plain strings.

A small lexer is enough for that: a name that starts commands, perhaps ``(``, then string literals.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.shell.escapes import unescape

__all__ = ["started_by_foreign"]

_LONGEST = 16_384
_MOST = 64
_TOKEN = re.compile(
    r"""(?P<comment>(?<!\$)\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<back>`(?:[^`\\]|\\.)*`|qx\{[^}]*\}|qx/[^/]*/|%x\([^)]*\)|%x\{[^}]*\})
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark>[^\s])""",
    re.VERBOSE | re.DOTALL,
)
_STARTERS = {
    "perl": frozenset(["system", "exec"]),
    "ruby": frozenset(["system", "exec", "spawn", "popen", "capture2", "capture3"]),
    "php": frozenset(["system", "exec", "shell_exec", "passthru", "popen", "proc_open", "pcntl_exec"]),
    "node": frozenset(["exec", "execSync", "spawn", "spawnSync", "execFile", "execFileSync"]),
    "lua": frozenset(["execute", "popen"]),
    "awk": frozenset(["system"]),
}
_BACKTICKS = frozenset(["perl", "ruby", "php"])
_WORDS = frozenset(["spawn", "spawnSync", "execFile", "execFileSync"])


class Started(NamedTuple):
    """One command: its words, or the text that it gives to a shell."""

    words: tuple[str, ...]
    text: str


def started_by_foreign(language: str, source: str) -> tuple[Started, ...]:
    """The commands of `source`.

    Example:
        >>> started_by_foreign("perl", 'exec "/bin/sh -i";')
        (Started(words=(), text='/bin/sh -i'),)
    """
    starters = _STARTERS.get(language)
    if starters is None or len(source) > _LONGEST:
        return ()
    tokens = [(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(source)]
    tokens = [token for token in tokens if token[0] != "comment" or language == "awk"]
    found: list[Started] = []
    for at, (kind, text) in enumerate(tokens):
        if kind == "name" and text in starters:
            found += _arguments(text, tokens, at + 1)
        elif kind == "back" and language in _BACKTICKS:
            found.append(Started((), text.strip("`").removeprefix("qx").removeprefix("%x").strip("{}/()")))
        elif language == "awk" and kind == "text" and _piped(tokens, at):
            found.append(Started((), _unquote(text)))
        if len(found) >= _MOST:
            break
    return tuple(found)


def _piped(tokens: list[tuple[str, str]], at: int) -> bool:
    """awk: ``"cmd" | getline`` and ``print | "cmd"``."""
    before = tokens[at - 1][1] if at else ""
    after = [text for _, text in tokens[at + 1 : at + 3]]
    return before == "|" or after == ["|", "getline"]


def _arguments(name: str, tokens: list[tuple[str, str]], at: int) -> list[Started]:
    if at < len(tokens) and tokens[at][1] == "(":
        at += 1
    texts: list[str] = []
    while at < len(tokens) and len(texts) < _MOST:
        kind, text = tokens[at]
        if kind == "text":
            texts.append(_unquote(text))
        elif text not in (",", "[", "."):
            break
        at += 1
    if not texts:
        return []
    if len(texts) > 1 or name in _WORDS:
        return [Started(tuple(texts), "")]
    return [Started((), texts[0])]


def _unquote(text: str) -> str:
    return unescape(text[1:-1]) if text[0] == '"' else text[1:-1].replace("\\'", "'")
