"""The commands as a user meets them: what is printed where, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.recordings import write


def agentrisk(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    """The command as a process of its own; `shell` is what its output is piped to."""
    if shell:
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$@" | {shell}', "-", sys.executable, "-m", "pipeline.cli", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    assert main(["replay", str(write(folder / "events.ndjson")), "--out", str(folder / "out"), "--quiet"]) == 0
    return folder


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = write(tmp_path / "bad.ndjson")
    with path.open("a") as file:
        file.write("not json\n")
    return path


def test_help_does_not_wait_for_numpy_or_numba() -> None:
    code = (
        "import sys, pipeline.cli; pipeline.cli.parser().format_help(); "
        "print({'numpy', 'numba', 'rich'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["replay", "missing.ndjson", "--out", "unused"], "missing.ndjson"),
        (["check", "missing.ndjson"], "missing.ndjson"),
        (["explain", "missing", "lab/a"], "missing"),
        (["schema", "x"], "expected one of agent"),
        (["config", "--config", "missing.toml"], "missing.toml"),
        (["replay", "missing.ndjson"], "--out DIR"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr_and_status_2(
    arguments: Sequence[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("agentrisk: ")
    assert captured.err.count("\n") == 1
    assert named in captured.err
    assert list(tmp_path.iterdir()) == []


def test_no_command_and_an_unknown_one_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["dance"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_wrong_setting_in_the_environment_is_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENTRISK_RISK__PRIRO", "1")
    assert main(["config"]) == 2
    assert "AGENTRISK_RISK__PRIOR" in capsys.readouterr().err


def test_rejected_rows_are_status_0_unless_strict(
    bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n, (strict, status) in enumerate([([], 0), (["--strict"], 1)]):
        assert main(["replay", str(bad), "--out", str(tmp_path / str(n)), "--quiet", *strict]) == status
        assert main(["check", str(bad), "--quiet", *strict]) == status
    assert "rejected 1" in capsys.readouterr().out


def test_replay_prints_the_riskiest_the_account_and_where_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(write(tmp_path / "events.ndjson")), "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "lab/scans" in out
    assert "rejected 0 + late 0" in out
    assert f"agentrisk explain {tmp_path / 'out'} lab/scans" in out


def test_json_is_the_summary_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(write(tmp_path / "events.ndjson")), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_a_stream_on_stdout_is_alone_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(write(tmp_path / "events.ndjson")), "--sink", "stdout=alerts", "--quiet"]) == 0
    captured = capfd.readouterr()
    assert all(json.loads(line)["agent"] == "lab/scans" for line in captured.out.splitlines())
    assert "read " in captured.err


def test_an_earlier_result_is_not_written_over_by_itself(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", str(result / "events.ndjson"), "--out", str(result / "out"), "--quiet"]
    assert main(arguments) == 2
    assert "--replace" in capsys.readouterr().err
    assert main([*arguments, "--replace"]) == 0


def test_explain_tells_the_story_and_gives_it_to_machines(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(result / "out"), "lab/scans"]) == 0
    assert "nmap -Pn 10.0.0.0/24" in capsys.readouterr().out
    assert main(["explain", str(result / "out"), "lab/scans", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agent"] == "lab/scans"
    assert main(["explain", str(result / "out"), "lab/nobody"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["detectors"],
        ["check", "EVENTS", "--quiet"],
        ["explain", "OUT", "lab/scans"],
        ["replay", "EVENTS", "--out", "OUT", "--replace", "--quiet"],
    ],
)
def test_what_people_read_fits_80_columns_and_has_no_colour_in_a_pipe(
    arguments: list[str], result: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(result)
    places = {"EVENTS": "events.ndjson", "OUT": "out"}
    assert main([places.get(argument, argument) for argument in arguments]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert [line for line in out.splitlines() if len(line) > 80] == []


def test_the_printed_configuration_can_be_passed_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "all.toml").write_text(printed)
    assert main(["config", "--config", str(tmp_path / "all.toml")]) == 0
    assert capsys.readouterr().out == printed
    assert main(["config", "--json"]) == 0
    assert "risk" in json.loads(capsys.readouterr().out)


def test_schemas_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    for name in capsys.readouterr().out.split():
        assert main(["schema", name]) == 0
        assert json.loads(capsys.readouterr().out)["$id"] == f"urn:agentrisk:{name}"


def test_detectors_say_what_they_look_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detectors", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"pool_session", "probing", "silence"} <= set(found)
    for detector in found.values():
        assert detector["looks_for"]
        assert detector["attack"]
        assert all(setting["about"] for setting in detector["settings"].values())


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = agentrisk("config", shell="head -n 1")
    assert done.stderr == ""
    assert done.stdout.startswith("# Settings of agentrisk")


def test_standard_input_is_read(tmp_path: Path) -> None:
    with write(tmp_path / "events.ndjson").open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "check", "-", "--json"],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(done.stdout)["account"]["rejected"] == 0


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_streams_do_no_harm(result: Path, tmp_path: Path, closed: str) -> None:
    arguments = ["replay", str(result / "events.ndjson"), "--out", str(tmp_path / "o")]
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    done = subprocess.run(["bash", "-c", f'"$@" {closed}', "-", *command], capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "o" / "summary.json").exists()
    assert (tmp_path / "o" / "scores.ndjson").read_bytes() == (result / "out" / "scores.ndjson").read_bytes()


def test_standard_input_that_is_closed_cannot_be_read() -> None:
    command = [sys.executable, "-m", "pipeline.cli", "check", "-"]
    done = subprocess.run(["bash", "-c", '"$@" 0<&-', "-", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "agentrisk: expected events on the standard input, got it closed\n")


def test_a_pipe_that_closes_early_is_told_by_its_own_status() -> None:
    assert agentrisk("detectors", shell="head -c 1 >/dev/null").returncode == 141


def test_a_message_does_nothing_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "\x1b[2J\u202e.ndjson")]) == 2
    assert "\\e[2J\\u202e.ndjson" in capsys.readouterr().err


def test_explain_says_that_a_run_has_not_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agents.ndjson").touch()
    (tmp_path / "scores.ndjson").write_text('{"agent":"lab/a","ts":1.0,"score":5.0}\n')
    assert main(["explain", str(tmp_path), "lab/a"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("agent      lab/a\n")
    assert "the run that wrote this has not ended" in printed.err


def test_a_terminal_without_the_letters_gets_escapes(tmp_path: Path) -> None:
    path = tmp_path / "\u2603.ndjson"
    path.write_text("not json \u2603\n")
    command = [sys.executable, "-m", "pipeline.cli", "check", str(path), "--quiet"]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert b"\\u2603.ndjson" in done.stdout
