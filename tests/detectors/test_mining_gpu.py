"""The shape of mining: miners as they are set up, and the innocent work that is as flat.

All telemetry here is synthetic (tests/gpu_shapes.py): there is no public recording of mining with these counters.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detectors import mining_gpu as detector
from tests import gpu_shapes as shapes
from tests.gpu_shapes import ANY, INFERENCE, NONE, TRAINING, UNDECLARED, Batch, feed, stream, strengths
from tests.naive import mining_gpu as naive

SCORE_50, SCORE_70 = 5.3, 6.2
HARD = [shapes.ethash, shapes.kawpow, shapes.autolykos]
MINERS = [*HARD, shapes.kheavyhash]
INNOCENT = [shapes.decoding, shapes.tensor_parallel, shapes.tensor_parallel_decoding, shapes.prompts, shapes.requests,
            shapes.diffusion, shapes.gradients, shapes.small_training, shapes.accumulating, shapes.training_alone,
            shapes.starved_training, shapes.transcoding, shapes.idle]  # fmt: skip
TWINS = [shapes.molecules, shapes.burning]


@pytest.mark.parametrize("declared", [NONE, INFERENCE])
@pytest.mark.parametrize("every", [1.0, 15.0])
@pytest.mark.parametrize("shape", MINERS)
def test_a_miner_is_found_within_ten_minutes(shape: Any, every: float, declared: int) -> None:
    assert strengths(detector, feed([stream(shape, declared, 620, every)])).max() >= SCORE_70


@pytest.mark.parametrize("shape", HARD)
def test_a_miner_is_found_at_ten_samples_a_second(shape: Any) -> None:
    assert strengths(detector, feed([stream(shape, NONE, 480, 0.1)])).max() >= SCORE_70


@pytest.mark.parametrize("shape", HARD)
def test_a_miner_is_found_at_a_sample_a_minute(shape: Any) -> None:
    assert strengths(detector, feed([stream(shape, NONE, 1500, 57)])).max() >= SCORE_70


@pytest.mark.parametrize("shape", MINERS)
def test_new_tables_and_lost_pools_do_not_hide_a_miner(shape: Any) -> None:
    """Each half hour and each 23 minutes there is a dip; half an hour on, nearly all rows still say so."""
    strength = strengths(detector, feed([stream(shape, NONE, 7200, 5)]))
    assert np.mean(strength[360:] >= SCORE_50) > 0.85
    assert strength[-1] >= SCORE_70


@pytest.mark.parametrize("declared", [NONE, INFERENCE, ANY, TRAINING, UNDECLARED])
@pytest.mark.parametrize("shape", INNOCENT)
def test_innocent_work_says_next_to_nothing(shape: Any, declared: int) -> None:
    assert strengths(detector, feed([stream(shape, declared, 1500, 2)])).max() < 1


@pytest.mark.parametrize("every", [0.1, 15.0, 57.0])
@pytest.mark.parametrize("shape", INNOCENT)
def test_innocent_work_says_next_to_nothing_at_any_pace(shape: Any, every: float) -> None:
    assert strengths(detector, feed([stream(shape, INFERENCE, 300 if every < 1 else 3600, every)])).max() < 1


def test_answers_without_tensor_cores_are_given_away_by_their_prompts() -> None:
    assert strengths(detector, feed([stream(shapes.decoding_alone, INFERENCE, 1500, 1)])).max() < 2


@pytest.mark.parametrize("declared", [ANY, TRAINING, UNDECLARED])
@pytest.mark.parametrize("shape", TWINS)
def test_scientific_computing_and_burn_in_stay_below_50(shape: Any, declared: int) -> None:
    """They look like a coin that computes, so they are told from it by what was declared alone."""
    assert 1 < strengths(detector, feed([stream(shape, declared, 3600, 5)])).max() < SCORE_50


@pytest.mark.parametrize("shape", MINERS)
def test_what_is_declared_counts(shape: Any) -> None:
    most = {d: strengths(detector, feed([stream(shape, d, 1800, 5)])).max() for d in (NONE, UNDECLARED, ANY, TRAINING)}
    assert most[NONE] > most[UNDECLARED] > most[ANY] == most[TRAINING] > 3


@pytest.mark.parametrize("declared", [NONE, INFERENCE, UNDECLARED])
@pytest.mark.parametrize("shape", [*MINERS, shapes.decoding, shapes.training_alone])
def test_while_tensor_activity_is_unknown_little_is_said(shape: Any, declared: int) -> None:
    said = strengths(detector, feed([stream(shape, declared, 3600, 5, only=shapes.NVIDIA_SMI)])).max()
    assert said <= 3
    if shape in MINERS:
        assert said > 0
    lacking = feed([stream(shape, declared, 3600, 5, without=["tensor_active"])])
    assert strengths(detector, lacking).max() <= 3


@pytest.mark.parametrize("name", ["pcie_nvlink", "power_w", "mem_used_mib", "dram_active", "sm_active"])
def test_a_field_that_is_unknown_lowers_and_does_not_silence(name: str) -> None:
    lacking = {
        "pcie_nvlink": ["pcie_tx_bytes_s", "pcie_rx_bytes_s", "nvlink_tx_bytes_s", "nvlink_rx_bytes_s"],
        "power_w": ["power_w", "sm_active"],
    }.get(name, [name])
    whole = strengths(detector, feed([stream(shapes.ethash, NONE, 1500, 2)])).max()
    part = strengths(detector, feed([stream(shapes.ethash, NONE, 1500, 2, without=lacking)])).max()
    assert 3 < part <= whole


@pytest.mark.parametrize(
    ("name", "value"),
    [("tensor_active", 0.05), ("pcie_rx_bytes_s", 5e7), ("nvlink_tx_bytes_s", 1e9), ("sm_active", 0.5)],
)
def test_each_sign_must_hold_or_nothing_is_said(name: str, value: float) -> None:
    miner = stream(shapes.ethash, NONE, 1200, 2)
    miner.fields[name] = np.full(len(miner.t), value)
    assert strengths(detector, feed([miner])).max() == 0


@pytest.mark.parametrize("name", ["power_w", "mem_used_mib"])
def test_what_is_uneven_or_grows_says_nothing(name: str) -> None:
    miner = stream(shapes.ethash, NONE, 1200, 2)
    step = np.arange(len(miner.t)) % 4
    miner.fields[name] = 200.0 + (60.0 * step if name == "power_w" else 0.0)
    if name == "mem_used_mib":
        miner.fields[name] = 200.0 * 1.012 ** np.arange(len(miner.t))
    assert strengths(detector, feed([miner])).max() == 0


def test_a_miner_on_one_gpu_of_a_node_in_training_is_found() -> None:
    others = [stream(shapes.gradients, INFERENCE, 600, 2, gpu=k, seed=k) for k in range(2, 9)]
    batch = feed([stream(shapes.ethash, INFERENCE, 600, 2), *others])
    strength = strengths(detector, batch)
    assert strength[batch.gpu.gpu == 1].max() >= SCORE_70
    assert strength[batch.gpu.gpu != 1].max() == 0


def test_samples_too_far_apart_say_nothing() -> None:
    assert not strengths(detector, feed([stream(shapes.ethash, NONE, 36000, 300)])).any()


@given(shapes.telemetry())
def test_kernel_equals_its_twin(batch: Batch) -> None:
    assert strengths(detector, batch).tolist() == naive.strengths(shapes.rows_of(batch))


@given(shapes.crowd())
def test_kernel_equals_its_twin_where_gpus_are_too_many(batch: Batch) -> None:
    assert strengths(detector, batch).tolist() == naive.strengths(shapes.rows_of(batch))


@given(shapes.telemetry())
def test_strengths_are_within_bounds(batch: Batch) -> None:
    strength = strengths(detector, batch)
    assert np.all((strength >= 0) & (strength <= detector.Settings().cap))


@given(shapes.telemetry(), st.lists(st.integers(0, 100), max_size=5))
def test_cuts_between_batches_change_nothing(batch: Batch, cuts: list[int]) -> None:
    state = np.zeros(4, detector.STATE)
    edges = sorted({0, len(batch.ts), *(min(c, len(batch.ts)) for c in cuts)})
    parts = [strengths(detector, shapes.rows(batch, slice(a, b)), state) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), strengths(detector, batch))


@given(shapes.telemetry())
def test_other_agents_change_nothing(batch: Batch) -> None:
    mine = batch.agent == 0
    assert np.array_equal(strengths(detector, batch)[mine], strengths(detector, shapes.rows(batch, mine)))


@given(shapes.telemetry(), st.integers(-2 * shapes.START, shapes.START))
def test_a_shift_in_time_changes_nothing(batch: Batch, by: int) -> None:
    assert np.array_equal(strengths(detector, batch), strengths(detector, batch._replace(ts=batch.ts + by)))


def test_state_of_an_agent_is_bounded() -> None:
    assert detector.STATE.itemsize <= 1024
