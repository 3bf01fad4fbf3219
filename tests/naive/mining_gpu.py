"""The shape of mining, the slow and obvious way: every agent a list of GPUs, every GPU its samples since it was first
heard of or a hole, all of them gone through anew for each row.

The kernel keeps 32-bit numbers, so what is carried from sample to sample is rounded here as well; results agree to the
last bit.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from pipeline.detectors.mining_gpu import Settings
from tests.naive.undeclared_gpu import line, ramp, short

UNKNOWN, TRAINING, INFERENCE, ANY = 0, 2, 3, 4


def busy(row: dict[str, Any]) -> float | None:
    if row["sm_active"] is not None:
        return float(row["sm_active"])
    return None if row["util_pct"] is None else float(row["util_pct"]) / 100


def worth(row: dict[str, Any], s: Settings) -> float:
    """What one sample is worth without looking at others."""
    use, tensor = busy(row), row["tensor_active"]
    dram = row["dram_active"]
    if dram is None and row["mem_util_pct"] is not None:
        dram = row["mem_util_pct"] / 100
    ways = ("pcie_tx_bytes_s", "pcie_rx_bytes_s", "nvlink_tx_bytes_s", "nvlink_rx_bytes_s")
    links = [row[name] for name in ways if row[name] is not None]
    if use is None or use < s.busy:
        return 0.0
    if tensor is not None and tensor > s.tensor * use:
        return 0.0
    if links and max(links) > s.links:
        return 0.0
    total = s.worth
    if dram is not None and dram >= s.hard_from:
        total += s.hard
    elif dram is not None and dram <= s.pure_to:
        total += s.pure
    if not links:
        total -= s.no_links
    return total if tensor is not None else min(total, s.cap_no_tensor)


def known(samples: list[tuple[int, dict[str, Any]]], s: Settings) -> dict[str, float]:
    """What the samples of one GPU add up to."""
    names = ("worked", "count", "spacing", "level", "outside", "memory", "share", "worth", "w", "tensor")
    g = dict.fromkeys(names, 0.0)
    for (before, _), (now, row) in pairwise(samples):
        dt = (now - before) / 1e6
        value = worth(row, s)
        even = row["sm_active"] if row["power_w"] is None else row["power_w"]
        if even is None:
            value = max(0.0, value - s.no_flat)
        elif abs(even - g["level"]) <= s.flat * g["level"]:
            g["level"] = short(g["level"] + (even - g["level"]) * (dt / (s.window_s + dt)))
            g["outside"] = 0.0
        else:
            value = 0.0
            g["outside"] = short(g["outside"] + dt)
            if g["outside"] >= s.resettle_s:
                g["level"], g["outside"] = short(even), 0.0
        memory = row["mem_used_mib"]
        if memory is None:
            value = max(0.0, value - s.no_memory)
        elif abs(memory - g["memory"]) > s.memory * g["memory"]:
            value, g["memory"] = 0.0, short(memory)

        fresh = g["spacing"] == 0
        wide = dt if fresh else g["spacing"] + (dt - g["spacing"]) / 8
        window = max(s.window_s, s.window_samples * wide)
        keep = 0.0 if fresh else window / (window + dt)
        fits = value > 0
        tensor = row["tensor_active"]
        g["spacing"] = short(wide)
        g["share"] = short(keep * g["share"] + (1.0 - keep if fits else 0.0))
        g["worth"] = short(keep * g["worth"] + (1.0 - keep) * value)
        g["w"] = short(keep * g["w"] + (0.0 if tensor is None else 1.0 - keep))
        g["tensor"] = short(keep * g["tensor"] + (0.0 if tensor is None else (1.0 - keep) * tensor))
        fade = 1800.0 / (1800.0 + dt)
        g["worked"] = short(fade * g["worked"] + (dt if fits else 0.0))
        g["count"] = short(fade * g["count"] + (1.0 if fits else 0.0))
    return g


def nats(g: dict[str, float], declared: int, s: Settings) -> float:
    if g["share"] <= s.share[0]:
        return 0.0
    total = g["worth"] / g["share"]
    if declared == UNKNOWN:
        total = max(0.0, total - s.undeclared)
    total *= ramp(g["share"], *s.share)
    if g["w"] > 0:
        total *= 1.0 - ramp(g["tensor"] / g["w"], *s.tensor_mean)
    total *= line(g["worked"] / 60.0, s.minutes_at, s.minutes)
    total *= min(1.0, g["count"] / s.enough_samples)
    caps = {TRAINING: s.cap_any, ANY: s.cap_any, INFERENCE: s.cap_inference}
    return min(total, s.cap, caps.get(declared, s.cap))


def strengths(rows: list[dict[str, Any]], s: Settings | None = None) -> list[float]:
    """One strength a row; a row has ts (µs), agent, declared, gpu and numbers (or None)."""
    s = s or Settings()
    gap = int(s.gap_s * 1e6)
    agents: dict[int, list[dict[str, Any]]] = {}
    out = []
    for row in rows:
        out.append(0.0)
        slots = agents.setdefault(row["agent"], [])
        fresh = {"gpu": row["gpu"], "last": row["ts"], "samples": [(row["ts"], row)]}
        at = next((k for k, slot in enumerate(slots) if slot["gpu"] == row["gpu"]), None)
        if at is None:
            if len(slots) < 8:
                slots.append(fresh)
                continue
            oldest = min(range(8), key=lambda k: (slots[k]["last"], k))
            idle = [k for k in range(8) if known(slots[k]["samples"], s)["worked"] == 0]
            if row["ts"] - slots[oldest]["last"] > gap:
                slots[oldest] = fresh
            elif (busy(row) or 0.0) >= s.busy and idle:
                slots[idle[0]] = fresh
            continue
        slot = slots[at]
        if row["ts"] - slot["last"] > gap:
            slots[at] = fresh
        elif row["ts"] >= slot["last"]:
            if row["ts"] > slot["last"]:
                slot["last"] = row["ts"]
                slot["samples"].append((row["ts"], row))
            out[-1] = nats(known(slot["samples"], s), row["declared"], s)
    assert all(math.isfinite(x) for x in out)
    return out
