"""The fast lane: a kernel from the bytes of lines to columns, for lines that are plain.

    {"kind":"flow","agent":"lab/a","ts":1612989363.069367,"src_ip":"10.0.1.8",...}
     ^ key: the one that followed last time, else looked up     ^ value: by the field's class

Plain is: one object a line, known fields or unknown ones with plain values, each once; names of fields without escapes,
strings of right UTF-8 with right escapes; numbers whose float64 is exact by one operation (Clinger 1990: a mantissa
below 2**53, a power of ten up to 22); addresses in their usual spelling. Whatever is not, or holds a value out of
bounds, is handed on: the slow lane reads that line, and it words what is wrong with it. What is accepted here equals
what the slow lane gives, bit for bit.

Strings are not copied: they are offsets into the buffer, where the escapes of accepted lines are undone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import Command, Flow, Gpu
from pipeline.formats import LINE_BYTES, _fields
from pipeline.formats._addresses import read_address
from pipeline.formats._numbers import read_number
from pipeline.formats._strings import plain_length, text_length, undo_escapes
from pipeline.formats._words import (
    ADDRESS,
    BEGIN,
    CODE,
    ENUM_STRIDE,
    ENUM_TABLE,
    FIELD_CLASS,
    FIELD_TABLE,
    INTEGER,
    KEY,
    KEY_MASK,
    KEY_SIZE,
    NAME,
    SLOT_BITS,
    TRUTH,
    UNKNOWN,
    WORD,
)
from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.hashing import MULTIPLIER, SEED, finish, hash_tuple, mix
from pipeline.kernels.wide import Whole, begins32, byte_at, digits16, first_bit, line_ends32, load64

SHORTEST: Final = len('{"agent":"a","ts":1,"gpu":0}')
"""No line that is accepted has fewer bytes."""

OTHERS: Final = 16
"""How many unknown fields a plain line may have."""

TAB, NEWLINE, RETURN, SPACE, QUOTE, COMMA, ZERO, COLON, OPEN, CLOSE = 9, 10, 13, 32, 34, 44, 48, 58, 123, 125
FOUR: Final = np.uint64(0xFFFFFFFF)
FIVE: Final = np.uint64(0xFFFFFFFFFF)
NULL: Final = np.uint64(int.from_bytes(b"null", "little"))
TRUE: Final = np.uint64(int.from_bytes(b"true", "little"))
FALSE: Final = np.uint64(int.from_bytes(b"false", "little"))
ALL: Final = np.uint64(2**64 - 1)
THREE_TIMES: Final = np.uint64(3)
FIVE_TIMES: Final = np.uint64(5)
SLOT_SHIFT: Final = np.uint64(64 - SLOT_BITS)
FIELD_MULTIPLIER, ENUM_MULTIPLIER = FIELD_TABLE.multiplier, ENUM_TABLE.multiplier
FIELD_WORD, FIELD_VALUE = FIELD_TABLE.word, FIELD_TABLE.value
ENUM_WORD, ENUM_VALUE = ENUM_TABLE.word, ENUM_TABLE.value
HALF_ULP: Final = 2.0**52
"""Adding and subtracting it rounds a float64 below it to an integer, half to even."""

AGENT, TS, KIND, GPU, COMMAND = (CODE[name] for name in ("agent", "ts", "kind", "gpu", "command"))
SRC_IP, DST_IP, SRC_PORT, DST_PORT, PROTO = (CODE[n] for n in ("src_ip", "dst_ip", "src_port", "dst_port", "proto"))
DURATION, FINAL, FLOW_ID = CODE["duration"], CODE["final"], CODE["flow_id"]
PORT_BITS: Final = 1 << SRC_PORT | 1 << DST_PORT
NO_SIGN: Final = 127
"""A mask that changes no code and tells the compiler that it is not below 0: else that is asked at each index."""

MARKS: Final = 1 << SRC_IP | 1 << GPU | 1 << COMMAND


def bits(*names: str) -> int:
    """Fields as bits."""
    return sum(1 << CODE[name] for name in names)


def by_kind(*rows: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """For each kind the codes of some of its fields, and how many they are."""
    table = np.zeros((len(rows), max(map(len, rows))), np.uint8)
    for kind, row in enumerate(rows):
        table[kind, : len(row)] = [CODE[name] for name in row]
    return table, np.array([len(row) for row in rows], np.int64)


COMMON_STRINGS: Final = ("agent", "id", "run", "episode")
STRINGS: Final = (
    (*COMMON_STRINGS, "service", "host"),
    (*COMMON_STRINGS, "gpu", "model"),
    (*COMMON_STRINGS, *Command._fields[:-1]),
)
FLOATS: Final = (_fields.FLOW_COUNTERS, tuple(_fields.GPU_RANGES), ("exit_code",))
INTEGERS: Final = ("src_port", "dst_port", "bursts", "bursts_dst_first")
ENUMS: Final = ("proto", "direction", "outcome", "final")
STRING_FIELD, STRING_COUNT = by_kind(*STRINGS)
FLOAT_FIELD, FLOAT_COUNT = by_kind(*FLOATS)
INTEGER_FIELD: Final = np.array([CODE[name] for name in INTEGERS], np.uint8)
ENUM_FIELD: Final = np.array([CODE[name] for name in ENUMS], np.uint8)
REQUIRED: Final = np.array(
    [bits("agent", "ts", *fields) for fields in (("src_ip", "dst_ip", "proto"), ("gpu",), ("command",))], np.int64
)
RANGES: Final = {
    **dict.fromkeys(_fields.FLOW_COUNTERS, _fields.COUNTER),
    **_fields.GPU_RANGES,
    "exit_code": _fields.EXIT_CODES,
    "src_port": (0, _fields.PORT_MAX),
    "dst_port": (0, _fields.PORT_MAX),
    "bursts": (0, _fields.INT_MAX),
    "bursts_dst_first": (0, _fields.INT_MAX),
}
LOW: Final = np.array([RANGES.get(name, (0, 0))[0] for name in CODE], np.float64)
HIGH: Final = np.array([RANGES.get(name, (0, 0))[1] for name in CODE], np.float64)
END_OF_TIME: Final = float(_fields.END_OF_TIME)
AGENT_BYTES: Final = _fields.AGENT_BYTES

assert Command._fields[-1] == "exit_code"
assert tuple(_fields.GPU_RANGES) == Gpu._fields[3:]
assert Flow._fields[4:10] == (*INTEGERS[:2], *ENUMS)


class Line(NamedTuple):
    """The values of one line by the code of their field, until all of it is known to be plain.

    number  float64[fields]
    place   int64[fields, 3], where a string lies, its length, and whether it has escapes; of an enumeration or a truth
            its code
    half    uint64[fields, 2], an address
    other   int64[OTHERS, 2], where the names of unknown fields lie and their lengths
    follow  uint8[fields + 2], which field came after which the last time
    again   uint64[fields, 4], of an enumeration or a truth the name and the value as they were written the last time:
            most often they come again, and `place` still holds the code; `mask` as many bytes, `size` how many
    """

    number: NDArray[np.float64]
    place: NDArray[np.int64]
    half: NDArray[np.uint64]
    other: NDArray[np.int64]
    follow: NDArray[np.uint8]
    again: NDArray[np.uint64]
    mask: NDArray[np.uint64]
    size: NDArray[np.int64]


class Sheet(NamedTuple):
    """Rows of any kind one after another, [columns, rows]; most columns mean what the kind makes of them.

    octets  uint8: kind, then ENUMS
    shorts  int32: lengths of STRINGS, then INTEGERS
    longs   int64: ts, position, duration, then offsets of STRINGS
    words   uint64: src and dst, two halves each; flow_id or the hash of the GPU's name
    floats  float64: FLOATS
    """

    octets: NDArray[np.uint8]
    shorts: NDArray[np.int32]
    longs: NDArray[np.int64]
    words: NDArray[np.uint64]
    floats: NDArray[np.float64]


MOST_STRINGS: Final = max(map(len, STRINGS))
OFFSETS: Final = 3
TS_LONG, POSITION_LONG, DURATION_LONG = range(OFFSETS)
HASHED: Final = 4


def new_line() -> Line:
    """Room for one line, and no memory of lines before."""
    fields = UNKNOWN + 2
    return Line(
        np.zeros(fields), np.zeros((fields, 3), np.int64), np.zeros((fields, 2), np.uint64),
        np.zeros((OTHERS, 2), np.int64), np.full(fields, UNKNOWN, np.uint8),
        np.zeros((fields, 4), np.uint64), np.zeros((fields, 4), np.uint64), np.zeros(fields, np.int64),
    )  # fmt: skip


def new_sheet(rows: int) -> Sheet:
    """Room for so many rows."""
    return Sheet(
        np.empty((1 + len(ENUMS), rows), np.uint8),
        np.empty((MOST_STRINGS + len(INTEGERS), rows), np.int32),
        np.empty((OFFSETS + MOST_STRINGS, rows), np.int64),
        np.empty((HASHED + 1, rows), np.uint64),
        np.empty((max(map(len, FLOATS)), rows), np.float64),
    )


@inlined
def hash_plain(data: NDArray[np.uint8], at: Whole, length: Whole) -> np.uint64:
    """hash_bytes, eight bytes at a time: as many can be read behind the string."""
    state = SEED ^ (np.uint64(length) * MULTIPLIER)
    while length >= 8:
        state = mix(state, load64(data, at))
        at += 8
        length -= 8
    return finish(mix(state, load64(data, at) & low_bytes(length)))


@inlined
def low_bytes(count: Whole) -> np.uint64:
    """A mask of the lowest bytes: none for a count of 0 or less, all from 8 on."""
    if count <= 0:
        return np.uint64(0)
    if count >= 8:
        return ALL
    return ALL >> np.uint64(64 - 8 * count)


@inlined
def look_up(
    data: NDArray[np.uint8],
    at: Whole,
    length: Whole,
    words: NDArray[np.uint64],
    values: NDArray[np.int64],
    multiplier: np.uint64,
) -> Whole:
    """What the word of `length` bytes means; -1 where the table does not hold it."""
    if length > 24 or length == 0:
        return -1
    first = load64(data, at) & low_bytes(length)
    second = load64(data, at + 8) & low_bytes(length - 8)
    third = load64(data, at + 16) & low_bytes(length - 16)
    slot = np.int64(((first ^ second * THREE_TIMES ^ third * FIVE_TIMES) * multiplier) >> SLOT_SHIFT)
    if words[slot, 0] != first or words[slot, 1] != second or words[slot, 2] != third:
        return -1
    value: Whole = values[slot]
    return value


@inlined
def same_name(data: NDArray[np.uint8], other: NDArray[np.int64], count: Whole, at: Whole, length: Whole) -> bool:
    """Whether one of the unknown fields so far has this name."""
    for i in range(count):
        if other[i, 1] == length:
            same = True
            for j in range(length):
                if byte_at(data, other[i, 0] + j) != byte_at(data, at + j):
                    same = False
                    break
            if same:
                return True
    return False


@inlined
def skip_value(data: NDArray[np.uint8], at: Whole) -> Whole:
    """Where a plain value ends; -1 where it is not plain."""
    if byte_at(data, at) == QUOTE:
        length, _ = text_length(data, at + 1)
        return at + length + 2 if length >= 0 else -1
    word = load64(data, at)
    if word & FOUR == TRUE:
        return at + 4
    if word & FIVE == FALSE:
        return at + 5
    end, _, _ = read_number(data, at)
    return end


@inlined
def read_line(
    data: NDArray[np.uint8],
    at: Whole,
    number: NDArray[np.float64],
    place: NDArray[np.int64],
    half: NDArray[np.uint64],
    other: NDArray[np.int64],
    follow: NDArray[np.uint8],
    again: NDArray[np.uint64],
    mask: NDArray[np.uint64],
    size: NDArray[np.int64],
) -> tuple[Whole, Whole]:
    """Read one line into what Line holds: where it ends and, as bits, the fields it says; -1 where it is not plain."""
    if byte_at(data, at) != OPEN:
        return -1, 0
    at += 1
    seen: Whole = 0
    said: Whole = 0
    others = 0
    before: Whole = BEGIN
    while True:
        while byte_at(data, at) == SPACE:
            at += 1
        if byte_at(data, at) != QUOTE:
            return -1, 0
        at += 1
        code: Whole = np.int64(follow[before])
        if size[code] > 0 and begins32(data, at, again, mask, code):
            at += size[code]
            before = code
            bit = 1 << code
            if seen & bit != 0:
                return -1, 0
            seen |= bit
            said |= bit
        else:
            begin = at
            if begins32(data, at, KEY, KEY_MASK, code):
                at += KEY_SIZE[code]
            else:
                length = plain_length(data, at)
                if byte_at(data, at + length) != QUOTE or byte_at(data, at + length + 1) != COLON:
                    return -1, 0
                code = look_up(data, at, length, FIELD_WORD, FIELD_VALUE, FIELD_MULTIPLIER)
                if code < 0:
                    code = UNKNOWN
                    if others == OTHERS or same_name(data, other, others, at, length):
                        return -1, 0
                    other[others, 0] = at
                    other[others, 1] = length
                    others += 1
                code &= NO_SIGN
                follow[before] = code
                at += length + 2
            before = code
            bit = 1 << code
            if code != UNKNOWN:
                if seen & bit != 0:
                    return -1, 0
                seen |= bit
            while byte_at(data, at) == SPACE:
                at += 1
            if load64(data, at) & FOUR == NULL:
                at += 4
            elif code == UNKNOWN:
                at = skip_value(data, at)
                if at < 0:
                    return -1, 0
            else:
                at = read_value(data, at, code, number, place, half)
                if at < 0:
                    return -1, 0
                if place[code, 1] >= 0:
                    said |= bit
                if (FIELD_CLASS[code] == WORD or FIELD_CLASS[code] == TRUTH) and at - begin <= 32:
                    for i in range(4):
                        mask[code, i] = low_bytes(at - begin - 8 * i)
                        again[code, i] = load64(data, begin + 8 * i) & mask[code, i]
                    size[code] = at - begin
        while byte_at(data, at) == SPACE:
            at += 1
        if byte_at(data, at) == CLOSE:
            break
        if byte_at(data, at) != COMMA:
            return -1, 0
        at += 1
    at += 1
    while byte_at(data, at) == SPACE or byte_at(data, at) == TAB or byte_at(data, at) == RETURN:
        at += 1
    if byte_at(data, at) != NEWLINE:
        return -1, 0
    return at, said


@inlined
def read_value(
    data: NDArray[np.uint8],
    at: Whole,
    code: Whole,
    number: NDArray[np.float64],
    place: NDArray[np.int64],
    half: NDArray[np.uint64],
) -> Whole:
    """Read a known field's value: where it ends, or -1. A length of -1 in `place` means that it says nothing."""
    place[code, 1] = 0
    kind = FIELD_CLASS[code]
    if kind <= INTEGER:
        end, value, whole = read_number(data, at)
        number[code] = value
        return end if whole or kind != INTEGER else -1
    if byte_at(data, at) == QUOTE:
        at += 1
        if kind <= NAME:
            length, escaped = text_length(data, at)
            if length < 0 or (length == 0 and code == GPU):
                return -1
            place[code, 0] = at
            place[code, 1] = length if length > 0 or code == COMMAND else -1
            place[code, 2] = escaped
            return at + length + 1
        length = plain_length(data, at)
        if byte_at(data, at + length) != QUOTE:
            return -1
        if kind == WORD:
            meaning = look_up(data, at, length, ENUM_WORD, ENUM_VALUE, ENUM_MULTIPLIER)
            if meaning < 0 or meaning // ENUM_STRIDE != code:
                return -1
            place[code, 0] = meaning % ENUM_STRIDE
        elif kind == ADDRESS:
            found, high, low = read_address(data, at, length)
            if not found:
                return -1
            half[code, 0] = high
            half[code, 1] = low
        else:
            return -1
        return at + length + 1
    if kind == NAME:
        count = first_bit(~digits16(data, at))
        if count == 0 or count > 15 or (count > 1 and byte_at(data, at) == ZERO):
            return -1
        place[code, 0] = at
        place[code, 1] = count
        place[code, 2] = 0
        return at + count
    if kind == TRUTH:
        if load64(data, at) & FOUR == TRUE:
            place[code, 0] = codes.YES
            return at + 4
        if load64(data, at) & FIVE == FALSE:
            place[code, 0] = codes.NO
            return at + 5
    return -1


@inlined
def kind_of(said: Whole, place: NDArray[np.int64]) -> Whole:
    """Of which kind a line is; -1 where that cannot be told."""
    if said & (1 << KIND) != 0:
        kind: Whole = place[KIND, 0]
        return kind
    marks = said & MARKS
    if marks == 1 << SRC_IP:
        return codes.FLOW
    if marks == 1 << GPU:
        return codes.GPU
    if marks == 1 << COMMAND:
        return codes.COMMAND
    return -1


@inlined
def microseconds(seconds: float) -> Whole:
    """Seconds as µs, half to even; -1 where out of bounds."""
    if not 0.0 <= seconds < END_OF_TIME:
        return -1
    return np.int64((seconds * 1e6 + HALF_ULP) - HALF_ULP)


@inlined
def write_flow(
    said: Whole,
    row: int,
    number: NDArray[np.float64],
    place: NDArray[np.int64],
    half: NDArray[np.uint64],
    octets: NDArray[np.uint8],
    shorts: NDArray[np.int32],
    longs: NDArray[np.int64],
    words: NDArray[np.uint64],
) -> bool:
    """Write what only flows have; whether all of it is within bounds."""
    proto = place[PROTO, 0]
    if proto != codes.ICMP and said & PORT_BITS != PORT_BITS:
        return False
    for i in range(4):
        field = np.int64(INTEGER_FIELD[i])
        value = -1.0
        if said & (1 << field) != 0:
            value = number[field]
            if not LOW[field] <= value <= HIGH[field]:
                return False
        if i < 2 and proto == codes.ICMP:
            value = 0.0
        shorts[MOST_STRINGS + i, row] = np.int32(value)
        field = np.int64(ENUM_FIELD[i])
        octets[1 + i, row] = place[field, 0] if said & (1 << field) != 0 else 0
    duration: Whole = -1
    if said & (1 << DURATION) != 0:
        duration = microseconds(number[DURATION])
        if duration < 0:
            return False
    longs[DURATION_LONG, row] = duration
    words[0, row] = half[SRC_IP, 0]
    words[1, row] = half[SRC_IP, 1]
    words[2, row] = half[DST_IP, 0]
    words[3, row] = half[DST_IP, 1]
    words[HASHED, row] = 0
    if said & (1 << FLOW_ID) == 0:
        words[HASHED, row] = hash_tuple(
            half[SRC_IP, 0], half[SRC_IP, 1], half[DST_IP, 0], half[DST_IP, 1],
            shorts[MOST_STRINGS, row], shorts[MOST_STRINGS + 1, row], proto,
        )  # fmt: skip
    return True


@inlined
def write_numbers(
    said: Whole,
    row: int,
    number: NDArray[np.float64],
    place: NDArray[np.int64],
    half: NDArray[np.uint64],
    octets: NDArray[np.uint8],
    shorts: NDArray[np.int32],
    longs: NDArray[np.int64],
    words: NDArray[np.uint64],
    floats: NDArray[np.float64],
) -> bool:
    """Write all but the strings of a row; whether what is needed is there and all within bounds (void if not)."""
    kind = kind_of(said, place)
    if kind < 0 or said & REQUIRED[kind] != REQUIRED[kind] or place[AGENT, 1] > AGENT_BYTES:
        return False
    kind &= NO_SIGN
    ts = microseconds(number[TS])
    if ts < 0:
        return False
    octets[0, row] = kind
    longs[TS_LONG, row] = ts
    for i in range(FLOAT_COUNT[kind]):
        field = np.int64(FLOAT_FIELD[kind, i])
        value = np.nan
        if said & (1 << field) != 0:
            value = number[field]
            if not LOW[field] <= value <= HIGH[field]:
                return False
        floats[i, row] = value
    if kind == codes.FLOW:
        return write_flow(said, row, number, place, half, octets, shorts, longs, words)
    return True


@inlined
def write_strings(
    data: NDArray[np.uint8],
    said: Whole,
    row: int,
    place: NDArray[np.int64],
    octets: NDArray[np.uint8],
    shorts: NDArray[np.int32],
    longs: NDArray[np.int64],
    words: NDArray[np.uint64],
) -> None:
    """Write the strings of a row that is accepted: from here on its line may be changed."""
    kind = octets[0, row]
    for i in range(STRING_COUNT[kind]):
        field = np.int64(STRING_FIELD[kind, i])
        shorts[i, row] = -1
        if said & (1 << field) != 0:
            if place[field, 2] != 0:
                place[field, 1] = undo_escapes(data, place[field, 0], place[field, 1])
            longs[OFFSETS + i, row] = place[field, 0]
            shorts[i, row] = place[field, 1]
    if kind == codes.GPU:
        words[HASHED, row] = hash_plain(data, place[GPU, 0], place[GPU, 1])
    elif kind == codes.FLOW and said & (1 << FLOW_ID) != 0:
        if place[FLOW_ID, 2] != 0:
            place[FLOW_ID, 1] = undo_escapes(data, place[FLOW_ID, 0], place[FLOW_ID, 1])
        words[HASHED, row] = hash_plain(data, place[FLOW_ID, 0], place[FLOW_ID, 1])


@inlined
def line_end(data: NDArray[np.uint8], at: Whole) -> Whole:
    """Where the line ends: at its line end."""
    while True:
        ends = line_ends32(data, at)
        if ends != 0:
            return at + first_bit(ends)
        at += 32


@kernel
def read_lines(
    data: NDArray[np.uint8],
    size: int,
    line: Line,
    sheet: Sheet,
    handed: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Read the lines of data[:size] while there is room; data[size] is a line end, and 63 bytes more can be read.

    handed  int64[stretches, 3]: where lines that are not plain begin and end, and the number of the first
    counts  int64[4]: how many rows, stretches and lines there were so far, and where the next line begins
    """
    # Taken apart once: arrays taken out of a tuple inside the loop would be counted in and out each time.
    number, place, half, other, follow, again, mask, length = line
    octets, shorts, longs, words, floats = sheet
    rows, stretches, lines, at = counts[0], counts[1], counts[2], counts[3]
    while at < size and rows < octets.shape[1] and stretches < len(handed):
        if byte_at(data, at) == NEWLINE:
            at += 1
            lines += 1
            continue
        end, said = read_line(data, at, number, place, half, other, follow, again, mask, length)
        if (
            end >= 0
            and end - at <= LINE_BYTES
            and write_numbers(said, rows, number, place, half, octets, shorts, longs, words, floats)
        ):
            write_strings(data, said, rows, place, octets, shorts, longs, words)
            longs[POSITION_LONG, rows] = lines
            rows += 1
        else:
            end = line_end(data, at)
            if stretches > 0 and handed[stretches - 1, 1] == at:
                handed[stretches - 1, 1] = min(end + 1, size)
            else:
                handed[stretches, 0] = at
                handed[stretches, 1] = min(end + 1, size)
                handed[stretches, 2] = lines
                stretches += 1
        at = end + 1
        lines += 1
    counts[0] = rows
    counts[1] = stretches
    counts[2] = lines
    counts[3] = at
