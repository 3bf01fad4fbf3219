"""Settings as kernels read them: a structured array of length 1."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


def record(settings: msgspec.Struct) -> NDArray[np.void]:
    """The numbers of a settings struct, field by field: float to f8, int to i8, bool to ?, tuple of floats to f8[n].

    >>> class Settings(msgspec.Struct, frozen=True):
    ...     cap: float = 8.0
    ...     steps: tuple[float, ...] = (1.0, 2.0)
    >>> kept = record(Settings())
    >>> float(kept[0]["cap"]), kept[0]["steps"].tolist()
    (8.0, [1.0, 2.0])
    """
    fields: list[Any] = []
    values: list[Any] = []
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, bool):
            fields.append((name, "?"))
        elif isinstance(value, int):
            fields.append((name, "i8"))
        elif isinstance(value, float):
            fields.append((name, "f8"))
        elif isinstance(value, tuple):
            fields.append((name, "f8", (len(value),)))
        else:
            continue
        values.append(value)
    out = np.zeros(1, np.dtype(fields))
    for (name, *_), value in zip(fields, values, strict=True):
        out[name][0] = value
    return out
