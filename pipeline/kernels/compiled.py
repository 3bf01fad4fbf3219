"""How kernels are compiled and where the compiled code is kept.

Compiled kernels lie in a folder named after everything that could make them stale: the sources that hold kernels or the
layouts they read, the versions of Python and numba, and the processor. An edit there gives a new folder; nothing is
ever reused by mistake, and two processes that start at once write the same bytes. Without a place that is ours alone
the kernels are compiled in memory.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding
import numba
import numpy as np
import platformdirs

Function = TypeVar("Function", bound=Callable[..., Any])

LAYOUTS = "events"
"""The room whose types kernels read without being kernels."""

KEPT_FOLDERS = 4


def fingerprint() -> str:
    """A name for what the compiled code depends on.

    >>> fingerprint() == fingerprint()
    True
    """
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for source in sorted(package.rglob("*.py")):
        text = source.read_bytes()
        if b"kernels.compiled import" in text or source.parent.name == LAYOUTS:
            digest.update(f"{source.relative_to(package)}\0".encode() + text)
    digest.update("\0".join([sys.version, numba.__version__, llvmlite.binding.get_host_cpu_name(),
                             platform.machine(), str(package), str(numba.config.BOUNDSCHECK)]).encode())
    return digest.hexdigest()[:16]


def compiled_folder() -> Path | None:
    """The folder for compiled kernels, made if missing; None where none can be written."""
    wished = os.environ.get("AGENTRISK_CACHE_DIR") or platformdirs.user_cache_dir("agentrisk", appauthor=False)
    for root in (Path(wished), Path(tempfile.gettempdir()) / f"agentrisk-{os.getuid()}"):
        folder = root / "kernels" / fingerprint()
        try:
            for place in (root, root / "kernels", folder):
                place.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not all(map(ours, (root, root / "kernels", folder))):
                continue
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        forget_old(folder)
        return folder
    return None


def ours(folder: Path) -> bool:
    """Whether a folder is ours and nobody else may write there: compiled code is run, so it must be nobody else's."""
    found = folder.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022 and not folder.is_symlink()


def forget_old(current: Path) -> None:
    """Keep the newest few folders beside `current`; older sources' kernels are dropped."""
    def age(folder: Path) -> float:
        try:
            return folder.stat().st_mtime
        except OSError:
            return 0.0

    for folder in sorted(current.parent.iterdir(), key=age)[:-KEPT_FOLDERS]:
        if folder != current:
            shutil.rmtree(folder, ignore_errors=True)


FOLDER = None if numba.config.DISABLE_JIT else compiled_folder()
if FOLDER is not None:
    numba.config.CACHE_DIR = str(FOLDER)


def interpreted(function: Function) -> Function:
    """The same function in Python, with the arithmetic of compiled code: overflow wraps, x / 0 is infinite or NaN."""

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return cast(Function, run)


def kernel(function: Function) -> Function:
    """Compile `function` with numba: without the GIL, with IEEE division, kept on disk.

    >>> import numpy as np
    >>> @kernel
    ... def total(x):
    ...     out = 0.0
    ...     for value in x:
    ...         out += value
    ...     return out
    >>> float(total(np.array([1.0, 2.0])))
    3.0
    """
    if numba.config.DISABLE_JIT:
        return interpreted(function)
    on_disk = FOLDER is not None and Path(function.__code__.co_filename).is_file()
    compiled: Function = numba.njit(nogil=True, error_model="numpy", cache=on_disk)(function)
    return compiled


def inlined(function: Function) -> Function:
    """Like `kernel`, for a function that only kernels call: it becomes part of them, without a way in from Python.

    Its arrays are not counted in and out (an atomic instruction each, which took half the time of such a kernel); so it
    may neither make an array nor return one.
    """
    if numba.config.DISABLE_JIT:
        return interpreted(function)
    on_disk = FOLDER is not None and Path(function.__code__.co_filename).is_file()
    options = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
    compiled: Function = numba.njit(nogil=True, error_model="numpy", cache=on_disk, **options)(function)
    return compiled
