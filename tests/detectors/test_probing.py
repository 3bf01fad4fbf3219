"""Probing: every shape that is a scan, every harmless one that resembles it, and the laws of a kernel."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors import probing
from pipeline.events import codes
from pipeline.kernels.settings import record
from tests.detectors.flow_rows import NAN, Row, columns, interpreted, most, row, run
from tests.naive import probing as naive

FOUND, SILENT = 6.2, 5.3
REFUSED = {"outcome": codes.REJECTED, "src_pkts": 1, "dst_pkts": 1, "src_bytes": 60, "dst_bytes": 40}
DEAD = {"outcome": codes.UNANSWERED, "src_pkts": 3, "dst_pkts": 0, "src_bytes": 180, "dst_bytes": 0}
TALKS = {"outcome": codes.ESTABLISHED, "src_pkts": 8, "dst_pkts": 6, "src_bytes": 1400, "dst_bytes": 2900}
BARE = {"outcome": codes.ESTABLISHED, "src_pkts": 4, "dst_pkts": 3, "src_bytes": 204, "dst_bytes": 205}
UDP, ICMP = {"proto": codes.UDP}, {"proto": codes.ICMP}


def inside(n: int) -> str:
    return str(ipaddress.ip_address("10.20.0.1") + n)


def outside(n: int) -> str:
    return str(ipaddress.ip_address("198.18.0.1") + 769 * n)


def ordinary_work() -> list[Row]:
    """Name look-ups, metrics, a repository, before anything else."""
    return [
        row(0, inside(1), 53, **UDP, **TALKS), row(1, inside(9), 9091, **TALKS), row(2, outside(0), 443, **TALKS),
        row(3, outside(1), 22, **TALKS),
    ]  # fmt: skip


def needed(rows: list[Row], level: float = FOUND) -> int:
    """How many distinct targets had failed when the level was crossed."""
    strength, _ = run(probing, rows)
    targets: set[tuple[str, int, int]] = set()
    for r, said in zip(rows, strength, strict=True):
        if r["outcome"] in (codes.REJECTED, codes.UNANSWERED, codes.BLOCKED):
            targets.add((r["dst"], r["dst_port"], r["proto"]))
        if said >= level:
            return len(targets)
    pytest.fail(f"never above {level}: {max(strength):.2f}")


# ---------------------------------------------------------------- scans


@pytest.mark.parametrize("how", [REFUSED, DEAD, {"outcome": codes.BLOCKED}], ids=["refused", "dead", "blocked"])
@pytest.mark.parametrize("before", [[], ordinary_work()], ids=["at once", "after work"])
def test_a_sweep_inside_is_found_within_8_failed_first_contacts(how: dict[str, Any], before: list[Row]) -> None:
    assert 4 <= needed([*before, *(row(10 + n, inside(20 + n), 22, **how) for n in range(20))]) <= 8


def test_a_sweep_outside_is_found_within_8_failed_first_contacts() -> None:
    assert needed([*ordinary_work(), *(row(10 + n, outside(20 + n), 2323, **DEAD) for n in range(20))]) <= 8


def test_a_scan_of_the_low_ports_of_one_host_is_found_within_8() -> None:
    assert needed([row(n / 100, inside(5), 1 + n, **REFUSED) for n in range(30)]) <= 8


def test_a_scan_of_many_high_ports_of_one_host_is_found() -> None:
    assert needed([row(n / 100, inside(5), 2000 + n, **REFUSED) for n in range(300)]) <= 40


def test_a_sweep_in_which_some_answer_is_found() -> None:
    def how(n: int) -> dict[str, Any]:
        return BARE if n % 17 == 3 else REFUSED if n % 9 == 4 else DEAD

    assert needed([*ordinary_work(), *(row(10 + n, inside(20 + n), 22, **how(n)) for n in range(120))]) <= 8


@pytest.mark.parametrize("pace", [35, 60, 120])
def test_a_slow_sweep_is_found_while_other_work_goes_on(pace: float) -> None:
    rows = ordinary_work() + [row(30 + n * pace, inside(20 + n), 22, **DEAD) for n in range(20)]
    rows += [row(20 + n * 30, inside(9), 9091, **TALKS) for n in range(int(20 * pace / 30))]
    assert needed(sorted(rows, key=lambda r: r["ts"])) <= 9


def test_web_pages_do_not_pay_for_probes_inside() -> None:
    rows = []
    for n in range(20):
        rows += [row(2 * n, outside(n), 443, **TALKS), row(2 * n + 1, inside(20 + n), 22, **DEAD)]
    assert needed(rows) <= 8


def test_a_sweep_in_which_every_port_is_open_and_told_nothing_is_found() -> None:
    assert most(probing, [row(n / 10, inside(20 + n), 22, **BARE) for n in range(60)]) >= FOUND


def test_a_sweep_seen_in_counters_alone_is_found() -> None:
    dead = [row(n, inside(n), 22, src_pkts=1, dst_pkts=0) for n in range(20)]
    refused = [row(n, inside(n), 22, src_pkts=1, dst_pkts=1, src_bytes=60, dst_bytes=40) for n in range(20)]
    one_way = [row(n, inside(n), 22, src_pkts=1, src_bytes=60) for n in range(60)]
    nothing_known = [row(n, inside(n), 22) for n in range(120)]
    for rows in (dead, refused, one_way, nothing_known):
        assert most(probing, rows) >= FOUND


def test_a_sweep_over_ipv6_and_one_by_echo_are_found() -> None:
    assert most(probing, [row(n, f"fd00:0:0:{n:x}::5", 22, **DEAD) for n in range(12)]) >= FOUND
    assert most(probing, [row(n, inside(n), **ICMP, outcome=codes.UNANSWERED) for n in range(20)]) >= FOUND


def test_an_unknown_direction_is_read_as_the_record_says() -> None:
    assert most(probing, [row(n, inside(n), 22, direction=0, **DEAD) for n in range(12)]) >= FOUND


# ---------------------------------------------------------------- what is no scan


def test_scans_from_the_internet_are_no_alarm() -> None:
    opened = {"direction": codes.INBOUND, "place": codes.EXTERNAL, **DEAD}
    rows = [row(n, inside(1), n, src=outside(n), **opened) for n in range(99)]
    assert most(probing, rows) == 0


def test_one_service_that_is_down_is_one_target_however_often_it_is_tried() -> None:
    rows = [row(5 * n, inside(3), 5432, src_port=30000 + n, **(REFUSED if n % 2 else DEAD)) for n in range(5000)]
    assert most(probing, rows) < 1.3


@pytest.mark.parametrize("every", [1, 60, 1800, 5400, 10800, 20000])
def test_three_services_that_stay_down_are_no_scan_however_long_they_are_tried(every: float) -> None:
    rows = [row(every * n + k, inside(k), 8000 + k, **DEAD) for n in range(400) for k in range(3)]
    assert most(probing, rows) < SILENT


def test_three_dead_services_beside_thousands_of_web_pages_are_no_scan() -> None:
    rows = [row(60 * n + k, inside(k), 8000 + k, **DEAD) for n in range(200) for k in range(3)]
    rows += [row(3 * n, outside(n), 443, **TALKS) for n in range(4000)]
    assert most(probing, rows) < SILENT


def test_a_service_that_worked_and_went_down_is_no_target() -> None:
    up = [row(n, inside(n), 9100, **TALKS) for n in range(30)]
    down = [row(60 + 15 * m + n / 10, inside(n), 9100, **DEAD) for m in range(400) for n in range(30)]
    assert most(probing, up + down) == 0


def test_waiting_for_services_that_come_up_is_no_scan() -> None:
    rows = [row(4 * n + m, inside(n), 8000 + n, **REFUSED) for n in range(12) for m in range(3)]
    rows += [row(4 * n + 3.5, inside(n), 8000 + n, **TALKS) for n in range(12)]
    assert most(probing, rows) < SILENT


def test_a_port_test_of_the_own_container_is_no_scan() -> None:
    for shuffle in range(10):
        order = np.random.default_rng(shuffle).permutation(30)
        rows = [row(n / 1000, inside(7), 8000 + int(p), **(BARE if p < 12 else REFUSED)) for n, p in enumerate(order)]
        again = [{**r, "ts": r["ts"] + 200_000_000} for r in rows]
        assert most(probing, rows + again) < SILENT


def test_bulk_connections_that_succeed_are_no_scan() -> None:
    assert most(probing, [row(n / 100, inside(n), 29500 + n % 8, **TALKS) for n in range(2000)]) == 0


def test_a_scraper_with_a_few_dead_nodes_is_no_scan() -> None:
    rows = [row(30 * m + n, inside(n), 9100, **(DEAD if n % 10 == 3 else TALKS)) for m in range(100) for n in range(40)]
    assert most(probing, rows) < SILENT


def test_a_sandbox_whose_way_out_is_shut_is_no_scan() -> None:
    rows = [row(n * 10, outside(n), 443 if n % 3 else 80, outcome=codes.BLOCKED) for n in range(31)]
    assert most(probing, rows) < SILENT


def test_ipv6_that_does_not_work_is_no_scan() -> None:
    rows = []
    for n in range(300):
        rows += [row(5 * n, f"2001:db8:{n:x}::1", 443, **DEAD), row(5 * n + 1, outside(n), 443, **TALKS)]
    assert most(probing, rows) < SILENT


def test_a_resolver_with_one_answer_missing_in_five_is_no_scan() -> None:
    rows = [row(n, outside(n), 53, **UDP, **(DEAD if n % 5 == 0 else TALKS)) for n in range(3000)]
    assert most(probing, rows) < SILENT


def test_a_peer_to_peer_client_with_half_its_peers_gone_is_no_scan() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        gone, port = rng.random(2000) < 0.5, rng.integers(1024, 65535, 2000)
        rows = [row(2 * n, outside(n), int(port[n]), **(DEAD if gone[n] else TALKS)) for n in range(2000)]
        assert most(probing, rows) < SILENT


def test_a_traceroute_is_no_scan() -> None:
    assert most(probing, [row(n / 10, outside(1), 33434 + n, **UDP, **DEAD) for n in range(90)]) < SILENT


def test_multicast_and_the_own_address_are_no_contacts() -> None:
    rows = [row(n, f"239.0.0.{n}", 5353, place=codes.LOCAL, **UDP, **DEAD) for n in range(99)]
    rows += [row(n, inside(1), 8000 + n, src=inside(1), **REFUSED) for n in range(99)]
    assert most(probing, rows) == 0


def test_a_few_echoes_are_no_scan() -> None:
    assert most(probing, [row(n, inside(n), **ICMP, outcome=codes.UNANSWERED) for n in range(6)]) < SILENT


def test_a_failure_now_and_then_all_day_is_no_scan() -> None:
    assert most(probing, [row(1800 * n, inside(n), 80, **DEAD) for n in range(100)]) < SILENT


def test_connections_idle_for_hours_that_end_at_once_are_no_scan() -> None:
    last = {"src_pkts": 2, "dst_pkts": 2, "src_bytes": 104, "dst_bytes": 104}
    rows = [row(n, inside(n), 5432, **TALKS) for n in range(20)]
    assert most(probing, rows + [row(40000 + n / 10, inside(n), 5432, **last) for n in range(20)]) < SILENT


# ---------------------------------------------------------------- laws


def test_a_million_targets_leave_the_state_as_it_is_and_the_scan_found() -> None:
    count = 3000 if os.environ.get("NUMBA_DISABLE_JIT") else 1_000_000
    ts, agent, place, flow = columns([row(n / 1000, inside(0), 443, **DEAD) for n in range(1000)])
    state, known = np.zeros(1, probing.STATE), record(probing.Settings())
    assert state.nbytes <= 1024
    for part in range(count // 1000):
        flow.dst_lo[:] = 0xFFFF0A000000 + part * 1000 + np.arange(1000)
        strength, why = np.zeros(1000), np.zeros(1000, probing.WHY)
        probing.step(ts + part * 1_000_000, agent, place, flow, state, known, strength, why)
        assert strength.max() == (9.0 if part else pytest.approx(9.0))
        assert why["targets"].max() <= 1000 * (part + 1)


def test_the_words_name_targets_hosts_time_and_the_last_target() -> None:
    strength, why = run(probing, [row(20 * n, inside(n), 22, **DEAD) for n in range(7)])
    assert strength[-1] > FOUND
    assert probing.explain(why[6]) == "7 targets on 7 hosts inside were silent, refused or told nothing, " \
        "all within 2 min; last 10.20.0.7 port 22/tcp"


COUNTERS = [
    (NAN, NAN, NAN, NAN), (1.0, 1.0, 60.0, 40.0), (2.0, 0.0, 120.0, 0.0), (4.0, 3.0, 204.0, 205.0),
    (8.0, 6.0, 1400.0, 2900.0), (2.0, NAN, 120.0, NAN), (NAN, NAN, 900.0, 0.0), (6.0, NAN, 240.0, NAN),
]  # fmt: skip


@st.composite
def a_row(draw: st.DrawFn) -> tuple[int, int, Row]:
    """µs since the row before, µs by which it is late, the row."""
    counters = draw(st.sampled_from(COUNTERS))
    host, proto = draw(st.integers(0, 60)), draw(st.sampled_from([codes.TCP, codes.TCP, codes.UDP, codes.ICMP]))
    made = row(
        0, f"2001:db8::{host}" if draw(st.booleans()) else inside(host),
        0 if proto == codes.ICMP else draw(st.sampled_from([22, 53, 80, 443, 1023, 1024, 9000])),
        proto=proto, agent=draw(st.integers(0, 2)), outcome=draw(st.integers(0, 4)),
        place=draw(st.sampled_from([codes.INTERNAL, codes.INTERNAL, codes.EXTERNAL, codes.ALLOWED, codes.LOCAL])),
        direction=draw(st.sampled_from([codes.OUTBOUND, codes.OUTBOUND, codes.OUTBOUND, 0, codes.INBOUND])),
        **dict(zip(("src_pkts", "dst_pkts", "src_bytes", "dst_bytes"), counters, strict=True)),
    )  # fmt: skip
    step = draw(st.sampled_from([0, 1, 1000, 400_000_000, 3_700_000_000, 9_000_000_000]))
    return step, draw(st.sampled_from([0, 0, 0, 0, 5_000_000, 1_000_000_000])), made


ROWS = st.lists(a_row(), max_size=120)


def timed(drawn: list[tuple[int, int, Row]], shift: int = 0) -> list[Row]:
    at = 1_800_000_000_000_000 + shift
    made = []
    for step, back, r in drawn:
        at += step
        made.append({**r, "ts": at - back})
    return made


@given(ROWS)
def test_it_equals_its_slow_twin(drawn: list[tuple[int, int, Row]]) -> None:
    rows = timed(drawn)
    assert run(probing, rows)[0] == naive.strengths(rows, probing.Settings())


@given(st.integers(0, 2**32), st.integers(1, 400))
@settings(max_examples=10)
def test_it_equals_its_slow_twin_when_memory_runs_over(seed: int, hosts: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        row(float(at), inside(int(rng.integers(hosts))), int(rng.integers(20, 30)),
            **[DEAD, REFUSED, TALKS, BARE][int(rng.integers(4))])
        for at in np.cumsum(rng.exponential(rng.choice([0.1, 60.0]), 900))
    ]  # fmt: skip
    assert run(probing, rows)[0] == naive.strengths(rows, probing.Settings())


@given(ROWS, st.lists(st.integers(0, 120), max_size=5), st.sampled_from([-1_700_000_000_000_000, 1, 86_400_000_000]))
def test_cuts_other_agents_and_a_shift_in_time_change_nothing(
    drawn: list[tuple[int, int, Row]], cuts: list[int], shift: int
) -> None:
    rows = timed(drawn)
    whole, _ = run(probing, rows)
    assert run(probing, rows, cuts=tuple(cuts))[0] == whole
    assert run(probing, timed(drawn, shift))[0] == whole
    for agent in range(3):
        mine = [n for n, r in enumerate(rows) if r["agent"] == agent]
        assert run(probing, [rows[n] for n in mine])[0] == [whole[n] for n in mine]


@given(ROWS, st.floats(0.1, 20))
def test_a_strength_is_between_0_and_the_cap_and_has_its_words(drawn: list[tuple[int, int, Row]], cap: float) -> None:
    strength, why = run(probing, timed(drawn), probing.Settings(cap=cap))
    for said, reason in zip(strength, why, strict=True):
        assert 0 <= said <= cap
        if said > 0:
            assert 1 <= reason["hosts"] <= reason["targets"]
            assert probing.explain(reason).endswith(("/tcp", "/udp", "icmp"))


def test_the_interpreted_kernel_says_the_same() -> None:
    hows = [DEAD, REFUSED, TALKS, BARE]
    rows = [row(n, inside(n % 40), 20 + n % 7, **hows[n * n % 4]) for n in range(300)]
    said = interpreted("probing", rows)
    assert said == run(probing, rows)[0] == naive.strengths(rows, probing.Settings())
