"""Looking around: what an intruder asks a machine first."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._intrusion.scene import Reader, Scene, feeder_of
from pipeline.detectors._intrusion.secrets import SECRETS
from pipeline.shell.calls import Call
from pipeline.shell.fetches import FETCHERS
from pipeline.shell.options import names, parse
from pipeline.shell.places import base, plain, scratch

__all__ = ["READERS", "appliance"]


def look(name: str, nats: float | None = None) -> Reader:
    def reader(scene: Scene, at: int, call: Call) -> None:
        if not call.remote:
            scene.notes.add(name, nats)

    return reader


# Release files of systems that nobody expects in a sandbox, and that no system has together: what tries them asks
# "which of all systems is this?", as inventory scanners and loaders do.
_RARE_SYSTEMS: Final = (
    r"/etc/(?:slackware|euleros|SuSE|oracle|enterprise|mandrake|mandriva|gentoo|yellowdog|UnitedLinux|turbolinux"
    r"|vmware)[-_](?:release|version)|/etc/(?:redhat_version|debian_release)$|/etc/slp\.reg|/etc/version$"
)
_FILES: Final[tuple[tuple[re.Pattern[str], str, float | None], ...]] = (
    (re.compile(r"/proc/cpuinfo"), "cpu", None),
    (re.compile(r"/sys/devices/system/cpu"), "cpu", 0.8),
    (re.compile(r"/proc/meminfo"), "memory", None),
    (re.compile(_RARE_SYSTEMS), "appliance", 3.4),
    (re.compile(r"/etc/(?:os|lsb)-release$|/etc/\*-?release\*?$"), "kernel", 0.4),
    (re.compile(r"/proc/version|/etc/\S*(?:release|version)$|/etc/issue"), "kernel", None),
    (re.compile(r"/var/(?:run|log)/[uwb]tmp|/var/log/lastlog"), "people", None),
    (re.compile(r"/etc/group$"), "accounts", 0.6),
    (re.compile(r"/etc/passwd$|/etc/crontab|/etc/cron\.|/var/spool/cron"), "accounts", 0.9),
    (re.compile(r"_history$|\.histfile$"), "history", 2.2),
    (re.compile(r"/proc/mounts|/etc/fstab|/proc/uptime"), "uptime", 0.8),
    (re.compile(r"/etc/hosts$|/proc/net/|/etc/resolv\.conf"), "network", 0.8),
    (
        re.compile(
            r"/tmp/(?:system|running)\.cfg|/etc/persistent|/etc/vmware/esx|/etc/config/|/mnt/mtd|/etc/asterisk"
            r"|/hive-config"
        ),
        "appliance",
        None,
    ),
)
_TELLING: Final = re.compile(
    r"/(?:proc|sys|etc|var|tmp|mnt|home|Users|asterisk)/|/hive-config|^~/\*/|_history|\.histfile|\.aws/|\.kube/|\.docker/"
    r"|\.config/gcloud|\.azure/|\.git-credentials|\.netrc|\.pgpass|kubernetes\.io|\.ssh/|id_|\.pem|vnc-password|/snmp"
    r"|logins\.json|Login Data|\.keyring|wallet\.dat|keystore"
)
"""What stands in every word that `_FILES`, `_EVERYBODY` or `SECRETS` know: one search in place of two dozen."""
_EVERYBODY: Final = re.compile(r"^(?:/home|~|/Users)/\*/\.(?:\w+_history|ssh/(?:known_hosts|config|id_|authorized|\*))")
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
        if _TELLING.search(word):
            _known(notes, call, word)
        if word == "/proc/mounts" and call.name in ("grep", "egrep") and any("rw" in w for w in call.argv[1:3]):
            notes.add("probe", 3.4, "T1083", "looks for any place that can be written to")
        if word in _ARCHITECTURE or word == "/bin/*":
            notes.add("probe", 4.2, "T1082", f"reads the bytes of {plain(word)} to learn the architecture")
        if word.startswith("/proc/1/root/"):
            notes.add("escape", 5.0, "T1611", "reads the host's files through /proc/1/root")


def _known(notes: Notes, call: Call, word: str) -> None:
    """A file that is known by its name is read."""
    if _EVERYBODY.search(word):
        notes.add("secrets", 5.0, "T1552.004", f"reads {plain(word)} of every user")
    for known, name, least in _FILES:
        if known.search(word):
            notes.add(name, 0.3 if name == "cpu" and _counts_processors(call) else least)
            break
    for pattern, nats, technique in SECRETS:
        if pattern.search(word) and not word.endswith(".pub"):
            notes.add("secrets", nats, technique, f"reads {plain(word)}")
            break


_SENDERS: Final = re.compile(
    r"/dev/ttyGSM|/var/spool/sms|/var/log/smsd|/etc/smsd\.conf|D877F783D5D3EF8C|TelegramDesktop/tdata"
)


def _lists(scene: Scene, at: int, call: Call) -> None:
    if not call.remote and any(_SENDERS.search(word) for word in call.argv[1:]):
        scene.notes.add("secrets", 4.4, "T1083", "looks for an SMS gateway or a messenger's sessions")


def _counts_processors(call: Call) -> bool:
    """Counting processors is what every build script does before `make -j`."""
    return call.name in ("grep", "egrep") and any("processor" in word for word in call.argv[1:])


def _dd(scene: Scene, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        if word.startswith("if=") and (word[3:] in _ARCHITECTURE or base(word[3:]).startswith(".s")):
            scene.notes.add("probe", 4.2, "T1082", "reads the first bytes of a program to learn the architecture")


def _uname(scene: Scene, at: int, call: Call) -> None:
    letters = set("".join(word[1:] for word in call.argv[1:] if word[:1] == "-" and word[:2] != "--"))
    if not call.remote:
        bare = len(call.argv) == 1
        scene.notes.add("kernel", 3.4 if len(letters) >= 4 else 2.0 if bare else 1.0 if "m" in letters else 0.4)


def _free(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        scene.notes.add("memory", 0.3 if any("h" in word for word in call.argv[1:2]) else None)


def _ps(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        form = call.argv[1:2]
        scene.notes.add("processes", 1.6 if form in (("x",), ("-x",)) else 0.3 if form else 0.8)


def _nproc(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        scene.notes.add("cpu", 0.8 if "--all" in call.argv else 0.3)


def _people(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        bare = len(call.argv) == len(scene.script.calls) == 1
        scene.notes.add("people", None if bare else 1.6)


def _history(scene: Scene, at: int, call: Call) -> None:
    if not call.remote and not any(word[:1] == "-" for word in call.argv[1:]):
        scene.notes.add("history", 2.0 if len(scene.script.calls) == 1 else 1.0)


def _top(scene: Scene, at: int, call: Call) -> None:
    if not call.remote:
        scene.notes.add("processes", 1.8 if len(call.argv) == 1 else 0.5)


def _which(scene: Scene, at: int, call: Call) -> None:
    if any(word in ("ls", "ps", "netstat", "top") for word in call.argv[1:]):
        scene.notes.add("probe", 2.6, "T1082", "checks whether basic programs are genuine")


def _find(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    text = " ".join(words)
    everywhere = any(w in ("/", "/home", "/root", "~", "/etc") for w in words[:2])
    if re.search(r"-perm\s+[-/]?(?:0?4000|u=s|6000|2000|g=s|\+4000)", text) and everywhere:
        scene.notes.add("probe", 1.6, "T1548.001", "looks for programs that run as root")
    if everywhere and re.search(
        r"-i?name \S*(?:id_rsa|id_dsa|id_ed25519|\.pem|\.aws|credentials|\.netrc|\.kube|\.npmrc|wallet|\.ppk|shadow)\b",
        text,
    ):
        follows = scene.script.calls[at + 1 : at + 4]
        reads = any(c.name in ("cat", "tar", "cp", "head", "grep") and "find" in (*c.via, "find") for c in follows)
        scene.notes.add("secrets", 5.0 if reads else 3.6, "T1552.001", "hunts the disk for credentials")
    if text.count("-fstype") >= 4:
        scene.notes.add("probe", 3.8, "T1083", "searches the disk as inventory scanners do")


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
    if feeder.name in ("ps", "pgrep") and re.search(r"(?i)\bminer|xmr|\[Mm\]iner|kinsing|kdevtmpfs", operands[0]):
        scene.notes.add("probe", 4.0, "T1057", "looks for miners among the processes")
    elif feeder.name == "ps" and any(scratch(word) for word in operands[:1]):
        scene.notes.add("probe", 2.2, "T1057", f"looks whether {plain(operands[0])} runs")


_DEVICES: Final = r"(?i)vga|nvidia|product|attached|3d|irtual|vendor|gsm"
# Picking the names of processors and cards out, as programs do that report what a machine is good for.
_PROFILES: Final = (
    (("/proc/cpuinfo", "lscpu"), r"^(?:name|model|Model)$", "cpu", 3.4),
    (("/proc/cpuinfo", "lscpu"), r"(?i)\b(?:name|model)\b", "cpu", 2.0),
    (("/proc/meminfo", "free"), r"\bMem", "memory", 2.8),
    (("lspci", "nvidia-smi", "dmidecode", "dmesg", "lsusb"), _DEVICES, "hardware", 2.6),
)
_APPLIANCE: Final = names(
    "enable shell linuxshell mca-status cfgmtd ubntbox get-tpm vmware esxcli tmsh cli routeros hive-passwd syscfg "
    "nvram racadm bigip vtysh clish"
)
_ROUTER: Final = re.compile(r"/(?:ip|interface|system|ppp|tool|user|routing|queue)")
_VERSION: Final = names("version ver sysinfo motd")
_ASKED: Final = tuple(
    (word,)
    for word in ("system", "version", "interfaces", "interface", "running-config", "terminal", "ver", "ip", "users")
)


def _enable(scene: Scene, at: int, call: Call) -> None:
    if "/" in call.argv[0]:
        appliance(scene, call)
    elif len(call.argv) == 1 and len(scene.script.calls) <= 2:
        scene.notes.add(
            "appliance" if call.name == "enable" else "probe", 3.4, "T1059.008", "types a device's command for a shell"
        )


def _busybox(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if not words:
        scene.notes.add("shell_test", 3.6, words="tests for busybox")
        return
    if re.fullmatch(r"[A-Z][A-Z0-9]{3,12}", words[0]):
        scene.notes.add("probe", 5.6, "T1497.001", "asks busybox for an applet that does not exist, as bot loaders do")
        return
    if words[0] in FETCHERS:
        scene.notes.add("fetch_odd", words="fetches a file by busybox")


def appliance(scene: Scene, call: Call) -> bool:
    """Whether the call is a command of a router or another appliance."""
    asked = call.name in ("get", "show", "display") and call.argv[1:2] in _ASKED
    if call.name == "set" and call.argv[1:4] == ("system", "login", "user"):
        scene.notes.add("account", 4.4, "T1136.001", "makes an account of an appliance")
    if _ROUTER.fullmatch(call.argv[0]) and len(call.argv) > 1:
        lasting = call.argv[1] in ("scheduler", "script", "secret", "add", "fetch", "socks", "service")
        scene.notes.add("appliance", 3.4)
        if lasting:
            scene.notes.add("hold", 4.4, "T1053", "makes a router fetch or run something from now on")
        return True
    if call.name in _APPLIANCE or (asked and len(scene.script.calls) == 1):
        if asked:
            scene.notes.add("kernel", 2.6, words="asks an appliance for its version")
        else:
            scene.notes.add("appliance", 3.4)
        if call.name == "hive-passwd":
            scene.notes.add("account", 3.6, "T1098", "changes the password of a mining rig")
        return True
    if call.name in _VERSION and len(call.argv) == 1 and len(scene.script.calls) == 1:
        scene.notes.add("kernel", 2.0, words="asks for a version as appliances answer it")
    return False


READERS: Final[dict[str, Reader]] = {
    "cpuid": look("cpu"),
    "lscpu": look("cpu", 0.9),
    "nproc": _nproc,
    "uname": _uname,
    "history": _history,
    **dict.fromkeys(("top", "htop", "atop"), _top),
    "free": _free,
    "vmstat": look("memory"),
    **dict.fromkeys(("lsb_release", "hostnamectl", "arch", "sw_vers"), look("kernel", 0.6)),
    **dict.fromkeys(("w", "last", "lastlog", "lastb"), _people),
    **dict.fromkeys(("who", "users", "finger"), look("people", 1.6)),
    **dict.fromkeys(("id", "whoami", "groups"), look("self", 0.4)),
    "ps": _ps,
    "pstree": look("processes", 0.3),
    "ifconfig": look("network", 1.2),
    **dict.fromkeys(("netstat", "arp", "route"), look("network", 1.0)),
    "ss": look("network", 0.5),
    **dict.fromkeys(("lspci", "dmidecode"), look("hardware", 2.2)),
    **dict.fromkeys(names("lsusb lshw systemd-detect-virt"), look("hardware")),
    "dmesg": look("hardware", 1.0),
    **dict.fromkeys(("uptime",), look("uptime", 1.0)),
    **dict.fromkeys(("df",), look("uptime", 0.3)),
    **dict.fromkeys(("nvidia-smi", "lsblk"), look("hardware", 0.4)),
    **dict.fromkeys(("which", "whereis"), _which),
    **dict.fromkeys(
        names("cat head tail less more strings hexdump xxd od cp tac nl base64 tar zip gzip vi vim nano"), _reads
    ),
    **dict.fromkeys(("grep", "egrep", "fgrep", "awk", "gawk", "sed", "rg"), _grep),
    **dict.fromkeys(("test", "["), _reads),
    "dd": _dd,
    "find": _find,
    **dict.fromkeys(("ls", "locate"), _lists),
    "busybox": _busybox,
    **dict.fromkeys(("enable", "shell", "system", "linuxshell"), _enable),
}
