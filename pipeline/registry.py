"""What is declared about an agent: its training run, GPU, internal networks, the places it is expected to reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RejectedError
from pipeline.events import codes
from pipeline.events.columns import Flow
from pipeline.kernels.compiled import kernel
from pipeline.kernels.hashing import hash_bytes, hash_text

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""Internal where nothing is declared: RFC 1918, RFC 6598 and RFC 4193."""

NOWHERE = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/127",
    "fe80::/10",
    "ff00::/8",
)
"""Loopback, link-local, multicast, broadcast, unspecified (RFC 6890). Link-local holds the metadata services of
clouds, which a command names; as a place to probe it does not count."""

DOT = 46
HALF = (1 << 64) - 1


class Entry(msgspec.Struct, frozen=True):
    """One entry of the registry, one per agent; the newest counts.

    >>> Entry("lab/a", declared_gpu="inference", internal=("10.0.0.0/8",)).declared_gpu
    'inference'
    """

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    run: str | None = None
    declared_gpu: str | None = None
    internal: tuple[str, ...] | None = None
    allow: tuple[str, ...] | None = None


class Ranges(NamedTuple):
    """Places of all sets of networks, as kernels read them.

    A set cuts the space of addresses into stretches, each of which lies in one place as a whole:

        first[s] .. last[s]        its stretches, ascending; each reaches up to the next, the first begins at address 0
        begin     uint64[rows, 2]  where a stretch begins, two halves
        code      uint8[rows]      codes.INTERNAL, EXTERNAL, ALLOWED or LOCAL
        host_first[s] .. host_last[s], host   uint64 hashes of the names of hosts that it allows
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    begin: NDArray[np.uint64]
    code: NDArray[np.uint8]
    host_first: NDArray[np.int64]
    host_last: NDArray[np.int64]
    host: NDArray[np.uint64]


def read_entry(row: Mapping[str, Any]) -> Entry:
    """A registry entry from a decoded JSON object; RejectedError says what is wrong with it.

    >>> read_entry({"agent": "lab/a", "declared_gpu": "toaster"})
    Traceback (most recent call last):
    ...
    pipeline.errors.RejectedError: expected declared_gpu one of any, inference, none, training, got 'toaster'
    """
    try:
        entry = msgspec.convert(row, Entry)
    except msgspec.ValidationError as error:
        raise RejectedError(f"registry entry: {error}") from None
    if entry.declared_gpu is not None and entry.declared_gpu not in codes.DECLARATIONS:
        raise RejectedError(
            f"expected declared_gpu one of {', '.join(sorted(codes.DECLARATIONS))}, got {entry.declared_gpu!r:.80}"
        )
    for network in entry.internal or ():
        address_range(network)
    return entry


def address_range(network: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last address of a network, two 64-bit halves each; IPv4 lies at ::ffff:0:0.

    >>> address_range("10.0.0.0/8")[0] == (0, 0xFFFF_0A00_0000)
    True
    """
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise RejectedError(f"expected internal to hold networks such as 10.0.0.0/8, got {network!r:.80}") from None
    base = 0xFFFF << 32 if found.version == 4 else 0
    ends = (base + int(found.network_address), base + int(found.broadcast_address))
    return (ends[0] >> 64, ends[0] & HALF), (ends[1] >> 64, ends[1] & HALF)


class Registry:
    """The entries, and for each agent row what kernels need of them.

    >>> registry = Registry()
    >>> registry.put(Entry("lab/a", declared_gpu="none"))
    >>> registry.seat("lab/a", 0)
    >>> int(registry.declared[0]) == codes.NONE
    True
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.declared = np.zeros(16, np.uint8)
        self.networks = np.zeros(16, np.int32)
        self._sets: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {(PRIVATE, ()): 0}
        self._cut: list[tuple[list[tuple[int, int]], list[int]]] = []
        self._ranges: Ranges | None = None

    def put(self, entry: Entry, row: int | None = None) -> None:
        """Take an entry in; `row` is the agent's state row, where it has one already."""
        self.entries[entry.agent] = entry
        if row is not None:
            self.seat(entry.agent, row)

    def remove(self, agent: str, row: int | None = None) -> None:
        """Take an entry back: nothing is declared about the agent any more."""
        self.entries.pop(agent, None)
        if row is not None:
            self.seat(agent, row)

    def seat(self, agent: str, row: int) -> None:
        """Say that an agent has a state row from now on."""
        self._make_room(row + 1)
        entry = self.entries.get(agent)
        self.declared[row] = codes.DECLARATIONS.get(entry.declared_gpu or "", 0) if entry else 0
        self.networks[row] = self._set_of(entry) if entry else 0

    def seat_all(self, rows: NDArray[np.int64]) -> None:
        """Say that agents of which nothing is declared have state rows from now on."""
        if len(rows):
            self._make_room(int(rows.max()) + 1)
            self.declared[rows] = 0
            self.networks[rows] = 0

    def _make_room(self, rows: int) -> None:
        if rows > len(self.declared):
            more = max(rows, 2 * len(self.declared)) - len(self.declared)
            self.declared = np.concatenate([self.declared, np.zeros(more, np.uint8)])
            self.networks = np.concatenate([self.networks, np.zeros(more, np.int32)])

    def run(self, agent: str) -> str | None:
        """The training run that is declared for an agent."""
        entry = self.entries.get(agent)
        return entry.run if entry else None

    def places(self, flow: Flow, agent: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Where the far side of each flow lies: codes.INTERNAL, EXTERNAL, ALLOWED or LOCAL."""
        out = np.empty(len(agent), np.uint8)
        place_flows(
            flow.direction,
            flow.src_hi,
            flow.src_lo,
            flow.dst_hi,
            flow.dst_lo,
            flow.host.data,
            flow.host.offset,
            flow.host.length,
            agent,
            self.networks,
            self.ranges(),
            out,
        )
        return out

    def ranges(self) -> Ranges:
        """All sets of networks, laid one after another."""
        if self._ranges is None:
            self._cut += [stretches(*key) for key in islice(self._sets, len(self._cut), None)]
            rows, hosts = [cut for cut, _ in self._cut], [names for _, names in self._cut]
            last, host_last = np.cumsum([len(r) for r in rows]), np.cumsum([len(h) for h in hosts])
            flat = [row for cut in rows for row in cut]
            self._ranges = Ranges(
                last - [len(r) for r in rows],
                last,
                np.array([(begin >> 64, begin & HALF) for begin, _ in flat], np.uint64),
                np.array([code for _, code in flat], np.uint8),
                host_last - [len(h) for h in hosts],
                host_last,
                np.array([name for names in hosts for name in names], np.uint64),
            )
        return self._ranges

    def _set_of(self, entry: Entry) -> int:
        key = (entry.internal if entry.internal is not None else PRIVATE, entry.allow or ())
        if key not in self._sets:
            self._sets[key] = len(self._sets)
            self._ranges = None
        return self._sets[key]


def stretches(internal: tuple[str, ...], allow: tuple[str, ...]) -> tuple[list[tuple[int, int]], list[int]]:
    """A set of networks as stretches of addresses (where one begins, its code), and the hashes of allowed hosts.

    What is allowed comes first, then the places that are nowhere, then what is internal; the rest is outside.

    >>> stretches(("0.0.0.0/0",), ())[0][-1] == (0xFF << 120, codes.LOCAL)
    True
    """
    hosts, networks = [], []
    for place in allow:
        try:
            networks.append((*whole_range(place), codes.ALLOWED))
        except RejectedError:
            hosts.append(hash_text(place.lower().removeprefix("*")))
    networks += [(*whole_range(n), codes.LOCAL) for n in NOWHERE]
    networks += [(*whole_range(n), codes.INTERNAL) for n in internal]
    edges = sorted({0} | {low for low, _, _ in networks} | {high + 1 for _, high, _ in networks if high + 1 < 1 << 128})
    out: list[tuple[int, int]] = []
    for edge in edges:
        code = next((c for low, high, c in networks if low <= edge <= high), codes.EXTERNAL)
        if not out or out[-1][1] != code:
            out.append((edge, code))
    return out, hosts


def whole_range(network: str) -> tuple[int, int]:
    """First and last address of a network as whole numbers."""
    (low_hi, low_lo), (high_hi, high_lo) = address_range(network)
    return low_hi << 64 | low_lo, high_hi << 64 | high_lo


@kernel
def host_matches(data: NDArray[np.uint8], start: int, length: int, wanted: np.uint64) -> bool:
    """Whether a host name, or what follows one of its dots with the dot, has this hash."""
    if hash_bytes(data, start, length) == wanted:
        return True
    for at in range(length):  # noqa: SIM110 - numba compiles loops, not generators
        if data[start + at] == DOT and hash_bytes(data, start + at, length - at) == wanted:
            return True
    return False


@kernel
def place_flows(
    direction: NDArray[np.uint8],
    src_hi: NDArray[np.uint64],
    src_lo: NDArray[np.uint64],
    dst_hi: NDArray[np.uint64],
    dst_lo: NDArray[np.uint64],
    host_data: NDArray[np.uint8],
    host_offset: NDArray[np.int64],
    host_length: NDArray[np.int32],
    agent: NDArray[np.int64],
    networks: NDArray[np.int32],
    ranges: Ranges,
    out: NDArray[np.uint8],
) -> None:
    """Fill out[i] with the place of the far side, by the set of networks of the agent of the row."""
    begin = ranges.begin
    for i in range(len(agent)):
        hi, lo = dst_hi[i], dst_lo[i]
        if direction[i] == codes.INBOUND:
            hi, lo = src_hi[i], src_lo[i]
        chosen = networks[agent[i]]
        low, high = ranges.first[chosen], ranges.last[chosen]
        while high - low > 1:
            middle = (low + high) // 2
            if begin[middle, 0] < hi or (begin[middle, 0] == hi and begin[middle, 1] <= lo):
                low = middle
            else:
                high = middle
        out[i] = ranges.code[low]
        if host_length[i] > 0 and out[i] != codes.ALLOWED:
            for row in range(ranges.host_first[chosen], ranges.host_last[chosen]):
                if host_matches(host_data, host_offset[i], host_length[i], ranges.host[row]):
                    out[i] = codes.ALLOWED
                    break
