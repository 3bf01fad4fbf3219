"""What a Python program calls, how often, and which texts it holds: read as syntax, never run."""

from __future__ import annotations

import ast
import warnings
from typing import Final, NamedTuple

__all__ = ["Program", "PyCall", "read_python"]

_LONGEST: Final = 20_000
_MOST_NODES: Final = 6_000
_MOST_RUNS: Final = 1 << 24


class PyCall(NamedTuple):
    """One call expression."""

    name: str
    """Dotted as written, parts that are not names left out: `socket.socket`, `s.connect`, `connect_ex`."""
    loops: int
    """How many loops and comprehensions it stands in."""
    runs: int
    """How often it runs by the loops around it, where all are known; otherwise the known ones' product, at least 1."""
    texts: tuple[str, ...]
    """String constants among its arguments, nested ones included."""

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


class Program(NamedTuple):
    """What is known of one Python program."""

    calls: tuple[PyCall, ...]
    imports: frozenset[str]
    texts: tuple[str, ...]

    def called(self, *names: str) -> bool:
        """Whether a call's last part is one of `names`."""
        return any(call.last in names for call in self.calls)


def read_python(source: str) -> Program | None:
    """The calls of `source`, None where it is not Python or too long.

    Example:
        >>> program = read_python("import socket\\nfor p in range(1, 100): socket.create_connection(('h', p))")
        >>> program.calls[0]
        PyCall(name='socket.create_connection', loops=1, runs=99, texts=('h',))
    """
    if len(source) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls: list[PyCall] = []
    imports: set[str] = set()
    texts: list[str] = []
    lists: dict[str, int] = {}
    seen = 0
    todo: list[tuple[ast.AST, int, int]] = [(tree, 0, 1)]
    while todo:
        node, loops, count = todo.pop()
        seen += 1
        if seen > _MOST_NODES:
            break
        if isinstance(node, ast.Import):
            imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        elif isinstance(node, ast.Assign):
            size = _size(node.value, lists)
            for target in node.targets:
                if isinstance(target, ast.Name) and size > 0:
                    lists[target.id] = size
        elif isinstance(node, ast.Call):
            calls.append(PyCall(_dotted(node.func), loops, count, _constants(node)))
            if _last(node.func) == "__import__" and node.args and isinstance(node.args[0], ast.Constant):
                imports.add(str(node.args[0].value).partition(".")[0])
        if isinstance(node, ast.For | ast.AsyncFor):
            size = max(_size(node.iter, lists), 1)
            todo.append((node.iter, loops, count))
            todo.extend(
                (part, loops + 1, min(count * size, _MOST_RUNS)) for part in reversed([*node.body, *node.orelse])
            )
        elif isinstance(node, ast.While):
            todo.extend((part, loops + 1, count) for part in reversed([node.test, *node.body, *node.orelse]))
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            inner = 1
            for part in node.generators:
                inner *= max(_size(part.iter, lists), 1)
                todo.append((part.iter, loops, count))
                todo.extend((test, loops + 1, min(count * inner, _MOST_RUNS)) for test in part.ifs)
            inner = min(inner, _MOST_RUNS)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            todo.extend((part, loops + 1, min(count * inner, _MOST_RUNS)) for part in parts)
        elif isinstance(node, ast.Call) and _last(node.func) in ("map", "starmap", "imap_unordered", "imap"):
            size = max((_size(a, lists) for a in node.args), default=0)
            for argument in node.args:
                if isinstance(argument, ast.Name | ast.Attribute):
                    calls.append(PyCall(_dotted(argument), loops + 1, min(count * max(size, 1), _MOST_RUNS), ()))
            todo.extend((child, loops, count) for child in reversed(list(ast.iter_child_nodes(node))))
        else:
            todo.extend((child, loops, count) for child in reversed(list(ast.iter_child_nodes(node))))
    return Program(_spread(tree, calls), frozenset(imports), tuple(texts))


def _spread(tree: ast.AST, calls: list[PyCall]) -> tuple[PyCall, ...]:
    """Calls inside a function that is itself called in a loop run as often as that."""
    often: dict[str, tuple[int, int]] = {}
    for call in calls:
        if call.loops and "." not in call.name:
            loops, count = often.get(call.name, (0, 0))
            often[call.name] = (max(loops, call.loops), max(count, call.runs))
    if not often:
        return tuple(calls)
    out = list(calls)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in often:
            loops, count = often[node.name]
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call):
                    out.append(PyCall(_dotted(inner.func), loops, count, _constants(inner)))
    return tuple(out)


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        else:
            break
    return ".".join(reversed(parts))


def _last(node: ast.AST) -> str:
    return _dotted(node).rpartition(".")[2]


def _constants(call: ast.Call) -> tuple[str, ...]:
    found: list[str] = []
    for argument in [*call.args, *(k.value for k in call.keywords)]:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found[:20])


def _size(node: ast.AST, lists: dict[str, int]) -> int:
    """How many items a loop over `node` takes, 0 where that is not known."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(node.elts)
    if isinstance(node, ast.Name):
        return lists.get(node.id, 0)
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        size = 1
        for part in node.generators:
            size *= max(_size(part.iter, lists), 1)
        return min(size, _MOST_RUNS)
    if isinstance(node, ast.Call):
        name = _last(node.func)
        if name == "range":
            numbers = [_number(argument) for argument in node.args]
            if None in numbers or not numbers:
                return 0
            known = [n for n in numbers if n is not None]
            try:
                return max(0, min(len(range(*known[:3])), _MOST_RUNS))
            except (ValueError, OverflowError):
                return 0
        if name in ("list", "tuple", "set", "sorted", "enumerate", "reversed", "tqdm", "hosts", "IPv4Network"):
            inside = node.args[0] if node.args else node.func
            if isinstance(inside, ast.Attribute):
                inside = inside.value
            return _size(inside, lists)
        if name in ("ip_network", "IPNetwork") and node.args and isinstance(node.args[0], ast.Constant):
            _, cut, bits = str(node.args[0].value).partition("/")
            return 1 << min(max(32 - int(bits), 0), 24) if cut and bits.isdecimal() and int(bits) <= 32 else 0
        if name == "hosts" and isinstance(node.func, ast.Attribute):
            return _size(node.func.value, lists)
    return 0


def _number(node: ast.AST) -> int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and abs(node.value) < 1 << 32:
        return int(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = _number(node.left), _number(node.right)
        if left is not None and right is not None:
            return left + right if isinstance(node.op, ast.Add) else left - right
    return None
