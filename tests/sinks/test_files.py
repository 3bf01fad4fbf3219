"""A folder of results: whole lines, a summary at the very end, nothing of others written over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.sinks import STREAMS, files


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    sink = files.open_sink(str(tmp_path / "deep" / "out"), replace=False)
    for n in range(5):
        for stream in STREAMS:
            sink.write(stream, [{"n": n, "stream": stream}])
    sink.finish({"agents": 1})
    sink.close()
    for stream in STREAMS:
        assert lines(tmp_path / "deep" / "out" / f"{stream}.ndjson") == [{"n": n, "stream": stream} for n in range(5)]
    assert json.loads((tmp_path / "deep" / "out" / "summary.json").read_text()) == {"agents": 1}


def test_what_is_on_disk_is_whole_lines_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BUFFER", 64)
    sink = files.open_sink(str(tmp_path), replace=False)
    for n in range(50):
        sink.write("scores", [{"n": n}])
        content = (tmp_path / "scores.ndjson").read_bytes()
        assert content == b"" or content.endswith(b"\n")
    assert (tmp_path / "scores.ndjson").stat().st_size > 0
    sink.close()


def test_without_an_end_there_is_no_summary_but_what_was_written_is_there(tmp_path: Path) -> None:
    sink = files.open_sink(str(tmp_path), replace=False)
    sink.write("alerts", [{"n": 1}])
    sink.close()
    assert lines(tmp_path / "alerts.ndjson") == [{"n": 1}]
    assert not (tmp_path / "summary.json").exists()


def test_a_folder_with_other_things_in_it_is_refused_even_with_replace(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(UsageError, match=r"thesis\.tex"):
            files.open_sink(str(tmp_path), replace)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_earlier_result_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    sink = files.open_sink(str(tmp_path), replace=False)
    sink.write("scores", [{"n": "old"}])
    sink.finish({})
    sink.close()
    with pytest.raises(UsageError, match="--replace"):
        files.open_sink(str(tmp_path), replace=False)
    assert lines(tmp_path / "scores.ndjson") == [{"n": "old"}]
    files.open_sink(str(tmp_path), replace=True).close()
    assert (tmp_path / "scores.ndjson").read_text() == ""
    assert not (tmp_path / "summary.json").exists()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="out: expected a folder"):
        files.open_sink(str(tmp_path / "out"), replace=False)


def test_a_file_that_cannot_be_written_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    sink = files.open_sink(str(tmp_path), replace=False)
    for stream in STREAMS:
        sink.write(stream, [{"n": 1}])
    sink.open["evidence"].close()
    sink.open["evidence"] = open("/dev/full", "ab", buffering=0)  # noqa: SIM115
    with pytest.raises(OSError, match="No space left") as raised:
        sink.close()
    assert raised.value.filename == "/dev/full"
    assert all(file.closed for file in sink.open.values())
    for stream in STREAMS:
        assert lines(tmp_path / f"{stream}.ndjson") == ([] if stream == "evidence" else [{"n": 1}])
