"""Native events as Parquet: the fields of the JSON form as columns, one kind a file or a column `kind`.

Whole columns are checked at once. Rows that are not plain there are read one by one with the checks of `_fields`; a
column that is missing or of a hopeless type refuses the file, once, with the number of its rows.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import InputError, RejectedError
from pipeline.events import codes
from pipeline.events.batch import Batch, Part, of_kind, select_part
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.events.together import interleave, positions_of
from pipeline.formats import KEPT_BYTES, Decoded, Rejected, _arrow, _fields
from pipeline.formats._arrow import Array, Mask
from pipeline.formats._rows import Rows, five_tuples
from pipeline.formats._words import CLASSES

TITLE: Final = "native events as Parquet"
SUFFIXES: Final = (".parquet", ".pq")

BATCH_BYTES: Final = 64 << 20
"""About how many bytes a batch may have, by the average of its row group."""

SMALL: Final = 1 << 20
"""Bytes up to which a file is read at once and not kept open: thousands of them may be merged."""

UNIQUE: Final = ("id", "flow_id")
"""Names that hardly ever come twice; all other strings are read as places in a dictionary, however often they come."""

REPEATED_BYTES: Final = 8
"""Bytes of a value, as stored, below which even a name that should be unique is taken to be stored as such a place."""

REQUIRED: Final = (
    ("agent", "ts", "src_ip", "src_port", "dst_ip", "dst_port", "proto"),
    ("agent", "ts", "gpu"),
    ("agent", "ts", "command"),
)
RUBBISH: Final = (pa.ArrowException, OSError, ValueError)
"""What pyarrow raises for bytes that are not what they should be."""


def count_rows(path: Path) -> int:
    """How many rows the file holds; InputError where it is no Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except FileNotFoundError:
        raise
    except RUBBISH as error:
        raise InputError(f"expected a Parquet file, got {path}: {str(error).splitlines()[0]}") from None


def read(path: Path, source: int, rows: int) -> Iterator[Decoded]:
    """The file's rows in batches of at most `rows`; the n-th row of the file has position n, from 1 on."""
    whole: Any = pa.py_buffer(path.read_bytes()) if path.stat().st_size <= SMALL else path
    with pq.ParquetFile(whole) as file:
        total = int(file.metadata.num_rows)
        reason = refused(file.schema_arrow)
        if reason is not None:
            raw = ", ".join(f"{f.name}: {f.type}" for f in file.schema_arrow).encode()[:KEPT_BYTES]
            yield nothing(Rejected(source, 0, reason, raw, total), total)
            return
        columns = [name for name in file.schema_arrow.names if name in CLASSES]
        strings = repeated(file.metadata, file.schema_arrow)
        rows = min(rows, most_rows(file.metadata))
    position = 1
    with pq.ParquetFile(whole, read_dictionary=strings, pre_buffer=False) as file:
        for piece in pieces(file, columns, rows):
            if isinstance(piece, Lost):
                yield nothing(Rejected(source, position, piece.reason, b"", piece.rows), piece.rows)
                position += piece.rows
            else:
                yield read_batch(piece, source, position)
                position += piece.num_rows


class Lost(NamedTuple):
    """Rows that cannot be read, and why."""

    rows: int
    reason: str


def pieces(file: pq.ParquetFile, columns: list[str], rows: int) -> Iterator[pa.RecordBatch | Lost]:
    """The file's rows, at most `rows` at once; a broken page costs the rest of its row group and nothing else."""
    done = 0
    try:
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            yield batch
            done += batch.num_rows
        return
    except RUBBISH:
        # A batch may span row groups: from here on each is read by itself.
        pass
    end = 0
    for group in range(file.metadata.num_row_groups):
        begin, end = end, end + int(file.metadata.row_group(group).num_rows)
        before = max(0, done - begin)
        if done >= end:
            continue
        try:
            for batch in file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
                rest = batch.slice(min(before, batch.num_rows))
                before -= batch.num_rows - rest.num_rows
                if rest.num_rows:
                    yield rest
                    done += rest.num_rows
        except RUBBISH as error:
            reason = f"expected {end - begin} rows of row group {group + 1}, got {done - begin}: "
            yield Lost(end - done, reason + str(error).splitlines()[0])
        done = end


def nothing(rejected: Rejected, lines: int) -> Decoded:
    """No rows, and why."""
    return Decoded(Rows(rejected.source).batch(), [], [rejected], lines)


def kinds_of(names: list[str]) -> list[int]:
    """Of which kinds a file with these columns can be."""
    marked = [kind for mark, kind in _fields.MARKS.items() if mark in names]
    return list(_fields.MARKS.values()) if "kind" in names else marked


def refused(schema: pa.Schema) -> str | None:
    """Why no row of a file can be read, if so.

    >>> refused(pa.schema([("agent", pa.string()), ("ts", pa.float64()), ("command", pa.int64())]))
    'expected column command of a string, got int64'
    """
    names = list(schema.names)
    here = kinds_of(names)
    if not here:
        got = ", ".join(names) or "none"
        return f"expected a column kind, or one of {', '.join(_fields.MARKS)} to tell it by, got {got[:400]}"
    needed = REQUIRED[here[0]] if len(here) == 1 else REQUIRED[here[0]][:2]
    for field in needed:
        if field not in names:
            return f"expected column {field}, got none of that name"
    for field, kind in zip(names, schema.types, strict=True):
        if names.count(field) > 1 and field in CLASSES:
            return f"expected every column once, got {field} twice"
        if field in CLASSES and not _arrow.does(field, kind):
            return f"expected column {field} of {_arrow.wanted(field)}, got {kind}"
    return None


def repeated(metadata: Any, schema: pa.Schema) -> list[str]:
    """Columns of strings that are to be read as places in a dictionary: a long string that comes often is held once."""
    out = []
    for at, field in enumerate(schema):
        if field.name in CLASSES and _arrow.is_string(field.type):
            groups = [metadata.row_group(g).column(at) for g in range(metadata.num_row_groups)]
            stored = sum(g.total_uncompressed_size for g in groups)
            if field.name not in UNIQUE or stored < REPEATED_BYTES * sum(g.num_values for g in groups):
                out.append(field.name)
    return out


def most_rows(metadata: Any) -> int:
    """How many rows a batch may have by the size of the largest rows, on average, of any row group."""
    most = 1
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        most = max(most, group.total_byte_size // max(1, group.num_rows))
    return max(1, BATCH_BYTES // most)


def read_batch(batch: pa.RecordBatch, source: int, position: int) -> Decoded:
    """The rows of a record batch, those that are not plain one by one."""
    parts, odd = read_plain(batch, source, position)
    if odd is None:
        return Decoded(parts[0], [], [], len(batch))
    slow = Rows(source)
    rejected: list[Rejected] = []
    for at in np.flatnonzero(odd).tolist():
        row = {name: plain(name, batch.column(name)[at]) for name in batch.schema.names}
        try:
            of = _fields.kind_of(row)
            if of is None:
                raise RejectedError("expected an event, got a registry entry")
            slow.add(position + at, row, of)
        except RejectedError as error:
            raw = ", ".join(f"{name}: {value}" for name, value in row.items() if value is not None)
            rejected.append(Rejected(source, position + at, str(error), raw.encode("utf-8", "replace")[:KEPT_BYTES]))
    rest = slow.batch()
    if len(rest) or not parts:
        parts.append(rest)
    return Decoded(interleave(parts, [positions_of(part) for part in parts]), [], rejected, len(batch))


def read_plain(batch: pa.RecordBatch, source: int, position: int) -> tuple[list[Batch], Mask | None]:
    """The rows that are plain, a batch of each kind, and the others; None where there are no others and one kind."""
    alone = one_kind(batch)
    if alone is not None:
        part, odd = PARTS[alone](batch, source, np.arange(position, position + len(batch)))
        if not odd.any():
            return [of_kind(alone, part)], None
        part = select_part(part, np.flatnonzero(~odd))
        return [of_kind(alone, part)] if len(part) else [], odd
    kind, odd = kinds_in(batch)
    parts: list[Batch] = []
    for k in range(len(codes.KINDS)):
        rows = np.flatnonzero((kind == k) & ~odd)
        if len(rows):
            mine = batch if len(rows) == len(batch) else batch.take(pa.array(rows, pa.int64()))
            part, bad = PARTS[k](mine, source, position + rows)
            if bad.any():
                odd[rows[bad]] = True
                part = select_part(part, np.flatnonzero(~bad))
            if len(part):
                parts.append(of_kind(k, part))
    return parts, odd


def one_kind(batch: pa.RecordBatch) -> int | None:
    """The kind of all rows, where that can be told at once."""
    if not len(batch):
        return None
    if "kind" in batch.schema.names:
        words = _arrow.read_words(batch.column("kind"), {word: code for code, word in enumerate(codes.KINDS)})
        first = int(words.values[0])
        return first if words.there is None and (words.values == first).all() else None
    marks = [kind for mark, kind in _fields.MARKS.items() if mark in batch.schema.names]
    # Where the one column that tells the kind is null, the reader of that kind says what is missing.
    return marks[0] if len(marks) == 1 else None


def kinds_in(batch: pa.RecordBatch) -> tuple[NDArray[np.int64], Mask]:
    """The kind of each row, and the rows of which it cannot be told at once."""
    names = batch.schema.names
    told = np.zeros(len(batch), np.int64)
    count = np.zeros(len(batch), np.int64)
    for mark, kind in _fields.MARKS.items():
        if mark in names:
            there = _arrow.valid(batch.column(mark))
            told[there] = kind
            count += there
    odd = count != 1
    if "kind" in names:
        words = _arrow.read_words(batch.column("kind"), {word: code for code, word in enumerate(codes.KINDS)})
        if words.there is None:
            return words.values.astype(np.int64), np.zeros(len(batch), np.bool_)
        told = np.where(words.there, words.values, told)
        odd &= ~words.there
        _arrow.mark(odd, words.odd)
    return told, odd


def plain(field: str, scalar: Any) -> Any:
    """A value of Arrow as JSON would have it."""
    if scalar.is_valid and (pa.types.is_timestamp(scalar.type) or pa.types.is_duration(scalar.type)):
        return scalar.value / _arrow.A_SECOND[scalar.type.unit]
    try:
        value = scalar.as_py()
    except UnicodeDecodeError:
        return _fields.Hidden()
    if isinstance(value, float) and math.isnan(value) and field != "ts":
        return None
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def column(batch: pa.RecordBatch, field: str) -> Array:
    """A column; nulls where the file has none."""
    return batch.column(field) if field in batch.schema.names else pa.nulls(len(batch))


def read_common(batch: pa.RecordBatch, source: int, position: NDArray[np.int64]) -> tuple[Common, Mask]:
    """The columns that all kinds have, and the rows that are not plain."""
    bad = np.zeros(len(batch), np.bool_)
    ts = _arrow.read_times(column(batch, "ts"), nan_is_null=False)
    _arrow.mark(bad, ts.odd)
    _arrow.absent(bad, ts.there)
    agent = read_names(batch, "agent", bad).strings()
    if not _arrow.within(agent.length, 1, _fields.AGENT_BYTES):
        bad |= (agent.length < 1) | (agent.length > _fields.AGENT_BYTES)
    named = [read_names(batch, field, bad).strings() for field in ("id", "run", "episode")]
    return Common(ts.values, np.full(len(batch), source, np.int32), position, agent, *named), bad


def read_names(batch: pa.RecordBatch, field: str, bad: Mask) -> _arrow.Texts:
    """A column of strings or names; rows that are not plain are marked in `bad`."""
    array = column(batch, field)
    texts = _arrow.read_texts(array)
    _arrow.mark(bad, _arrow.negative(array))
    _arrow.mark(bad, texts.odd())
    return texts


def read_floats(batch: pa.RecordBatch, fields: tuple[str, ...], bad: Mask) -> list[NDArray[np.float64]]:
    """Columns of numbers; rows that are not plain are marked in `bad`."""
    out = []
    for field in fields:
        numbers = _arrow.read_numbers(column(batch, field), *_fields.GPU_RANGES.get(field, _fields.COUNTER))
        _arrow.mark(bad, numbers.odd)
        out.append(numbers.values)
    return out


def read_flows(batch: pa.RecordBatch, source: int, position: NDArray[np.int64]) -> tuple[Part, Mask]:
    """Flow records, and the rows that are not plain."""
    common, bad = read_common(batch, source, position)
    made: dict[str, Any] = {}
    for end in ("src", "dst"):
        made[f"{end}_hi"], made[f"{end}_lo"], odd = _arrow.read_address_column(column(batch, f"{end}_ip"))
        _arrow.mark(bad, odd)
    for field, meanings in (("proto", codes.PROTOS), ("direction", codes.DIRECTIONS), ("outcome", codes.OUTCOMES)):
        words = _arrow.read_words(column(batch, field), meanings)
        _arrow.mark(bad, words.odd)
        made[field] = words.values
    bad |= made["proto"] == codes.UNKNOWN
    icmp = made["proto"] == codes.ICMP
    any_icmp = bool(icmp.any())
    for field in ("src_port", "dst_port"):
        port = _arrow.read_integers(column(batch, field), 0, _fields.PORT_MAX)
        _arrow.mark(bad, port.odd)
        if port.there is not None:
            bad |= ~(port.there | icmp)
        made[field] = (np.where(icmp, 0, port.values) if any_icmp else port.values).astype(np.int32)
    for field in ("bursts", "bursts_dst_first"):
        count = _arrow.read_integers(column(batch, field), 0, _fields.INT_MAX)
        _arrow.mark(bad, count.odd)
        made[field] = count.or_else(-1).astype(np.int32)
    duration = _arrow.read_times(column(batch, "duration"), nan_is_null=True)
    _arrow.mark(bad, duration.odd)
    made["duration"] = duration.or_else(-1)
    made["final"] = _arrow.read_truths(column(batch, "final"))
    made |= zip(_fields.FLOW_COUNTERS, read_floats(batch, _fields.FLOW_COUNTERS, bad), strict=True)
    named = read_names(batch, "flow_id", bad)
    made["flow_id"] = flow_names(named, made)
    for field in ("service", "host"):
        made[field] = read_names(batch, field, bad).strings()
    return Part(common, Flow(**made)), bad


def flow_names(named: _arrow.Texts, made: dict[str, Any]) -> NDArray[np.uint64]:
    """The hash of each flow's name; without one, of its five-tuple."""
    there = named.strings().length > 0
    if there.all():
        return _arrow.hash_column(named)
    tuples = five_tuples(made)
    return np.where(there, _arrow.hash_column(named), tuples) if there.any() else tuples


def read_gpus(batch: pa.RecordBatch, source: int, position: NDArray[np.int64]) -> tuple[Part, Mask]:
    """GPU samples, and the rows that are not plain."""
    common, bad = read_common(batch, source, position)
    named = read_names(batch, "gpu", bad)
    name = named.strings()
    bad |= name.length < 1
    model = read_names(batch, "model", bad).strings()
    return Part(common, Gpu(_arrow.hash_column(named), name, model, *read_floats(batch, Gpu._fields[3:], bad))), bad


def read_commands(batch: pa.RecordBatch, source: int, position: NDArray[np.int64]) -> tuple[Part, Mask]:
    """Commands, and the rows that are not plain."""
    common, bad = read_common(batch, source, position)
    said = read_names(batch, "command", bad).strings(keep_empty=True)
    bad |= said.length < 0
    rest = [read_names(batch, field, bad).strings() for field in Command._fields[1:-1]]
    code = _arrow.read_integers(column(batch, "exit_code"), *_fields.EXIT_CODES)
    _arrow.mark(bad, code.odd)
    return Part(common, Command._make((said, *rest, code.or_else(np.nan).astype(np.float64)))), bad


PARTS: Final = (read_flows, read_gpus, read_commands)
