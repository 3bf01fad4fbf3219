"""Commands that search hosts and ports: scanners, loops of connections, guessing of passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Fact, Notes, Table, shown
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Call, Script
from pipeline.shell.options import names, parse
from pipeline.shell.places import bare_address, base, own, plain, url
from pipeline.shell.python_code import Program, read_python

TITLE = "scan run by a command"
LOOKS_FOR = (
    "Commands that search the network: nmap and its kin over several hosts or ports, loops of nc, ping, curl or /dev/tcp "
    "over a range, socket loops in Python, guessing of passwords; one target and one port is no scan."
)
KIND = 2
STORY = "scan"
ATTACK = ("T1046", "T1018", "T1110", "T1595")

STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step

# Nats: by how many targets a command reaches. Nobody at ordinary work tries more than 16 hosts or 100 ports by hand
# (2,473 innocent command logs of the development recordings: none but one-liners that are sweeps; a scraper reads 12
# hosts); one host with a scanner is what people do who look after it, so it stands below 5.3, a score of 50.
TABLE = Table(
    looks=[
        Fact("install", 0.9, "fetches or installs a scanner", "T1046", 0.9),
        Fact("own_host", 0.8, "scans this machine", "T1046", 0.8),
        Fact("few", 1.2, "tries a few hosts or ports in a loop", "T1046"),
        Fact("shares", 1.4, "asks for shares or services of a host", "T1135"),
    ],
    acts=[
        Fact("sweep", 6.6, "tries many hosts", "T1018", 6.2),
        Fact("ports", 6.4, "tries many ports of a host", "T1046", 5.8),
        Fact("several", 3.0, "tries several hosts or ports", "T1046", 3.0),
        Fact("one_host", 4.4, "scans one host", "T1046"),
        Fact("list", 3.4, "tries the hosts of a list", "T1018", 1.8),
        Fact("guess", 6.6, "guesses passwords", "T1110", 5.0),
        Fact("vulnerable", 5.4, "searches a host for weaknesses", "T1595.002"),
        Fact("directories", 3.6, "guesses names on a web server", "T1595.003"),
        Fact("names", 3.4, "guesses names in a domain", "T1590.002"),
        Fact("flood", 5.6, "floods a host with packets", "T1498"),
        Fact("network", 6.2, "searches the local network", "T1018"),
    ],
)


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 3.0
    looks_wear: float = 0.1
    acts_wear: float = 0.03


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "scan")


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> judge(read("nmap -sS -p 22 10.0.0.0/24")).words
        'scans 256 addresses of 10.0.0.0/24 by nmap'
        >>> judge(read("nc -z localhost 5432")) is None
        True
    """
    notes = Notes(TABLE)
    waits = any(call.loop and call.name in ("sleep", "break") for call in script.calls)
    for call in script.calls:
        if waits and call.loop_items[:1] == ("1",) and call.loop_count < 64:
            call = replace(call, loop=0)  # the counter of a loop that waits for one target, not a part of its address
        for redirect in call.redirects:
            if redirect.target.startswith(("/dev/tcp/", "/dev/udp/")):
                host, _, port = redirect.target[9:].partition("/")
                _tried(notes, call, "/dev/tcp", [host], [port])
        reader = _BY_NAME.get(call.name)
        if reader is not None:
            reader(notes, call)
        elif call.name and (match := _VERSIONED.match(call.name)):
            reader = _BY_NAME.get(match.group(1))
            if reader is not None:
                reader(notes, call)
    for language, source in script.code:
        if language.startswith("py"):
            _python(notes, source)
    return notes.finding()


_VERSIONED: Final = re.compile(
    r"(nmap|masscan|zmap|rustscan|naabu|fscan|hydra|zgrab)[-_.]?(?:v?\d|linux|amd64|x86_64|static|2).*$"
)


# how many


def span(word: str) -> int:
    """How many addresses a target of a scanner stands for.

    Example:
        >>> [span(w) for w in ("10.0.0.0/24", "10.0.0.1-20", "10.0.1-3.*", "host.example", "10.0.0.1-10.0.0.9")]
        [256, 20, 768, 1, 9]
    """
    head, cut, bits = word.partition("/")
    if cut and bits.isdecimal() and not word.startswith("http"):
        width = 128 if ":" in head else 32
        return 1 << min(max(width - int(bits[:3]), 0), 24)
    ends = re.fullmatch(r"(\d+\.\d+\.\d+\.)(\d+)-\1(\d+)", word)
    if ends:
        return max(int(ends.group(3)[:4]) - int(ends.group(2)[:4]) + 1, 1)
    parts = word.split(".")
    if len(parts) != 4:
        return 1
    count = 1
    for part in parts:
        if part == "*":
            count *= 256
            continue
        size = 0
        for piece in part.split(","):
            low, dash, high = piece.partition("-")
            if (not low.isdecimal() and low) or (high and not high.isdecimal()):
                return 1
            size += max(int(high or 255) - int(low or 0) + 1, 1) if dash else 1
        count *= size
    return min(count, 1 << 24)


def port_span(word: str) -> int:
    """How many ports `22,80,8000-8100` or `-` or `1-1024` stands for.

    Example:
        >>> [port_span(w) for w in ("22", "22,80,8000-8100", "-", "1-1024", "http")]
        [1, 103, 65535, 1024, 1]
    """
    if word == "-":
        return 65535
    count = 0
    for piece in word.split(","):
        low, dash, high = piece.strip("TUS:").partition("-")
        if dash and (low.isdecimal() or not low) and (high.isdecimal() or not high):
            count += max(min(int(high[:6] or 65535), 65535) - int(low[:6] or 1) + 1, 1)
        else:
            count += 1
    return count


def _names(targets: Sequence[str]) -> str:
    return (
        plain(targets[0]) + (f" and {len(targets) - 1} more" if len(targets) > 1 else "")
        if targets
        else "hosts of a list"
    )


def _hosts(
    notes: Notes, tool: str, count: int, targets: Sequence[str], verb: str = "scans", scanner: bool = True
) -> None:
    """Note how many hosts are tried."""
    words = f"{verb} {count} addresses of {_names(targets)} by {tool}"
    if count >= 32:
        notes.add("sweep", words=words)
    elif count >= 16:
        notes.add("several", 5.6 if scanner else 4.6, "T1018", words)
    elif count >= 8:
        notes.add("several", 5.0 if scanner else None, "T1018", words)
    elif count >= 4:
        notes.add("several" if scanner else "few", 4.6 if scanner else None, "T1018", words)


# scanners


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
    _scanner(notes, call, "nmap", targets, ports, listed)


def _scanner(notes: Notes, call: Call, tool: str, targets: Sequence[str], ports: int, listed: bool) -> None:
    foreign = [t for t in targets if not own(t.partition("/")[0])]
    count = sum(span(t) for t in foreign)
    if foreign and call.loop and any(_varies(t, call) for t in foreign):
        count = max(count, call.loop_count, len(call.loop_items))
        if not call.loop_count:
            listed = True
    if count >= 4:
        _hosts(notes, tool, count, foreign)
    elif listed:
        notes.add("list", 6.2, words=f"scans hosts of a list by {tool}")
    elif foreign:
        host = _names(foreign)
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
    _scanner(notes, call, call.name, targets, ports, listed)
    if call.name in ("masscan", "zmap", "fscan", "unicornscan") and not notes.mask & notes.table.bit["sweep"]:
        notes.add("ports", 5.8, words=f"scans {_names(targets)} by {call.name}")


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
        _hosts(notes, "fping", max(count, 16), targets, "pings")
    elif options.has("f", "file"):
        notes.add("list", words="pings the hosts of a list")
    else:
        _hosts(notes, "fping", len(targets), targets, "pings", scanner=False)


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


def _fact(
    name: str, verb: str, nats: float | None = None, verbs: tuple[str, ...] = ()
) -> Callable[[Notes, Call], None]:
    def reader(notes: Notes, call: Call) -> None:
        words = call.argv[1:]
        if not words or _asked_only(words):
            return
        if verbs and not any(w in verbs for w in words):
            return
        targets = [w for w in words if w[:1] != "-" and _host(w)]
        if targets and all(own(_host(t)) for t in targets):
            notes.add("own_host", words=f"{verb} this machine by {plain(call.name)}")
        else:
            place = f" {plain(targets[-1])}" if targets else ""
            notes.add(name, nats, words=f"{verb}{place} by {plain(call.name)}")

    return reader


def _host(word: str) -> str:
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
    targets = [w for w in words if _host(w)]
    notes.add(
        "guess", words=f"guesses passwords of {_names(targets) if targets else 'other hosts'} by {plain(call.name)}"
    )


def _crackmapexec(notes: Notes, call: Call) -> None:
    targets = [w for w in call.argv[1:] if span(w) > 1 or bare_address(w)]
    if len(call.argv) > 2:
        notes.add(
            "guess" if any(w in ("-p", "-H", "-P") for w in call.argv) else "sweep",
            6.4,
            words=f"tries services of {_names(targets)} by {plain(call.name)}",
        )


# loops


def _varies(text: str, call: Call) -> bool:
    """Whether `text` (a host or port in the call's first run) changes from run to run.

    Only the first run's words are known: a text varies where it holds the first item as a whole part.
    """
    if "$" in text or "{}" in text or "`" in text or text in ("%", "^"):
        return True
    if not call.loop_items or own(text):
        return False
    first = call.loop_items[0]
    if first == text:
        return True
    if not first:
        return False
    if bare_address(text):
        parts, items = text.split("."), first.split(".")
        return (
            any(parts[k : k + len(items)] == items for k in range(1, len(parts) - len(items) + 1))
            or parts[: len(items)] == items
        )
    edge = r"(?<!\d)" if first[0].isdigit() else r"(?<![A-Za-z])"
    close = r"(?!\d)" if first[-1].isdigit() else r"(?![A-Za-z])"
    return re.search(edge + re.escape(first) + close, text) is not None


def _tried(notes: Notes, call: Call, tool: str, hosts: Sequence[str], ports: Sequence[str], sure: bool = True) -> None:
    """A connection that the call makes; `sure` where the tool does nothing but try whether somebody answers."""
    if not hosts:
        return
    if not call.loop:
        return
    host_varies = any(_varies(h, call) for h in hosts)
    port_varies = any(_varies(p, call) for p in ports)
    if not host_varies and not port_varies and call.loop < 2:
        return
    count = call.loop_count or len(call.loop_items)
    here = all(own(h) for h in hosts)
    if call.loop >= 2 and not host_varies and not port_varies and not count:
        return
    words_end = f"{_names(hosts)}" + (f" port {plain(ports[0])}" if ports else "")
    if host_varies or (call.loop >= 2 and not here):
        literal = any(bare_address(h) or re.match(r"\d+\.\d+\.", h) for h in hosts)
        if not count:
            notes.add(
                "list", None if sure else 1.8, words=f"tries hosts of a list by {tool}, {words_end}"
            ) if sure else notes.add("few", 1.4)
            return
        words = f"tries {count} hosts by {tool}, from {words_end} on"
        if not literal and not sure:
            count //= 2
        if count >= 32:
            notes.add("sweep", words=words)
        elif count >= 16:
            notes.add("several", 5.0 if sure else 4.0, "T1018", words)
        elif count >= 8:
            notes.add("several" if sure else "few", None if sure else 2.2, "T1018", words)
        elif count >= 4:
            notes.add("few", words=words)
        return
    if port_varies:
        words = f"tries {count or 'many'} ports by {tool}, from {words_end} on"
        if here:
            notes.add("own_host", 1.6 if count >= 100 else None, words=words)
        elif count >= 64:
            notes.add("ports", words=words)
        elif count >= 16:
            notes.add("several", 4.6, "T1046", words)
        elif count >= 6 or not count:
            notes.add("few", words=words)


_NC_VALUED: Final = "eciopqsTwxXgGIOPVDW"


def _nc(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], _NC_VALUED, {"wait", "source-port", "proxy", "exec", "sh-exec"})
    operands = options.operands
    if len(operands) < 2 or options.has("l", "U"):
        if operands and call.loop:
            _tried(notes, call, "nc", operands[:1], operands[1:])
        return
    hosts, ports = operands[:1], operands[1:]
    count = sum(port_span(p) for p in ports)
    if own(hosts[0]):
        if count >= 20:
            notes.add("own_host")
    elif count >= 64:
        notes.add("ports", words=f"tries {count} ports of {plain(hosts[0])} by nc")
    elif count >= 16:
        notes.add("several", 4.6, "T1046", f"tries {count} ports of {plain(hosts[0])} by nc")
    elif count >= 6:
        notes.add("few")
    _tried(notes, call, "nc", hosts, ports)


def _ping(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "cwWiIstTlpQMmF")
    hosts = options.operands[:1] or options.all("c")[1:]
    if len(options.operands) >= 4:
        _hosts(notes, "ping", len(options.operands), options.operands, "pings", scanner=False)
    _tried(notes, call, call.name, hosts, [])


def _curl(notes: Notes, call: Call) -> None:
    hosts: list[str] = []
    ports: list[str] = []
    for word in call.argv[1:]:
        if word[:1] == "-":
            continue
        found = _AUTHORITY.match(word)
        if found is None:
            continue
        host, port = found.group(1), found.group(2) or ""
        glob = re.search(r"\[(\d+)-(\d+)\]", host)
        if glob:
            _hosts(notes, "curl", int(glob.group(2)[:6]) - int(glob.group(1)[:6]) + 1, [host], "tries", scanner=False)
        hosts.append(host)
        if port:
            ports.append(port)
    if not call.loop or not hosts:
        return
    short = any(
        w in ("-m", "--max-time", "--connect-timeout", "-sm", "-T", "--timeout", "-t", "--spider")
        or re.match(r"-[a-zA-Z]*m\d*$|--(?:max-time|connect-timeout|timeout|tries)=", w)
        for w in call.argv[1:]
    )
    _tried(notes, call, call.name, hosts, ports, sure=short and any(re.match(r"[\d$]", h) for h in hosts))


_AUTHORITY: Final = re.compile(
    r"(?:\w+://)?(?:[^/@\s]*@)?(\[[0-9a-fA-F:]+\]|(?:[\w.$%*{}-]|\[\d+-\d+\])+)(?::([\w${}-]+))?(?:[/?]|$)"
)


def _telnet(notes: Notes, call: Call) -> None:
    operands = parse(call.argv[1:], "elbXn").operands
    _tried(notes, call, "telnet", operands[:1], operands[1:2])


def _ssh(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "BbcDEeFIiJLlmOopQRSWw", stop_at_operand=True)
    if not call.loop or not options.operands:
        return
    host = options.operands[0].rpartition("@")[2]
    guesses = "sshpass" in call.via
    tests = any(
        "ConnectTimeout" in o or "BatchMode" in o or "StrictHostKeyChecking" in o for o in options.all("o")
    ) and options.operands[1:2] in (["exit"], ["true"], [":"], ["id"], ["hostname"], ["echo"])
    varies = _varies(host, call)
    if guesses and not varies and (call.loop_count >= 8 or not call.loop_count):
        notes.add("guess", 5.0, words=f"tries passwords of {plain(host)} by ssh")
    elif varies and bare_address(host):
        _tried(notes, call, "ssh", [host], [], sure=guesses or tests)


def _keyscan(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "fpTt")
    if options.has("f"):
        notes.add("list", words="asks the hosts of a list for ssh keys")
    _hosts(notes, "ssh-keyscan", sum(span(o) for o in options.operands), options.operands, "asks", scanner=False)
    _tried(notes, call, "ssh-keyscan", options.operands[:1], [])


def _dns(notes: Notes, call: Call) -> None:
    operands = [w for w in call.argv[1:] if w[:1] not in "-+@"]
    reverse = "-x" in call.argv or any(bare_address(o) for o in operands)
    if reverse and call.loop and any(_varies(o, call) for o in operands) and call.loop_count >= 32:
        notes.add("sweep", words=f"asks for the names of {call.loop_count} addresses")


def _parallel(notes: Notes, call: Call) -> None:
    words = list(call.argv[1:])
    if ":::" not in words:
        return
    cut = words.index(":::")
    items = len(words) - cut - 1
    if (
        any(
            base(w) in ("nc", "ncat", "ping", "curl", "telnet", "nmap", "ssh")
            for part in words[:cut]
            for w in part.split()
        )
        and items >= 8
    ):
        _hosts(notes, "parallel", items, words[cut + 1 :], "tries", scanner=False)


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


# programs in Python


def _python(notes: Notes, source: str) -> None:
    program = read_python(source)
    if program is None:
        return
    if program.imports & {"scapy"} and program.called("sr", "srp", "sr1", "arping", "srp1"):
        nets = [t for t in program.texts if span(t) >= 8]
        if nets:
            notes.add("network", words=f"searches {plain(nets[0])} from a Python program")
        elif any(c.loops for c in program.calls if c.last in ("sr1", "srp1", "sr")):
            notes.add("several", 4.6, "T1046", "probes in a loop from a Python program")
    if program.imports & {"nmap"} and program.called("scan"):
        nets = [t for c in program.calls if c.last == "scan" for t in c.texts]
        _scanner(
            notes,
            Call("python", ("python",)),
            "a Python program",
            [t for t in nets if _host(t) or span(t) > 1][:4],
            1000,
            False,
        )
    _python_loops(notes, program)


def _python_loops(notes: Notes, program: Program) -> None:
    best = 0
    for call in program.calls:
        if call.loops and call.last in ("connect", "connect_ex", "create_connection", "open_connection"):
            best = max(best, call.runs if call.runs > 1 else 0)
        elif (
            call.loops
            and call.last in ("urlopen", "get", "head", "HTTPConnection")
            and program.imports & {"urllib", "requests", "httpx", "http", "aiohttp"}
        ):
            varying = [
                t
                for t in call.texts
                if re.search(r"https?://[^/]*(?:%[ds]|\{\w*\}|\.)$|https?://\d+\.\d+\.\d+\.(?:%[ds]|\{)", t)
            ]
            if varying:
                best = max(best, call.runs if call.runs > 1 else 0)
        elif (
            call.loops
            and call.last in ("system", "run", "call", "Popen", "check_output", "getoutput")
            and any(re.match(r"\s*(?:ping|nc|nmap|fping)\b", t) for t in call.texts)
        ):
            best = max(best, call.runs if call.runs > 1 else 0)
    if best < 4:
        return
    targets = [
        t for t in program.texts if re.match(r"(?:https?://)?\d+\.\d+(?:\.\d+)?\.?(?:%[ds]|\{|\d|$)", t) or span(t) > 1
    ]
    here = any(own(t) for t in program.texts) and not targets
    words = f"tries {best} hosts or ports from a Python program" + (f", {plain(targets[0])}" if targets else "")
    if here:
        notes.add("own_host", words="tries ports of this machine from a Python program")
    elif best >= 32:
        notes.add("sweep", words=words)
    elif best >= 16:
        notes.add("several", 5.0, "T1046", words)
    elif best >= 8:
        notes.add("several", words=words)
    else:
        notes.add("few", words=words)


_BY_NAME: dict[str, Callable[[Notes, Call], None]] = {
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
        n: _fact("vulnerable", "searches for weaknesses of")
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
        n: _fact("directories", "guesses names on")
        for n in ("gobuster", "ffuf", "dirb", "wfuzz", "feroxbuster", "dirsearch", "dirbuster")
    },
    **{
        n: _fact("names", "guesses names in")
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
        n: _fact("vulnerable", "lists accounts and shares of")
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
        n: _fact("shares", "asks for shares of") for n in ("smbclient", "showmount", "rpcinfo", "snmpwalk", "rpcclient")
    },
    **dict.fromkeys(("hydra", "medusa", "ncrack", "patator", "crowbar", "thc-hydra", "brutespray"), _hydra),
    **dict.fromkeys(("crackmapexec", "netexec", "nxc", "cme"), _crackmapexec),
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _nc),
    **dict.fromkeys(("ping", "ping6"), _ping),
    **dict.fromkeys(("curl", "wget", "http", "httpie"), _curl),
    "telnet": _telnet,
    "ssh": _ssh,
    "ssh-keyscan": _keyscan,
    **dict.fromkeys(("dig", "host", "nslookup"), _dns),
    "parallel": _parallel,
    **dict.fromkeys(
        ("apt", "apt-get", "yum", "dnf", "apk", "pacman", "brew", "zypper", "pip", "pip3", "go", "cargo", "snap"),
        _install,
    ),
    "git": _git,
}
