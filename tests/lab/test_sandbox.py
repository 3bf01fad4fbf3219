"""What the sensors of a synthetic sandbox write down."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.gpus import flat_training, idle, inference, mining, rollouts, training
from pipeline.lab.sandbox import Place, Sandbox, bulk

START = 1772586000.0
PLACE = Place("203.0.113.7", 443, "", "ssl", 0.02)


def sandbox(length: float = 3600.0) -> Sandbox:
    return Sandbox("sbx-1", "10.64.1.9", START, START + length, "rl-1", "ep-1")


@given(steps=st.lists(st.tuples(st.floats(0, 70), st.floats(0, 5000), st.floats(0, 5000)), min_size=1, max_size=40))
def test_records_of_a_connection_hold_all_its_payload_in_records_of_a_minute(
    steps: list[tuple[float, float, float]],
) -> None:
    s = sandbox(1e6)
    s.talk(PLACE, steps)
    flow = s.flows
    assert len({r["flow_id"] for r in flow}) == len({r["src_port"] for r in flow}) == 1
    assert [r["final"] for r in flow] == [False] * (len(flow) - 1) + [True]
    assert all(0 <= r["duration"] <= 61 for r in flow)
    assert all(later["ts"] - later["duration"] >= earlier["ts"] for earlier, later in pairwise(flow))
    for way, side in ((1, "src"), (2, "dst")):
        payload = sum(step[way] for step in steps)
        packets = sum(r[f"{side}_pkts"] for r in flow)
        size = payload + 52 * packets + 8  # the first packet of a side has 60 bytes of headers
        assert sum(r[f"{side}_bytes"] for r in flow) == pytest.approx(size, abs=len(flow))
        assert packets >= sum(math.ceil(step[way] / 1448) for step in steps) + 1


def test_a_keepalive_is_the_size_that_one_is() -> None:
    s = sandbox()
    s.talk(PLACE, [(30.0, 52.0, 28.0)] * 6)
    middle = s.flows[1]
    assert (middle["src_bytes"], middle["dst_bytes"], middle["src_pkts"], middle["dst_pkts"]) == (312, 160, 4, 2)


def test_a_connection_ends_with_its_sandbox() -> None:
    s = sandbox(100)
    assert s.talk(PLACE, [(30.0, 10.0, 10.0)] * 20) <= s.end
    assert s.flows[-1]["final"]


def test_a_bulk_transfer_takes_as_long_as_its_rate_says() -> None:
    assert sum(wait for wait, _, _ in bulk(0, 1e8, 1e7)) == pytest.approx(10)
    assert sum(back for _, _, back in bulk(0, 1e8, 1e7)) == pytest.approx(1e8)
    assert bulk(100, 2000, 1e6) == [(0.0, 100, 0.0), (0.01, 0.0, 2000)]


def test_failures_have_the_size_that_they_have() -> None:
    s = sandbox()
    s.refused(PLACE)
    s.unanswered(PLACE, 2.0)
    s.unanswered(PLACE, 0.8)
    sizes = [(r["outcome"], r["src_bytes"], r["dst_bytes"], r["src_pkts"], r["dst_pkts"]) for r in s.flows]
    assert sizes == [("rejected", 60, 40, 1, 1), ("unanswered", 120, 0, 2, 0), ("unanswered", 60, 0, 1, 0)]


def test_a_name_is_looked_up_before_it_is_reached() -> None:
    s = sandbox()
    s.web(Place("203.0.113.9", 443, "docs.example", "ssl"), 300, 5000)
    asked, reached = s.flows
    assert (asked["proto"], asked["dst_port"], asked["host"]) == ("udp", 53, "docs.example")
    assert reached["ts"] - reached["duration"] >= asked["ts"]


def test_a_client_of_the_sandbox_comes_from_outside() -> None:
    s = sandbox()
    s.serve("10.20.4.5", 8000, [(0.1, 500, 900)], at=s.now)
    (flow,) = s.flows
    assert (flow["direction"], flow["src_ip"], flow["dst_ip"], flow["dst_port"]) == ("inbound", "10.20.4.5", s.ip, 8000)


def test_gpu_samples_show_the_work_that_is_done() -> None:
    s = sandbox()
    s.gpu([(START + 600, START + 1800, mining), (START + 1800, START + 3000, training)])
    assert len(s.samples) == 720
    at = {n: [e for e in s.samples if START + n <= e["ts"] < START + n + 500] for n in (0, 700, 1900, 3050)}
    assert max(e["util_pct"] for e in at[0] + at[3050]) == 0
    assert max(e["tensor_active"] for e in at[700]) == 0.0
    assert min(e["util_pct"] for e in at[700]) == 100
    assert min(e["tensor_active"] for e in at[1900]) < 0.05 < max(e["tensor_active"] for e in at[1900])


@pytest.mark.parametrize("shape", [idle, training, rollouts, flat_training, inference, mining])
def test_a_sample_is_within_what_a_card_can_do(shape: object) -> None:
    s = sandbox()
    assert callable(shape)
    for since in range(0, 2000, 5):
        sample = shape(s.random, float(since), 700.0)
        assert 0 <= sample["util_pct"] <= 100
        assert all(0 <= sample[name] <= 1 for name in ("sm_active", "tensor_active", "dram_active"))
        assert 30 < sample["power_w"] <= 700
        assert 0 < sample["mem_used_mib"] < sample["mem_total_mib"]
