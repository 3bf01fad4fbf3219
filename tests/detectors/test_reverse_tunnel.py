"""Reverse tunnels: used and idle ones, the harmless sessions that resemble them, and the laws of a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors import reverse_tunnel
from pipeline.events import codes
from tests.detectors.flow_rows import NAN, Row, interpreted, most, row, run
from tests.naive import reverse_tunnel as naive

FOUND, SILENT, WEAK = 6.2, 5.3, 2.0
FAR = "198.18.1.2"
HANDSHAKE = (4553, 4257)

Minute = tuple[int, int, int, int, int, int]
"""Payload out and back, packets out and back, bursts, bursts by the far side: of one record."""


def session(minutes: list[Minute], counted: bool = True, gap: float = 60, **more: Any) -> list[Row]:
    """A session with one record a minute: the handshake, then `minutes`."""
    made: dict[str, Any] = {"dst": FAR, "port": 22, "flow_id": 7, "start": 0.0, "handshake": HANDSHAKE, **more}
    start = made.pop("start")
    hello = made.pop("handshake")
    rows = []
    for n, (out, back, sent, got, bursts, far) in enumerate([(*hello, 20, 16, 1, 0), *minutes]):
        rows.append(row(
            start + 2 + n * gap, made["dst"], made["port"], flow_id=made["flow_id"], outcome=codes.ESTABLISHED,
            final=codes.YES if n == len(minutes) else codes.NO, duration=2_000_000 if n == 0 else 50_000_000,
            src_bytes=out + 52 * sent, dst_bytes=back + 52 * got, src_pkts=sent, dst_pkts=got,
            bursts=bursts if counted else -1, bursts_dst_first=far if counted else -1,
            **{k: v for k, v in made.items() if k in ("place", "direction", "agent")},
        ))  # fmt: skip
    return rows


KEPT_ALIVE: Minute = (104, 56, 4, 2, 2, 0)
TYPED_FROM_OUTSIDE: Minute = (5200, 3300, 54, 86, 4, 4)
STORE_READ_FROM_OUTSIDE: Minute = (364, 432, 11, 10, 2, 2)
TYPED_FROM_HERE: Minute = (2100, 4900, 130, 77, 5, 0)
NOTEBOOK: Minute = (1480, 3996, 22, 26, 5, 0)
JOBS: Minute = (1108, 1190, 10, 10, 9, 4)
POOL: Minute = (553, 1424, 9, 6, 6, 3)
LOG_FOLLOWED: Minute = (0, 9000, 12, 14, 12, 12)


# ---------------------------------------------------------------- tunnels


@pytest.mark.parametrize("port", [22, 443, 31337])
@pytest.mark.parametrize("way", [TYPED_FROM_OUTSIDE, STORE_READ_FROM_OUTSIDE], ids=["typed", "read"])
def test_a_used_tunnel_is_plain_where_bursts_are_counted(way: Minute, port: int) -> None:
    assert most(reverse_tunnel, session([way] * 12, port=port)) >= FOUND


def test_a_tunnel_through_which_files_are_pulled_is_plain_where_bursts_are_counted() -> None:
    bulk: Minute = (20_000_000, 4000, 14000, 2500, 3, 3)
    assert most(reverse_tunnel, session([bulk, bulk, bulk])) >= FOUND


def test_a_tunnel_used_after_a_quarter_of_an_hour_of_keepalives_is_as_plain() -> None:
    assert most(reverse_tunnel, session([KEPT_ALIVE] * 15 + [TYPED_FROM_OUTSIDE] * 6)) >= FOUND


def test_a_tunnel_used_once_in_a_while_is_suspicious() -> None:
    assert most(reverse_tunnel, session([(1372, 644, 17, 13, 5, 2)] * 12, port=443)) > 1.5


def test_without_the_counters_turned_roles_raise_suspicion_and_no_more() -> None:
    said = most(reverse_tunnel, session([TYPED_FROM_OUTSIDE] * 30, counted=False))
    assert 2 <= said <= 2.5


@pytest.mark.parametrize("counted", [True, False])
def test_an_idle_tunnel_is_as_suspicious_as_a_quiet_shell(counted: bool) -> None:
    tunnel = most(reverse_tunnel, session([KEPT_ALIVE] * 16, counted))
    assert 1 <= tunnel <= WEAK
    shell = most(reverse_tunnel, session([KEPT_ALIVE] * 16, counted, handshake=(4900, 5100)))
    assert shell == pytest.approx(tunnel)


def test_an_idle_tunnel_of_hours_in_one_record_is_seen() -> None:
    hours = row(7200, FAR, 22, outcome=codes.ESTABLISHED, final=codes.YES, duration=7_200_000_000, src_pkts=400,
                dst_pkts=300, src_bytes=400 * 52 + 9000, dst_bytes=300 * 52 + 6500)  # fmt: skip
    assert 1 <= most(reverse_tunnel, [hours]) <= WEAK


def test_keepalives_so_rare_that_a_record_lasts_no_time_are_seen_without_the_final_flag() -> None:
    rows = [{**r, "final": 0, "duration": 100_000} for r in session([(52, 28, 2, 1, 1, 0)] * 16)]
    assert most(reverse_tunnel, rows) >= 1


# ---------------------------------------------------------------- what is no tunnel


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(
    "way", [TYPED_FROM_HERE, NOTEBOOK, JOBS, POOL, LOG_FOLLOWED], ids=["typed", "notebook", "jobs", "pool", "log"]
)
def test_sessions_that_the_agent_leads_or_is_pushed_to_stay_weak(way: Minute, counted: bool) -> None:
    assert most(reverse_tunnel, session([way] * 20, counted)) < WEAK


@pytest.mark.parametrize("counted", [True, False])
def test_uploads_and_downloads_say_nothing(counted: bool) -> None:
    upload: Minute = (25_000_000, 0, 17000, 5100, 1, 0)
    push: Minute = (40_000, 3000, 60, 40, 1, 0)
    download: Minute = (3000, 150_000_000, 17000, 105000, 1, 0)
    for way in (upload, push, download):
        assert most(reverse_tunnel, session([way] * 5, counted)) == 0


def test_an_upload_whose_server_answers_each_part_late_stays_below_an_alarm() -> None:
    assert most(reverse_tunnel, session([(8_000_000, 400, 5600, 2800, 10, 5)] * 12)) < SILENT


def test_a_language_model_that_answers_after_a_while_stays_weak() -> None:
    assert most(reverse_tunnel, session([(6000, 9000, 20, 25, 6, 3)] * 12, port=443)) < WEAK


def test_three_bursts_prove_nothing() -> None:
    assert most(reverse_tunnel, session([(700, 400, 9, 9, 3, 3)])) <= WEAK


@pytest.mark.parametrize("place", [codes.INTERNAL, codes.ALLOWED, codes.LOCAL])
def test_only_far_sides_outside_that_nobody_expects_count(place: int) -> None:
    assert most(reverse_tunnel, session([TYPED_FROM_OUTSIDE] * 12, place=place)) == 0


def test_sessions_opened_from_outside_are_not_turned() -> None:
    assert most(reverse_tunnel, session([TYPED_FROM_OUTSIDE] * 12, direction=codes.INBOUND)) == 0


def test_a_quiet_shell_of_less_than_five_minutes_says_nothing() -> None:
    assert most(reverse_tunnel, session([KEPT_ALIVE] * 4)) == 0


def test_failed_connections_say_nothing() -> None:
    assert most(reverse_tunnel, [{**r, "outcome": codes.UNANSWERED} for r in session([TYPED_FROM_OUTSIDE] * 12)]) == 0


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize("final", [codes.YES, codes.NO, 0])
def test_a_flood_of_flows_does_not_wash_a_session_out(final: int) -> None:
    flood = [
        row(70 + n / 10, f"203.0.113.{n % 200}", 443, flow_id=1000 + n, outcome=codes.ESTABLISHED, final=final,
            duration=30_000_000, src_pkts=9, dst_pkts=9, src_bytes=1400, dst_bytes=4400)
        for n in range(6000)
    ]  # fmt: skip
    calm = session([STORE_READ_FROM_OUTSIDE] * 12)
    assert most(reverse_tunnel, calm + flood) == most(reverse_tunnel, calm) >= FOUND


def test_the_state_of_an_agent_is_at_most_512_bytes() -> None:
    assert reverse_tunnel.STATE.itemsize <= 512


def test_each_sign_has_its_words() -> None:
    def words(rows: list[Row]) -> str:
        said, why = run(reverse_tunnel, rows)
        return reverse_tunnel.explain(why[int(np.argmax(said))])

    assert words(session([STORE_READ_FROM_OUTSIDE] * 5, handshake=(3600, 3500))) == (
        "198.18.1.2 port 22 spoke first in 10 of 10 bursts of a 5 min session; 1.8 kB went out, 2.2 kB came in"
    )
    assert words(session([TYPED_FROM_OUTSIDE] * 5, counted=False)) == (
        "more payload out yet more packets in, 4 times in a 4 min session with 198.18.1.2 port 22; "
        "21.4 kB went out, 13.5 kB came in"
    )
    assert words(session([KEPT_ALIVE] * 15)) == (
        "a session with 198.18.1.2 port 22 is kept alive for 15 min and hardly used: a tunnel that waits, "
        "or a quiet shell"
    )


# ---------------------------------------------------------------- laws

MINUTES = [
    (NAN, NAN, NAN, NAN), (4553.0, 4257.0, NAN, NAN), (156.0, 80.0, 2.0, 1.0), (312.0, 160.0, 4.0, 2.0),
    (14220.0, 9316.0, 103.0, 159.0), (17000.0, 14000.0, 103.0, 159.0), (700.0, 5000.0, 9.0, 9.0),
    (9e6, 52e3, 6600.0, 1000.0), (1e300, 1e300, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0), (52.0, 52.0, 1.0, 1.0),
]  # fmt: skip


BURSTS = [(-1, -1), (0, 0), (0, 5), (2, -1), (3, 1), (5, 4), (9, 8), (40, 33), (60, 35), (2**31 - 1, 2**31 - 1)]


@st.composite
def a_row(draw: st.DrawFn) -> tuple[int, Row]:
    """µs since the row before, the row."""
    sent, got, out, back = draw(st.sampled_from(MINUTES))
    bursts, far = draw(st.sampled_from(BURSTS))
    made = row(
        0, draw(st.sampled_from([FAR, FAR, "2001:db8::5"])), 22,
        flow_id=draw(st.integers(1, 14)), agent=draw(st.sampled_from([0, 0, 0, 1])),
        src_bytes=sent, dst_bytes=got, src_pkts=out, dst_pkts=back, bursts=bursts, bursts_dst_first=far,
        final=draw(st.sampled_from([0, 1, 1, 1, 2])), outcome=draw(st.sampled_from([0, 1, 1, 1, 1, 3])),
        proto=draw(st.sampled_from([1, 1, 1, 1, 1, 2, 3])),
        duration=draw(st.sampled_from([-1, 0, 100_000, 55_000_000, 130_000_000, 900_000_000, 40_000_000_000])),
        place=draw(st.sampled_from([codes.EXTERNAL] * 7 + [codes.INTERNAL])),
        direction=draw(st.sampled_from([codes.OUTBOUND] * 6 + [0, codes.INBOUND])),
    )  # fmt: skip
    return draw(st.sampled_from([0, 1_000_000, 60_000_000, 60_000_000, -30_000_000, 4_000_000_000])), made


ROWS = st.lists(a_row(), max_size=100)


def timed(drawn: list[tuple[int, Row]], shift: int = 0) -> list[Row]:
    at = 1_800_000_000_000_000 + shift
    made = []
    for step, r in drawn:
        at += step
        made.append({**r, "ts": at})
    return made


@given(ROWS)
def test_it_equals_its_slow_twin(drawn: list[tuple[int, Row]]) -> None:
    """To 1e-9: Python's sum and the kernel's loop may round the mixtures differently."""
    rows = timed(drawn)
    slow = naive.strengths(rows, reverse_tunnel.Settings())
    assert run(reverse_tunnel, rows)[0] == pytest.approx(slow, rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_it_equals_its_slow_twin_when_the_table_runs_over(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ways = [TYPED_FROM_OUTSIDE, KEPT_ALIVE, JOBS, NOTEBOOK, STORE_READ_FROM_OUTSIDE, (5200, 3300, 54, 86, 40, 27)]
    rows = []
    for flow in range(1, 31):
        minutes = [ways[int(k)] for k in rng.choice(6, 2).repeat(rng.integers(1, 8))]
        rows += session(minutes, bool(rng.random() < 0.7), flow_id=flow % 20 + 1, start=float(rng.integers(0, 1500)))
    rows.sort(key=lambda r: r["ts"])
    slow = naive.strengths(rows, reverse_tunnel.Settings())
    assert run(reverse_tunnel, rows)[0] == pytest.approx(slow, rel=1e-9, abs=1e-9)


@given(ROWS, st.lists(st.integers(0, 100), max_size=5), st.sampled_from([-1_700_000_000_000_000, 1, 86_400_000_000]))
def test_cuts_other_agents_and_a_shift_in_time_change_nothing(
    drawn: list[tuple[int, Row]], cuts: list[int], shift: int
) -> None:
    rows = timed(drawn)
    whole, _ = run(reverse_tunnel, rows)
    assert run(reverse_tunnel, rows, cuts=tuple(cuts))[0] == whole
    assert run(reverse_tunnel, timed(drawn, shift))[0] == whole
    for agent in range(2):
        mine = [n for n, r in enumerate(rows) if r["agent"] == agent]
        assert run(reverse_tunnel, [rows[n] for n in mine])[0] == [whole[n] for n in mine]


@given(ROWS, st.floats(0.1, 12))
def test_a_strength_is_between_0_and_the_cap_and_has_its_words(drawn: list[tuple[int, Row]], cap: float) -> None:
    said, why = run(reverse_tunnel, timed(drawn), reverse_tunnel.Settings(cap=cap))
    for nats, reason in zip(said, why, strict=True):
        assert 0 <= nats <= cap
        if nats > 0:
            assert reverse_tunnel.explain(reason)


def test_the_interpreted_kernel_says_the_same() -> None:
    ways = [TYPED_FROM_OUTSIDE, KEPT_ALIVE, JOBS, NOTEBOOK, STORE_READ_FROM_OUTSIDE]
    rows = [r for n in range(12) for r in session([ways[(n + m) % 5] for m in range(9)], n % 3 > 0, flow_id=n + 1)]
    assert interpreted("reverse_tunnel", rows) == run(reverse_tunnel, rows)[0]
