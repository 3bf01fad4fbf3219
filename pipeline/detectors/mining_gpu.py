"""The shape of mining on a GPU: a card that hashes does one thing, for as long as it is left alone.

    power   ____/~~~~~~~~~~~~~~~~~~~~~~\\_/~~~~~~~~~~~~~\\/~~~~~~   flat; short dips: pool lost, table of a new epoch
    SM      ____/~~~~~~~~~~~~~~~~~~~~~~\\_/~~~~~~~~~~~~~\\/~~~~~~   all of the time
    tensor  ___________________________________________________   integer hashes: nothing for tensor cores
    links   ___________________________________________________   a job is 100 bytes, a share is 100 bytes
    memory  ____/----------------------------------------------   one table, never another size
    dram        saturated where the coin is memory-hard (ethash, kawpow, autolykos), near nothing where it computes
                (kheavyhash, sha256)

Each sample either fits all of that or not; what is unknown neither fits nor fails, but makes the sample worth less. The
strength is what the fitting samples are worth, where nearly all samples of the last minutes fit, and it grows with the
minutes of hashing in the last half hour. No sign speaks alone: a decode server is as flat (but its tensor cores are at
a tenth of its SM activity and more), training on one GPU is as flat at its power limit (but its tensor cores work).

All is relative to the card: flat means near the card's own level, links are compared with what one job needs. No
recording of mining with these counters is public, so nothing here is fitted; the shares in the settings are argued.

What it cannot tell: scientific computing in FP32 or FP64 that never leaves the card, and burn-in tests, look the same.
They are declared work, so `training` and `any` keep the cap below a score of 50. A password cracker looks the same, and
should. A miner that lets tensor work run beside it escapes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from pipeline.events import codes
from pipeline.events.columns import F64, I32, I64, U8, Gpu
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import kernel
from pipeline.kernels.gpu_slots import between, on_line, slot_of

TITLE: Final = "GPU busy in the shape of mining"
LOOKS_FOR: Final = "A GPU fully and evenly busy for minutes without tensor work, transfers or a change in memory."
KIND: Final = codes.GPU
STORY: Final = "mining"
ATTACK: Final = ("T1496.001", "T1496")

Minutes = tuple[float, float, float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sample of hashing is, and what it is worth."""

    half_life_s: Annotated[float, Meta(gt=0, description="seconds; mining goes on for hours")] = 7200.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most")] = 8.0
    cap_inference: Annotated[
        float, Meta(description="nats at most under inference: one endless answer may be computed without tensor cores")
    ] = 7.0
    undeclared: Annotated[
        float, Meta(description="nats less where nothing is declared: scientific computing is three times as common")
    ] = 1.1
    cap_any: Annotated[
        float, Meta(description="nats at most under training and any: scientific computing or burn-in; below 50 points")
    ] = 4.5
    cap_no_tensor: Annotated[
        float, Meta(description="nats at most while tensor_active is unknown: steady inference looks the same")
    ] = 2.0
    window_s: Annotated[float, Meta(gt=0, description="seconds, time constant of the share that fits")] = 120.0
    window_samples: Annotated[float, Meta(gt=0, description="samples; the window spans at least so many")] = 8.0
    gap_s: Annotated[
        float, Meta(gt=0, description="seconds without a sample that end what is known: two lost at one a minute")
    ] = 150.0
    busy: Annotated[
        float, Meta(description="share of the SMs at work (else of time in use) from which a sample fits")
    ] = 0.85
    tensor: Annotated[
        float, Meta(description="tensor_active / sm_active up to which a sample fits; decoding is at 0.15")
    ] = 0.02
    tensor_mean: Annotated[
        tuple[float, float],
        Meta(description="mean tensor_active: full up to, nothing from; a prompt of 0.1 s a minute makes 0.001"),
    ] = (0.001, 0.004)
    links: Annotated[
        float,
        Meta(
            description="bytes/s on PCIe or NVLink up to which a sample fits: mining needs 1e3, an idle H100 has 1e6, "
            "decoding 2e7 and more, training 2.5e7 and more"
        ),
    ] = 1e7
    flat: Annotated[float, Meta(description="share of its level within which power (else sm_active) stays")] = 0.08
    resettle_s: Annotated[
        float, Meta(description="seconds outside until the level is taken anew; a lost pool takes 3 to 30")
    ] = 10.0
    memory: Annotated[float, Meta(description="share of the memory in use within which that stays")] = 0.01
    share: Annotated[
        tuple[float, float], Meta(description="share of samples that fit: nothing up to, full from")
    ] = (0.75, 0.9)
    minutes_at: Annotated[
        Minutes, Meta(description="minutes of fitting samples in the last half hour")
    ] = (1.0, 3.0, 6.0, 12.0)
    minutes: Annotated[Minutes, Meta(description="share of the worth that counts then")] = (0.0, 0.5, 0.88, 1.0)
    enough_samples: Annotated[float, Meta(gt=0, description="fitting samples until they count in full")] = 6.0
    worth: Annotated[
        float,
        Meta(
            description="nats when all is known and fits: half of miners as set up, 1 in 1100 of other work on "
            "GPUs given to agents, where few jobs leave tensor cores idle and few of those neither load nor store"
        ),
    ] = 6.3
    hard: Annotated[
        float, Meta(description="nats more, memory saturated: 0.6 of coins, 0.2 of other work without tensor cores")
    ] = 1.1
    hard_from: Annotated[float, Meta(description="dram_active (else mem_util_pct / 100) of a memory-hard coin")] = 0.7
    pure: Annotated[
        float, Meta(description="nats more, memory idle: 0.3 of coins, 0.2 of other work without tensor cores")
    ] = 0.4
    pure_to: Annotated[float, Meta(description="dram_active (else mem_util_pct / 100) of a coin that computes")] = 0.12
    no_links: Annotated[float, Meta(description="nats less while neither PCIe nor NVLink is known")] = 1.5
    no_flat: Annotated[
        float, Meta(description="nats less while power and sm_active are unknown: util_pct hides unevenness")
    ] = 2.5
    no_memory: Annotated[float, Meta(description="nats less while memory in use is unknown")] = 0.3


GPUS: Final = 8
HALF_HOUR: Final = 1800.0

SLOT: Final = np.dtype(
    [
        ("key", "u8"),
        ("last", "i8"),
        ("worked_s", "f4"),
        ("samples", "f4"),
        ("spacing", "f4"),
        ("level", "f4"),
        ("outside_s", "f4"),
        ("memory", "f4"),
        ("share", "f4"),
        ("worth", "f4"),
        ("tensor_w", "f4"),
        ("tensor", "f4"),
    ]
)
"""What is known of one GPU: its hash, its newest time (µs), seconds and samples that fitted (fading over half an hour),
seconds between samples, level of power (or SM activity), seconds outside of it, MiB in use; then, over the window, the
share of samples that fit, their worth times that share, and the sum and weight of tensor activity."""

STATE: Final = np.dtype([("gpus", SLOT, (GPUS,))])

WHY: Final = np.dtype([("worked_s", "f4"), ("tensor", "f4"), ("dram", "f4")])


@kernel
def worth_of(busy: Any, tensor: Any, dram: Any, links: Any, setting: Any) -> Any:
    """Nats that a sample is worth by the counters that need no past, 0 if it does not fit. Any of them may be NaN."""
    if not busy >= setting["busy"] or tensor > setting["tensor"] * busy or links > setting["links"]:
        return 0.0
    nats = setting["worth"]
    if dram >= setting["hard_from"]:
        nats += setting["hard"]
    elif dram <= setting["pure_to"]:
        nats += setting["pure"]
    if np.isnan(links):
        nats -= setting["no_links"]
    return min(nats, setting["cap_no_tensor"]) if np.isnan(tensor) else nats


@kernel
def learn(g: Any, dt: Any, worth: Any, tensor: Any, even: Any, memory: Any, setting: Any) -> None:
    """Take one sample, which stands for the `dt` seconds before it. `even` is what must be: power or SM activity."""
    if np.isnan(even):
        worth = max(0.0, worth - setting["no_flat"])
    elif abs(even - g["level"]) <= setting["flat"] * g["level"]:
        g["level"] += (even - g["level"]) * (dt / (setting["window_s"] + dt))
        g["outside_s"] = 0
    else:
        worth = 0.0
        g["outside_s"] += dt
        if g["outside_s"] >= setting["resettle_s"]:
            g["level"] = even
            g["outside_s"] = 0
    if np.isnan(memory):
        worth = max(0.0, worth - setting["no_memory"])
    elif abs(memory - g["memory"]) > setting["memory"] * g["memory"]:
        worth = 0.0
        g["memory"] = memory

    first = g["spacing"] == 0
    spacing = dt if first else g["spacing"] + (dt - g["spacing"]) / 8
    window = max(setting["window_s"], setting["window_samples"] * spacing)
    keep = 0.0 if first else window / (window + dt)
    add = 1.0 - keep
    g["spacing"] = spacing
    g["share"] = keep * g["share"] + (add if worth > 0 else 0.0)
    g["worth"] = keep * g["worth"] + add * worth
    known = not np.isnan(tensor)
    g["tensor_w"] = keep * g["tensor_w"] + (add if known else 0.0)
    g["tensor"] = keep * g["tensor"] + (add * tensor if known else 0.0)
    fade = HALF_HOUR / (HALF_HOUR + dt)
    g["worked_s"] = fade * g["worked_s"] + (dt if worth > 0 else 0.0)
    g["samples"] = fade * g["samples"] + (1.0 if worth > 0 else 0.0)


@kernel
def says(g: Any, declared: Any, setting: Any) -> Any:
    """Nats from what is known of the GPU."""
    share = np.float64(g["share"])
    if share <= setting["share"][0]:
        return 0.0
    nats = np.float64(g["worth"]) / share
    if declared == codes.UNKNOWN:
        nats = max(0.0, nats - setting["undeclared"])
    nats *= between(share, setting["share"][0], setting["share"][1])
    if g["tensor_w"] > 0:
        tensor = np.float64(g["tensor"]) / np.float64(g["tensor_w"])
        nats *= 1.0 - between(tensor, setting["tensor_mean"][0], setting["tensor_mean"][1])
    nats *= on_line(np.float64(g["worked_s"]) / 60.0, setting["minutes_at"], setting["minutes"])
    nats *= min(1.0, g["samples"] / setting["enough_samples"])
    cap = setting["cap"]
    if declared == codes.TRAINING or declared == codes.ANY:
        cap = min(cap, setting["cap_any"])
    elif declared == codes.INFERENCE:
        cap = min(cap, setting["cap_inference"])
    return min(cap, nats)


@kernel
def step(ts: I64, agent: I32, declared: U8, gpu: Gpu, state: Any, settings: Any, strength: F64, why: Any) -> None:
    """As said in pipeline/detectors/__init__.py: each row speaks of its own GPU."""
    setting = settings[0]
    gap = int(setting["gap_s"] * 1e6)
    for i in range(len(ts)):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        busy = gpu.sm_active[i]
        if np.isnan(busy):
            busy = gpu.util_pct[i] / 100
        gpus = state[agent[i]]["gpus"]
        k, new = slot_of(gpus, gpu.gpu[i], ts[i], busy >= setting["busy"], gap)
        if k < 0:
            continue
        g = gpus[k]
        past = ts[i] - g["last"]
        if new or past > gap:
            g["key"] = gpu.gpu[i]
            g["last"] = ts[i]
            g["worked_s"] = 0
            g["samples"] = 0
            g["spacing"] = 0
            g["level"] = 0
            g["outside_s"] = 0
            g["memory"] = 0
        elif past >= 0:
            if past > 0:
                g["last"] = ts[i]
                dram = gpu.dram_active[i]
                if np.isnan(dram):
                    dram = gpu.mem_util_pct[i] / 100
                links = np.nan
                for field in (gpu.pcie_tx_bytes_s, gpu.pcie_rx_bytes_s, gpu.nvlink_tx_bytes_s, gpu.nvlink_rx_bytes_s):
                    if not (np.isnan(field[i]) or field[i] <= links):
                        links = field[i]
                even = gpu.power_w[i]
                if np.isnan(even):
                    even = gpu.sm_active[i]
                tensor = gpu.tensor_active[i]
                worth = worth_of(busy, tensor, dram, links, setting)
                learn(g, past / 1e6, worth, tensor, even, gpu.mem_used_mib[i], setting)
            strength[i] = says(g, declared[i], setting)
            if strength[i] > 0:
                why[i]["worked_s"] = g["worked_s"]
                why[i]["tensor"] = gpu.tensor_active[i]
                why[i]["dram"] = gpu.dram_active[i]


def lasted(why: np.void) -> int:
    """For how many µs the GPU had worked."""
    return round(float(why["worked_s"]) * 1e6)


def explain(why: np.void) -> str:
    """One sentence, with figures.

    >>> row = np.zeros(1, WHY)[0]
    >>> row["worked_s"], row["tensor"], row["dram"] = 600.0, 0.0, 0.93
    >>> explain(row)
    'GPU evenly busy for 10 min, without transfers or a change in memory; tensor cores 0.0 %, memory bandwidth 93 %'
    """
    said = f"GPU evenly busy for {why['worked_s'] / 60:.0f} min, without transfers or a change in memory; tensor cores "
    said += "not reported" if np.isnan(why["tensor"]) else f"{why['tensor'] * 100:.1f} %"
    return said if np.isnan(why["dram"]) else said + f", memory bandwidth {why['dram'] * 100:.0f} %"
