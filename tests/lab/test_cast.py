"""The synthetic lab: the same every time, in the words of the schemas, and agreeing with itself in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.lab.cast import HOURS, SEED, START, Lab, play, write
from tests.test_contracts import validator


@pytest.fixture(scope="module")
def lab() -> Lab:
    return play()


@pytest.fixture(scope="module")
def files(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(lab, tmp_path_factory.mktemp("lab"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_the_lab_is_the_same_every_time(files: dict[str, Path], tmp_path: Path) -> None:
    again = write(play(SEED), tmp_path)
    assert {name: path.read_bytes() for name, path in again.items()} == {n: p.read_bytes() for n, p in files.items()}


def test_another_seed_is_another_lab(lab: Lab) -> None:
    assert play(SEED + 1).guilty != lab.guilty


def test_everything_written_validates(files: dict[str, Path]) -> None:
    for name, schema, step in (
        ("registry", "registry", 1),
        ("flows", "event", 97),
        ("gpu", "event", 97),
        ("commands", "event", 41),
    ):
        for record in lines(files[name])[::step]:
            validator(schema).validate(record)


def test_some_sixty_agents_work_for_three_hours(lab: Lab, files: dict[str, Path]) -> None:
    assert 55 <= len(lab.sandboxes) <= 70
    assert len({s.agent for s in lab.sandboxes}) == len({s.ip for s in lab.sandboxes}) == len(lab.sandboxes)
    first, last = lab.span
    assert START <= first < last <= START + HOURS * 3600
    assert last - first > 0.9 * HOURS * 3600
    assert lab.events == sum(len(lines(files[name])) for name in ("flows", "gpu", "commands"))


def test_events_are_in_order_and_within_the_life_of_their_agent(lab: Lab, files: dict[str, Path]) -> None:
    lives = {s.agent: (s.start, s.end) for s in lab.sandboxes}
    for name in ("flows", "gpu", "commands"):
        events = lines(files[name])
        assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)
        for event in events:
            begun, ended = lives[event["agent"]]
            assert begun <= event["ts"] <= ended + 1, event


def test_nothing_in_the_names_tells_who_is_guilty(lab: Lab) -> None:
    guilty = next(s for s in lab.sandboxes if s.agent == lab.guilty)
    others = [s for s in lab.sandboxes if s.declared_gpu == guilty.declared_gpu and s is not guilty]
    assert guilty.run in {s.run for s in others}
    assert lab.guilty not in lab.lookalikes
    assert len(lab.lookalikes) == 6


def test_what_the_guilty_one_does_agrees_in_time(lab: Lab) -> None:
    s = next(s for s in lab.sandboxes if s.agent == lab.guilty)
    scan, tunnel, miner = (
        next(e["ts"] for e in s.commands if mark in e["command"])
        for mark in ("python3 /tmp/reach.py", " -R ", "--tls -u")
    )
    probes = [e["ts"] - e["duration"] for e in s.flows if e["dst_ip"].startswith("10.20.8.")]
    outside = [e["ts"] - e["duration"] for e in s.flows if e.get("service") == "ssh" and e["dst_port"] == 443]
    pool = [
        e["ts"] - e["duration"] for e in s.flows if e.get("host") == "eu1.hashworks.example" and e["proto"] == "tcp"
    ]
    flat = [e["ts"] for e in s.samples if e["util_pct"] == 100 and e["tensor_active"] == 0]
    assert scan < tunnel < miner
    assert 0 < min(probes) - scan < 1
    assert max(probes) < tunnel
    assert 0 < min(outside) - tunnel < 1
    assert 0 < min(pool) - miner < 2
    assert 0 < min(flat) - miner < 20
    trained = [e["ts"] for e in s.samples if e["tensor_active"] > 0.1]
    assert max(trained) < scan
