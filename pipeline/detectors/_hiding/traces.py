"""Traces removed: history, logs, their shippers, time stamps."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._hiding.table import Reader
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import names, parse
from pipeline.shell.places import hidden, plain, scratch, system

__all__ = ["emptied", "environment"]

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


def environment(notes: Notes, call: Call) -> None:
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
        notes.add("history_off", 4.8)
    if call.name == "shopt" and "-u" in words and "history" in words:
        notes.add("history_off", 4.8, words="switches the shell's history off")


def _history(notes: Notes, script: Script, at: int, call: Call) -> None:
    if any(re.fullmatch(r"-[a-z]*c[a-z]*", w) for w in call.argv[1:]):
        notes.add("history_gone", 4.4)


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


def _find(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = call.argv[1:]
    everything = not any(w in ("-mtime", "-ctime", "-mmin", "-newer", "-size", "-name", "-iname") for w in words)
    if words[:1] and words[0].rstrip("/") == "/var/log" and "-delete" in words and everything and not call.remote:
        notes.add("logs", words="deletes the logs of /var/log")


def _ln(notes: Notes, script: Script, at: int, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if len(words) >= 2 and words[0] == "/dev/null":
        if _HISTORY_FILE.search(words[-1]):
            notes.add("history_off", words="leads the shell's history to nowhere")
        elif _LOG_FILES.search(words[-1]):
            notes.add("logs", words=f"leads {plain(words[-1])} to nowhere")


def _truncate(notes: Notes, script: Script, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        emptied(notes, word)


def emptied(notes: Notes, path: str) -> None:
    if _LOGINS.search(path):
        notes.add("logins", words=f"empties {plain(path)}")
    elif _HISTORY_FILE.search(path):
        notes.add("history_gone", words=f"empties {plain(path)}")
    elif _SYSTEM_LOG.search(path):
        notes.add("logs", words=f"empties {plain(path)}")


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


def _clear(notes: Notes, script: Script, at: int, call: Call) -> None:
    notes.add("clear")


READERS: Final[dict[str, Reader]] = {
    "unset": _unset,
    **dict.fromkeys(("export", "declare", "typeset", "readonly", "setenv", "local"), _export),
    "set": _set,
    "shopt": _set,
    "history": _history,
    **dict.fromkeys(("rm", "shred", "unlink", "wipe", "srm"), _rm),
    "ln": _ln,
    "find": _find,
    "truncate": _truncate,
    "touch": _touch,
    **dict.fromkeys(("kill", "pkill", "killall", "skill", "kill-all"), _kill),
    **dict.fromkeys(("systemctl", "service"), _systemctl),
    "auditctl": _auditctl,
    "setenforce": _setenforce,
    "journalctl": _journalctl,
    "clear": _clear,
}
