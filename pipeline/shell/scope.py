"""What a shell remembers while a command line is read: variables, functions, aliases, files it wrote."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from pipeline.shell.values import Text

if TYPE_CHECKING:
    from tree_sitter import Node

    from pipeline.shell.tree import Source

__all__ = ["Function", "Scope"]

_MOST = 256
"""Variables, functions, aliases and files that are remembered, of each; text that sets more is not obeyed."""
_PRESET = {"IFS": " \t\n", "SHELL": "/bin/bash", "BASH": "/bin/bash", "0": "bash"}
_PATHS = frozenset(["HOME", "PWD", "OLDPWD", "PATH"])


class Function(NamedTuple):
    """The body of a function and the text it stands in."""

    body: Node
    source: Source


class Scope:
    """One shell's memory.

    Example:
        >>> scope = Scope()
        >>> scope.set("A", Text("nmap"))
        >>> scope.get("A")
        Text(text='nmap', via=())
    """

    __slots__ = ("aliases", "arrays", "called", "copies", "files", "functions", "positional", "unset", "variables")

    def __init__(self) -> None:
        self.variables: dict[str, Text] = {}
        self.arrays: dict[str, tuple[str, ...]] = {}
        self.unset: set[str] = set()
        self.functions: dict[str, Function] = {}
        self.called: set[str] = set()
        self.aliases: dict[str, Text] = {}
        self.files: dict[str, Text | None] = {}
        self.copies: dict[str, str] = {}
        self.positional: tuple[str, ...] | None = None

    def child(self) -> Scope:
        """The memory of a subshell: it sees all of this one and changes none of its variables.

        Files are shared: what a subshell writes stays. So are the names of functions that were called.
        """
        other = Scope.__new__(Scope)
        other.variables = dict(self.variables)
        other.arrays = dict(self.arrays)
        other.unset = set(self.unset)
        other.functions = dict(self.functions)
        other.aliases = dict(self.aliases)
        other.called = self.called
        other.files = self.files
        other.copies = self.copies
        other.positional = self.positional
        return other

    def get(self, name: str) -> Text | None:
        """The value of a variable, None where it is not known."""
        value = self.variables.get(name)
        if value is None and name not in self.unset and name in _PRESET:
            return Text(_PRESET[name])
        return value

    def first(self, name: str) -> str:
        """What an unknown variable's value certainly begins with: ``/`` for paths."""
        return "/" if name in _PATHS and name not in self.unset else ""

    def set(self, name: str, value: Text | None) -> None:
        """Remember a variable; None makes it unknown."""
        self.arrays.pop(name, None)
        if value is None:
            self.variables.pop(name, None)
            self.unset.add(name)
        elif len(self.variables) < _MOST or name in self.variables:
            self.variables[name] = value

    def write(self, path: str, text: Text | None, *, append: bool = False) -> None:
        """Remember what a file holds; None where that is not known."""
        path = posixpath.normpath(path) if path else path
        if append and path in self.files:
            before = self.files[path]
            text = None if before is None or text is None else Text(before.text + text.text, before.via + text.via)
        if len(self.files) < _MOST or path in self.files:
            self.files[path] = text

    def read(self, path: str) -> Text | None:
        """What a file holds, None where that is not known. A bare name also finds the one file of that name."""
        path = posixpath.normpath(path) if path else path
        if path in self.files:
            return self.files[path]
        name = posixpath.basename(path)
        found = [text for other, text in self.files.items() if posixpath.basename(other) == name]
        return found[0] if len(found) == 1 else None
