"""Commands that search hosts and ports: scanners, loops of connections, guessing of passwords."""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Notes, shown
from pipeline.detectors._scan import loops, scanners
from pipeline.detectors._scan.floods import CARRIERS, note_flood
from pipeline.detectors._scan.loops import note_try
from pipeline.detectors._scan.python_loops import judge_python
from pipeline.detectors._scan.table import TABLE
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Script
from pipeline.shell.options import names

TITLE = "scan run by a command"
LOOKS_FOR = (
    "Commands that search the network: nmap and its kin over several hosts or ports, loops of nc, ping, curl or "
    "/dev/tcp over a range, socket loops in Python, guessing of passwords; one target and one port is no scan."
)
KIND = 2
STORY = "scan"
ATTACK = ("T1046", "T1018", "T1110", "T1595")
STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 3.0
    looks_wear: float = 0.1
    acts_wear: float = 0.03


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "scan")


_VERSIONED: Final = re.compile(
    r"(nmap|masscan|zmap|rustscan|naabu|fscan|hydra|zgrab)[-_.]?(?:v?\d|linux|amd64|x86_64|static|2).*$"
)
_VERSIONED_STARTS: Final = names("nma mas zma rus naa fsc hyd zgr")
"""The first letters of `_VERSIONED`."""
_READERS: Final = scanners.READERS | loops.READERS


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
            call = call._replace(loop=0)  # the counter of a loop that waits for one target, not a part of its address
        for redirect in call.redirects:
            if redirect.target.startswith(("/dev/tcp/", "/dev/udp/")):
                host, _, port = redirect.target[9:].partition("/")
                note_try(notes, call, "/dev/tcp", [host], [port])
        if call.name in CARRIERS or "." in call.name:
            note_flood(notes, call)
        reader = _READERS.get(call.name)
        if reader is not None:
            reader(notes, call)
        elif call.name[:3] in _VERSIONED_STARTS and (match := _VERSIONED.match(call.name)):
            reader = _READERS.get(match.group(1))
            if reader is not None:
                reader(notes, call)
    for language, source in script.code:
        if language.startswith("py"):
            judge_python(notes, source)
    return notes.finding()
