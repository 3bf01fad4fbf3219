"""Flow rows by hand: dicts with defaults, as columns, and through a detector's kernel."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from itertools import pairwise
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import Flow
from pipeline.events.strings import pack
from pipeline.kernels.settings import record

NAN = float("nan")
START = 1_800_000_000_000_000
SECOND = 1_000_000
Row = dict[str, Any]


def halves(address: str) -> tuple[int, int]:
    """An address as two halves, IPv4 as ::ffff:a.b.c.d."""
    ip = ipaddress.ip_address(address)
    number = int(ip) if ip.version == 6 else (0xFFFF << 32) | int(ip)
    return number >> 64, number & (2**64 - 1)


def row(at: float, dst: str, port: int = 0, **more: Any) -> Row:
    """One flow record at `at` seconds; everything not given is unknown. `place` is where the far side lies."""
    ip = ipaddress.ip_address(dst)
    inside = ip in ipaddress.ip_network("10.0.0.0/8") if ip.version == 4 else ip in ipaddress.ip_network("fd00::/8")
    made: Row = {
        "ts": START + round(at * SECOND), "agent": 0, "place": codes.INTERNAL if inside else codes.EXTERNAL,
        "src": "10.64.0.9" if ip.version == 4 else "fd00::9", "dst": dst, "src_port": 40000, "dst_port": port,
        "proto": codes.TCP, "direction": codes.OUTBOUND, "outcome": codes.UNKNOWN, "final": 0, "duration": -1,
        "src_bytes": NAN, "dst_bytes": NAN, "src_pkts": NAN, "dst_pkts": NAN, "bursts": -1, "bursts_dst_first": -1,
        "flow_id": 1,
    }  # fmt: skip
    assert not more.keys() - made.keys()
    return {**made, **more}


def columns(rows: list[Row]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], Flow]:
    """What a kernel is given: times, agents, places, the flow columns."""
    src, dst = [halves(r["src"]) for r in rows], [halves(r["dst"]) for r in rows]
    types: dict[str, Any] = dict.fromkeys(("src_port", "dst_port", "bursts", "bursts_dst_first"), np.int32)
    types |= dict.fromkeys(("proto", "direction", "outcome", "final"), np.uint8)
    types |= dict.fromkeys(("src_bytes", "dst_bytes", "src_pkts", "dst_pkts"), np.float64)
    types |= {"duration": np.int64, "flow_id": np.uint64}
    made: dict[str, Any] = {name: np.array([r[name] for r in rows], kind) for name, kind in types.items()}
    for name, pair in (("src", src), ("dst", dst)):
        for half, number in (("hi", 0), ("lo", 1)):
            made[f"{name}_{half}"] = np.array([p[number] for p in pair], np.uint64)
    nothing = pack([None] * len(rows))
    return (
        np.array([r["ts"] for r in rows], np.int64), np.array([r["agent"] for r in rows], np.int32),
        np.array([r["place"] for r in rows], np.uint8), Flow(**made, service=nothing, host=nothing),
    )  # fmt: skip


def run(
    detector: ModuleType, rows: list[Row], settings: msgspec.Struct | None = None, cuts: tuple[int, ...] = ()
) -> tuple[list[float], Any]:
    """Strengths and reasons of rows that come in batches cut at `cuts`."""
    known = record(settings if settings is not None else detector.Settings())
    state = np.zeros(1 + max((r["agent"] for r in rows), default=0), detector.STATE)
    strength, why = np.zeros(len(rows)), np.zeros(len(rows), detector.WHY)
    edges = [0, *sorted(c for c in cuts if c <= len(rows)), len(rows)]
    for a, b in pairwise(edges):
        ts, agent, place, flow = columns(rows[a:b])
        detector.step(ts, agent, place, flow, state, known, strength[a:b], why[a:b])
    return strength.tolist(), why


def most(detector: ModuleType, rows: list[Row]) -> float:
    """The largest strength over rows in order of time."""
    return max(run(detector, sorted(rows, key=lambda r: r["ts"]))[0], default=0.0)


def interpreted(name: str, rows: list[Row]) -> list[float]:
    """Strengths by the kernel of a detector as Python runs it, in a process of its own."""
    code = (
        "import importlib, json, sys; from tests.detectors.flow_rows import run\n"
        f"print(json.dumps(run(importlib.import_module('pipeline.detectors.{name}'), json.load(sys.stdin))[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, input=json.dumps(rows),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    said: list[float] = json.loads(done.stdout)
    return said
