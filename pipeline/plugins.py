"""Parts are found by their place: every module of a folder is one part, named after its file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def discover(package: ModuleType) -> dict[str, ModuleType]:
    """Every module of `package` whose name does not begin with an underscore, by name, in the order of names.

    >>> import pipeline.detectors
    >>> "pool_session" in discover(pipeline.detectors)
    True
    """
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
