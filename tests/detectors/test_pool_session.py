"""Mining pool sessions: pools of several kinds, their innocent twins, floods, and the laws of a kernel."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detectors import pool_session
from pipeline.events import codes
from tests.detectors.flow_rows import NAN, START, Row, interpreted, most, row, run
from tests.detectors.talks import HELLO, TRIP, Message, asked, at_once, chance, clock, pool, talk
from tests.naive import pool_session as naive

FOUND, ALARM = 6.2, 5.3
TEN_MINUTES = 600.0
SEEDS = range(5)


def found_after(rows: list[Row]) -> float:
    """Seconds of session time after which the strength is that of a score of 70."""
    said, _ = run(pool_session, rows)
    return min(((r["ts"] - START) / 1e6 for r, nats in zip(rows, said, strict=True) if nats >= FOUND), default=1e9)


# ---------------------------------------------------------------- pools

POOLS: dict[str, dict[str, int]] = {
    "a processor at a pool of small coins": {"job": 380, "share": 185, "every": 25, "luck": 18},
    "many cards, a share every few seconds": {"job": 290, "share": 230, "every": 12, "luck": 6},
    "slow, a share every other minute": {"job": 378, "share": 184, "every": 40, "luck": 60},
    "work with its transactions, subscribe and notify": {"job": 690, "share": 110, "every": 30, "luck": 12},
    "inside an ssh session, padded": {"job": 412, "share": 212, "every": 30, "luck": 20},
    "shares with a proof": {"job": 330, "share": 2900, "every": 30, "luck": 9},
}


@pytest.mark.parametrize("port", [443, 3333, 22, 50123])
@pytest.mark.parametrize("kind", POOLS)
def test_a_pool_session_is_found_within_ten_minutes_on_any_port(kind: str, port: int) -> None:
    delays = [found_after(talk(pool(random.Random(seed), 1200, **POOLS[kind]), port=port)) for seed in SEEDS]
    assert sorted(delays)[len(delays) // 2] <= TEN_MINUTES
    assert max(delays) <= 1200


@pytest.mark.parametrize("seed", SEEDS)
def test_a_miner_that_only_listens_for_minutes_is_found(seed: int) -> None:
    jobs: list[Message] = [(t, 1, 243) for t in chance(random.Random(seed), 2.0, 1200)]
    assert found_after(talk([*HELLO, *jobs])) <= TEN_MINUTES


def test_the_address_and_the_port_say_nothing() -> None:
    rows = talk(pool(random.Random(1), 1200))
    elsewhere = [r | {"dst": "2001:db8::5", "dst_port": 65000, "src_port": 7} for r in rows]
    header = {"src_bytes": "src_pkts", "dst_bytes": "dst_pkts"}
    elsewhere = [r | {name: r[name] + 20 * r[count] for name, count in header.items()} for r in elsewhere]
    assert run(pool_session, rows)[0] == run(pool_session, elsewhere)[0]


def test_a_session_that_is_cut_every_few_minutes_is_seen_as_one() -> None:
    rows: list[Row] = []
    for n in range(8):
        rows += talk(pool(random.Random(n), 190), flow_id=n + 1, begin=n * 200.0)
    assert most(pool_session, rows) >= FOUND
    apart = [r | {"dst": f"198.51.100.{r['flow_id']}"} for r in rows]
    assert most(pool_session, apart) < FOUND


def test_records_of_ten_seconds_and_of_five_minutes_serve_as_well() -> None:
    messages = pool(random.Random(3), 3000)
    for every in (10.0, 60.0, 300.0):
        assert most(pool_session, talk(messages, every=every)) >= FOUND


def test_a_session_told_at_its_end_is_found_when_it_was_long() -> None:
    hours = talk(pool(random.Random(2), 3 * 3600.0))
    assert most(pool_session, at_once(hours)) >= FOUND
    assert most(pool_session, at_once(talk(pool(random.Random(2), 300.0)))) == 0.0


def test_a_session_begun_before_the_recording_is_found() -> None:
    assert most(pool_session, talk(pool(random.Random(4), 1500))[3:]) >= FOUND


def test_inside_and_where_it_is_expected_the_same_session_says_less() -> None:
    rows = talk(pool(random.Random(5), 1200))
    outside, inside, expected = (
        most(pool_session, [r | {"place": p} for r in rows]) for p in (codes.EXTERNAL, codes.INTERNAL, codes.ALLOWED)
    )
    assert outside > inside > expected > 0
    assert most(pool_session, [r | {"place": codes.LOCAL} for r in rows]) == 0
    assert most(pool_session, [r | {"direction": codes.INBOUND} for r in rows]) == 0


def test_the_words_name_length_rate_and_message() -> None:
    said, why = run(pool_session, talk(pool(random.Random(1), 1200)))
    words = pool_session.explain(why[int(np.argmax(said))])
    assert "min of one connection at" in words
    assert "packets out for one back" in words


# ---------------------------------------------------------------- innocent twins


def job_queue(rng: random.Random, length: float) -> list[Message]:
    """Work comes over a WebSocket and is answered some seconds later."""
    out = list(HELLO)
    for t in chance(rng, 8, length):
        out += [(t, 1, rng.randint(150, 450)), (t + rng.uniform(0.5, 6), 0, rng.randint(150, 450))]
    return out


def long_poll(rng: random.Random, length: float) -> list[Message]:
    out, t = list(HELLO), 1.0
    while t < length:
        out.append((t, 0, 420))
        t += rng.uniform(15, 50)
        out.append((t, 1, rng.randint(150, 600)))
        t += 0.2
    return out


def kept_alive(rng: random.Random, length: float) -> list[Message]:
    """An idle shell, or a reverse tunnel that nobody uses."""
    return [(0, 0, 2200), (0.1, 1, 2500), *(m for t in clock(30, length) for m in asked(t, 52, 28))]


def typing(rng: random.Random, length: float) -> list[Message]:
    out, t = [(0.0, 0, 2200), (0.1, 1, 2500)], 1.0
    while t < length:
        for _ in range(rng.randint(5, 30)):
            out += asked(t, 36, 36)
            t += rng.uniform(0.1, 0.4)
        out.append((t + 0.1, 1, rng.randint(100, 1200)))
        t += rng.expovariate(1 / 20)
    return out


def push_channel(rng: random.Random, length: float) -> list[Message]:
    """MQTT over TLS, or a phone's push service: pings, and now and then a message."""
    out = [*HELLO, *(m for t in clock(60, length) for m in asked(t, 31, 31))]
    for t in chance(rng, 120, length):
        out += [(t, 1, rng.randint(80, 600)), (t + 0.01, 0, 33)]
    return out


def metrics(rng: random.Random, length: float) -> list[Message]:
    return [*HELLO, *(m for t in clock(15, length) for m in asked(t, 900 + rng.randint(-20, 20), 140))]


def language_model(rng: random.Random, length: float) -> list[Message]:
    out, t = list(HELLO), 1.0
    while t < length:
        out.append((t, 0, rng.randint(2000, 20000)))
        t += 1.0
        for _ in range(rng.randint(50, 400)):
            out.append((t, 1, rng.randint(120, 220)))
            t += 0.03
        t += rng.expovariate(1 / 40)
    return out


def chat(rng: random.Random, length: float) -> list[Message]:
    out = [*HELLO, *(m for t in clock(30, length) for m in asked(t, 10, 10))]
    for begin in chance(rng, 90, length):
        for n in range(rng.randint(1, 8)):
            out.append((begin + 5 * n, 1, rng.randint(60, 700)))
        if rng.random() < 0.3:
            out += asked(begin + 3, rng.randint(60, 500), 60)
    return out


def message_consumer(rng: random.Random, length: float) -> list[Message]:
    """AMQP: deliveries, acknowledged when the work is done; heartbeats."""
    out = [m for t in clock(30, length) for m in asked(t, 8, 8)]
    for t in chance(rng, 10, length):
        out += [(t, 1, rng.randint(200, 700)), (t + rng.uniform(0.1, 5), 0, 21)]
    return out


def blocking_reads(rng: random.Random, length: float) -> list[Message]:
    """Redis: waits of five seconds at most for the next item of a list."""
    out, t = [], 1.0
    while t < length:
        wait = rng.expovariate(1 / 8)
        out += [(t, 0, 40), (t + min(wait, 5) + TRIP, 1, 5 if wait > 5 else rng.randint(100, 500))]
        t += min(wait, 5) + TRIP + (0.01 if wait > 5 else rng.uniform(0.2, 4))
    return out


def cluster_watch(rng: random.Random, length: float) -> list[Message]:
    """A watch on a Kubernetes API: events of kilobytes, a bookmark a minute."""
    out = [*HELLO, *((t, 1, 300) for t in clock(60, length)), *(m for t in clock(30, length) for m in asked(t, 39, 39))]
    return [*out, *((t, 1, rng.randint(800, 5000)) for t in chance(rng, 20, length))]


def remote_calls(rng: random.Random, length: float) -> list[Message]:
    """Calls over one gRPC connection: one question, one answer of its size."""
    out = list(HELLO)
    for t in chance(rng, 8, length):
        out += asked(t, 180, 240)
    return out


def log_followed(rng: random.Random, length: float) -> list[Message]:
    """`tail -f` over ssh."""
    out = [m for t in clock(30, length) for m in asked(t, 52, 28)]
    return [*out, *((t, 1, 8 * rng.randint(10, 40) + 36) for t in chance(rng, 6, length))]


def price_feed(rng: random.Random, length: float) -> list[Message]:
    """Prices over a WebSocket, in messages of one size, with its pings."""
    out = [*HELLO, *(m for t in clock(20, length) for m in asked(t, 12, 12))]
    return [*out, *((t, 1, 240) for t in chance(rng, 4, length))]


def shell_of_an_orchestrator(rng: random.Random, length: float) -> list[Message]:
    """The channel by which a sandbox is told what to run: commands come in, their output goes out."""
    out = [*HELLO, *(m for t in clock(20, length) for m in asked(t, 12, 12))]
    for t in chance(rng, 15, length):
        out += [(t, 1, rng.randint(100, 500)), (t + rng.expovariate(1 / 3) + 0.1, 0, rng.randint(60, 4000))]
    return out


NEAR_TWINS: list[Callable[[random.Random, float], list[Message]]] = [shell_of_an_orchestrator, chat, remote_calls]
"""They have a part of a pool's form, and a weak suspicion at times."""

TWINS: list[Callable[[random.Random, float], list[Message]]] = [
    job_queue, long_poll, kept_alive, typing, push_channel, metrics, language_model, message_consumer, blocking_reads,
    cluster_watch, log_followed, price_feed,
]  # fmt: skip


@pytest.mark.parametrize("place", [codes.EXTERNAL, codes.INTERNAL])
@pytest.mark.parametrize("twin", TWINS, ids=lambda f: f.__name__)
def test_an_innocent_twin_stays_silent(twin: Callable[[random.Random, float], list[Message]], place: int) -> None:
    for seed in SEEDS:
        rows = [r | {"place": place} for r in talk(sorted(twin(random.Random(seed), 1500)))]
        assert most(pool_session, rows) < 1.0
        assert most(pool_session, at_once(rows)) < 1.0


@pytest.mark.parametrize("twin", NEAR_TWINS, ids=lambda f: f.__name__)
def test_a_near_twin_is_no_alarm(twin: Callable[[random.Random, float], list[Message]]) -> None:
    for seed in SEEDS:
        rows = talk(sorted(twin(random.Random(seed), 1500)))
        assert most(pool_session, rows) < ALARM
        assert most(pool_session, at_once(rows)) < ALARM


def test_names_and_clocks_over_udp_are_not_looked_at() -> None:
    rows = [r | {"proto": codes.UDP} for r in talk(pool(random.Random(1), 1200))]
    assert most(pool_session, rows) == 0.0


# ---------------------------------------------------------------- what the watched agent may try


def test_short_connections_in_any_number_do_not_hide_a_session() -> None:
    rng = random.Random(6)
    rows = talk(pool(rng, 1200), flow_id=1)
    flood = [row(rng.uniform(0, 1200), f"203.0.113.{n % 250}", 443, flow_id=10 + n, final=codes.YES, duration=2_000_000,
                 src_bytes=900, dst_bytes=4000, src_pkts=9, dst_pkts=8) for n in range(3000)]  # fmt: skip
    alone = most(pool_session, rows)
    assert most(pool_session, rows + flood) == alone >= FOUND


def test_a_crowd_of_idle_sessions_delays_a_session_and_does_not_hide_it() -> None:
    rng = random.Random(7)
    rows = talk(pool(rng, 3600), flow_id=1)
    for n in range(40):
        rows += talk(sorted(kept_alive(rng, 3600)), flow_id=10 + n, dst=f"203.0.113.{n}", begin=rng.uniform(-200, 60))
    assert most(pool_session, rows) >= FOUND


def test_a_suspicious_session_keeps_its_slot() -> None:
    rng = random.Random(8)
    rows = talk(pool(rng, 2400), flow_id=1)
    later = []
    for n in range(200):
        later += talk(sorted(kept_alive(rng, 200)), flow_id=10 + n, dst=f"203.0.113.{n}", begin=900.0 + 7 * n)
    mixed = sorted(rows + later, key=lambda r: r["ts"])
    said, _ = run(pool_session, mixed)
    alone, _ = run(pool_session, rows)
    assert max(alone) >= FOUND
    assert [nats for r, nats in zip(mixed, said, strict=True) if r["flow_id"] == 1] == alone


def test_the_state_is_small() -> None:
    assert pool_session.STATE.itemsize <= 1024


# ---------------------------------------------------------------- laws


@st.composite
def drawn_row(draw: Any) -> Row:
    """A record of one of twelve sessions, some counters unknown, in no particular order."""
    session = draw(st.integers(1, 12))
    counters = {name: float(draw(st.integers(0, 20))) for name in ("src_pkts", "dst_pkts")}
    counters |= {name: 52.0 * counters[pkts] + draw(st.sampled_from([0, 0, 5, 120, 380, 700, 5000]))
                 for name, pkts in (("src_bytes", "src_pkts"), ("dst_bytes", "dst_pkts"))}  # fmt: skip
    if draw(st.integers(0, 15)) == 0:
        counters[draw(st.sampled_from(sorted(counters)))] = NAN
    far = "2001:db8::7" if session == 5 else f"198.51.100.{session % 4}"
    places = [codes.EXTERNAL, codes.EXTERNAL, codes.INTERNAL, codes.ALLOWED, codes.LOCAL]
    return row(
        draw(st.integers(0, 40)) * 20 + draw(st.integers(0, 19)), far, 443 + session % 2,
        agent=draw(st.integers(0, 1)), flow_id=session, final=draw(st.sampled_from([0, 1, 1, 1, 2])),
        duration=draw(st.sampled_from([-1, 0, 30_000_000, 58_000_000, 58_000_000, 1_500_000_000])),
        outcome=draw(st.sampled_from([0, 1, 1, 3])), proto=draw(st.sampled_from([codes.TCP, codes.TCP, codes.UDP])),
        place=draw(st.sampled_from(places)), **counters,
    )  # fmt: skip


@st.composite
def drawn_stream(draw: Any) -> list[Row]:
    """Sessions of pools and twins and stray records, nearly in order of time."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rows: list[Row] = []
    for n in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([pool, job_queue, kept_alive, push_channel, remote_calls]))
        messages = sorted(kind(rng, draw(st.sampled_from([300, 900]))))
        made = talk(
            messages, flow_id=20 + n, dst=f"198.51.100.{n % 2}", begin=draw(st.integers(0, 900)),
            every=draw(st.sampled_from([20, 60])),
        )  # fmt: skip
        rows += [r | {"agent": n % 2} for r in made]
    rows += draw(st.lists(drawn_row(), max_size=40))
    return sorted(rows, key=lambda r: r["ts"] + rng.choice([0, 0, 0, -90_000_000]))


@given(drawn_stream())
def test_it_equals_its_slow_twin(rows: list[Row]) -> None:
    assert run(pool_session, rows)[0] == naive.strengths(rows, pool_session.Settings())


@given(
    drawn_stream(),
    st.lists(st.integers(0, 100), max_size=5),
    st.sampled_from([-1_700_000_000_000_000, 1, 86_400_000_000]),
)
def test_cuts_other_agents_and_a_shift_in_time_change_nothing(rows: list[Row], cuts: list[int], shift: int) -> None:
    whole, _ = run(pool_session, rows)
    assert run(pool_session, rows, cuts=tuple(cuts))[0] == whole
    assert run(pool_session, [r | {"ts": r["ts"] + shift} for r in rows])[0] == whole
    for agent in range(2):
        mine = [n for n, r in enumerate(rows) if r["agent"] == agent]
        assert run(pool_session, [rows[n] for n in mine])[0] == [whole[n] for n in mine]


@given(drawn_stream(), st.floats(0.1, 12))
def test_a_strength_is_between_0_and_the_cap_and_has_its_words(rows: list[Row], cap: float) -> None:
    said, why = run(pool_session, rows, pool_session.Settings(cap=cap))
    for nats, reason in zip(said, why, strict=True):
        assert 0 <= nats <= cap
        if nats > 0:
            assert pool_session.explain(reason)


def test_the_interpreted_kernel_says_the_same() -> None:
    rng = random.Random(9)
    rows = (
        talk(pool(rng, 900)) + talk(sorted(job_queue(rng, 600)), flow_id=2) + at_once(talk(pool(rng, 4000), flow_id=3))
    )
    rows = sorted(rows, key=lambda r: r["ts"])
    assert interpreted("pool_session", rows) == run(pool_session, rows)[0]
