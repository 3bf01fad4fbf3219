"""Commands that open a way in or out past the wall of the sandbox: ssh forwards, relays, tunnel services."""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Notes, shown
from pipeline.detectors._tunnel import relays, services, ssh
from pipeline.detectors._tunnel.relays import python
from pipeline.detectors._tunnel.ssh import configuration
from pipeline.detectors._tunnel.table import TABLE
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Script
from pipeline.shell.options import names
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


_PROGRAMS: Final = re.compile(
    r"(ssh|autossh|plink|chisel|frpc|frps|gost|ngrok|cloudflared|bore|rathole|iodine|dnscat|ligolo|zrok|inlets|gs-netcat|socat)"
    r"(?:[-_.](?:v?\d[\w.]*|linux|amd64|arm64|x86_64|static|exe|client|stable|agent)[\w.-]*|2|\.exe)$"
)
_PROGRAM_STARTS: Final = names("ssh aut pli chi frp gos ngr clo bor rat iod dns lig zro inl gs- soc")
"""The first letters of `_PROGRAMS`."""
_READERS: Final = services.READERS | relays.READERS | ssh.READERS


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
        reader = _READERS.get(call.name)
        if reader is not None:
            reader(notes, script, call)
        elif call.name[:3] in _PROGRAM_STARTS and (match := _PROGRAMS.match(call.name)):
            reader = _READERS.get(match.group(1))
            if reader is not None:
                reader(notes, script, call)
    for write in writes(script):
        if write.text and not script.calls[write.call].remote:
            configuration(notes, write.path, write.text)
    for language, source in script.code:
        if language.startswith("py"):
            python(notes, source)
    return notes.finding()
