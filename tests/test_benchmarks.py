"""The benchmarks: each is a question that can be asked, and the bound on state holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import benchmarks
from benchmarks import _recordings, cost_by_agents, state_size
from pipeline.events.codes import KINDS
from pipeline.events.strings import pack
from pipeline.formats import native
from pipeline.plugins import discover
from pipeline.scorer import Scorer

ROOT = Path(__file__).resolve().parent.parent


def test_every_question_says_what_it_asks() -> None:
    asked = {name: part for name, part in discover(benchmarks).items() if hasattr(part, "QUESTION")}
    assert len(asked) >= 4
    for name, part in asked.items():
        assert part.QUESTION.endswith("?"), name
        assert callable(part.measure), name


def test_the_numbers_of_an_agent_stay_within_4_kib() -> None:
    sizes = {row.what: row.value for row in state_size.measure(quick=True)}
    assert 0 < sizes["all detectors"] <= 4096


def test_what_is_measured_is_what_is_read(tmp_path: Path) -> None:
    for kind in KINDS:
        path = _recordings.ndjson(tmp_path / f"{kind}.ndjson", kind, 200, agents=10)
        decoded = native.decode(path.read_bytes(), 0, 1)
        assert len(decoded.batch) == 200
        assert decoded.rejected == []
        part = decoded.batch.parts[KINDS.index(kind)]
        assert part is not None
        assert len(part) == 200


def test_made_batches_pass_the_walk() -> None:
    scorer = Scorer()
    scorer.process(cost_by_agents.batch(pack([f"lab/a-{n}" for n in range(10)]), 10, 0, 100))
    assert scorer.account.scored == [100, 0, 0]
    assert len(list(scorer.final())) == 10


def test_the_runner_prints_a_table_and_refuses_unknown_questions() -> None:
    def asked(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks", *names, "--quick"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "all detectors" in asked("state_size").stdout
    assert asked("sense_of_life").returncode == 2
