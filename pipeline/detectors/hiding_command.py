"""Commands that hide what is done: logs and shippers stopped, history cleared, times changed, programs disguised."""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.detectors import Finding
from pipeline.detectors._facts import Notes, shown
from pipeline.detectors._hiding import disguise, traces
from pipeline.detectors._hiding.disguise import PATH, RUNNERS, fed, python, renamed, through
from pipeline.detectors._hiding.table import TABLE
from pipeline.detectors._hiding.traces import emptied, environment
from pipeline.kernels import facts as kernel
from pipeline.shell.calls import Call, Script
from pipeline.shell.places import hidden, plain
from pipeline.shell.writes import writes

TITLE = "hiding by commands"
LOOKS_FOR = (
    "Commands that end log shippers or auditing, empty logs, switch the shell's history off, change time stamps, run "
    "encoded programs or programs under another name, or hide files and processes."
)
KIND = 2
STORY = "hiding"
ATTACK = ("T1070.003", "T1562.001", "T1070.002", "T1070.006", "T1027", "T1036.003", "T1564.001")
STATE = kernel.STATE
WHY = kernel.WHY
step = kernel.step


class Settings(kernel.FactSettings, frozen=True):
    """Weights as in TABLE."""

    nats: tuple[float, ...] = TABLE.nats
    looks_cap: float = 2.4
    looks_wear: float = 0.1
    acts_wear: float = 0.03


def explain(why: Any) -> str:
    """What came together, for people."""
    return shown(TABLE, why, "hiding")


_READERS: Final = traces.READERS | disguise.READERS


def judge(script: Script) -> Finding | None:
    """What one command does of this.

    Example:
        >>> from pipeline.shell.script import read
        >>> judge(read("kill $(cat /run/log-shipper.pid)")).words
        'ends the log shipper of /run/log-shipper.pid'
        >>> judge(read("kill 4711")) is None
        True
    """
    notes = Notes(TABLE)
    for at, call in enumerate(script.calls):
        if call.env:
            environment(notes, call)
        if call.via:
            through(notes, call)
        if "b64decode" in call.name and "exec" in call.name:
            notes.add("encoded_run", words="runs an encoded Python program")
        reader = _READERS.get(call.name)
        if reader is not None:
            reader(notes, script, at, call)
        elif (
            call.argv
            and "/" in call.argv[0]
            and PATH.fullmatch(call.argv[0])
            and hidden(call.argv[0])
            and not call.remote
        ):
            notes.add("hidden_run", words=f"runs {plain(call.argv[0])}, which is hidden")
        if call.name in RUNNERS and call.pipe_in is not None:
            fed(notes, script, call)
    for write in writes(script):
        if not script.calls[write.call].remote:
            _write(notes, script, write.path, write.text, script.calls[write.call])
    for language, source in script.code:
        if language.startswith("py"):
            python(notes, source)
        elif language == "perl" and re.search(r"unpack\s*\(?\s*[\"'q{]*u|eval\s*\(?\s*unpack", source):
            notes.add("encoded_run", words="runs an encoded Perl program")
    return notes.finding()


def _write(notes: Notes, script: Script, path: str, text: str | None, call: Call) -> None:
    if path.endswith("ld.so.preload"):
        notes.add("preload", words="loads a library into every program")
    nothing = (
        text == ""
        or call.name in ("", ":", "true")
        or (call.name == "cat" and "/dev/null" in call.argv)
        or (call.name in ("cp", "dd", "ln") and "/dev/null" in " ".join(call.argv))
    )
    if nothing:
        emptied(notes, path)
    elif text is not None and re.search(r"(?m)^[ \t]*(?:unset HISTFILE|export HISTFILE=/dev/null|HISTSIZE=0)", text):
        notes.add("history_off")
    if call.name in ("cp", "mv", "install", "ln") and len(call.argv) > 2 and not nothing:
        renamed(notes, call, path)
