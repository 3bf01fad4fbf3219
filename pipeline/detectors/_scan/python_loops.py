"""Scans by Python programs."""

from __future__ import annotations

import re

from pipeline.detectors._facts import Notes
from pipeline.detectors._scan.scanners import host_in, note_scan
from pipeline.shell.calls import Call
from pipeline.shell.places import own, plain
from pipeline.shell.python_code import Program, read_python
from pipeline.shell.spans import span

__all__ = ["judge_python"]


def judge_python(notes: Notes, source: str) -> None:
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
        note_scan(
            notes,
            Call("python", ("python",)),
            "a Python program",
            [t for t in nets if host_in(t) or span(t) > 1][:4],
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
