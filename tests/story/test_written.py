"""Finding one agent's lines in files that hold many agents."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError, UsageError
from pipeline.sinks import _gate
from pipeline.story import written
from pipeline.story.written import Score, lines_of, resolve

NAMES = st.text(min_size=1, max_size=12).filter(lambda s: s.encode("utf-8", "ignore").decode() == s)


def score(agent: str, ts: float = 1.0, value: float = 5.0) -> bytes:
    return orjson.dumps({"agent": agent, "ts": ts, "score": value}) + b"\n"


def read(path: Path, agent: str) -> tuple[list[float], int]:
    unreadable = [0]
    return [line.ts for line in lines_of(path, agent, Score, unreadable)], unreadable[0]


@given(agents=st.lists(NAMES, min_size=1, max_size=8), block=st.integers(1, 200), tail=st.booleans())
def test_exactly_the_agents_own_lines_are_found(
    tmp_path_factory: pytest.TempPathFactory, agents: list[str], block: int, tail: bool
) -> None:
    path = tmp_path_factory.mktemp("written") / "scores.ndjson"
    whole = b"".join(score(agent, ts) for ts, agent in enumerate(agents))
    path.write_bytes(whole if tail else whole[:-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "BLOCK", block + 100)
        for wanted in {*agents, "nobody"}:
            assert read(path, wanted) == ([float(ts) for ts, agent in enumerate(agents) if agent == wanted], 0)


def test_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    path.write_bytes(score("lab/a-1", 1) + score("lab/a-11", 2) + score("lab/a-1", 3))
    assert read(path, "lab/a-1") == ([1.0, 3.0], 0)


def test_an_agent_named_inside_another_ones_record_is_not_meant(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    path.write_bytes(orjson.dumps({"agent": "lab/b", "ts": 1, "score": 2, "run": "lab/a"}) + b"\n")
    assert read(path, "lab/a") == ([], 0)


def test_lines_that_cannot_be_read_are_counted_and_what_follows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    broken = [
        b'{"agent":"lab/a","ts":1',
        b'{"agent":"lab/a","ts":"x","score":1}',
        b'{"agent":"lab/a","ts":1,"score":101}',
    ]
    path.write_bytes(b"\n".join([*broken, b'\xff{"agent":"lab/a"', b"", score("lab/a", 9)]))
    assert read(path, "lab/a") == ([9.0], 4)


def test_a_line_without_end_does_not_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "BLOCK", 64)
    path = tmp_path / "scores.ndjson"
    path.write_bytes(score("lab/a", 1) + b"x" * 5000 + b"\n" + score("lab/a", 2) + b"y" * 5000)
    assert read(path, "lab/a") == ([1.0, 2.0], 0)


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "none.ndjson", "lab/a") == ([], 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ["lab/sbx-1", "lab/sbx-11", "lab/sbx-2", "other/web", "lab/\x1b[2Jx"]
    (tmp_path / "agents.ndjson").write_bytes(b"".join(map(score, names)))
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("lab/sbx-1", "lab/sbx-1"),
        ("sbx-2", "lab/sbx-2"),
        ("web", "other/web"),
        ("other/*", "other/web"),
        ("*-[2-9]", "lab/sbx-2"),
        ("x", "lab/\x1b[2Jx"),
    ],
)
def test_a_name_a_pattern_or_an_end_that_only_one_has(folder: Path, wanted: str, meant: str) -> None:
    assert resolve(folder, wanted) == meant


def test_several_that_fit_are_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"2 agents fit 'lab/sbx-1\*': lab/sbx-1, lab/sbx-11"):
        resolve(folder, "lab/sbx-1*")


def test_an_unknown_agent_is_answered_with_names_near_it(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no agent 'lab/sbx-3' in .*; near it: lab/sbx-1, lab/sbx-2, ") as raised:
        resolve(folder, "lab/sbx-3")
    assert "\x1b" not in str(raised.value)


def test_names_come_from_what_is_there_when_a_replay_was_cut_short(tmp_path: Path) -> None:
    (tmp_path / "scores.ndjson").write_bytes(score("lab/a") * 3 + b"broken\n" + score("lab/b"))
    assert resolve(tmp_path, "b") == "lab/b"
    with pytest.raises(UsageError, match=r"near it: lab/a, lab/b$"):
        resolve(tmp_path, "c")


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected results"):
        resolve(tmp_path, "a")
    with pytest.raises(InputError, match="expected a folder"):
        resolve(tmp_path / "none", "a")


def test_names_come_from_what_is_there_when_the_last_file_is_still_empty(tmp_path: Path) -> None:
    (tmp_path / "agents.ndjson").touch()
    (tmp_path / "scores.ndjson").write_bytes(score("lab/a"))
    assert resolve(tmp_path, "a") == "lab/a"


def test_a_name_with_control_characters_is_known_by_itself_and_by_what_stands_for_it(tmp_path: Path) -> None:
    (tmp_path / "agents.ndjson").write_bytes(_gate.lines([{"agent": "lab/\x1b[2J\u202ex"}, {"agent": "lab/y"}]))
    for wanted in ("lab/\x1b[2J\u202ex", "\x1b[2J\u202ex", "lab/\\e[2J\\u202ex"):
        assert resolve(tmp_path, wanted) == "lab/\\e[2J\\u202ex"
    with pytest.raises(UsageError, match=r"near it: lab/\\e\[2J\\u202ex, lab/y"):
        resolve(tmp_path, "\x1b[2J")
