"""Obfuscation and wrappers: each of these runs nmap on h."""

from __future__ import annotations

import base64
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shell.script import Call, read_strictly


def last(command: str) -> Call:
    return [call for call in read_strictly(command).calls if call.name == "nmap"][-1]


QUOTING = [
    ("n'm'ap h", "quotes"),
    ('n"m"ap h', "quotes"),
    ("n''map h", "quotes"),
    ("n\\map h", "quotes"),
    ("\\nmap h", ""),
    ("'nmap' h", ""),
    ("nm\\\nap h", ""),
    ("$'\\x6e\\155\\u0061p' h", "ansi-c"),
    ("A=nm; B=ap; $A$B h", "variable"),
    ("X='nmap h'; $X", "variable"),
    ("n${u}map h", ""),
    ("n$@map h", "variable"),
    ("X=xnmapx; ${X:1:4} h", "variable"),
    ("X=n-m-a-p; ${X//-/} h", "variable"),
    ("X=nmap.bak; ${X%.bak} h", "variable"),
    ("X=NMAP; ${X,,} h", "variable"),
    ("${X:-nmap} h", "variable"),
    ("${PATH:0:1}usr${PATH:0:1}bin${PATH:0:1}nmap h", "variable"),
    ("IFS=,; X=nmap,h; $X", "ifs"),
    ("nmap${IFS}h", "ifs"),
    ("nmap$IFS\\h", "ifs"),
    ("{nmap,h}", "brace"),
    ("/usr/bin/nm?p h", "glob"),
    ("a=(nmap h); ${a[@]}", "variable"),
    ('a=(x nmap); "${a[1]}" h', "variable"),
    ('set -- nmap h; "$@"', "variable"),
    ("read x <<< nmap; $x h", "variable"),
    ("printf -v x nmap; $x h", "variable"),
    ("$(echo nmap) h", "command substitution"),
    ("`echo nmap` h", "command substitution"),
    ("$(printf '\\x6e\\x6d')ap h", "printf"),
    ("cp /usr/bin/nmap /tmp/x; /tmp/x h", "copy"),
    ("alias q='nmap -n'; q h", "alias"),
]
DECODED = [
    ("echo bm1hcCBo | base64 -d | sh", "base64"),
    ("echo bm1hcCBo | base64 --decode | bash -s", "base64"),
    ("base64 -d <<< bm1hcCBo | sh", "base64"),
    ("base64 -d <<E | sh\nbm1hcCBo\nE", "base64"),
    ("bash <<< $(base64 -d <<< bm1hcCBo)", "base64"),
    ("eval $(echo bm1hcCBo | base64 -d)", "base64"),
    ('bash -c "$(echo bm1hcCBo | base64 -d)"', "base64"),
    ("echo bm1hcCBo | openssl enc -base64 -d | sh", "base64"),
    ("echo NZWWC4BANA====== | base32 -d | sh", "base32"),
    ("echo 6e6d61702068 | xxd -r -p | sh", "hex"),
    ("echo 'h pamn' | rev | sh", "rev"),
    ("echo 'aznc u' | tr a-z n-za-m | sh", "tr"),
    ("echo nmaX h | tr X p | sh", "tr"),
    ("echo nXmap h | tr -d X | sh", "tr"),
    ("printf '\\156\\155\\141\\160 h' | sh", "printf"),
    ("echo -e '\\x6e\\x6dap h' | sh", "echo -e"),
    ("echo nxmap h | sed s/x// | sh", "sed"),
    ("echo bm1hcCBo > f; base64 -d f > g; sh g", "base64"),
]
PROGRAMS = [
    ("sh -c 'nmap h'", "sh -c"),
    ("bash -lxc 'nmap h'", "sh -c"),
    ("busybox sh -c 'nmap h'", "busybox"),
    ("bash -c 'nmap $0' h", "sh -c"),
    ("eval nmap h", "eval"),
    ("eval 'eval \"nmap h\"'", "eval"),
    ("echo nmap h | sh", "sh stdin"),
    ("cat <<E | bash -s -- h\nnmap \\$1\nE", "sh stdin"),
    ("sh <<E\nnmap h\nE", "sh stdin"),
    ("sh <<< 'nmap h'", "sh stdin"),
    ("sh <(echo nmap h)", "sh script"),
    ("source <(echo nmap h)", "source"),
    (". /dev/stdin <<< 'nmap h'", "source"),
    ("echo nmap h > /tmp/x; sh /tmp/x", "sh script"),
    ("echo nmap h > x; chmod +x x; ./x", "script"),
    ("echo '#!/bin/sh' > x; echo nmap h >> x; bash x", "sh script"),
    ("cat > x <<E\nnmap h\nE\ncp x y; sh y", "sh script"),
    ("echo nmap h | tee x; sh x", "sh script"),
    ("trap 'nmap h' EXIT", "trap"),
    ("ssh u@r nmap h", "ssh"),
    ("ssh u@r <<E\nnmap h\nE", "ssh"),
    ("ssh -o ProxyCommand='nmap h' r", "ssh -o ProxyCommand"),
    ("su - u -c 'nmap h'", "su"),
    ("echo '* * * * * nmap h' | crontab -", "crontab"),
    ("(crontab -l; echo '@reboot nmap h') | crontab -", "crontab"),
    ("echo '* * * * * root nmap h' >> /etc/crontab", "crontab"),
    ("echo 'nmap h' >> ~/.bashrc", "profile"),
    ("printf '[Service]\\nExecStart=/usr/bin/nmap h\\n' > /etc/systemd/system/x.service", "unit"),
    ("echo nmap h | at now", "at"),
    ("tmux new-session -d 'nmap h'", "tmux"),
    ("screen -dmS x nmap h", "screen"),
    ("watch -n 5 nmap h", "watch"),
    ("script -qc 'nmap h' /dev/null", "script"),
    ("flock f -c 'nmap h'", "flock"),
    ("tar cf x --checkpoint-action=exec='nmap h' y", "tar"),
    ("git -c core.sshCommand='nmap h' fetch", "git -c"),
    ("nc -e 'nmap h' x 1", "nc -e"),
    ("socat exec:'nmap h' tcp:x:1", "socat"),
    ("awk 'BEGIN { system(\"nmap h\") }'", "awk"),
    ("perl -e 'system(\"nmap h\")'", "perl -e"),
    ("ruby -e '`nmap h`'", "ruby -e"),
    ("php -r 'shell_exec(\"nmap h\");'", "php -r"),
    ("node -e \"require('child_process').execSync('nmap h')\"", "node -e"),
    ("python3 -c 'import os; os.system(\"nmap h\")'", "python -c"),
    ('python3 -c \'from subprocess import run; run(["nmap", "h"])\'', "python -c"),
    ("python3 -c 'import subprocess as s; s.Popen(\"nmap h\", shell=True)'", "python -c"),
    ("python3 -c 'import subprocess; subprocess.run(\"nmap h\".split())'", "python -c"),
    ("python3 -c 'import os,base64; os.system(base64.b64decode(\"bm1hcCBo\").decode())'", "python -c"),
    ('python3 -c \'import pty; pty.spawn(["nmap", "h"])\'', "python -c"),
    ("echo 'import os; os.system(\"nmap h\")' | python3", "python stdin"),
]
WRAPPED = [
    "sudo nmap h",
    "sudo -n -u root -- A=1 nmap h",
    "doas -u r nmap h",
    "env A=1 nmap h",
    "env -S 'nmap h'",
    "nohup nmap h",
    "timeout -k 5 10 nmap h",
    "nice -n 5 nmap h",
    "nice -5 nmap h",
    "ionice -c2 -n7 nmap h",
    "setsid -f nmap h",
    "stdbuf -oL nmap h",
    "time -p nmap h",
    "exec -a x nmap h",
    "command nmap h",
    "builtin nmap h",
    "chroot /x nmap h",
    "unshare -rn nmap h",
    "nsenter -t 1 -m -u nmap h",
    "nsenter --target 1 --mount -- nmap h",
    "busybox nmap h",
    "proot -S / nmap h",
    "proot -r / -b /x nmap h",
    "taskset -c 0-3 nmap h",
    "strace -f -o x nmap h",
    "proxychains4 -q nmap h",
    "torsocks nmap h",
    "systemd-run --user --unit x nmap h",
    "flock -n f nmap h",
    "xvfb-run -a nmap h",
    "numactl -N 0 nmap h",
    "docker exec -it -u 0 c nmap h",
    "docker run --rm -v /:/h img nmap h",
    "docker compose exec svc nmap h",
    "podman exec c nmap h",
    "kubectl exec -n x pod -c c -- nmap h",
    "kubectl exec pod -- nmap h",
    "uv run nmap h",
    "conda run -n e nmap h",
    "start-stop-daemon --start --exec /bin/nmap -- h",
    "xargs nmap h",
    "find . -exec nmap h \\;",
    "parallel nmap ::: h",
    "sshpass -p x ssh r nmap h",
    "/lib64/ld-linux-x86-64.so.2 /bin/nmap h",
    "coproc nmap h",
    "watch -n1 nmap h",
    "su-exec u nmap h",
    "srun -n 4 nmap h",
    "mpirun -np 4 nmap h",
    "setarch x86_64 nmap h",
    "sudo nohup env X=1 timeout 5 nice nmap h",
    "while true; do sudo nmap h; done",
    "(nmap h)",
    "{ nmap h; }",
    "! nmap h",
]


@pytest.mark.parametrize(("command", "through"), [*QUOTING, *DECODED, *PROGRAMS])
def test_looked_through(command: str, through: str) -> None:
    call = last(command)
    assert call.argv[-1] == "h"
    assert through in call.via or not through
    assert through or "quotes" not in call.via


@pytest.mark.parametrize("command", WRAPPED)
def test_wrappers_keep_the_inner_call(command: str) -> None:
    assert last(command).argv[-1] == "h"


def test_what_the_wrapper_has_the_inner_call_has() -> None:
    call = last("curl x | sudo nohup nmap h > f 2>&1 &")
    assert (call.pipe_in, call.background, call.via) == (0, True, ("sudo", "nohup"))
    assert [one.target for one in call.redirects] == ["f", "1"]


def test_names_that_nothing_tells_are_empty() -> None:
    assert [call.name for call in read_strictly("$X h; $(curl y) z").calls] == ["", "curl", ""]


def test_wrappers_that_run_nothing() -> None:
    for command in (
        "sudo -l",
        "command -v nmap",
        "ionice -p 1",
        "crontab -r",
        "docker ps nmap",
        "kubectl get nmap",
        "sudo -v",
    ):
        assert len(read_strictly(command).calls) == 1, command


PLAIN = st.lists(
    st.text(st.sampled_from("abcdefgh0123456789./:-_"), min_size=1, max_size=8).filter(lambda word: word[0] not in "-"),
    min_size=1,
    max_size=4,
)
RESERVED = {
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "do",
    "done",
    "case",
    "esac",
    "while",
    "until",
    "for",
    "select",
    "in",
    ".",
}


@settings(max_examples=60, deadline=None)
@given(
    PLAIN,
    st.sampled_from(["sh -c {}", "eval {}", "echo {} | sh", "bash <<< {}", "ssh h {}", "sh <(echo {})", "su -c {}"]),
)
def test_program_text_keeps_its_calls(words: list[str], wrapper: str) -> None:
    command = " ".join(["/x/" + words[0].replace("/", ""), *words[1:]])
    inner = read_strictly(command).calls[0]
    outer = read_strictly(wrapper.format(shlex.quote(command))).calls[-1]
    assert (outer.name, outer.argv) == (inner.name, inner.argv)


@settings(max_examples=60, deadline=None)
@given(PLAIN, st.integers(1, 4))
def test_layers_of_base64_are_looked_through(words: list[str], layers: int) -> None:
    command = inner = " ".join(["/x/" + words[0].replace("/", ""), *words[1:]])
    for _ in range(layers):
        command = f"echo {base64.b64encode(command.encode()).decode()} | base64 -d | sh"
    assert read_strictly(command).calls[-1].argv == read_strictly(inner).calls[0].argv


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("abcdefgh"), min_size=2, max_size=8), st.data())
def test_quotes_inside_a_word_change_nothing(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(name)))
    mark = data.draw(st.sampled_from(["''", '""', "\\", "$@"]))
    command = f"x{name[:at]}{mark}{name[at:]}z y"
    assert read_strictly(command).calls[0].argv == (f"x{name}z", "y")
