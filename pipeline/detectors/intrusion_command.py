"""Commands of somebody who breaks in and stays: fetch and run, shells given away, keys, persistence, credentials."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import shown
from pipeline.detectors._intrusion import delivery, looking, reaching, spelled, staying
from pipeline.detectors._intrusion.glued import unglued
from pipeline.detectors._intrusion.scene import TABLE, Reader, Scene
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Script
from pipeline.shell.places import scratch

TITLE = "intrusion by commands"
LOOKS_FOR = (
    "Commands that fetch and run a program, open a reverse shell, plant keys, users, cron jobs or services, read "
    "credentials, leave the container, or do what intruders do first on a machine."
)
KIND = 2
STORY = "intrusion"
ATTACK = ("T1059.004", "T1105", "T1098.004", "T1053.003", "T1543.002", "T1552.001", "T1611", "T1082")

STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 7.0
    looks_wear: float = 0.3
    looks_alone: float = 4.0
    looks_light: float = 1.0
    work: int = 4
    acts_wear: float = 0.05
    chain_first: int = TABLE.bits("fetch_bare", "fetch_odd", "plant")
    chain_weak: int = TABLE.bits("fetch_named", "firewall")
    chain_then: int = TABLE.bits("executable")
    chain_last: int = TABLE.bits("run", "run_scratch", "fetch_run")
    chain_begun: float = 1.6
    chain_two: float = 3.0
    chain_three: float = 3.2


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "intrusion")


_ROOMS: Final = (looking.READERS, delivery.READERS, staying.READERS, reaching.READERS, spelled.READERS)
_READERS: Final[dict[str, tuple[Reader, ...]]] = {
    name: tuple(room[name] for room in _ROOMS if name in room) for name in chain.from_iterable(_ROOMS)
}


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> judge(read("cat /etc/shadow")).words
        'reads /etc/shadow'
        >>> judge(read("ls -l")) is None
        True
    """
    script = unglued(script)
    scene = Scene(script)
    for at, call in enumerate(script.calls):
        for redirect in call.redirects:
            if redirect.target.startswith(("/dev/tcp/", "/dev/udp/")):
                reaching.judge_redirect(scene, call, redirect.target)
        readers = _READERS.get(call.name)
        if readers is not None:
            for reader in readers:
                reader(scene, at, call)
        elif call.name:
            delivery.judge_program(scene, call)
    for write in scene.written:
        staying.judge_write(scene, write)
    for language, source in script.code:
        reaching.judge_code(scene, language, source)
    if len(scene.cds) >= 3 and any(scratch(place) for place in scene.cds):
        scene.notes.add("probe", 5.6, "T1083", "looks for any folder it can write to")
    return scene.notes.finding()
