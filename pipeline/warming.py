"""Compiled kernels before the first event: read from disk, or compiled on two cores where none are there yet.

    this process    detectors of flows ───────────┐ wait ─> the rest, from disk
    a second one    GPU and commands, the fold ───┘

numba compiles under one lock, so a thread would not help; what the second process compiles this one reads from disk.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TextIO

from pipeline import scorer
from pipeline.events.codes import COMMAND, FLOW, GPU
from pipeline.kernels.compiled import FOLDER

DONE = "complete"
"""A file in the folder of compiled kernels: all of them are there."""

PATIENCE_S = 120
"""Seconds for the second process; then this one compiles the rest itself."""


def warm(say: TextIO | None = None) -> None:
    """Have every kernel of the walk ready; `say` is told once where that takes some seconds."""
    if FOLDER is None or (FOLDER / DONE).exists():
        scorer.warm()
        return
    if say is not None:
        print("compiling kernels, once for this version: some 10 seconds on two cores", file=say, flush=True)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SECOND, str(Path(__file__).resolve().parent.parent)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as second:
        scorer.warm_detectors(FLOW)
        try:
            second.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            second.kill()
    scorer.warm()
    (FOLDER / DONE).touch()


def second() -> None:
    """The share of the second process."""
    scorer.warm((GPU, COMMAND))


SECOND = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.warming import second; second()"
