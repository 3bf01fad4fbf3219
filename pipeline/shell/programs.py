"""Program text inside a command: ``sh -c``, eval, a shell that reads a pipe, ssh, crontab, ``python -c`` ...

Where `wrappers` finds words that are a command, this finds text that a shell or another language will read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from pipeline.shell.scope import Scope
from pipeline.shell.values import Field, Text, join_via
from pipeline.shell.wrappers import Wrapper, command_at, skip_options

__all__ = ["GIVEN_PROGRAMS", "LANGUAGE_STARTS", "SHELLS", "Program", "language_of", "programs_of", "script_text"]

SHELLS = frozenset(["sh", "bash", "zsh", "dash", "ksh", "ash", "mksh", "rbash", "fish", "csh", "tcsh", "hush", "pdksh"])

_SUBSTITUTED = "${_}"
_SSH = Wrapper("BbcDEeFIiJLlmOopQRSWw", "", 1)
_LANGUAGES = {
    "perl": ("eE", "perl"), "ruby": ("e", "ruby"), "node": ("ep", "node"), "nodejs": ("ep", "node"),
    "php": ("r", "php"), "lua": ("e", "lua"), "luajit": ("e", "lua"), "deno": ("", "node"), "bun": ("e", "node"),
}  # fmt: skip
_VERSIONED = re.compile(r"(python|perl|ruby|php|lua|pypy|node)(?:\d[\d.]*)?[mw]?\Z")
LANGUAGE_STARTS = frozenset(
    [name[:3] for name in (*_LANGUAGES, "python", "perl", "ruby", "php", "lua", "pypy", "node")]
)
"""The first letters of interpreters."""
_CRON_LINE = re.compile(r"\s*(?:@\w+|(?:[\d*,/A-Za-z-]+[ \t]+){4}[\d*,/A-Za-z-]+)[ \t]+(\S.*)")
_KEYS = re.compile(r"(?:C-\w|M-\w|Enter|KPEnter|Space|Escape|Tab|BSpace|Up|Down)\Z")


class Program(NamedTuple):
    """A text that will be read as a program."""

    text: Text
    via: str
    language: str = "sh"
    remote: bool = False
    positional: tuple[str, ...] | None = None
    zero: str = ""
    """What ``$0`` is, where that is given."""
    same_shell: bool = False
    """It runs in the shell that reads the command: what it sets stays set."""
    feeder: int | None = None
    """The last call of a substitution that makes up part of the text."""


def language_of(name: str) -> str | None:
    """The language that an interpreter of this name reads; None for a shell or anything else.

    Example:
        >>> language_of("python3.11"), language_of("bash")
        ('python', None)
    """
    match = _VERSIONED.match(name) if name[:3] in LANGUAGE_STARTS else None
    if match is None:
        return _LANGUAGES[name][1] if name in _LANGUAGES else None
    return "python" if match.group(1) in ("python", "pypy") else match.group(1)


def programs_of(name: str, words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    """The programs that a command is given to run.

    Example:
        >>> programs_of("sh", [Field("sh"), Field("-xc"), Field("id")], None, Scope())[0].text.text
        'id'
    """
    if name in SHELLS:
        return _shell(words, stdin, scope)
    language = language_of(name)
    if language is not None:
        return _interpreter(name, language, words, stdin, scope)
    reader = _READERS.get(name)
    if reader is not None:
        return reader(words, stdin, scope)
    if "/" in words[0].text and name not in SHELLS:
        return _file(words[0].text, tuple(word.text for word in words[1:]), "script", scope)
    return []


def script_text(text: str) -> bool:
    """Whether a text can be a shell script at all, not the bytes of a program.

    Example:
        >>> script_text("id"), script_text("\\x7fELF")
        (True, False)
    """
    head = text[:512]
    strange = sum(char == "\ufffd" or (char < " " and char not in "\t\n\r\x1b") for char in head)
    return not text.startswith("\x7fELF") and strange * 10 <= len(head)


def _program(word: Field, via: str, language: str = "sh", *, same_shell: bool = False) -> list[Program]:
    """The program in one word; nothing where the word is all substitution."""
    text = word.again()
    if not text.strip() or text.strip() == _SUBSTITUTED:
        return []
    return [Program(Text(text, word.via), via, language, same_shell=same_shell, feeder=word.feeder)]


def _joined(words: list[Field], via: str, *, remote: bool = False, same_shell: bool = False) -> list[Program]:
    text = " ".join(word.again() for word in words)
    if not text.strip() or text.strip() == _SUBSTITUTED:
        return []
    passed = join_via(*(word.via for word in words))
    feeder = next((word.feeder for word in words if word.feeder is not None), None)
    return [Program(Text(text, passed), via, remote=remote, same_shell=same_shell, feeder=feeder)]


def _file(path: str, arguments: tuple[str, ...], via: str, scope: Scope) -> list[Program]:
    """The script in a file that the command line itself wrote."""
    text = scope.read(path)
    if text is None or not script_text(text.text):
        return []
    first = text.text.partition("\n")[0]
    words = first[2:].replace("/env ", "/").split() if first.startswith("#!") else []
    language = language_of(posixpath.basename(words[0])) if words else None
    return [Program(text, via, language or "sh", positional=arguments)]


def _shell(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    at = 1
    while at < len(words):
        word = words[at].text
        if word in ("-o", "+o", "-O", "+O", "--rcfile", "--init-file"):
            at += 2
        elif word == "--":
            at += 1
            break
        elif word.startswith("-") and not word.startswith("--") and "c" in word[1:]:
            at = skip_options(words, at + 1, Wrapper("oO")) or at + 1
            if at >= len(words):
                return []
            rest = tuple(field.text for field in words[at + 2 :])
            zero = words[at + 1].text if at + 1 < len(words) else ""
            return [found._replace(positional=rest or None, zero=zero) for found in _program(words[at], "sh -c")]
        elif word.startswith("-") and "s" in word[1:] and not word.startswith("--"):
            if stdin is None or not script_text(stdin.text):
                return []
            rest = tuple(field.text for field in words[at + 1 :] if field.text != "--")
            return [Program(stdin, "sh stdin", positional=rest or None)]
        elif word.startswith(("-", "+")) and len(word) > 1:
            at += 1
        else:
            break
    if at < len(words) and words[at].text not in ("-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"):
        return _file(words[at].text, tuple(word.text for word in words[at + 1 :]), "sh script", scope)
    if stdin is None or not script_text(stdin.text) or stdin.text.strip() == _SUBSTITUTED:
        return []
    return [Program(stdin, "sh stdin")]


def _interpreter(name: str, language: str, words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    letters = "c" if language == "python" else next((ls for ls, lang in _LANGUAGES.values() if lang == language), "e")
    found: list[Program] = []
    at = 1
    while at < len(words):
        word = words[at].text
        if word in ("--eval", "--print", "--run") and at + 1 < len(words):
            return _program(words[at + 1], f"{name} {word}", language=language)
        if word.startswith("--eval="):
            return [Program(Text(word[7:]), f"{name} --eval", language)]
        if word == "-m" and language == "python":
            return []
        if word.startswith("-") and not word.startswith("--") and len(word) > 1:
            place = next((place for place, letter in enumerate(word) if place and letter in letters), None)
            if place is not None and place == len(word) - 1 and at + 1 < len(words):
                found += _program(words[at + 1], f"{language} -{word[place]}", language=language)
                at += 2
                if language == "python":
                    return found
                continue
            if place is not None and language == "python":
                return [Program(Text(word[place + 1 :], words[at].via), "python -c", language)]
            at += 2 if language == "python" and word in ("-W", "-X", "-Q") else 1
        elif word.startswith("--"):
            at += 1
        else:
            break
    if found:
        return found
    if at < len(words) and words[at].text not in ("-", "/dev/stdin"):
        return [
            program._replace(language=language) for program in _file(words[at].text, (), f"{language} script", scope)
        ]
    return [Program(stdin, f"{language} stdin", language)] if stdin is not None and stdin.text.strip() else []


def _eval(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    return _joined(words[1:], "eval", same_shell=True)


def _source(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    if len(words) < 2:
        return []
    path = words[1].text
    if path in ("/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"):
        return [Program(stdin, "source", same_shell=True)] if stdin is not None else []
    arguments = tuple(word.text for word in words[2:]) or scope.positional
    found = _file(path, (), "source", scope)
    return [program._replace(positional=arguments, language="sh", same_shell=True) for program in found]


def _trap(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    words = [word for word in words[1:] if word.text not in ("-p", "-l", "--")]
    return _program(words[0], "trap", same_shell=True) if len(words) > 1 and words[0].text != "-" else []


def _ssh(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    found: list[Program] = []
    for at, word in enumerate(words[1:], 1):
        option = word.text.removeprefix("-o") if word.text.startswith("-o") and len(word.text) > 2 else word.text
        previous = words[at - 1].text
        if (previous.startswith("-") and previous.endswith("o")) or word.text.startswith("-o"):
            key, _, value = option.strip().replace("=", " ", 1).partition(" ")
            if key.lower() in ("proxycommand", "localcommand", "knownhostscommand") and value.strip() != "none":
                found.append(Program(Text(value.strip(' "'), word.via), f"ssh -o {key}"))
    options = _SSH._replace(short=_SSH.short + "M") if words[0].text.endswith("autossh") else _SSH
    host = skip_options(words, 1, options)
    if host is None or host >= len(words):
        return found
    rest = skip_options(words, host + 1, options) or host + 1
    if rest < len(words):
        return found + _joined(words[rest:], "ssh", remote=True)
    if stdin is not None and script_text(stdin.text):
        found.append(Program(stdin, "ssh", remote=True))
    return found


def _su(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    for at, word in enumerate(words[1:], 1):
        if word.text in ("-c", "--command", "-lc") and at + 1 < len(words):
            return _program(words[at + 1], posixpath.basename(words[0].text))
        if word.text.startswith("--command="):
            return [Program(Text(word.text[10:], word.via), posixpath.basename(words[0].text))]
    return [Program(stdin, "su")] if stdin is not None and script_text(stdin.text) and words[0].text == "su" else []


def _option_c(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    """``script -qc '..'``, ``flock file -c '..'``, ``expect``-like options."""
    for at, word in enumerate(words[1:], 1):
        letters = word.text[1:] if word.text.startswith("-") and not word.text.startswith("--") else ""
        if (letters.endswith("c") or word.text == "--command") and at + 1 < len(words):
            return _program(words[at + 1], posixpath.basename(words[0].text))
    return []


def _watch(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    at = skip_options(words, 1, Wrapper("nq", "--interval --equexit"))
    return _joined(words[at:], "watch") if at is not None else []


def _all_text(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    """hyperfine and its kin: each word is a command line."""
    at = skip_options(words, 1, Wrapper("wrmMpscnN", "--warmup --runs --prepare --setup --cleanup --export-json"))
    return [found for word in words[at or 1 :] for found in _program(word, posixpath.basename(words[0].text))]


def _shell_words(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    at = command_at(words, Wrapper("sHP", verb=("shell",)))
    return _joined(words[at:], "adb shell", remote=True) if at is not None else []


def _at(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    files = [words[at + 1].text for at, word in enumerate(words[:-1]) if word.text == "-f"]
    if files:
        return _file(files[0], (), "at", scope)
    return [Program(stdin, "at")] if stdin is not None and script_text(stdin.text) else []


def cron_commands(text: str, *, user: bool) -> str:
    r"""The commands of a crontab, one a line; with `user`, the word after the times is left out.

    Example:
        >>> cron_commands("# daily\n*/5 * * * * root curl h", user=True)
        'curl h\n'
    """
    found = []
    for line in text.splitlines():
        match = _CRON_LINE.match(line)
        if match and not line.lstrip().startswith("#"):
            command = match.group(1)
            if user and len(command.split(None, 1)) == 2 and re.match(r"[a-z_][\w-]*\s", command):
                command = command.split(None, 1)[1]
            found.append(command + "\n")
    return "".join(found)


def _crontab(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    at = skip_options(words, 1, Wrapper("u", stops="lre"))
    if at is None:
        return []
    text = scope.read(words[at].text) if at < len(words) and words[at].text not in ("-", "/dev/stdin") else stdin
    commands = cron_commands(text.text, user=False) if text is not None else ""
    return [Program(Text(commands, text.via), "crontab")] if text is not None and commands else []


def _tmux(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    verbs = ("new", "new-session", "neww", "new-window", "splitw", "split-window", "respawn-pane", "run-shell", "run")
    at = next((place for place, word in enumerate(words) if place and word.text in (*verbs, "send-keys", "send")), None)
    if at is None:
        return []
    verb = words[at].text
    start = skip_options(words, at + 1, Wrapper("nstcxyeFNp"))
    rest = words[start:] if start is not None else []
    if verb in ("send-keys", "send"):
        rest = [word for word in rest if not _KEYS.match(word.text)]
    return _joined(rest, "tmux")


def _screen(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    texts = [word.text for word in words]
    if "-X" in texts:
        at = texts.index("-X") + 1
        if at + 1 < len(words) and texts[at] in ("stuff", "exec"):
            return [Program(Text(texts[-1].replace("\\n", "\n").replace("^M", "\n"), words[-1].via), "screen")]
        return []
    start = skip_options(words, 1, Wrapper("SthcTepsre", stops="rxl"))
    return _joined(words[start:], "screen") if start is not None else []


def _tar(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    found: list[Program] = []
    for word in words[1:]:
        for option in ("--checkpoint-action=exec=", "--to-command=", "--use-compress-program="):
            if word.text.startswith(option):
                found.append(Program(Text(word.text[len(option) :], word.via), "tar"))
    return found


def _git(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    found: list[Program] = []
    for before, word in pairwise(words[1:]):
        key, _, value = word.text.partition("=")
        if before.text == "-c" and key.lower() == "core.sshcommand":
            found.append(Program(Text(value, word.via), "git -c"))
        elif before.text == "-c" and value.startswith("!"):
            found.append(Program(Text(value[1:], word.via), "git -c"))
    texts = [word.text for word in words]
    if texts[1:4] == ["bisect", "run"] or (len(texts) > 3 and texts[1:3] == ["submodule", "foreach"]):
        found += _joined(words[3:], "git " + texts[1])
    return found


def _rsync(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    for at, word in enumerate(words[1:], 1):
        if word.text in ("-e", "--rsh") and at + 1 < len(words):
            return _program(words[at + 1], "rsync -e")
        if word.text.startswith("--rsh="):
            return [Program(Text(word.text[6:], word.via), "rsync -e")]
    return []


def _socat(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    found: list[Program] = []
    for word in words[1:]:
        kind, colon, rest = word.text.partition(":")
        if colon and kind.lower() in ("exec", "system", "shell"):
            found.append(Program(Text(rest.split(",", 1)[0].strip("'\""), word.via), "socat"))
    return found


def _netcat(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    for at, word in enumerate(words[1:], 1):
        letters = word.text[1:] if word.text.startswith("-") and not word.text.startswith("--") else ""
        if (letters[-1:] in ("e", "c") or word.text in ("--exec", "--sh-exec")) and at + 1 < len(words):
            return _program(words[at + 1], "nc -e")
    return []


def _env_split(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    for at, word in enumerate(words[1:], 1):
        if word.text in ("-S", "--split-string", "-vS", "-iS") and at + 1 < len(words):
            return _joined(words[at + 1 :], "env")
        if word.text.startswith("--split-string="):
            return _joined([Field(word.text[15:]), *words[at + 1 :]], "env")
    return []


def _awk(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    at = skip_options(words, 1, Wrapper("Ffve", "--file --assign --field-separator"))
    if at is None or at >= len(words) or any(word.text.startswith("-f") for word in words[1:at]):
        return []
    return [Program(Text(words[at].text, words[at].via), "awk", "awk")]


def _make(words: list[Field], stdin: Text | None, scope: Scope) -> list[Program]:
    return [Program(Text(word.text.partition("=")[2].split("#")[0], word.via), "make")
            for word in words[1:] if word.text.startswith("--eval=") and "$(shell" in word.text]  # fmt: skip


_READERS: dict[str, Callable[[list[Field], Text | None, Scope], list[Program]]] = {
    "eval": _eval,
    "source": _source,
    ".": _source,
    "trap": _trap,
    "ssh": _ssh,
    "autossh": _ssh,
    "slogin": _ssh,
    "su": _su,
    "runuser": _su,
    "script": _option_c,
    "flock": _option_c,
    "nix-shell": _option_c,
    "watch": _watch,
    "hyperfine": _all_text,
    "concurrently": _all_text,
    "adb": _shell_words,
    "at": _at,
    "batch": _at,
    "crontab": _crontab,
    "tmux": _tmux,
    "screen": _screen,
    "tar": _tar,
    "git": _git,
    "rsync": _rsync,
    "socat": _socat,
    "nc": _netcat,
    "ncat": _netcat,
    "netcat": _netcat,
    "nc.traditional": _netcat,
    "env": _env_split,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "nawk": _awk,
    "make": _make,
}

GIVEN_PROGRAMS = SHELLS | frozenset(_READERS)
"""Commands that may be given program text, besides interpreters of other languages."""
