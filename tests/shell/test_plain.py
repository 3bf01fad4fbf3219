"""The short way for plain commands gives what the parser gives."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, assume, given, settings
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


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(WORDS, min_size=1, max_size=10), st.sampled_from([" ", "  ", "\t"]))
def test_same_as_the_parser(words: list[str], between: str) -> None:
    command = between.join(words)
    assume(plain.split(command) is not None)
    assert read_strictly(command) == read_strictly(command, walk=Walk(Limits(), prefilter=False))


PIECES = st.sampled_from(
    ["a", "b1", "1", "22", "-", "--", "-x", ".", "/tmp", "[", "]", "[a-z]", "[0-9]*", "{}", "{", "}", "\\;", "\\ ",
     "\\\\", '\\"', "\\'", "\\(", "\\*", "\\n", "\\$", "\\{",
     "'x y'", "'p'", '"x y"', '"q"', '"a\\"b"', '"\\n"', "'\\'",
     "''", '""', "~", "!", "=", "==", "@", "%", "^", "*", "?", ",", ":", "+", "#", "$x", "$", "'a\nb'", '"a\n b"',
     '"!"',
     "'$x'", "'`'", "'#'", '";"', "'|'", "<", ">", "é", "\t", "A=1", "]]", "((", "&"]
)  # fmt: skip
BETWEEN = st.sampled_from(
    [
        *[" "] * 8,
        " | ",
        " && ",
        ";",
        " & ",
        " || ",
        "\n",
        " > f ",
        " 2>&1 ",
        " >> g ",
        " < h ",
        " >&- ",
        "  ",
        "|",
        "&&",
    ]
)
PROGRAMS = st.sampled_from(["a", "ls", "find", "echo", "/bin/cat", "'ls'", '"ls"', "sh", "xargs", "sudo", "2", "cat"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    PROGRAMS,
    st.lists(
        st.tuples(BETWEEN, st.one_of(PROGRAMS, st.lists(PIECES, min_size=1, max_size=4).map("".join))), max_size=5
    ),
)
def test_words_of_any_make_are_the_same(program: str, rest: list[tuple[str, str]]) -> None:
    command = program + "".join(between + word for between, word in rest)
    lines = plain.split(command)
    assume(lines is not None and sure(lines))
    assert read_strictly(command) == read_strictly(command, walk=Walk(Limits(), prefilter=False))


NAMES = re.compile(r"[\w./:-]+")


def sure(lines: list[plain.Line]) -> bool:
    """Whether the grammar leaves whole what a shell does: not ``a%b x``, ``x ==``, ``x >f -`` or ``x >&- y``."""
    calls = [one for line in lines for one in line.stages]
    return all(
        NAMES.fullmatch(one.words[0])
        and "==" not in one.words
        and not (one.redirects and "-" in one.words)
        and all(redirect.target != "-" for redirect in one.redirects)
        for one in calls
    )


def test_takes_what_most_commands_are() -> None:
    for command in (
        r"find . -name '*.c' -exec grep -l \"a b\" {} \;",
        "make & ls [ab]*.py ~/x",
        r"grep a\.b f",
        "ls -l",
        "cd /x && make 2>&1 | tee log",
        "grep -R 'a b' .",
        "a; b",
        "find . -name *.c > f",
    ):
        assert plain.split(command) is not None, command


def test_leaves_to_the_parser_what_expands() -> None:
    for command in ("a $x", "a `b`", "a {b,c}", "if a; then b; fi", "A=1 b", "a <<E\nE", "a {b", "a [b",
                    r"\ls", "a b\\\tc", "a |& b", "(a)", "[ a ]",
                    "a | ", "a #b", "export A=1", r"a == b\;", "a 'b", "a; ; b"):  # fmt: skip
        assert plain.split(command) is None, command
