"""Tunnels through ssh: its options in every spelling, and its configuration."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._tunnel.table import Reader
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import Options, parse
from pipeline.shell.places import inside, own, plain

__all__ = ["configuration"]

_SSH_VALUED: Final = "BbcDEeFIiJLlmOoPpQRSWw"


def _ssh(notes: Notes, script: Script, call: Call) -> None:
    words = call.argv[1:]
    if call.name == "autossh":
        options = parse(words, _SSH_VALUED + "M", stop_at_operand=True)
        notes.add("set_up", words="keeps an ssh session alive by autossh")
    else:
        options = parse(words, _SSH_VALUED, stop_at_operand=True)
    if options.has("V", "G", "Q") and call.name != "autossh":
        return
    target, rest = (options.operands[0], options.operands[1:]) if options.operands else ("", [])
    if rest and rest[0][:1] == "-":
        more = parse(rest, _SSH_VALUED, stop_at_operand=True)
        for letter, values in more.values.items():
            options.values.setdefault(letter, []).extend(values)
        rest = more.operands
    _forwards(notes, options, target, bool(rest) or call.stdin is not None or call.pipe_in is not None)


def _forwards(notes: Notes, options: Options, target: str, runs: bool) -> None:
    given: dict[str, list[str]] = {}
    for text in options.all("o"):
        key, value = _setting(text)
        given.setdefault(key, []).append(value)
    host = plain(target.removeprefix("ssh://"))
    reverse = options.all("R") + given.get("remoteforward", [])
    for spec in reverse:
        port, into = _reverse_spec(spec)
        words = f"opens port {plain(port)} of {host or 'another host'} into {plain(into) or 'a proxy here'}"
        if own(_name(target)):
            notes.add("local", words=words)
        elif inside(_name(target)):
            notes.add("reverse_inside", words=words)
        else:
            notes.add("reverse", words=words)
    for spec in options.all("D") + given.get("dynamicforward", []):
        notes.add("socks", words=f"opens a proxy on port {plain(spec)} through {host}")
    if options.has("w") or given.get("tunnel", ["no"])[0] not in ("no", ""):
        notes.add("device", words=f"opens a network device to {host}")
    local = options.all("L") + given.get("localforward", []) + options.all("W")
    for spec in local:
        parts = spec.replace(" ", ":").split(":")
        far = parts[-2] if len(parts) > 1 else ""
        stranger = (
            far != "" and not inside(far) and not re.search(r"\.(?:internal|local|lan|corp|svc)$", far) and "." in far
        )
        words = f"forwards port {plain(parts[0])} through {host} to {plain(':'.join(parts[-2:]))}"
        notes.add(
            "local",
            2.6 if stranger and re.search(r"\d+\.\d+\.\d+\.\d+$", target) else 1.4 if stranger else None,
            words=words,
        )
    asked = bool(reverse) or bool(local) or options.has("D", "w") or "dynamicforward" in given
    if options.has("N") and not asked and not runs and target:
        if options.has("M", "O", "S") or "controlmaster" in given:
            notes.add("quiet")
        elif not own(_name(target)):
            notes.add("unseen", words=f"keeps an ssh session to {host} open without command or forward in sight")


def _setting(text: str) -> tuple[str, str]:
    key, _, value = text.strip().replace("=", " ", 1).partition(" ")
    return key.lower(), value.strip().strip('"')


def _name(target: str) -> str:
    text = target.removeprefix("ssh://").rpartition("@")[2]
    return text.partition("]")[0].lstrip("[") if text.startswith("[") else text.partition(":")[0].partition("/")[0]


def _reverse_spec(spec: str) -> tuple[str, str]:
    """Port (with its address) outside, and where it leads."""
    spec = spec.strip().strip('"')
    if " " in spec:
        outside, _, into = spec.partition(" ")
        return outside, into.strip()
    parts = re.findall(r"\[[^\]]*\]|[^:]+", spec)
    if len(parts) >= 3:
        return parts[-3], f"{parts[-2]}:{parts[-1]}"
    return parts[-1] if parts else spec, ""


def _plink(notes: Notes, script: Script, call: Call) -> None:
    options = parse(call.argv[1:], "RLDPlipmsk", {"pw", "hostkey", "pwfile"}, single_dash_long=False)
    words = list(call.argv[1:])
    target = next(
        (w for w in options.operands if "@" in w or "." in w), options.operands[-1] if options.operands else ""
    )
    _forwards(notes, Options({k: v for k, v in options.values.items() if k in "RLD"}, []), target, "-N" not in words)


def _ssh_settings(notes: Notes, path: str, text: str) -> None:
    if re.search(r"(?im)^[ \t]*RemoteForward[ \t]+\S", text):
        notes.add("configured", words=f"writes a remote forward into {plain(path)}")
    if re.search(r"(?im)^[ \t]*DynamicForward[ \t]+\S", text):
        notes.add("socks", words=f"writes a proxy into {plain(path)}")
    if re.search(r"(?im)^[ \t]*GatewayPorts[ \t]+(?:yes|clientspecified)", text):
        notes.add("forwarding", 2.6, words=f"lets forwarded ports be reached from outside, in {plain(path)}")


def configuration(notes: Notes, path: str, text: str) -> None:
    if "forward" in text.lower() or "gatewayports" in text.lower():
        if path.endswith((".md", ".rst", ".txt", ".html", ".adoc")):
            return
        _ssh_settings(notes, path, text)
    if path.endswith((".toml", ".ini", ".yml", ".yaml", ".json", ".conf")):
        if (re.search(r"(?m)^[ \t]*\[common\]", text) and "server_addr" in text) or (
            "serverAddr" in text and "remotePort" in text
        ):
            notes.add("set_up", 4.0, "T1572", f"writes the settings of an frp client to {plain(path)}")
        elif re.search(r"(?m)^\[Interface\]", text) and "[Peer]" in text:
            notes.add("set_up", 3.0, "T1572", f"writes the settings of a WireGuard network to {plain(path)}")
        elif re.search(r"(?m)^\[client\]", text) and "remote_addr" in text:
            notes.add("set_up", 4.0, "T1572", f"writes the settings of a tunnel client to {plain(path)}")


READERS: Final[dict[str, Reader]] = {
    "ssh": _ssh,
    "autossh": _ssh,
    "slogin": _ssh,
    "dbclient": _ssh,
    "plink": _plink,
    "plink.exe": _plink,
}
