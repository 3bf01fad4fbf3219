"""The short way for plain commands gives what the parser gives."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.shell import plain
from pipeline.shell.limits import Limits
from pipeline.shell.script import read_strictly
from pipeline.shell.walk import Walk

WORDS = st.sampled_from(
    [
        "a",
        "ls",
        "-l",
        "x.y",
        "/tmp/f",
        "10.0.0.1",
        "a:b:c",
        "u@h",
        "--x=y",
        "5",
        "2",
        "*.txt",
        "'a",
        "b'",
        '"c',
        'd"',
        "''",
        '""',
        "+",
        ",",
        "%",
        "^",
        "sh",
        "-c",
        "'nmap",
        "h'",
        "echo",
        "base64",
        "-d",
        "sudo",
        "xargs",
        "bm1hcCBo",
        "seq",
        "9",
        "cat",
        "tee",
        "f",
        "-",
        "--",
        "time",
        "in",
        "do",
        "if",
        "export",
        "A=1",
        "[",
        "]",
        "{",
        "}",
        "!",
        "~",
        "$x",
        "a'b'",
        "\\",
        "#",
        ";",
        ";;",
        "|",
        "||",
        "&&",
        "&",
        "|&",
        ">",
        ">>",
        "<",
        "2>",
        "2>&1",
        ">&2",
        "&>",
        "\n",
        "'nmap h'",
        "'a b'",
        '"c d"',
    ]
)


@settings(max_examples=250, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=10), st.sampled_from([" ", "  ", "\t"]))
def test_same_as_the_parser(words: list[str], between: str) -> None:
    command = between.join(words)
    assume(plain.split(command) is not None)
    assert read_strictly(command) == read_strictly(command, walk=Walk(Limits(), prefilter=False))


def test_takes_what_most_commands_are() -> None:
    for command in ("ls -l", "cd /x && make 2>&1 | tee log", "grep -R 'a b' .", "a; b", "find . -name *.c > f"):
        assert plain.split(command) is not None, command


def test_leaves_to_the_parser_what_expands() -> None:
    for command in ("a $x", "a `b`", "a {b,c}", "if a; then b; fi", "A=1 b", "a & b", "a <<E\nE",
                    "a'b'c", "a \\b", "(a)", "[ a ]",
                    "a | ", "a #b", "export A=1", "a ~", "a 'b", "a; ; b"):  # fmt: skip
        assert plain.split(command) is None, command
