"""An event in words: the flow, GPU sample or command that evidence rests on, on one line, harmless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.shell.show import neutral
from pipeline.story.drawing import span
from pipeline.story.story import Fold

WRITTEN: Final = 400
"""Characters shown of a command or a sentence; the rest is counted."""


def shown(value: object, limit: int = WRITTEN) -> str:
    """A value that others wrote, harmless, on one line, and cut.

    >>> shown("one\\ntwo")
    'one\\\\ntwo'
    """
    written = value if isinstance(value, str) else str(value)
    harmless = neutral(written[:limit], 10 * limit)
    return harmless + (f" … {len(written) - limit:,} more characters" if len(written) > limit else "")


def rests_on(fold: Fold) -> str:
    """The flow, sample or command that evidence rests on, and where it stands in the input."""
    event = fold.event
    said = {"flow": _flow, "gpu": _gpu, "command": _command}.get(fold.modality, _plain)(event)
    if fold.far[1:] or fold.more_far:
        more = ", ..." if fold.more_far else ""
        said += f"; the same with {', '.join(shown(f, 60) for f in fold.far)}{more}"
    if fold.source is not None:
        place = "" if fold.position is None else f" {shown(fold.position, 20)}"
        said += f"  ({shown(str(fold.source).rpartition('/')[2], 120)}{place})"
    return said


def _flow(event: Mapping[str, Any]) -> str:
    def side(name: str) -> str:
        port = event.get(f"{name}_port")
        return shown(event.get(f"{name}_ip", "?"), 60) + (f":{shown(port, 8)}" if port else "")

    parts = [f"{side('src')} → {side('dst')} {shown(event.get('proto', ''), 8)}".strip()]
    parts += [shown(event[key], 120) for key in ("host", "service", "outcome") if event.get(key)]
    if (duration := _number(event, "duration")) is not None:
        parts.append(f"in {span(duration)}")
    for key, words in (("src", "out"), ("dst", "back")):
        size, packets = _number(event, f"{key}_bytes"), _number(event, f"{key}_pkts")
        if size is not None:
            counted = "" if packets is None else f" in {packets:,.0f} packet{'s' if packets != 1 else ''}"
            parts.append(f"{_bytes(size)} {words}{counted}")
    return ", ".join(parts)


def _gpu(event: Mapping[str, Any]) -> str:
    model = f" ({shown(event['model'], 40)})" if event.get("model") else ""
    parts = [f"GPU {shown(event.get('gpu', '?'), 60)}{model}"]
    for key, words in (
        ("util_pct", "{:.0f} % busy"), ("tensor_active", "tensor cores {:.2f}"), ("dram_active", "memory bus {:.2f}"),
        ("power_w", "{:.0f} W"), ("power_limit_w", "limit {:.0f} W"), ("nvlink_tx_bytes_s", "NVLink {:.2g} B/s"),
        ("pcie_rx_bytes_s", "PCIe {:.2g} B/s"),
    ):  # fmt: skip
        if (value := _number(event, key)) is not None:
            parts.append(words.format(value))
    return ", ".join(parts)


def _command(event: Mapping[str, Any]) -> str:
    where = [f"in {shown(event['cwd'], 80)}"] if event.get("cwd") else []
    where += [f"by {shown(event['user'], 40)}"] if event.get("user") else []
    return shown(event.get("command", "?")) + (f"  [{' '.join(where)}]" if where else "")


def _plain(event: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{shown(k, 40)} {shown(v, 80)}" for k, v in list(event.items())[:12]) or "nothing that was written"
    )


def _number(event: Mapping[str, Any], key: str) -> float | None:
    value = event.get(key)
    return (
        float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15 else None
    )


def _bytes(size: float) -> str:
    """How much, in steps of a thousand.

    >>> _bytes(748), _bytes(62_000_000)
    ('748 B', '62.0 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
