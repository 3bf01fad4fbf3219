"""Slow twins of the kernels between batch and detectors: names, admission, places, recent commands."""

from __future__ import annotations

import ipaddress

from pipeline.events import codes

NOWHERE = [
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/127",
        "fe80::/10",
        "ff00::/8",
    )
]


def rows(names: list[str | None], known: dict[str, int]) -> list[int]:
    """Row numbers in order of first appearance."""
    out = []
    for name in names:
        if name is not None:
            known.setdefault(name, len(known))
        out.append(-1 if name is None else known[name])
    return out


def admitted(events: list[tuple[str, int]], lateness: int, forget: int) -> list[str]:
    """For each (agent, µs) of one kind: "late", "afresh" or ""."""
    newest: dict[str, int] = {}
    out = []
    for agent, ts in events:
        before = newest.get(agent)
        if before is None:
            out.append("")
        elif ts < before - lateness:
            out.append("late")
        else:
            out.append("afresh" if ts > before + forget else "")
        newest[agent] = max(ts, before if before is not None else ts)
    return out


def place(address: str, host: str | None, internal: list[str], allow: list[str]) -> int:
    """Where an address lies."""
    found = ipaddress.ip_address(address)
    for item in allow:
        try:
            if found in ipaddress.ip_network(item):
                return codes.ALLOWED
        except ValueError:
            if host is not None and (host == item or (item.startswith("*.") and host.endswith(item[1:]))):
                return codes.ALLOWED
    if any(found in network for network in NOWHERE):
        return codes.LOCAL
    return codes.INTERNAL if any(found in ipaddress.ip_network(n) for n in internal) else codes.EXTERNAL


def remembered(commands: list[tuple[int, int, float]]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The last 16 commands (µs, number) of one agent, and the last 8 that a detector spoke of, oldest first."""
    seen = [(ts, number) for ts, number, _ in commands]
    notable = [(ts, number) for ts, number, weight in commands if weight > 0]
    return seen[-16:], notable[-8:]
