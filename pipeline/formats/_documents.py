"""JSON that does not keep to one object a line, laid flat so that it does, byte by byte and in place.

      [{"a": 1,          becomes     {"a": 1, "b": 2}
        "b": 2}, {"a": 3}]           {"a": 3}

The array's brackets become spaces, the commas between its elements line ends, and line ends inside an element spaces;
no byte is added or taken away, so that a stream can be laid flat block by block.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel

SPACE: Final = 32
NEWLINE: Final = 10
CONTROL: Final = 31
"""Stands for a line end inside a string, which JSON does not allow: the element is then rejected, and only it."""

QUOTE: Final = 34
BACKSLASH: Final = 92
COMMA: Final = 44
OPENING: Final = (91, 123)
CLOSING: Final = (93, 125)

DEPTH: Final = 0
IN_ARRAY: Final = 1
IN_STRING: Final = 2
ESCAPED: Final = 3


def fresh() -> NDArray[np.int64]:
    """The state before the first byte: depth, whether in an outer array, in a string, behind a backslash."""
    return np.zeros(4, np.int64)


@kernel
def flatten(data: NDArray[np.uint8], state: NDArray[np.int64]) -> None:
    """Lay a stretch flat in place; `state` carries over to the next."""
    depth, in_array, in_string, escaped = state[DEPTH], state[IN_ARRAY], state[IN_STRING], state[ESCAPED]
    for i in range(len(data)):
        byte = data[i]
        if in_string:
            if escaped:
                escaped = 0
            elif byte == BACKSLASH:
                escaped = 1
            elif byte == QUOTE:
                in_string = 0
            if byte == NEWLINE:
                data[i] = CONTROL
        elif byte == QUOTE:
            in_string = 1
        elif byte in OPENING:
            if depth == 0 and not in_array and byte == OPENING[0]:
                in_array = 1
                data[i] = SPACE
            else:
                depth += 1
        elif byte in CLOSING:
            if depth > 0:
                depth -= 1
            elif in_array and byte == CLOSING[0]:
                in_array = 0
                data[i] = NEWLINE
        elif byte == COMMA and depth == 0 and in_array:
            data[i] = NEWLINE
        elif byte == NEWLINE and (depth > 0 or in_array):
            data[i] = SPACE
    state[DEPTH], state[IN_ARRAY], state[IN_STRING], state[ESCAPED] = depth, in_array, in_string, escaped


def lay_flat(data: bytes) -> bytes:
    """A whole text laid flat.

    >>> lay_flat(b'[{"a": [1, 2]}, {"a": "x,]"}]').split(b"\\n")
    [b' {"a": [1, 2]}', b' {"a": "x,]"}', b'']
    """
    out = np.frombuffer(bytearray(data), np.uint8)
    flatten(out, fresh())
    return out.tobytes()


def is_document(data: bytes) -> bool:
    """Whether a text does not keep to one object a line: an array, or one object over several lines."""
    return data.lstrip()[:1] == b"[" or one_object(data)


def one_object(data: bytes) -> bool:
    """Whether the text is one object over several lines.

    >>> one_object(b'{\\n"a": 1}'), one_object(b'{"a": 1}\\n{"a": 2}'), one_object(b'{"a": 1}')
    (True, False, False)
    """
    first, _, rest = data.strip().partition(b"\n")
    if first[:1] != b"{" or not rest or rest.lstrip()[:1] == b"{":
        return False
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False
