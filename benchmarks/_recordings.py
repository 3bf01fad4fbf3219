"""Made-up recordings of any size, from one seed: the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet

START = 1_767_225_600.0
COMMANDS = (
    "ls -la src",
    "git status",
    "pytest -q tests/test_{n}.py",
    "sed -n 1,{n}p src/app.py",
    "grep -rn 'def f{n}' src | head",
    "python train.py --seed {n} > log.txt 2>&1",
    "cat /workspace/data/part-{n}.csv | wc -l",
    "curl -sS https://mirror.example.org/p{n}.tar.gz -o /tmp/p.tgz",
    "pip install -q package{n}",
    "cd /workspace && make -j4",
)


def events(kind: str, count: int, agents: int = 1000) -> Iterator[dict[str, Any]]:
    """`count` events of one kind, in order of time, of agents at ordinary work."""
    random = np.random.default_rng(7)
    who = random.integers(0, agents, count)
    number = random.integers(0, 1 << 30, (count, 4))
    share = random.random((count, 4))
    step = 3600.0 / count
    for i in range(count):
        a = int(who[i])
        event: dict[str, Any] = {
            "kind": kind,
            "agent": f"lab/sandbox-{a:06d}",
            "ts": round(START + i * step, 6),
            "run": f"ppo-{a % 7}",
        }
        n = number[i].tolist()
        if kind == "flow":
            event |= {
                "src_ip": f"10.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}",
                "src_port": 32768 + n[0] % 28000,
                "dst_ip": f"203.0.113.{(a + n[1] % 5) % 256}",
                "dst_port": (443, 443, 443, 80, 22)[n[1] % 5],
                "proto": "tcp",
                "direction": "outbound",
                "duration": round(float(share[i, 0]) * 60, 3),
                "src_bytes": n[2] % 20000,
                "dst_bytes": n[3] % 200000,
                "src_pkts": n[2] % 40 + 1,
                "dst_pkts": n[3] % 200 + 1,
                "outcome": "established",
                "final": True,
            }
        elif kind == "gpu":
            event |= {
                "gpu": f"GPU-{a:08x}",
                "model": "NVIDIA H100 80GB HBM3",
                "util_pct": n[0] % 101,
                "sm_active": round(float(share[i, 0]), 3),
                "tensor_active": round(float(share[i, 1]) * 0.6, 3),
                "dram_active": round(float(share[i, 2]), 3),
                "power_w": round(100 + 500 * float(share[i, 0]), 1),
                "power_limit_w": 700,
                "mem_used_mib": 60000,
                "mem_total_mib": 81559,
            }
        else:
            event |= {
                "command": COMMANDS[n[0] % len(COMMANDS)].format(n=n[1] % 200),
                "tool": "bash",
                "cwd": "/workspace",
            }
        yield event


def ndjson(path: Path, kind: str, count: int, agents: int = 1000) -> Path:
    """The events as lines."""
    with path.open("wb") as file:
        for event in events(kind, count, agents):
            file.write(orjson.dumps(event) + b"\n")
    return path


def parquet(path: Path, kind: str, count: int, agents: int = 1000) -> Path:
    """The same events as a Parquet file."""
    pyarrow.parquet.write_table(pa.Table.from_pylist(list(events(kind, count, agents))), path)
    return path
