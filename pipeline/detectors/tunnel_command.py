"""Commands that open a way in or out past the sandbox's wall: ssh forwards, relays, tunnel services."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Fact, Notes, Table, shown
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Call, Script
from pipeline.shell.fetches import FETCHERS, fetch
from pipeline.shell.options import Options, names, parse
from pipeline.shell.places import base, inside, own, plain
from pipeline.shell.python_code import read_python
from pipeline.shell.writes import writes

TITLE = "tunnel opened by a command"
LOOKS_FOR = (
    "Commands that open a tunnel: ssh with -R, -D, -w or forwards in its configuration, autossh, chisel, frp, ngrok, "
    "cloudflared, relays between two network ends, overlay networks, tunnels over DNS or ICMP."
)
KIND = 2
STORY = "tunnel"
ATTACK = ("T1572", "T1090", "T1021.004", "T1071.004")

STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step

# Nats: a program or option that has no other use than a way in from outside stands above 6.2 (a score of 70) by itself;
# what people at work also use (a port forwarded to oneself, an overlay network, a proxy) stands below 5.3 (a score of
# 50). No recording of innocent command logs (2,452 of agents at tasks, 10,624 one-liners) shows one of the first kind
# more than once in a hundred logs; of the one-liners of system administrators 3 are ssh -R.
TABLE = Table(
    looks=[
        Fact("fetch", 1.6, "fetches or installs a tunnel program", "T1105"),
        Fact("local", 1.0, "forwards a local port through ssh", "T1572"),
        Fact("quiet", 0.6, "keeps an ssh session open for its sharing", "T1021.004"),
    ],
    acts=[
        Fact("reverse", 7.0, "opens a port outside into this sandbox", "T1572"),
        Fact("reverse_inside", 4.4, "opens a port of an internal host into this sandbox", "T1572"),
        Fact("socks", 3.8, "opens a proxy through ssh", "T1090"),
        Fact("device", 4.6, "opens a network device through ssh", "T1572"),
        Fact("unseen", 4.2, "keeps an ssh session open without command or forward in sight", "T1572"),
        Fact("configured", 6.4, "writes a remote forward into the configuration of ssh", "T1572"),
        Fact("service", 6.4, "opens this sandbox to the outside by a tunnel service", "T1572", 5.6),
        Fact("program", 6.0, "starts a tunnel program", "T1572", 5.0),
        Fact("relay", 5.0, "relays between two network ends", "T1090"),
        Fact("overlay", 4.2, "joins an overlay network", "T1572", 3.0),
        Fact("proxy", 3.2, "starts a proxy", "T1090"),
        Fact("covert", 6.6, "opens a tunnel over DNS or ICMP", "T1071.004"),
        Fact("set_up", 2.2, "prepares a tunnel program", "T1572", 2.2),
        Fact("forwarding", 1.4, "lets this machine forward traffic", "T1090", 1.4),
    ],
)


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE. A tunnel lasts, so its evidence fades slowly."""

    half_life_s: float = 3600.0
    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 3.0
    looks_wear: float = 0.05
    acts_wear: float = 0.02


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "tunnel")


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> judge(read("ssh -fNR 2222:localhost:22 u@203.0.113.7")).words
        'opens port 2222 of 203.0.113.7 into localhost:22'
        >>> judge(read("ssh u@203.0.113.7 uptime")) is None
        True
    """
    notes = Notes(TABLE)
    for call in script.calls:
        reader = _BY_NAME.get(call.name)
        if reader is not None:
            reader(notes, script, call)
        elif call.name and (match := _PROGRAMS.match(call.name)):
            reader = _BY_NAME.get(match.group(1))
            if reader is not None:
                reader(notes, script, call)
    for write in writes(script):
        if write.text and not script.calls[write.call].remote:
            _configuration(notes, write.path, write.text)
    for language, source in script.code:
        if language.startswith("py"):
            _python(notes, source)
    return notes.finding()


_PROGRAMS: Final = re.compile(
    r"(ssh|autossh|plink|chisel|frpc|frps|gost|ngrok|cloudflared|bore|rathole|iodine|dnscat|ligolo|zrok|inlets|gs-netcat|socat)"
    r"(?:[-_.](?:v?\d[\w.]*|linux|amd64|arm64|x86_64|static|exe|client|stable|agent)[\w.-]*|2|\.exe)$"
)

# ssh


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


def _configuration(notes: Notes, path: str, text: str) -> None:
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


# programs


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
        if _TUNNEL_FILES.search("/" + found.source.host + found.source.path):
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


def _openvpn(notes: Notes, script: Script, call: Call) -> None:
    if any(w in ("--config", "--remote", "--client") for w in call.argv) or any(
        w.endswith((".ovpn", ".conf")) for w in call.argv[1:]
    ):
        notes.add("overlay", words="joins a VPN")


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


def _python(notes: Notes, source: str) -> None:
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


_BY_NAME: dict[str, Callable[[Notes, Script, Call], None]] = {
    "ssh": _ssh,
    "autossh": _ssh,
    "slogin": _ssh,
    "dbclient": _ssh,
    "plink": _plink,
    "plink.exe": _plink,
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
    "socat": _socat,
    **dict.fromkeys(_NCS, _nc),
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
    "tailscale": _tailscale,
    "tailscaled": _named("overlay", "starts tailscale"),
    "zerotier-cli": _verbs({"join": ("overlay", "joins a ZeroTier network")}),
    "zerotier-one": _named("overlay", "starts ZeroTier"),
    "netbird": _verbs({"up": ("overlay", "joins a NetBird network")}),
    "nebula": _named("overlay", "joins a Nebula network"),
    "n2n": _named("overlay", "joins an n2n network"),
    "wg-quick": _wg,
    "wg": _wg,
    "ip": _wg,
    "openvpn": _openvpn,
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
    "iptables": _iptables,
    "sysctl": _sysctl,
    "proxychains": _proxychains,
    "proxychains4": _proxychains,
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
    **dict.fromkeys(("python", "python3", "python2"), _module),
}
