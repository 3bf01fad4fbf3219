"""Words of a command: quotes, variables, substitutions, braces and splitting, resolved as far as they are static.

```
 n"m"$X{1,2}     pieces   n (plain)  m (quoted)  value of X (split)  {1,2} (plain)
                 fields   nm..1  nm..2
```

Source for the order of expansions: Bash Reference Manual, 3.5.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pipeline.shell import braces, parameters
from pipeline.shell.arithmetic import evaluate
from pipeline.shell.escapes import unescape
from pipeline.shell.scope import Scope
from pipeline.shell.values import Field, Text, join_via

if TYPE_CHECKING:
    from tree_sitter import Node

    from pipeline.shell.limits import Budget
    from pipeline.shell.tree import Source

__all__ = ["PLAIN", "QUOTED", "Piece", "Runner", "Words", "field_of", "fields_of", "literal", "one_field", "unescaped"]

PLAIN, QUOTED, SPLIT, BREAK = range(4)

_SIMPLE = re.compile(r"[^\\{*?\[~$`'\"]+\Z")
_DOUBLE_ESCAPE = re.compile(r"\\([$`\"\\\n])")
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_MANY_ESCAPES = 16
"""Backslashes from which a word is taken as quoted throughout: bytes written as ``\\x41``."""
_GLOB = re.compile(r"[*?\[]")
_LITERALS = frozenset(
    [
        "word",
        "number",
        "variable_name",
        "test_operator",
        "extglob_pattern",
        "regex",
        "brace_expression",
        "file_descriptor",
    ]
)


class Piece(NamedTuple):
    """A stretch of a word with one way of quoting."""

    text: str
    kind: int
    known: bool = True
    via: tuple[str, ...] = ()
    feeder: int | None = None
    written: bool = True
    """It stands in the command itself, not in a variable."""
    program: str = ""


class Runner(ABC):
    """What `Words` needs of the walk: running a substitution."""

    @abstractmethod
    def substitute(self, node: Node, source: Source, scope: Scope) -> tuple[Text | None, int | None]:
        """What a ``$(..)`` or ``<(..)`` prints, where known, and its last call."""


class Words:
    """Resolves the words of one text in one scope."""

    __slots__ = ("budget", "runner", "scope", "source")

    def __init__(self, runner: Runner, budget: Budget, source: Source, scope: Scope) -> None:
        self.runner = runner
        self.budget = budget
        self.source = source
        self.scope = scope

    def fields(self, node: Node) -> tuple[list[Field], int]:
        """The words that one written word becomes, and how many there would be without limits."""
        if node.type == "word" or node.type == "number":
            text = self.source.of(node)
            if _SIMPLE.match(text):
                return [Field(text)], 1
        self.budget.step()
        pieces = self.pieces(node)
        alone = len(pieces) == 1
        pieces = [self.silent(piece, alone) for piece in pieces]
        return fields_of(pieces, self.separators(), self.budget)

    def one(self, node: Node) -> Field:
        """The text of a word where it is neither split nor expanded by braces (assignments, redirections)."""
        self.budget.step()
        if node.type == "word" or node.type == "number":
            text = self.source.of(node)
            if _SIMPLE.match(text):
                return Field(text)
        return one_field(self.pieces(node), self.budget)

    def separators(self) -> str:
        """The characters that unquoted values are split at."""
        value = self.scope.variables.get("IFS")
        return value.text if value else " \t\n"

    def silent(self, piece: Piece, alone: bool) -> Piece:
        """``$@`` and ``$*`` inside a word are nothing where no arguments are known (``wg$@et``)."""
        if not alone and not piece.known and piece.text in ("$@", "$*", "${@}", "${*}"):
            return Piece("", piece.kind, True, ("variable",))
        return piece

    def pieces(self, node: Node) -> list[Piece]:
        """The pieces of a word, in order."""
        return list(self._pieces(node))

    def _pieces(self, node: Node) -> Iterator[Piece]:
        kind = node.type
        if kind in _LITERALS:
            yield from literal(self.source.of(node))
        elif kind == "concatenation" or kind == "command_name":
            yield from self._within(node, QUOTED if kind == "string" else PLAIN)
        elif kind == "string":
            if node.end_byte - node.start_byte <= 2:
                yield Piece("", QUOTED)
            else:
                yield from self._within(node, QUOTED)
        elif kind == "raw_string":
            yield Piece(self.source.of(node)[1:-1], QUOTED)
        elif kind == "ansi_c_string":
            text = self.source.of(node)[2:-1]
            yield Piece(unescape(text), QUOTED, True, ("ansi-c",) if "\\" in text else ())
        elif kind == "translated_string":
            for child in node.named_children:
                yield from self._pieces(child)
        elif kind == "simple_expansion":
            yield from self.variable(self.source.of(node)[1:], self.source.of(node), SPLIT)
        elif kind == "expansion":
            yield from self.parameter(node, SPLIT)
        elif kind == "command_substitution":
            yield self.substitution(node, SPLIT)
        elif kind == "process_substitution":
            yield self.process(node)
        elif kind == "arithmetic_expansion":
            yield self.arithmetic(node)
        else:
            yield from literal(self.source.of(node))

    def _within(self, node: Node, kind: int) -> Iterator[Piece]:
        """Children, and the text between them: inside double quotes, or of a concatenation."""
        start, end = node.start_byte, node.end_byte
        if kind == QUOTED:
            start, end = start + 1, end - 1
        for child in node.children:
            if not child.is_named or child.type == "string_content":
                continue
            if child.start_byte > start:
                yield from self._gap(self.source.slice(start, child.start_byte), kind)
            if kind == PLAIN:
                yield from self._pieces(child)
            else:
                yield from (piece._replace(kind=QUOTED if piece.kind == SPLIT else piece.kind)
                            for piece in self._pieces(child))  # fmt: skip
            start = child.end_byte
        if end > start:
            yield from self._gap(self.source.slice(start, end), kind)

    def _gap(self, text: str, kind: int) -> Iterator[Piece]:
        if kind == PLAIN:
            yield from literal(text.removesuffix("$"))
        else:
            yield Piece(unescaped(text), QUOTED)

    def variable(self, name: str, written: str, kind: int) -> Iterator[Piece]:
        """The pieces of ``$name``."""
        if name in ("@", "*") and self.scope.positional is not None:
            for at, argument in enumerate(self.scope.positional):
                if at:
                    yield Piece(" ", BREAK)
                yield Piece(argument, kind, written=False, via=("variable",))
            return
        if name in self.scope.arrays and not name.isdecimal():
            yield Piece(self.scope.arrays[name][0] if self.scope.arrays[name] else "", kind, True, ("variable",))
            return
        value = self.positional(name) if name.isdecimal() and name != "0" else self.scope.get(name)
        if value is None:
            yield Piece(written, kind, False, written=False, program=written)
        else:
            yield Piece(
                value.text, kind, True, join_via(("ifs" if name == "IFS" else "variable",), value.via), None, False
            )

    def positional(self, name: str) -> Text | None:
        """The value of ``$1`` and its kin."""
        if self.scope.positional is None:
            return None
        index = int(name[:4]) - 1
        return Text(self.scope.positional[index] if index < len(self.scope.positional) else "")

    def parameter(self, node: Node, kind: int) -> Iterator[Piece]:
        """The pieces of ``${..}``."""
        written = self.source.of(node)
        parameter = parameters.split(written)
        field = Field("")
        head = node.start_byte + (len(written[: parameter.operand].encode()) if parameter else 2)
        inner = [child for child in node.named_children if child.start_byte >= head]
        if inner:
            field = one_field(self._operand(inner, head, node.end_byte - 1), self.budget)
        elif parameter:
            field = Field(self.source.slice(head, node.end_byte - 1))
        operand, known, feeder, via = field.text, field.known, field.feeder, field.via
        if parameter is None or parameter.flag == "#":
            yield Piece(written, kind, False, written=False, program=written, feeder=feeder)
            return
        if parameter.subscript:
            yield from self.element(parameter, written, kind)
            return
        if not parameter.operator and not parameter.flag:
            yield from self.variable(parameter.name, written, kind)
            return
        name = parameter.name
        value = self.positional(name) if name.isdecimal() and name != "0" else self.scope.get(name)
        if parameter.flag == "!" and value is not None:
            value = self.scope.get(value.text)
        result = parameters.apply(parameter, value, operand, self.scope) if self.budget.expand(len(operand)) else None
        if result is None or (not known and result.text == operand):
            program = operand if result and "$" in operand else written
            yield Piece(result.text if result else written, kind, False, via, feeder, False, program)
        else:
            yield Piece(result.text, kind, True, join_via(("variable",), result.via, via), feeder, False)

    def _operand(self, inner: list[Node], start: int, end: int) -> list[Piece]:
        pieces: list[Piece] = []
        for child in inner:
            if child.start_byte > start:
                pieces.append(Piece(self.source.slice(start, child.start_byte), QUOTED, written=False))
            pieces += self.pieces(child)
            start = child.end_byte
        return [*pieces, Piece(self.source.slice(start, end), QUOTED, written=False)]

    def element(self, parameter: parameters.Parameter, written: str, kind: int) -> Iterator[Piece]:
        """The pieces of ``${name[..]}``."""
        items = self.scope.arrays.get(parameter.name)
        index = parameter.subscript[1:-1]
        if items is None or parameter.operator or parameter.flag:
            yield Piece(written, kind, False, written=False, program=written)
        elif index in ("@", "*"):
            for at, item in enumerate(items):
                if at:
                    yield Piece(" ", BREAK)
                yield Piece(item, kind, True, ("variable",), None, False)
        else:
            number = evaluate(index, self.text_of)
            known = number is not None and -len(items) <= number < len(items)
            text = items[number] if known and number is not None else written
            yield Piece(text, kind, known, ("variable",) if known else (), None, False, written)

    def text_of(self, name: str) -> str | None:
        """The text of a variable, for arithmetic."""
        value = self.scope.get(name)
        return value.text if value else None

    def substitution(self, node: Node, kind: int) -> Piece:
        """``$(..)``: what it prints, else as written."""
        printed, feeder = self.runner.substitute(node, self.source, self.scope)
        if printed is None or not self.budget.expand(len(printed.text)):
            return Piece(self.source.of(node), kind, False, (), feeder, False, "${_}")
        return Piece(
            printed.text.rstrip("\n"), kind, True, join_via(("command substitution",), printed.via), feeder, False
        )

    def process(self, node: Node) -> Piece:
        """``<(..)``: stays as written; what it prints is kept as the file of that name."""
        printed, feeder = self.runner.substitute(node, self.source, self.scope)
        written = self.source.of(node)
        self.scope.files[written] = printed
        return Piece(written, QUOTED, True, (), feeder, False)

    def arithmetic(self, node: Node) -> Piece:
        """``$(( .. ))``."""
        written = self.source.of(node)
        if "$(" in written[3:] or "`" in written or "${" in written:
            pieces = [piece for child in _substitutions(node) for piece in self._pieces(child)]
            feeder = next((piece.feeder for piece in pieces if piece.feeder is not None), None)
            return Piece(written, SPLIT, False, (), feeder, False, "${_}")
        inner = written[3:-2] if written.startswith("$((") else written[2:-1]
        value = evaluate(inner, self.text_of)
        if value is None:
            return Piece(written, SPLIT, False, (), None, False, written)
        return Piece(str(value), SPLIT, True, (), None, False)


def _substitutions(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type in ("command_substitution", "process_substitution"):
            yield child
        else:
            yield from _substitutions(child)


def unescaped(text: str) -> str:
    """What stands between double quotes, without expansions: a backslash quotes what is special there."""
    return _DOUBLE_ESCAPE.sub(lambda match: match.group(1).strip("\n"), text) if "\\" in text else text


def literal(text: str) -> Iterator[Piece]:
    """Unquoted text: a backslash quotes what follows it."""
    if "\\" not in text:
        yield Piece(text, PLAIN)
        return
    if text.count("\\") > _MANY_ESCAPES:
        yield Piece("\\".join([part.replace("\\", "") for part in text.split("\\\\")]), QUOTED)
        return
    at = 0
    for match in _ESCAPED.finditer(text):
        if match.start() > at:
            yield Piece(text[at : match.start()], PLAIN)
        if match.group(1) and match.group(1) != "\n":
            # A backslash before a whole word (\ls) only asks for the command behind an alias.
            yield Piece(match.group(1), QUOTED, written=match.start() > 0)
        at = match.end()
    if at < len(text):
        yield Piece(text[at:], PLAIN)


def one_field(pieces: list[Piece], budget: Budget) -> Field:
    """All pieces as one word.

    Example:
        >>> from pipeline.shell.limits import Limits, Budget
        >>> one_field([Piece("n", PLAIN), Piece("map", QUOTED)], Budget(Limits())).via
        ('quotes',)
    """
    return _field([piece for piece in pieces if piece.text or piece.kind != BREAK], budget)


def fields_of(pieces: list[Piece], separators: str, budget: Budget) -> tuple[list[Field], int]:
    """The words that the pieces of one written word become, and how many there would be without limits."""
    if len(pieces) == 1 and pieces[0].kind == QUOTED:
        return [_field(pieces, budget)], 1
    words, count = _braced(pieces, budget)
    budget.step(len(words))
    if count > len(words):
        budget.spent = True
    if len(words) == 1 and not any(piece.kind >= SPLIT for piece in words[0]):
        return [_field(words[0], budget)], count
    found: list[Field] = []
    more = 0
    own = separators != " \t\n" and any(piece.kind == SPLIT and set(separators) & set(piece.text) for piece in pieces)
    spaced = ("ifs",) if own or any("ifs" in piece.via for piece in pieces) else ()
    for word in words:
        for part in _split(word, separators):
            more += 1
            if len(found) < budget.limits.words:
                field = _field(part, budget)
                found.append(field._replace(via=join_via(field.via, spaced)) if spaced else field)
            else:
                budget.spent = True
    return found, max(more, count)


def _braced(pieces: list[Piece], budget: Budget) -> tuple[list[list[Piece]], int]:
    plain = "".join(piece.text for piece in pieces if piece.kind == PLAIN)
    if "{" not in plain or "}" not in plain or len(pieces) > 200:
        return [pieces], 1
    parts = [
        (piece.text, True) if piece.kind == PLAIN else (chr(0xE000 + at), False) for at, piece in enumerate(pieces)
    ]
    words, count = braces.expand(parts, budget.limits.words)
    if count == 1:
        return [pieces], 1
    return [[_unmark(text, pieces) for text, _ in word] for word in words], count


def _unmark(text: str, pieces: list[Piece]) -> Piece:
    if len(text) == 1 and 0xE000 <= ord(text) < 0xE000 + len(pieces):
        return pieces[ord(text) - 0xE000]
    return Piece(text, PLAIN, True, ("brace",))


def _split(pieces: list[Piece], separators: str) -> Iterator[list[Piece]]:
    """Cut at separators inside unquoted values; a word of nothing but empty unquoted values is none."""
    current: list[Piece] = []
    pattern = re.compile("[" + re.escape(separators) + "]+") if separators else None
    for piece in pieces:
        if piece.kind == BREAK:
            if current:
                yield current
            current = []
        elif piece.kind != SPLIT or not piece.known or pattern is None:
            current.append(piece)
        else:
            for at, part in enumerate(pattern.split(piece.text)):
                if at and current:
                    yield current
                    current = []
                if part:
                    current.append(piece._replace(text=part))
            if not piece.text and current:
                current.append(piece)
    if current:
        yield current


def _field(pieces: list[Piece], budget: Budget) -> Field:
    if len(pieces) == 1 and pieces[0].known and pieces[0].kind == QUOTED:
        return Field(pieces[0].text, via=pieces[0].via, feeder=pieces[0].feeder)
    text = "".join(piece.text for piece in pieces)
    if not budget.expand(len(text)):
        text = text[:256]
    known = all(piece.known for piece in pieces)
    via = join_via(*(piece.via for piece in pieces))
    if _broken_by_quotes(pieces):
        via = join_via(via, ("quotes",))
    return Field(
        text,
        known,
        "" if known else "".join(piece.text for piece in pieces if piece.known),
        "" if known else "".join(piece.text if piece.known else piece.program for piece in pieces),
        via,
        next((piece.feeder for piece in reversed(pieces) if piece.feeder is not None), None),
        any(piece.kind != QUOTED and _GLOB.search(piece.text) is not None for piece in pieces if piece.known),
    )


def field_of(pieces: list[Piece]) -> Field:
    """`one_field` for pieces that stand as they are: plain or quoted text without expansions."""
    if len(pieces) == 1 and pieces[0].kind == QUOTED:
        return Field(pieces[0].text)
    return Field(
        "".join([piece.text for piece in pieces]),
        via=("quotes",) if _broken_by_quotes(pieces) else (),
        glob=any(piece.kind == PLAIN and _GLOB.search(piece.text) is not None for piece in pieces),
    )


def _broken_by_quotes(pieces: list[Piece]) -> bool:
    """Whether quotes stand in the middle of a run of letters, where they change nothing."""
    for before, after in pairwise(pieces):
        if not (before.written and after.written) or before.kind == after.kind:
            continue
        if before.text[-1:].isalnum() and after.text[:1].isalnum():
            return True
        if (not before.text and after.text[:1].isalnum()) or (not after.text and before.text[-1:].isalnum()):
            return before.kind == PLAIN or len(pieces) == 2 or not before.text
    return False
