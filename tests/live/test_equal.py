"""Live gives the numbers of a replay, whatever happens to workers and to the broker."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.live.running import Broker, Expected, live, same, until


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_what_a_replay_gives(
    kafka: Broker, recording: Expected, tmp_path: Path, workers: int
) -> None:
    with live(kafka, f"equal{workers}") as lab:
        assert lab.send(recording.files) == recording.rows
        running = [lab.serve(tmp_path / f"{i}.log") for i in range(workers)]
        lab.wait()
        found = lab.found()
        same(found, recording)
        assert {name: len(said) for name, said in found.alerts.items() if len(said) > 1} == {} or workers > 1
        assert sum(sum(share.scorer.account.scored) for share in found.shares.values()) == recording.rows
        for worker in running:
            status, seconds = lab.stop(worker)
            assert status == 0, lab.words()
            assert seconds < 10


def test_kill_9_at_random_moments(kafka: Broker, recording: Expected, tmp_path: Path) -> None:
    chance = random.Random(9)
    with live(kafka, "kill", max_fetch_bytes=65536) as lab:
        thread = lab.sending(recording.files, 900.0)
        lab.serve(tmp_path / "0.log")
        lab.running()
        for n in range(3):
            time.sleep(chance.uniform(0.5, 3.0))
            lab.kill(lab.workers[0])
            lab.serve(tmp_path / f"{n + 1}.log")
        thread.join(120)
        lab.wait()
        same(lab.found(), recording, exactly=False)


def test_workers_join_and_leave_under_load(kafka: Broker, recording: Expected, tmp_path: Path) -> None:
    with live(kafka, "join") as lab:
        thread = lab.sending(recording.files, 900.0)
        first = lab.serve(tmp_path / "a.log")
        lab.running()
        lab.serve(tmp_path / "b.log")
        lab.running(2)
        lab.serve(tmp_path / "c.log")
        status, _ = lab.stop(first)
        assert status == 0, lab.words()
        thread.join(120)
        lab.wait()
        same(lab.found(), recording, exactly=False)


def test_a_spare_worker_without_partitions_takes_over(kafka: Broker, recording: Expected, tmp_path: Path) -> None:
    with live(kafka, "spare", partitions=1) as lab:
        owner = lab.serve(tmp_path / "a.log")
        lab.running()
        lab.serve(tmp_path / "b.log")
        until(lambda: "partitions assigned: []" in lab.words(), lambda: True, lab.words)
        lab.kill(owner)
        lab.send(recording.files)
        lab.wait()
        same(lab.found(), recording)
