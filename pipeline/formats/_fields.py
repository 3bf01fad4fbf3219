"""What each field of an event accepts, and the words for what it does not: the one truth for all formats.

A row comes as a dict of Python values (None is the same as absent, unknown fields are ignored) and leaves as a tuple
in the order of the columns; strings stay strings, None where absent.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from pipeline.errors import RejectedError
from pipeline.events import codes
from pipeline.events.columns import Gpu

Row: TypeAlias = Mapping[str, Any]

END_OF_TIME: Final = 4102444800
"""2100-01-01 in Unix seconds. Larger numbers are milliseconds or worse."""

AGENT_BYTES: Final = 512
COUNTER_MAX: Final = 2**53
"""Beyond it a float64 no longer counts by one."""

INT_MAX: Final = 2**31 - 1
PORT_MAX: Final = 65535
PERCENT: Final = (0, 100)
SHARE: Final = (0, 1)
COUNTER: Final = (0, COUNTER_MAX)

GPU_RANGES: Final[dict[str, tuple[int, int]]] = {
    "util_pct": PERCENT,
    "mem_util_pct": PERCENT,
    "sm_active": SHARE,
    "tensor_active": SHARE,
    "dram_active": SHARE,
    "power_w": (0, 100_000),
    "power_limit_w": (0, 100_000),
    "mem_used_mib": (0, 1_000_000_000),
    "mem_total_mib": (0, 1_000_000_000),
    "sm_clock_mhz": (0, 1_000_000),
    "temp_c": (-100, 1_000),
    "pcie_tx_bytes_s": COUNTER,
    "pcie_rx_bytes_s": COUNTER,
    "nvlink_tx_bytes_s": COUNTER,
    "nvlink_rx_bytes_s": COUNTER,
    "processes": (0, INT_MAX),
}
"""Lowest and highest value of each number of a GPU sample: bounds of sense, not of today's cards."""

FLOW_COUNTERS: Final = ("src_bytes", "dst_bytes", "src_pkts", "dst_pkts")
EXIT_CODES: Final = (-(2**31), 2**32 - 1)
ENTRY_FIELDS: Final = frozenset({"agent", "run", "declared_gpu", "internal", "allow"})
REGISTRY_FIELDS: Final = ENTRY_FIELDS | {"kind"}
DECLARING: Final = ("declared_gpu", "internal", "allow")
MARKS: Final = {"src_ip": codes.FLOW, "gpu": codes.GPU, "command": codes.COMMAND}
"""The field that tells the kind of an event that does not name it."""

SHOWN: Final = 60

assert tuple(GPU_RANGES) == Gpu._fields[3:]


class Hidden:
    """Stands for a value that an error must not show, because it may be a secret."""


class CommonRow(NamedTuple):
    """The common fields of one event; `ts` in µs."""

    ts: int
    agent: str
    id: str | None
    run: str | None
    episode: str | None


def wrong(field: str, expected: str, got: object, row: Row | None = None) -> RejectedError:
    """The sentence about one field.

    >>> str(wrong("src_port", "an integer from 0 to 65535", 70000))
    'expected src_port an integer from 0 to 65535, got 70000'
    """
    said = shown(got) if got is not None else "null" if row is not None and field in row else "nothing"
    return RejectedError(f"expected {field} {expected}, got {said}")


def shown(value: object) -> str:
    """A value as an error shows it: short, on one line, and only by its type where it may hold more.

    >>> shown("80"), shown([1, 2]), shown(True)
    ('"80"', 'an array', 'true')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "an array"
    if isinstance(value, (str, bool, int, float)):
        text = json.dumps(value[: SHOWN + 1] if isinstance(value, str) else value)
        return text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return "a value of another type"


def microseconds(field: str, value: Any, row: Row) -> int:
    """Seconds as int64 µs, rounded half to even."""
    if type(value) not in (int, float) or not 0 <= value < END_OF_TIME:
        raise wrong(field, f"a number of seconds from 0 to before {END_OF_TIME}", value, row)
    return round(float(value) * 1e6)


def number(field: str, value: Any, low: int, high: int) -> float:
    """A number within bounds as float64, NaN where absent."""
    if value is None:
        return math.nan
    if type(value) not in (int, float) or not low <= value <= high:
        raise wrong(field, f"a number from {low} to {high}", value)
    return float(value)


def integer(field: str, value: Any, low: int, high: int, absent: int | None = None, row: Row | None = None) -> int:
    """An integer within bounds; 443.0 is one (JSON does not tell them apart), true and "443" are not."""
    if value is None and absent is not None:
        return absent
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not low <= value <= high:
        raise wrong(field, f"an integer from {low} to {high}", value, row)
    return int(value)


def word(field: str, value: Any, allowed: Mapping[str, int], absent: int | None = None, row: Row | None = None) -> int:
    """One of a field's words as its code."""
    if value is None and absent is not None:
        return absent
    code = allowed.get(value) if type(value) is str else None
    if code is None:
        raise wrong(field, f"one of {', '.join(allowed)}", value, row)
    return code


def text(field: str, value: Any) -> str | None:
    """An optional string; an empty one says nothing."""
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise wrong(field, "a string", value)
    return value


def name(field: str, value: Any) -> str | None:
    """An optional name: a string, or an integer, which is taken by its digits."""
    if value is None or value == "":
        return None
    if type(value) is int and value >= 0:
        return str(value)
    if type(value) is not str:
        raise wrong(field, "a string or an integer from 0", value)
    return value


def address(field: str, value: Any, row: Row) -> tuple[int, int]:
    """An IP address as two 64-bit halves, IPv4 at ::ffff:0:0.

    >>> address("src_ip", "10.0.0.1", {}) == (0, 0xFFFF_0A00_0001) == address("src_ip", "::ffff:10.0.0.1", {})
    True
    """
    try:
        if type(value) is not str or "%" in value:
            raise ValueError
        if ":" in value:
            number = int(ipaddress.IPv6Address(value))
        else:
            number = 0xFFFF_0000_0000 | int(ipaddress.IPv4Address(value))
    except ValueError:
        raise wrong(field, "an IPv4 or IPv6 address without a zone", value, row) from None
    return number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF


def agent(row: Row) -> str:
    """The agent's name."""
    value = row.get("agent")
    if type(value) is not str or not 0 < len(value) <= AGENT_BYTES or len(value.encode()) > AGENT_BYTES:
        got = f"one of {len(value.encode())} bytes" if type(value) is str and value else None
        expected = f"a string of 1 to {AGENT_BYTES} bytes"
        raise RejectedError(f"expected agent {expected}, got {got}") if got else wrong("agent", expected, value, row)
    return value


def common(row: Row) -> CommonRow:
    """The fields that every event has."""
    return CommonRow(
        microseconds("ts", row.get("ts"), row),
        agent(row),
        name("id", row.get("id")),
        name("run", row.get("run")),
        name("episode", row.get("episode")),
    )


def flow(row: Row) -> tuple[Any, ...]:
    """A flow record in the order of `columns.Flow`, with its name or None in place of flow_id."""
    get = row.get
    proto = word("proto", get("proto"), codes.PROTOS, row=row)
    ports = 0 if proto == codes.ICMP else None
    src_port = integer("src_port", get("src_port"), 0, PORT_MAX, ports, row)
    dst_port = integer("dst_port", get("dst_port"), 0, PORT_MAX, ports, row)
    if proto == codes.ICMP:
        src_port = dst_port = 0
    final = get("final")
    if final is not None and type(final) is not bool:
        raise wrong("final", "true or false", final)
    duration = get("duration")
    return (
        *address("src_ip", get("src_ip"), row),
        *address("dst_ip", get("dst_ip"), row),
        src_port,
        dst_port,
        proto,
        word("direction", get("direction"), codes.DIRECTIONS, codes.UNKNOWN),
        word("outcome", get("outcome"), codes.OUTCOMES, codes.UNKNOWN),
        codes.UNKNOWN if final is None else codes.YES if final else codes.NO,
        -1 if duration is None else microseconds("duration", duration, row),
        number("src_bytes", get("src_bytes"), *COUNTER),
        number("dst_bytes", get("dst_bytes"), *COUNTER),
        number("src_pkts", get("src_pkts"), *COUNTER),
        number("dst_pkts", get("dst_pkts"), *COUNTER),
        integer("bursts", get("bursts"), 0, INT_MAX, -1),
        integer("bursts_dst_first", get("bursts_dst_first"), 0, INT_MAX, -1),
        name("flow_id", get("flow_id")),
        text("service", get("service")),
        text("host", get("host")),
    )


def gpu(row: Row) -> tuple[Any, ...]:
    """A GPU sample in the order of `columns.Gpu`, with None in place of the hash of its name."""
    named = name("gpu", row.get("gpu"))
    if named is None:
        raise wrong("gpu", "a GPU's UUID or index", row.get("gpu"), row)
    return (
        None,
        named,
        text("model", row.get("model")),
        *(number(field, row.get(field), low, high) for field, (low, high) in GPU_RANGES.items()),
    )


def command(row: Row) -> tuple[Any, ...]:
    """A command in the order of `columns.Command`."""
    said = row.get("command")
    if type(said) is not str:
        raise wrong("command", "a string", said if said is None or isinstance(said, (list, dict)) else Hidden(), row)
    exit_code = row.get("exit_code")
    return (
        said,
        text("tool", row.get("tool")),
        text("cwd", row.get("cwd")),
        name("session", row.get("session")),
        text("user", row.get("user")),
        text("host_name", row.get("host_name")),
        math.nan if exit_code is None else float(integer("exit_code", exit_code, *EXIT_CODES)),
    )


READERS: Final = (flow, gpu, command)


def kind_of(row: Row) -> int | None:
    """Of which kind a row is; None for a registry entry.

    >>> kind_of({"agent": "lab/a", "ts": 1, "command": "ls"}) == codes.COMMAND
    True
    """
    said = row.get("kind")
    if said is not None:
        if said == "registry":
            return None
        if type(said) is not str or said not in codes.KINDS:
            raise wrong("kind", f"one of {', '.join(codes.KINDS)}, registry", said)
        return codes.KINDS.index(said)
    if row.get("ts") is None and (any(f in row for f in DECLARING) or REGISTRY_FIELDS.issuperset(row)):
        return None
    marks = [mark for mark in MARKS if row.get(mark) is not None]
    if len(marks) != 1:
        got = f"{' and '.join(marks)}" if marks else "none of them"
        raise RejectedError(f"expected kind, or exactly one of {', '.join(MARKS)} to tell it by, got {got}")
    return MARKS[marks[0]]
