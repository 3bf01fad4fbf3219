"""Staying: keys, accounts, cron jobs, services, and what stands in the way switched off."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.delivery import NOWHERE
from pipeline.detectors._intrusion.scene import Reader, Scene
from pipeline.shell.calls import Call
from pipeline.shell.fetches import Fetch
from pipeline.shell.options import parse
from pipeline.shell.places import base, hidden, plain, scratch, system
from pipeline.shell.writes import Write, said

__all__ = ["READERS", "judge_write"]

FIREWALLS: Final = re.compile(
    r"^(?:iptables|ip6tables|firewalld|ufw|nftables|SuSEfirewall2\w*|apparmor|reSuSEfirewall2)(?:\.service)?$"
)


def _systemctl(scene: Scene, at: int, call: Call) -> None:
    operands = parse(call.argv[1:], "HMtpnos").operands
    if len(operands) < 2:
        return
    verb, units = operands[0], operands[1:]
    if verb in ("stop", "disable", "mask") and any(FIREWALLS.search(unit) for unit in units):
        scene.notes.add("firewall")
    elif verb in ("enable", "link"):
        path = any("/" in unit for unit in units)
        scene.notes.add("hold", 2.4 if path and any(scratch(u) or hidden(u) for u in units) else None, "T1543.002")


def _service(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if len(words) >= 2 and words[1] in ("stop", "off") and FIREWALLS.match(words[0]):
        scene.notes.add("firewall")


def _iptables(scene: Scene, at: int, call: Call) -> None:
    if "/init.d/" in call.argv[0]:
        _service(scene, at, Call("service", ("service", call.name, *call.argv[1:])))
        return
    options = parse(call.argv[1:], "AIDPtjpsdio", {"flush", "policy"})
    if options.has("F", "flush", "X") or (options.first("P") and call.argv[-1] == "ACCEPT"):
        scene.notes.add("firewall", words="empties the firewall's rules")


def _firewall_off(scene: Scene, at: int, call: Call) -> None:
    if any(word in ("stop", "disable", "off", "0", "Permissive") for word in call.argv[1:3]):
        scene.notes.add("firewall")
        if "SuSE" in call.name:
            scene.notes.add("probe", 1.8, words="tries the firewalls of several systems")


def judge_write(scene: Scene, write: Write) -> None:
    """A file that the script writes."""
    call = scene.script.calls[write.call]
    if call.remote:
        return
    path, text = write.path, write.text
    notes = scene.notes
    if text is not None and (
        text[:12].startswith(("\x7fELF", "\\x7fELF", "\\x7f\\x45", "x7fx45", "\\177ELF", "\\x7F\\x45"))
    ):
        notes.add("plant", 5.6, "T1027", f"writes a program byte by byte to {plain(path)}")
    if path.endswith(("authorized_keys", "authorized_keys2")):
        notes.add("key", words=f"adds a key to {plain(path)}")
    elif path.startswith(("/etc/cron", "/var/spool/cron")) or path.endswith("/crontab"):
        notes.add("hold", 5.6 if _suspicious(text) else 1.8, "T1053.003", f"writes {plain(path)}")
    elif path.endswith("ld.so.preload"):
        notes.add("hold", 6.8, "T1574.006", "preloads a library into every program")
    elif re.search(r"(?:/etc/systemd/system|/lib/systemd/system|systemd/user)/[^/]+\.(?:service|timer)$", path):
        notes.add("hold", 5.0 if _suspicious(text) else 2.0, "T1543.002", f"writes the service {plain(base(path))}")
    elif _AT_START.search(path):
        login = path.endswith(("rc", "profile", "login"))
        nats = 4.6 if _suspicious(text) else 0.4 if login and not path.startswith("/etc/rc") else 2.6
        notes.add(
            "hold", nats, "T1037.004" if "/etc/rc" in path or "init" in path else "T1546.004", f"writes {plain(path)}"
        )
    elif path in ("/etc/passwd", "/etc/shadow") or path.startswith("/etc/sudoers"):
        notes.add("account", 3.2 if "sudoers" in path else 5.4, "T1098", f"writes {plain(path)}")
    elif path.endswith(("release_agent", "/core_pattern", "/uevent_helper", "/notify_on_release")):
        notes.add("escape", 3.0 if path.endswith("notify_on_release") else 6.8, "T1611", f"writes {plain(path)}")
    elif path == "/etc/hosts.deny" or path == "/etc/resolv.conf":
        notes.add("hold", 1.4, "T1565.001", f"writes {plain(path)}")
    elif write.typed and (scratch(path) or system(path) or hidden(path)):
        nats = 5.8 if hidden(path) and scratch(path) else 5.0 if system(path) or hidden(path) else 3.2
        notes.add("plant", nats, "T1105", f"puts what is typed in into {plain(path)}")
        scene.fetched[base(path)] = Fetch("typed", NOWHERE, path)
    elif call.name in ("echo", "printf") and hidden(path) and (scratch(path) or path.count("/") < 3) and path[0] == "/":
        notes.add("shell_test", 3.0, "T1083", f"leaves a mark in the hidden file {plain(path)}")
    elif call.name in ("cp", "mv", "install") and path.startswith(
        ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/lib/", "/usr/lib/")
    ):
        came = [w for w in call.argv[1:-1] if scratch(w) or hidden(w) or base(w) in scene.fetched]
        if came:
            notes.add("plant", words=f"puts {plain(came[0])} into {plain(path)}")


_AT_START: Final = re.compile(
    r"/etc/(?:rc\.local|rc\d?\.d/|init\.d/|inittab|profile(?:\.d/|$)|bash\.bashrc|rc\.d/)"
    r"|(?:^|/)\.(?:bashrc|profile|bash_profile|zshrc|bash_login)$"
)
_SUSPICIOUS: Final = re.compile(
    r"\b(?:curl|wget|nc|ncat|bash -i|/dev/tcp|base64|python\d? -c|nohup)\b"
    r"|/tmp/|/var/tmp|/dev/shm|/\.\w|\|[ \t]*(?:ba)?sh\b"
)


def _suspicious(text: str | None) -> bool:
    return text is not None and _SUSPICIOUS.search(text) is not None


def _crontab(scene: Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "u")
    if options.has("l"):
        scene.notes.add("accounts", words="lists cron jobs")
    elif options.has("r"):
        scene.notes.add("hold", 1.8, "T1053.003", "deletes the cron jobs")
    elif options.operands or call.stdin is not None or call.pipe_in is not None:
        text = call.stdin
        if text is None and call.pipe_in is not None:
            text = " ".join(said(c) or "" for c in scene.script.calls[max(0, at - 4) : at])
        scene.notes.add("hold", 5.8 if _suspicious(text) else None, "T1053.003", "installs cron jobs")


def _useradd(scene: Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "ugGdscpk", {"uid", "gid", "groups"})
    if options.first("u", "uid") == "0" or options.has("o", "non-unique"):
        scene.notes.add("account", 6.4, "T1136.001", "makes a second root account")
    elif options.operands or options.values:
        scene.notes.add("account", words="makes an account")


def _su(scene: Scene, at: int, call: Call) -> None:
    if len(call.argv) == 1 or call.argv[1:] in (("-",), ("root",), ("-", "root"), ("-l",)):
        scene.notes.add("self", 2.0, "T1548.003", "wants to be root")


def _sudo(scene: Scene, at: int, call: Call) -> None:
    if call.argv[1:] in (("-i",), ("-s",), ("-i", "-u", "root"), ("-su",)):
        scene.notes.add("self", 1.6, "T1548.003", "wants to be root")


def _passwd(scene: Scene, at: int, call: Call) -> None:
    fed = call.pipe_in is not None or call.stdin is not None
    own = call.argv[1:] in ((), ("root",))
    scene.notes.add("account", 4.4 if fed or own else 2.6, "T1098", "changes a password")


def _chpasswd(scene: Scene, at: int, call: Call) -> None:
    scene.notes.add("account", 4.4, "T1098", "changes passwords")


def _usermod(scene: Scene, at: int, call: Call) -> None:
    scene.notes.add("account")


def _chattr(scene: Scene, at: int, call: Call) -> None:
    sensitive = any(
        re.search(r"\.ssh|authorized_keys|/etc/(?:passwd|shadow|cron|ld\.so)|crontab|/spool/cron|/usr/bin/|/bin/", word)
        for word in call.argv[1:]
    )
    loosens = any(word[:1] == "-" and {"i", "a"} & set(word) for word in call.argv[1:])
    nats = 4.4 if sensitive else 3.0 if loosens else 1.6
    scene.notes.add("account", nats, "T1222.002", "changes a file's immutable mark")


def _chkconfig(scene: Scene, at: int, call: Call) -> None:
    if any(word in ("--add", "on", "defaults", "enable", "add") for word in call.argv[1:]):
        scene.notes.add("hold", 2.0, "T1543.002", "adds a service")


def _kill(scene: Scene, at: int, call: Call) -> None:
    text = " ".join(call.argv[1:])
    for other in scene.script.calls[max(0, at - 6) : at]:
        if other.name in ("pgrep", "grep", "pidof", "egrep"):
            text += " " + " ".join(other.argv[1:])
    if _RIVALS.search(text):
        scene.notes.add("wreck", 4.8, "T1489", "ends other people's miners")
    elif text == "-9 -1":
        scene.notes.add("wreck", 2.4, "T1489", "ends every process it can")
    elif call.name == "killall" and "-9" in call.argv[1:2] and {"perl", "atd", "top"} & set(call.argv[2:]):
        scene.notes.add("wreck", 2.4, "T1489", "ends what others run there")


def _halt(scene: Scene, at: int, call: Call) -> None:
    if not call.remote and len(scene.script.calls) <= 2:
        scene.notes.add("wreck", 1.2, "T1529", "restarts or stops the machine")


def _wipe(scene: Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:])
    if call.remote or not (options.has("r", "R", "recursive") or options.has("no-preserve-root")):
        return
    for word in options.operands:
        if word.removesuffix("*") in ("/", "/usr", "/usr/", "/etc", "/etc/", "/bin", "/boot", "/lib", "/home"):
            nats = 6.4 if word in ("/", "/*") else 5.2
            scene.notes.add("wreck", nats, "T1485", f"deletes {plain(word)} and all that lies in it")


_RIVALS: Final = re.compile(
    r"xmrig|minerd|kinsing|kdevtmpfsi|kthreaddi|cryptonight|stratum|ddgs|watchbog|sysupdate|networkservice|xmr|cnrig|pnscan|\bminer\b|\bxm\b"
)

READERS: Final[dict[str, Reader]] = {
    "systemctl": _systemctl,
    "service": _service,
    **dict.fromkeys(("SuSEfirewall2", "rcSuSEfirewall2", "reSuSEfirewall2", "ufw"), _firewall_off),
    **dict.fromkeys(("iptables", "ip6tables"), _iptables),
    "crontab": _crontab,
    **dict.fromkeys(("useradd", "adduser"), _useradd),
    "usermod": _usermod,
    "su": _su,
    "sudo": _sudo,
    **dict.fromkeys(("reboot", "shutdown", "halt", "poweroff"), _halt),
    "rm": _wipe,
    "passwd": _passwd,
    "chpasswd": _chpasswd,
    "chattr": _chattr,
    **dict.fromkeys(("chkconfig", "update-rc.d", "rc-update"), _chkconfig),
    **dict.fromkeys(("kill", "pkill", "killall"), _kill),
}
