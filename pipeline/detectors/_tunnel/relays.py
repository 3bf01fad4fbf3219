"""Relays, overlay networks and proxies."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._tunnel.table import Reader
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import parse
from pipeline.shell.places import own, plain
from pipeline.shell.python_code import read_python

__all__ = ["python"]

_NETWORK_END: Final = re.compile(r"(?i)(tcp|udp|openssl|ssl|sctp|dtls|socks|proxy|vsock)[\w-]*:(.*)")


def _socat(notes: Notes, script: Script, call: Call) -> None:
    ends = [m for w in call.argv[1:] if (m := _NETWORK_END.match(w))]
    if len(ends) < 2:
        return
    listens = [
        m
        for m in ends
        if "listen" in m.group(0).partition(":")[0].lower()
        or m.group(0).lower().startswith(("tcp-l:", "tcp4-l:", "udp-l:"))
    ]
    hosts = [m.group(2).partition(",")[0] for m in ends if m not in listens]
    names = [h.rpartition(":")[0] for h in hosts]
    words = "relays between " + " and ".join(plain(m.group(0).partition(",")[0]) for m in ends[:2])
    if listens and all(own(n) for n in names):
        notes.add("forwarding", words=words)
    elif not listens:
        notes.add("relay", 6.6, words=words)
    else:
        notes.add("relay", words=words)


def _nc(notes: Notes, script: Script, call: Call) -> None:
    options = parse(call.argv[1:], "eciopqsTwxXgGIOPVD", {"exec", "sh-exec", "proxy"})
    inner = " ".join(options.all("e", "c", "exec", "sh-exec"))
    if re.search(r"(?:^|[\s/])(?:nc|ncat|netcat|socat)\s", inner):
        notes.add("relay", words=f"relays to {plain(inner.rpartition('/')[2])}")
        return
    feeder = script.calls[call.pipe_in] if call.pipe_in is not None and 0 <= call.pipe_in < len(script.calls) else None
    if feeder is not None and feeder.name in _NCS and not call.remote:
        notes.add("relay", words="relays between two network connections by a pipe")


_NCS: Final = frozenset(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"))


def _tailscale(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if words and words[0] in ("funnel", "serve"):
        notes.add("service", 5.8, words=f"opens this sandbox to the outside by tailscale {words[0]}")
    elif words and words[0] in ("up", "login", "ssh"):
        notes.add("overlay", words="joins a tailscale network")


def _wg(notes: Notes, script: Script, call: Call) -> None:
    words = call.argv[1:]
    if (call.name == "wg-quick" and "up" in words) or (
        call.name == "wg" and words[:1] in (("set",), ("setconf",), ("addconf",))
    ):
        notes.add("overlay", words="joins a WireGuard network")
    elif call.name == "ip" and "wireguard" in words and "add" in words:
        notes.add("overlay", 3.0, words="makes a WireGuard device")


def _iptables(notes: Notes, script: Script, call: Call) -> None:
    if any(w in ("DNAT", "MASQUERADE", "REDIRECT") for w in call.argv) and any(
        w in ("-A", "-I", "--append", "--insert") for w in call.argv
    ):
        notes.add("forwarding", words="rewrites addresses of traffic that passes")


def _sysctl(notes: Notes, script: Script, call: Call) -> None:
    if any(w.replace(" ", "") == "net.ipv4.ip_forward=1" for w in call.argv):
        notes.add("forwarding")


def _proxychains(notes: Notes, script: Script, call: Call) -> None:
    notes.add("forwarding", words="sends programs through proxies")


def _openvpn(notes: Notes, script: Script, call: Call) -> None:
    if any(w in ("--config", "--remote", "--client") for w in call.argv) or any(
        w.endswith((".ovpn", ".conf")) for w in call.argv[1:]
    ):
        notes.add("overlay", words="joins a VPN")


def python(notes: Notes, source: str) -> None:
    program = read_python(source)
    if program is None:
        return
    if program.called("request_port_forward"):
        notes.add("reverse", words="opens a port of another host into this sandbox from a Python program")
    elif "pyngrok" in program.imports and program.called("connect"):
        notes.add("service", words="opens this sandbox to the outside by pyngrok")
    elif program.called("open_forwarded_tcpip_channel", "forward_remote_port", "forward_socks"):
        notes.add("reverse" if program.called("forward_remote_port") else "socks")
    elif "socket" in program.imports:
        links = sum(1 for call in program.calls if call.last in ("connect", "create_connection", "accept"))
        if (
            links >= 2
            and program.called("recv")
            and program.called("send", "sendall")
            and program.called("Thread", "select", "start_new_thread")
        ):
            notes.add("relay", words="relays between two network connections from a Python program")


def _module(notes: Notes, script: Script, call: Call) -> None:
    words = call.argv[1:]
    if "-m" in words[:-1] and words[words.index("-m") + 1] in (
        "pproxy",
        "sshtunnel",
        "proxy",
        "pyngrok",
        "shadowsocks",
    ):
        notes.add("proxy", words=f"starts {plain(words[words.index('-m') + 1])}")


READERS: Final[dict[str, Reader]] = {
    "socat": _socat,
    **dict.fromkeys(_NCS, _nc),
    "tailscale": _tailscale,
    "wg-quick": _wg,
    "wg": _wg,
    "ip": _wg,
    "openvpn": _openvpn,
    "iptables": _iptables,
    "sysctl": _sysctl,
    "proxychains": _proxychains,
    "proxychains4": _proxychains,
    **dict.fromkeys(("python", "python3", "python2"), _module),
}
