"""Recorded events in, records out: all of them valid, all rows accounted for, nothing secret."""

from __future__ import annotations

import gzip
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import zstandard
from jsonschema import Draft202012Validator

from pipeline import config, replay
from pipeline.errors import InputError, UsageError
from pipeline.sinks import STREAMS
from tests.recordings import START, events, flow, write
from tests.test_contracts import validator

CONTRACT_OF = {"scores": "score", "evidence": "evidence", "alerts": "alert", "rejected": "rejected", "agents": "agent"}


def replayed(inputs: list[Path], out: Path, **more: Any) -> dict[str, Any]:
    return replay.run([str(path) for path in inputs], config=config.load(), sinks=[f"files={out}"], **more)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a replay of good, bad and late rows."""
    folder = tmp_path_factory.mktemp("replay")
    late = flow("lab/works", START - 9000.0, "203.0.113.9", 443)
    write(folder / "events.ndjson", [*events(), late])
    with (folder / "events.ndjson").open("a") as file:
        file.write('{"kind": "flow", "agent": "lab/works", "ts": 1, "src_port": 70000, "password": "hunter2hunter2"}\n')
        file.write(
            '{"kind": "command", "agent": "lab/works", "ts": "soon", "command": "mysql -phunter2hunter2 \x1b"}\n'
        )
        file.write("not json\n\n")
    replayed([folder / "events.ndjson"], folder / "out")
    return folder / "out"


def test_every_record_that_leaves_is_valid(result: Path) -> None:
    for stream in STREAMS:
        check: Draft202012Validator = validator(CONTRACT_OF[stream])
        records = lines(result / f"{stream}.ndjson")
        assert records, f"no {stream}: the recording shows nothing of them"
        for record in records:
            check.validate(record)
    validator("summary").validate(json.loads((result / "summary.json").read_text()))


def test_read_is_scored_and_rejected_and_late(result: Path) -> None:
    account = json.loads((result / "summary.json").read_text())["account"]
    assert account["scored"] == len(events())
    assert account["rejected"] == 3
    assert account["late"] == 1
    assert account["read"] == account["scored"] + account["rejected"] + account["late"]
    assert len(lines(result / "rejected.ndjson")) == account["rejected"] + account["late"]


def test_a_rejected_row_is_kept_with_where_and_why(result: Path) -> None:
    rows = {row["position"]: row for row in lines(result / "rejected.ndjson") if "late" not in row["reason"]}
    first = len(events()) + 2
    assert sorted(rows) == [first, first + 1, first + 2]
    assert all(row["source"].endswith("events.ndjson") and "expected" in row["reason"] for row in rows.values())
    assert rows[first + 2]["raw"] == "not json"


def test_no_secret_and_no_control_character_is_in_any_file(result: Path) -> None:
    for path in result.iterdir():
        content = path.read_bytes()
        assert b"hunter2" not in content, path.name
        assert b"\\u001b" not in content, path.name
        assert b"\x1b" not in content, path.name


def test_the_one_that_scans_is_riskiest_and_its_terms_sum_to_its_score(result: Path) -> None:
    riskiest = json.loads((result / "summary.json").read_text())["riskiest"]
    assert riskiest[0]["agent"] == "lab/scans"
    assert riskiest[0]["peak"]["score"] > 90
    for record in [*riskiest, *lines(result / "scores.ndjson")]:
        assert record["prior"] + sum(record["terms"].values()) == pytest.approx(record["logit"], abs=1e-9)
    for record in riskiest:
        logit = record["prior"] + sum(record["peak"]["terms"].values())
        assert record["peak"]["score"] == pytest.approx(100 / (1 + math.exp(-logit)))
        assert record["peak"]["score"] >= record["score"]


def test_evidence_names_the_command_that_did_it(result: Path) -> None:
    scans = [
        record
        for record in lines(result / "evidence.ndjson")
        if record["agent"] == "lab/scans" and record["modality"] == "flow"
    ]
    assert scans
    assert scans[0]["causes"][0]["command"].startswith("nmap -Pn 10.0.0.0/24")
    assert scans[0]["source"].endswith("events.ndjson")


def test_how_a_recording_is_cut_into_files_and_packed_changes_nothing(tmp_path: Path, result: Path) -> None:
    rows = events()
    for kind in ("flow", "gpu", "command"):
        text = "".join(json.dumps(row) + "\n" for row in rows if row["kind"] == kind).encode()
        if kind == "flow":
            (tmp_path / "flow.ndjson.zst").write_bytes(zstandard.compress(text))
        elif kind == "gpu":
            (tmp_path / "gpu.jsonl.gz").write_bytes(gzip.compress(text))
        else:
            (tmp_path / "command.ndjson").write_bytes(text)
    cut = replayed([tmp_path], tmp_path / "cut")
    whole = replayed([write(tmp_path / "whole.ndjson")], tmp_path / "one")
    assert lines(tmp_path / "cut" / "agents.ndjson") == lines(tmp_path / "one" / "agents.ndjson")
    assert cut["account"] == whole["account"]
    assert cut["levels"] == whole["levels"]


def test_a_registry_says_what_is_expected(tmp_path: Path) -> None:
    rows = [
        {
            "kind": "gpu",
            "agent": "lab/a",
            "ts": START + n,
            "gpu": 0,
            "util_pct": 99,
            "power_w": 600,
            "power_limit_w": 700,
        }
        for n in range(240)
    ]
    path = write(tmp_path / "gpu.ndjson", rows)
    for declared in ("none", "training"):
        (tmp_path / f"{declared}.jsonl").write_text(json.dumps({"agent": "lab/a", "declared_gpu": declared}) + "\n")
    peak = {
        declared: replayed([path], tmp_path / f"out-{declared}", registry=tmp_path / f"{declared}.jsonl")["riskiest"][
            0
        ]["peak"]["score"]
        for declared in ("none", "training")
    }
    assert peak["none"] > 50 > peak["training"]


def test_what_an_agent_did_days_ago_is_not_forgotten_at_the_end(tmp_path: Path) -> None:
    later = flow("lab/scans", START + 3 * 86400.0, "203.0.113.9", 443, src_bytes=900, dst_bytes=40000)
    whole = replayed([write(tmp_path / "one.ndjson")], tmp_path / "one")
    summary = replayed([write(tmp_path / "two.ndjson", [*events(), later])], tmp_path / "two")
    assert summary["levels"] == whole["levels"]
    assert summary["levels"]["90"] == 1
    assert summary["riskiest"][0]["agent"] == "lab/scans"
    assert summary["riskiest"][0]["score"] < 5 < 90 < summary["riskiest"][0]["peak"]["score"]


def test_events_where_a_registry_should_be_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "events.ndjson")
    with pytest.raises(InputError, match="expected registry entries"):
        replayed([path], tmp_path / "out", registry=path)
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_said_before_any_work(tmp_path: Path) -> None:
    path = write(tmp_path / "events.ndjson")
    with pytest.raises(InputError, match=r"none\.ndjson"):
        replayed([path, tmp_path / "none.ndjson"], tmp_path / "out")
    with pytest.raises(UsageError, match="expected one of files=DIR"):
        replay.run([str(path)], config=config.load(), sinks=["pigeon=loft"])
    assert not (tmp_path / "out").exists()


def test_two_sinks_are_told_the_same(tmp_path: Path) -> None:
    replay.run(
        [str(write(tmp_path / "events.ndjson"))],
        config=config.load(),
        sinks=[f"files={tmp_path / 'out'}", f"ocsf={tmp_path / 'findings.ndjson'}"],
    )
    findings = lines(tmp_path / "findings.ndjson")
    assert [f["finding_info"]["uid"] for f in findings] == [a["id"] for a in lines(tmp_path / "out" / "alerts.ndjson")]


def test_progress_in_a_log_is_lines_and_on_a_terminal_one_that_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("pipeline.progress.REDRAW_S", 0.0)
    monkeypatch.setattr("pipeline.progress.LINE_S", 0.0)
    path = write(tmp_path / "events.ndjson")
    log, terminal = io.StringIO(), Terminal()
    replayed([path], tmp_path / "a", progress=log)
    replayed([path], tmp_path / "b", progress=terminal)
    assert "events/s, reached 2026-01-01 00:0" in log.getvalue()
    assert "\r" not in log.getvalue()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().rpartition("\r")[0].endswith(" ")


def test_check_counts_and_gives_an_example_of_each_kind_of_rejection(tmp_path: Path) -> None:
    path = write(tmp_path / "events.ndjson")
    with path.open("a") as file:
        file.write(
            '{"agent": "lab/a", "ts": -1, "command": "ls"}\n{"agent": "lab/a", "ts": -2, "command": "ls"}\nnot json\n'
        )
    found = replay.check([str(path)], config.load())
    assert found["account"] == {"read": len(events()) + 3, "accepted": len(events()), "rejected": 3}
    assert found["inputs"][0]["flow"] == sum(event["kind"] == "flow" for event in events())
    assert [entry["count"] for entry in found["rejected"]] == [2, 1]
    assert found["rejected"][0]["position"] == len(events()) + 1
