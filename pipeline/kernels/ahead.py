"""State of agents on its way from memory before it is asked for.

With a million agents the state of the next event's agent lies in no cache, and one line of it after the other is waited
for. All lines of the agent that comes AHEAD rows later are asked for at once instead, while the rows before it are
worked on.
It changes nothing but the time: where kernels run as Python, nothing is done.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

AHEAD: Final = 6
"""Rows."""

LINE: Final = 64
"""Bytes that a processor fetches at once."""


def touch(array: NDArray[Any], row: int | np.int64) -> None:
    """Fetch one item of an array, whole, however long it is."""


def _emit_touch() -> None:
    """Let kernels that call `touch` have one fetch for each line of the item."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        item = builder.gep(builder.bitcast(array.data, byte), [builder.mul(args[1], args[1].type(size))])
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte,), ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        for offset in range(0, size, LINE):
            builder.call(prefetch, [builder.gep(item, [ir.IntType(64)(offset)]), word(1), word(3), word(1)])
        return context.get_dummy_value()

    def look(typing: Any, array: Any, row: Any) -> Any:
        return types.void(array, types.int64), generate

    fetch = intrinsic(look)
    overload(touch)(lambda array, row: lambda array, row: fetch(array, row))


if not numba.config.DISABLE_JIT:
    _emit_touch()
