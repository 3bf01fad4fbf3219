"""One stream for the next program of a pipe."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import UsageError
from pipeline.sinks import stdout


def test_only_the_named_stream_is_written(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = stdout.open_sink("alerts", replace=False)
    sink.write("scores", [{"n": 1}])
    sink.write("alerts", [{"n": 2}])
    sink.finish({})
    sink.close()
    assert json.loads(capfdbinary.readouterr().out) == {"n": 2}


def test_another_stream_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"scores\|evidence\|alerts"):
        stdout.open_sink("everything", replace=False)
