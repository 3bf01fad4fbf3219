"""What the fast lane accepts is what the slow lane gives, bit for bit, and nothing but the buffer is touched."""

from __future__ import annotations

import json
import random

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.formats import LINE_BYTES, ROOM, Decoded, native
from pipeline.formats._plain import read_plain
from tests.formats.mutations import ADDRESSES, LINES, NUMBERS, SPACES, WORDS, strange, written
from tests.naive.batches import check_layout, events, same


def fast(data: bytes, source: int = 1, position: int = 1) -> Decoded:
    """Through the fast lane, from a buffer with just the room that is asked for, full of what could mislead."""
    buffer = np.full(len(data) + ROOM, ord("7"), np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    decoded = native.decode_fast(buffer, len(data), source, position)
    assert buffer[len(data) + 1 :].tobytes() == b"7" * (ROOM - 1)
    return decoded


def handed_on(data: bytes) -> int:
    """How many lines are handed on to the slow lane."""
    buffer = np.empty(len(data) + ROOM, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    read = read_plain(buffer, len(data), 0, 0)
    return read.lines - len(read.batch)


def agree(data: bytes) -> None:
    """Both lanes say the same of some lines."""
    quick, slow = fast(data), native.decode_slowly(data, 1, 1)
    check_layout(quick.batch)
    assert quick[1:] == slow[1:]
    if not same(quick.batch, slow.batch):
        assert events(quick.batch) == events(slow.batch)
        raise AssertionError("the same to Python, but not bit for bit")


def test_lines_may_become_shorter_than_the_first_ones() -> None:
    one = {"agent": "a", "ts": 1, "gpu": 0}
    long = [orjson.dumps(one | {"model": "x" * 9000})] * 5
    short = [orjson.dumps(one | {"ts": i}) for i in range(3000)]
    odd = [orjson.dumps(one | {"ts": i, "note": [i]}) for i in range(1500)]
    agree(b"\n".join(long + short))
    agree(b"\n".join(long + [line for pair in zip(short, odd, strict=False) for line in pair]))


def test_words_that_came_before_are_read_again_only_where_they_are_the_same() -> None:
    flow = next(line for line in LINES if "src_ip" in line) | {"proto": "tcp", "final": True, "outcome": "rejected"}
    rows = [flow, flow, flow | {"proto": "udp"}, flow, flow | {"final": False}, flow | {"final": None}, flow]
    rows += [flow | {"outcome": "rejecte"}, flow, flow | {"outcome": ["rejected"]}, flow | {"final": 1}, flow]
    data = b"\n".join(map(orjson.dumps, rows))
    agree(data)
    agree(data.replace(b'"final":true', b'"final":truex'))
    agree(data.replace(b'"proto":"tcp"', b'"proto":"tcp","proto":"tcp"'))
    agree(data.replace(b'"proto":"tcp"', b'"proto": "tcp"'))
    agree(data.replace(b'"proto":"tcp"', b'"proto":"tcp" ') + b"\n" + data)


PLAIN = [line for line in LINES if "declared_gpu" not in line]


@pytest.mark.parametrize("line", PLAIN, ids=lambda line: line["agent"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b" \n"])
def test_ordinary_lines_are_plain(line: dict[str, object], end: bytes) -> None:
    compact = orjson.dumps(line) + end
    spaced = (
        written([(f'"{k}"', f" {orjson.dumps(v).decode()}") for k, v in line.items()], random.Random(0), False) + end
    )
    for data in (compact, spaced, compact[: len(compact) - len(end)] + b"\n" + spaced):
        assert handed_on(data) == 0
        agree(data)


def with_value(field: str, value: str) -> bytes:
    """A line of a kind that has the field, with the value as it is spelled."""
    (line, *_) = [line for line in PLAIN if field in line]
    rest = [(f'"{k}"', orjson.dumps(v).decode()) for k, v in line.items() if k != field]
    return written([*rest, (f'"{field}"', value)], random.Random(0), False)


@pytest.mark.parametrize("field", sorted({field for line in PLAIN for field in line}))
def test_every_field_with_every_spelling_of_every_value(field: str) -> None:
    for value in [*NUMBERS, *WORDS, *ADDRESSES]:
        agree(with_value(field, value))


@pytest.mark.parametrize("field", ["ts", "src_ip", "gpu", "command"])
@pytest.mark.parametrize("space", sorted(set(SPACES)))
def test_space_anywhere(field: str, space: str) -> None:
    line = with_value(field, orjson.dumps(next(line[field] for line in PLAIN if field in line)).decode())
    for at in range(len(line) + 1):
        agree(line[:at] + space.encode() + line[at:])


@given(st.integers(0, 2**63), st.integers(1, 60))
@example(0, 60)
def test_strange_lines(seed: int, count: int) -> None:
    chance = random.Random(seed)
    lines = [strange(chance.choice(LINES), chance) for _ in range(count)]
    agree(b"\n".join(lines) + chance.choice([b"", b"\n", b"\r\n", b"\n\n"]))


@given(
    st.lists(
        st.floats(0, 1e10) | st.integers(0, 2**60).map(float) | st.decimals(0, 4e9, places=6).map(float), min_size=1
    )
)
def test_any_number_is_read_exactly_or_handed_on(values: list[float]) -> None:
    agree(b"\n".join(orjson.dumps({"agent": "a", "ts": value, "gpu": 0, "power_w": value}) for value in values))
    agree(b"\n".join(b'{"agent":"a","ts":%.9e,"gpu":0,"power_w":%.17g}' % (value, value) for value in values))


@given(st.lists(st.ip_addresses().map(str) | st.text("0123456789abcdef:.", max_size=24), min_size=1, max_size=30))
def test_any_address_is_read_rightly_or_handed_on(addresses: list[str]) -> None:
    flow = b'{"agent":"a","ts":1,"src_ip":"::1","dst_ip":"%s","proto":"icmp"}'
    agree(b"\n".join(flow % address.encode() for address in addresses))


@given(st.lists(st.text(max_size=70), min_size=1))
def test_any_string_is_taken_as_it_is_or_handed_on(texts: list[str]) -> None:
    agree(
        b"\n".join(orjson.dumps({"agent": text, "ts": 1, "command": text, "cwd": text, "note": text}) for text in texts)
    )


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    agree(data)
    agree(b'{"agent":"a","ts":1,"gpu":0}\n' + data + b'\n{"agent":"a","ts":1,"gpu":0}')


@pytest.mark.parametrize("size", [0, 1, 2, 31, 32, 33, 63, 64, 65])
def test_the_end_of_the_buffer_is_the_end(size: int) -> None:
    line = b'{"agent":"a","ts":1,"command":"' + b"x" * size + b'"}'
    agree(line)
    for cut in range(len(line)):
        agree(line[:cut])


def test_fields_in_any_order_and_missing_now_and_then() -> None:
    chance = random.Random(1)
    lines = []
    for _ in range(300):
        fields = list(chance.choice(PLAIN).items())
        chance.shuffle(fields)
        lines.append(orjson.dumps(dict(fields)))
    data = b"\n".join(lines)
    assert handed_on(data) == 0
    agree(data)


def test_unknown_fields_are_plain_while_they_are_few_and_each_named_once() -> None:
    def line(*names: str) -> bytes:
        return orjson.dumps({"agent": "a", "ts": 1, "gpu": 0} | dict.fromkeys(names, 5))

    assert handed_on(line(*"abcdefghijklmnop")) == 0
    assert handed_on(line(*"abcdefghijklmnopq")) == 1
    twice = b'{"agent":"a","ts":1,"gpu":0,"other_1":1,"other_2":2,"other_1":1}'
    assert handed_on(twice) == 1
    for data in (line(*"abc"), line(*"abcdefghijklmnopq"), twice):
        agree(data)


def test_lines_up_to_a_megabyte_are_read_and_longer_ones_are_not() -> None:
    empty = len(orjson.dumps({"agent": "a", "ts": 1, "command": ""}))
    for size in (LINE_BYTES - 1, LINE_BYTES, LINE_BYTES + 1):
        data = orjson.dumps({"agent": "a", "ts": 1, "command": "x" * (size - empty)})
        assert len(data) == size
        assert len(fast(data).batch) == (size <= LINE_BYTES)
        agree(b"\n" + data + b"\n")


def test_lines_that_are_handed_on_come_back_in_their_place() -> None:
    odd = orjson.dumps({"agent": "lab/ü", "ts": 2, "command": "echo \n", "note": []})
    plain = [orjson.dumps(line) for line in PLAIN]
    several = b"[" + b",".join(plain) + b"]"
    data = b"\n".join([odd, *plain, b"rubbish", several, odd, odd, *plain, b"", b"{}", plain[0]])
    assert handed_on(data) == 7
    agree(data)
    positions = [event["position"] for event in events(fast(data, 1, 100).batch)]
    assert positions == [*range(100, 107), *[108] * 6, *range(109, 117), 119]


@given(
    st.lists(
        st.text(max_size=40) | st.sampled_from(['"', "\\", "\n", "\x00", "ü", "😀", "\ud7ff", "\uffff", "/"]),
        min_size=1,
    )
)
def test_escapes_are_undone(texts: list[str]) -> None:
    data = b"\n".join(
        json.dumps({"agent": f"a{text}", "ts": 1, "command": text, "note": text}, ensure_ascii=ascii_only).encode()
        for text in texts
        for ascii_only in (True, False)
    )
    assert handed_on(data) == 0
    agree(data)


ESCAPES = [
    '"', "\\\\", "/", "b", "f", "n", "r", "t", "a", "0", "", "u", "u004", "u0041", "u00e9", "u20ac", "uFFFF",
    "uD83D", "uDE00", "uD83D\\uDE00", "ud83d\\ude00x", "uD83D\\uD83D", "uD83Dx", "uD83D\\n", "u00G0", "u0000",
    "uD7FF", "uE000", "uDBFF\\uDFFF", "uD800\\uDC00", "uDC00\\uD800", "U0041", "x41", "\\u0041",
]  # fmt: skip


@pytest.mark.parametrize(
    "field", ["agent", "id", "flow_id", "command", "gpu", "host", "note", "proto", "src_ip", "kind"]
)
def test_every_escape_in_every_kind_of_string(field: str) -> None:
    line = next((line for line in PLAIN if field in line), PLAIN[0])
    for escape in ESCAPES:
        for before, after in (("", ""), ("x", "y"), ("é" * 20, "\\n" * 20)):
            fields = {name: orjson.dumps(value).decode() for name, value in line.items()}
            fields[field] = f'"{before}\\{escape}{after}"'
            agree(written([(f'"{name}"', value) for name, value in fields.items()], random.Random(0), False))


def test_every_lead_byte_of_utf8_with_second_bytes_at_every_edge() -> None:
    lines = []
    for lead in range(0x80, 0x100):
        for second in (0x22, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0):
            for rest in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf", b"\x80\xc0"):
                lines.append(b'{"agent":"a","ts":1,"command":"%c%c%s"}' % (lead, second, rest))
    agree(b"\n".join(lines))


def test_a_line_that_is_handed_on_is_not_changed() -> None:
    odd = b'{"agent":"a","ts":1,"src_ip":"::1","dst_ip":"::1","proto":"icmp","host":"a\\"b","src_bytes":-1}'
    (rejected,) = fast(odd + b"\n").rejected
    assert rejected.raw == odd
