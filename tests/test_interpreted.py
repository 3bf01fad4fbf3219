"""The same laws with NUMBA_DISABLE_JIT=1: what is compiled and what is written say the same, on a smaller load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

ROOT = Path(__file__).resolve().parent.parent

LAWS = (
    "test_laws.py",
    "test_risk.py",
    "test_admission.py",
    "test_registry.py",
    "test_causes.py",
    "kernels",
    "detectors",
)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="this run is interpreted already")
def test_the_laws_hold_without_the_compiler() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{law}" for law in LAWS)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
