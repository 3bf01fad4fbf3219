"""Looking around: what an intruder asks a machine first."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.scene import Reader, Scene, feeder_of
from pipeline.detectors._intrusion.secrets import SECRETS
from pipeline.shell.calls import Call
from pipeline.shell.fetches import FETCHERS
from pipeline.shell.options import names, parse
from pipeline.shell.places import base, plain

__all__ = ["READERS", "appliance"]


def look(name: str, nats: float | None = None) -> Reader:
    def reader(scene: Scene, at: int, call: Call) -> None:
        if not call.remote:
            scene.notes.add(name, nats)

    return reader


_FILES: Final = (
    (re.compile(r"/proc/cpuinfo|/sys/devices/system/cpu"), "cpu"),
    (re.compile(r"/proc/meminfo"), "memory"),
    (
        re.compile(
            r"/etc/(?:slackware|euleros|alpine|SuSE|oracle|enterprise|fedora|mandrake|gentoo|redhat)[-_](?:release|version)"
            r"|/etc/slp\.reg|/etc/version$"
        ),
        "appliance",
    ),
    (re.compile(r"/proc/version|/etc/\S*(?:release|version)$|/etc/issue|/etc/\*release\*?"), "kernel"),
    (re.compile(r"/var/(?:run|log)/[uwb]tmp|/var/log/lastlog"), "people"),
    (re.compile(r"/etc/(?:passwd|group)$|/etc/crontab|/etc/cron\.|/var/spool/cron"), "accounts"),
    (re.compile(r"_history$|\.histfile$"), "history"),
    (re.compile(r"/proc/mounts|/etc/fstab|/proc/uptime"), "uptime"),
    (re.compile(r"/etc/hosts$|/proc/net/|/etc/resolv\.conf"), "network"),
    (
        re.compile(r"/tmp/(?:system|running)\.cfg|/etc/persistent|/etc/vmware/esx|/etc/config/|/mnt/mtd|/etc/asterisk"),
        "appliance",
    ),
)
_ARCHITECTURE: Final = names("/bin/echo /bin/ls /bin/sh /bin/cat /bin/busybox /bin/bash /proc/self/exe /usr/bin/echo")


def _reads(scene: Scene, at: int, call: Call) -> None:
    """cat, grep and their kin: what they read."""
    notes = scene.notes
    words = list(call.argv[1:])
    if call.name in ("grep", "egrep", "fgrep", "awk", "sed", "gawk", "zgrep", "rg"):
        words = parse(words, "efmABCFv").operands[1:]
    words.extend(r.target for r in call.redirects if r.op == "<")
    for word in words[:64]:
        if word[:1] == "-" or ("/" not in word and "history" not in word and "id_" not in word and ".pem" not in word):
            continue
        if call.remote:
            continue
        for pattern, name in _FILES:
            if pattern.search(word):
                notes.add(name)
                break
        for pattern, nats, technique in SECRETS:
            if pattern.search(word) and not word.endswith(".pub"):
                notes.add("secrets", nats, technique, f"reads {plain(word)}")
                break
        if word in _ARCHITECTURE or word == "/bin/*":
            notes.add("probe", 3.8, "T1082", f"reads the bytes of {plain(word)} to learn the architecture")
        if word.startswith("/proc/1/root/"):
            notes.add("escape", 5.0, "T1611", "reads the host's files through /proc/1/root")


def _dd(scene: Scene, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        if word.startswith("if=") and (word[3:] in _ARCHITECTURE or base(word[3:]).startswith(".s")):
            scene.notes.add("probe", 3.8, "T1082", "reads the first bytes of a program to learn the architecture")


def _uname(scene: Scene, at: int, call: Call) -> None:
    letters = set("".join(word[1:] for word in call.argv[1:] if word[:1] == "-" and word[:2] != "--"))
    if not call.remote:
        scene.notes.add("kernel", 2.0 if len(letters) >= 4 else None)


def _free(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        scene.notes.add("memory", 0.5 if any("h" in word for word in call.argv[1:2]) else None)


def _ps(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        scene.notes.add("processes", 0.8 if call.argv[1:2] in (("x",), ("-x",)) or len(call.argv) == 1 else 0.4)


def _which(scene: Scene, at: int, call: Call) -> None:
    if any(word in ("ls", "ps", "netstat", "top") for word in call.argv[1:]):
        scene.notes.add("probe", 1.6, "T1082", "checks whether basic programs are genuine")


def _find(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    text = " ".join(words)
    everywhere = any(w in ("/", "/home", "/root", "~", "/etc") for w in words[:2])
    if re.search(r"-perm\s+[-/]?(?:0?4000|u=s|6000|2000|g=s|\+4000)", text) and everywhere:
        scene.notes.add("probe", 2.0, "T1548.001", "looks for programs that run as root")
    if everywhere and re.search(
        r"-i?name \S*(?:id_rsa|id_dsa|id_ed25519|\.pem|\.aws|credentials|\.netrc|\.kube|\.npmrc|wallet|\.ppk|shadow)\b",
        text,
    ):
        scene.notes.add("secrets", 3.6, "T1552.001", "hunts the disk for credentials")


def _grep(scene: Scene, at: int, call: Call) -> None:
    _reads(scene, at, call)
    feeder = feeder_of(scene.script, call)
    if feeder is None:
        return
    operands = parse(call.argv[1:], "emABCf").operands or [""]
    for tools, pattern, fact, nats in _PROFILES:
        if (feeder.name in tools or (feeder.name == "cat" and tools[0] in feeder.argv)) and re.search(
            pattern, operands[0]
        ):
            scene.notes.add(fact, nats)
    if feeder.name in ("env", "printenv", "set") and re.search(r"(?i)key|token|secret|passw|cred|aws", operands[0]):
        scene.notes.add("secrets", words="looks for secrets in the environment")
    if feeder.name in ("ps", "pgrep") and re.search(r"(?i)\bminer|xmrig|\[Mm\]iner", operands[0]):
        scene.notes.add("probe", 4.0, "T1057", "looks for miners among the processes")


# Picking the names of processors and cards out, as programs do that report what a machine is good for.
_PROFILES: Final = (
    (("/proc/cpuinfo", "lscpu"), r"(?i)\b(?:name|model)\b", "cpu", 2.8),
    (("/proc/meminfo", "free"), r"\bMem", "memory", 1.5),
    (("lspci", "nvidia-smi"), r"(?i)vga|nvidia|product|attached|3d", "hardware", 2.2),
)
_APPLIANCE: Final = names(
    "enable shell linuxshell mca-status cfgmtd ubntbox get-tpm vmware esxcli tmsh cli routeros hive-passwd syscfg "
    "nvram racadm bigip vtysh clish"
)
_ASKED: Final = tuple(
    (word,) for word in ("system", "version", "interfaces", "interface", "running-config", "terminal", "ip", "users")
)


def _enable(scene: Scene, at: int, call: Call) -> None:
    if len(call.argv) == 1 and len(scene.script.calls) <= 2:
        scene.notes.add("appliance", words="types a device's command to get a shell")


def _busybox(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if not words:
        scene.notes.add("probe", words="tests for busybox")
        return
    if re.fullmatch(r"[A-Z][A-Z0-9]{3,12}", words[0]):
        scene.notes.add("probe", 5.6, "T1497.001", "asks busybox for an applet that does not exist, as bot loaders do")
        return
    if words[0] in FETCHERS:
        scene.notes.add("fetch_legacy", words="fetches a file by busybox")


def appliance(scene: Scene, call: Call) -> bool:
    """Whether the call is a command of a router or another appliance."""
    asked = call.name in ("get", "show", "set", "display", "configure") and call.argv[1:2] in _ASKED
    if call.name in _APPLIANCE or (asked and len(scene.script.calls) == 1):
        scene.notes.add("appliance")
        return True
    return False


READERS: Final[dict[str, Reader]] = {
    "cpuid": look("cpu"),
    "lscpu": look("cpu", 1.0),
    "nproc": look("cpu", 0.3),
    "uname": _uname,
    "history": look("history"),
    **dict.fromkeys(("top", "htop"), look("processes", 1.0)),
    "free": _free,
    "vmstat": look("memory"),
    **dict.fromkeys(("lsb_release", "hostnamectl", "arch", "sw_vers"), look("kernel", 0.8)),
    **dict.fromkeys(("w", "who", "last", "lastlog", "lastb", "users", "finger"), look("people")),
    **dict.fromkeys(("id", "whoami", "groups"), look("self")),
    "ps": _ps,
    "pstree": look("processes", 0.4),
    **dict.fromkeys(("ifconfig", "netstat", "arp", "route"), look("network")),
    "ss": look("network", 0.8),
    **dict.fromkeys(names("lspci lsusb lshw dmidecode dmesg systemd-detect-virt"), look("hardware")),
    **dict.fromkeys(("uptime",), look("uptime")),
    **dict.fromkeys(("df",), look("uptime", 0.4)),
    **dict.fromkeys(("nvidia-smi", "lsblk"), look("hardware", 0.8)),
    **dict.fromkeys(("which", "whereis"), _which),
    **dict.fromkeys(
        names("cat head tail less more strings hexdump xxd od cp tac nl base64 tar zip gzip vi vim nano"), _reads
    ),
    **dict.fromkeys(("grep", "egrep", "fgrep", "awk", "gawk", "sed", "rg"), _grep),
    "dd": _dd,
    "find": _find,
    "busybox": _busybox,
    **dict.fromkeys(("enable", "shell", "system", "linuxshell"), _enable),
}
