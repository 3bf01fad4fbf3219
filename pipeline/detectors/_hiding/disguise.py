"""Disguise: encoded, renamed and hidden programs."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._hiding.table import Reader
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import names
from pipeline.shell.places import base, hidden, plain, scratch, system
from pipeline.shell.python_code import read_python

__all__ = ["PATH", "RUNNERS", "fed", "python", "renamed", "through"]

_SHELLS: Final = names("sh bash dash ash zsh ksh")
RUNNERS: Final = _SHELLS | names("python python2 python3 perl ruby php node eval source .")
_DECODERS: Final = names("base64 base32 xxd openssl uudecode gpg rev basenc")
PATH: Final = re.compile(r"[\w.+@%:~ -]*/(?:[\w.+@%:~ -]+/)*[\w.+@%:~-]+")
_ENCODED: Final = frozenset(("base64", "base32", "hex", "rot13", "rev", "tr", "printf", "echo -e"))
_PROGRAM_TEXT: Final = frozenset(
    (
        "sh -c",
        "sh stdin",
        "sh script",
        "script",
        "eval",
        "source",
        "python -c",
        "python stdin",
        "python script",
        "perl -e",
        "crontab",
    )
)
_ODD: Final = frozenset(("ansi-c", "glob", "brace", "quotes"))
_WORTH_HIDING: Final = _SHELLS | frozenset(
    (
        "curl",
        "wget",
        "nc",
        "ncat",
        "netcat",
        "ssh",
        "socat",
        "nmap",
        "python",
        "python3",
        "perl",
        "cat",
        "chmod",
        "base64",
        "whoami",
        "id",
    )
)


def through(notes: Notes, call: Call) -> None:
    """How the words of the call were written."""
    for place, way in enumerate(call.via):
        if way in _ENCODED:
            if any(later in _PROGRAM_TEXT for later in call.via[place + 1 :]):
                notes.add("encoded_run", words=f"runs {plain(call.name)}, spelled in {way}")
            elif way in ("base64", "base32", "hex", "rot13"):
                notes.add("encoded")
        elif way == "ifs":
            notes.add("obscured", 3.4, words=f"runs {plain(call.name)} with IFS for blanks")
        elif way in _ODD and call.name in _WORTH_HIDING:
            notes.add("obscured", words=f"spells {plain(call.name)} so that it is hard to read")


def fed(notes: Notes, script: Script, call: Call) -> None:
    """A program is run from what a decoder prints."""
    source, hops = call.pipe_in, 0
    while source is not None and 0 <= source < len(script.calls) and hops < 6:
        feeder = script.calls[source]
        if feeder.name in _DECODERS and _decodes(feeder):
            notes.add("encoded_run", words=f"runs what {feeder.name} decodes")
            return
        if feeder.name in ("echo", "printf") and any("\\x" in w or "\\0" in w for w in feeder.argv[1:]):
            notes.add("encoded_run", words="runs a program spelled in numbers")
            return
        if feeder.name not in ("gunzip", "zcat", "tr", "rev", "cat", "sed", "bzip2", "xz", "tee", "gzip"):
            return
        if feeder.name == "rev":
            notes.add("encoded_run", words="runs a program spelled backwards")
            return
        source, hops = feeder.pipe_in, hops + 1


def _decodes(call: Call) -> bool:
    words = call.argv[1:]
    if call.name in ("base64", "base32", "basenc"):
        return any(w in ("-d", "-D", "--decode", "-di", "-id") or re.fullmatch(r"-[a-z]*[dD][a-z]*", w) for w in words)
    if call.name == "xxd":
        return any("r" in w for w in words if w[:1] == "-")
    if call.name == "openssl":
        return "-d" in words
    return True


def _decode(notes: Notes, script: Script, at: int, call: Call) -> None:
    if call.name in ("base64", "base32") and _decodes(call):
        notes.add("encoded")


def renamed(notes: Notes, call: Call, path: str) -> None:
    sources = [w for w in call.argv[1:-1] if w[:1] != "-"]
    target = base(path)
    for source in sources:
        name = base(source)
        if name == "sshd" and target != name:
            words = f"gives sshd the name {plain(target)}, under which it asks no password"
            notes.add("renamed", 5.6, "T1556.003", words)
        elif system(source) and (scratch(path) or hidden(path)) and name in _TOOLS and target != name:
            notes.add("renamed", words=f"gives {plain(name)} the name {plain(path)}")
        elif (
            (scratch(source) or source.startswith("./") or "/" not in source)
            and target != name
            and _SERVICE_LIKE.fullmatch(target)
            and "." not in name
        ):
            notes.add("renamed", words=f"gives {plain(name)} the name {plain(target)}")


_TOOLS: Final = names("bash sh dash busybox curl wget nc ncat ssh python3 python perl socat nmap echo")
_SERVICE_LIKE: Final = re.compile(
    r"\[?(?:kworker|kthreadd?|ksoftirqd|kswapd0?|migration|rcu_\w+|systemd(?:-\w+)?|sshd|crond?|dbus-daemon|httpd|nginx|init|watchdogd?|kdevtmpfs\w*|bioset|khugepaged|irqbalance|rsyslogd|python3?|java|node|apache2)(?:[/:]\S*)?\]?"
)


def _exec(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = call.argv[1:]
    if "-a" in words[:-1]:
        name = words[words.index("-a") + 1]
        notes.add(
            "renamed",
            4.6 if _SERVICE_LIKE.fullmatch(name) else None,
            words=f"runs a program under the name {plain(name)}",
        )


def _mkdir(notes: Notes, script: Script, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        if (
            word[:1] != "-"
            and hidden(word)
            and (scratch(word) or word.startswith(("/dev", "/usr", "/var", "/lib", "/etc")))
        ):
            notes.add("hidden_place", words=f"makes the hidden folder {plain(word)}")


def _cd(notes: Notes, script: Script, at: int, call: Call) -> None:
    if len(call.argv) == 2 and hidden(call.argv[1]) and not call.remote:
        notes.add("hidden_place", 1.6, words=f"goes into the hidden folder {plain(call.argv[1])}")


def _mount(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = call.argv[1:]
    if any(w in ("-o", "--bind", "-obind") or "bind" in w for w in words) and any(
        re.match(r"/proc/(?:\d+|\$)", w) for w in words
    ):
        notes.add("process", words="covers a process in /proc with another folder")


def _chattr(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(w.startswith("+") and ("i" in w or "a" in w) for w in call.argv[1:]):
        notes.add("immutable")


def _shell(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(hidden(w) and scratch(w) for w in call.argv[1:2]):
        notes.add("hidden_run", words=f"runs {plain(call.argv[1])}, which is hidden")


def _hider(notes: Notes, script: Script, at: int, call: Call) -> None:
    notes.add("process", words=f"hides a process by {plain(call.name)}")


def _insmod(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(re.search(r"(?i)diamorphine|reptile|suterusu|rootkit|hide", w) for w in call.argv[1:]):
        notes.add("process", words="loads a module that hides processes")


def python(notes: Notes, source: str) -> None:
    if "exec" not in source and "eval" not in source and "setproctitle" not in source:
        return
    if re.search(r"exec\s*\(?\s*(?:base64\.)?b64decode|exec\s*\(?\s*zlib\.decompress", source):
        notes.add("encoded_run", words="runs an encoded Python program")
    program = read_python(source)
    if program is None:
        return
    runs = program.called("exec", "eval", "compile")
    if runs and program.called("b64decode", "decompress", "fromhex", "a85decode", "b32decode", "unhexlify"):
        notes.add("encoded_run", words="runs an encoded Python program")
    if program.called("setproctitle"):
        notes.add("renamed", words="runs under another name")


READERS: Final[dict[str, Reader]] = {
    "exec": _exec,
    "mkdir": _mkdir,
    "cd": _cd,
    "mount": _mount,
    "chattr": _chattr,
    **dict.fromkeys(
        ("xhide", "libprocesshider", "hideproc", "mig-logcleaner", "logcleaner", "wipe-logs", "0x333shadow"), _hider
    ),
    "insmod": _insmod,
    **dict.fromkeys(("base64", "base32"), _decode),
    **dict.fromkeys(_SHELLS, _shell),
}
