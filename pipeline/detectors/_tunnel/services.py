"""Programs made for tunnels, and how they are fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._tunnel.table import Reader
from pipeline.shell.calls import Call, Script
from pipeline.shell.fetches import FETCHERS, fetch
from pipeline.shell.options import names, parse
from pipeline.shell.places import base, plain


def _asked_only(call: Call) -> bool:
    words = call.argv[1:]
    return bool(words) and all(w in ("--version", "-v", "-V", "-h", "--help", "help", "version") for w in words[-1:])


def _chisel(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if _asked_only(call) or not words:
        return
    if words[0] == "client":
        far = [w for w in words[1:] if w.startswith("R:")]
        server = plain(next((w for w in words[1:] if not w.startswith("R:")), "another host"))
        if far:
            notes.add("reverse", words=f"opens {plain(far[0])} of {server} into this sandbox by chisel")
        else:
            notes.add("program", words=f"opens a chisel tunnel to {server}")
    elif words[0] == "server":
        notes.add("relay", words="starts a chisel server")


def _named(fact: str, words: str, nats: float | None = None) -> Callable[[Notes, Script, Call], None]:
    def reader(notes: Notes, script: Script, call: Call) -> None:
        if not _asked_only(call):
            notes.add(fact, nats, words=words)

    return reader


def _verbs(
    verbs: dict[str, tuple[str, str]], default: tuple[str, str] | None = None
) -> Callable[[Notes, Script, Call], None]:
    def reader(notes: Notes, script: Script, call: Call) -> None:
        operands = [w for w in call.argv[1:] if w[:1] != "-"]
        if _asked_only(call):
            return
        found = next((verbs[w] for w in operands[:3] if w in verbs), None)
        if found is None and (operands or len(call.argv) > 1):
            found = default
        if found is not None:
            notes.add(found[0], words=found[1])

    return reader


def _ngrok(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if _asked_only(call) or not words:
        return
    if words[0] in ("http", "tcp", "tls", "start", "tunnel", "start-all", "service"):
        notes.add("service", words=f"opens {plain(' '.join(words[:2]))} of this sandbox to the outside by ngrok")
    elif words[0] in ("authtoken", "config", "authtoken:", "api"):
        notes.add("set_up")


def _cloudflared(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if not words or _asked_only(call):
        return
    if words[0] == "tunnel":
        if any(w in ("list", "info", "delete", "cleanup") for w in words[1:3]):
            return
        made = any(w in ("create", "login", "route") for w in words[1:3])
        notes.add("set_up" if made else "service", words="opens this sandbox to the outside by cloudflared")
    elif words[0] in ("service", "access"):
        notes.add("program" if words[0] == "service" else "set_up")


def _npx(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if call.name in (
        "npm",
        "pnpm",
        "yarn",
        "pip",
        "pip3",
        "apt",
        "apt-get",
        "yum",
        "dnf",
        "apk",
        "brew",
        "snap",
        "go",
        "cargo",
    ):
        if len(words) > 1 and words[0] in ("install", "i", "add", "get"):
            for word in words[1:]:
                name = base(word.partition("@")[0].partition("==")[0])
                if name in _TUNNEL_PACKAGES:
                    notes.add("fetch", words=f"installs {plain(name)}")
        return
    if words and words[0].partition("@")[0] in ("localtunnel", "lt", "ngrok", "untun", "tunnelmole", "cloudflared"):
        notes.add("service", words=f"opens this sandbox to the outside by {plain(words[0])}")


_TUNNEL_PACKAGES: Final = names(
    "ngrok localtunnel pyngrok chisel frp frpc autossh iodine dnscat2 cloudflared bore-cli rathole gost tailscale "
    "zerotier-one sshuttle proxychains proxychains4 proxychains-ng tor untun tunnelmole wstunnel socat gsocket "
    "tmate ptunnel hans"
)
_TUNNEL_FILES: Final = re.compile(
    r"(?i)/(?:ngrok|cloudflared|chisel|frp|gost|bore|rathole|zrok|inlets|ligolo|gsocket|iodine|dnscat2|wstunnel|sish|tmate|pagekite)[-_/.\w]*$"
    r"|gsocket\.io/|(?:jpillora/chisel|fatedier/frp|ginuerzh/gost|go-gost/gost|ekzhang/bore|rapiz1/rathole)"
)


def _fetches(notes: Notes, script: Script, call: Call) -> None:
    for found in fetch(call):
        if _TUNNEL_FILES.search(f"/{found.source.host}{found.source.path}"[-300:]):
            notes.add("fetch", words=f"fetches {plain(base(found.source.path))}")


def _git(notes: Notes, script: Script, call: Call) -> None:
    if "clone" in call.argv[1:3] and any(_TUNNEL_FILES.search(w) for w in call.argv[2:] if "/" in w):
        notes.add("fetch")


def _frp(notes: Notes, script: Script, call: Call) -> None:
    if not _asked_only(call) and "verify" not in call.argv[1:2]:
        if call.name.startswith("frps"):
            notes.add("relay", words="starts an frp server")
        else:
            notes.add("service", words="opens this sandbox to the outside by frp")


def _gost(notes: Notes, script: Script, call: Call) -> None:
    words = [w for w in call.argv[1:] if w.startswith(("-L", "-F", "-C"))]
    if words:
        far = [w for w in call.argv[1:] if "rtcp" in w or "rudp" in w or "forward" in w or "relay" in w]
        notes.add("service" if far else "program", words="opens a tunnel by gost")


def _lt(notes: Notes, script: Script, call: Call) -> None:
    if parse(call.argv[1:], "psl", {"port", "subdomain", "host"}).has("p", "port"):
        notes.add("service", words="opens this sandbox to the outside by localtunnel")


def _ligolo(notes: Notes, script: Script, call: Call) -> None:
    if any(w.lstrip("-") == "connect" or w.lstrip("-").startswith("connect=") for w in call.argv[1:]):
        notes.add("reverse", words="opens a ligolo tunnel")


def _code_tunnel(notes: Notes, script: Script, call: Call) -> None:
    if call.argv[1:2] == ("tunnel",) and "--help" not in call.argv:
        notes.add("service", 5.6, words="opens this sandbox to the outside by an editor's tunnel")


def _docker(notes: Notes, script: Script, call: Call) -> None:
    if call.argv[1:2] not in (("run",), ("create",), ("pull",)):
        return
    for word in call.argv[2:]:
        name = base(word.partition(":")[0])
        if (
            word[:1] != "-"
            and "/" in word
            and name in ("cloudflared", "ngrok", "frpc", "chisel", "inlets", "gost", "tailscale")
        ):
            notes.add(
                "fetch" if call.argv[1] == "pull" else "service", words=f"starts a tunnel container, {plain(name)}"
            )


READERS: Final[dict[str, Reader]] = {
    "chisel": _chisel,
    "frpc": _frp,
    "frps": _frp,
    "gost": _gost,
    "ngrok": _ngrok,
    "cloudflared": _cloudflared,
    "bore": _verbs(
        {"local": ("service", "opens this sandbox to the outside by bore"), "server": ("relay", "starts a bore server")}
    ),
    "lt": _lt,
    "localtunnel": _lt,
    "rathole": _named("program", "starts a rathole tunnel"),
    "zrok": _verbs(
        {
            "share": ("service", "opens this sandbox to the outside by zrok"),
            "reserve": ("set_up", "prepares zrok"),
            "enable": ("set_up", "prepares zrok"),
        }
    ),
    "inlets": _verbs(
        {
            "client": ("service", "opens this sandbox to the outside by inlets"),
            "http": ("service", "opens this sandbox to the outside by inlets"),
            "tcp": ("service", "opens this sandbox to the outside by inlets"),
        }
    ),
    "inlets-pro": _named("service", "opens this sandbox to the outside by inlets"),
    "devtunnel": _verbs(
        {
            "host": ("service", "opens this sandbox to the outside by devtunnel"),
            "create": ("set_up", "prepares devtunnel"),
        }
    ),
    "code": _code_tunnel,
    "code-insiders": _code_tunnel,
    "tunnelmole": _named("service", "opens this sandbox to the outside by tunnelmole"),
    "tmole": _named("service", "opens this sandbox to the outside by tunnelmole"),
    "pagekite": _named("service", "opens this sandbox to the outside by pagekite"),
    "pagekite.py": _named("service", "opens this sandbox to the outside by pagekite"),
    "telebit": _named("service", "opens this sandbox to the outside by telebit"),
    "holepunch": _named("service", "opens this sandbox to the outside"),
    "loophole": _named("service", "opens this sandbox to the outside by loophole"),
    "playit": _named("service", "opens this sandbox to the outside by playit"),
    "tmate": _named("service", "shares its terminal with the outside by tmate"),
    "upterm": _verbs({"host": ("service", "shares its terminal with the outside by upterm")}),
    "gs-netcat": _named("service", "opens this sandbox to the outside by gsocket"),
    "gsocket": _named("service", "opens this sandbox to the outside by gsocket"),
    "wstunnel": _named("program", "opens a tunnel over WebSocket"),
    "revsocks": _named("program", "opens a reverse proxy"),
    "ligolo": _ligolo,
    "ligolo-agent": _ligolo,
    "ligolo-ng": _ligolo,
    "agent": _ligolo,
    "sshuttle": _named("program", "routes networks through ssh by sshuttle", 5.0),
    "iodine": _named("covert", "opens a tunnel over DNS by iodine"),
    "iodined": _named("covert", "serves a tunnel over DNS by iodine"),
    "dnscat": _named("covert", "opens a tunnel over DNS by dnscat"),
    "dnscat2": _named("covert", "opens a tunnel over DNS by dnscat"),
    "dnscat2-client": _named("covert", "opens a tunnel over DNS by dnscat"),
    "dns2tcpc": _named("covert", "opens a tunnel over DNS by dns2tcp"),
    "dns2tcpd": _named("covert", "serves a tunnel over DNS by dns2tcp"),
    "dnstt-client": _named("covert", "opens a tunnel over DNS by dnstt"),
    "slipstream-client": _named("covert", "opens a tunnel over DNS"),
    "ptunnel": _named("covert", "opens a tunnel over ICMP by ptunnel"),
    "ptunnel-ng": _named("covert", "opens a tunnel over ICMP by ptunnel"),
    "hans": _named("covert", "opens a tunnel over ICMP by hans"),
    "icmptunnel": _named("covert", "opens a tunnel over ICMP"),
    "icmpsh": _named("covert", "opens a shell over ICMP"),
    "tailscaled": _named("overlay", "starts tailscale"),
    "zerotier-cli": _verbs({"join": ("overlay", "joins a ZeroTier network")}),
    "zerotier-one": _named("overlay", "starts ZeroTier"),
    "netbird": _verbs({"up": ("overlay", "joins a NetBird network")}),
    "nebula": _named("overlay", "joins a Nebula network"),
    "n2n": _named("overlay", "joins an n2n network"),
    "openconnect": _named("overlay", "joins a VPN", 3.6),
    "tor": _named("proxy", "starts Tor"),
    **{
        name: _named("proxy", f"starts a proxy, {name}")
        for name in (
            "microsocks",
            "3proxy",
            "danted",
            "sockd",
            "tinyproxy",
            "v2ray",
            "xray",
            "sing-box",
            "ss-local",
            "ss-server",
            "sslocal",
            "hysteria",
            "trojan",
            "trojan-go",
            "clash",
            "mihomo",
            "redir",
            "rinetd",
            "simpleproxy",
            "brook",
            "shadowsocks",
        )
    },
    **dict.fromkeys(
        (
            "npx",
            "bunx",
            "npm",
            "pnpm",
            "yarn",
            "pip",
            "pip3",
            "apt",
            "apt-get",
            "yum",
            "dnf",
            "apk",
            "brew",
            "snap",
            "go",
            "cargo",
        ),
        _npx,
    ),
    **dict.fromkeys(FETCHERS, _fetches),
    "git": _git,
    **dict.fromkeys(("docker", "podman", "nerdctl"), _docker),
}
