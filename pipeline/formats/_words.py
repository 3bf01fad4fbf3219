"""The words of the schema as tables for a kernel: which fields there are, of what class, and how a word is found.

A word of up to 24 bytes is three numbers of eight bytes each. They are multiplied and shifted to a slot; the multiplier
is searched for once, so that no two words share a slot, and the numbers are then compared.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.events import codes
from pipeline.events.columns import Command
from pipeline.formats import _fields

NUMBER: Final = 0
INTEGER: Final = 1
TEXT: Final = 2
NAME: Final = 3
WORD: Final = 4
ADDRESS: Final = 5
TRUTH: Final = 6

CLASSES: Final[dict[str, int]] = {
    "agent": TEXT, "ts": NUMBER, "kind": WORD, "id": NAME, "run": NAME, "episode": NAME,
    "src_ip": ADDRESS, "src_port": INTEGER, "dst_ip": ADDRESS, "dst_port": INTEGER, "proto": WORD, "direction": WORD,
    "duration": NUMBER, **dict.fromkeys(_fields.FLOW_COUNTERS, NUMBER), "outcome": WORD, "flow_id": NAME,
    "final": TRUTH, "service": TEXT, "host": TEXT, "bursts": INTEGER, "bursts_dst_first": INTEGER,
    "gpu": NAME, "model": TEXT, **dict.fromkeys(_fields.GPU_RANGES, NUMBER),
    **dict.fromkeys(Command._fields, TEXT), "session": NAME, "exit_code": INTEGER,
}
"""Every field and what is read as its value."""

NAMES: Final = tuple(CLASSES)
CODE: Final = {name: code for code, name in enumerate(NAMES)}
UNKNOWN: Final = len(NAMES)
BEGIN: Final = UNKNOWN + 1
FIELD_CLASS: Final = np.array(list(CLASSES.values()), np.int64)

WORDS: Final[dict[str, dict[str, int]]] = {
    "kind": {kind: code for code, kind in enumerate(codes.KINDS)},
    "proto": codes.PROTOS,
    "direction": codes.DIRECTIONS,
    "outcome": codes.OUTCOMES,
}
"""The fields that hold one of a few words, and the code of each."""

SLOT_BITS: Final = 8
SLOTS: Final = 1 << SLOT_BITS


class Table(NamedTuple):
    """Words to be found by their bytes.

    word        uint64[SLOTS, 3], 0 in empty slots
    value       int64[SLOTS], what the word means; -1 in empty slots
    multiplier  uint64: slot = ((w0 ^ w1 * 3 ^ w2 * 5) * multiplier) >> (64 - SLOT_BITS)
    """

    word: NDArray[np.uint64]
    value: NDArray[np.int64]
    multiplier: np.uint64


def as_numbers(word: str) -> tuple[int, int, int]:
    """The bytes of a word as three numbers."""
    padded = word.encode().ljust(24, b"\0")
    first, second, third = (int.from_bytes(padded[at : at + 8], "little") for at in (0, 8, 16))
    return first, second, third


def slot_of(numbers: tuple[int, int, int], multiplier: int) -> int:
    """Where a word's slot is."""
    low = (1 << 64) - 1
    mixed = (numbers[0] ^ numbers[1] * 3 ^ numbers[2] * 5) & low
    return (mixed * multiplier & low) >> (64 - SLOT_BITS)


def table(meanings: dict[str, int]) -> Table:
    """Lay words out so that each has a slot of its own.

    >>> found = table({"tcp": 1, "udp": 2})
    >>> sorted(found.value[found.value >= 0].tolist())
    [1, 2]
    """
    multiplier = 0x9E3779B97F4A7C15
    while len({slot_of(as_numbers(word), multiplier) for word in meanings}) < len(meanings):
        multiplier = (multiplier * 0xD1342543DE82EF95 + 0x632BE5AB) % (1 << 64) | 1
    made = Table(np.zeros((SLOTS, 3), np.uint64), np.full(SLOTS, -1, np.int64), np.uint64(multiplier))
    for word, meaning in meanings.items():
        slot = slot_of(as_numbers(word), multiplier)
        made.word[slot] = as_numbers(word)
        made.value[slot] = meaning
    return made


FIELD_TABLE: Final = table(CODE)
ENUM_STRIDE: Final = 256
ENUM_TABLE: Final = table({
    word: CODE[field] * ENUM_STRIDE + code for field, meanings in WORDS.items() for word, code in meanings.items()
})
"""A word of an enumeration means ENUM_STRIDE * its field + its code: no word belongs to two fields."""

KEY: Final = np.array([[*as_numbers(name + '":'), 0] for name in NAMES] + [[1] * 4], np.uint64)
"""A field's name, its closing quote and its colon as bytes: what a kernel expects to come next. UNKNOWN never comes."""

KEY_MASK: Final = np.array(
    [[(1 << 8 * min(8, max(0, len(name) + 2 - at))) - 1 for at in (0, 8, 16, 24)] for name in (*NAMES, "")], np.uint64
)
KEY_MASK[UNKNOWN] = 0
KEY_SIZE: Final = np.array([len(name) + 2 for name in NAMES] + [0], np.int64)

assert sum(map(len, WORDS.values())) == len({word for words in WORDS.values() for word in words})
assert max(map(len, NAMES)) + 2 <= 24
