"""The commands that a Python program starts, where they stand in it plainly: os.system, subprocess, os.exec* ..."""

from __future__ import annotations

import ast
import base64
import binascii
import shlex
import warnings
from typing import NamedTuple

__all__ = ["Started", "started_by_python"]

_LONGEST = 16_384
_MOST_NODES = 4_000
_TEXT = frozenset(["system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"])
_WORDS = frozenset(
    ["run", "call", "check_call", "check_output", "Popen", "create_subprocess_exec", "spawn", "popen2", "popen3"]
)
_EXEC = frozenset(["execl", "execlp", "execle", "execlpe", "execv", "execvp", "execve", "execvpe", "spawnl", "spawnlp",
                   "spawnv", "spawnvp", "posix_spawn", "posix_spawnp"])  # fmt: skip
_MODULES = frozenset(["os", "subprocess", "pty", "asyncio", "commands", "sp", "popen2"])
_DECODERS = {"b64decode": "base64", "b32decode": "base32", "unhexlify": "hex", "fromhex": "hex"}


class Started(NamedTuple):
    """One command that a program starts: its words, or the text that it gives to a shell."""

    words: tuple[str, ...]
    text: str
    known: bool
    loop: bool


def started_by_python(source: str) -> tuple[Started, ...]:
    """The commands of `source`; none where it cannot be read as Python.

    Example:
        >>> started_by_python("import os; os.system('id; ls')")[0].text
        'id; ls'
    """
    if len(source) > _LONGEST or not _mentions(source):
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(_Reader().read(tree, 0))


def _mentions(source: str) -> bool:
    return any(word in source for word in ("system", "popen", "subprocess", "exec", "spawn", "getoutput", "Popen"))


class _Reader:
    def __init__(self) -> None:
        self.names: dict[str, str | list[str]] = {}
        self.aliases: set[str] = set(_MODULES)
        self.bare: set[str] = set()

    def read(self, tree: ast.AST, depth: int) -> list[Started]:
        found: list[Started] = []
        todo: list[tuple[ast.AST, bool]] = [(tree, False)]
        seen = 0
        while todo and seen < _MOST_NODES:
            node, loop = todo.pop()
            seen += 1
            if isinstance(node, ast.Import):
                self.aliases |= {name.asname for name in node.names if name.asname and name.name in _MODULES}
            elif isinstance(node, ast.ImportFrom) and node.module in _MODULES:
                self.bare |= {name.asname or name.name for name in node.names}
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                value = self.value(node.value)
                if value is not None:
                    self.names[node.targets[0].id] = value
            elif isinstance(node, ast.Call):
                found += self.call(node, loop, depth)
            inside = loop or isinstance(node, ast.For | ast.While | ast.ListComp | ast.GeneratorExp | ast.AsyncFor)
            todo.extend((child, inside) for child in reversed(list(ast.iter_child_nodes(node))))
        return found

    def call(self, node: ast.Call, loop: bool, depth: int) -> list[Started]:
        name, owner = _name(node.func)
        if name in ("exec", "eval") and node.args and depth < 3:
            inner = self.value(node.args[0])
            if isinstance(inner, str):
                try:
                    return self.read(ast.parse(inner), depth + 1)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return []
            return []
        if owner not in self.aliases and name not in self.bare:
            return []
        if name in _TEXT:
            return self.text(node.args[:1], loop)
        if name in _EXEC:
            arguments = node.args[1:] if len(node.args) > 1 else node.args
            words = self.words(arguments)
            path = self.value(node.args[0]) if node.args else None
            return [Started((path, *words[1:]), "", None not in arguments, loop)] if isinstance(path, str) else []
        if name not in _WORDS:
            return []
        shell = any(word.arg == "shell" and _true(word.value) for word in node.keywords)
        arguments = node.args or [word.value for word in node.keywords if word.arg == "args"]
        if not arguments:
            return []
        if shell or (isinstance(self.value(arguments[0]), str) and name != "create_subprocess_exec"):
            return self.text(arguments[:1], loop)
        words = self.words(arguments if name == "create_subprocess_exec" else arguments[:1])
        return [Started(words, "", all(word != "?" for word in words), loop)] if words else []

    def text(self, arguments: list[ast.expr], loop: bool) -> list[Started]:
        value = self.value(arguments[0], partly=True) if arguments else None
        if isinstance(value, list):
            value = shlex.join(value)
        return [Started((), value, True, loop)] if value else []

    def words(self, arguments: list[ast.expr]) -> tuple[str, ...]:
        found: list[str] = []
        for argument in arguments:
            value = self.value(argument, partly=True)
            found += value if isinstance(value, list) else [value if value is not None else "?"]
        return tuple(found)

    def value(self, node: ast.expr, *, partly: bool = False, depth: int = 0) -> str | list[str] | None:
        """A text or a list of texts; with `partly`, what is not known inside it stands as ``$name``."""
        if depth > 20:
            return None
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bytes):
                return node.value.decode("utf-8", "replace")
            return str(node.value) if isinstance(node.value, str | int) else None
        if isinstance(node, ast.Name):
            return self.names.get(node.id, f"${node.id}" if partly else None)
        if isinstance(node, ast.List | ast.Tuple):
            items = [self.value(item, partly=partly, depth=depth + 1) for item in node.elts]
            return [item if isinstance(item, str) else "?" for item in items]
        if isinstance(node, ast.JoinedStr):
            parts = [self.value(part, partly=partly, depth=depth + 1) for part in node.values]
            return "".join(part for part in parts if isinstance(part, str)) if partly or None not in parts else None
        if isinstance(node, ast.FormattedValue):
            return self.value(node.value, partly=partly, depth=depth + 1) or ("$_" if partly else None)
        if isinstance(node, ast.BinOp):
            return self.binary(node, partly, depth)
        if isinstance(node, ast.Call):
            return self.method(node, partly, depth)
        return "$_" if partly else None

    def binary(self, node: ast.BinOp, partly: bool, depth: int) -> str | list[str] | None:
        left = self.value(node.left, partly=partly, depth=depth + 1)
        if isinstance(node.op, ast.Mod) and partly and isinstance(left, str):
            return left.replace("%s", "$_").replace("%d", "$_")
        right = self.value(node.right, partly=partly, depth=depth + 1)
        if not isinstance(node.op, ast.Add) or left is None or right is None:
            return None
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        return left + right if isinstance(left, list) and isinstance(right, list) else None

    def method(self, node: ast.Call, partly: bool, depth: int) -> str | list[str] | None:
        name, _ = _name(node.func)
        if name in _DECODERS and node.args:
            inner = self.value(node.args[0], depth=depth + 1)
            return _decode(_DECODERS[name], inner) if isinstance(inner, str) else None
        if not isinstance(node.func, ast.Attribute):
            return "$_" if partly else None
        owner = self.value(node.func.value, partly=partly, depth=depth + 1)
        argument = self.value(node.args[0], partly=partly, depth=depth + 1) if node.args else None
        if name == "split" and isinstance(owner, str):
            return owner.split(argument) if isinstance(argument, str) and argument else owner.split()
        if name == "join" and isinstance(owner, str) and isinstance(argument, list):
            return owner.join(argument)
        if name in ("decode", "encode", "strip", "format") and isinstance(owner, str):
            return owner
        return "$_" if partly else None


def _name(node: ast.expr) -> tuple[str, str]:
    """The last name of a called expression and the name it hangs on (``__import__('os')`` counts as ``os``)."""
    if isinstance(node, ast.Name):
        return node.id, ""
    if not isinstance(node, ast.Attribute):
        return "", ""
    owner = node.value
    if isinstance(owner, ast.Name):
        return node.attr, owner.id
    if isinstance(owner, ast.Attribute):
        return node.attr, owner.attr
    if isinstance(owner, ast.Call) and owner.args and isinstance(owner.args[0], ast.Constant):
        return node.attr, str(owner.args[0].value)
    return node.attr, ""


def _true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _decode(kind: str, text: str) -> str | None:
    try:
        if kind == "hex":
            return bytes.fromhex(text).decode("utf-8", "replace")
        decode = base64.b64decode if kind == "base64" else base64.b32decode
        return decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
