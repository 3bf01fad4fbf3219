"""How long a user waits for the first score."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pipeline
from benchmarks import Row
from benchmarks._recordings import events

QUESTION = "How many seconds pass from the start of the command to the first score?"

EDITED = "story/telling.py"
"""A file without kernels."""


def measure(quick: bool) -> Iterator[Row]:
    """With nothing compiled yet, with all of it kept from before, and after an edit; a copy of the package is run."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source = mixed(folder / "mixed.ndjson")
        package = folder / "pipeline"
        shutil.copytree(Path(pipeline.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
        again = 1 if quick else 3
        for what, edited in (("nothing compiled yet", None), ("compiled before", None), ("a file edited", EDITED)):
            goes = []
            for _ in range(1 if what == "nothing compiled yet" else again):
                if edited is not None:
                    with (package / edited).open("a") as file:
                        file.write("# an edit\n")
                goes.append(started(source, folder))
            wall, cpu = min(goes)
            note = f"wall clock; {cpu:.1f} s of processor time in all, to the end of the replay"
            yield Row(what, wall, "s", f"{edited}; {note}" if edited is not None else note)
        yield Row("agentrisk --help", min(helped() for _ in range(3)), "s", "wall clock")


def mixed(path: Path) -> Path:
    """A few events of each kind, and a scan, so that there is a score to write."""
    import orjson

    with path.open("wb") as file:
        for kind in ("flow", "gpu", "command"):
            for event in events(kind, 300, agents=10):
                file.write(orjson.dumps(event) + b"\n")
        for n in range(40):
            file.write(
                orjson.dumps(
                    {
                        "kind": "flow",
                        "agent": "lab/scans",
                        "ts": 1_767_225_600 + n,
                        "src_ip": "10.0.0.9",
                        "src_port": 40000 + n,
                        "dst_ip": f"10.0.1.{n}",
                        "dst_port": 22,
                        "proto": "tcp",
                        "direction": "outbound",
                        "outcome": "unanswered",
                    }
                )
                + b"\n"
            )
    return path


def started(source: Path, folder: Path) -> tuple[float, float]:
    """Wall seconds of a process until its first score is on the standard output; its processor seconds to the end.

    The package of `folder` is what runs.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "replay", str(source), "--sink", "stdout=scores", "--quiet"],
        env={**os.environ, "AGENTRISK_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout as out:
        line = out.readline()
        waited = time.monotonic() - began
        out.read()
    assert process.wait() == 0
    assert line
    total = resource.getrusage(resource.RUSAGE_CHILDREN)
    return waited, total.ru_utime + total.ru_stime - used.ru_utime - used.ru_stime


def helped() -> float:
    """Wall seconds of `agentrisk --help`."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "pipeline.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
