"""Delivery: a program is brought in, made executable, run, and removed."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.looking import appliance
from pipeline.detectors._intrusion.scene import INTERPRETERS, SHELLS, Reader, Scene
from pipeline.detectors._intrusion.secrets import SECRETS, metadata
from pipeline.detectors._intrusion.standing import built_for, dubious, misnamed, upstream
from pipeline.shell.calls import Call
from pipeline.shell.fetches import FETCHERS, Fetch, fetch
from pipeline.shell.options import names, parse
from pipeline.shell.places import Url, bare_address, base, hidden, inside, plain, scratch, system, url

__all__ = ["NOWHERE", "READERS", "judge_program"]

_PASSING: Final = names(
    "tee base64 gunzip zcat xz bzip2 sed tr cat rev openssl xxd awk head tail tac uudecode dos2unix"
)
_NET: Final = names("nc ncat netcat nc.traditional nc.openbsd telnet socat openssl")
NOWHERE: Final = Url("", "", 0, "")


def _fetches(scene: Scene, at: int, call: Call) -> None:
    notes = scene.notes
    for word in call.argv[1:]:
        if "169.254.16" in word or "169.254.17" in word or "metadata.google" in word or "100.100.100.200" in word:
            metadata(scene, call)
            break
        if word.startswith("@") and any(p.search(word) for p, _, _ in SECRETS):
            notes.add("secrets", 6.4, "T1041", "sends a file of credentials away")
    if call.name == "curl" and any("docker.sock" in word for word in call.argv):
        notes.add("escape", 5.4, "T1611", "talks to the container engine's socket")
    sends = call.name == "curl" and any(w in ("-T", "--upload-file") for w in call.argv[1:])
    if sends and any((to := url(w)) is not None and dubious(to.host) for w in call.argv[1:]):
        notes.add("probe", 3.0, "T1567", "sends a file to where anybody may fetch it")
    for found in fetch(call):
        host, path = found.source.host, found.source.path
        name = base(found.kept)
        if name:
            scene.fetched[name] = found
        if inside(host):
            continue
        if found.tool in ("tftp", "ftpget"):
            notes.add("fetch_odd", words=f"fetches {plain(path)} from {plain(host)} by {found.tool}")
            if bare_address(host):
                notes.add("fetch_bare", words=f"fetches {plain(path)} from the bare address {plain(host)}")
        elif bare_address(host):
            if not found.kept and path in ("", "/"):
                continue
            nats = None if found.kept else 1.6
            if found.kept and built_for(name or base(path)):
                nats = 4.8
            notes.add("fetch_bare", nats, words=f"fetches {plain(path)} from the bare address {plain(host)}")
        else:
            _from_name(scene, call, found)
        if "logger" in host or host in ("yip.su", "2no.co"):
            notes.add("network", 2.6, words=f"lets {plain(host)} write down its address")
        if _MEASURED.search(host) or path.endswith(("100mb.test", "test100.zip", "test500.zip", "100MB.bin")):
            notes.add("network", words="measures the way out")
    if any(_OWN_ADDRESS.match(word) for word in call.argv[1:]):
        provider = any(word.endswith("/org") for word in call.argv[1:])
        notes.add("network", 2.4 if provider else None, words="asks for its own public address")


def _from_name(scene: Scene, call: Call, found: Fetch) -> None:
    """Something is fetched from a host that has a name."""
    host, path, scheme = found.source.host, found.source.path, found.source.scheme
    words = f"fetches {plain(path)} from {plain(host)}"
    program, archive = _SCRIPT.search(path), _ARCHIVE.search(path)
    if dubious(host) and found.kept not in ("/dev/null", ""):
        scene.notes.add("fetch_odd", 4.0 if program or archive or "." not in base(path) else 2.4, "T1105", words)
    elif not found.kept:
        return
    elif any(part.startswith(".") and len(part) > 1 for part in path.split("/")):
        scene.notes.add("fetch_odd", 2.8, "T1105", words + ", from a hidden folder")
    elif scheme == "https" or upstream(host) or "." not in host:
        if program or archive:
            scene.notes.add("fetch_named", 0.4 if program else None, "T1105", words)
        elif "." not in host and _PROGRAM.search(path):
            scene.notes.add("fetch_named", 0.8, "T1105", words)
    elif built_for(base(path)) or path.endswith(("-arm", "_arm", ".arm")):
        scene.notes.add("fetch_odd", 3.4, "T1105", words)
    elif program:
        scene.notes.add("fetch_odd", 2.4 if not scheme else 2.0, "T1105", words)
    elif found.source.port not in (0, 80, 443, 8080) and base(path):
        scene.notes.add("fetch_odd", 2.4, "T1105", f"{words}, port {found.source.port}")
    elif _PROGRAM.search(path):
        scene.notes.add("fetch_odd" if not scheme else "fetch_named", 2.2 if not scheme else 0.9, "T1105", words)
    elif archive:
        scene.notes.add("fetch_named", 1.6 if not scheme else 0.9, "T1105", words)


_OWN_ADDRESS: Final = re.compile(
    r"(?:https?://)?(?:(?:www\.)?(?:ifconfig\.(?:me|co|io)|ipinfo\.io|icanhazip\.com|ipecho\.net|api\.ipify\.org|checkip\.\w+\.\w+|ip-api\.com"
    r"|ident\.me|whatismyip\.\w+|myip\.\w+\.?\w*|ipv4\.\w+\.\w+))(?:/|$)"
)
_MEASURED: Final = re.compile(r"^speedtest\.|\bcachefly\.net$")
_ARCHIVE: Final = re.compile(r"\.(?:tgz|tar|tar\.\w+|zip|gz|bz2|xz|rar|7z|jpg|png|gif|txt|pdf|c|x|mod)$")
_ENDINGS: Final = r"\.(?:sh|pl|py|elf|bin|bash|run|x86|x86_64|i[3-6]86|mips|mpsl|mipsel|arm\w*|ppc|sh4|spc|m68k|arc)"
_SCRIPT: Final = re.compile(_ENDINGS + "$")
_PROGRAM: Final = re.compile(rf"(?:{_ENDINGS}|/[\w-]{{1,24}})$")


def _scp(scene: Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "cFiJloPSXD")
    if options.has("t") and options.operands:
        place = options.operands[-1]
        deep = system(place) or hidden(place)
        scene.notes.add(
            "fetch_odd",
            5.2 if hidden(place) else 4.2 if deep else 3.0,
            "T1105",
            f"takes a file in at {plain(place)} as scp's far side",
        )
        scene.fetched[base(place)] = Fetch("scp", NOWHERE, place)
    elif options.has("f"):
        scene.notes.add("fetch_odd", 2.0, "T1041", "hands a file out as scp's far side")


def _chmod(scene: Scene, at: int, call: Call) -> None:
    operands = [word for word in call.argv[1:] if word[:1] != "-" or word.startswith("-x")]
    if not operands or call.remote:
        return
    mode, files = operands[0], operands[1:]
    octal = re.fullmatch(r"0?[0-7]{3,4}", mode)
    if not ((octal and int(mode, 8) & 0o111) or "x" in mode or (mode.lstrip("augo").startswith("+") and "x" in mode)):
        return
    if call.loop or any(word.startswith("{") for word in files):
        return
    if "-R" in call.argv:
        scene.notes.add("executable", 0.4)
        return
    for name in files:
        file = f"{scene.here}/{name.removeprefix('./')}" if scene.here and name[:1] not in ("/", "~") else name
        scene.executable.add(base(file))
        if built_for(base(file)):
            nats = 5.2 if hidden(file) else 4.4 if mode[-3:] == "777" else 2.4
            scene.notes.add("executable", nats, words=f"makes {plain(file)} executable")
        elif scratch(file) or hidden(file):
            scene.notes.add("executable", 3.0 if hidden(file) else 1.8, words=f"makes {plain(file)} executable")
        elif base(file) in scene.fetched:
            scene.notes.add("executable", 1.4, words=f"makes {plain(file)} executable, which it fetched")
        elif mode[-3:] == "777" and not file.startswith("/"):
            scene.notes.add("executable", 1.3, words=f"opens {plain(file)} to everybody")
        else:
            scene.notes.add("executable", 0.7 if mode.endswith("+x") or mode[-3:] in ("777", "755") else 0.4)


def _runs(scene: Scene, call: Call, path: str) -> None:
    """The file `path` is run as a program."""
    if path.startswith("./") and scene.here and not scratch(path):
        path = scene.here + path[1:]
    name = base(path)
    found = scene.fetched.get(name) or (scene.fetched.get("*") if scene.fetched else None)
    notes = scene.notes
    if found is not None:
        host = found.source.host
        bare = bare_address(host) and not inside(host)
        notes.add(
            "fetch_run",
            2.6 if bare or found.tool in ("tftp", "ftpget", "scp") else 1.6 if found.source.scheme != "https" else 0.8,
            words=f"runs {plain(name)}, which it fetched" + (f" from {plain(host)}" if host not in ("", "-") else ""),
        )
    if scratch(path) or hidden(path):
        nats = 3.8 if hidden(path) else None
        notes.add("run_scratch", 5.4 if nats and built_for(name) else nats, words=f"runs {plain(path)}")
    elif found is None and built_for(name):
        notes.add("run", 2.6, words=f"runs {plain(path)}")
    elif found is None and path.startswith(("./", "~/")):
        quiet = call.background and "nohup" in call.via
        notes.add("run", 1.2 if quiet else 0.6, words=f"runs {plain(path)}")
    elif found is None and "/" not in path:
        nats = 0.8
        if misnamed(call.name, path):
            nats = 3.4 if path.endswith((".txt", ".jpg", ".png", ".gif", ".pdf", ".ico", ".css", ".html")) else 1.8
            if call.name.startswith("py") and "." not in path:
                nats = 0.8
        notes.add("run", nats if call.name not in SHELLS else 0.6, words=f"runs {plain(path)} by {plain(call.name)}")


def _shell(scene: Scene, at: int, call: Call) -> None:
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
        if feeder.name == "cat" and len(feeder.argv) == 2 and feeder.pipe_in is None and not call.remote:
            _runs(scene, call, feeder.argv[1])
            break
        if feeder.name not in _PASSING and feeder.name not in ("sudo", "timeout"):
            break
        source = feeder.pipe_in
        hops += 1
    if call.remote:
        return
    operands = parse(call.argv[1:], "cWmOeRSl" if call.name.startswith("py") else "coOeEIlMm").operands
    if call.name in ("perl", "ruby") and any(re.match(r"-[a-zA-Z0-9]*[eE]", word) for word in call.argv[1:4]):
        return
    if "-c" in call.argv[1:] or "-e" in call.argv[1:] or "-m" in call.argv[1:]:
        return
    if operands and operands[0] != "-":
        path = operands[0]
        odd = call.name == "perl" or misnamed(call.name, base(path))
        ordinary = call.name not in SHELLS and not odd and base(path) not in scene.fetched
        if ordinary and not scratch(path) and not hidden(path):
            return
        _runs(scene, call, path)


def _pipe_run(scene: Scene, feeder: Call) -> None:
    notes = scene.notes
    for found in fetch(feeder):
        host = found.source.host
        if inside(host):
            notes.add("pipe_run")
        elif found.source.path.endswith((".png", ".jpg", ".jpeg", ".gif", ".ico", ".css", ".pdf")):
            words = f"runs {plain(base(found.source.path))}, which is named like a picture"
            notes.add("pipe_run", 5.4, "T1036.008", words)
        elif bare_address(host):
            notes.add("pipe_run", 5.0, words=f"runs what the bare address {plain(host)} answers")
        elif dubious(host):
            notes.add("pipe_run", 4.4, words=f"runs what {plain(host)} answers")
        elif found.source.scheme == "https" or upstream(host) or "." not in host:
            notes.add("pipe_run", words=f"runs what {plain(host)} answers")
        else:
            notes.add("pipe_run", 3.2, words=f"runs what {plain(host)} answers, unencrypted")


_SENT: Final = re.compile(r"[CD]0[0-7]{3}")
_IN_NO_FOLDER: Final = re.compile(r"/[a-z0-9]{8,20}")
_PATH: Final = re.compile(r"[\w.+@%:~ -]*/(?:[\w.+@%:~ -]+/)*[\w.+@%:~-]+")


def judge_program(scene: Scene, call: Call) -> None:
    """A program that no reader knows."""
    path = call.argv[0]
    if _SENT.fullmatch(call.name) and len(call.argv) == 3 and call.argv[1].isdecimal():
        scene.notes.add("plant", 3.6, "T1105", "sends a program over scp's wire protocol")
    elif call.remote:
        return
    elif "/" not in path:
        appliance(scene, call)
    elif _IN_NO_FOLDER.fullmatch(path):
        scene.notes.add("run", 1.4, words=f"runs {plain(path)}, which lies in no folder")
    elif _PATH.fullmatch(path) and (
        path.startswith(("./", "~/")) or scratch(path) or hidden(path) or base(path) in scene.fetched
    ):
        _runs(scene, call, path)
    elif system(path) and "." not in call.name and call.name not in _PROGRAMS:
        scene.notes.add("run", 0.3, words=f"runs {plain(path)}")


_PROGRAMS: Final = names(
    "env python python3 test true false time nice ls ps id cut sort uniq mkdir touch sleep date git make gcc cc java "
    "node"
)


def _cd(scene: Scene, at: int, call: Call) -> None:
    if len(call.argv) > 1 and call.argv[1].startswith("/"):
        scene.here = call.argv[1].rstrip("/")
        scene.cds.add(scene.here or "/")


def _rm(scene: Scene, at: int, call: Call) -> None:
    operands = [word for word in call.argv[1:] if word[:1] != "-"]
    for word in operands:
        name = base(word)
        if name in scene.fetched or name in scene.executable:
            scene.notes.add("wreck", 1.2, "T1070.004", f"deletes {plain(name)}, which it fetched or ran")
        elif word in ("*", "*.sh") or word.startswith(("/tmp/*", "/var/tmp/*")):
            scene.notes.add("wreck", 0.8, "T1070.004", "deletes everything in the folder")
        elif word.rstrip("/").endswith("/.ssh") or word == ".ssh":
            scene.notes.add("account", 2.0, "T1098.004", "deletes the folder of ssh keys")


def _tar(scene: Scene, at: int, call: Call) -> None:
    first = call.argv[1] if len(call.argv) > 1 else ""
    disguised = next((w for w in call.argv[2:4] if w.endswith((".jpg", ".jpeg", ".png", ".gif", ".pdf", ".ico"))), "")
    if "x" in first and disguised and call.argv.index(disguised) == 2:
        scene.notes.add("plant", 4.2, "T1036.008", f"unpacks {plain(disguised)}, which is named like a picture")
    if "P" in first and "x" in first and call.pipe_in is None and call.stdin is None and "-" in call.argv[2:]:
        scene.notes.add("plant", 5.2, words="unpacks files typed in, to wherever they say")


READERS: Final[dict[str, Reader]] = {
    **dict.fromkeys(FETCHERS, _fetches),
    **dict.fromkeys((*INTERPRETERS, "source", ".", "eval", "exec"), _shell),
    "scp": _scp,
    "chmod": _chmod,
    "cd": _cd,
    "rm": _rm,
    "tar": _tar,
}
