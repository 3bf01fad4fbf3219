"""Events as Parquet are the events as JSON: the same rows, the same refusals, whatever the types of the columns."""

from __future__ import annotations

import datetime
import decimal
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.formats import Decoded, native, parquet
from pipeline.reading.inputs import find
from pipeline.reading.reader import Reader, Settings, Shares
from tests.naive.batches import check_layout, events

FLOW: dict[str, Any] = {
    "agent": "lab/a", "ts": 1700000000.25, "src_ip": "10.0.0.1", "src_port": 40000, "dst_ip": "2001:db8::7",
    "dst_port": 443, "proto": "tcp",
}  # fmt: skip
FULL: dict[str, Any] = FLOW | {
    "id": "e1", "run": "r1", "episode": 7, "direction": "outbound", "duration": 1.5, "src_bytes": 10, "dst_bytes": 20.5,
    "src_pkts": 1, "dst_pkts": 0, "outcome": "established", "flow_id": "C1", "final": True, "service": "ssl",
    "host": "example.org", "bursts": 4, "bursts_dst_first": 0,
}  # fmt: skip
GPU: dict[str, Any] = {"agent": "lab/g", "ts": 17, "gpu": "GPU-1", "model": "m", "util_pct": 97.5, "temp_c": -3}
COMMAND: dict[str, Any] = {
    "agent": "lab/c",
    "ts": 1.5,
    "command": "echo ü\n",
    "cwd": "/w",
    "session": 4,
    "exit_code": -1,
}


def read(path: Path, rows: int = 65536) -> list[Decoded]:
    return list(parquet.read(path, 3, rows))


def write(path: Path, table: Any, **how: Any) -> Path:
    pq.write_table(table, path, **how)
    return path


def rows_of(decoded: list[Decoded]) -> list[dict[str, Any]]:
    for part in decoded:
        check_layout(part.batch)
    return [event for part in decoded for event in events(part.batch)]


def reasons(decoded: list[Decoded]) -> list[tuple[int, str, int]]:
    return [(r.position, r.reason, r.rows) for part in decoded for r in part.rejected]


def as_json(rows: list[dict[str, Any]]) -> Decoded:
    """The same rows by the native format; a row alone on its line, so that positions are the same."""
    return native.decode_slowly(b"\n".join(orjson.dumps(row) for row in rows), 3, 1)


def agree(path: Path, rows: list[dict[str, Any]], batch_rows: int = 65536) -> None:
    got = read(path, batch_rows)
    expected = as_json(rows)
    assert rows_of(got) == events(expected.batch)
    assert reasons(got) == [(r.position, r.reason, r.rows) for r in expected.rejected]
    assert sum(part.lines for part in got) == len(rows)


@pytest.mark.parametrize("row", [FLOW, FULL, GPU, COMMAND], ids=["bare flow", "flow", "gpu", "command"])
@pytest.mark.parametrize("how", [{}, {"use_dictionary": False}, {"row_group_size": 2}, {"compression": "zstd"}])
def test_rows_are_those_of_the_json_form(tmp_path: Path, row: dict[str, Any], how: dict[str, Any]) -> None:
    rows = [row | {"ts": row["ts"] + i} for i in range(7)]
    for batch_rows in (1, 3, 65536):
        agree(write(tmp_path / "a.parquet", pa.Table.from_pylist(rows), **how), rows, batch_rows)


@given(st.data())
def test_any_mixture_of_rows_is_that_of_the_json_form(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    odd: dict[str, st.SearchStrategy[Any]] = {
        "ts": st.sampled_from([0.0, 1e9, -1.0, 4102444800.0, 4102444799.9999995, 0.0000005, 1e300]),
        "agent": st.sampled_from(["", "x", "ü" * 256, "ü" * 257]),
        "src_ip": st.sampled_from(["1.2.3.4", "::ffff:1.2.3.4", "1.2.3", "fe80::1%a", ""]),
        "src_port": st.sampled_from([0, 65535, 65536, -1]),
        "dst_bytes": st.sampled_from([0, 2**53, 2**53 + 1, -1]),
        "proto": st.sampled_from(["icmp", "udp", "gre"]),
        "outcome": st.sampled_from(["blocked", "S0", ""]),
        "final": st.booleans(),
        "flow_id": st.sampled_from(["", "a"]),
        "episode": st.sampled_from([0, 5, -1]),
        "duration": st.sampled_from([0.0, -1.0, 1e12]),
        "bursts": st.sampled_from([0, 2**31, -1]),
        "util_pct": st.sampled_from([0.0, 100.5, -0.5]),
        "gpu": st.sampled_from(["", "0"]),
        "exit_code": st.sampled_from([0, 2**32, -(2**31)]),
        "command": st.sampled_from(["", "x", "é"]),
        "kind": st.sampled_from(["flow", "gpu", "command", "registry", "other"]),
    }
    base = st.sampled_from([FLOW, FULL, GPU, COMMAND])
    fields = st.lists(st.sampled_from(sorted(odd)), max_size=3)
    rows = []
    for _ in range(data.draw(st.integers(1, 8))):
        row = dict(data.draw(base))
        for field in data.draw(fields):
            row[field] = data.draw(odd[field] | st.none())
        row["ts"] = None if row["ts"] is None else float(row["ts"])
        row["util_pct"] = None if row.get("util_pct") is None else float(row["util_pct"])
        row["dst_bytes"] = None if row.get("dst_bytes") is None else int(row["dst_bytes"])
        rows.append({name: row.get(name) for name in {**FULL, **GPU, **COMMAND, "kind": None}})
    rows = [{name: value for name, value in row.items() if any(r[name] is not None for r in rows)} for row in rows]
    table = pa.Table.from_pylist(rows)
    if parquet.refused(table.schema) is not None:
        return
    path = write(tmp_path_factory.mktemp("mixed") / "a.parquet", table)
    rows = [row if row.get("kind") != "registry" else row | {"kind": "registry"} for row in rows]
    got, expected = read(path), as_json(rows)
    assert rows_of(got) == events(expected.batch)
    registry = [r for r in reasons(got) if r[1] == "expected an event, got a registry entry"]
    if not registry:
        assert reasons(got) == [(r.position, r.reason, r.rows) for r in expected.rejected]


TIMES = [0, 1, 1_700_000_000, 4_102_444_799]


@pytest.mark.parametrize(
    "kind",
    [pa.int32(), pa.int64(), pa.uint64(), pa.float64(), pa.decimal128(20, 6), pa.timestamp("s"), pa.timestamp("ms"),
     pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Athens")],
    ids=str,
)  # fmt: skip
def test_times_may_be_numbers_or_timestamps(tmp_path: Path, kind: Any) -> None:
    times = [ts for ts in TIMES if kind != pa.int32() or ts < 2**31]
    values: list[Any] = list(times)
    if pa.types.is_timestamp(kind):
        values = [datetime.datetime.fromtimestamp(ts, datetime.UTC) for ts in times]
    elif pa.types.is_decimal(kind):
        values = [decimal.Decimal(ts) for ts in times]
    table = pa.table({"agent": ["a"] * len(times), "gpu": ["0"] * len(times), "ts": pa.array(values, kind)})
    assert [row["ts"] for row in rows_of(read(write(tmp_path / "a.parquet", table)))] == [
        ts * 1_000_000 for ts in times
    ]


def test_nanoseconds_are_rounded_half_to_even_and_times_out_of_bounds_are_named(tmp_path: Path) -> None:
    nanoseconds = [500, 501, 1500, 2500, 2501, -1]
    table = pa.table(
        {"agent": ["a"] * 6, "gpu": ["0"] * 6, "ts": pa.array(nanoseconds, pa.int64()).cast(pa.timestamp("ns"))}
    )
    got = read(write(tmp_path / "a.parquet", table))
    assert [row["ts"] for row in rows_of(got)] == [0, 1, 2, 2, 3]
    assert [(at, reason[:38]) for at, reason, _ in reasons(got)] == [(6, "expected ts a number of seconds from 0")]


def test_decimals_floats_and_short_integers_do_where_numbers_are_wanted(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(
        [FLOW | {"src_bytes": 5, "duration": None}, FLOW | {"src_bytes": None, "duration": None}]
    )
    table = table.set_column(table.schema.get_field_index("dst_port"), "dst_port", pa.array([443.0, 443.0]))
    table = table.set_column(
        table.schema.get_field_index("src_port"), "src_port", pa.array([40000, 40000], pa.uint16())
    )
    table = table.set_column(
        table.schema.get_field_index("src_bytes"),
        "src_bytes",
        pa.array([decimal.Decimal("5"), None], pa.decimal128(9, 0)),
    )
    table = table.set_column(
        table.schema.get_field_index("duration"), "duration", pa.array([datetime.timedelta(seconds=2), None])
    )
    rows = rows_of(read(write(tmp_path / "a.parquet", table)))
    assert rows == events(as_json([FLOW | {"src_bytes": 5, "duration": 2}, FLOW]).batch)


def test_nan_is_the_same_as_null_but_for_the_time(tmp_path: Path) -> None:
    table = pa.table(
        {
            "agent": ["a", "a"], "gpu": ["0", "0"], "ts": [1.0, float("nan")],
            "util_pct": pa.array([float("nan"), 5.0]), "power_w": pa.array([float("nan"), 1.0], pa.float32()),
        }
    )  # fmt: skip
    got = read(write(tmp_path / "a.parquet", table))
    (row,) = rows_of(got)
    assert (row["util_pct"], row["power_w"]) == ("nan", "nan")
    assert reasons(got) == [(2, "expected ts a number of seconds from 0 to before 4102444800, got NaN", 1)]


def test_a_gpu_may_be_named_by_its_index(tmp_path: Path) -> None:
    table = pa.table({"agent": ["a", "a"], "gpu": pa.array([3, -3], pa.int8()), "ts": [1, 2]})
    got = read(write(tmp_path / "a.parquet", table))
    assert rows_of(got) == events(as_json([{"agent": "a", "gpu": 3, "ts": 1}]).batch)
    assert reasons(got) == [(2, "expected gpu a string or an integer from 0, got -3", 1)]


WHOLE: dict[str, Any] = {"agent": ["a"] * 3, "ts": [1] * 3}
ENDS: dict[str, Any] = {"src_ip": ["::"] * 3, "dst_ip": ["::"] * 3, "proto": ["tcp"] * 3}
HOPELESS: list[tuple[dict[str, Any], str]] = [
    (WHOLE, "a column kind, or one of src_ip, gpu, command to tell it by, got agent, ts"),
    ({"ts": [1] * 3, "gpu": [0] * 3}, "column agent, got none of that name"),
    ({"agent": ["a"] * 3, "gpu": [0] * 3}, "column ts, got none of that name"),
    (WHOLE | ENDS, "column src_port, got none of that name"),
    (WHOLE | {"ts": ["1"] * 3, "gpu": [0] * 3}, "column ts of a number of seconds or a timestamp, got string"),
    (WHOLE | {"agent": [1] * 3, "gpu": [0] * 3}, "column agent of a string, got int64"),
    (WHOLE | {"gpu": [0.5] * 3}, "column gpu of a string or an integer, got double"),
    (WHOLE | {"gpu": [0] * 3, "util_pct": [True] * 3}, "column util_pct of a number, got bool"),
    (WHOLE | {"command": [["ls"]] * 3}, "column command of a string, got list<element: string>"),
]


@pytest.mark.parametrize(("columns", "reason"), HOPELESS, ids=[reason[:30] for _, reason in HOPELESS])
def test_a_hopeless_column_refuses_the_file_once_with_all_its_rows(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    (decoded,) = read(write(tmp_path / "a.parquet", pa.table(columns)))
    assert (len(decoded.batch), decoded.lines) == (0, 3)
    assert reasons([decoded]) == [(0, f"expected {reason}", 3)]


def test_columns_of_nulls_and_columns_that_nobody_knows_are_no_matter(tmp_path: Path) -> None:
    table = pa.table(
        {
            "agent": ["a"], "ts": [1], "gpu": ["0"], "util_pct": pa.nulls(1), "model": pa.nulls(1), "run": pa.nulls(1),
            "odd": pa.array([{"deep": [1]}]), "id": pa.nulls(1),
        }
    )  # fmt: skip
    assert rows_of(read(write(tmp_path / "a.parquet", table))) == events(
        as_json([{"agent": "a", "ts": 1, "gpu": "0"}]).batch
    )


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_strings_may_be_kept_in_any_way(tmp_path: Path, kind: Any) -> None:
    rows = [{"agent": "a", "ts": 1, "command": word, "cwd": None} for word in ("x", "", "x", "ü" * 20)]
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    table = table.set_column(0, "agent", table.column("agent").cast(kind))
    table = table.set_column(2, "command", table.column("command").cast(kind))
    agree(write(tmp_path / "a.parquet", table), rows)


def test_a_file_that_is_no_parquet_is_named_before_any_work(tmp_path: Path) -> None:
    good = write(tmp_path / "good.parquet", pa.Table.from_pylist([GPU]))
    half = tmp_path / "half.parquet"
    half.write_bytes(good.read_bytes()[:-20])
    with pytest.raises(InputError, match=f"expected a Parquet file, got {half}: "):
        find([str(good), str(half)])


@pytest.mark.parametrize("batch_rows", [300, 500, 65536])
def test_a_broken_page_costs_the_rest_of_its_row_group_and_nothing_else(tmp_path: Path, batch_rows: int) -> None:
    rows = [COMMAND | {"ts": float(i), "command": f"echo {i * 7919}"} for i in range(4000)]
    path = write(tmp_path / "a.parquet", pa.Table.from_pylist(rows), row_group_size=1000, compression="zstd")
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(2).column(1).data_page_offset
    data[start : start + 400] = b"\xff" * 400
    path.write_bytes(data)
    got = read(path, batch_rows)
    assert rows_of(got) == [row for row in events(as_json(rows).batch) if not 2001 <= row["position"] <= 3000]
    (broken,) = [r for part in got for r in part.rejected]
    assert (broken.position, broken.rows) == (2001, 1000)
    assert broken.reason.startswith("expected 1000 rows of row group 3, got 0: ")
    assert sum(part.lines for part in got) == 4000


def test_a_folder_of_parquet_is_read_by_the_inputs(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", pa.Table.from_pylist([GPU, GPU]))
    (source,) = find([str(tmp_path)]).sources
    assert (source.rows, source.begins) == (2, None), "where there is nothing to merge with, it is not looked for"
    reader = Reader(source, Shares(Settings(batch_rows=1)))
    assert [len(decoded.batch) for decoded in reader] == [1, 1]
    assert reader.taken == source.size
    write(tmp_path / "b.parquet", pa.Table.from_pylist([GPU | {"ts": 18}]))
    assert [source.begins for source in find([str(tmp_path)]).sources] == [17_000_000, 18_000_000]


def test_a_long_string_that_comes_often_is_held_once(tmp_path: Path) -> None:
    long = "x" * (1 << 19)
    command = pa.DictionaryArray.from_arrays(pa.array([0] * 200), pa.array([long]))
    path = write(tmp_path / "a.parquet", pa.table({"agent": ["a"] * 200, "ts": np.arange(200), "command": command}))
    tracemalloc.start()
    (decoded,) = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(decoded.batch) == 200
    assert peak < 20 << 20


def test_strings_that_are_no_utf8_are_refused_one_by_one(tmp_path: Path) -> None:
    said = pa.array([b"ls", b"\xff", "é".encode(), b"\xc3"], pa.binary()).view(pa.string())
    table = pa.table({"agent": ["a"] * 4, "ts": [1.0] * 4, "command": said})
    for dictionary in (True, False):
        got = read(write(tmp_path / "a.parquet", table, use_dictionary=dictionary))
        assert [row["command"] for row in rows_of(got)] == [b"ls", "é".encode()]
        assert reasons(got) == [(at, "expected command a string, got a value of another type", 1) for at in (2, 4)]
    split = pa.array([b"\xc3", b"\xa9"], pa.binary()).view(pa.string())
    got = read(write(tmp_path / "a.parquet", pa.table({"agent": split, "ts": [1, 2], "gpu": ["0", "0"]})))
    assert [at for at, _, _ in reasons(got)] == [1, 2]
