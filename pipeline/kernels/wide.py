"""Many bytes looked at in one step, where a loop over single bytes would cost the most.

numba has no word for these, so each is given as the LLVM instructions it is (two or three of them) beside the same in
plain Python, which NUMBA_DISABLE_JIT=1 and NUMBA_BOUNDSCHECK=1 run instead. They read up to 32 bytes from where they
are told: whoever calls sees to it that so many bytes are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]
Whole: TypeAlias = int | np.int64

QUOTE: Final = 34
BACKSLASH: Final = 92
DOT: Final = 46
ZERO: Final = 48
SPACE: Final = 32
NEWLINE: Final = 10


def byte_at(data: Bytes, at: Whole) -> np.uint8:
    """data[at], for an `at` that is known not to count from the end: numba would ask that each time."""
    byte: np.uint8 = data[at]
    return byte


def load64(data: Bytes, at: Whole) -> np.uint64:
    """Eight bytes as a number, the first one lowest.

    >>> int(load64(np.frombuffer(b"12345678", np.uint8), 0)) == int.from_bytes(b"12345678", "little")
    True
    """
    word = np.uint64(0)
    for i in range(8):
        word |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return word


def string_ends32(data: Bytes, at: Whole) -> Whole:
    """Of the next 32 bytes those that a plain string does not hold, as bits: quote, backslash, control, not ASCII.

    >>> bin(string_ends32(np.frombuffer(b'ab"' + b"c" * 30, np.uint8), 0))
    '0b100'
    """
    bits: Whole = 0
    for i in range(32):
        byte = data[at + i]
        if byte in (QUOTE, BACKSLASH) or byte < SPACE or byte >= 128:
            bits |= 1 << i
    return bits


def line_ends32(data: Bytes, at: Whole) -> Whole:
    """Of the next 32 bytes those that end a line, as bits."""
    bits: Whole = 0
    for i in range(32):
        if data[at + i] == NEWLINE:
            bits |= 1 << i
    return bits


def digits16(data: Bytes, at: Whole) -> Whole:
    """Of the next 16 bytes the digits, as bits."""
    bits: Whole = 0
    for i in range(16):
        if ZERO <= data[at + i] < ZERO + 10:
            bits |= 1 << i
    return bits


def dots16(data: Bytes, at: Whole) -> Whole:
    """Of the next 16 bytes the dots, as bits."""
    bits: Whole = 0
    for i in range(16):
        if data[at + i] == DOT:
            bits |= 1 << i
    return bits


def begins32(data: Bytes, at: Whole, words: Words, masks: Words, row: Whole) -> bool:
    """Whether the next 32 bytes, as far as masks[row] is set, are words[row]; both are uint64[rows, 4].

    >>> row = np.frombuffer(b"key".ljust(32, bytes(1)), np.uint64).reshape(1, 4)
    >>> begins32(np.frombuffer(b"key of a line that goes on for long", np.uint8), 0, row, row, 0)
    True
    """
    for i in range(4):  # noqa: SIM110 - numba compiles loops, not generators
        if load64(data, at + 8 * i) & masks[row, i] != words[row, i]:
            return False
    return True


def first_bit(bits: Whole) -> Whole:
    """Which is the lowest bit that is set; 64 where none is.

    >>> first_bit(0b1000), first_bit(0)
    (3, 64)
    """
    for i in range(64):
        if (bits >> i) & 1:
            return i
    return 64


def _compare(width: int, truth: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The bytes for which `truth` holds, as the low bits of an int64."""

    def emit(builder: Any, loaded: Any) -> Any:
        return builder.zext(builder.bitcast(truth(builder, loaded), ir.IntType(width)), ir.IntType(64))

    return emit


def _all(loaded: Any, value: int) -> ir.Constant:
    return ir.Constant(loaded.type, [value] * loaded.type.count)


def _is_string_end(builder: Any, loaded: Any) -> Any:
    quote = builder.icmp_unsigned("==", loaded, _all(loaded, QUOTE))
    backslash = builder.icmp_unsigned("==", loaded, _all(loaded, BACKSLASH))
    # As a signed byte what is not ASCII is negative, and so less than a space, as control characters are.
    return builder.or_(builder.or_(quote, backslash), builder.icmp_signed("<", loaded, _all(loaded, SPACE)))


def _is_line_end(builder: Any, loaded: Any) -> Any:
    return builder.icmp_unsigned("==", loaded, _all(loaded, NEWLINE))


def _is_digit(builder: Any, loaded: Any) -> Any:
    return builder.icmp_unsigned("<", builder.sub(loaded, _all(loaded, ZERO)), _all(loaded, 10))


def _is_dot(builder: Any, loaded: Any) -> Any:
    return builder.icmp_unsigned("==", loaded, _all(loaded, DOT))


def _emit_look(function: Callable[..., Any], width: int, result: Any, emit: Callable[[Any, Any], Any]) -> None:
    """Let kernels that call function(data, at) have `emit` of the `width` bytes there."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        loaded = builder.load(builder.bitcast(place, ir.VectorType(ir.IntType(8), width).as_pointer()), align=1)
        return emit(builder, loaded)

    def look(typing: Any, data: Any, at: Any) -> Any:
        return result(data, types.int64), generate

    instructions = intrinsic(look)
    overload(function)(lambda data, at: lambda data, at: instructions(data, at))


def _emit_begins() -> None:
    def load(context: Any, builder: Any, kind: Any, value: Any, offset: Any) -> Any:
        array = context.make_array(kind)(context, builder, value)
        place = builder.gep(builder.bitcast(array.data, ir.IntType(8).as_pointer()), [offset])
        return builder.load(builder.bitcast(place, ir.VectorType(ir.IntType(8), 32).as_pointer()), align=1)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        offset = builder.mul(args[4], ir.IntType(64)(32))
        loaded = load(context, builder, kinds[0], args[0], args[1])
        word, mask = (load(context, builder, kinds[i], args[i], offset) for i in (2, 3))
        equal = builder.bitcast(builder.icmp_unsigned("==", builder.and_(loaded, mask), word), ir.IntType(32))
        return builder.icmp_unsigned("==", equal, ir.IntType(32)(0xFFFFFFFF))

    def look(typing: Any, data: Any, at: Any, words: Any, masks: Any, row: Any) -> Any:
        return types.boolean(data, types.int64, words, masks, types.int64), generate

    instructions = intrinsic(look)
    overload(begins32)(
        lambda data, at, words, masks, row: lambda data, at, words, masks, row: instructions(
            data, at, words, masks, row
        )
    )


def _emit_first_bit() -> None:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    def look(typing: Any, bits: Any) -> Any:
        return types.int64(types.int64), generate

    instructions = intrinsic(look)
    overload(first_bit)(lambda bits: lambda bits: instructions(bits))


if numba.config.BOUNDSCHECK and not numba.config.DISABLE_JIT:
    byte_at, load64, first_bit = kernel(byte_at), kernel(load64), kernel(first_bit)
    string_ends32, line_ends32 = kernel(string_ends32), kernel(line_ends32)
    digits16, dots16, begins32 = kernel(digits16), kernel(dots16), kernel(begins32)
else:
    _emit_look(byte_at, 1, types.uint8, lambda builder, loaded: builder.bitcast(loaded, ir.IntType(8)))
    _emit_look(load64, 8, types.uint64, lambda builder, loaded: builder.bitcast(loaded, ir.IntType(64)))
    _emit_look(string_ends32, 32, types.int64, _compare(32, _is_string_end))
    _emit_look(line_ends32, 32, types.int64, _compare(32, _is_line_end))
    _emit_look(digits16, 16, types.int64, _compare(16, _is_digit))
    _emit_look(dots16, 16, types.int64, _compare(16, _is_dot))
    _emit_begins()
    _emit_first_bit()
