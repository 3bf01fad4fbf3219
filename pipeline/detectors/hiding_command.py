"""Commands that hide what is done: logs and their shippers stopped, history cleared, times changed, programs disguised."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Fact, Notes, Table, shown
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import names, parse
from pipeline.shell.places import base, hidden, plain, scratch, system
from pipeline.shell.python_code import read_python
from pipeline.shell.writes import writes

TITLE = "hiding by commands"
LOOKS_FOR = (
    "Commands that end log shippers or auditing, empty logs, switch the shell's history off, change time stamps, run "
    "encoded programs or programs under another name, or hide files and processes."
)
KIND = 2
STORY = "hiding"
ATTACK = ("T1070.003", "T1562.001", "T1070.002", "T1070.006", "T1027", "T1036.003", "T1564.001")

STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step

# Nats: shares of attack sessions (by cluster) and of innocent logs in the development recordings, smoothed and capped,
# where they show the fact; the others stand beside the nearest that is measured. A log shipper is also ended by
# people who restart or upgrade it, so that alone stays below 5.3, a score of 50: silence of the log, or what
# comes after, settles it.
TABLE = Table(
    looks=[
        Fact("clear", 0.4, "clears the screen", "T1070.003"),
        Fact("encoded", 1.2, "decodes text", "T1140"),
        Fact("erase", 0.8, "deletes files beyond recovery", "T1070.004"),
        Fact("hidden_place", 1.4, "makes a hidden folder in a scratch place", "T1564.001"),
    ],
    acts=[
        Fact("history_off", 5.8, "switches the shell's history off", "T1070.003"),
        Fact("history_gone", 5.4, "deletes the shell's history", "T1070.003"),
        Fact("shipper", 4.2, "ends a log shipper", "T1562.001"),
        Fact("auditing", 5.0, "switches auditing or protection off", "T1562.001", 3.6),
        Fact("logs", 4.4, "empties or deletes system logs", "T1070.002", 3.6),
        Fact("logins", 6.0, "deletes the records of who logged in", "T1070.002"),
        Fact("times", 3.0, "copies another file's time stamp", "T1070.006", 0.8),
        Fact("encoded_run", 4.8, "runs a program that was encoded", "T1027"),
        Fact("obscured", 3.0, "spells commands so that they cannot be read", "T1027"),
        Fact("renamed", 3.6, "runs a program under another name", "T1036.003"),
        Fact("hidden_run", 2.4, "runs a program from a hidden place", "T1564.001"),
        Fact("process", 5.4, "hides a process", "T1564", 5.4),
        Fact("preload", 5.6, "loads a library into other programs to hide", "T1574.006", 3.4),
        Fact("immutable", 2.2, "makes files unchangeable", "T1222.002"),
    ],
)


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 2.4
    looks_wear: float = 0.1
    acts_wear: float = 0.03


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "hiding")


_SHELLS: Final = names("sh bash dash ash zsh ksh")
_RUNNERS: Final = _SHELLS | names("python python2 python3 perl ruby php node eval source .")
_DECODERS: Final = names("base64 base32 xxd openssl uudecode gpg rev basenc")
_HISTORY_NAMES: Final = names(
    "HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTIGNORE HISTSAVE HISTORY HISTLOG HISTZONE SAVEHIST"
)
_SHIPPERS: Final = re.compile(
    r"(?i)(?:^|[/_.-])(?:filebeat|auditbeat|packetbeat|metricbeat|winlogbeat|fluent-?bit|fluentd|td-agent(?:-bit)?|vector|promtail|logstash|"
    r"rsyslogd?|syslogd?|syslog-ng|journald|systemd-journald|log-?shipper\w*|logship\w*|log-?agent|log-?forwarder|log-?collector|splunkd?|splunkforwarder|"
    r"nxlog|datadog-?agent|otelcol\w*|otel-collector|grafana-?agent|alloy|cloudwatch-?agent|amazon-cloudwatch-agent|google-fluentd|"
    r"elastic-?agent|newrelic-infra|wazuh-?\w*|ossec-?\w*|falco\w*|tetragon|osqueryd?|sysmon\w*|tracee|auditd|kauditd|laurel|crowdstrike|"
    r"falcon-sensor|sentinelone|aliyun-?service|aegis|cloudmonitor|AliYunDun|qcloud|YunJing|clamd|freshclam|aide|tripwire|rkhunter)(?:$|[/_.-])"
)
_AUDIT: Final = re.compile(
    r"(?i)auditd|falco|tetragon|osquery|sysmon|tracee|wazuh|ossec|crowdstrike|falcon|sentinel|aegis|AliYunDun|clam|aide|tripwire|apparmor|selinux"
)
_LOG_FILES: Final = re.compile(
    r"/var/log(?:/|$)|/var/adm/|/var/run/utmp|/run/utmp|(?:^|/)command\.log$|(?:^|/)audit\.log$"
)
_LOGINS: Final = re.compile(
    r"(?:/var/log/(?:wtmp|btmp|lastlog|utmp|auth\.log|secure|audit\S*)|/var/run/utmp|/run/utmp)\b"
)
_HISTORY_FILE: Final = re.compile(
    r"\.(?:bash|zsh|sh|ash|ksh|python|mysql|psql|node_repl)_history$|\.histfile$|fish_history$"
)


_PATH: Final = re.compile(r"[\w.+@%:~ -]*/(?:[\w.+@%:~ -]+/)*[\w.+@%:~-]+")


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> judge(read("kill $(cat /run/log-shipper.pid)")).words
        'ends the log shipper of /run/log-shipper.pid'
        >>> judge(read("kill 4711")) is None
        True
    """
    notes = Notes(TABLE)
    for at, call in enumerate(script.calls):
        if call.env:
            _environment(notes, call)
        if call.via:
            _through(notes, call)
        reader = _BY_NAME.get(call.name)
        if reader is not None:
            reader(notes, script, at, call)
        elif (
            call.argv
            and "/" in call.argv[0]
            and _PATH.fullmatch(call.argv[0])
            and hidden(call.argv[0])
            and not call.remote
        ):
            notes.add("hidden_run", words=f"runs {plain(call.argv[0])}, which is hidden")
        if call.name in _RUNNERS and call.pipe_in is not None:
            _fed(notes, script, call)
    for write in writes(script):
        if not script.calls[write.call].remote:
            _write(notes, script, write.path, write.text, script.calls[write.call])
    for language, source in script.code:
        if language.startswith("py"):
            _python(notes, source)
        elif language == "perl" and re.search(r"unpack\s*\(?\s*[\"'q{]*u|eval\s*\(?\s*unpack", source):
            notes.add("encoded_run", words="runs an encoded Perl program")
    return notes.finding()


def _environment(notes: Notes, call: Call) -> None:
    for name, value in call.env:
        if name in _HISTORY_NAMES:
            _history_setting(notes, name, value)
        elif name == "LD_PRELOAD" and (scratch(value) or hidden(value)):
            notes.add("preload", 3.4, words=f"loads {plain(value)} into a program")


def _history_setting(notes: Notes, name: str, value: str) -> None:
    if (
        (name in ("HISTFILE", "HISTSAVE", "HISTLOG") and value in ("", "/dev/null", "/dev/zero"))
        or (name in ("HISTSIZE", "HISTFILESIZE", "SAVEHIST") and value == "0")
        or (name == "HISTIGNORE" and value == "*")
    ):
        notes.add("history_off")


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


def _through(notes: Notes, call: Call) -> None:
    """How the words of the call were written."""
    for place, way in enumerate(call.via):
        if way in _ENCODED:
            if any(later in _PROGRAM_TEXT for later in call.via[place + 1 :]):
                notes.add("encoded_run", words=f"runs {plain(call.name)}, spelled in {way}")
            elif way in ("base64", "base32", "hex", "rot13"):
                notes.add("encoded")
        elif way == "ifs":
            notes.add("obscured", 4.2, words=f"runs {plain(call.name)} with IFS for blanks")
        elif way in _ODD and call.name in _WORTH_HIDING:
            notes.add("obscured", words=f"spells {plain(call.name)} so that it is hard to read")


def _fed(notes: Notes, script: Script, call: Call) -> None:
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


def _unset(notes: Notes, script: Script, at: int, call: Call) -> None:
    names = [w for w in call.argv[1:] if w in _HISTORY_NAMES]
    if names:
        rare = sum(1 for name in names if name in ("HISTSAVE", "HISTORY", "HISTLOG", "HISTZONE"))
        notes.add("history_off", 6.4 if rare >= 2 else None, words=f"unsets {', '.join(names[:3])}")


def _export(notes: Notes, script: Script, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        name, given, value = word.partition("=")
        if given and name in _HISTORY_NAMES:
            _history_setting(notes, name, value)
        elif given and name == "LD_PRELOAD" and (scratch(value) or hidden(value)):
            notes.add("preload", 4.0, words=f"loads {plain(value)} into every program")


def _set(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = call.argv[1:]
    if "+o" in words and "history" in words:
        notes.add("history_off")
    if call.name == "shopt" and "-u" in words and "history" in words:
        notes.add("history_off", words="switches the shell's history off")


def _history(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(re.fullmatch(r"-[a-z]*c[a-z]*", w) for w in call.argv[1:]):
        notes.add("history_gone")


def _rm(notes: Notes, script: Script, at: int, call: Call) -> None:
    if call.remote:
        return
    for word in call.argv[1:]:
        if word[:1] == "-":
            continue
        if _HISTORY_FILE.search(word):
            notes.add("history_gone", words=f"deletes {plain(word)}")
        elif _LOGINS.search(word):
            notes.add("logins", words=f"deletes {plain(word)}")
        elif _SYSTEM_LOG.search(word):
            notes.add("logs", words=f"deletes {plain(word)}")
    if call.name == "shred":
        notes.add("erase")


_SYSTEM_LOG: Final = re.compile(
    r"/var/log/?\*?$|/var/log/(?:syslog|messages|journal|kern|cron|maillog|xferlog|boot|daemon|user|dmesg|faillog)\S*"
)


def _ln(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if len(words) >= 2 and words[0] == "/dev/null":
        if _HISTORY_FILE.search(words[-1]):
            notes.add("history_off", words="leads the shell's history to nowhere")
        elif _LOG_FILES.search(words[-1]):
            notes.add("logs", words=f"leads {plain(words[-1])} to nowhere")


def _truncate(notes: Notes, script: Script, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        _emptied(notes, word)


def _emptied(notes: Notes, path: str) -> None:
    if _LOGINS.search(path):
        notes.add("logins", words=f"empties {plain(path)}")
    elif _HISTORY_FILE.search(path):
        notes.add("history_gone", words=f"empties {plain(path)}")
    elif _SYSTEM_LOG.search(path):
        notes.add("logs", words=f"empties {plain(path)}")


def _write(notes: Notes, script: Script, path: str, text: str | None, call: Call) -> None:
    if path.endswith("ld.so.preload"):
        notes.add("preload", words="loads a library into every program")
    nothing = (
        text == ""
        or call.name in ("", ":", "true")
        or (call.name == "cat" and "/dev/null" in call.argv)
        or (call.name in ("cp", "dd", "ln") and "/dev/null" in " ".join(call.argv))
    )
    if nothing:
        _emptied(notes, path)
    elif text is not None and re.search(r"(?m)^[ \t]*(?:unset HISTFILE|export HISTFILE=/dev/null|HISTSIZE=0)", text):
        notes.add("history_off")
    if call.name in ("cp", "mv", "install", "ln") and len(call.argv) > 2 and not nothing:
        _renamed(notes, call, path)


def _renamed(notes: Notes, call: Call, path: str) -> None:
    sources = [w for w in call.argv[1:-1] if w[:1] != "-"]
    target = base(path)
    for source in sources:
        name = base(source)
        if system(source) and (scratch(path) or hidden(path)) and name in _TOOLS and target != name:
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


def _touch(notes: Notes, script: Script, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "rdt", {"reference", "date", "time"})
    reference = options.first("r", "reference")
    targets = options.operands
    odd = any(system(t) or hidden(t) or scratch(t) or ".ssh" in t or t.startswith("/etc/") for t in targets)
    if reference:
        old = system(reference) or reference.startswith("/etc/")
        notes.add("times", 4.6 if odd and old else 3.0 if odd or old else 0.8)
    elif options.has("d", "t", "date") and any(
        system(t) or t.startswith(("/etc/", "/var/log/")) or ".ssh" in t for t in targets
    ):
        notes.add("times", 4.0, words="sets the time stamp of a system file")


def _kill(notes: Notes, script: Script, at: int, call: Call) -> None:
    if call.name == "kill" and any(w in ("-0", "-HUP", "-1", "-l", "-USR1", "-USR2", "-s") for w in call.argv[1:2]):
        return
    if call.name in ("pkill", "killall") and any(w in ("-HUP", "-SIGHUP", "-USR1", "-0") for w in call.argv[1:]):
        return
    for word in call.argv[1:]:
        match = _SHIPPERS.search(word)
        if match is not None and not word.startswith("--"):
            _ended(notes, word)
            return
    source = call.pipe_in
    if source is not None and 0 <= source < len(script.calls):
        _kill_source(notes, script, source)
    elif call.name == "kill":
        for other in script.calls[max(0, at - 3) : at + 4]:
            if (
                other is not call
                and other.name in ("cat", "pgrep", "pidof", "head")
                and any(_SHIPPERS.search(w) for w in other.argv[1:])
            ):
                _ended(notes, next(w for w in other.argv[1:] if _SHIPPERS.search(w)))
                return


def _kill_source(notes: Notes, script: Script, source: int) -> None:
    hops = 0
    at: int | None = source
    while at is not None and 0 <= at < len(script.calls) and hops < 6:
        feeder = script.calls[at]
        words = [w.replace("[", "").replace("]", "") for w in feeder.argv[1:]]
        found = next((w for w in words if _SHIPPERS.search(w)), None)
        if found is not None:
            _ended(notes, found)
            return
        at, hops = feeder.pipe_in, hops + 1


def _ended(notes: Notes, what: str) -> None:
    path = re.search(r"/[\w./-]+", what)
    name = path.group(0) if path else what
    fact = "auditing" if _AUDIT.search(name) else "shipper"
    notes.add(fact, words=f"ends the log shipper of {plain(name)}" if path else f"ends {plain(name)}")


def _systemctl(notes: Notes, script: Script, at: int, call: Call) -> None:
    operands = parse(call.argv[1:], "HMtpnos").operands
    if call.name == "service":
        operands = operands[1:2] + operands[:1]
    if len(operands) >= 2 and operands[0] in ("stop", "disable", "mask", "kill"):
        for unit in operands[1:]:
            name = unit.removesuffix(".service").removesuffix(".socket")
            if _SHIPPERS.search(name):
                notes.add("auditing" if _AUDIT.search(name) else "shipper", words=f"stops {plain(name)}")


def _auditctl(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = call.argv[1:]
    if "-D" in words or ("-e" in words[:-1] and words[words.index("-e") + 1] == "0"):
        notes.add("auditing", words="switches auditing off")


def _setenforce(notes: Notes, script: Script, at: int, call: Call) -> None:
    if call.argv[1:2] in (("0",), ("Permissive",), ("permissive",)):
        notes.add("auditing", 3.6, words="switches SELinux off")


def _journalctl(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(
        w.startswith(("--vacuum-time=1s", "--vacuum-size=1", "--vacuum-time=0", "--vacuum-files=1"))
        for w in call.argv[1:]
    ):
        notes.add("logs", 3.6, words="empties the journal")


def _mkdir(notes: Notes, script: Script, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        if (
            word[:1] != "-"
            and hidden(word)
            and (scratch(word) or word.startswith(("/dev", "/usr", "/var", "/lib", "/etc")))
        ):
            notes.add("hidden_place", words=f"makes the hidden folder {plain(word)}")


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


def _clear(notes: Notes, script: Script, at: int, call: Call) -> None:
    notes.add("clear")


def _hider(notes: Notes, script: Script, at: int, call: Call) -> None:
    notes.add("process", words=f"hides a process by {plain(call.name)}")


def _insmod(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(re.search(r"(?i)diamorphine|reptile|suterusu|rootkit|hide", w) for w in call.argv[1:]):
        notes.add("process", words="loads a module that hides processes")


def _python(notes: Notes, source: str) -> None:
    if "exec" not in source and "eval" not in source and "setproctitle" not in source:
        return
    program = read_python(source)
    if program is None:
        return
    runs = program.called("exec", "eval", "compile")
    if runs and program.called("b64decode", "decompress", "fromhex", "a85decode", "b32decode", "unhexlify"):
        notes.add("encoded_run", words="runs an encoded Python program")
    if program.called("setproctitle"):
        notes.add("renamed", words="runs under another name")


_BY_NAME: dict[str, Callable[[Notes, Script, int, Call], None]] = {
    "unset": _unset,
    **dict.fromkeys(("export", "declare", "typeset", "readonly", "setenv", "local"), _export),
    "set": _set,
    "shopt": _set,
    "history": _history,
    **dict.fromkeys(("rm", "shred", "unlink", "wipe", "srm"), _rm),
    "ln": _ln,
    "truncate": _truncate,
    "exec": _exec,
    "touch": _touch,
    **dict.fromkeys(("kill", "pkill", "killall", "skill", "kill-all"), _kill),
    **dict.fromkeys(("systemctl", "service"), _systemctl),
    "auditctl": _auditctl,
    "setenforce": _setenforce,
    "journalctl": _journalctl,
    "mkdir": _mkdir,
    "mount": _mount,
    "chattr": _chattr,
    "clear": _clear,
    **dict.fromkeys(
        ("xhide", "libprocesshider", "hideproc", "mig-logcleaner", "logcleaner", "wipe-logs", "0x333shadow"), _hider
    ),
    "insmod": _insmod,
    **dict.fromkeys(("base64", "base32"), _decode),
    **dict.fromkeys(_SHELLS, _shell),
}
