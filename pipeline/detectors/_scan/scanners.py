"""Programs made for searching networks and guessing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._scan.loops import changes
from pipeline.detectors._scan.table import note_hosts, some_of
from pipeline.shell.calls import Call
from pipeline.shell.options import names, parse
from pipeline.shell.places import bare_address, base, own, plain, url
from pipeline.shell.spans import port_span, span

__all__ = ["host_in", "note_scan"]


def _asked_only(words: Sequence[str]) -> bool:
    return all(
        w in ("--version", "-V", "-h", "--help", "--iflist", "-v", "version", "--script-help", "--script-updatedb")
        for w in words
    )


_NMAP_VALUED: Final = "pSDgeiTo"
_NMAP_LONG: Final = names(
    "script script-args max-rate min-rate max-retries min-parallelism max-parallelism host-timeout exclude "
    "excludefile top-ports source-port data-length ttl spoof-mac scan-delay max-scan-delay min-hostgroup max- "
    "hostgroup dns-servers version-intensity max-rtt-timeout min-rtt-timeout initial-rtt-timeout stylesheet "
    "datadir proxies data data-string resume"
)


def _nmap(notes: Notes, call: Call) -> None:
    words = list(call.argv[1:])
    if not words or _asked_only(words):
        return
    targets: list[str] = []
    ports, listed = 1000, False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word in ("-iL", "-iR"):
            listed = True
            at += 1
        elif word in ("-oN", "-oX", "-oG", "-oA", "-oS", "-e", "-S", "-D", "-g", "-PS", "-T") and not (
            word == "-PS" or word == "-T"
        ):
            at += 1
        elif word == "-p":
            ports = port_span(words[at]) if at < len(words) else 1
            at += 1
        elif word.startswith("-p") and len(word) > 2:
            ports = port_span(word[2:])
        elif word in ("-sn", "-sP", "-sL"):
            ports = 1
        elif word == "-F":
            ports = 100
        elif word.startswith("--"):
            if "=" not in word and word[2:] in _NMAP_LONG:
                if word == "--top-ports" and at < len(words) and words[at].isdecimal():
                    ports = int(words[at][:5])
                at += 1
        elif word[:1] != "-":
            targets.append(word)
    note_scan(notes, call, "nmap", targets, ports, listed)


def note_scan(notes: Notes, call: Call, tool: str, targets: Sequence[str], ports: int, listed: bool) -> None:
    foreign = [t for t in targets if not own(t.partition("/")[0])]
    count = sum(span(t) for t in foreign)
    if foreign and call.loop and any(changes(t, call) for t in foreign):
        count = max(count, call.loop_count, len(call.loop_items))
        if not call.loop_count:
            listed = True
    if count >= 4:
        note_hosts(notes, tool, count, foreign)
    elif listed:
        notes.add("list", 6.2, words=f"scans hosts of a list by {tool}")
    elif foreign:
        host = some_of(foreign)
        wide = 4.8 if ports >= 60000 else None if ports >= 20 else 0.0
        if wide == 0.0:
            notes.add("several", words=f"scans {ports} ports of {host} by {tool}")
        else:
            notes.add("one_host", wide, words=f"scans {ports} ports of {host} by {tool}")
    elif targets:
        notes.add("own_host")


def _masscan(notes: Notes, call: Call) -> None:
    words = call.argv[1:]
    if not words or _asked_only(words):
        return
    options = parse(
        words,
        "pieorcwBAtu",
        {
            "rate",
            "ports",
            "range",
            "iL",
            "include-file",
            "excludefile",
            "adapter-ip",
            "target",
            "source-ip",
            "retries",
            "wait",
            "output-file",
            "addresses",
            "host",
            "top-ports",
            "batch-size",
            "timeout",
            "interface",
        },
    )
    listed = options.has("iL", "include-file") or "-iL" in words or any(w in ("-l", "-list", "-hf") for w in words)
    targets = [w for w in options.operands if re.match(r"[\w*-]+(?:\.[\w*,-]+)+", w)]
    targets += options.all("range", "target", "addresses", "host", "a") if call.name != "zmap" else []
    ports = sum(port_span(p) for p in options.all("p", "ports")) or 100
    if call.name in ("zmap", "masscan") and not targets and not listed:
        targets = ["0.0.0.0/0"]
    note_scan(notes, call, call.name, targets, ports, listed)
    if call.name in ("masscan", "zmap", "fscan", "unicornscan") and not notes.mask & notes.table.bit["sweep"]:
        notes.add("ports", 5.8, words=f"scans {some_of(targets)} by {call.name}")


def _sweeper(notes: Notes, call: Call) -> None:
    words = call.argv[1:]
    if _asked_only(words) and words:
        return
    notes.add("network", words=f"searches the local network by {plain(call.name)}")


def _fping(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "bcCfHiIMOpPQrtTxX", {"file", "count", "generate-from"})
    targets = options.operands
    if options.has("g", "generate"):
        if len(targets) >= 2 and bare_address(targets[0]) and bare_address(targets[1]):
            first, last = (int(t.rpartition(".")[2]) if t.rpartition(".")[2].isdecimal() else 0 for t in targets[:2])
            count = max(last - first + 1, 2)
        else:
            count = sum(span(t) for t in targets)
        note_hosts(notes, "fping", max(count, 16), targets, "pings")
    elif options.has("f", "file"):
        notes.add("list", words="pings the hosts of a list")
    else:
        note_hosts(notes, "fping", len(targets), targets, "pings", scanner=False)


def _hping(notes: Notes, call: Call) -> None:
    words = call.argv[1:]
    if not words or _asked_only(words):
        return
    target = plain(next((w for w in words if "." in w and w[:1] != "-"), "a host"))
    if any(w in ("--flood", "--faster", "-i") and (w != "-i" or "u" in "".join(words)) for w in words):
        notes.add("flood", words=f"floods {target} with packets")
    elif any(w in ("--scan", "-8") for w in words):
        notes.add("ports", words=f"scans ports of {target} by hping")
    elif target != "a host" and not own(target):
        notes.add("one_host", words=f"probes {target} by hping")


def _by_name(
    name: str, verb: str, nats: float | None = None, verbs: tuple[str, ...] = ()
) -> Callable[[Notes, Call], None]:
    def reader(notes: Notes, call: Call) -> None:
        words = call.argv[1:]
        if not words or _asked_only(words):
            return
        if verbs and not any(w in verbs for w in words):
            return
        targets = [w for w in words if w[:1] != "-" and host_in(w)]
        if targets and all(own(host_in(t)) for t in targets):
            notes.add("own_host", words=f"{verb} this machine by {plain(call.name)}")
        else:
            place = f" {plain(targets[-1])}" if targets else ""
            notes.add(name, nats, words=f"{verb}{place} by {plain(call.name)}")

    return reader


def host_in(word: str) -> str:
    found = url(word)
    if found is not None:
        return found.host
    name = word.rpartition("@")[2].partition(":")[0]
    return (
        name
        if ("." in name and not name.endswith((".txt", ".lst", ".py", ".sh", ".json"))) or name == "localhost"
        else ""
    )


def _hydra(notes: Notes, call: Call) -> None:
    words = call.argv[1:]
    if not words or _asked_only(words) or len(words) < 3:
        return
    targets = [w for w in words if host_in(w)]
    notes.add(
        "guess", words=f"guesses passwords of {some_of(targets) if targets else 'other hosts'} by {plain(call.name)}"
    )


def _crackmapexec(notes: Notes, call: Call) -> None:
    targets = [w for w in call.argv[1:] if span(w) > 1 or bare_address(w)]
    if len(call.argv) > 2:
        notes.add(
            "guess" if any(w in ("-p", "-H", "-P") for w in call.argv) else "sweep",
            6.4,
            words=f"tries services of {some_of(targets)} by {plain(call.name)}",
        )


def _install(notes: Notes, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if len(words) > 1 and words[0] in ("install", "add", "-S", "i") and any(w in _TOOLS for w in words[1:]):
        notes.add("install", words=f"installs {plain(next(w for w in words[1:] if w in _TOOLS))}")


def _git(notes: Notes, call: Call) -> None:
    words = [w for w in call.argv[1:] if w[:1] != "-"]
    if words[:1] == ["clone"] and len(words) > 1 and base(words[1].removesuffix(".git")).lower() in _TOOLS:
        notes.add("install", 1.4)


_TOOLS: Final = names(
    "nmap masscan zmap rustscan naabu hydra medusa ncrack nikto gobuster ffuf hping3 fping arp-scan nbtscan fscan "
    "unicornscan dirb wfuzz sqlmap nuclei theharvester netdiscover enum4linux crackmapexec patator thc-hydra "
    "zgrab2 responder"
)


READERS: Final[dict[str, Callable[[Notes, Call], None]]] = {
    "nmap": _nmap,
    "zenmap": _nmap,
    **dict.fromkeys(
        ("masscan", "zmap", "rustscan", "naabu", "unicornscan", "fscan", "zgrab", "zgrab2", "pnscan"), _masscan
    ),
    **dict.fromkeys(
        ("arp-scan", "netdiscover", "nbtscan", "arping-scan", "bettercap", "responder", "p0f", "sx"), _sweeper
    ),
    "fping": _fping,
    **dict.fromkeys(("hping", "hping2", "hping3", "nping"), _hping),
    **{
        n: _by_name("vulnerable", "searches for weaknesses of")
        for n in (
            "nikto",
            "nuclei",
            "wpscan",
            "sqlmap",
            "openvas",
            "commix",
            "xsstrike",
            "joomscan",
            "searchsploit-run",
            "whatweb",
            "wapiti",
            "skipfish",
            "msfconsole",
            "msfvenom",
        )
    },
    **{
        n: _by_name("directories", "guesses names on")
        for n in ("gobuster", "ffuf", "dirb", "wfuzz", "feroxbuster", "dirsearch", "dirbuster")
    },
    **{
        n: _by_name("names", "guesses names in")
        for n in (
            "dnsrecon",
            "dnsenum",
            "fierce",
            "amass",
            "subfinder",
            "sublist3r",
            "dnsmap",
            "assetfinder",
            "theharvester",
        )
    },
    **{
        n: _by_name("vulnerable", "lists accounts and shares of")
        for n in (
            "enum4linux",
            "enum4linux-ng",
            "smbmap",
            "onesixtyone",
            "ldapdomaindump",
            "kerbrute",
            "impacket-GetNPUsers",
        )
    },
    **{
        n: _by_name("shares", "asks for shares of")
        for n in ("smbclient", "showmount", "rpcinfo", "snmpwalk", "rpcclient")
    },
    **dict.fromkeys(("hydra", "medusa", "ncrack", "patator", "crowbar", "thc-hydra", "brutespray"), _hydra),
    **dict.fromkeys(("crackmapexec", "netexec", "nxc", "cme"), _crackmapexec),
    **dict.fromkeys(
        ("apt", "apt-get", "yum", "dnf", "apk", "pacman", "brew", "zypper", "pip", "pip3", "go", "cargo", "snap"),
        _install,
    ),
    "git": _git,
}
