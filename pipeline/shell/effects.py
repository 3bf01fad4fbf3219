"""What builtins leave behind in the shell: variables, aliases, arguments, files."""

from __future__ import annotations

import re

from pipeline.shell.scope import Scope
from pipeline.shell.values import Field, Text

__all__ = ["LASTING", "apply"]

LASTING = frozenset(
    ["alias", "unalias", "set", "shift", "read", "mapfile", "readarray", "printf", "getopts", "tee", "cp", "mv", "ln",
     "install", "sed", "base64", "openssl", "xxd"]
)  # fmt: skip
"""The commands that leave something behind."""

_PROGRAM = re.compile(r"/(?:usr/)?(?:local/)?s?bin/[\w.+-]+\Z")


def apply(name: str, words: list[Field], stdin: Text | None, out: Text | None, scope: Scope) -> None:
    """Let `scope` remember what the command does to it; `out` is what the command prints, where known.

    Example:
        >>> scope = Scope()
        >>> apply("alias", [Field("alias"), Field("x=nmap -sS")], None, None, scope)
        >>> scope.aliases["x"].text
        'nmap -sS'
    """
    texts = [word.text for word in words]
    if name == "alias":
        for word in words[1:]:
            key, equals, value = word.text.partition("=")
            if equals and len(scope.aliases) < 64:
                scope.aliases[key] = Text(value, word.via)
    elif name == "unalias":
        for key in texts[1:]:
            scope.aliases.pop(key, None)
    elif name == "set" and "--" in texts:
        scope.positional = tuple(texts[texts.index("--") + 1 :])
    elif name == "shift" and scope.positional is not None:
        size = int(texts[1][:9]) if len(texts) > 1 and texts[1].isdecimal() else 1
        scope.positional = scope.positional[min(size, len(scope.positional)) :]
    elif name == "read":
        _read(texts, stdin, scope)
    elif name in ("mapfile", "readarray"):
        names = [text for text in texts[1:] if text.isidentifier()]
        if names and stdin is not None:
            scope.arrays[names[-1]] = tuple(stdin.text.splitlines()[:512])
    elif name == "printf" and len(texts) > 3 and texts[1] == "-v":
        scope.set(texts[2], Text(texts[3]) if len(texts) == 4 and "%" not in texts[3] else None)
    elif name == "getopts" and len(texts) > 2:
        scope.set(texts[2], None)
    elif name == "tee":
        for path in texts[1:]:
            if not path.startswith("-"):
                scope.write(path, stdin, append="-a" in texts)
    elif name in ("cp", "mv", "ln", "install"):
        _copy(texts, scope)
    elif name == "sed" and "-i" in texts:
        for path in texts[2:]:
            if path in scope.files:
                scope.write(path, None)
    elif name in ("base64", "openssl", "xxd") and out is not None:
        target = _named(texts, "-out", "-o")
        if target:
            scope.write(target, out)


def _read(texts: list[str], stdin: Text | None, scope: Scope) -> None:
    names = [text for text in texts[1:] if text.isidentifier()] or ["REPLY"]
    line = stdin.text.partition("\n")[0] if stdin is not None else None
    if line is None or stdin is None:
        for name in names:
            scope.set(name, None)
        return
    if "-a" in texts:
        scope.arrays[names[-1]] = tuple(line.split())
        return
    parts = line.split(None, len(names) - 1)
    for name, part in zip(names, [*parts, *[""] * (len(names) - len(parts))], strict=False):
        scope.set(name, Text(part.strip(), stdin.via))


def _copy(texts: list[str], scope: Scope) -> None:
    paths = [text for text in texts[1:] if not text.startswith("-")]
    if len(paths) != 2:
        return
    if paths[0] in scope.files:
        scope.write(paths[1], scope.files[paths[0]])
    elif _PROGRAM.match(paths[0]) and "/" in paths[1] and len(scope.copies) < 64:
        scope.copies[paths[1]] = paths[0]


def _named(texts: list[str], *options: str) -> str:
    return next((texts[at + 1] for at, text in enumerate(texts[:-1]) if text in options), "")
