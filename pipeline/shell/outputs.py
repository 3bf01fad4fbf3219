"""What commands print, where that follows from the command line alone: echo, printf, base64 -d, rev, tr, seq ..."""

from __future__ import annotations

import base64
import binascii
import codecs
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from pipeline.shell.escapes import unescape
from pipeline.shell.scope import Scope
from pipeline.shell.values import Text, join_via

__all__ = ["printed", "sequence"]

_LONGEST = 65_536
_LINES = 512
_FORMAT = re.compile(r"%(?:%|[-+ #0]*(\*|\d+)?(?:\.(\d+))?([sbdiouxXcq]))")

Printer = Callable[[Sequence[str], Text | None, Scope], Text | None]


def printed(name: str, argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    """What the command prints, None where that is not known.

    Example:
        >>> printed("base64", ["base64", "-d"], Text("aWQ="), Scope())
        Text(text='id', via=('base64',))
    """
    printer = _PRINTERS.get(name)
    if printer is None:
        return Text("") if name in _SILENT else None
    result = printer(argv, stdin, scope)
    return result if result is None or len(result.text) <= _LONGEST else None


def sequence(argv: Sequence[str]) -> range | None:
    """The numbers that ``seq`` prints.

    Example:
        >>> sequence(["seq", "2", "2", "8"])
        range(2, 9, 2)
    """
    numbers = [word for word in argv[1:] if re.fullmatch(r"-?\d{1,9}", word)]
    others = [word for word in argv[1:] if word not in numbers]
    if not 1 <= len(numbers) <= 3 or any(not word.startswith("-") for word in others if word not in (" ", ",", "")):
        return None
    first, step, last = 1, 1, int(numbers[-1])
    if len(numbers) > 1:
        first = int(numbers[0])
    if len(numbers) == 3:
        step = int(numbers[1])
    return range(first, last + (1 if step > 0 else -1), step) if step else None


def _echo(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    at, escapes, end = 1, False, "\n"
    while at < len(argv) and re.fullmatch(r"-[neE]+", argv[at]):
        for letter in argv[at][1:]:
            escapes = letter == "e" if letter in "eE" else escapes
            end = "" if letter == "n" else end
        at += 1
    text = " ".join(argv[at:])
    if not escapes:
        return Text(text + end)
    text, stop, _ = text.partition("\\c")
    plain = unescape(text)
    return Text(plain + ("" if stop else end), ("echo -e",) if plain != text and re.search(r"\\[x0]", text) else ())


def _printf(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    rest = list(argv[1:])
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest or rest[0] == "-v":
        return Text("") if rest else None
    template, values = unescape(rest[0]), rest[1:]
    out: list[str] = []
    size = 0
    holes = sum(match.group(3) is not None for match in _FORMAT.finditer(template))
    while size <= _LONGEST:
        part = _filled(template, iter(values))
        out.append(part)
        size += len(part) + 1
        values = values[holes:]
        if not values or not holes:
            break
    via = ("printf",) if re.search(r"\\[x0-7]", rest[0]) or "%b" in rest[0] else ()
    return Text("".join(out), via)


def _filled(template: str, values: Iterator[str]) -> str:
    def put(match: re.Match[str]) -> str:
        kind = match.group(3)
        return "%" if kind is None else _formatted(kind, match.group(1), match.group(2), next(values, ""))

    return _FORMAT.sub(put, template)


def _formatted(kind: str, width: str | None, precision: str | None, value: str) -> str:
    if kind == "b":
        value = unescape(value)
    elif kind == "c":
        value = value[:1]
    elif kind in "diouxX":
        number = int(value) if re.fullmatch(r"-?\d{1,15}", value) else 0
        value = format(number, {"i": "d", "u": "d"}.get(kind, kind))
    if precision and kind in "sb":
        value = value[: int(precision[:4])]
    return value.rjust(min(int(width[:4]), 1_000)) if width and width != "*" else value


def _cat(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    files = [word for word in argv[1:] if not word.startswith("-") or word == "-"]
    if not files:
        return stdin
    parts = [stdin if file in ("-", "/dev/stdin") else scope.read(file) for file in files]
    texts = [part for part in parts if part is not None]
    if len(texts) < len(parts):
        return None
    return Text("".join(text.text for text in texts), join_via(*(text.via for text in texts)))


def _operand(argv: Sequence[str], stdin: Text | None, scope: Scope, values: str = "") -> Text | None:
    """The text of the one file named, else what is read."""
    at = 1
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "-":
        at += 2 if argv[at][-1:] in values and len(argv[at]) == 2 else 1
    if at < len(argv) and argv[at] != "-":
        return scope.read(argv[at])
    return stdin


def _decoded(data: bytes, via: str, before: Text) -> Text:
    return Text(data.decode("utf-8", "replace"), join_via(before.via, (via,)))


def _base64(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    text = _operand(argv, stdin, scope, "w")
    if text is None:
        return None
    if not any(re.fullmatch(r"-[A-Za-z]*[dD][A-Za-z]*|--decode", word) for word in argv[1:]):
        wide = "".join(base64.b64encode(text.text.encode("utf-8", "replace")).decode())
        return Text(wide + "\n", text.via)
    return _from_base64(text)


def _from_base64(text: Text) -> Text | None:
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text.text.partition("=")[0])
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return None
    return _decoded(data, "base64", text)


def _base32(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    text = _operand(argv, stdin, scope, "w")
    if text is None or not any(word in ("-d", "--decode", "-D") for word in argv[1:]):
        return None
    letters = re.sub(r"[^A-Z2-7]", "", text.text)
    try:
        return _decoded(base64.b32decode(letters + "=" * (-len(letters) % 8)), "base32", text)
    except (binascii.Error, ValueError):
        return None


def _openssl(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    words = set(argv[1:])
    if "-d" not in words or not ({"base64", "-base64", "-a"} & words) or "-k" in words or "-pass" in words:
        return None
    if any(word.startswith("-aes") for word in words):
        return None
    named = [argv[at + 1] for at, word in enumerate(argv[:-1]) if word == "-in"]
    text = scope.read(named[0]) if named else stdin
    return _from_base64(text) if text is not None else None


def _xxd(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    options = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    text = _operand(argv, stdin, scope, "cgls")
    if text is None or "r" not in options:
        return None
    digits = re.sub(r"[^0-9A-Fa-f]", "", text.text.replace("\\x", "").replace("0x", ""))
    if "p" not in options:
        lines = re.findall(r"^[0-9A-Fa-f]+:\s*((?:[0-9A-Fa-f]{2,4} ?)+)", text.text, re.MULTILINE)
        digits = re.sub(r"\s", "", "".join(lines))
    return _decoded(bytes.fromhex(digits[: len(digits) // 2 * 2]), "hex", text)


def _rev(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    text = _operand(argv, stdin, scope)
    if text is None:
        return None
    lines = [line[::-1] for line in text.text.split("\n")]
    return Text("\n".join(lines), join_via(text.via, ("rev",)))


def _tac(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    text = _operand(argv, stdin, scope)
    if text is None:
        return None
    return Text("\n".join(text.text.splitlines()[::-1]) + "\n", text.via)


def _letters(text: str) -> str:
    for name, value in (("upper", "A-Z"), ("lower", "a-z"), ("digit", "0-9"), ("space", " \t\n"), ("alpha", "A-Za-z")):
        text = text.replace(f"[:{name}:]", value)
    text = unescape(text)
    return re.sub(
        r"(.)-(.)",
        lambda match: "".join(map(chr, range(ord(match[1]), min(ord(match[2]), ord(match[1]) + 255) + 1))),
        text[:512],
        flags=re.DOTALL,
    )


def _tr(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    if stdin is None:
        return None
    options = "".join(word[1:] for word in argv[1:] if re.fullmatch(r"-[cCdst]+", word))
    sets = [_letters(word) for word in argv[1:] if not re.fullmatch(r"-[cCdst]+", word)]
    if "c" in options.lower() or not sets:
        return None
    if "d" in options:
        return Text(stdin.text.translate(dict.fromkeys(map(ord, sets[0]))), join_via(stdin.via, ("tr",)))
    if len(sets) < 2:
        return stdin
    if not sets[1]:
        return None
    target = sets[1].ljust(len(sets[0]), sets[1][-1])
    table = {ord(old): new for old, new in reversed(list(zip(sets[0], target, strict=False)))}
    return Text(stdin.text.translate(table), join_via(stdin.via, ("tr",)))


def _seq(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    numbers = sequence(argv)
    if numbers is None:
        return None
    width = max(len(str(numbers[0])), len(str(numbers[-1]))) if "-w" in argv and numbers else 0
    return Text("".join(f"{str(number).zfill(width)}\n" for number in numbers[:_LINES]))


def _head(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    text = _operand(argv, stdin, scope, "nc")
    if text is None:
        return None
    options = "".join(argv[1:])
    match = re.match(r"-(?:n|-lines=)?(\d{1,6})", options)
    count = re.match(r"-c(\d{1,6})", options)
    if count:
        size = int(count.group(1))
        return Text(text.text[:size] if posixpath.basename(argv[0]) == "head" else text.text[-size:], text.via)
    size = int(match.group(1)) if match else 10
    lines = text.text.splitlines(keepends=True)
    kept = lines[:size] if posixpath.basename(argv[0]) == "head" else lines[-size:] if size else []
    return Text("".join(kept), text.via)


def _cut(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    options = " ".join(argv[1:])
    match = re.fullmatch(r"-c ?(\d{1,4})?(-)?(\d{1,4})?", options)
    if stdin is None or match is None:
        return None
    first = int(match.group(1) or 1)
    last = int(match.group(3)) if match.group(3) else None if match.group(2) else first
    lines = [line[max(0, first - 1) : last] for line in stdin.text.splitlines()]
    return Text("\n".join(lines) + "\n", join_via(stdin.via, ("cut",)))


def _sed(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    """``s/old/new/g`` with plain text on both sides."""
    scripts = [word for word in argv[1:] if word not in ("-e", "-E", "-r", "-n")]
    if stdin is None or len(scripts) != 1 or "-n" in argv or len(scripts[0]) < 4 or scripts[0][0] != "s":
        return None
    parts = scripts[0][1:].split(scripts[0][1])
    if len(parts) != 4 or re.search(r"[\\*.\[\]^$+?(){}]", parts[1]) or re.search(r"[\\&]", parts[2]) or not parts[1]:
        return None
    if parts[3] not in ("", "g"):
        return None
    lines = [line.replace(parts[1], parts[2], -1 if parts[3] else 1) for line in stdin.text.split("\n")]
    return Text("\n".join(lines), join_via(stdin.via, ("sed",)))


def _basename(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    words = [word for word in argv[1:] if not word.startswith("-")]
    return Text(posixpath.basename(words[0]) + "\n") if len(words) == 1 and "$" not in words[0] else None


def _crontab(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    """``crontab -l`` counts as empty: what a line adds to it is what matters."""
    return Text("")


def _pass(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    return stdin


def _rot13(argv: Sequence[str], stdin: Text | None, scope: Scope) -> Text | None:
    return Text(codecs.encode(stdin.text, "rot13"), join_via(stdin.via, ("rot13",))) if stdin is not None else None


_PRINTERS: dict[str, Printer] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "base64": _base64,
    "gbase64": _base64,
    "base32": _base32,
    "openssl": _openssl,
    "xxd": _xxd,
    "rev": _rev,
    "tac": _tac,
    "tr": _tr,
    "seq": _seq,
    "head": _head,
    "tail": _head,
    "cut": _cut,
    "sed": _sed,
    "tee": _pass,
    "pv": _pass,
    "basename": _basename,
    "crontab": _crontab,
    "rot13": _rot13,
}
_SILENT = frozenset(
    ["", ":", "true", "false", "cd", "export", "unset", "set", "shopt", "alias", "sleep", "wait", "trap", "local",
     "declare", "readonly", "mkdir", "rm", "touch", "chmod", "chown", "cp", "mv", "read", "shift", "umask", "ulimit"]
)  # fmt: skip
