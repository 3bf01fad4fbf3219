"""A 64-bit hash of bytes: to find things quickly, never to decide that they are the same.

Eight bytes at a time are mixed in with a multiplication and a shift (after MurmurHash64A, Appleby 2008).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import inlined, kernel
from pipeline.kernels.wide import load64

SEED = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)
SHIFT = np.uint64(47)
EIGHT = np.uint64(8)
ONE = np.uint64(1)


@inlined
def mix(state: np.uint64, word: np.uint64) -> np.uint64:
    """One round: a 64-bit word goes into the state."""
    word = word * MULTIPLIER
    word ^= word >> SHIFT
    return (state ^ (word * MULTIPLIER)) * MULTIPLIER


@inlined
def finish(state: np.uint64) -> np.uint64:
    """The state as a hash; never 0, which stands for "none" in columns."""
    state ^= state >> SHIFT
    state *= MULTIPLIER
    state ^= state >> SHIFT
    return state if state != 0 else ONE


@inlined
def few_bytes(data: NDArray[np.uint8], at: int, count: int) -> np.uint64:
    """Up to 7 bytes as a number, the first one lowest."""
    if at + 8 <= len(data):
        return load64(data, at) & ((ONE << (np.uint64(count) * EIGHT)) - ONE)
    word = np.uint64(0)
    for byte in range(count):
        word |= np.uint64(data[at + byte]) << (np.uint64(byte) * EIGHT)
    return word


@inlined
def hash_inside(data: NDArray[np.uint8], start: int, length: int) -> np.uint64:
    """hash_bytes, for kernels that hash at every row."""
    state = SEED ^ (np.uint64(length) * MULTIPLIER)
    at = start
    end = start + length
    while at + 8 <= end:
        state = mix(state, load64(data, at))
        at += 8
    if length >= 8 and at < end:
        return finish(mix(state, load64(data, end - 8) >> (np.uint64(8 - (end - at)) * EIGHT)))
    return finish(mix(state, few_bytes(data, at, end - at)))


@kernel
def hash_bytes(data: NDArray[np.uint8], start: int, length: int) -> np.uint64:
    """The hash of data[start : start + length].

    >>> import numpy as np
    >>> text = np.frombuffer(b"xxpool", np.uint8)
    >>> bool(hash_bytes(text, 2, 4) == hash_bytes(text[2:], 0, 4))
    True
    """
    return hash_inside(data, start, length)


def hash_text(text: str | bytes) -> int:
    """The hash of one string, for values that do not come as columns."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, dtype=np.uint8)
    return int(hash_bytes(data, 0, len(data)))


@kernel
def hash_address(high: np.uint64, low: np.uint64) -> np.uint64:
    """The hash of an address of two halves."""
    return finish(mix(mix(SEED, high), low))


@kernel
def hash_tuple(
    src_hi: np.uint64, src_lo: np.uint64, dst_hi: np.uint64, dst_lo: np.uint64, src_port: int, dst_port: int, proto: int
) -> np.uint64:
    """The hash of a five-tuple: the name of a flow that was given none."""
    state = mix(mix(mix(mix(SEED, src_hi), src_lo), dst_hi), dst_lo)
    ports = (np.uint64(src_port) << np.uint64(32)) | (np.uint64(dst_port) << EIGHT) | np.uint64(proto)
    return finish(mix(state, ports))


@kernel
def hash_strings(
    data: NDArray[np.uint8], offset: NDArray[np.int64], length: NDArray[np.int32], out: NDArray[np.uint64]
) -> None:
    """Fill out[i] with the hash of the i-th string of a column; where it is absent, out[i] stays as it is."""
    for i in range(len(offset)):
        if length[i] >= 0:
            out[i] = hash_inside(data, offset[i], length[i])


@kernel
def hash_tuples(
    src_hi: NDArray[np.uint64],
    src_lo: NDArray[np.uint64],
    dst_hi: NDArray[np.uint64],
    dst_lo: NDArray[np.uint64],
    src_port: NDArray[np.int32],
    dst_port: NDArray[np.int32],
    proto: NDArray[np.uint8],
    out: NDArray[np.uint64],
) -> None:
    """Fill out[i] with the hash of the i-th five-tuple."""
    for i in range(len(out)):
        out[i] = hash_tuple(src_hi[i], src_lo[i], dst_hi[i], dst_lo[i], src_port[i], dst_port[i], proto[i])
