"""Hiding by commands: shippers ended, history and logs cleared, times changed, programs disguised."""

from __future__ import annotations

import pytest

from pipeline.detectors import hiding_command as detector
from tests.detectors.verdicts import SCORE_50, SCORE_70, said, session

HIDES = [
    "ln -sf /usr/sbin/sshd /tmp/su",
    "echo bHM= | base64 -d | bash",
    "unset HISTFILE",
    "export HISTFILE=/dev/null",
    "HISTFILE= bash",
    "export HISTSIZE=0",
    "ln -sf /dev/null ~/.bash_history",
    "rm -f ~/.bash_history",
    "cat /dev/null > ~/.bash_history",
    "> /root/.bash_history",
    "shred -u ~/.zsh_history",
    "rm -rf /var/log/wtmp",
    "> /var/log/wtmp",
    "echo -n > /var/log/lastlog",
    "truncate -s 0 /var/log/auth.log",
    "unset HISTFILE HISTSAVE HISTLOG HISTORY WATCH",
    "echo /tmp/.x/lib.so > /etc/ld.so.preload",
    "mount --bind /tmp/empty /proc/4711",
]

SUSPECT = [
    "find /var/log -type f -delete",
    "cd /dev/shm/.x",
    "set +o history",
    "shopt -u -o history",
    "history -c",
    "history -cw && exit",
    "kill $(cat /run/log-shipper.pid)",
    "pkill -9 fluent-bit",
    "killall filebeat",
    "systemctl stop rsyslog",
    "sudo systemctl disable --now auditd",
    "service vector stop",
    "ps aux | grep [f]ilebeat | awk '{print $2}' | xargs kill -9",
    "kill -9 $(pgrep -f log-shipper)",
    "auditctl -e 0",
    "rm -rf /var/log/*",
    "truncate -s 0 /var/log/syslog",
    "touch -r /bin/ls /tmp/.x/run",
    "touch -d '2019-01-01' /usr/bin/x",
    "python3 -c \"import base64; exec(base64.b64decode('cHJpbnQoMSk='))\"",
    "exec -a kworker ./x",
    "cp /usr/bin/curl /tmp/.c",
    "mv ./miner /tmp/kworker",
    "/tmp/.x/run",
    "cat${IFS}/etc/passwd",
    "chattr +i /tmp/x",
]

INNOCENT = [
    "find /var/log -name '*.gz' -mtime +30 -delete",
    "cd .github",
    "grep -R HISTFILE .",
    "man history",
    "echo 'unset HISTFILE'",
    "# unset HISTFILE",
    "history | tail",
    "history 20",
    "export HISTSIZE=100000",
    "export HISTCONTROL=ignoredups",
    "kill 4711",
    "kill %1",
    "pkill -f 'python3 -m http.server'",
    "kill -HUP $(cat /run/rsyslogd.pid)",
    "systemctl restart rsyslog",
    "systemctl status auditd",
    "tail -f /var/log/syslog",
    "cat /var/log/auth.log",
    "rm -rf build dist",
    "rm -f app.log",
    "touch src/new.py",
    "touch -t 202001010000 fixture.txt",
    "echo hello | base64",
    "cp src/app.py /tmp/app.py",
    "mv a.py b.py",
    "mkdir -p .cache/pip",
    "cat > .env <<E\nA=1\nE",
    ".venv/bin/python -m pytest",
    "x=$(echo a:b | tr ':' ' '); ls $x",
    "python3 -c 'print(eval(\"1+1\"))'",
    "docker logs app",
]


@pytest.mark.parametrize("command", HIDES)
def test_hiding_is_found(command: str) -> None:
    assert said(detector, command) >= SCORE_50


@pytest.mark.parametrize("command", SUSPECT)
def test_what_could_be_maintenance_stays_below_an_alert(command: str) -> None:
    assert 1.0 <= said(detector, command) < SCORE_50


@pytest.mark.parametrize("command", INNOCENT)
def test_innocent(command: str) -> None:
    assert said(detector, command) == 0.0


@pytest.mark.parametrize("command", ["base64 -d file.b64 > file", "touch -r a b", "shred -u key.bin", "clear"])
def test_weak(command: str) -> None:
    assert 0.0 < said(detector, command) <= 2.0


def test_acts_of_hiding_add_up() -> None:
    strengths = session(detector, ["pkill fluent-bit", "ls", "touch -r /bin/ls /usr/bin/x"])
    assert strengths[0] < SCORE_50
    assert strengths[2] >= SCORE_70


def test_the_same_act_again_does_not_add_up() -> None:
    strengths = session(detector, ["pkill fluent-bit"] * 20)
    assert max(strengths) == strengths[0] < SCORE_50
