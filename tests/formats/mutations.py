"""Lines of events made strange: what the two lanes of the native format must agree on."""

from __future__ import annotations

import json
import random
from typing import Any

AGENT = '"agent":"lab/sandbox-1"'
LINES: list[dict[str, Any]] = [
    {
        "kind": "flow", "agent": "lab/a", "ts": 1612989363.069367, "src_ip": "10.0.1.8", "src_port": 54807,
        "dst_ip": "203.0.113.105", "dst_port": 443, "proto": "tcp", "duration": 38.138709, "src_bytes": 2016,
        "dst_bytes": 812, "src_pkts": 14, "dst_pkts": 7, "outcome": "established", "flow_id": "C1:1", "final": False,
        "direction": "outbound",
    },
    {
        "agent": "lab/b", "ts": 19.981242, "src_ip": "fd2d:ab8c:225:0:81d3:fd3e:7f62:aec8", "src_port": 0,
        "dst_ip": "ff02::1:ff00:1", "dst_port": 0, "proto": "icmp", "final": True, "direction": "inbound",
        "service": "dns", "host": "a.example", "bursts": 1, "bursts_dst_first": 0, "run": "r1", "episode": 12,
    },
    {
        "kind": "gpu", "agent": "lab/c", "ts": 1775006190.174, "run": "t2", "gpu": "2", "model": "Card 80GB",
        "util_pct": 0, "mem_util_pct": 99.5, "sm_active": 0.25, "tensor_active": 6e-06, "dram_active": 1,
        "power_w": 116.1, "power_limit_w": 700, "mem_used_mib": 1241, "mem_total_mib": 81559, "temp_c": 34,
        "sm_clock_mhz": 1980, "pcie_tx_bytes_s": 854445, "nvlink_rx_bytes_s": 0, "processes": 1,
    },
    {"agent": "lab/d", "ts": 1662858720, "gpu": 0, "util_pct": 3},
    {
        "kind": "command", "agent": "lab/e", "ts": 1730332800.710866, "command": "cat /proc/cpuinfo | wc -l",
        "tool": "sh", "session": "9b08", "user": "root", "host_name": "box", "cwd": "/", "exit_code": 0, "id": "e-1",
    },
    {"agent": "lab/f", "ts": 1, "command": ""},
    {"agent": "lab/g", "declared_gpu": "none", "internal": ["10.0.0.0/8"]},
]  # fmt: skip

FIELDS = sorted({field for line in LINES for field in line} | {"note", "pcie_rx_bytes_s", "nvlink_tx_bytes_s", "x"})

NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1", "-1", "00", "01", "1.", ".5", "+1", "1e3", "1E3", "1e+3", "1e-3", "1e", "1e+",
    "0e0",
    "1e22", "1e23", "1e-22", "1e-23", "1e400", "1e-400", "5e-324", "0.1", "0.30000000000000004",
    "123456789.123456789",
    "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740992.0", "18446744073709551615",
    "18446744073709551616", "99999999999999999999999999", "0.000000000000000000001", "1.7976931348623157e308",
    "2147483647",
    "2147483648", "4294967295", "4294967296", "-2147483648", "-2147483649", "65535", "65536", "443.0", "443.5",
    "100", "100.0001",
    "4102444799.9999995", "4102444799.9999999", "4102444800", "1700000000.0000005", "1700000000.0000015", "0.0000005",
    "0.0000015", "1612989363069367e-6", "16129893.63069367e2", "8", "12345678", "123456789", "1234567890123456",
    "12345678901234567", "0.1234567890123456", "0.12345678901234567", "1e0", "10e-1", "1000000000000001e-15",
    "1e9999", "1e99999",
]  # fmt: skip

WORDS = [
    '"tcp"', '"udp"', '"icmp"', '"TCP"', '"outbound"', '"inbound"', '"established"', '"rejected"', '"unanswered"',
    '"blocked"',
    '"flow"', '"gpu"', '"command"', '"registry"', '"none"', '""', '"a"', '" "', "null", "true", "false", "nul",
    "truE",
    "tru", "nullx", "falsey", "NaN", "Infinity", "[]", "{}", '{"ts":1}', '[1,2]', '"\\n"', '"\\u0041"',
    '"\\ud83d\\ude00"',
    '"\\ud800"', '"\\q"', '"ü"', '"日本"', '"a\tb"', '"a\x7fb"', '"\\""', '"\\\\"', '"\\\\\\""', '"x' + "y" * 40 + '"',
    '"' + "z" * 31 + '"', '"' + "z" * 32 + '"', '"' + "a" * 512 + '"', '"' + "a" * 513 + '"', "'a'", '"unterminated',
]  # fmt: skip

ADDRESSES = [
    '"0.0.0.0"', '"255.255.255.255"', '"256.1.1.1"', '"1.2.3"', '"1.2.3.4.5"', '"01.2.3.4"', '"1.2.3.04"',
    '"1..2.3"', '"1.2.3."',
    '".1.2.3"', '"1.2.3.4 "', '" 1.2.3.4"', '"1.2.3.400"', '"1.2.3.4444"', '"a.b.c.d"', '"::"', '"::1"', '"1::"',
    '":"', '":::"',
    '"1::2::3"', '"1:2:3:4:5:6:7:8"', '"1:2:3:4:5:6:7:8:9"', '"1:2:3:4:5:6:7"', '"1:2:3:4:5:6:7::"',
    '"::2:3:4:5:6:7:8"',
    '"1::3:4:5:6:7:8"', '"1:2:3:4::5:6:7:8"', '"1:2:3:4:5:6:7:8::"', '"::1:2:3:4:5:6:7:8"', '"12345::"', '"g::"',
    '"FE80::ABCD"',
    '"::ffff:1.2.3.4"', '"::1.2.3.4"', '"fe80::1%eth0"', '"1:2:"', '":1:2"', '"1:2:3:4:5:6:7:"',
    '"0:0:0:0:0:0:0:0"', '"1.2.3.4/8"',
    '"1234567890123456"', '"0000::0001"', '"00000::"', '"1.2.3.4::"', '"::%"', '"1.1.1.1\\u0000"',
    '"100.100.100.100"',
]  # fmt: skip

SPACES = ["", "", "", "", " ", "  ", "\t", "\r", "\x0b"]
BYTES = [bytes([b]) for b in b'"\\{}[]:,. 0123456789eE+-tfn/\n\r\t\x00\x1f\x7f\x80\xff'] + [
    b'""',
    b"\\u0041",
    b"null",
    b"\xc3\xbc",
]


def pieces(line: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields of a line as JSON texts."""
    return [(json.dumps(field), json.dumps(value)) for field, value in line.items()]


def written(fields: list[tuple[str, str]], chance: random.Random, odd_spaces: bool) -> bytes:
    """An object of these fields, in this order."""

    def space() -> str:
        return chance.choice(SPACES) if odd_spaces else ""

    inside = ",".join(f"{space()}{field}{space()}:{space()}{value}{space()}" for field, value in fields)
    return f"{space()}{{{inside}}}{space()}".encode("utf-8", "surrogatepass")


def change_fields(line: dict[str, Any], chance: random.Random) -> bytes:
    """A line with some fields changed, left out, added, named twice or moved."""
    fields = pieces(line)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
        at = chance.randrange(len(fields))
        value = chance.choice([NUMBERS, NUMBERS, WORDS, ADDRESSES])
        match chance.randrange(8):
            case 0 | 1 | 2:
                fields[at] = (fields[at][0], chance.choice(value))
            case 3:
                fields.insert(at, (json.dumps(chance.choice(FIELDS)), chance.choice(value)))
            case 4 if len(fields) > 1:
                del fields[at]
            case 5:
                fields.append(fields[at])
            case 6:
                fields[at] = (fields[at][0].replace("s", "\\u0073", 1), fields[at][1])
            case _:
                chance.shuffle(fields)
    return written(fields, chance, chance.random() < 0.2)


def change_bytes(line: bytes, chance: random.Random) -> bytes:
    """A line with some bytes changed, put in, left out or doubled."""
    out = bytearray(line)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(out) + 1)
        end = min(len(out), at + chance.choice([1, 1, 2, 8, 30]))
        match chance.randrange(5):
            case 0:
                out[at:at] = chance.choice(BYTES)
            case 1:
                out[at : at + 1] = chance.choice(BYTES)
            case 2:
                del out[at:end]
            case 3:
                out[at:at] = out[at:end]
            case _:
                del out[at:]
    return bytes(out)


def strange(line: bytes | dict[str, Any], chance: random.Random) -> bytes:
    """One line made strange in one way or another; one in four stays as it is."""
    choice = chance.randrange(4)
    plain = line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode()
    if choice == 0:
        return plain
    if choice == 1:
        return change_bytes(plain, chance)
    fields = json.loads(line) if isinstance(line, bytes) else line
    changed = change_fields(fields, chance)
    return change_bytes(changed, chance) if choice == 3 else changed
