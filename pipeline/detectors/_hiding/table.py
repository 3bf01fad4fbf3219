"""The facts of hiding."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.detectors._facts import Fact, Notes, Table
from pipeline.shell.calls import Call, Script

__all__ = ["TABLE", "Reader"]

# Nats: shares of attack sessions (by cluster) and of innocent logs in the development recordings, smoothed and capped,
# where they show the fact; the others stand beside the nearest that is measured. A log shipper is also ended by
# people who restart or upgrade it, so that alone stays below 5.3, a score of 50: silence of the log, or what
# comes after, settles it.
TABLE = Table(
    looks=[
        Fact("clear", 0.4, "clears the screen", "T1070.003"),
        Fact("encoded", 1.2, "decodes text", "T1140"),
        Fact("erase", 0.8, "deletes files beyond recovery", "T1070.004"),
        Fact("hidden_place", 2.2, "makes or uses a hidden folder", "T1564.001", 1.6),
    ],
    acts=[
        Fact("history_off", 6.2, "switches the shell's history off", "T1070.003", 4.8),
        Fact("history_gone", 5.4, "deletes the shell's history", "T1070.003", 4.4),
        Fact("shipper", 4.2, "ends a log shipper", "T1562.001"),
        Fact("auditing", 5.0, "switches auditing or protection off", "T1562.001", 3.6),
        Fact("logs", 4.8, "empties or deletes system logs", "T1070.002", 3.6),
        Fact("logins", 6.4, "deletes the records of who logged in", "T1070.002"),
        Fact("times", 3.0, "copies another file's time stamp", "T1070.006", 0.8),
        Fact("encoded_run", 5.2, "runs a program that was encoded", "T1027"),
        Fact("obscured", 3.0, "spells commands so that they cannot be read", "T1027"),
        Fact("renamed", 3.6, "runs a program under another name", "T1036.003"),
        Fact("hidden_run", 2.4, "runs a program from a hidden place", "T1564.001"),
        Fact("process", 5.4, "hides a process", "T1564", 5.4),
        Fact("preload", 5.6, "loads a library into other programs to hide", "T1574.006", 3.4),
        Fact("immutable", 2.2, "makes files unchangeable", "T1222.002"),
    ],
)
Reader = Callable[[Notes, Script, int, Call], None]
"""Notes what a call, at an index of a script, does."""
