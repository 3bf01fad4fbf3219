"""What a native event may say, what it becomes, and the sentence about what it may not say."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import codes
from pipeline.formats import KEPT_BYTES, LINE_BYTES, Decoded, native
from pipeline.kernels.hashing import hash_text
from tests.naive.batches import check_layout, events

FLOW: dict[str, Any] = {
    "kind": "flow",
    "agent": "lab/a",
    "ts": 1700000000.25,
    "src_ip": "10.0.0.1",
    "src_port": 40000,
    "dst_ip": "192.0.2.7",
    "dst_port": 443,
    "proto": "tcp",
}
GPU: dict[str, Any] = {"kind": "gpu", "agent": "lab/a", "ts": 1700000000, "gpu": "GPU-1"}
COMMAND: dict[str, Any] = {"kind": "command", "agent": "lab/a", "ts": 1700000000, "command": "ls"}
KINDS = {"flow": FLOW, "gpu": GPU, "command": COMMAND}


def lines(*rows: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


def decode(*rows: dict[str, Any] | bytes) -> Decoded:
    decoded = native.decode(lines(*rows), 3, 1)
    check_layout(decoded.batch)
    return decoded


def one(row: dict[str, Any] | bytes) -> dict[str, Any]:
    decoded = decode(row)
    assert not decoded.rejected
    (event,) = events(decoded.batch)
    return event


def reason(row: dict[str, Any] | bytes) -> str:
    decoded = decode(row)
    assert len(decoded.batch) == 0
    (rejected,) = decoded.rejected
    assert (rejected.source, rejected.position, rejected.rows) == (3, 1, 1)
    return rejected.reason


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


def test_a_flow_becomes_a_row_of_columns() -> None:
    full = FLOW | {
        "id": "e1",
        "run": "r1",
        "episode": 7,
        "direction": "outbound",
        "duration": 1.5,
        "src_bytes": 10,
        "dst_bytes": 20.5,
        "src_pkts": 1,
        "dst_pkts": 0,
        "outcome": "established",
        "flow_id": "C1",
        "final": True,
        "service": "ssl",
        "host": "Example.org",
        "bursts": 4,
        "bursts_dst_first": 0,
    }
    assert one(full) == {
        "kind": "flow",
        "ts": 1700000000250000,
        "source": 3,
        "position": 1,
        "agent": b"lab/a",
        "id": b"e1",
        "run": b"r1",
        "episode": b"7",
        "src_hi": 0,
        "src_lo": 0xFFFF0A000001,
        "dst_hi": 0,
        "dst_lo": 0xFFFFC0000207,
        "src_port": 40000,
        "dst_port": 443,
        "proto": codes.TCP,
        "direction": codes.OUTBOUND,
        "outcome": codes.ESTABLISHED,
        "final": codes.YES,
        "duration": 1500000,
        "src_bytes": 10.0,
        "dst_bytes": 20.5,
        "src_pkts": 1.0,
        "dst_pkts": 0.0,
        "bursts": 4,
        "bursts_dst_first": 0,
        "flow_id": hash_text("C1"),
        "service": b"ssl",
        "host": b"Example.org",
    }


def test_what_a_flow_leaves_out_is_unknown_and_not_zero() -> None:
    event = one(FLOW)
    assert [event[f] for f in ("src_bytes", "dst_bytes", "src_pkts", "dst_pkts")] == ["nan"] * 4
    assert [event[f] for f in ("duration", "bursts", "bursts_dst_first")] == [-1] * 3
    assert [event[f] for f in ("direction", "outcome", "final")] == [codes.UNKNOWN] * 3
    assert [event[f] for f in ("service", "host", "id", "run", "episode")] == [None] * 5


def test_a_gpu_sample_becomes_a_row_of_columns() -> None:
    event = one(GPU | {"model": "H100", "util_pct": 97, "sm_active": 0.5, "temp_c": -3.5, "pcie_tx_bytes_s": 2**53})
    assert (event["gpu_name"], event["gpu"]) == (b"GPU-1", hash_text("GPU-1"))
    assert (event["util_pct"], event["sm_active"], event["temp_c"]) == (97.0, 0.5, -3.5)
    assert event["pcie_tx_bytes_s"] == 2.0**53
    assert event["processes"] == event["power_w"] == "nan"


def test_a_command_becomes_a_row_of_columns() -> None:
    event = one(COMMAND | {"command": "echo 'ü\n'", "tool": "bash", "cwd": "/w", "session": 4, "exit_code": -1})
    assert event["command"] == "echo 'ü\n'".encode()
    assert (event["tool"], event["cwd"], event["session"], event["exit_code"]) == (b"bash", b"/w", b"4", -1.0)
    assert (event["user"], event["host_name"]) == (None, None)


def test_an_empty_command_is_a_command_and_an_empty_optional_string_says_nothing() -> None:
    event = one(COMMAND | {"command": "", "cwd": "", "run": ""})
    assert (event["command"], event["cwd"], event["run"]) == (b"", None, None)


@pytest.mark.parametrize(("kind", "field"), [(k, f) for k, row in KINDS.items() for f in row if f != "kind"])
def test_a_required_field_that_is_missing_or_null_is_named(kind: str, field: str) -> None:
    assert reason(without(KINDS[kind], field)).startswith(f"expected {field} ")
    assert reason(without(KINDS[kind], field)).endswith(", got nothing")
    assert reason(KINDS[kind] | {field: None}).endswith(", got null")


@pytest.mark.parametrize("kind", KINDS)
def test_optional_fields_may_be_null_and_unknown_ones_are_ignored(kind: str) -> None:
    optional = (
        "id",
        "run",
        "episode",
        "direction",
        "duration",
        "src_bytes",
        "final",
        "host",
        "bursts",
        "model",
        "util_pct",
        "tool",
        "exit_code",
        "flow_id",
        "service",
        "outcome",
    )
    odd = {"_path": "conn", "deep": [{"agent": [1, {"ts": 2}]}], "kind2": None}
    assert events(decode(KINDS[kind] | dict.fromkeys(optional) | odd).batch) == events(decode(KINDS[kind]).batch)


def test_the_kind_is_told_by_the_one_field_that_marks_it() -> None:
    for kind, row in KINDS.items():
        assert one(without(row, "kind"))["kind"] == kind
        assert one(row | {"kind": None})["kind"] == kind
    assert one(without(GPU, "kind") | {"command": None})["kind"] == "gpu"
    expected = "expected kind, or exactly one of src_ip, gpu, command to tell it by, got "
    assert reason({"agent": "lab/a", "ts": 1}) == expected + "none of them"
    assert reason(without(GPU | COMMAND, "kind")) == expected + "gpu and command"


def test_a_field_of_another_kind_is_unknown_where_the_kind_is_said() -> None:
    assert one(COMMAND | {"gpu": 0, "src_ip": "nonsense"})["command"] == b"ls"


WRONG: list[tuple[dict[str, Any], str]] = [
    (FLOW | {"src_port": 70000}, "expected src_port an integer from 0 to 65535, got 70000"),
    (FLOW | {"src_port": -1}, "expected src_port an integer from 0 to 65535, got -1"),
    (FLOW | {"dst_port": "80"}, 'expected dst_port an integer from 0 to 65535, got "80"'),
    (FLOW | {"dst_port": True}, "expected dst_port an integer from 0 to 65535, got true"),
    (FLOW | {"dst_port": 80.5}, "expected dst_port an integer from 0 to 65535, got 80.5"),
    (FLOW | {"proto": "sctp"}, 'expected proto one of tcp, udp, icmp, got "sctp"'),
    (FLOW | {"proto": 6}, "expected proto one of tcp, udp, icmp, got 6"),
    (FLOW | {"direction": "up"}, 'expected direction one of outbound, inbound, got "up"'),
    (FLOW | {"outcome": "S0"}, 'expected outcome one of established, rejected, unanswered, blocked, got "S0"'),
    (FLOW | {"final": 1}, "expected final true or false, got 1"),
    (FLOW | {"final": "true"}, 'expected final true or false, got "true"'),
    (FLOW | {"src_ip": "10.0.0.256"}, 'expected src_ip an IPv4 or IPv6 address without a zone, got "10.0.0.256"'),
    (FLOW | {"src_ip": "10.0.0.01"}, 'expected src_ip an IPv4 or IPv6 address without a zone, got "10.0.0.01"'),
    (FLOW | {"dst_ip": "fe80::1%eth0"}, 'expected dst_ip an IPv4 or IPv6 address without a zone, got "fe80::1%eth0"'),
    (FLOW | {"dst_ip": 7}, "expected dst_ip an IPv4 or IPv6 address without a zone, got 7"),
    (FLOW | {"src_bytes": -1}, "expected src_bytes a number from 0 to 9007199254740992, got -1"),
    (FLOW | {"src_bytes": 2**53 + 1}, "expected src_bytes a number from 0 to 9007199254740992, got 9007199254740993"),
    (FLOW | {"dst_pkts": "3"}, 'expected dst_pkts a number from 0 to 9007199254740992, got "3"'),
    (FLOW | {"duration": -0.5}, "expected duration a number of seconds from 0 to before 4102444800, got -0.5"),
    (FLOW | {"bursts": 2**31}, "expected bursts an integer from 0 to 2147483647, got 2147483648"),
    (FLOW | {"service": 5}, "expected service a string, got 5"),
    (FLOW | {"host": ["a"]}, "expected host a string, got an array"),
    (FLOW | {"flow_id": 1.5}, "expected flow_id a string or an integer from 0, got 1.5"),
    (FLOW | {"ts": -1}, "expected ts a number of seconds from 0 to before 4102444800, got -1"),
    (FLOW | {"ts": 4102444800}, "expected ts a number of seconds from 0 to before 4102444800, got 4102444800"),
    (FLOW | {"ts": 1700000000000}, "expected ts a number of seconds from 0 to before 4102444800, got 1700000000000"),
    (FLOW | {"ts": True}, "expected ts a number of seconds from 0 to before 4102444800, got true"),
    (FLOW | {"ts": "2024-01-01"}, 'expected ts a number of seconds from 0 to before 4102444800, got "2024-01-01"'),
    (FLOW | {"agent": ""}, 'expected agent a string of 1 to 512 bytes, got ""'),
    (FLOW | {"agent": "ü" * 257}, "expected agent a string of 1 to 512 bytes, got one of 514 bytes"),
    (FLOW | {"agent": 5}, "expected agent a string of 1 to 512 bytes, got 5"),
    (FLOW | {"kind": "process"}, 'expected kind one of flow, gpu, command, registry, got "process"'),
    (FLOW | {"kind": ["flow"]}, "expected kind one of flow, gpu, command, registry, got an array"),
    (GPU | {"gpu": ""}, 'expected gpu a GPU\'s UUID or index, got ""'),
    (GPU | {"gpu": -1}, "expected gpu a string or an integer from 0, got -1"),
    (GPU | {"util_pct": 101}, "expected util_pct a number from 0 to 100, got 101"),
    (GPU | {"tensor_active": 55}, "expected tensor_active a number from 0 to 1, got 55"),
    (GPU | {"processes": False}, "expected processes a number from 0 to 2147483647, got false"),
    (COMMAND | {"command": ["ls", "secret"]}, "expected command a string, got an array"),
    (COMMAND | {"command": 123456}, "expected command a string, got a value of another type"),
    (COMMAND | {"exit_code": 1.5}, "expected exit_code an integer from -2147483648 to 4294967295, got 1.5"),
    (
        {"agent": "lab/a", "declared_gpu": "toaster"},
        "expected declared_gpu one of any, inference, none, training, got 'toaster'",
    ),
]


@pytest.mark.parametrize(("row", "sentence"), WRONG, ids=lambda value: value[9:60] if isinstance(value, str) else "")
def test_a_wrong_value_is_named_with_what_was_expected(row: dict[str, Any], sentence: str) -> None:
    assert reason(row) == sentence


@pytest.mark.parametrize(
    "line",
    [
        b"rubbish",
        b'{"agent": "lab/a", "ts": 1',
        b'"a string"',
        b"17",
        b"null",
        b"{} {}",
        b'{"ts": NaN}',
        b'{"ts": Infinity}',
        b'{"ts": 1e999}',
        b'{"agent": "\xff\xfe"}',
        b'{"agent": "\\ud800"}',
        b'{"agent": "a\x01b"}',
        b'{"ts": 01}',
        b"\x00",
        b"[1, 2",
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b"{'agent': 'lab/a'}",
    ],
    ids=lambda line: line[:20].hex(),
)
def test_a_line_that_is_no_object_is_named_and_what_follows_goes_on(line: bytes) -> None:
    decoded = decode(GPU, line, COMMAND)
    assert [event["position"] for event in events(decoded.batch)] == [1, 3]
    (rejected,) = decoded.rejected
    assert rejected.reason.startswith("expected a JSON object, got ")
    assert (rejected.position, rejected.raw) == (2, line[:KEPT_BYTES])


@pytest.mark.parametrize(
    "line",
    [
        b'{"agent":"lab/a","ts":1,"gpu":0,"agent":"lab/b"}',
        b'{"agent":"lab/a","ts":1,"gpu":0,"final":true,"final":true}',
        b'{"agent":"lab/a","ts":1,"gpu":0,"x":1,"x":1}',
        b'{"agent":"lab/a","ts" :1,"gpu":0,"ts" :2}',
        b'{"agent":"lab/a","ts":1,"gpu":0,"\\u0074s":2}',
        b'{"agent" : "lab/a", "ts": 1, "gpu": 0, "agent": "lab/b"}',
        b'{"agent":"lab/a","ts":1,"gpu":0,"ts"\t:2, "note": "\\":"}',
    ],
)
def test_a_field_that_is_named_twice_is_refused(line: bytes) -> None:
    assert reason(line).startswith("expected every field once, got ")


def test_what_only_looks_like_a_field_named_twice_is_accepted() -> None:
    assert (
        one(b'{"agent":"lab/a","ts":1,"command":"echo \\"ts\\": 1, \\"ts\\":2","note":{"ts":1,"agent":2}}')["ts"]
        == 1000000
    )


def test_times_are_rounded_half_to_even_microseconds() -> None:
    assert one(GPU | {"ts": 0.0000005})["ts"] == 0
    assert one(GPU | {"ts": 0.0000015})["ts"] == 2
    assert one(GPU | {"ts": 4102444799.999999})["ts"] == 4102444799999999
    assert one(GPU | {"ts": 0})["ts"] == 0


@given(st.floats(0, 4102444799, allow_subnormal=True))
def test_any_time_is_the_product_rounded_half_to_even(ts: float) -> None:
    assert one(GPU | {"ts": ts})["ts"] == round(ts * 1e6)


def test_ports_of_icmp_may_be_missing_and_are_zero() -> None:
    row = without(without(FLOW, "src_port"), "dst_port") | {"proto": "icmp"}
    assert (one(row)["src_port"], one(row)["dst_port"]) == (0, 0)
    assert one(row | {"src_port": 8, "dst_port": 0}) == one(row)


def test_443_point_0_is_the_port_443() -> None:
    assert one(FLOW | {"dst_port": 443.0}) == one(FLOW)


@given(st.ip_addresses(), st.booleans())
def test_any_address_becomes_two_halves(address: Any, exploded: bool) -> None:
    event = one(FLOW | {"dst_ip": address.exploded if exploded else str(address)})
    whole = int(address) + ((0xFFFF << 32) if address.version == 4 else 0)
    assert (event["dst_hi"] << 64) | event["dst_lo"] == whole


def test_one_gpu_has_one_name_whether_its_index_is_a_number_or_a_string() -> None:
    assert one(GPU | {"gpu": 3}) == one(GPU | {"gpu": "3"})


def test_a_flow_without_a_name_is_named_by_its_five_tuple() -> None:
    assert (
        one(FLOW)["flow_id"]
        == one(FLOW | {"ts": 5, "flow_id": None})["flow_id"]
        == one(FLOW | {"flow_id": ""})["flow_id"]
    )
    changed = [
        FLOW | change
        for change in ({"src_port": 1}, {"dst_port": 1}, {"proto": "udp"}, {"src_ip": "::1"}, {"dst_ip": "::1"})
    ]
    assert len({one(row)["flow_id"] for row in [FLOW, *changed]}) == 6
    assert one(FLOW | {"flow_id": 12})["flow_id"] == one(FLOW | {"flow_id": "12"})["flow_id"] == hash_text("12")


def test_registry_entries_are_given_apart() -> None:
    entries: list[dict[str, Any]] = [
        {"agent": "lab/a", "declared_gpu": "none", "internal": ["10.0.0.0/8"], "allow": ["pypi.org"], "run": "r"},
        {"agent": "lab/b"},
        {"kind": "registry", "agent": "lab/c", "note": "ignored"},
    ]
    decoded = decode(entries[0], GPU, entries[1], entries[2])
    assert decoded.registry == [entries[0], entries[1], {"agent": "lab/c"}]
    assert (len(decoded.batch), decoded.rejected) == (1, [])


@pytest.mark.parametrize(
    "message",
    [
        orjson.dumps([GPU, COMMAND, FLOW]),
        json.dumps([GPU, COMMAND, FLOW], indent=2).encode(),
        b"\n \n" + json.dumps([GPU, COMMAND, FLOW], indent="\t").encode().replace(b"\n", b"\r\n") + b"\n",
        lines(GPU, COMMAND, FLOW),
        lines(GPU, COMMAND, FLOW) + b"\r\n",
        lines(orjson.dumps([GPU, COMMAND]), orjson.dumps([FLOW])),
    ],
    ids=["array", "spread array", "windows array", "lines", "windows lines", "lines of arrays"],
)
def test_a_message_holds_an_array_or_lines(message: bytes) -> None:
    decoded = native.decode(message, 0, 0)
    assert [event["kind"] for event in events(decoded.batch)] == ["gpu", "command", "flow"]
    assert not decoded.rejected


@pytest.mark.parametrize("row", KINDS.values(), ids=KINDS)
def test_a_message_holds_one_object_over_many_lines(row: dict[str, Any]) -> None:
    assert events(native.decode(json.dumps(row, indent=4).encode(), 3, 1).batch) == events(decode(row).batch)


def test_one_bad_element_of_an_array_does_not_lose_the_others() -> None:
    decoded = native.decode(
        b'[{"agent":"a","ts":1,"gpu":0}, [5], {"agent":"a","ts":"x","gpu":0},\n{"agent":"a","ts":2,"gpu":0}]', 0, 0
    )
    assert [event["position"] for event in events(decoded.batch)] == [0, 3]
    assert [rejected.position for rejected in decoded.rejected] == [1, 2]


def test_positions_count_every_line_and_lines_say_how_many_there_were() -> None:
    decoded = native.decode(b"\n\n" + lines(GPU) + b"\n  \r\n" + lines(COMMAND) + b"\n\n", 0, 10)
    assert [event["position"] for event in events(decoded.batch)] == [12, 14]
    assert decoded.lines == 6


def test_a_line_that_is_too_long_is_refused_and_little_of_it_is_kept() -> None:
    long = lines(COMMAND | {"command": "x" * LINE_BYTES})
    decoded = decode(GPU, long, GPU)
    assert len(decoded.batch) == 2
    assert decoded.rejected[0].reason == f"expected a line of at most 1048576 bytes, got {len(long)}"
    assert decoded.rejected[0].raw == long[:KEPT_BYTES]


def test_a_command_that_is_not_a_string_is_not_shown() -> None:
    assert "hunter2" not in reason(COMMAND | {"command": {"password": "hunter2"}})


@given(st.binary(max_size=200))
def test_no_bytes_raise_and_every_line_is_accounted_for(data: bytes) -> None:
    decoded = native.decode(data, 0, 0)
    assert len(decoded.batch) + len(decoded.rejected) + len(decoded.registry) >= (1 if data.strip(b" \t\r\n[]") else 0)
    check_layout(decoded.batch)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_whatever_a_field_holds_the_row_is_accepted_or_refused_with_a_sentence(kind: str, data: st.DataObject) -> None:
    field = data.draw(
        st.sampled_from([*KINDS[kind], "duration", "final", "bursts", "util_pct", "exit_code", "host", "flow_id"])
    )
    decoded = native.decode(json.dumps(KINDS[kind] | {field: data.draw(JSON)}).encode(), 0, 0)
    assert len(decoded.batch) + len(decoded.rejected) + len(decoded.registry) == 1
    for event in events(decoded.batch):
        assert all(not isinstance(v, float) or math.isfinite(v) for v in event.values())
    for rejected in decoded.rejected:
        assert rejected.reason.startswith("expected ")
        assert len(rejected.reason) < 300
