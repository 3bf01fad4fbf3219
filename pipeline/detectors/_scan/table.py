"""The facts of scanning, and how many hosts make which."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.detectors._facts import Fact, Notes, Table
from pipeline.shell.places import plain

__all__ = ["TABLE", "note_hosts", "some_of"]

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
        Fact("flood", 5.6, "floods a host with packets", "T1498", 3.6),
        Fact("network", 6.2, "searches the local network", "T1018"),
    ],
)


def some_of(targets: Sequence[str]) -> str:
    return (
        plain(targets[0]) + (f" and {len(targets) - 1} more" if len(targets) > 1 else "")
        if targets
        else "hosts of a list"
    )


def note_hosts(
    notes: Notes, tool: str, count: int, targets: Sequence[str], verb: str = "scans", scanner: bool = True
) -> None:
    """Note how many hosts are tried."""
    words = f"{verb} {count} addresses of {some_of(targets)} by {tool}"
    if count >= 32:
        notes.add("sweep", words=words)
    elif count >= 16:
        notes.add("several", 5.6 if scanner else 4.6, "T1018", words)
    elif count >= 8:
        notes.add("several", 5.0 if scanner else None, "T1018", words)
    elif count >= 4:
        notes.add("several" if scanner else "few", 4.6 if scanner else None, "T1018", words)
