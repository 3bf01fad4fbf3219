"""Texts made to be costly: the work stays bounded, what was found is given, and it is said that there may be more."""

from __future__ import annotations

import base64
import tracemalloc

import pytest

from pipeline.shell.limits import Budget, Limits
from pipeline.shell.script import read_strictly


def _layers(count: int) -> str:
    command = "nmap x"
    for _ in range(count):
        command = f"echo {base64.b64encode(command.encode()).decode()} | base64 -d | sh"
    return command


COSTLY = {
    "parentheses": "(" * 32_768,
    "substitutions": "$(" * 16_384,
    "quoted substitutions": '"$(' * 10_922,
    "backticks": "`" * 32_767,
    "pipes": "a | " * 8_000,
    "arrays": "x=(" * 10_000,
    "statements": "a;" * 500_000,
    "line ends": "a\n" * 100_000,
    "one long word": "a" * 1_000_000,
    "braces": "echo " + "{a,b}" * 30,
    "ranges": "echo {1..999999999}",
    "doubling": "a=xxxxxxxx;" + "".join("a=$a$a$a$a$a$a$a$a;" for _ in range(20)) + "$a",
    "eval of itself": 'e="eval \\"\\$e; \\$e\\""; eval "$e"',
    "functions that fan out": "".join(f"f{i}(){{ f{i + 1}; f{i + 1}; }};" for i in range(60)) + "f60(){ a; }; f0",
    "loops in loops": "for a in {1..1000}; do " * 12 + "x=$x$a" + "; done" * 12,
    "layers": _layers(14),
    "sudo sudo": "sudo " * 8_000 + "nmap",
}


@pytest.mark.parametrize("name", COSTLY)
def test_bounded_and_said(name: str) -> None:
    script = read_strictly(COSTLY[name])
    assert script.truncated
    assert len(script.calls) <= Limits().calls


@pytest.mark.parametrize(
    "command",
    [":(){ :|:& };:", "f(){ eval 'f; f'; }; f", "alias a='b b' b='a a'; a", "x=9; echo $((x**x**x**x))",
     "printf '%99999999s' a",
     "seq 1 999999999 | xargs -n1 nmap", "cat <<A\n" * 2_000, "'" * 9_999, "echo " + "a" * 9_000 + " | tr a b" * 100],
)  # fmt: skip
def test_ends(command: str) -> None:
    assert len(read_strictly(command).calls) <= Limits().calls


def test_what_stands_at_the_end_of_a_long_text_is_read() -> None:
    padded = "#" + "x" * 1_000_000 + "\nnmap h"
    script = read_strictly(padded)
    assert script.truncated
    assert script.calls[-1].name == "nmap"


def test_a_long_plain_command_is_whole() -> None:
    script = read_strictly("a " + "word " * 4_000)
    assert len(script.calls[0].argv) == 4_001
    assert not script.truncated


def test_memory_is_bounded() -> None:
    read_strictly("ls")
    tracemalloc.start()
    for command in (COSTLY["doubling"], COSTLY["braces"], COSTLY["sudo sudo"]):
        read_strictly(command)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_a_cut_text_ends_where_a_statement_does() -> None:
    budget = Budget(Limits(text=1_000))
    cut = budget.cut("first; " + "second " * 300 + "; last")
    assert budget.spent
    assert cut.startswith("first;")
    assert cut.endswith("last")
    assert len(cut) <= 1_002
