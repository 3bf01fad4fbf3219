"""Which files are read, as what, in which order; and that nothing of them is lost or read twice."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from pipeline.errors import InputError
from pipeline.events.batch import Batch
from pipeline.formats import Decoded
from pipeline.reading import inputs
from pipeline.reading.inputs import Skipped, find
from pipeline.reading.merge import Stream, merge
from pipeline.reading.reader import Reader, Settings, Shares, Source
from tests.naive.batches import events


def command(ts: float, agent: str = "lab/a", said: str = "ls") -> dict[str, Any]:
    return {"kind": "command", "agent": agent, "ts": ts, "command": said}


def lines(*rows: Any) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def read(source: Source, settings: Settings | None = None) -> list[Decoded]:
    return list(Reader(source, Shares(settings or Settings())))


def times(source: Source, **settings: int) -> list[float]:
    return [event["ts"] / 1e6 for decoded in read(source, Settings(**settings)) for event in events(decoded.batch)]


def reasons(source: Source, **settings: int) -> list[tuple[int, str]]:
    return [(r.position, r.reason) for decoded in read(source, Settings(**settings)) for r in decoded.rejected]


@pytest.mark.parametrize("suffix", [".ndjson", ".jsonl", ".json", ".JSONL"])
@pytest.mark.parametrize(
    ("packing", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_lines_are_read_by_the_name_of_their_file(
    tmp_path: Path, suffix: str, packing: str, pack: Callable[[bytes], bytes]
) -> None:
    path = write(tmp_path / f"events{suffix}{packing}", pack(lines(command(1), command(2))))
    found = find([path])
    (source,) = found.sources
    assert (source.name, source.packing, source.begins, source.size) == (
        path,
        packing,
        1_000_000,
        os.path.getsize(path),
    )
    assert times(source) == [1, 2]
    assert found.names == [path]


def test_a_folder_is_read_in_the_order_of_names_and_what_is_skipped_is_named(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/z.jsonl", "a/c/y.ndjson", "B.jsonl"):
        write(tmp_path / name, lines(command(1)))
    write(tmp_path / "labels.csv", b"agent,label\n")
    write(tmp_path / "meta.json", json.dumps({"set": "x", "counts": {"agent": 3}}, indent=2).encode())
    write(tmp_path / "flat.json", b'{"set": "x"}')
    write(tmp_path / "large.json", json.dumps({"rows": list(range(50_000))}, indent=1).encode())
    found = find([str(tmp_path)])
    assert [os.path.relpath(s.name, tmp_path) for s in found.sources] == [
        "B.jsonl",
        "b.jsonl",
        "a/z.jsonl",
        "a/c/y.ndjson",
    ]
    assert [(os.path.relpath(s.name, tmp_path), s.reason[:25]) for s in found.skipped] == [
        ("flat.json", "a JSON document that is n"),
        ("labels.csv", "a file that does not end "),
        ("large.json", "a JSON document that is n"),
        ("meta.json", "a JSON document that is n"),
    ]


def test_every_path_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", lines(command(1)))
    missing, odd = str(tmp_path / "missing.jsonl"), write(tmp_path / "notes.txt", b"")
    document = write(tmp_path / "meta.json", b'{"set": "x"}')
    with pytest.raises(InputError) as error:
        find([good, missing, odd, document])
    said = str(error.value).split("; ")
    assert said[0] == f"expected a file or folder that can be read, got {missing}: No such file or directory"
    assert said[1].startswith(f"expected events in {odd}, got a file that does not end in .ndjson, .jsonl, .json")
    assert said[2] == f"expected events in {document}, got a JSON document that is not an event"
    assert len(said) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.jsonl", b"")
    os.chmod(path, 0)
    with pytest.raises(InputError, match="Permission denied"):
        find([path])


def test_a_folder_without_events_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "readme.txt", b"")
    with pytest.raises(InputError, match="expected a file of events in"):
        find([str(tmp_path)])


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", lines(command(1)))
    os.link(path, tmp_path / "same.jsonl")
    found = find([str(tmp_path)])
    assert len(found.sources) == 1
    assert found.skipped == [Skipped(str(tmp_path / "same.jsonl"), "a file that was named before")]
    with pytest.raises(InputError, match="named before"):
        find([path, path])


def test_a_file_that_begins_with_a_registry_entry_gives_the_registry(tmp_path: Path) -> None:
    entries = [{"agent": "lab/a", "declared_gpu": "none", "internal": ["10.0.0.0/8"]}, {"agent": "lab/b"}]
    write(tmp_path / "agents.jsonl", b"\n" + lines(*entries) + b"rubbish\n")
    write(tmp_path / "events.jsonl", lines(command(1)))
    found = find([str(tmp_path)])
    assert found.registry == entries
    assert [(r.source, r.position) for r in found.rejected] == [(0, 4)]
    assert [(s.index, found.names[s.index]) for s in found.sources] == [(1, str(tmp_path / "events.jsonl"))]


def test_events_behind_registry_entries_in_one_file_are_not_lost_nor_is_anything_counted_twice(tmp_path: Path) -> None:
    path = write(
        tmp_path / "all.jsonl", lines({"agent": "lab/a", "declared_gpu": "any"}) + b"rubbish\n" + lines(command(5))
    )
    found = find([path])
    assert found.registry == [{"agent": "lab/a", "declared_gpu": "any"}]
    assert found.rejected == []
    (source,) = found.sources
    assert times(source) == [5]
    assert [position for position, _ in reasons(source)] == [2]


@pytest.mark.parametrize("indent", [None, 1, "\t"])
@pytest.mark.parametrize("packing", ["", ".zst"])
def test_a_json_array_in_a_file_is_read_as_its_elements(tmp_path: Path, indent: Any, packing: str) -> None:
    rows = [command(i, said=f"echo ']' [{i}, \"x\n") for i in range(500)]
    data = json.dumps([*rows[:250], {"ts": "bad"}, *rows[250:]], indent=indent).encode()
    path = write(tmp_path / f"events.json{packing}", zstandard.ZstdCompressor().compress(data) if packing else data)
    (source,) = find([path]).sources
    assert (source.document, source.begins) == (True, 0)
    for block_bytes in (100, 1 << 20):
        assert times(source, block_bytes=block_bytes) == list(range(500))
        assert [position for position, _ in reasons(source, block_bytes=block_bytes)] == [251]


def test_one_event_spread_over_many_lines_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "event.json", json.dumps(command(3), indent=2).encode())
    assert times(find([path]).sources[0]) == [3]


def test_a_broken_first_line_does_not_make_a_file_of_lines_a_document(tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", b'{"agent": "lab/a", "ts":\n' + lines(command(1), command(2)))
    (source,) = find([path]).sources
    assert not source.document
    assert times(source) == [1, 2]
    assert source.begins == 1_000_000


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + lines(command(1), command(2)).replace(b"\n", b"\r\n")
    (source,) = find([write(tmp_path / "events.jsonl", data)]).sources
    assert source.begins == 1_000_000
    assert times(source) == [1, 2]
    assert reasons(source) == []


def test_an_empty_file_is_a_source_without_events(tmp_path: Path) -> None:
    (source,) = find([write(tmp_path / "events.jsonl", b"")]).sources
    assert (times(source), source.begins) == ([], None)


def test_standard_input_is_read_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lines({"agent": "lab/a", "declared_gpu": "none"}, command(1), command(2))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    found = find(["-"])
    (source,) = found.sources
    decoded = read(source)
    assert [event["ts"] for d in decoded for event in events(d.batch)] == [1_000_000, 2_000_000]
    assert [entry for d in decoded for entry in d.registry] == [{"agent": "lab/a", "declared_gpu": "none"}]
    assert found.names == ["-"]


def test_a_pipe_is_read_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    keep = os.open(path, os.O_RDWR)
    try:
        os.write(keep, lines(command(1)))
        (source,) = find([str(path)]).sources
        assert source.size is None
    finally:
        os.close(keep)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_half_written_file_is_read_as_far_as_it_goes(tmp_path: Path, packing: str) -> None:
    rows = lines(*(command(i, said=f"echo {i * i * 7919 % 10007}") for i in range(20_000)))
    pack = gzip.compress if packing == ".gz" else zstandard.ZstdCompressor().compress
    packed = pack(rows)
    (source,) = find([write(tmp_path / f"events.jsonl{packing}", packed[: len(packed) // 2])]).sources
    got = times(source)
    assert got == list(range(len(got)))
    assert len(got) > 3000
    said = reasons(source)
    assert said[-1][1].endswith(f"got the end of the file at byte {len(packed) // 2}")
    assert all(reason.startswith("expected a JSON object, got ") for _, reason in said[:-1])
    assert len(said) <= 2


@pytest.mark.parametrize("block_bytes", [1, 37, 1000, 1 << 20])
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, block_bytes: int) -> None:
    data = b"\n".join(
        [b"rubbish", b"", *lines(*(command(i) for i in range(30))).split(b"\n"), b'[{"agent":"x"}]', b"end"]
    )
    (source,) = find([write(tmp_path / "events.jsonl", data)]).sources

    def everything(size: int) -> tuple[list[Any], list[Any], list[Any]]:
        decoded = read(source, Settings(block_bytes=size, least_bytes=1))
        rows = [event for d in decoded for event in events(d.batch)]
        return rows, [r for d in decoded for r in d.rejected], [entry for d in decoded for entry in d.registry]

    assert everything(block_bytes) == everything(4 << 20)


def test_how_much_was_read_is_known_while_reading(tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", lines(*(command(i) for i in range(1000))))
    (source,) = find([path]).sources
    reader = Reader(source, Shares(Settings(block_bytes=1000)))
    seen = [reader.taken for _ in reader]
    assert seen == sorted(seen)
    assert 0 < seen[0] < 3000
    assert reader.taken == source.size == os.path.getsize(path)


def test_many_open_files_get_smaller_blocks() -> None:
    shares = Shares(Settings(block_bytes=1000, open_bytes=5000, least_bytes=100))
    sizes = []
    for shares.open in (0, 1, 5, 10, 100):
        sizes.append(shares.block_bytes())
    assert sizes == [1000, 1000, 1000, 500, 100]


def test_formats_are_found_by_how_names_end() -> None:
    told = inputs.by_name("x/events.jsonl.gz")
    assert told is not None
    assert told[1] == ".gz"
    assert inputs.by_name("x/events.txt.gz") is None
    assert inputs.by_name("x/jsonl") is None


LINES = lines(command(1), command(2))
STREAMS = {
    "lines": LINES,
    "gzip": gzip.compress(LINES),
    "zstd": zstandard.ZstdCompressor().compress(LINES),
    "array": json.dumps([command(1), command(2)], indent=1).encode(),
}


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_standard_input_tells_by_its_first_bytes_what_it_is(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    assert times(find(["-"]).sources[0]) == [1, 2]


def test_thousands_of_small_files_are_merged_without_keeping_them_open(tmp_path: Path) -> None:
    for i in range(300):
        write(tmp_path / f"{i:04d}.jsonl", lines(command(i), command(1000 + i)))
    found = find([str(tmp_path)])
    shares = Shares()
    opened = []

    def batches(source: Source) -> Iterator[Batch]:
        for decoded in Reader(source, shares):
            opened.append(len(os.listdir("/proc/self/fd")))
            yield decoded.batch

    streams = [Stream(lambda source=source: batches(source), source.begins) for source in found.sources]  # type: ignore[misc]
    got = [event["ts"] for batch in merge(streams) for event in events(batch)]
    assert got == sorted(got)
    assert len(got) == 600
    assert max(opened) - min(opened) < 10


def test_a_folder_is_read_past_what_holds_no_events(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", lines(command(1)))
    os.symlink("nowhere", tmp_path / "dangling")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jsonl")
    found = find([str(tmp_path)])
    assert [source.name for source in found.sources] == [str(tmp_path / "a.jsonl")]
    assert [os.path.basename(skipped.name) for skipped in found.skipped] == ["dangling", "pipe", "pipe.jsonl"]
    os.symlink("nowhere", tmp_path / "dangling.jsonl")
    with pytest.raises(InputError, match=r"dangling\.jsonl: No such file"):
        find([str(tmp_path)])


def test_standard_input_can_be_named_once() -> None:
    with pytest.raises(InputError, match="expected events on the standard input, got it named twice"):
        find(["-", "-"])


def test_what_stands_before_a_fault_in_a_gzip_file_is_read(tmp_path: Path) -> None:
    said = [{"agent": "lab/a", "ts": n, "command": f"echo {n * 7919 % 1009}"} for n in range(2000)]
    packed = bytearray(gzip.compress(lines(*said)))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    (source,) = find([str(tmp_path)]).sources
    assert times(source)[:800] == list(range(800))
    reason = reasons(source)[-1][1]
    assert "expected gzip data, got something else from byte" in reason
    assert " byte 0 " not in reason
