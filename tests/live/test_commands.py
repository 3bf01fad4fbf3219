"""The commands of the live room, as a user runs them one after another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from pipeline.cli import main
from pipeline.live import history, lag, topics
from tests.live.running import ROOT, Broker, Expected, Live, alert_id, bare, live, until


@pytest.fixture(scope="module")
def lab(kafka: Broker, recording: Expected, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Topics on which the recording has been scored."""
    with live(kafka, "commands") as made:
        made.send(recording.files)
        worker = made.serve(tmp_path_factory.mktemp("log") / "a.log")
        made.wait()
        made.stop(worker)
        yield made


def flags(lab: Live) -> list[str]:
    """What leads a command to the topics."""
    return ["--bootstrap-servers", lab.bootstrap, "--prefix", f"{lab.name}.", "--group", lab.name]


def test_topics_are_made_once_and_what_differs_is_named(lab: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "create", "--partitions", "4", *flags(lab)]) == 0
    assert "made" not in capsys.readouterr().out
    assert main(["topics", "create", "--partitions", "5", *flags(lab)]) == 1
    assert f"differs {lab.name}.flow: expected 5 partitions, got 4" in capsys.readouterr().out


def test_missing_topics_are_said_so(kafka: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lag", "--bootstrap-servers", kafka.bootstrap, "--prefix", "nowhere."]) == 1
    assert "expected topics nowhere.registry" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_said_in_one_line() -> None:
    said = Live("127.0.0.1:1", "away").command("topics", "create")
    assert said.returncode == 1
    assert "expected a Kafka broker at 127.0.0.1:1" in said.stderr.splitlines()[-1]


def test_send_puts_each_kind_on_its_topic(lab: Live, recording: Expected, capsys: pytest.CaptureFixture[str]) -> None:
    other = Live(lab.bootstrap, f"{lab.name}-sent").create()
    assert main(["send", str(recording.files), "--speed", "max", "--quiet", *flags(other)]) == 0
    said = capsys.readouterr().out
    rows = {
        kind: sum(row.end for row in lag.lag(other.settings) if row.topic.endswith(f".{kind}"))
        for kind in topics.EVENTS
    }
    assert all(f"{count:,} {kind}" in said for kind, count in rows.items())
    assert sum(rows.values()) == recording.rows
    assert all(rows.values())


def test_lag_is_nothing_after_all_was_scored(lab: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lag", "--json", *flags(lab)]) == 0
    rows = [orjson.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert len(rows) == 4 * len(topics.INPUTS)
    assert {row["behind"] for row in rows if row["consumed"] is not None} == {0}
    assert main(["lag", *flags(lab)]) == 0
    assert f"{lab.name}.flow" in capsys.readouterr().out


def test_alerts_are_told_once_each(lab: Live, recording: Expected, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--json", *flags(lab)]) == 0
    told = [alert_id(orjson.loads(row)) for row in capsys.readouterr().out.splitlines()]
    assert sorted(told) == sorted(recording.alerts)
    assert main(["alerts", *flags(lab)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(told)


def test_watch_without_a_terminal_prints_the_riskiest_once(
    lab: Live, recording: Expected, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", *flags(lab)]) == 0
    worst = max(recording.agents.values(), key=lambda record: float(record["score"]))
    assert worst["agent"] in capsys.readouterr().out.splitlines()[2]


def test_a_stretch_of_the_topics_gives_what_live_gave(lab: Live, recording: Expected, tmp_path: Path) -> None:
    assert main(["replay", "--topics", "--out", str(tmp_path / "all"), *flags(lab)]) == 0
    finals = {r["agent"]: r for r in map(orjson.loads, (tmp_path / "all" / "agents.ndjson").read_bytes().splitlines())}
    assert {a: bare(r) for a, r in finals.items()} == {a: bare(r) for a, r in recording.agents.items()}
    alerts = [orjson.loads(row) for row in (tmp_path / "all" / "alerts.ndjson").read_bytes().splitlines()]
    assert sorted(map(alert_id, alerts)) == sorted(recording.alerts)
    nothing = history.replay(lab.config, None, 1000, [f"files={tmp_path / 'none'}"], False)
    assert nothing["account"]["read"] == 0
    assert nothing["first_ts"] is None
    assert main(["replay", "--topics", str(recording.files), "--out", str(tmp_path / "x"), *flags(lab)]) == 2


def test_the_example_sees_each_alert_once(lab: Live, recording: Expected) -> None:
    arguments = (lab.bootstrap, f"{lab.name}.alert", f"{lab.name}-pager", 4000)
    code = f"import alerts_once; alerts_once.main(*{arguments!r})"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "examples", capture_output=True, text=True, timeout=120, check=True
    )
    seen = sorted(tuple(row.split()[:2]) for row in said.stdout.splitlines())
    assert seen == sorted((alert["id"], alert["change"]) for alert in recording.alerts.values())


def test_serve_without_a_broker_ends_with_one_line(tmp_path: Path) -> None:
    away = Live("127.0.0.1:1", "away")
    worker = away.serve(tmp_path / "a.log")
    until(lambda: worker.poll() is not None, lambda: True, away.words)
    assert worker.returncode == 1
    assert "expected a Kafka broker at 127.0.0.1:1" in away.words().splitlines()[-1]
