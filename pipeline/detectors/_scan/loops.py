"""Tools that try one target, run over many."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.detectors._scan.table import note_hosts, some_of
from pipeline.shell.calls import Call
from pipeline.shell.options import parse
from pipeline.shell.places import bare_address, base, own, plain
from pipeline.shell.spans import port_span, span

__all__ = ["changes", "note_try"]


def changes(text: str, call: Call) -> bool:
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


def note_try(
    notes: Notes, call: Call, tool: str, hosts: Sequence[str], ports: Sequence[str], sure: bool = True
) -> None:
    """A connection that the call makes; `sure` where the tool does nothing but try whether somebody answers."""
    if not hosts:
        return
    if not call.loop:
        return
    host_varies = any(changes(h, call) for h in hosts)
    port_varies = any(changes(p, call) for p in ports)
    if not host_varies and not port_varies and call.loop < 2:
        return
    count = call.loop_count or len(call.loop_items)
    here = all(own(h) for h in hosts)
    if call.loop >= 2 and not host_varies and not port_varies and not count:
        return
    words_end = f"{some_of(hosts)}" + (f" port {plain(ports[0])}" if ports else "")
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
            note_try(notes, call, "nc", operands[:1], operands[1:])
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
    note_try(notes, call, "nc", hosts, ports)


def _ping(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "cwWiIstTlpQMmF")
    hosts = options.operands[:1] or options.all("c")[1:]
    if len(options.operands) >= 4:
        note_hosts(notes, "ping", len(options.operands), options.operands, "pings", scanner=False)
    note_try(notes, call, call.name, hosts, [])


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
            note_hosts(
                notes, "curl", int(glob.group(2)[:6]) - int(glob.group(1)[:6]) + 1, [host], "tries", scanner=False
            )
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
    note_try(notes, call, call.name, hosts, ports, sure=short and any(re.match(r"[\d$]", h) for h in hosts))


_AUTHORITY: Final = re.compile(
    r"(?:\w+://)?(?:[^/@\s]*@)?(\[[0-9a-fA-F:]+\]|(?:[\w.$%*{}-]|\[\d+-\d+\])+)(?::([\w${}-]+))?(?:[/?]|$)"
)


def _telnet(notes: Notes, call: Call) -> None:
    operands = parse(call.argv[1:], "elbXn").operands
    note_try(notes, call, "telnet", operands[:1], operands[1:2])


def _ssh(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "BbcDEeFIiJLlmOopQRSWw", stop_at_operand=True)
    if not call.loop or not options.operands:
        return
    host = options.operands[0].rpartition("@")[2]
    guesses = "sshpass" in call.via
    tests = any(
        "ConnectTimeout" in o or "BatchMode" in o or "StrictHostKeyChecking" in o for o in options.all("o")
    ) and options.operands[1:2] in (["exit"], ["true"], [":"], ["id"], ["hostname"], ["echo"])
    varies = changes(host, call)
    if guesses and not varies and (call.loop_count >= 8 or not call.loop_count):
        notes.add("guess", 5.0, words=f"tries passwords of {plain(host)} by ssh")
    elif varies and bare_address(host):
        note_try(notes, call, "ssh", [host], [], sure=guesses or tests)


def _keyscan(notes: Notes, call: Call) -> None:
    options = parse(call.argv[1:], "fpTt")
    if options.has("f"):
        notes.add("list", words="asks the hosts of a list for ssh keys")
    note_hosts(notes, "ssh-keyscan", sum(span(o) for o in options.operands), options.operands, "asks", scanner=False)
    note_try(notes, call, "ssh-keyscan", options.operands[:1], [])


def _dns(notes: Notes, call: Call) -> None:
    operands = [w for w in call.argv[1:] if w[:1] not in "-+@"]
    reverse = "-x" in call.argv or any(bare_address(o) for o in operands)
    if reverse and call.loop and any(changes(o, call) for o in operands) and call.loop_count >= 32:
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
        note_hosts(notes, "parallel", items, words[cut + 1 :], "tries", scanner=False)


READERS: Final[dict[str, Callable[[Notes, Call], None]]] = {
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _nc),
    **dict.fromkeys(("ping", "ping6"), _ping),
    **dict.fromkeys(("curl", "wget", "http", "httpie"), _curl),
    "telnet": _telnet,
    "ssh": _ssh,
    "ssh-keyscan": _keyscan,
    **dict.fromkeys(("dig", "host", "nslookup"), _dns),
    "parallel": _parallel,
}
