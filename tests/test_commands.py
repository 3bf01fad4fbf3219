"""Each distinct command is judged once; what is kept of it holds no secret; what nobody needs is dropped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from pipeline.commands import LONG, Commands, named_places, place_hash
from pipeline.detectors import Finding
from pipeline.events.strings import pack
from pipeline.shell.script import Script, read


class Judge:
    """A detector that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Script] = []

    def judge(self, script: Script) -> Finding | None:
        self.asked.append(script)
        if any(call.name == "boom" for call in script.calls):
            raise ValueError("boom")
        return Finding(2.0, 7, "lists") if any(call.name == "ls" for call in script.calls) else None


def known(judge: Any) -> Commands:
    return Commands({"judge": judge})


def test_a_command_is_judged_once_however_often_it_comes() -> None:
    judge = Judge()
    commands = known(judge)
    numbers = commands.number(pack(["ls -l", "pwd", "ls -l"]))
    assert numbers.tolist() == commands.number(pack(["ls -l", "pwd", "ls -l"])).tolist() == [0, 1, 0]
    assert len(judge.asked) == 2
    assert commands.weight[:2, 0].tolist() == [2.0, 0.0]
    assert commands.fact[:2, 0].tolist() == [7, 0]


def test_long_commands_that_differ_only_at_their_end_are_two() -> None:
    commands = known(Judge())
    assert commands.number(pack(["x" * LONG + "a", "x" * LONG + "b", "x" * LONG + "a"])).tolist() == [0, 1, 0]


def test_a_command_that_breaks_a_reader_does_not_stop_the_others() -> None:
    commands = known(Judge())
    assert commands.number(pack(["boom", "ls"])).tolist() == [0, 1]
    assert commands.unjudged == 1
    assert commands.findings[1][0] is not None


def test_what_is_kept_holds_no_secret_and_no_control_character() -> None:
    commands = known(Judge())
    commands.number(pack(["mysql -u root --password=hunter22 \x1b[2J", "export API_TOKEN=s3cr3tvalue99"]))
    assert "hunter22" not in commands.texts[0]
    assert "\x1b" not in commands.texts[0]
    assert "s3cr3tvalue99" not in commands.texts[1]


def test_commands_that_nobody_needs_are_dropped_and_their_numbers_used_again() -> None:
    commands = known(Judge())
    commands.number(pack(["ls", "pwd", "id"]))
    commands.forget(np.array([1]))
    assert len(commands) == 1
    assert commands.texts[1] == "pwd"
    again = commands.number(pack(["pwd", "whoami", "ls"]))
    assert again[0] == 1
    assert set(again[1:].tolist()) == {0, 2}
    assert commands.weight[again[2], 0] == 2.0
    assert commands.weight[again[1], 0] == 0.0


def test_places_are_named_as_flows_hold_them() -> None:
    assert named_places(read("curl http://198.51.100.7/x; ssh u@Example.org")) == [
        place_hash("198.51.100.7"),
        place_hash("example.org"),
    ]
    assert place_hash("10.0.0.0/8") != place_hash("10.0.0.0")


def test_detectors_without_a_judge_are_not_asked() -> None:
    from pipeline.commands import judged_by

    assert list(judged_by({"a": SimpleNamespace(), "b": SimpleNamespace(judge=1)})) == ["b"]


def test_a_judge_that_fails_silences_no_other() -> None:
    judges: Any = {"failing": Judge(), "other": SimpleNamespace(judge=lambda script: Finding(1.0, 1, "x"))}
    commands = Commands(judges)
    assert commands.number(pack(["boom"])).tolist() == [0]
    assert commands.findings[0] == (None, Finding(1.0, 1, "x"))
    assert commands.unjudged == 1
