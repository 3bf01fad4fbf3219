"""How tests of command detectors ask: what is said of one command, and of a few in a row."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from pipeline.detectors import Finding
from pipeline.kernels.settings import record
from pipeline.shell.script import read

SCORE_50, SCORE_70 = 5.3, 6.2


def said(detector: ModuleType, command: str) -> float:
    """Nats of one command by itself."""
    finding: Finding | None = detector.judge(read(command))
    return 0.0 if finding is None else finding.weight


def session(detector: ModuleType, commands: Sequence[str], every_s: float = 20.0) -> list[float]:
    """Strength after each of `commands`, typed one after another by one agent."""
    findings = [detector.judge(read(command)) for command in commands]
    n = len(commands)
    strength, why = np.zeros(n), np.zeros(n, detector.WHY)
    detector.step(
        (np.arange(n) * every_s * 1e6).astype(np.int64) + 1_750_000_000_000_000,
        np.zeros(n, np.int32),
        np.array([f.weight if f else 0.0 for f in findings]),
        np.array([f.fact if f else 0 for f in findings], np.uint32),
        np.zeros(1, detector.STATE),
        record(detector.Settings()),
        strength,
        why,
    )
    for i in np.flatnonzero(strength):
        assert detector.explain(why[i])
    return [float(s) for s in strength]
