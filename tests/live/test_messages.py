"""A chunk of records is read as each of them would be by itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.records import event
from pipeline.live.keys import Keys
from pipeline.live.messages import Chunk, Record, read

LS = b'{"agent":"lab/a","ts":5,"command":"ls"}'
VALUES = [
    LS,
    b'{"agent":"lab/b","ts":6.25,"command":"pwd"}',
    b"[" + LS + b", " + LS + b"]",
    LS + b"\n" + LS,
    b"\n" + LS + b"\n",
    b'{\n"agent": "lab/a",\n"ts": 7, "command": "id"}',
    b"",
    None,
    b"rubbish",
    b"[",
    b"[1, " + LS + b"]",
    b"  [" + LS + b"]",
    b"\n[",
    b'{"agent":"lab/a","ts":5,"gpu":0}',
    b'{"agent":"lab/a","run":"r"}',
    b'{"agent":"lab/a","ts":5,"command":"l\ns"}',
    b"{}",
    b"\xff\x00",
]


def rows(chunk: Chunk) -> list[tuple[int, dict[str, object]]]:
    """Offset and fields of every event."""
    part = next((p for p in chunk.batch.parts if p is not None), None) if chunk.batch is not None else None
    return [(int(part.common.position[i]), event(part, i)) for i in range(len(part))] if part is not None else []


@given(
    st.lists(
        st.tuples(st.sampled_from(VALUES), st.sampled_from([b"lab/a", b"lab/b", b"", None])), min_size=1, max_size=8
    ),
    st.sampled_from(["command", "registry", "gpu"]),
)
def test_reading_many_is_reading_each(said: list[tuple[bytes | None, bytes | None]], kind: str) -> None:
    records = [Record(key, value, 10 * i, i) for i, (value, key) in enumerate(said)]
    together = read(kind, records, Keys(0, 1, strict=True))
    alone = [read(kind, [record], Keys(0, 1, strict=True)) for record in records]
    assert rows(together) == [row for chunk in alone for row in rows(chunk)]
    assert [(e.record, e.entry) for e in together.entries] == [
        (i, e.entry) for i, c in enumerate(alone) for e in c.entries
    ]
    assert sorted(r[:2] for r in together.refused) == sorted(r[:2] for c in alone for r in c.refused)
    if together.batch is not None:
        assert np.array_equal(together.offsets[together.record], [offset for offset, _ in rows(together)])


def test_an_event_under_another_key_or_on_another_partition_is_refused_with_both_named() -> None:
    wrong_key = read("command", [Record(b"lab/b", LS)], Keys(0, 1, strict=True))
    assert [r.reason for r in wrong_key.refused] == ["expected the agent 'lab/a' as key, got 'lab/b'"]
    assert wrong_key.batch is None
    keys = [Keys(p, 4, strict=True) for p in range(4)]
    reasons = [[r.reason for r in read("command", [Record(b"lab/a", LS)], k).refused] for k in keys]
    home = reasons.index([])
    assert [r for r in reasons if r] == [
        [f"expected partition {home} for key 'lab/a', got {p}"] for p in range(4) if p != home
    ]
    assert all(not read("command", [Record(b"lab/a", LS)], Keys(p, 4, strict=False)).refused for p in range(4))
