"""State that cannot be used is refused in words; what can is the same afterwards."""

from __future__ import annotations

import orjson
import pytest

from pipeline.config import load
from pipeline.errors import StateError
from pipeline.kafka_settings import Settings
from pipeline.live.messages import Record, read
from pipeline.live.order import LineUp
from pipeline.live.partition import HEAD, Share
from pipeline.live.topics import names
from tests.recordings import events


def share(partitions: int = 1) -> Share:
    """A share without events."""
    return Share(0, partitions, load(), names(Settings()))


def filled() -> Share:
    """A share that has scored something."""
    made = share()
    line_up = LineUp(0.0, lambda kind, since: False)
    for kind in ("flow", "gpu", "command"):
        rows = [row for row in events() if row["kind"] == kind]
        line_up.add(
            read(kind, [Record(row["agent"].encode(), orjson.dumps(row), i) for i, row in enumerate(rows)], made.keys),
            0.0,
        )
    outputs = [output for pieces in line_up.take(0.0) for output in made.apply(pieces)]
    assert {output.kind for output in outputs} >= {"score", "evidence"}
    return made


def test_state_that_was_saved_and_loaded_is_the_same() -> None:
    made = filled()
    again = share()
    again.load(dict(made.save()))
    assert list(again.scorer.final()) == list(made.scorer.final())
    assert (again.offsets, again.records, again.rejected) == (made.offsets, made.records, made.rejected)
    assert made.changed is False


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"rubbish", "expected state of version 2, got something else"),
        (b'{"version": 1, "partitions": 1}', "expected state of version 2, got 1"),
        (b'{"version": 2, "partitions": 6}', "expected state of 1 partitions, got 6"),
    ],
)
def test_other_state_is_refused(head: bytes, words: str) -> None:
    with pytest.raises(StateError, match=words):
        share().load({HEAD: head + b"\n"})


def test_state_without_a_head_is_refused() -> None:
    with pytest.raises(StateError, match="expected a head among the state's records, got none"):
        share().load({b"chunk-0": b""})
