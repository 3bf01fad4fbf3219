"""Alerts as OCSF Detection Findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import contracts
from pipeline.errors import UsageError
from pipeline.sinks import ocsf

ALERT: dict[str, Any] = json.loads(contracts.text("alert"))["examples"][0]
REQUIRED = ("activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid")
"""Of class 2004 in OCSF 1.8.0 (events/findings/detection_finding.json and what it extends)."""


@pytest.mark.parametrize(("change", "activity"), [("opened", 1), ("raised", 2), ("closed", 3)])
def test_an_alert_is_a_detection_finding(change: str, activity: int) -> None:
    made = ocsf.finding({**ALERT, "change": change})
    assert all(made[field] is not None for field in REQUIRED)
    assert made["class_uid"] == 2004
    assert made["category_uid"] == 2
    assert made["type_uid"] == 200400 + activity
    assert made["is_alert"] is (change != "closed")
    assert made["finding_info"]["uid"] == ALERT["id"]
    assert isinstance(made["risk_score"], int)


def test_one_incident_is_one_finding_and_each_of_its_records_another() -> None:
    first, second = ocsf.finding({**ALERT, "update": 1}), ocsf.finding({**ALERT, "update": 2})
    assert first["finding_info"]["uid"] == second["finding_info"]["uid"]
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_times_are_whole_milliseconds_and_in_order() -> None:
    made = ocsf.finding(ALERT)
    assert made["start_time"] == made["time"] == round(ALERT["opened_ts"] * 1000)
    assert made["end_time"] == round(ALERT["ts"] * 1000)
    assert all(isinstance(made[name], int) for name in ("time", "start_time", "end_time"))


def test_severity_and_risk_rise_with_the_level() -> None:
    made = [ocsf.finding({**ALERT, "level": level}) for level in (50, 70, 90)]
    assert [m["severity_id"] for m in made] == [3, 4, 5]
    assert [m["risk_level_id"] for m in made] == [2, 3, 4]


def test_the_exact_score_and_its_terms_are_kept_where_ocsf_has_no_place() -> None:
    assert ocsf.finding(ALERT)["unmapped"]["score"] == ALERT["score"]
    assert ocsf.finding(ALERT)["unmapped"]["terms"] == ALERT["terms"]


def test_only_alerts_are_written_and_a_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "findings.ndjson"
    sink = ocsf.open_sink(str(path), replace=False)
    sink.write("scores", [{"score": 1}])
    sink.write("alerts", [ALERT, ALERT])
    sink.close()
    assert [json.loads(line)["class_uid"] for line in path.read_text().splitlines()] == [2004, 2004]
    with pytest.raises(UsageError, match="--replace"):
        ocsf.open_sink(str(path), replace=False)
    ocsf.open_sink(str(path), replace=True).close()
    assert path.read_text() == ""
