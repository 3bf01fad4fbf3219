r"""Work that was not declared: what a GPU does against what the registry says it is for.

Under a declaration of `none` any sustained work speaks. Under `inference` only training does. Nothing is said where
nothing was declared, nor under `training` and `any`.

A stretch of work of one GPU:

    util    ____/~~~~~~\_/~~~~~~~~~~~~~~~\____     mean over half a minute, over four samples where they come slower
                 |<----- stretch ------>|          from where the mean reaches `work` to where it falls under 0.7 of it

A hole of more than `gap_s` ends all that is known of the GPU. A row older than the newest of its GPU adds nothing: the
sample after it already stood for its time.

What tells training from inference, each relative to the card (all are means over the window, H100 figures):

    shape   tensor_active / dram_active. A decode step reads every weight once to make one token for each of B requests:
            about B / 295 on an H100 (989 Tflop/s over 3.35 TB/s), less with the key-value cache. A forward and backward
            pass works on thousands of tokens for each weight read. Measured: decode 0.17 and 0.25; training 0.6 (136 M
            parameters), 1.1 and 1.6 (3.4 B). Long prompts and diffusion look like training here.
    links   NVLink bytes/s for each unit of tensor activity. Tensor-parallel layers on n GPUs send 8 h (n - 1) / n bytes
            a token for 24 h² / n operations (h hidden size, two all-reduces a layer; Narayanan and others 2021, arXiv
            2104.04473, section 3.2), so (n - 1) / 3 h bytes an operation, prompt or decode alike. With h = 8192 and at
            full tensor activity of an H100 that is 40 GB/s on 2 GPUs, 120 on 4, 280 on 8; more with smaller h.
            Gradients are sent once for tens of thousands of tokens: measured 2, 46 and 51. Replicas on one GPU each
            send nothing.
    level   how much of the time the GPU works at all, and how long. Inference follows its requests.

Bytes are compared with work done, so the tensor peak of the card matters: that of Hopper and later, known by the name
of the model, is at least three times that of any card before.

What it cannot tell: a server that long prompts keep saturated for minutes, from training on one GPU (both stay below a
score of 50), nor, on a pair of GPUs that share a large model, from training on several; training made to look like
decoding.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from pipeline.events import codes
from pipeline.events.columns import F64, I32, I64, U8, Gpu
from pipeline.events.strings import Strings
from pipeline.kernels.ahead import AHEAD, touch
from pipeline.kernels.compiled import kernel
from pipeline.kernels.gpu_slots import between, on_line, slot_of

TITLE: Final = "undeclared GPU work"
LOOKS_FOR: Final = "Training where inference was declared, or sustained GPU work where none was declared."
KIND: Final = codes.GPU
STORY: Final = "mining"
ATTACK: Final = ("T1496.001", "T1496")

Steps = tuple[float, float, float, float]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the signs begin and what they say.

    Nats are logarithms of two shares: of training and of inference that show the sign while they keep a GPU at work.
    The shares are argued, not fitted: there are 4 runs on 8 H100s and a day of 80 inference pods to fit on.
    """

    half_life_s: Annotated[
        float, Meta(gt=0, description="seconds; work done stays done, but fades within a shift")
    ] = 14400.0
    cap: Annotated[float, Meta(gt=0, le=20, description="nats at most")] = 8.0
    window_s: Annotated[
        float, Meta(gt=0, description="seconds, time constant of the means: many training steps, several requests")
    ] = 25.0
    window_samples: Annotated[float, Meta(gt=0, description="samples; a window spans at least so many")] = 4.0
    gap_s: Annotated[
        float, Meta(gt=0, description="seconds without a sample that end what is known: two lost at one a minute")
    ] = 150.0
    work: Annotated[
        float, Meta(gt=0, description="share of time in use from which a GPU is at work, where inference is declared")
    ] = 0.4
    work_none: Annotated[
        float, Meta(gt=0, description="the same where no use is declared: above an idle driver")
    ] = 0.03
    sustained_s: Annotated[float, Meta(gt=0, description="seconds at work until the signs count in full")] = 60.0
    sustained_samples: Annotated[float, Meta(gt=0, description="samples at work until they count in full")] = 5.0
    long_s: Annotated[float, Meta(gt=0, description="seconds at work from which length says no more")] = 300.0
    level_at: Annotated[
        tuple[float, float], Meta(description="share of time in use: nothing up to, full from")
    ] = (0.4, 0.7)
    level: Annotated[
        float,
        Meta(
            description="nats, in use most of the time: 0.85 of training, 0.07 of inference (none of 80 pods held 80 % "
            "for 2 min in a day: at most 0.037)"
        ),
    ] = 2.5
    long: Annotated[float, Meta(description="nats more at `long_s`")] = 0.5
    shape_at: Annotated[Steps, Meta(description="tensor_active / dram_active")] = (0.25, 0.4, 0.6, 1.2)
    shape: Annotated[
        Steps,
        Meta(description="nats there: 0.1 of training and 0.7 of inference; alike; 0.3 and 0.09; 0.4 and 0.07"),
    ] = (-2.0, 0.0, 1.2, 1.7)
    gradients: Annotated[
        float,
        Meta(
            description="nats, NVLink used too little for tensor-parallel layers: 0.55 of training, 0.05 of inference"
        ),
    ] = 2.4
    links_per_tensor: Annotated[
        float,
        Meta(
            gt=0,
            description="bytes/s for each unit of tensor activity up to which NVLink has gradients; from twice that on "
            "it does not",
        ),
    ] = 60e9
    before_hopper: Annotated[
        float, Meta(gt=0, description="`links_per_tensor` times this on earlier and unknown cards: 312 of 989 Tflop/s")
    ] = 0.3
    no_gradients: Annotated[
        float, Meta(description="nats less, NVLink silent or as in such layers: 0.45 of training, 0.95 of the other")
    ] = 0.7
    busy: Annotated[
        float, Meta(description="nats, 0.6 of the SMs or of the power limit used: 0.6 of training, 0.35 of inference")
    ] = 0.5
    load_only_cap: Annotated[
        float, Meta(description="nats at most while tensor or memory activity is unknown: load is not training")
    ] = 2.0
    none_at: Annotated[
        Steps, Meta(description="share of time in use where no use is declared")
    ] = (0.02, 0.05, 0.2, 0.5)
    none: Annotated[
        Steps,
        Meta(
            description="nats there: a tool that looks, a small model, work, any job; the innocent at 0.5 are those "
            "that the registry forgot, 1 in 900"
        ),
    ] = (0.0, 3.0, 5.5, 6.8)


GPUS: Final = 8
KNOWN: Final = 0.25
"""A field is known where it came with at least this share of the window's samples that say how busy the GPU is."""

ENDS: Final = 0.7
"""A stretch of work ends where the mean falls under this share of the level at which it began; a sample under it is no
work."""

MEM_UTIL_OVER_DRAM: Final = 1.28
"""mem_util_pct / 100 over dram_active: 1.26 to 1.30 in training and inference on H100s."""

SLOT: Final = np.dtype(
    [
        ("key", "u8"),
        ("last", "i8"),
        ("worked_s", "f4"),
        ("samples", "f4"),
        ("spacing", "f4"),
        ("hopper", "f4"),
        ("util_w", "f4"),
        ("util", "f4"),
        ("shape_w", "f4"),
        ("tensor", "f4"),
        ("dram", "f4"),
        ("links_w", "f4"),
        ("links", "f4"),
        ("busy_w", "f4"),
        ("busy", "f4"),
    ]
)
"""What is known of one GPU: its hash, its newest time (µs), seconds and samples of the present stretch, seconds between
samples, and sums whose weights (.._w) fade alike: sum / weight is the mean over the samples that had the field."""

STATE: Final = np.dtype([("gpus", SLOT, (GPUS,))])

MEANS: Final = ("util_w", "util", "shape_w", "tensor", "dram", "links_w", "links")
WHY: Final = np.dtype([("declared", "u1"), ("worked_s", "f4"), *[(name, "f4") for name in MEANS]])


@kernel
def is_hopper(model: Strings, row: int) -> bool:
    """Whether the model's name holds H100, H200, H800, B100, B200 or B300."""
    start = model.offset[row]
    for j in range(start, start + model.length[row] - 3):
        if (model.data[j] == 72 or model.data[j] == 66) and model.data[j + 2] == 48 and model.data[j + 3] == 48:
            digit = model.data[j + 1]
            if digit == 49 or digit == 50 or digit == 51 or digit == 56:
                return True
    return False


@kernel
def either(first: Any, second: Any) -> Any:
    """The first if it is known, else the second."""
    return second if np.isnan(first) else first


@kernel
def mean(total: Any, weight: Any) -> Any:
    """A mean from its sum and weight, 0 where the weight is."""
    return np.float64(total) / np.float64(weight) if weight > 0 else 0.0


@kernel
def learn(
    g: Any, dt: Any, util: Any, tensor: Any, dram: Any, links: Any, busy: Any, work: Any, setting: Any
) -> None:
    """Take one sample, which stands for the `dt` seconds before it, into what is known of the GPU."""
    first = g["spacing"] == 0
    spacing = dt if first else g["spacing"] + (dt - g["spacing"]) / 8
    window = max(setting["window_s"], setting["window_samples"] * spacing)
    keep = 0.0 if first else window / (window + dt)
    add = 1.0 - keep
    g["spacing"] = spacing

    known = not np.isnan(util)
    g["util_w"] = keep * g["util_w"] + (add if known else 0.0)
    g["util"] = keep * g["util"] + (add * util if known else 0.0)
    both = not np.isnan(tensor + dram)
    g["shape_w"] = keep * g["shape_w"] + (add if both else 0.0)
    g["tensor"] = keep * g["tensor"] + (add * tensor if both else 0.0)
    g["dram"] = keep * g["dram"] + (add * dram if both else 0.0)
    said = not np.isnan(links)
    g["links_w"] = keep * g["links_w"] + (add if said else 0.0)
    g["links"] = keep * g["links"] + (add * links if said else 0.0)
    said = not np.isnan(busy)
    g["busy_w"] = keep * g["busy_w"] + (add if said else 0.0)
    g["busy"] = keep * g["busy"] + (add * busy if said else 0.0)

    level = mean(g["util"], g["util_w"])
    if level >= work:
        if util >= ENDS * work:
            g["worked_s"] += dt
            g["samples"] += 1
    elif level < ENDS * work:
        g["worked_s"] = 0
        g["samples"] = 0


@kernel
def says(g: Any, declared: Any, setting: Any) -> Any:
    """Nats from what is known of the GPU."""
    level = mean(g["util"], g["util_w"])
    enough = KNOWN * g["util_w"]
    length = setting["long"] * between(g["worked_s"], setting["sustained_s"], setting["long_s"])
    if declared == codes.NONE:
        nats = length + on_line(level, setting["none_at"], setting["none"])
    else:
        nats = (length + setting["level"]) * between(level, setting["level_at"][0], setting["level_at"][1])
        if g["shape_w"] > enough:
            tensor = mean(g["tensor"], g["shape_w"])
            ratio = tensor / max(1e-9, mean(g["dram"], g["shape_w"]))
            shape = on_line(ratio, setting["shape_at"], setting["shape"])
            nats += shape * between(tensor, 0.05, 0.12) if shape > 0 else shape
            if g["links_w"] > enough:
                links = mean(g["links"], g["links_w"])
                used = between(links, 0.05e9, 0.3e9)
                allowed = tensor * setting["links_per_tensor"] * (1.0 if g["hopper"] else setting["before_hopper"])
                beyond = between(links, allowed, 2 * allowed) if allowed > 0 else 1.0
                fits = used * (1.0 - beyond)
                nats += setting["gradients"] * fits - setting["no_gradients"] * (1.0 - fits)
            if g["busy_w"] > enough:
                nats += setting["busy"] * between(mean(g["busy"], g["busy_w"]), 0.4, 0.6)
        else:
            nats = min(nats, setting["load_only_cap"])
    full = min(1.0, min(g["worked_s"] / setting["sustained_s"], g["samples"] / setting["sustained_samples"]))
    return min(setting["cap"], max(0.0, full * nats))


@kernel
def step(ts: I64, agent: I32, declared: U8, gpu: Gpu, state: Any, settings: Any, strength: F64, why: Any) -> None:
    """As said in pipeline/detectors/__init__.py: each row speaks of its own GPU."""
    setting = settings[0]
    gap = int(setting["gap_s"] * 1e6)
    for i in range(len(ts)):
        if i + AHEAD < len(agent):
            touch(state, agent[i + AHEAD])
        if declared[i] != codes.INFERENCE and declared[i] != codes.NONE:
            continue
        gpus = state[agent[i]]["gpus"]
        work = setting["work_none"] if declared[i] == codes.NONE else setting["work"]
        util = either(gpu.util_pct[i] / 100, gpu.sm_active[i])
        k, new = slot_of(gpus, gpu.gpu[i], ts[i], util >= work, gap)
        if k < 0:
            continue
        g = gpus[k]
        past = ts[i] - g["last"]
        if new or past > gap:
            g["key"] = gpu.gpu[i]
            g["last"] = ts[i]
            g["hopper"] = is_hopper(gpu.model, i)
            g["spacing"] = 0
            g["worked_s"] = 0
            g["samples"] = 0
        elif past >= 0:
            if past > 0:
                g["last"] = ts[i]
                tensor = gpu.tensor_active[i]
                dram = either(gpu.dram_active[i], gpu.mem_util_pct[i] / (100 * MEM_UTIL_OVER_DRAM))
                links = min(
                    either(gpu.nvlink_tx_bytes_s[i], gpu.nvlink_rx_bytes_s[i]),
                    either(gpu.nvlink_rx_bytes_s[i], gpu.nvlink_tx_bytes_s[i]),
                )
                limit = gpu.power_limit_w[i]
                busy = either(gpu.sm_active[i], gpu.power_w[i] / limit if limit >= 1 else np.nan)
                learn(g, past / 1e6, util, tensor, dram, links, busy, work, setting)
            strength[i] = says(g, declared[i], setting)
            if strength[i] > 0:
                why[i]["declared"] = declared[i]
                why[i]["worked_s"] = g["worked_s"]
                why[i]["util_w"] = g["util_w"]
                why[i]["util"] = g["util"]
                why[i]["shape_w"] = g["shape_w"]
                why[i]["tensor"] = g["tensor"]
                why[i]["dram"] = g["dram"]
                why[i]["links_w"] = g["links_w"]
                why[i]["links"] = g["links"]


def lasted(why: np.void) -> int:
    """For how many µs the GPU had worked."""
    return round(float(why["worked_s"]) * 1e6)


def explain(why: np.void) -> str:
    """One sentence, with figures.

    >>> row = np.zeros(1, WHY)[0]
    >>> row["declared"], row["worked_s"], row["util_w"], row["util"] = codes.NONE, 240.0, 0.5, 0.465
    >>> explain(row)
    'GPU at work for 4.0 min, 93 % of the time in use; declared: none'
    >>> row["declared"], row["shape_w"], row["tensor"], row["dram"] = codes.INFERENCE, 0.5, 0.29, 0.185
    >>> explain(row)
    'GPU at work for 4.0 min, 93 % of the time in use, tensor cores 58 %, memory 37 %; declared: inference'
    """
    said = [f"GPU at work for {why['worked_s'] / 60:.1f} min"]
    said.append(f"{share(why, 'util', 'util_w'):.0f} % of the time in use")
    if why["declared"] == codes.NONE:
        return ", ".join(said) + "; declared: none"
    if why["shape_w"] > 0:
        said.append(f"tensor cores {share(why, 'tensor', 'shape_w'):.0f} %")
        said.append(f"memory {share(why, 'dram', 'shape_w'):.0f} %")
    else:
        said.append("tensor cores not reported")
    if why["links_w"] > 0:
        said.append(f"NVLink {share(why, 'links', 'links_w') / 1e11:.1f} GB/s")
    return ", ".join(said) + "; declared: inference"


def share(why: np.void, total: str, weight: str) -> float:
    """A mean in percent from its sum and weight."""
    return 100 * float(why[total]) / float(why[weight])
