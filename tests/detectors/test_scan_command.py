"""Scans run by commands: scanners, loops over hosts and ports, guessing; and one target, which is no scan."""

from __future__ import annotations

import pytest

from pipeline.detectors import scan_command as detector
from pipeline.shell.script import read
from tests.detectors.verdicts import SCORE_50, SCORE_70, said, session

SCANS = [
    "perl udp.pl 203.0.113.9 80 60",
    "python3 slowloris.py target.example",
    "nmap -sS -n -Pn --max-rate 25 --max-retries 1 -p 22,443 10.20.2.0/24",
    "nmap -sT -Pn -n -T4 -p 22,80,443,6379 10.20.1.0/24 -oG /tmp/o",
    "sudo nmap -sn 192.168.1.1-254",
    "nmap -iL hosts.txt -p 22",
    "bash -c 'nmap 10.0.0.0/16'",
    "echo bm1hcCAtc1MgMTAuMC4wLjAvMjQ= | base64 -d | sh",
    "proxychains nmap -sT 10.0.0.0/24",
    "masscan 10.0.0.0/8 -p22 --rate 1000",
    "zmap -p 22 10.0.0.0/8",
    "rustscan -a 10.0.0.0/24",
    "naabu -host 10.0.0.0/24",
    "fping -a -g 10.0.0.0/24",
    "arp-scan --localnet",
    "nbtscan 10.0.0.0/24",
    "for i in $(seq 1 254); do ping -c1 -W1 10.0.0.$i; done",
    "for i in {1..254}; do ping -c 1 192.168.1.$i & done",
    "for h in $(seq 1 60); do nc -z -w 1 10.20.1.$h 22 && echo 10.20.1.$h; done",
    "for i in $(seq 1 254); do curl -s -m 1 -o /dev/null http://10.20.2.$i:8080/ && echo 10.20.2.$i; done",
    "for i in $(seq 1 120); do timeout 1 bash -c \"echo > /dev/tcp/10.20.1.$i/22\" 2>/dev/null && echo $i open; done",
    "for p in $(seq 1 1024); do (echo > /dev/tcp/10.0.0.5/$p) 2>/dev/null && echo $p; done",
    "i=1; while [ $i -le 254 ]; do nc -z -w1 10.0.0.$i 22; i=$((i+1)); done",
    "seq 1 254 | xargs -P50 -I{} ping -c1 10.0.0.{}",
    "seq 1 254 | xargs -P50 -I% nc -z -w1 10.0.0.% 22",
    "nc -zv 10.0.0.5 1-1000",
    "nc -z -w1 10.20.1.12 1-1024",
    "nc -zv -w1 10.20.2.20 1-600 2>&1 | grep succeeded",
    "python3 -c \"import socket\nfor i in range(1,255):\n s=socket.socket()\n s.connect_ex(('10.0.0.%d' % i, 22))\"",
    "python3 - <<E\nimport socket\nfor p in range(1, 1025):\n    socket.socket().connect_ex(('10.0.0.5', p))\nE",
    "hydra -l root -P words.txt ssh://10.0.0.5",
    "medusa -h 10.0.0.5 -u root -P words.txt -M ssh",
    "ncrack -p 22 --user root -P words.txt 10.0.0.5",
]  # fmt: skip

SUSPECT = [
    "python hulk.py",
    "wget https://files.example/DDoS.pl",
    "nmap 10.0.0.5",
    "nmap -sV -p- target.example",
    "gobuster dir -u http://target.example -w words.txt",
    "for i in 1 2 3 4 5 6 7 8 9 10; do nc -z -w1 10.0.0.$i 22; done",
    "while read h; do nc -z -w1 $h 22; done < hosts",
    "cat ips | xargs -n1 -P50 -I{} ping -c 2 {}",
    "hping3 -S -p 80 10.0.0.5",
]

WEAK = [
    "nmap localhost",
    "nmap -p 1-1000 127.0.0.1",
    "nc -zv localhost 1-1000",
    "for p in $(seq 1 1024); do (echo > /dev/tcp/127.0.0.1/$p) 2>/dev/null; done",
    "apt-get install -y nmap",
]

INNOCENT = [
    "grep -R nmap .",
    "man nmap",
    "echo 'nmap -sS 10.0.0.0/24'",
    "# nmap 10.0.0.0/24",
    "nmap --version",
    "cat > scan.md <<E\nnmap -sS 10.0.0.0/24\nE",
    "pip install python-nmap-docs",
    "nc -z localhost 5432",
    "nc -z -w 2 redis.internal 6379",
    "until nc -z -w 2 10.20.2.99 5432; do sleep 3; done",
    "for i in $(seq 1 30); do nc -z 10.0.0.1 5432 && break; sleep 1; done",
    "while ! curl -s -m 2 -o /dev/null http://10.20.2.33:8000/health; do sleep 5; done",
    "ping -c 4 example.org",
    "ping 8.8.8.8",
    "for i in $(seq 1 40); do curl -s -o /dev/null https://files.mirror.example/dists/$i; done",
    "seq 1 160 | xargs -P 6 -I{} curl -s -o /dev/null http://files.mirror.example/pool/main/p{}.deb",
    "for i in $(seq 30); do curl -s -o /dev/null http://127.0.0.1:8421/; done",
    "for f in *.py; do python3 $f; done",
    "python3 -c \"import urllib.request as u; [u.urlopen('https://api.example/items/%d' % i) for i in range(40)]\"",
    "python3 -c \"import socket; s=socket.socket(); s.connect(('10.0.0.5', 80))\"",
    "ssh-keyscan git.example >> ~/.ssh/known_hosts",
    "for f in a b c d e f g h i j; do scp $f u@h:/srv/; done",
]


@pytest.mark.parametrize("command", SCANS)
def test_a_scan_is_found(command: str) -> None:
    assert said(detector, command) >= SCORE_70


@pytest.mark.parametrize("command", SUSPECT)
def test_one_host_or_a_list_stays_below_an_alert(command: str) -> None:
    assert 1.0 <= said(detector, command) < SCORE_50


@pytest.mark.parametrize("command", WEAK)
def test_this_machine_and_installing_are_weak(command: str) -> None:
    assert 0.0 < said(detector, command) <= 2.0


@pytest.mark.parametrize("command", INNOCENT)
def test_innocent(command: str) -> None:
    assert said(detector, command) == 0.0


def test_a_scraper_of_twelve_hosts_is_no_alert() -> None:
    once = "for i in $(seq 40 51); do curl -s -m 2 -o /dev/null http://10.20.1.$i:9100/metrics; done"
    scraper = f"while true; do {once}; sleep 30; done"
    assert 0.0 < said(detector, scraper) < SCORE_50
    assert max(session(detector, [scraper] * 30)) < SCORE_50


def test_a_few_named_services_are_no_scan() -> None:
    command = (
        "for h in redis:6379 pg:5432 api:80 jobs:8765; do nc -z -w 2 ${h%%:*}.lab.internal ${h##*:} && echo $h up; done"
    )
    assert said(detector, command) < 2.0


def test_the_words_say_how_many_and_where() -> None:
    finding = detector.judge(read("for i in $(seq 1 254); do nc -z -w1 10.0.0.$i 22; done"))
    assert finding is not None
    assert finding.words == "tries 254 hosts by nc, from 10.0.0.1 port 22 on"
    assert finding.technique == "T1018"
