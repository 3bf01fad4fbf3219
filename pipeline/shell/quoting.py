"""One pass over the quoting of a command: where text is quoted, nested, a here-document.

tree-sitter-bash 0.25 reads a here-document together with the rest of its line, and only some forms of that come out
right (``cat <<E > f; sh f``, ``sh <<E &`` and two here-documents do not); ``<<<`` after ``}`` or ``)`` and ``<>`` are
errors to it. So these operators are set to ``<`` before it sees them, with the body of a here-document taken out (and
``{a,b}`` that begins a command, an error too, gets empty quotes before it):

```
 cat <<E > f; sh f        cat < (0) > f; sh f      operators[4] = "<<"
 id                  ->                            bodies[0]    = Body("id\n", ...)
 E
```

where ``(0)`` stands for one private-use character (U+E000 + 0) that no command keeps otherwise.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Body", "Outline", "body_index", "clean", "outline", "parts"]

_FIRST = 0xE000
_LAST = 0xE0FF
_PRIVATE = re.compile("[\ue000-\ue0ff\0]")
_NEEDED = re.compile(r"<<|<>|\\\r?\n|\}[<>]|\}\d*>|\{[^\s{}]*,|\bcoproc\s")

_CODE = re.compile(
    r"\\\n|(?:\\[^\n][A-Za-z0-9]*+)++|\$?'|\"|`|\$\(\(|\(\(|\$\(|\$\{|[(){};]|<<<|<<-?|<>|\n|(?:(?<=[\s;&|(])|^)#[^\n]*",
    re.DOTALL | re.MULTILINE,
)
_DOUBLE = re.compile(r"\\\n|(?:\\[^\n][A-Za-z0-9]*+)++|\"|`|\$\(\(|\$\(|\$\{", re.DOTALL)
_ARITHMETIC = re.compile(r"\\.|\$\(\(|\$\(|\$\{|[()]|\n|\"|'", re.DOTALL)
_ANSI = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL)
_DELIMITER = re.compile(r"[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s;&|<>()'\"\\`])+)")
_BRACES = re.compile(r"\{[^\s{},]*,")
_COPROC = re.compile(r"(?:(?<=[;&|\n])|\A)(\s*)coproc\s+(?:[A-Za-z_]\w*\s+)?(?=[{(])")
_DESCRIPTOR = re.compile(r"(?<![^\s;&|(])\{[A-Za-z_]\w*\}(?=[<>])")


_LONGEST_SUM = 500
"""Characters within which ``((`` must close to be arithmetic."""


class Body(NamedTuple):
    """The text of a here-document."""

    text: str
    quoted: bool
    """The delimiter was quoted: nothing in the text is expanded."""
    delimiter: str
    whole: bool
    """Its last line was found."""


class Outline(NamedTuple):
    """A command made ready for the parser."""

    text: str
    operators: dict[int, str]
    """Byte offset in the UTF-8 of `text` of each ``<`` that stands for another operator."""
    bodies: tuple[Body, ...]
    open_quotes: tuple[int, ...]
    """Character offsets, in the text given, of quotes and brackets that nothing closes."""
    stray: tuple[int, ...]
    """Character offsets of closing brackets that nothing opens."""
    ends: tuple[tuple[int, int], ...] = ()
    """Where a line or a ``;`` ends outside of everything: character and byte offsets in `text`."""


def clean(command: str) -> str:
    r"""`command` without NUL (as bash drops it), private marks, half surrogates and carriage returns at line ends.

    Example:
        >>> clean("n\0map\r\n")
        'nmap\n'
    """
    if not command.isascii():
        command = command.encode("utf-8", "replace").decode("utf-8")
    if "\r" in command:
        command = command.replace("\r\n", "\n").rstrip("\r")
    return _PRIVATE.sub("", command)


def body_index(word: str) -> int | None:
    """Which here-document `word` stands for, None for an ordinary word."""
    return ord(word) - _FIRST if len(word) == 1 and _FIRST <= ord(word) <= _LAST else None


def outline(text: str, *, mend: bool = False) -> Outline:
    """`text` (cleaned) made ready for the parser.

    Where `mend` is false and the text has none of the forms that need it, it is passed as it is.

    Example:
        >>> outline("sh <<E\\nid\\nE\\n").bodies[0].text
        'id\\n'
    """
    if not mend and not _NEEDED.search(text):
        return Outline(text, {}, (), (), ())
    if "coproc" in text:
        text = _COPROC.sub(r"\1", text)
    return _Pass(text).run()


class _Pass:
    """The state of one pass: a stack of what is open, and the text put out so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.size = 0
        self.operators: dict[int, str] = {}
        self.bodies: list[Body] = []
        self.waiting: list[tuple[int, str, bool, bool]] = []
        self.stack: list[tuple[str, int]] = []
        self.stray: list[int] = []
        self.open: list[int] = []
        self.length = 0
        self.ends: list[tuple[int, int]] = []

    def run(self) -> Outline:
        at = 0
        text = self.text
        while at < len(text):
            where = self.stack[-1][0] if self.stack else ""
            pattern = _DOUBLE if where == '"' else _ARITHMETIC if where == "((" else _CODE
            match = pattern.search(text, at)
            if match is None:
                self.put(text[at:])
                break
            self.put(text[at : match.start()])
            at = self.token(match, where)
        for index, delimiter, quoted, _ in self.waiting:
            self.bodies[index] = Body("", quoted, delimiter, False)
        self.open += [start for _, start in self.stack]
        done = "".join(self.out)
        if "}" in done:
            done = _DESCRIPTOR.sub(lambda match: " " * len(match.group()), done)
        return Outline(
            done, self.operators, tuple(self.bodies), tuple(sorted(self.open)), tuple(self.stray), tuple(self.ends)
        )

    def put(self, part: str) -> None:
        self.out.append(part)
        self.length += len(part)
        self.size += len(part) if part.isascii() else len(part.encode("utf-8"))

    def token(self, match: re.Match[str], where: str) -> int:
        """Take one token; where the text goes on."""
        token, start, end = match.group(), match.start(), match.end()
        if token == "\\\n":
            return end
        if token in ("<<", "<<-", "<<<", "<>"):
            return self.redirect(token, end)
        if token in ("'", "$'"):
            return self.single(token, start, end)
        if token == "\n":
            self.put(token)
            self.end()
            return self.documents(end)
        if token == "{" and _BRACES.match(self.text, start) and _begins(self.text, start):
            self.put('""')
        self.put(token)
        if token == ";":
            self.end()
        if token in ('"', "`"):
            self.toggle(token, start)
        elif token in ("$(", "("):
            self.stack.append(("(", start))
        elif token in ("$((", "(("):
            closes = self.text.find("))", end, end + _LONGEST_SUM)
            if closes < 0 or (
                ";" in self.text[end:closes] and token == "((" and not self.text[:start].endswith("for ")
            ):
                self.stack += [("(", start), ("(", start + len(token) - 1)]
            else:
                self.stack.append(("((", start))
        elif token == "${":
            self.stack.append(("{", start))
        elif token == ")":
            self.close("(", start)
        elif token == "}" and where == "{":
            self.stack.pop()
        return end

    def end(self) -> None:
        if not self.stack:
            self.ends.append((self.length, self.size))

    def toggle(self, quote: str, start: int) -> None:
        if self.stack and self.stack[-1][0] == quote:
            self.stack.pop()
        elif quote == "`" and any(kind == "`" for kind, _ in self.stack):
            while self.stack[-1][0] != "`":
                self.open.append(self.stack.pop()[1])
            self.stack.pop()
        else:
            self.stack.append((quote, start))

    def close(self, kind: str, start: int) -> None:
        if not self.stack:
            self.stray.append(start)
        elif self.stack[-1][0] == kind:
            self.stack.pop()
        elif self.stack[-1][0] == "((":
            self.stack[-1] = ("(", self.stack[-1][1])
        else:
            self.stray.append(start)

    def single(self, token: str, start: int, end: int) -> int:
        if token == "$'":
            match = _ANSI.match(self.text, end)
            stop = match.end() if match else -1
        else:
            stop = self.text.find("'", end) + 1 or -1
        if stop < 0:
            self.open.append(start)
            self.put(self.text[start:])
            return len(self.text)
        self.put(self.text[start:stop])
        return stop

    def redirect(self, token: str, end: int) -> int:
        if token in ("<<<", "<>"):
            self.operators[self.size] = token
            self.put("< ")
            return end
        match = _DELIMITER.match(self.text, end)
        if match is None or len(self.bodies) > _LAST - _FIRST:
            self.put(token)
            return end
        word = match.group(1)
        delimiter = re.sub(r"['\"]|\\(.)", lambda found: found.group(1) or "", word)
        self.operators[self.size] = token
        self.put("< " + chr(_FIRST + len(self.bodies)))
        self.waiting.append((len(self.bodies), delimiter, delimiter != word, token == "<<-"))
        self.bodies.append(Body("", False, delimiter, False))
        return match.end()

    def documents(self, at: int) -> int:
        """Take the bodies that begin after this line end; where the text goes on."""
        for index, delimiter, quoted, tabs in self.waiting:
            start, lines = at, []
            whole = False
            while at < len(self.text):
                stop = self.text.find("\n", at)
                stop = len(self.text) if stop < 0 else stop
                line = self.text[at:stop].lstrip("\t") if tabs else self.text[at:stop]
                rest = line.removeprefix(delimiter).lstrip()
                if line.rstrip() == delimiter or (line.startswith(delimiter) and self.stack and rest[:1] in (")", "`")):
                    at = min(stop + 1, len(self.text)) if line.rstrip() == delimiter else stop - len(rest)
                    whole = True
                    break
                lines.append(line)
                at = min(stop + 1, len(self.text)) if stop < len(self.text) else stop
            text = "".join(line + "\n" for line in lines) if tabs or whole else self.text[start:at]
            self.bodies[index] = Body(text, quoted, delimiter, whole)
        self.waiting = []
        return at


def _begins(text: str, at: int) -> bool:
    """Whether a command can begin at `at`."""
    before = text[max(0, at - 32) : at].rstrip(" \t")
    return not before or before[-1] in ";&|({\n`" or before.endswith(("do", "then", "else", "&& ", "$("))


_WORDS = re.compile(r"\s*([^\s;&|()<>]+)")
_BEFORE = frozenset(["do", "then", "else", "!", "time"])
_OPENS = frozenset(["for", "while", "until", "if", "case", "select", "{"])
_CLOSES = frozenset(["done", "fi", "esac", "}"])


def parts(whole: Outline, size: int) -> list[Outline]:
    """`whole` in parts of whole statements, each up to about `size` characters where statements allow it.

    Example:
        >>> [part.text for part in parts(outline("id; if a; then b; fi; ls", mend=True), 2)]
        ['id;', ' if a; then b; fi;', ' ls']
    """
    found: list[Outline] = []
    start = last = (0, 0)
    depth = 0
    for end in (*whole.ends, (len(whole.text), len(whole.text.encode("utf-8", "replace")))):
        depth = max(0, depth + _nesting(whole.text[last[0] : end[0]]))
        last = end
        if depth == 0 and (end[0] - start[0] >= size or end[0] == len(whole.text)) and end[0] > start[0]:
            found.append(_part(whole, start, end))
            start = end
    if last[0] > start[0]:
        found.append(_part(whole, start, last))
    return found


def _part(whole: Outline, start: tuple[int, int], end: tuple[int, int]) -> Outline:
    operators = {at - start[1]: name for at, name in whole.operators.items() if start[1] <= at < end[1]}
    return Outline(whole.text[start[0] : end[0]], operators, whole.bodies, (), ())


def _nesting(statement: str) -> int:
    """How many compound commands the words at the start of a statement open, less those they close."""
    depth = 0
    for match in _WORDS.finditer(statement):
        word = match.group(1)
        if word in _OPENS:
            depth += 1
        elif word in _CLOSES:
            depth -= 1
        elif word not in _BEFORE:
            break
    return depth
