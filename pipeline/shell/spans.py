"""How many addresses or ports a word of a scanner stands for."""

from __future__ import annotations

import re

__all__ = ["port_span", "span"]


def span(word: str) -> int:
    """How many addresses a target of a scanner stands for.

    Example:
        >>> [span(w) for w in ("10.0.0.0/24", "10.0.0.1-20", "10.0.1-3.*", "host.example", "10.0.0.1-10.0.0.9")]
        [256, 20, 768, 1, 9]
    """
    head, cut, bits = word.partition("/")
    if cut and bits.isdecimal() and not word.startswith("http"):
        width = 128 if ":" in head else 32
        return 1 << min(max(width - int(bits[:3]), 0), 24)
    ends = re.fullmatch(r"(\d+\.\d+\.\d+\.)(\d+)-\1(\d+)", word)
    if ends:
        return max(int(ends.group(3)[:4]) - int(ends.group(2)[:4]) + 1, 1)
    parts = word.split(".")
    if len(parts) != 4:
        return 1
    count = 1
    for part in parts:
        if part == "*":
            count *= 256
            continue
        size = 0
        for piece in part.split(","):
            low, dash, high = piece.partition("-")
            if (not low.isdecimal() and low) or (high and not high.isdecimal()):
                return 1
            size += max(int(high[:4] or 255) - int(low[:4] or 0) + 1, 1) if dash else 1
        count *= size
    return min(count, 1 << 24)


def port_span(word: str) -> int:
    """How many ports `22,80,8000-8100` or `-` or `1-1024` stands for.

    Example:
        >>> [port_span(w) for w in ("22", "22,80,8000-8100", "-", "1-1024", "http")]
        [1, 103, 65535, 1024, 1]
    """
    if word == "-":
        return 65535
    count = 0
    for piece in word.split(","):
        low, dash, high = piece.strip("TUS:").partition("-")
        if dash and (low.isdecimal() or not low) and (high.isdecimal() or not high):
            count += max(min(int(high[:6] or 65535), 65535) - int(low[:6] or 1) + 1, 1)
        else:
            count += 1
    return count
