"""Compiled kernels before the first event: read from disk, or compiled on two cores where none are there yet.

    this process    detectors of flows ───────────┐ wait ─> the rest, from disk
    a second one    GPU and commands, the fold ───┘

numba compiles under one lock, so a thread would not help; what the second process compiles this one reads from disk.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np

from pipeline.admission import Stretch
from pipeline.events.batch import Part, blank, of_kind
from pipeline.events.codes import COMMAND, FLOW, GPU, KINDS
from pipeline.events.columns import Command
from pipeline.events.strings import pack
from pipeline.kernels.compiled import FOLDER
from pipeline.kernels.hashing import hash_text
from pipeline.scorer import Scorer

DONE = "complete"
"""A file in the folder of compiled kernels: all of them are there."""

PATIENCE_S = 120
"""Seconds for the second process; then this one compiles the rest itself."""


def warm(say: TextIO | None = None) -> None:
    """Have every kernel of the walk ready; `say` is told once where that takes some seconds."""
    if FOLDER is None or (FOLDER / DONE).exists():
        walk()
        return
    if say is not None:
        print("compiling kernels, once for this version: some 10 seconds on two cores", file=say, flush=True)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SECOND, str(Path(__file__).resolve().parent.parent)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as second:
        detectors(FLOW)
        try:
            second.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            second.kill()
    walk()
    (FOLDER / DONE).touch()


def second() -> None:
    """The share of the second process."""
    walk((GPU, COMMAND))


def walk(kinds: Iterable[int] = (FLOW, GPU, COMMAND)) -> None:
    """Have the kernels that events of some kinds go through compiled, or read from disk."""
    scorer = Scorer()
    for kind in kinds:
        scorer.process(of_kind(kind, one_row(kind)))
    list(scorer.final())


def detectors(kind: int) -> None:
    """Have the kernels of one kind's detectors compiled, and no others."""
    scorer = Scorer()
    batch = of_kind(kind, one_row(kind))
    scorer.grow(1)
    none = np.zeros(0, np.int64)
    rows = [np.zeros(1, np.int64) if k == kind else none for k in range(len(KINDS))]
    scorer.strengths(batch, rows, none, [[Stretch(0, 1, [])]] * len(KINDS))
    hash_text("warm")


def one_row(kind: int) -> Part:
    """One event in which nothing is said."""
    part = blank(kind, ["warm"])
    if isinstance(part.columns, Command):
        return Part(part.common, part.columns._replace(command=pack(["true"])))
    return part


SECOND = "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.warming import second; second()"
