"""What was fetched is applied in the order of a replay, however the topics were cut into chunks."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.live.keys import Keys
from pipeline.live.messages import Record, read
from pipeline.live.order import MOST_CHUNKS, PATIENCE_S, GapError, LineUp, Piece
from pipeline.live.topics import EVENTS

KEYS = Keys(0, 1, strict=True)
FIELDS: dict[str, dict[str, object]] = {
    "flow": {
        "src_ip": "10.0.0.2",
        "src_port": 1,
        "dst_ip": "10.0.0.3",
        "dst_port": 2,
        "proto": "tcp",
        "direction": "outbound",
    },
    "gpu": {"gpu": 0},
    "command": {"command": "ls"},
}


def record(kind: str, offset: int, *times: int, came: int = 0) -> Record:
    """A message with events of these times, s."""
    rows = [{"agent": "a", "ts": ts, **FIELDS[kind]} for ts in times]
    return Record(b"a", orjson.dumps(rows if len(rows) > 1 else rows[0]), offset, came)


def applied(steps: list[list[Piece]]) -> list[tuple[str, int]]:
    """Kind and offset of every record, in the order of the steps."""
    return [(piece.kind, piece.next_offset) for pieces in steps for piece in pieces]


def order_of(steps: list[list[Piece]]) -> list[tuple[int, str]]:
    """Time and kind of every event, in the order in which it is applied."""
    out = []
    for pieces in steps:
        events = [(int(key), rank, piece.kind) for rank, piece in enumerate(pieces) for key in piece.keys]
        out += [(key // 1_000_000, kind) for key, _, kind in sorted(events)]
    return out


def naive(streams: dict[str, list[int]]) -> list[tuple[int, str]]:
    """Always the topic whose next event is earliest; of equals the first."""
    left = {kind: list(times) for kind, times in streams.items()}
    latest, out = 0, []
    while any(left.values()):
        kind = min((k for k in EVENTS if left.get(k)), key=lambda k: max(left[k][0], latest))
        latest = max(latest, left[kind].pop(0))
        out.append((latest, kind))
    return out


@given(
    st.fixed_dictionaries({kind: st.lists(st.integers(1, 30), max_size=12).map(sorted) for kind in EVENTS}),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 4)), max_size=30),
)
def test_any_cut_into_chunks_gives_the_order_of_the_obvious_merge(
    streams: dict[str, list[int]], cuts: list[tuple[str, int]]
) -> None:
    left = {kind: [record(kind, i, ts) for i, ts in enumerate(times)] for kind, times in streams.items()}
    line_up = LineUp(0.0, lambda kind, since: bool(left.get(kind)))
    steps = []
    for kind, many in [*cuts, *((kind, 99) for kind in EVENTS)]:
        chunk, left[kind] = left[kind][:many], left[kind][many:]
        if chunk:
            line_up.add(read(kind, chunk, KEYS), 0.0)
            steps += line_up.take(0.0)
    steps += line_up.take(0.0)
    assert line_up.empty
    assert order_of(steps) == naive(streams)
    for kind in EVENTS:
        assert [at for k, at in applied(steps) if k == kind][-1:] == ([len(streams[kind])] if streams[kind] else [])


def test_a_record_is_applied_whole() -> None:
    line_up = LineUp(0.0, lambda kind, since: False)
    line_up.add(read("flow", [record("flow", 0, 1, 9), record("flow", 1, 10)], KEYS), 0.0)
    line_up.add(read("gpu", [record("gpu", 0, 5)], KEYS), 0.0)
    assert applied(line_up.take(0.0)) == [("gpu", 1), ("flow", 2)]


def test_a_topic_of_which_more_is_to_be_had_is_waited_for_but_not_for_ever() -> None:
    line_up = LineUp(0.0, lambda kind, since: kind == "gpu")
    line_up.add(read("flow", [record("flow", 0, 1)], KEYS), 0.0)
    assert line_up.take(PATIENCE_S - 0.1) == []
    assert applied(line_up.take(PATIENCE_S)) == [("flow", 1)]


def test_what_came_to_a_topic_after_an_event_is_not_waited_for() -> None:
    line_up = LineUp(0.0, lambda kind, since: kind == "gpu" and since > 3.0)
    line_up.add(read("flow", [record("flow", 0, 1)], KEYS), 2.0)
    assert applied(line_up.take(2.1)) == [("flow", 1)]
    line_up.add(read("flow", [record("flow", 1, 2)], KEYS), 4.0)
    assert line_up.take(4.1) == []


def test_at_the_end_of_all_topics_an_event_waits_for_its_contemporaries() -> None:
    line_up = LineUp(0.5, lambda kind, since: False)
    line_up.add(read("flow", [record("flow", 0, 5)], KEYS), 0.0)
    assert line_up.take(0.4) == []
    line_up.add(read("command", [record("command", 0, 4)], KEYS), 0.4)
    assert order_of(line_up.take(0.5)) == [(4, "command"), (5, "flow")]


def test_a_registry_entry_holds_for_what_came_after_it() -> None:
    line_up = LineUp(0.0, lambda kind, since: False)
    line_up.add(read("flow", [record("flow", i, i + 1, came=10 * i) for i in range(4)], KEYS), 0.0)
    line_up.add(read("registry", [Record(b"a", b'{"agent":"a"}', 7, 20), Record(b"a", None, 8, 99)], KEYS), 0.0)
    assert applied(line_up.take(0.0)) == [("flow", 2), ("registry", 8), ("flow", 4), ("registry", 9)]


def test_enough_is_enough() -> None:
    line_up = LineUp(0.0, lambda kind, since: True)
    for i in range(MOST_CHUNKS):
        assert not line_up.full("flow")
        line_up.add(read("flow", [record("flow", i, 1)], KEYS), 0.0)
    assert line_up.full("flow")
    assert not line_up.full("gpu")


def test_missing_records_are_named() -> None:
    line_up = LineUp(0.0, lambda kind, since: False)
    line_up.expect("flow", 5, 5, "x")
    line_up.expect("registry", 5, 7, "x")
    with pytest.raises(GapError, match="expected offset 5 of flow partition 0, got 7: 2 records are missing"):
        line_up.expect("flow", 5, 7, "flow partition 0")
    LineUp(0.0, lambda kind, since: False, "accept").expect("flow", 5, 7, "x")
