"""The three kinds of event as columns: one numpy array per field, one entry per row.

Times are int64 microseconds since 1970 and durations int64 microseconds, so that differences are exact and shifting a
recording in time changes nothing. A number that was not said is NaN (float64), -1 (integers that cannot be negative)
or 0 (enumerations, see codes.py). Unknown is never zero traffic.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.events.strings import Strings

I64: TypeAlias = NDArray[np.int64]
I32: TypeAlias = NDArray[np.int32]
U64: TypeAlias = NDArray[np.uint64]
U8: TypeAlias = NDArray[np.uint8]
F64: TypeAlias = NDArray[np.float64]


class Common(NamedTuple):
    """What every event has.

    ts                        int64 µs: the time at which this could be known (a flow record: the end of its interval)
    source, position          int32 and int64: which input (an index of the rim) and where in it (line, row, offset)
    agent, id, run, episode   Strings; `agent` is never absent
    """

    ts: I64
    source: I32
    position: I64
    agent: Strings
    id: Strings
    run: Strings
    episode: Strings


class Flow(NamedTuple):
    """Flow records. An address is two uint64 (IPv6, or IPv4 as ::ffff:a.b.c.d), high half first.

    duration     int64 µs, -1 unknown
    src_port ..  int32, 0 for icmp
    proto ..     uint8 codes
    *_bytes ..   float64 of THIS record only, NaN unknown
    flow_id      uint64, hash of the flow's name; without one, of its five-tuple. 0 never occurs
    final        uint8: 0 not said, NO, YES
    bursts ..    int32, -1 unknown
    """

    src_hi: U64
    src_lo: U64
    dst_hi: U64
    dst_lo: U64
    src_port: I32
    dst_port: I32
    proto: U8
    direction: U8
    outcome: U8
    final: U8
    duration: I64
    src_bytes: F64
    dst_bytes: F64
    src_pkts: F64
    dst_pkts: F64
    bursts: I32
    bursts_dst_first: I32
    flow_id: U64
    service: Strings
    host: Strings


class Gpu(NamedTuple):
    """GPU samples. All numbers float64, NaN unknown.

    gpu       uint64 hash of the GPU's name (UUID or index), never 0
    util ..   util_pct and mem_util_pct 0 to 100; sm_active, tensor_active, dram_active 0 to 1
    """

    gpu: U64
    gpu_name: Strings
    model: Strings
    util_pct: F64
    mem_util_pct: F64
    sm_active: F64
    tensor_active: F64
    dram_active: F64
    power_w: F64
    power_limit_w: F64
    mem_used_mib: F64
    mem_total_mib: F64
    sm_clock_mhz: F64
    temp_c: F64
    pcie_tx_bytes_s: F64
    pcie_rx_bytes_s: F64
    nvlink_tx_bytes_s: F64
    nvlink_rx_bytes_s: F64
    processes: F64


class Command(NamedTuple):
    """Commands as run. `exit_code` is float64, NaN unknown."""

    command: Strings
    tool: Strings
    cwd: Strings
    session: Strings
    user: Strings
    host_name: Strings
    exit_code: F64
