"""Alerts as OCSF Detection Findings, one JSON object a line, for a SIEM.

Open Cybersecurity Schema Framework 1.8.0, class 2004 of category 2. An incident is one finding: it is created (200401),
updated (200402) and closed (200403) under one `finding_info.uid`. `risk_score` is a whole number there; the exact
score, its terms, the run and the episode stand under `unmapped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import pipeline
from pipeline.errors import UsageError
from pipeline.sinks import Record, Stream, _gate

ABOUT: Final = "alerts as OCSF 1.8.0 Detection Findings (class 2004), one JSON object a line"
TARGET: Final = "FILE"

VERSION: Final = "1.8.0"
ATTACK_VERSION: Final = "17"
CATEGORY: Final = 2
CLASS: Final = 2004
ACTIVITY: Final = {"opened": (1, "Create"), "raised": (2, "Update"), "closed": (3, "Close")}
STATUS: Final = {"opened": (1, "New"), "raised": (1, "New"), "closed": (4, "Resolved")}
SEVERITY: Final = {50: (3, "Medium"), 70: (4, "High"), 90: (5, "Critical")}
RISK_LEVEL: Final = {50: (2, "Medium"), 70: (3, "High"), 90: (4, "Critical")}


def finding(alert: Record) -> dict[str, Any]:
    """One alert as a Detection Finding; times are milliseconds.

    >>> made = finding({"id": "lab/a#1", "agent": "lab/a", "ts": 60.0, "opened_ts": 0.0, "change": "raised",
    ...                 "level": 90, "score": 93.4, "terms": {"pool_session": 8.0}, "attack": ["T1496.001"],
    ...                 "evidence": ["e1"], "incident": 1, "update": 2, "words": "lab/a reached 90."})
    >>> made["type_uid"], made["risk_score"], made["time"], made["finding_info"]["modified_time"]
    (200402, 93, 0, 60000)
    >>> made["finding_info"]["attacks"][0]["technique"]["uid"]
    'T1496'
    """
    activity, activity_name = ACTIVITY[alert["change"]]
    status, status_name = STATUS[alert["change"]]
    severity, severity_name = SEVERITY[alert["level"]]
    risk, risk_name = RISK_LEVEL[alert["level"]]
    opened, now = milliseconds(alert["opened_ts"]), milliseconds(alert["ts"])
    product = {"name": "agentrisk", "version": pipeline.__version__}
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "time": opened,
        "start_time": opened,
        "end_time": now,
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "is_alert": alert["change"] != "closed",
        "risk_score": round(alert["score"]),
        "risk_level_id": risk,
        "risk_level": risk_name,
        "message": alert["words"],
        "metadata": {"version": VERSION, "product": product, "uid": f"{alert['id']}.{alert['update']}"},
        "finding_info": {
            "uid": alert["id"],
            "title": f"Agent at risk level {alert['level']}",
            "desc": alert["words"],
            "created_time": opened,
            "first_seen_time": opened,
            "last_seen_time": now,
            "modified_time": now,
            "attacks": [attack(technique) for technique in alert["attack"]],
            "related_events": [{"uid": evidence} for evidence in alert["evidence"]],
        },
        "resources": [{"uid": alert["agent"], "name": alert["agent"], "type": "AI agent"}],
        "unmapped": {name: alert[name] for name in ("score", "terms", "incident", "run", "episode") if name in alert},
    }


def milliseconds(seconds: float) -> int:
    """Unix seconds as OCSF's timestamp."""
    return round(seconds * 1000)


def attack(technique: str) -> dict[str, Any]:
    """An ATT&CK technique as OCSF's attack object.

    >>> attack("T1496.001")["sub_technique"]["uid"]
    'T1496.001'
    """
    parent, _, sub = technique.partition(".")
    made: dict[str, Any] = {"version": ATTACK_VERSION, "technique": {"uid": parent}}
    if sub:
        made["sub_technique"] = {"uid": technique}
    return made


def open_sink(target: str, replace: bool) -> Ocsf:
    """Open the file `target`, which must be new unless `replace`."""
    path = Path(target)
    try:
        return Ocsf(path.open("wb" if replace else "xb"))
    except FileExistsError as error:
        raise UsageError(f"{path}: holds the result of an earlier run; --replace writes over it") from error
    except OSError as error:
        raise UsageError(f"{path}: expected a file to write to, got: {error.strerror}") from error


class Ocsf:
    """The open file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def write(self, stream: Stream, records: Sequence[Record]) -> None:
        """Write alerts; other streams have no place here."""
        if stream == "alerts" and records:
            self.file.write(_gate.lines(finding(alert) for alert in records))
            self.file.flush()

    def finish(self, summary: Record) -> None:
        """Nothing is left to say."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()
