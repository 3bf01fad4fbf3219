"""Work that was not declared: training under inference, any under none; and what must not be taken for it.

All telemetry here is synthetic (tests/gpu_shapes.py).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detectors import undeclared_gpu as detector
from tests import gpu_shapes as shapes
from tests.gpu_shapes import ANY, INFERENCE, NONE, TRAINING, UNDECLARED, Batch, feed, stream, strengths
from tests.naive import undeclared_gpu as naive

SCORE_50, SCORE_70 = 5.3, 6.2
A100 = "NVIDIA A100-SXM4-80GB"
TRAININGS = [shapes.gradients, shapes.small_training, shapes.accumulating]
SERVERS = [shapes.decoding, shapes.decoding_alone, shapes.tensor_parallel, shapes.tensor_parallel_decoding,
           shapes.prompts, shapes.requests, shapes.diffusion, shapes.transcoding, shapes.idle]  # fmt: skip


def first(batch: Batch, strength: Any, least: float) -> float:
    """Seconds from the start to the first row that says `least`, infinite if none does."""
    hit = np.flatnonzero(strength >= least)
    return float(batch.ts[hit[0]] - shapes.START) / 1e6 if len(hit) else np.inf


@pytest.mark.parametrize("every", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("shape", TRAININGS)
def test_training_under_a_declaration_of_inference_is_found_within_two_minutes(shape: Any, every: float) -> None:
    batch = feed([stream(shape, INFERENCE, 150, every)])
    assert first(batch, strengths(detector, batch), SCORE_70) <= 120


@pytest.mark.parametrize("shape", TRAININGS)
def test_at_a_sample_a_minute_training_is_found_as_soon_as_there_are_some(shape: Any) -> None:
    batch = feed([stream(shape, INFERENCE, 600, 57)])
    assert 120 < first(batch, strengths(detector, batch), SCORE_70) <= 400


def test_training_on_another_card_is_found_too() -> None:
    batch = feed([stream(shapes.a100_training, INFERENCE, 300, model=A100)])
    assert first(batch, strengths(detector, batch), SCORE_70) <= 120


def test_training_after_an_hour_of_idling_is_found_within_two_minutes_of_its_onset() -> None:
    quiet = stream(shapes.idle, INFERENCE, 3600, 5)
    busy = stream(shapes.small_training, INFERENCE, 200, 1)
    batch = feed([quiet, busy._replace(t=busy.t + 3600)])
    assert 3600 < first(batch, strengths(detector, batch), SCORE_70) <= 3720


@pytest.mark.parametrize("every", [0.1, 1.0, 15.0, 57.0])
@pytest.mark.parametrize("shape", SERVERS)
def test_no_server_looks_like_training(shape: Any, every: float) -> None:
    batch = feed([stream(shape, INFERENCE, 240 if every < 1 else 1500, every)])
    assert strengths(detector, batch).max() < SCORE_50


def test_long_prompts_on_several_a100s_are_not_training() -> None:
    """The same bytes for each operation are fewer for each unit of tensor activity there."""
    batch = feed([stream(shapes.a100_tensor_parallel, INFERENCE, 900, model=A100)])
    assert strengths(detector, batch).max() < SCORE_50


def test_training_on_one_gpu_raises_suspicion_and_no_more() -> None:
    batch = feed([stream(shapes.training_alone, INFERENCE, 900)])
    assert 3 < strengths(detector, batch).max() < SCORE_50


@pytest.mark.parametrize("field", ["nvlink", "sm_active", "dram_active", "power_w", "util_pct"])
def test_what_is_unknown_is_not_taken_for_nought(field: str) -> None:
    """Without the field a server says no more than 50, and the training no less than it does with the field at 0."""
    names = ["nvlink_tx_bytes_s", "nvlink_rx_bytes_s"] if field == "nvlink" else [field]
    server = feed([stream(shapes.prompts, INFERENCE, 600, without=names)])
    assert strengths(detector, server).max() < SCORE_50
    work = stream(shapes.gradients, INFERENCE, 600)
    lacking = work._replace(fields={k: v for k, v in work.fields.items() if k not in names})
    nought = work._replace(fields={**work.fields, **dict.fromkeys(names, np.zeros(len(work.t)))})
    least = strengths(detector, feed([nought])).max() if field != "dram_active" else 0.0
    assert strengths(detector, feed([lacking])).max() >= least


@pytest.mark.parametrize("shape", [*TRAININGS, *SERVERS])
def test_utilisation_and_memory_alone_say_little(shape: Any) -> None:
    batch = feed([stream(shape, INFERENCE, 3600, 15, only=("util_pct", "mem_used_mib"))])
    assert strengths(detector, batch).max() <= 2.0


@pytest.mark.parametrize("shape", TRAININGS)
def test_what_nvidia_smi_says_is_not_enough(shape: Any) -> None:
    batch = feed([stream(shape, INFERENCE, 3600, 5, only=shapes.NVIDIA_SMI)])
    assert strengths(detector, batch).max() <= 3.0


@pytest.mark.parametrize("declared", [TRAINING, ANY, UNDECLARED])
@pytest.mark.parametrize("shape", [shapes.gradients, shapes.decoding, shapes.ethash])
def test_nothing_is_said_where_it_was_declared_or_nothing_was(shape: Any, declared: int) -> None:
    assert not strengths(detector, feed([stream(shape, declared, 300)])).any()


@pytest.mark.parametrize("shape", [*TRAININGS, shapes.decoding, shapes.requests, shapes.diffusion, shapes.kheavyhash])
def test_any_work_is_found_where_none_was_declared(shape: Any) -> None:
    batch = feed([stream(shape, NONE, 300)])
    assert first(batch, strengths(detector, batch), SCORE_70) <= 120


def test_under_none_an_idle_gpu_and_a_short_look_are_silent() -> None:
    assert not strengths(detector, feed([stream(shapes.idle, NONE, 900)])).any()
    look = stream(shapes.idle, NONE, 600)
    look.fields["util_pct"][300:303] = 100.0
    assert strengths(detector, feed([look])).max() < 1


def test_under_none_half_a_minute_of_work_is_not_yet_sustained() -> None:
    test = stream(shapes.idle, NONE, 600)
    test.fields["util_pct"][300:330] = 100.0
    assert strengths(detector, feed([test])).max() < SCORE_50


def test_under_none_utilisation_alone_suffices() -> None:
    batch = feed([stream(shapes.decoding, NONE, 300, only=("util_pct",))])
    assert strengths(detector, batch).max() >= SCORE_70


def test_samples_too_far_apart_say_nothing() -> None:
    assert not strengths(detector, feed([stream(shapes.gradients, INFERENCE, 36000, 300)])).any()


def test_training_on_some_gpus_of_a_node_is_found_behind_inference_on_the_others() -> None:
    cover = [stream(shapes.decoding, INFERENCE, 200, gpu=k, seed=k) for k in range(1, 5)]
    hidden = [stream(shapes.gradients, INFERENCE, 200, gpu=k, seed=k) for k in range(5, 9)]
    batch = feed([*cover, *hidden])
    strength = strengths(detector, batch)
    assert first(batch, strength, SCORE_70) <= 120
    assert strength[batch.gpu.gpu <= 4].max() < SCORE_50


def test_on_a_node_of_sixteen_the_gpus_at_work_push_out_the_idle_ones() -> None:
    quiet = [stream(shapes.idle, INFERENCE, 300, gpu=k, seed=k) for k in range(1, 13)]
    hidden = [stream(shapes.gradients, INFERENCE, 300, gpu=k, seed=k) for k in range(13, 17)]
    batch = feed([*quiet, *hidden])
    strength = strengths(detector, batch)
    assert all(strength[batch.gpu.gpu == k].max() >= SCORE_70 for k in range(13, 17))


def test_a_row_later_than_the_newest_of_its_gpu_adds_nothing() -> None:
    batch = feed([stream(shapes.gradients, INFERENCE, 200)])
    order = [*range(100), 40, *range(100, 200)]
    late = shapes.rows(batch, order)
    late.gpu.tensor_active[100] = 0.0
    strength = strengths(detector, late)
    assert strength[100] == 0
    assert np.array_equal(np.delete(strength, 100), strengths(detector, batch))


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
