"""What a GPU shows at different work, after recordings of H100 cards; power as a share of the card's own limit."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, Final, TypeAlias

Shape: TypeAlias = Callable[[random.Random, float, float], dict[str, Any]]
"""(chance, s since this work began, the card's limit in W) -> fields of a sample."""

TOTAL_MIB: Final = 81559


def idle(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """Nothing runs."""
    return _sample(chance, limit_w, util=0, memory=0, sm=0.0, tensor=0.0, dram=0.0, power=0.105, spread=0.001, mib=4)


def training(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """Steps, and every five minutes some 25 s in which it evaluates and writes a checkpoint."""
    if since < 40:
        return _loading(chance, limit_w, 9000)
    if since % 300 > 275:
        return _sample(
            chance, limit_w, util=28, memory=9, sm=0.2, tensor=0.03, dram=0.08, power=0.33, spread=0.04, mib=52210,
            pcie=4e8,
        )  # fmt: skip
    return _sample(
        chance, limit_w, util=84, memory=42, sm=0.63, tensor=0.195, dram=0.32, power=0.79, spread=0.032, mib=52210,
        pcie=7.4e7,
    )  # fmt: skip


def rollouts(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """Reinforcement learning: two minutes of rollouts, then a minute of updates, again and again."""
    if since < 60:
        return _loading(chance, limit_w, 15000)
    if since % 180 < 120:
        return _sample(
            chance, limit_w, util=47, memory=24, sm=0.22, tensor=0.05, dram=0.3, power=0.45, spread=0.05, mib=61044,
            pcie=3e7,
        )  # fmt: skip
    return _sample(
        chance, limit_w, util=95, memory=44, sm=0.72, tensor=0.31, dram=0.37, power=0.86, spread=0.03, mib=66902,
        pcie=6e7,
    )  # fmt: skip


def flat_training(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """A large model with long accumulation: always busy, at the limit, nearly without a ripple."""
    if since < 30:
        return _loading(chance, limit_w, 21000)
    return _sample(
        chance, limit_w, util=100, memory=48, sm=0.886, tensor=0.6, dram=0.37, power=0.988, spread=0.004, mib=70483,
        pcie=2.6e7,
    )  # fmt: skip


def inference(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """Requests come in waves; memory is full of the model from the start."""
    wave = 0.35 + 0.3 * math.sin(since / 700) + 0.1 * math.sin(since / 97)
    load = min(max(wave + chance.gauss(0, 0.08), 0.0), 1.0)
    return _sample(
        chance, limit_w, util=100 * load, memory=28 * load, sm=0.34 * load, tensor=0.055 * load, dram=0.22 * load,
        power=0.18 + 0.22 * load, spread=0.006, mib=68120, pcie=4e8 * load,
    )  # fmt: skip


def mining(chance: random.Random, since: float, limit_w: float) -> dict[str, Any]:
    """Integer work on all cores and the memory: flat, no tensor cores, next to nothing over the bus."""
    if since < 6:
        return _loading(chance, limit_w, 2300)
    return _sample(
        chance, limit_w, util=100, memory=71, sm=0.962, tensor=0.0, dram=0.68, power=0.83, spread=0.004, mib=5412,
        pcie=4e5,
    )  # fmt: skip


def _loading(chance: random.Random, limit_w: float, mib: int) -> dict[str, Any]:
    """A program starts: memory fills, little else happens."""
    return _sample(
        chance, limit_w, util=4, memory=1, sm=0.02, tensor=0.0, dram=0.02, power=0.17, spread=0.01, mib=mib
    )  # fmt: skip


def _sample(
    chance: random.Random,
    limit_w: float,
    *,
    util: float,
    memory: float,
    sm: float,
    tensor: float,
    dram: float,
    power: float,
    spread: float,
    mib: int,
    pcie: float = 6e5,
) -> dict[str, Any]:
    """Fields of a sample near the given means; `spread` is one standard deviation of power, as a share of the limit."""

    def near(mean: float, share: float, top: float) -> float:
        return min(max(mean * chance.gauss(1, share), 0.0), top)

    ripple = min(max(spread * 0.9 / max(power, 0.01), 0.0), 0.2)
    watts = min(max(chance.gauss(power, spread), 0.05), 1.0) * limit_w
    return {
        "util_pct": round(near(util, ripple, 100)) if util < 100 else 100,
        "mem_util_pct": round(near(memory, ripple + 0.03, 100)),
        "sm_active": round(near(sm, ripple, 1), 4),
        "tensor_active": round(near(tensor, ripple + 0.03, 1), 4),
        "dram_active": round(near(dram, ripple + 0.02, 1), 4),
        "power_w": round(watts, 1),
        "power_limit_w": limit_w,
        "mem_used_mib": mib,
        "mem_total_mib": TOTAL_MIB,
        "temp_c": round(30 + 45 * watts / limit_w),
        "pcie_tx_bytes_s": round(near(pcie / 4, 0.1, 6e10)),
        "pcie_rx_bytes_s": round(near(pcie, 0.1, 6e10)),
        "nvlink_tx_bytes_s": 0,
        "nvlink_rx_bytes_s": 0,
    }
