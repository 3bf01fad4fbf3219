"""The facts of intrusion, and what is known of one script while its calls are walked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.detectors._facts import Fact, Notes, Table
from pipeline.shell.calls import Call, Script
from pipeline.shell.fetches import Fetch
from pipeline.shell.options import names
from pipeline.shell.writes import Write, writes

__all__ = ["INTERPRETERS", "SHELLS", "TABLE", "Reader", "Scene", "feeder_of"]

# Nats: log of the share of attack sessions (by cluster of like sessions) over the share of innocent command logs that
# show the fact, smoothed with one session each, shared among the facts that come together, and capped; development
# recordings (honeypot sessions against coding agents, shell tasks and one-liners). Where no recording shows a
# fact, the figure is set beside the nearest one that has been measured. 5.3 alone is a score of 50, 6.2 one of 70.
# Where forms of one fact differ, the last figure is that of the form which people at work also use: `uname -a`,
# `nproc`, `free -h`, `ps aux` and `last -5` stand far below their shares in attacks, because an agent that looks where
# it is, an operator and a player of capture-the-flag type them (tests/detectors/innocent_sessions.py; none of the
# recordings holds many of these), while `uname -s -v -n -r -m`, `grep name`, `ps x` and bare `w` stand at their shares.
TABLE = Table(
    looks=[
        Fact("cpu", 2.6, "asks which processors there are", "T1082", 0.3),
        Fact("memory", 0.8, "asks how much memory there is", "T1082", 0.3),
        Fact("kernel", 1.8, "asks for kernel and distribution", "T1082", 0.4),
        Fact("people", 2.8, "asks who is logged in", "T1033", 1.6),
        Fact("self", 0.5, "asks which user it is", "T1033", 0.4),
        Fact("processes", 0.8, "lists processes", "T1057", 0.3),
        Fact("network", 1.4, "lists network interfaces or sockets", "T1016", 0.5),
        Fact("hardware", 1.4, "lists devices", "T1082", 0.4),
        Fact("accounts", 1.4, "lists accounts or cron jobs", "T1087.001", 0.6),
        Fact("history", 2.0, "reads the shell's history", "T1552.003", 1.0),
        Fact("appliance", 2.6, "tries commands of routers and appliances", "T1082"),
        Fact("uptime", 1.0, "asks for uptime, disks or mounts", "T1082", 0.3),
    ],
    acts=[
        Fact("fetch_bare", 3.4, "fetches a file from a bare address", "T1105", 1.6),
        Fact("fetch_odd", 3.4, "fetches a program in a way or from a place that installers do not use", "T1105", 1.8),
        Fact("fetch_named", 0.4, "fetches a program", "T1105", 0.2),
        Fact("executable", 0.7, "makes a file executable", "T1222.002", 0.4),
        Fact("run", 0.6, "runs a file of the working folder", "T1059.004", 0.3),
        Fact("run_scratch", 2.0, "runs a file from a scratch or hidden folder", "T1059.004"),
        Fact("fetch_run", 1.6, "runs what it fetched", "T1105", 0.8),
        Fact("pipe_run", 1.2, "runs text from the network as a program", "T1059.004", 0.8),
        Fact("plant", 3.4, "puts a program where programs lie", "T1543", 2.0),
        Fact("firewall", 4.6, "switches a firewall off", "T1562.004"),
        Fact("hold", 1.2, "arranges to stay: cron, services, profiles", "T1053.003", 0.4),
        Fact("account", 2.0, "makes or changes accounts", "T1136.001", 1.4),
        Fact("key", 5.8, "adds a key to authorized_keys", "T1098.004"),
        Fact("secrets", 2.8, "reads credentials", "T1552.001", 1.2),
        Fact("escape", 3.0, "reaches for the host outside its container", "T1611", 2.4),
        Fact("shell_out", 7.2, "gives a shell to another machine", "T1059.004"),
        Fact("shell_test", 3.4, "tests what shell it got", "T1497.001", 2.6),
        Fact("wreck", 4.4, "stops or deletes what is there", "T1489", 0.8),
        Fact("probe", 2.4, "tests what kind of system it is in", "T1497.001", 1.0),
    ],
)
SHELLS: Final = names("sh bash dash ash zsh ksh busybox-sh fish rbash csh tcsh")
INTERPRETERS: Final = SHELLS | names("python python2 python3 perl ruby php node lua pypy3 deno bun")


class Scene:
    """What is known of one script while its calls are walked."""

    __slots__ = ("cds", "executable", "fetched", "here", "notes", "script", "written")

    def __init__(self, script: Script) -> None:
        self.script = script
        self.notes = Notes(TABLE)
        self.fetched: dict[str, Fetch] = {}
        self.written: tuple[Write, ...] = writes(script)
        self.executable: set[str] = set()
        self.cds: set[str] = set()
        self.here = ""


Reader = Callable[[Scene, int, Call], None]
"""Notes in the scene what the call, at this index of the script, does."""


def feeder_of(script: Script, call: Call) -> Call | None:
    """The call whose output `call` reads."""
    at = call.pipe_in
    return script.calls[at] if at is not None and 0 <= at < len(script.calls) else None
