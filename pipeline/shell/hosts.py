"""The hosts that a call names: who it would talk to, as far as its words say.

Tools are read by the meaning of their operands (``ssh user@host``, ``nc host port``, ``nmap 10.0.0.0/24``); in any
other tool only what is a host beyond doubt counts: a URL with a scheme, ``host:port``, an address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.shell.calls import Call
from pipeline.shell.options import listed
from pipeline.shell.places import address
from pipeline.shell.values import Field
from pipeline.shell.wrappers import Wrapper, skip_options

__all__ = ["Target", "canonical", "named"]

_MOST = 64
_FIGURES = 20
"""Figures from which a number is none: Python refuses to read more than 4300."""
_TEXT = frozenset(
    ["echo", "printf", "grep", "egrep", "fgrep", "zgrep", "rg", "ag", "sed", "awk", "man", "export", "cat", "ls"]
)
"""Tools whose words are text: a host in them is talked about, not to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place that a call names."""

    host: str
    """Lower-case name, canonical address, or a network or range as given to a scanner."""
    port: int | None = None
    user: str | None = None
    count: int = 1
    """How many addresses it stands for."""


_PORTS = {
    "http": 80,
    "https": 443,
    "ftp": 21,
    "ftps": 990,
    "ssh": 22,
    "sftp": 22,
    "git": 9418,
    "ws": 80,
    "wss": 443,
    "rsync": 873,
    "telnet": 23,
    "ldap": 389,
    "ldaps": 636,
    "redis": 6379,
    "rediss": 6379,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "mongodb": 27017,
    "amqp": 5672,
    "mqtt": 1883,
    "smb": 445,
    "rtsp": 554,
    "git+ssh": 22,
    "ssh+git": 22,
    "socks5": 1080,
    "tftp": 69,
    "nats": 4222,
    "grpc": 443,
}
_URL = re.compile(r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]{1,15})://([^\s/?#'\"<>|,]+)")
_AUTHORITY = re.compile(r"(?:([^@]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^:@\[\]]+)(?::(\d{1,5}))?\Z")
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?\Z")
_DOTTED = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)+[A-Za-z]{2,24}\.?\Z")
_PORT_WORD = re.compile(r"([A-Za-z0-9_.-]+\.[A-Za-z0-9-]+|localhost|\[[0-9A-Fa-f:.]+\]):(\d{1,5})\Z")
_DEVICE = re.compile(r"/dev/(?:tcp|udp)/([^/\s]+)/(\d{1,5}|\w+)")
_RANGE = re.compile(
    r"(?:\d{1,3}(?:-\d{1,3})?(?:,\d{1,3}(?:-\d{1,3})?)*|\*|-)(?:\.(?:\d{1,3}(?:-\d{0,3})?(?:,\d{1,3}(?:-\d{1,3})?)*|\*|-)){3}\Z"
)
_FILE_ENDS = (
    ".sh",
    ".py",
    ".txt",
    ".gz",
    ".tgz",
    ".zip",
    ".tar",
    ".json",
    ".conf",
    ".log",
    ".html",
    ".xml",
    ".yml",
    ".yaml",
    ".md",
    ".pl",
    ".c",
    ".h",
    ".js",
    ".so",
    ".pem",
    ".key",
    ".csv",
    ".out",
    ".bak",
    ".sql",
    ".php",
)


def named(call: Call) -> tuple[Target, ...]:
    """The places that `call` names, each once, at most 64.

    Example:
        >>> named(Call("ssh", ("ssh", "-p", "2222", "-R", "9000:localhost:22", "me@Relay.example")))
        (Target(host='relay.example', port=2222, user='me', count=1),)
        >>> named(Call("nmap", ("nmap", "-p", "22,80", "10.0.0.0/24")))
        (Target(host='10.0.0.0/24', port=None, user=None, count=256),)
    """
    if not call.redirects and (call.name in _TEXT or len(call.argv) < 2):
        return ()
    found: dict[Target, None] = {}
    for target in _targets(call):
        if target.host:
            found[target] = None
        if len(found) >= _MOST:
            break
    return tuple(found)


def canonical(host: str) -> str | None:
    """A host as flows would hold it: an address in its usual spelling, a name in lower case; None if it is neither.

    Example:
        >>> canonical("2001:DB8:0::1"), canonical("Example.ORG."), canonical("0x7f000001"), canonical("$X")
        ('2001:db8::1', 'example.org', '127.0.0.1', None)
    """
    text = host.strip("[]")
    if not text or len(text) > 253:
        return None
    found = _address(text)
    if found is not None:
        return found
    name = text.rstrip(".").lower()
    return name if _NAME.match(text) and not name.replace(".", "").isdigit() else None


def _address(text: str) -> str | None:
    if text[0] not in "0123456789abcdefABCDEF:":
        return None
    found = address(text.partition("%")[0])
    if found is None:
        return _odd_address(text)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _odd_address(text: str) -> str | None:
    """Spellings that inet_aton takes: one number, hexadecimal and octal parts."""
    parts = text.split(".")
    if len(parts) > 4 or not all(re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}|\d{1,10}", part) for part in parts):
        return None
    if len(parts) == 1 and len(text) < 8:
        return None
    numbers = [
        int(
            part,
            16
            if part[:2].lower() == "0x"
            else 8
            if part.startswith("0") and part.isdigit() and set(part) <= set("01234567") and len(part) > 1
            else 10,
        )
        for part in parts
    ]
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(parts)):
        return None
    value = numbers[-1]
    for place, number in enumerate(numbers[:-1]):
        value |= number << (24 - 8 * place)
    return str(ipaddress.IPv4Address(value))


def _targets(call: Call) -> Iterator[Target]:
    for redirect in call.redirects:
        match = _DEVICE.match(redirect.target)
        if match:
            yield from _one(match.group(1), match.group(2))
    if call.name in _TEXT:
        return
    words = call.argv[1:]
    reader = _READERS.get(call.name)
    if reader is not None:
        yield from reader(words)
    for word in words[:512]:
        if "://" in word:
            yield from _urls(word)
        elif "/dev/" in word:
            for match in _DEVICE.finditer(word):
                yield from _one(match.group(1), match.group(2))
        elif reader is None and (":" in word or word[:1].isdigit()) and not word.startswith("-"):
            yield from _plain(word)


def _urls(word: str) -> Iterator[Target]:
    for match in _URL.finditer(word[:4096]):
        scheme = match.group(1).lower()
        yield from _authority(match.group(2), _PORTS.get(scheme))


def _authority(text: str, port: int | None = None) -> Iterator[Target]:
    """``user:password@host:port``."""
    if "@" in text:
        user, _, rest = text.rpartition("@")
        text = user.partition(":")[0] + "@" + rest
    match = _AUTHORITY.match(text)
    if match is None:
        return
    user, host, written = match.groups()
    name = canonical(host)
    if name is not None:
        yield Target(name, _port(written, port), user or None)


def _port(text: str | None, default: int | None = None) -> int | None:
    if text and text.isdecimal() and len(text) < _FIGURES and 0 < int(text[:6]) < 65_536:
        return int(text)
    return default


def _one(host: str, port: str | None = None, user: str | None = None) -> Iterator[Target]:
    name = canonical(host)
    if name is not None:
        yield Target(name, _port(port), user)


def _plain(word: str) -> Iterator[Target]:
    """A word of a tool that is not known: an address, or host:port."""
    match = _PORT_WORD.match(word)
    if match and not match.group(1).lower().endswith(_FILE_ENDS):
        yield from _one(match.group(1), match.group(2))
    elif (word[:1].isdigit() and word.count(".") == 3) or word.count(":") > 1:
        found = _strict(word)
        if found is not None:
            yield Target(found)


def _strict(word: str) -> str | None:
    found = address(word.strip("[]"))
    return None if found is None else str(found)


# Tools whose operands are hosts.

_Reader = Callable[[Sequence[str]], Iterator[Target]]


def _split(words: Sequence[str], short: str, long: str = "") -> tuple[list[str], dict[str, list[str]]]:
    """Operands, and the values of options; options may stand anywhere."""
    operands: list[str] = []
    options: dict[str, list[str]] = {}
    names = listed(long)
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            operands += words[at:]
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if not equals and name in names and at < len(words):
                value = words[at]
                at += 1
            options.setdefault(name, []).append(value)
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], 1):
                if letter in short:
                    value = word[place + 1 :]
                    if not value and at < len(words):
                        value = words[at]
                        at += 1
                    options.setdefault(letter, []).append(value)
                    break
                options.setdefault(letter, []).append("")
        else:
            operands.append(word)
    return operands, options


def _ssh(words: Sequence[str]) -> Iterator[Target]:
    fields = [Field("ssh"), *map(Field, words)]
    wrapper = Wrapper("BbcDEeFIiJLlmOopQRSWwM")
    at = skip_options(fields, 1, wrapper)
    _, options = _split(words[: (at or 1) - 1], wrapper.short)
    more = skip_options(fields, at + 1, wrapper) if at is not None and at < len(fields) else None
    if more is not None and at is not None:
        _, later = _split(words[at : more - 1], wrapper.short)
        options |= later
    extra = dict(_pairs(options.get("o", ())))
    port = next(iter(options.get("p", ())), None) or extra.get("port")
    user = next(iter(options.get("l", ())), None) or extra.get("user")
    for jump in [*options.get("J", ()), *filter(None, [extra.get("proxyjump")])]:
        for part in jump.split(","):
            yield from _authority(part.removeprefix("ssh://"), 22)
    if at is not None and at < len(fields) and "://" not in words[at - 1]:
        before, cut, host = words[at - 1].rpartition("@")
        host = extra.get("hostname") or host
        yield from _one(host, port or "22", before if cut else user)
    for value in options.get("W", ()):
        yield from _authority(value)


def _pairs(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    for option in options:
        key, _, value = option.strip().replace("=", " ", 1).partition(" ")
        yield key.lower(), value.strip(" \"'")


def _remote(words: Sequence[str]) -> Iterator[Target]:
    """scp, rsync, sftp: ``user@host:path``."""
    operands, options = _split(
        words, "cDFiJloPSXeBbfpTM", "--rsh --exclude --include --port --filter --files-from --bwlimit"
    )
    port = next(iter(options.get("P", ())), None)
    for word in operands:
        if "://" in word or word.startswith(("/", ".")):
            continue
        match = re.match(r"(?:([^@/:\s]+)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(::?)", word)
        if match:
            yield from _one(match.group(2), port or ("873" if match.group(3) == "::" else "22"), match.group(1))


def _sftp(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(words, "BbcDFiJloPRSsX")
    for word in operands[:1]:
        user, cut, host = word.partition(":")[0].rpartition("@")
        yield from _one(host, next(iter(options.get("P", ())), "22"), user if cut else None)


def _git(words: Sequence[str]) -> Iterator[Target]:
    for word in words:
        match = re.match(r"(?:([\w.-]+)@)([A-Za-z0-9.-]+):(?!//)\S", word)
        if match:
            yield from _one(match.group(2), "22", match.group(1))


def _fetch(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(
        words,
        "AbcCdDeEFHhKmoPQrTtuUwxXyYzBi" + "Oa",
        "--output --header --user-agent --data --request --user --proxy --connect-timeout --max-time --retry --cacert "
        "--cert --key --referer --cookie --cookie-jar --form --output-document --directory-prefix --tries --timeout "
        "--input-file --post-data --post-file --password --resolve --write-out --data-raw --data-binary "
        "--data-urlencode "
        "--range --limit-rate --interface --url --retry-delay --execute --quota --wait --socks5 --socks5-hostname",
    )
    for word in [*operands, *options.get("--url", ())]:
        if "://" not in word:
            authority = re.split(r"[/?#]", word, maxsplit=1)[0]
            host = authority.rpartition("@")[2].rpartition(":")[0] or authority.rpartition("@")[2]
            if _strict(host) or _DOTTED.match(host) or host == "localhost":
                yield from _authority(authority, 80)
    for word in [*options.get("x", ()), *options.get("--proxy", ()), *options.get("--socks5", ())]:
        if "://" not in word:
            yield from _authority(word, 1080)


def _netcat(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(
        words,
        "eceIiMmOpPqsTVwWXxG",
        "--exec --sh-exec --source --source-port --wait --proxy --proxy-type --proxy-auth --ssl-cert",
    )
    if "l" in options or "--listen" in options:
        return
    for word in [*options.get("x", ()), *options.get("--proxy", ())]:
        yield from _authority(word)
    for word in operands[:1]:
        ports = operands[1:]
        host, _, glued = word.partition(":") if word.count(":") == 1 else (word, "", "")
        yield from _one(host, glued or (ports[0] if ports else None))


def _telnet(words: Sequence[str]) -> Iterator[Target]:
    operands, _ = _split(words, "belnSX")
    if operands:
        yield from _one(operands[0], operands[1] if len(operands) > 1 else "23")


def _operand(short: str, long: str = "", port: str | None = None) -> _Reader:
    """Tools whose operands are all hosts."""

    def reader(words: Sequence[str]) -> Iterator[Target]:
        operands, _ = _split(words, short, long)
        for word in operands:
            user, cut, host = word.rpartition("@")
            if "://" not in host:
                yield from _one(host, port, user if cut else None)

    return reader


def _dig(words: Sequence[str]) -> Iterator[Target]:
    for word in words:
        name = word.removeprefix("@")
        if not word.startswith(("-", "+")) and (_DOTTED.match(name) or _strict(name)):
            yield from _one(name, "53" if word.startswith("@") else None)


def _scanner(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(
        words,
        "pgeDSTiomdbMfPcRAIw",
        "--max-rate --min-rate --max-retries --host-timeout --script --script-args --exclude --rate "
        "--top-ports --scan-delay --max-scan-delay --source-port --interface --ports --range --banners --excludefile "
        "--min-parallelism --max-parallelism --max-rtt-timeout --data-length --ttl --spoof-mac --dns-servers "
        "--version-intensity "
        "--stylesheet --input-file --adapter-ip --wait --bandwidth --output-file --router-mac --addresses -a",
    )
    ports = [*options.get("p", ()), *options.get("--ports", ())]
    port = _port(ports[0]) if len(ports) == 1 else None
    for word in [*operands, *options.get("--range", ()), *options.get("--addresses", ())]:
        for part in word.split(",") if word.count("/") > 1 else [word]:
            target = _many(part)
            if target is not None and "://" not in part:
                yield replace(target, port=port)


def _many(word: str) -> Target | None:
    """An address, name, network or range as scanners take them."""
    host, slash, bits = word.partition("/")
    if slash and bits.isdecimal() and len(bits) < _FIGURES:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            return (
                Target(word.lower(), count=2 ** max(0, 32 - int(bits)))
                if _NAME.match(host) and int(bits) <= 32
                else None
            )
        return Target(str(network), count=network.num_addresses)
    span = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+)-(\d+\.\d+\.\d+\.\d+)", word)
    if span:
        try:
            first, last = (int(ipaddress.IPv4Address(part)) for part in span.groups())
        except ValueError:
            return None
        return Target(word, count=max(1, last - first + 1))
    if _RANGE.match(word) and not _strict(word):
        count = 1
        for part in word.split("."):
            count *= _span(part)
        return Target(word, count=count)
    name = canonical(word)
    return Target(name) if name is not None and ("." in name or ":" in name or name == "localhost") else None


def _span(part: str) -> int:
    if part in ("*", "-"):
        return 256
    total = 0
    for piece in part.split(","):
        first, dash, last = piece.partition("-")
        total += max(1, int(last or 255) - int(first or 0) + 1) if dash else 1
    return total


def _socat(words: Sequence[str]) -> Iterator[Target]:
    for word in words:
        for part in word.split("!!"):
            kind, _, rest = part.partition(":")
            if re.fullmatch(
                r"(?i)(?:tcp|udp|openssl|ssl|sctp|socks\w*|proxy|tcp[46]|udp[46])(?:-connect|-datagram|-sendto)?", kind
            ):
                address = rest.split(",", 1)[0]
                host, _, port = address.rpartition(":")
                if host:
                    yield from _one(
                        host.rpartition(":")[0] if kind.lower().startswith(("socks", "proxy")) else host, port
                    )


def _database(port: str) -> _Reader:
    def reader(words: Sequence[str]) -> Iterator[Target]:
        _, options = _split(words, "hpPUudWn", "--host --port --user --username --password --dbname")
        ports = [*options.get("--port", ()), *options.get("P", ()), *options.get("p", ())]
        number = next((value for value in ports if value.isdecimal()), port)
        for host in [*options.get("h", ()), *options.get("--host", ())]:
            yield from _one(host, number)

    return reader


def _tftp(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(words, "rlgpmcuPb")
    for host in [*options.get("g", ()), *operands]:
        if _strict(host) or _DOTTED.match(host):
            yield from _one(host, "69")


def _ftp(words: Sequence[str]) -> Iterator[Target]:
    operands, options = _split(words, "upPNo")
    for host in operands[:1]:
        yield from _one(host, next(iter(options.get("P", ())), "21"))


_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("ssh", "autossh", "slogin", "mosh", "ssh-copy-id", "dbclient"), _ssh),
    **dict.fromkeys(("scp", "rsync"), _remote),
    "sftp": _sftp,
    "git": _git,
    **dict.fromkeys(
        ("curl", "wget", "http", "https", "aria2c", "axel", "lynx", "links", "fetch", "xh", "wget2"), _fetch
    ),
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _netcat),
    "telnet": _telnet,
    "socat": _socat,
    **dict.fromkeys(("ping", "ping6"), _operand("cIiLlMmpQSstTWw")),
    **dict.fromkeys(
        ("traceroute", "tracepath", "mtr", "arping", "hping3", "hping", "nping"), _operand("fgimNpqQstwzcIdCKp")
    ),
    **dict.fromkeys(("fping",), _operand("bBCcfgHiIlMnOpPqrstT")),
    **dict.fromkeys(("dig", "nslookup", "host", "drill", "kdig"), _dig),
    "ssh-keyscan": _operand("fpTt", port="22"),
    **dict.fromkeys(
        ("nmap", "masscan", "zmap", "rustscan", "naabu", "unicornscan", "arp-scan", "nbtscan", "netdiscover"), _scanner
    ),
    **dict.fromkeys(("mysql", "mysqldump", "mariadb", "mysqladmin"), _database("3306")),
    **dict.fromkeys(("psql", "pg_dump", "pg_isready", "pg_restore", "createdb"), _database("5432")),
    "redis-cli": _database("6379"),
    **dict.fromkeys(("mongo", "mongosh", "mongodump"), _database("27017")),
    "tftp": _tftp,
    **dict.fromkeys(("ftp", "lftp", "ftpget", "ftpput"), _ftp),
}
