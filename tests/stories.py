"""Folders of results for tests: small, written by hand, and written by chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

AGENT = "lab/a-17"
PRIOR = -5.3
START = 1772586000.0


def score(ts: float, terms: dict[str, float], **more: Any) -> dict[str, Any]:
    """A score record whose terms add up."""
    logit = PRIOR + sum(terms.values())
    value = 100 / (1 + math.exp(-logit))
    level = max((v for v in (50, 70, 90) if value >= v), default=0)
    return {
        "agent": AGENT,
        "ts": ts,
        "score": value,
        "level": level,
        "logit": logit,
        "prior": PRIOR,
        "terms": terms,
        "seen": {"flow": ts, "command": ts - 900},
        "attack": ["T1496.001"],
        **more,
    }


def flow_evidence(ts: float, strength: float, **more: Any) -> dict[str, Any]:
    """A pool session seen once more, started by a command that names its far side."""
    return {
        "id": f"{AGENT}:pool_session:{ts}",
        "agent": AGENT,
        "ts": ts,
        "detector": "pool_session",
        "title": "mining pool session",
        "story": "mining",
        "modality": "flow",
        "strength": strength,
        "attack": ["T1496.001"],
        "words": f"for {ts - START:.0f} s the far side spoke first",
        "event": {
            "kind": "flow",
            "agent": AGENT,
            "ts": ts,
            "src_ip": "10.0.3.17",
            "src_port": 51514,
            "dst_ip": "203.0.113.7",
            "dst_port": 443,
            "proto": "tcp",
            "direction": "outbound",
            "duration": 47.5,
            "src_bytes": 748,
            "dst_bytes": 1137,
            "src_pkts": 7,
            "dst_pkts": 1,
            "outcome": "established",
            "host": "files.example",
        },
        "source": "in/flows.ndjson",
        "position": 88,
        "causes": [
            {
                "ts": START,
                "ago_s": ts - START,
                "command": "./worker -o files.example:443",
                "words": "starts a miner",
                "reason": "it names the far side",
            },
            {"ts": START - 4, "ago_s": ts - START + 4, "command": "chmod +x worker", "reason": "it came just before"},
        ],
        **more,
    }


def command_evidence(ts: float, command: str, strength: float = 4.0, **more: Any) -> dict[str, Any]:
    """A command that is the evidence itself."""
    return {
        "id": f"{AGENT}:miner_command:{ts}",
        "agent": AGENT,
        "ts": ts,
        "detector": "miner_command",
        "title": "miner started by a command",
        "story": "mining",
        "modality": "command",
        "strength": strength,
        "attack": ["T1496.001"],
        "words": "starts a miner",
        "event": {"command": command, "cwd": "/w", "user": "root"},
        "source": "commands.ndjson",
        "position": 3,
        "causes": [{"ts": ts, "ago_s": 0, "command": command, "reason": "it is the evidence"}],
        **more,
    }


def gpu_evidence(ts: float, strength: float = 3.0) -> dict[str, Any]:
    """A GPU that works like a miner, with no command known."""
    return {
        "id": f"{AGENT}:mining_gpu:{ts}",
        "agent": AGENT,
        "ts": ts,
        "detector": "mining_gpu",
        "title": "GPU busy in the shape of mining",
        "story": "mining",
        "modality": "gpu",
        "strength": strength,
        "attack": [],
        "words": "evenly busy",
        "event": {"gpu": "GPU-0", "model": "H100", "util_pct": 100, "power_w": 612.2},
        "source": "gpu.ndjson",
        "position": 5,
        "causes": [],
    }


def alert(ts: float, change: str, level: int, incident: int = 1) -> dict[str, Any]:
    """One change of an alert."""
    return {
        "id": f"{AGENT}#{incident}",
        "agent": AGENT,
        "ts": ts,
        "incident": incident,
        "change": change,
        "level": level,
        "score": level + 1.5,
        "terms": {},
        "attack": [],
        "evidence": [],
        "words": f"{change} at level {level}",
        "opened_ts": START,
    }


def save(
    folder: Path,
    *,
    scores: Iterable[dict[str, Any]] = (),
    evidence: Iterable[dict[str, Any]] = (),
    alerts: Iterable[dict[str, Any]] = (),
    agents: Iterable[dict[str, Any]] = (),
) -> Path:
    """Write a folder of results; files that would be empty are left out."""
    for name, records in (("scores", scores), ("evidence", evidence), ("alerts", alerts), ("agents", agents)):
        lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
        if lines:
            (folder / f"{name}.ndjson").write_bytes(lines)
    return folder


HOSTILE = st.text(max_size=60).filter(lambda s: s.encode("utf-8", "ignore").decode() == s) | st.sampled_from(
    [
        "\x1b[2J\x1b[H",
        "\x1b]0;owned\x07",
        "a\r\nb",
        "\x9b31m",
        "\u202egpj.exe",
        "[bold red]x[/]",
        "\x00",
        "é\u0301" * 40,
        "漢字" * 60,
        "x" * 5000,
        "a\tb",
        ":smile:",
        "https://h.example/" + "p" * 300,
    ]
)
"""Text as the watched agent would like people to read it."""

MOMENTS = st.floats(START - 1e5, START + 1e5)
NATS = st.floats(0.01, 12)
TERMS = st.dictionaries(HOSTILE, st.floats(-9, 9), max_size=5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | HOSTILE,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(HOSTILE, inner, max_size=2),
    max_leaves=4,
)
EVENTS = st.dictionaries(
    st.sampled_from(
        [
            "src_ip",
            "dst_ip",
            "dst_port",
            "proto",
            "duration",
            "src_bytes",
            "src_pkts",
            "host",
            "direction",
            "gpu",
            "model",
            "util_pct",
            "power_w",
            "command",
            "cwd",
            "user",
        ]
    )
    | HOSTILE,
    JSON,
    max_size=6,
)

SCORES = st.builds(lambda ts, terms, run: score(ts, terms, run=run, episode=run), MOMENTS, TERMS, HOSTILE)
CAUSES = st.lists(
    st.fixed_dictionaries({"ts": MOMENTS, "ago_s": st.floats(-2, 1e6), "command": HOSTILE, "reason": HOSTILE}),
    max_size=4,
)
EVIDENCE = st.builds(
    lambda ts, strength, modality, text, event, causes: {
        "id": text,
        "agent": AGENT,
        "ts": ts,
        "detector": text[:9],
        "title": text,
        "story": "mining",
        "modality": modality,
        "strength": strength,
        "attack": [text],
        "words": text,
        "event": event,
        "source": text,
        "position": 1,
        "causes": causes,
    },
    MOMENTS,
    NATS,
    st.sampled_from(["flow", "gpu", "command", "tea"]),
    HOSTILE,
    EVENTS,
    CAUSES,
)
ALERTS = st.builds(
    lambda ts, change, text: alert(ts, change, 70) | {"words": text, "change": change},
    MOMENTS,
    st.sampled_from(["opened", "raised", "closed"]) | HOSTILE,
    HOSTILE,
)
