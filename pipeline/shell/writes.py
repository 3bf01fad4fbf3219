"""What a command line writes to files, and with what text where that is known."""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.shell.calls import Call, Script
from pipeline.shell.escapes import unescape
from pipeline.shell.options import parse

__all__ = ["Write", "said", "writes"]

_OUT: Final = frozenset({">", ">>", ">|", "&>", "&>>", "<>"})


class Write(NamedTuple):
    """One file written."""

    path: str
    text: str | None
    """What is written, None where it is not known."""
    call: int
    """Index of the call that writes."""
    typed: bool
    """It comes from nowhere in the script: `cat > file`, `tee file` with no input in sight."""


def said(call: Call) -> str | None:
    """What `call` prints, where its words say it: echo, printf, cat of a here-document.

    Example:
        >>> said(Call("echo", ("echo", "-n", "a", "b"))), said(Call("ls", ("ls",)))
        ('a b', None)
    """
    if call.name in ("echo", "printf"):
        words = list(call.argv[1:])
        escapes = call.name == "printf"
        while words and words[0][:1] == "-" and len(words[0]) > 1 and words[0].strip("-neE") == "":
            escapes = "e" in words.pop(0) or escapes
        text = " ".join(words)
        return unescape(text) if escapes else text
    if call.name in ("cat", "tee") and call.stdin is not None:
        return call.stdin
    return None


_asked: tuple[Script, tuple[Write, ...]] = (Script(), ())


def writes(script: Script) -> tuple[Write, ...]:
    """Every file that `script` writes by redirection, tee, cp, mv, install, ln, dd, wget, curl or sed -i.

    Example:
        >>> from pipeline.shell.calls import Redirect
        >>> writes(Script((Call("echo", ("echo", "hi"), redirects=(Redirect(">>", None, "/tmp/a"),)),)))
        (Write(path='/tmp/a', text='hi', call=0, typed=False),)
    """
    global _asked
    asked, out = _asked
    if asked is not script:
        # Each detector asks in turn for the same script.
        out = tuple(_writes(script))
        _asked = (script, out)
    return out


def _writes(script: Script) -> list[Write]:
    out: list[Write] = []
    for at, call in enumerate(script.calls):
        if not call.redirects and call.name not in _READERS:
            continue
        for redirect in call.redirects:
            if redirect.op in _OUT and redirect.fd in (None, 1) and redirect.target not in ("/dev/null", ""):
                text = said(call)
                typed = call.name == "cat" and text is None and call.pipe_in is None and _operands(call) == 0
                out.append(Write(redirect.target, text, at, typed))
        reader = _READERS.get(call.name)
        if reader is not None:
            typed = call.name == "tee" and call.stdin is None and call.pipe_in is None
            typed = typed and "process substitution" not in call.via and all(r.op != "<" for r in call.redirects)
            out.extend(
                Write(path, call.stdin if call.name == "tee" else None, at, typed) for path in reader(call) if path
            )
    return out


def _operands(call: Call) -> int:
    return sum(1 for word in call.argv[1:] if word[:1] != "-") + sum(1 for r in call.redirects if r.op == "<")


def _tee(call: Call) -> list[str]:
    return parse(call.argv[1:]).operands


def _last(call: Call) -> list[str]:
    options = parse(call.argv[1:], "tSmog", {"target-directory", "mode", "owner", "group"})
    if options.has("t", "target-directory"):
        folder = options.first("t", "target-directory").rstrip("/")
        return [f"{folder}/{operand.rpartition('/')[2]}" for operand in options.operands]
    return options.operands[-1:] if len(options.operands) > 1 else []


def _dd(call: Call) -> list[str]:
    return [word[3:] for word in call.argv[1:] if word.startswith("of=")]


def _wget(call: Call) -> list[str]:
    return [v for v in parse(call.argv[1:], "OPoUTtQiaBD", {"output-document"}).all("O", "output-document") if v != "-"]


def _curl(call: Call) -> list[str]:
    return [v for v in parse(call.argv[1:], "oXHdFuAemxbcTrwKE", {"output"}).all("o", "output") if v != "-"]


def _sed(call: Call) -> list[str]:
    options = parse(call.argv[1:], "ef")
    if not options.has("i", "in-place"):
        return []
    return options.operands if options.has("e", "f") else options.operands[1:]


_READERS: Final = {
    "tee": _tee,
    "cp": _last,
    "mv": _last,
    "install": _last,
    "ln": _last,
    "dd": _dd,
    "wget": _wget,
    "curl": _curl,
    "sed": _sed,
}
