"""Small recordings for tests: a sandbox that scans its network and one that works, as lines of native events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

START = 1767225600.0


def flow(agent: str, ts: float, dst: str, port: int, outcome: str = "established", **more: Any) -> dict[str, Any]:
    """One flow record."""
    return {
        "kind": "flow",
        "agent": agent,
        "ts": ts,
        "src_ip": "10.0.3.17",
        "src_port": 40000 + int(ts) % 20000,
        "dst_ip": dst,
        "dst_port": port,
        "proto": "tcp",
        "direction": "outbound",
        "outcome": outcome,
        "duration": 0.1,
        "src_bytes": 60,
        "dst_bytes": 0,
        "src_pkts": 1,
        "dst_pkts": 0,
        **more,
    }


def events() -> list[dict[str, Any]]:
    """Two agents over five minutes, in order of time."""
    made: list[dict[str, Any]] = []
    for n in range(60):
        ts = START + 5.0 * n
        made.append(
            {
                "kind": "command",
                "agent": "lab/works",
                "ts": ts,
                "command": f"pytest -q tests/test_{n}.py",
                "run": "ppo-7",
            }
        )
        made.append(
            flow("lab/works", ts + 1, "203.0.113.9", 443, src_bytes=900, dst_bytes=40000, src_pkts=9, dst_pkts=30)
        )
        made.append({"kind": "gpu", "agent": "lab/works", "ts": ts + 1.5, "gpu": 0, "util_pct": 3})
    made.append(
        {
            "kind": "command",
            "agent": "lab/scans",
            "ts": START + 9.0,
            "episode": "12",
            "command": "nmap -Pn 10.0.0.0/24 -p 22 --script-args pass=hunter2hunter2",
        }
    )
    made += [flow("lab/scans", START + 10.0 + n, f"10.0.0.{n + 1}", 22, "unanswered") for n in range(60)]
    return sorted(made, key=lambda event: float(event["ts"]))


def write(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """Lay events into a file, one a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in (events() if rows is None else rows)))
    return path
