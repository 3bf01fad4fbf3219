"""Work that was not declared, the slow and obvious way: every agent a list of GPUs, every GPU its samples since it was
first heard of or a hole, all of them gone through anew for each row.

The kernel keeps 32-bit numbers, so what is carried from sample to sample is rounded here as well; results agree to the
last bit.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.detectors.undeclared_gpu import Settings

NONE, INFERENCE = 1, 3
HOPPERS = ("H100", "H200", "H300", "H800", "B100", "B200", "B300", "B800")
"""Real names and those of the same make that no card has."""


def short(x: float) -> float:
    """As a 32-bit number holds it."""
    return float(np.float32(x))


def ramp(x: float, low: float, high: float) -> float:
    if x <= low:
        return 0.0
    if x >= high:
        return 1.0
    return (x - low) / (high - low)


def line(x: float, at: tuple[float, ...], nats: tuple[float, ...]) -> float:
    if x <= at[0]:
        return nats[0]
    for (x0, y0), (x1, y1) in pairwise(zip(at, nats, strict=True)):
        if x0 <= x < x1:
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
    return nats[-1]


def util(row: dict[str, Any]) -> float | None:
    """Share of time in use."""
    used: float | None = row["sm_active"] if row["util_pct"] is None else row["util_pct"] / 100
    return used


def groups(row: dict[str, Any]) -> dict[str, tuple[float, ...] | None]:
    """What a sample says of each thing of which a mean is kept; None where it says nothing."""
    use, tensor, dram, busy = util(row), row["tensor_active"], row["dram_active"], row["sm_active"]
    if dram is None and row["mem_util_pct"] is not None:
        dram = row["mem_util_pct"] / (100 * 1.28)
    ways = [x for x in (row["nvlink_tx_bytes_s"], row["nvlink_rx_bytes_s"]) if x is not None]
    if busy is None and row["power_w"] is not None and row["power_limit_w"] is not None and row["power_limit_w"] >= 1:
        busy = row["power_w"] / row["power_limit_w"]
    return {
        "util": None if use is None else (use,),
        "shape": None if tensor is None or dram is None else (tensor, dram),
        "links": (min(ways),) if ways else None,
        "busy": None if busy is None else (busy,),
    }


def known(samples: list[tuple[int, dict[str, Any], float]], s: Settings) -> dict[str, Any]:
    """Means by name, seconds and count of samples at work, from (time, row, level of work) of one GPU."""
    weight = {"util": 0.0, "shape": 0.0, "links": 0.0, "busy": 0.0}
    sums: dict[str, list[float]] = {"util": [0.0], "shape": [0.0, 0.0], "links": [0.0], "busy": [0.0]}
    spacing, worked, count, level = 0.0, 0.0, 0.0, 0.0
    for (before, _, _), (now, row, work) in pairwise(samples):
        dt = (now - before) / 1e6
        fresh = spacing == 0
        wide = dt if fresh else spacing + (dt - spacing) / 8
        spacing = short(wide)
        window = max(s.window_s, s.window_samples * wide)
        keep = 0.0 if fresh else window / (window + dt)
        said = groups(row)
        for name, values in said.items():
            weight[name] = short(keep * weight[name] + (0.0 if values is None else 1.0 - keep))
            for j in range(len(sums[name])):
                sums[name][j] = short(keep * sums[name][j] + (0.0 if values is None else (1.0 - keep) * values[j]))
        level = sums["util"][0] / weight["util"] if weight["util"] > 0 else 0.0
        if level >= work:
            if said["util"] is not None and said["util"][0] >= 0.7 * work:
                worked, count = short(worked + dt), short(count + 1)
        elif level < 0.7 * work:
            worked, count = 0.0, 0.0
    means = {name: [x / weight[name] for x in sums[name]] if weight[name] > 0 else None for name in sums}
    enough = 0.25 * weight["util"]
    sure = {name: weight[name] > enough for name in weight}
    return {"means": means, "sure": sure, "worked": worked, "count": count, "level": level}


def nats(found: dict[str, Any], hopper: bool, declared: int, s: Settings) -> float:
    level, means, sure = found["level"], found["means"], found["sure"]
    length = s.long * ramp(found["worked"], s.sustained_s, s.long_s)
    if declared == NONE:
        total = length + line(level, s.none_at, s.none)
    else:
        total = (length + s.level) * ramp(level, *s.level_at)
        if not sure["shape"]:
            total = min(total, s.load_only_cap)
        else:
            tensor, dram = means["shape"]
            shape = line(tensor / max(1e-9, dram), s.shape_at, s.shape)
            total += shape * ramp(tensor, 0.05, 0.12) if shape > 0 else shape
            if sure["links"]:
                (links,) = means["links"]
                allowed = tensor * s.links_per_tensor * (1.0 if hopper else s.before_hopper)
                beyond = ramp(links, allowed, 2 * allowed) if allowed > 0 else 1.0
                fits = ramp(links, 0.05e9, 0.3e9) * (1.0 - beyond)
                total += s.gradients * fits - s.no_gradients * (1.0 - fits)
            if sure["busy"]:
                total += s.busy * ramp(means["busy"][0], 0.4, 0.6)
    full = min(1.0, found["worked"] / s.sustained_s, found["count"] / s.sustained_samples)
    return float(min(s.cap, max(0.0, full * total)))


def strengths(rows: list[dict[str, Any]], s: Settings | None = None) -> list[float]:
    """One strength a row; a row has ts (µs), agent, declared, gpu, model (or None) and numbers (or None)."""
    s = s or Settings()
    gap = int(s.gap_s * 1e6)
    agents: dict[int, list[dict[str, Any]]] = {}
    out = []
    for row in rows:
        out.append(0.0)
        if row["declared"] not in (NONE, INFERENCE):
            continue
        work = s.work_none if row["declared"] == NONE else s.work
        slots = agents.setdefault(row["agent"], [])
        fresh = {
            "gpu": row["gpu"], "last": row["ts"], "samples": [(row["ts"], row, work)],
            "hopper": any(name in (row["model"] or "") for name in HOPPERS),
        }  # fmt: skip
        mine = [slot for slot in slots if slot["gpu"] == row["gpu"]]
        if not mine:
            place = room(slots, row["ts"], gap, (util(row) or 0.0) >= work, s)
            if place == len(slots):
                slots.append(fresh)
            elif place is not None:
                slots[place] = fresh
            continue
        slot = mine[0]
        if row["ts"] - slot["last"] > gap:
            slots[slots.index(slot)] = fresh
            continue
        if row["ts"] < slot["last"]:
            continue
        if row["ts"] > slot["last"]:
            slot["last"] = row["ts"]
            slot["samples"].append((row["ts"], row, work))
        out[-1] = nats(known(slot["samples"], s), slot["hopper"], row["declared"], s)
    assert all(math.isfinite(x) for x in out)
    return out


def room(slots: list[dict[str, Any]], now: int, gap: int, works: bool, s: Settings) -> int | None:
    """Where one more GPU goes: a free slot, that of the longest silent, that of one not at work, or nowhere."""
    if len(slots) < 8:
        return len(slots)
    oldest = min(range(8), key=lambda k: (slots[k]["last"], k))
    if now - slots[oldest]["last"] > gap:
        return oldest
    idle = [k for k in range(8) if known(slots[k]["samples"], s)["worked"] == 0]
    return idle[0] if works and idle else None
