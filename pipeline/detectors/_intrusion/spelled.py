"""Text typed as numbers: how a loader tests the shell it got, and how it types a program or a list in."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.scene import Reader, Scene
from pipeline.shell.calls import Call

__all__ = ["READERS"]

_CODE: Final = r"(?:\\{0,2}x[0-9a-fA-F]{2}|\\{1,2}0?[0-3][0-7]{2})"
_SPELLED: Final = re.compile(rf"{_CODE}{{2,}}(?:/[\w./-]*)?")
_ELF: Final = re.compile(r"\\{0,2}x7f\\{0,2}(?:x45|E)", re.IGNORECASE)
_HEX: Final = re.compile(r"x([0-9a-fA-F]{2})|\\0?([0-3][0-7]{2})")
_LONG: Final = 24
"""Characters spelled from which it is no test of the shell but something brought in."""


def _echo(scene: Scene, at: int, call: Call) -> None:
    """`echo -e "\\x67\\x61"`: letters that could have been typed, spelled in numbers."""
    if len(call.argv) < 2 or call.remote or call.argv[1][:1] != "-" or "e" not in call.argv[1]:
        return
    for word in call.argv[2:6]:
        if not _SPELLED.fullmatch(word[:4096]):
            continue
        codes = [int(a, 16) if a else int(b, 8) for a, b in _HEX.findall(word[:4096])]
        readable = sum(32 <= code < 127 or code == 10 for code in codes)
        if _ELF.match(word):
            scene.notes.add("plant", 6.2, "T1027", "types a program in, byte by byte")
        elif len(codes) >= _LONG and readable < len(codes):
            scene.notes.add("plant", 3.4, "T1027", "types a file in, byte by byte")
        elif len(codes) >= _LONG:
            scene.notes.add("plant", 5.0, "T1027", "types a list in, letter by letter")
        elif readable == len(codes):
            scene.notes.add("shell_test", words="tests the shell with text spelled in numbers")


READERS: Final[dict[str, Reader]] = {"echo": _echo}
