"""SYNTHETIC telemetry of GPUs: shapes of guilty and innocent work, argued and not recorded.

Each shape is a function of (time in s, a random generator) that gives columns by field name; what a shape leaves out is
unknown. `feed` lays any number of such streams into one batch in order of time. The H100 figures of decoding and
training follow the recordings named in the detectors; those of mining follow from what the algorithm does:

    ethash, autolykos   random reads of a table of GiB: memory saturated, SMs resident and waiting, power tuned down
    kawpow              the same with a random program, another every three blocks: power moves by a few percent then
    kheavyhash          matrix products in integers: SMs full, memory idle
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import Gpu
from pipeline.events.strings import Strings, pack, take
from pipeline.kernels.settings import record

Floats = NDArray[np.float64]
Shape = Callable[[Floats, np.random.Generator], dict[str, Any]]
NUMBERS = Gpu._fields[3:]
INSIDE = 50
"""Points that a sample of a second or more is the mean of: DCGM averages its counters over the interval."""

START = 1_700_000_000_000_000


NVIDIA_SMI = ("util_pct", "mem_util_pct", "power_w", "power_limit_w", "mem_used_mib", "mem_total_mib", "sm_clock_mhz")
NONE, TRAINING, INFERENCE, ANY, UNDECLARED = codes.NONE, codes.TRAINING, codes.INFERENCE, codes.ANY, codes.UNKNOWN


class Stream(NamedTuple):
    """One GPU of one agent: rows at `t` seconds, `fields` by name."""

    agent: int
    gpu: int
    declared: int
    model: str | None
    t: Floats
    fields: dict[str, Any]


class Batch(NamedTuple):
    """What a detector's step takes before the state."""

    ts: NDArray[np.int64]
    agent: NDArray[np.int32]
    declared: NDArray[np.uint8]
    gpu: Gpu


def stream(
    shape: Shape,
    declared: int,
    seconds: float = 900.0,
    every: float = 1.0,
    *,
    agent: int = 0,
    gpu: int = 1,
    model: str = "NVIDIA H100 80GB HBM3",
    seed: int = 1,
    without: Sequence[str] = (),
    only: Sequence[str] = NUMBERS,
    jitter: float = 0.05,
) -> Stream:
    """Sample a shape every `every` seconds, with a little jitter, leaving out fields."""
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, seconds, every)
    t = t + every * jitter * rng.random(len(t))
    inside = 1 if every < 1 else INSIDE
    rng = np.random.default_rng(seed + 1)
    fine = (t[:, None] - every * (np.arange(inside)[::-1] + rng.random((len(t), inside))) / inside).ravel()
    fields = {
        name: np.broadcast_to(value, fine.shape).reshape(len(t), inside).mean(axis=1)
        for name, value in shape(fine, rng).items()
        if name in only and name not in without
    }
    return Stream(agent, gpu, declared, model, t, fields)


def feed(streams: Sequence[Stream]) -> Batch:
    """All streams in one batch, by time."""
    t = np.concatenate([s.t for s in streams])
    order = np.argsort(t, kind="stable")
    ts = START + np.round(t * 1e6).astype(np.int64)
    agent = np.concatenate([np.full(len(s.t), s.agent, np.int32) for s in streams])
    declared = np.concatenate([np.full(len(s.t), s.declared, np.uint8) for s in streams])
    key = np.concatenate([np.full(len(s.t), s.gpu, np.uint64) for s in streams])
    names = [str(s.gpu) for s in streams for _ in range(len(s.t))]
    models = [s.model for s in streams for _ in range(len(s.t))]
    numbers = [
        np.concatenate([np.broadcast_to(np.asarray(s.fields.get(n, np.nan), np.float64), s.t.shape) for s in streams])
        for n in NUMBERS
    ]
    gpu = Gpu(
        key[order], pack([names[i] for i in order]), pack([models[i] for i in order]), *[n[order] for n in numbers]
    )
    return Batch(ts[order], agent[order], declared[order], gpu)


def rows(batch: Batch, which: Any) -> Batch:
    """Some rows of a batch."""
    chosen = np.arange(len(batch.ts))[which]
    columns: list[Any] = [take(c, chosen) if isinstance(c, Strings) else c[chosen] for c in batch.gpu]
    gpu = Gpu(*columns)
    return Batch(batch.ts[chosen], batch.agent[chosen], batch.declared[chosen], gpu)


def strengths(detector: Any, batch: Batch, state: Any = None, settings: Any = None, agents: int = 4) -> Floats:
    """Run a detector's step over a batch."""
    state = np.zeros(agents, detector.STATE) if state is None else state
    strength = np.zeros(len(batch.ts))
    why = np.zeros(len(batch.ts), detector.WHY)
    given = record(detector.Settings()) if settings is None else settings
    detector.step(batch.ts, batch.agent, batch.declared, batch.gpu, state, given, strength, why)
    for i in np.flatnonzero(strength > 0)[:: max(1, len(strength) // 20)]:
        assert detector.explain(why[i])
    return strength


def noisy(rng: np.random.Generator, t: Floats, level: Any, share: float = 0.01) -> Floats:
    """`level` with a spread of `share` of it."""
    out: Floats = np.maximum(0.0, np.asarray(level, np.float64) * (1 + share * rng.standard_normal(len(t))))
    return out


def pulse(t: Floats, period: float, on: float, offset: float = 0.0) -> NDArray[np.bool_]:
    """True for the first `on` seconds of each period."""
    out: NDArray[np.bool_] = np.mod(t - offset, period) < on
    return out


def card(limit: float, total: float, used: Any) -> dict[str, Any]:
    """What every exporter says of the card."""
    return {"power_limit_w": limit, "mem_total_mib": total, "mem_used_mib": used}


def hashing(
    t: Floats, rng: np.random.Generator, *, dram: float, power: float, used: float, sm: float = 0.98, wander: float = 0
) -> dict[str, Any]:
    """A miner: a dip of 8 s each half hour (table of a new epoch), one of 15 s each 23 minutes (pool lost)."""
    table = pulse(t, 1800.0, 8.0, 700.0)
    lost = pulse(t, 1380.0, 15.0, 1100.0)
    on = np.where(lost, 0.0, 1.0)
    part = 1 + wander * np.sin(np.floor(t / 40.0) * 2.4)
    return {
        "util_pct": np.where(lost, 0.0, 100.0),
        "mem_util_pct": noisy(rng, t, 100 * dram * on * np.where(table, 0.3, 1.0)).clip(0, 100),
        "sm_active": noisy(rng, t, sm * on, 0.004).clip(0, 1),
        "tensor_active": np.zeros(len(t)),
        "dram_active": noisy(rng, t, dram * on * np.where(table, 0.3, 1.0)).clip(0, 1),
        "power_w": noisy(rng, t, np.where(lost, 70.0, 350.0 * power * part * np.where(table, 0.7, 1.0))),
        "pcie_tx_bytes_s": noisy(rng, t, 6e4, 0.5),
        "pcie_rx_bytes_s": noisy(rng, t, 9e4, 0.5),
        "nvlink_tx_bytes_s": np.zeros(len(t)),
        "nvlink_rx_bytes_s": np.zeros(len(t)),
        **card(350.0, 24576, used),
    }


def ethash(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Memory-hard, card tuned down to 65 %."""
    return hashing(t, rng, dram=0.93, power=0.65, used=5900)


def kawpow(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Memory-hard and computing, its program changing."""
    return hashing(t, rng, dram=0.84, power=0.9, used=6400, wander=0.04)


def autolykos(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Memory-hard, little computing."""
    return hashing(t, rng, dram=0.96, power=0.5, used=7800, sm=0.9)


def kheavyhash(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Computing only."""
    return hashing(t, rng, dram=0.03, power=0.75, used=900, sm=0.995)


def h100(
    t: Floats, rng: np.random.Generator, *, util: Any, sm: Any, tensor: Any, dram: Any, power: Any, used: Any = 60000.0,
    pcie: Any = (7e6, 2.6e7), nvlink: Any = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """All fields of an H100 under some work."""
    return {
        "util_pct": noisy(rng, t, util, 0.01).clip(0, 100),
        "mem_util_pct": noisy(rng, t, np.asarray(dram) * 128, 0.02).clip(0, 100),
        "sm_active": noisy(rng, t, sm).clip(0, 1),
        "tensor_active": noisy(rng, t, tensor, 0.03).clip(0, 1),
        "dram_active": noisy(rng, t, dram, 0.02).clip(0, 1),
        "power_w": noisy(rng, t, power),
        "pcie_tx_bytes_s": noisy(rng, t, pcie[0], 0.1),
        "pcie_rx_bytes_s": noisy(rng, t, pcie[1], 0.1),
        "nvlink_tx_bytes_s": noisy(rng, t, nvlink, 0.05),
        "nvlink_rx_bytes_s": noisy(rng, t, nvlink, 0.05),
        **card(700.0, 81559, used),
    }


def decoding(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A language model server at constant load, many requests at once."""
    return h100(t, rng, util=99, sm=0.75, tensor=0.12, dram=0.8, power=430.0, pcie=(6e6, 3e7), used=74000)


def decoding_alone(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """One answer after the other, without tensor cores, launched as a graph; a prompt of half a second each 40 s."""
    prompt = pulse(t, 40.0, 0.5)
    return h100(
        t, rng, util=98, sm=0.9, tensor=np.where(prompt, 0.35, 0.0), dram=np.where(prompt, 0.4, 0.8),
        power=np.where(prompt, 500.0, 350.0), pcie=(2e6, 4e6), used=20000,
    )  # fmt: skip


def tensor_parallel(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A 70 B model on 8 GPUs, saturated with long prompts: 280 GB/s of NVLink for each unit of tensor activity."""
    return h100(t, rng, util=100, sm=0.8, tensor=0.3, dram=0.4, power=600.0, nvlink=0.3 * 280e9, used=76000)


def tensor_parallel_decoding(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A 70 B model on 8 GPUs, constant load of ordinary requests."""
    return h100(t, rng, util=97, sm=0.7, tensor=0.1, dram=0.45, power=450.0, nvlink=0.1 * 280e9, used=76000)


def prompts(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Embedding or scoring of long texts on one GPU, saturated: as dense as training, but nothing to exchange."""
    return h100(t, rng, util=100, sm=0.88, tensor=0.55, dram=0.35, power=690.0, used=70000)


def requests(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Requests of tens of seconds with pauses."""
    on = (np.sin(t / 17.0) + np.sin(t / 5.3) > 0.3).astype(np.float64)
    return h100(t, rng, util=90 * on, sm=0.5 * on, tensor=0.08 * on, dram=0.5 * on, power=120 + 250 * on)


def diffusion(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Images, 12 s each, 3 s between."""
    on = (~pulse(t, 15.0, 3.0)).astype(np.float64)
    return h100(
        t, rng, util=100 * on, sm=0.85 * on, tensor=0.4 * on, dram=0.4 * on, power=120 + 500 * on,
        used=np.where(pulse(t, 15.0, 1.0), 30000, 18000), pcie=(4e7 * (1 - on) + 2e6, 5e6),
    )  # fmt: skip


def gradients(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training on 8 GPUs: gradients exchanged at the end of each step of 0.6 s."""
    step = pulse(t, 0.6, 0.15)
    return h100(
        t, rng, util=100, sm=0.87, tensor=np.where(step, 0.2, 0.57), dram=np.where(step, 0.6, 0.4),
        power=690.0, nvlink=np.where(step, 5e10, 1e10), used=68000,
    )  # fmt: skip


def small_training(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training of a small model on 8 GPUs: launches and gradients take much of the time."""
    return h100(
        t, rng, util=83, sm=0.62, tensor=0.19, dram=0.32, power=535.0, nvlink=8.5e9, used=11900, pcie=(1.2e7, 7.2e7)
    )


def accumulating(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training that exchanges gradients once in 5 s."""
    return h100(
        t, rng, util=100, sm=0.88, tensor=0.58, dram=0.37, power=690.0, nvlink=np.where(pulse(t, 5.0, 0.2), 6e10, 0.0)
    )


def training_alone(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training on one GPU."""
    return h100(t, rng, util=100, sm=0.88, tensor=0.5, dram=0.4, power=680.0)


def starved_training(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training that waits for its data every other second."""
    on = pulse(t, 2.1, 1.0).astype(np.float64)
    power = 150 + 350 * on
    return h100(t, rng, util=95 * on, sm=0.6 * on, tensor=0.2 * on, dram=0.3 * on, power=power, pcie=(2e7, 9e8))


def a100_tensor_parallel(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Long prompts on 4 A100s: the same bytes for each operation are fewer for each unit of tensor activity."""
    fields = h100(t, rng, util=100, sm=0.8, tensor=0.45, dram=0.4, power=380.0, nvlink=0.45 * 38e9, used=76000)
    return {**fields, "power_limit_w": 400.0}


def a100_training(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Training on 8 A100s."""
    fields = h100(t, rng, util=98, sm=0.85, tensor=0.5, dram=0.45, power=385.0, nvlink=0.5 * 12e9, used=70000)
    return {**fields, "power_limit_w": 400.0}


def molecules(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Molecular dynamics in FP32 that stays on the card; a frame is written each 20 s."""
    out = np.where(pulse(t, 20.0, 0.3), 8e6, 4e5)
    return h100(t, rng, util=97, sm=0.93, tensor=0.0, dram=0.3, power=420.0, used=2300, pcie=(out, 8e5))


def burning(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A burn-in test, FP32 matrix products."""
    return h100(t, rng, util=100, sm=0.99, tensor=0.0, dram=0.2, power=695.0, used=72000, pcie=(7e5, 6e5))


def transcoding(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Video: the SMs do little, frames go in and out."""
    return h100(t, rng, util=45, sm=0.2, tensor=0.0, dram=0.15, power=180.0, used=4000, pcie=(4e8, 6e8))


def idle(t: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A model is loaded, nobody asks."""
    return h100(t, rng, util=0.1, sm=0.0, tensor=0.0, dram=0.0, power=120.0, used=16564, pcie=(6.5e5, 5.5e5))




def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """The rows of a batch as dicts, None for what is unknown."""
    out = []
    for i in range(len(batch.ts)):
        start, length = int(batch.gpu.model.offset[i]), int(batch.gpu.model.length[i])
        row: dict[str, Any] = {
            "ts": int(batch.ts[i]),
            "agent": int(batch.agent[i]),
            "declared": int(batch.declared[i]),
            "gpu": int(batch.gpu.gpu[i]),
            "model": None if length < 0 else bytes(batch.gpu.model.data[start : start + length]).decode(),
        }
        for name in NUMBERS:
            number = float(getattr(batch.gpu, name)[i])
            row[name] = None if number != number else number
        out.append(row)
    return out


# ------------------------------------------------------------------------------- any telemetry at all, for laws

MODELS = (None, "", "H100", "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB", "GB200", "Tesla V100", "H20", "B1")
SHARES = st.sampled_from([None, 0.0, 0.003, 0.05, 0.1, 0.3, 0.5, 0.6, 0.9, 0.99, 1.0])
VALUES = {
    "util_pct": st.sampled_from([None, 0.0, 2.0, 30.0, 50.0, 75.0, 90.0, 100.0]),
    "mem_util_pct": st.sampled_from([None, 0.0, 30.0, 80.0, 100.0]),
    "sm_active": SHARES,
    "tensor_active": st.sampled_from([None, 0.0, 0.0, 0.001, 0.01, 0.1, 0.2, 0.5, 1.0]),
    "dram_active": SHARES,
    "power_w": st.sampled_from([None, 0.0, 70.0, 300.0, 310.0, 330.0, 100_000.0]),
    "power_limit_w": st.sampled_from([None, 0.0, 350.0, 700.0]),
    "mem_used_mib": st.sampled_from([None, 0.0, 5900.0, 5930.0, 70000.0]),
    "pcie_tx_bytes_s": st.sampled_from([None, 0.0, 6e4, 1e7, 3e9]),
    "pcie_rx_bytes_s": st.sampled_from([None, 0.0, 9e4, 2e7, 2.0**53]),
    "nvlink_tx_bytes_s": st.sampled_from([None, 0.0, 1e8, 2e9, 2e10, 1e11]),
    "nvlink_rx_bytes_s": st.sampled_from([None, 0.0, 1e8, 2e9, 2e10, 2.0**53]),
}
BASES: list[Shape] = [ethash, ethash, kheavyhash, gradients, small_training, decoding, tensor_parallel, idle]


@st.composite
def telemetry(draw: st.DrawFn, agents: int = 2, gpus: int = 10) -> Batch:
    """Stretches of shapes with odd samples in them: several agents and GPUs, late rows, holes, unknown fields."""
    chunks = draw(
        st.lists(
            st.tuples(
                st.integers(0, agents - 1), st.one_of(st.just(1), st.integers(1, gpus)), st.sampled_from(BASES),
                st.sampled_from([15.0, 15.0, 0.1, 1.0, 57.0, 149.9, 151.0]), st.sampled_from([40, 25, 12, 1]),
                st.integers(0, 10**6), st.lists(st.sampled_from(sorted(VALUES)), max_size=2),
                st.sampled_from([0.0, 0.0, 30.0, 400.0]),
            ),
            min_size=1, max_size=4,
        )
    )  # fmt: skip
    declared = [draw(st.sampled_from([3, 3, 1, 0, 2, 4])) for _ in range(agents)]
    streams, clock = [], dict.fromkeys(range(agents), 0.0)
    for agent, gpu, shape, every, count, seed, without, pause in chunks:
        model = draw(st.sampled_from(MODELS))
        made = stream(shape, declared[agent], count * every, every, agent=agent, gpu=gpu, seed=seed, without=without)
        made = made._replace(t=made.t + clock[agent] + pause, model=model)
        if draw(st.integers(0, 3)):
            clock[agent] = float(made.t[-1])
        streams.append(made)
    batch = feed(streams)
    odd = draw(st.lists(st.tuples(st.integers(0, len(batch.ts) - 1), st.sampled_from(sorted(VALUES))), max_size=12))
    for i, name in odd:
        value = draw(VALUES[name])
        getattr(batch.gpu, name)[i] = np.nan if value is None else value
    order = list(range(len(batch.ts)))
    for i, by in draw(st.lists(st.tuples(st.integers(0, len(order) - 1), st.integers(1, 20)), max_size=4)):
        order.insert(max(0, i - by), order.pop(i))
    return rows(batch, order)


@st.composite
def crowd(draw: st.DrawFn) -> Batch:
    """One agent with more GPUs than there is room for, each busy or idle, some silent for long."""
    seen = draw(
        st.lists(
            st.tuples(st.integers(1, 12), st.booleans(), st.sampled_from([0.0, 1.0, 5.0, 20.0, 70.0, 160.0])),
            min_size=8, max_size=120,
        )
    )  # fmt: skip
    declared = draw(st.sampled_from([NONE, INFERENCE]))
    clock, streams = 0.0, []
    for gpu, works, pause in seen:
        clock += pause
        made = stream(ethash if works else idle, declared, 1.0, 1.0, gpu=gpu, seed=gpu)
        streams.append(made._replace(t=np.array([clock])))
    return feed(streams)
