"""Broken brokers, sleeping workers, poison, lost state: nothing is lost, nothing is wrong in silence."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import orjson
from aiokafka.partitioner import murmur2
from kafka import TopicPartition

from pipeline import contracts
from pipeline.live import topics
from tests.broker.cluster import Cluster, Docker, free_ports
from tests.live.running import PARTITIONS, Broker, Expected, Live, live, put, same, until


def test_the_broker_is_killed_and_comes_back(breakable: Cluster | Docker, recording: Expected, tmp_path: Path) -> None:
    with live(breakable, "broker") as lab:
        lab.send(recording.files)
        (port,) = free_ports(1)
        lab.serve(tmp_path / "a.log", "--metrics-port", str(port))
        lab.running()
        breakable.kill()
        until(lambda: answer(port, "/readyz") == 503, lambda: True, lab.words)
        assert answer(port, "/healthz") == 200
        breakable.start()
        lab.wait()
        until(lambda: answer(port, "/readyz") == 200, lambda: True, lab.words)
        same(lab.found(), recording)


def test_a_worker_that_slept_past_its_session_cannot_write(kafka: Broker, recording: Expected, tmp_path: Path) -> None:
    with live(kafka, "sleep", session_timeout_s=3.0) as lab:
        thread = lab.sending(recording.files, 900.0)
        sleeper = lab.serve(tmp_path / "a.log")
        lab.running()
        time.sleep(2)
        sleeper.send_signal(signal.SIGSTOP)
        lab.serve(tmp_path / "b.log")
        until(lambda: "partitions assigned: [0, 1, 2, 3]" in (tmp_path / "b.log").read_text(), lambda: True, lab.words)
        sleeper.send_signal(signal.SIGCONT)
        thread.join(120)
        lab.wait(mended=True)
        same(lab.found(), recording, exactly=False)


def test_poison_in_every_topic_is_rejected_with_its_place_and_the_rest_is_scored(kafka: Broker, tmp_path: Path) -> None:
    agent = b"lab/a"
    home = (murmur2(agent) & 0x7FFFFFFF) % PARTITIONS
    good = {
        "flow": b'{"agent":"lab/a","ts":%d,"src_ip":"10.0.0.2","src_port":40000,"dst_ip":"203.0.113.9",'
        b'"dst_port":443,"proto":"tcp",'
        b'"direction":"outbound"}',
        "gpu": b'{"agent":"lab/a","ts":%d,"gpu":0,"util_pct":3}',
        "command": b'{"agent":"lab/a","ts":%d,"command":"ls"}',
    }
    poison: list[tuple[int, bytes | None, bytes | None]] = [
        (home, agent, None),
        (home, agent, b""),
        (home, None, b"{}"),
        (home, agent, b"rubbish"),
        (home, agent, b"\x00\xff\xfe\x80"),
        (home, agent, b'{"agent":"lab/a"'),
        (home, agent, b"null"),
        (home, agent, b"[" * 2000),
        (home, agent, b'{"agent":"lab/a","ts":"yesterday","command":7}'),
        (home, agent, b'{"agent":"lab/a","ts":1e999}'),
        (home, agent, b'{"agent":"lab/b","ts":5,"command":"ls","kind":"command"}'),
        (home, agent, b'{"agent":"lab/a","ts":5,"x":"' + b"x" * (1 << 20) + b'"}'),
        ((home + 1) % PARTITIONS, agent, b'{"agent":"lab/a","ts":5,"command":"ls","kind":"command"}'),
    ]
    with live(kafka, "poison", max_fetch_bytes=65536) as lab:
        asyncio.run(put(lab.settings, [("registry", p, k, v) for p, k, v in poison if k and v is not None]))
        asyncio.run(put(lab.settings, [("registry", home, agent, b'{"agent":"lab/a","run":"r1"}')]))
        for kind, event in good.items():
            mixed: list[tuple[str, int | None, bytes | None, bytes | None]] = [(kind, p, k, v) for p, k, v in poison]
            scored: list[tuple[str, int | None, bytes | None, bytes | None]] = [
                (kind, home, agent, event % (1000 + n)) for n in range(20)
            ]
            packed: list[tuple[str, int | None, bytes | None, bytes | None]] = [
                (kind, home, agent, b"[" + event % 1100 + b",\n" + event % 1101 + b"]"),
                (kind, home, agent, event % 1102 + b"\n" + event % 1103),
            ]
            asyncio.run(
                put(
                    lab.settings,
                    [r for pair in zip(mixed, scored, strict=False) for r in pair] + scored[len(mixed) :] + packed,
                )
            )
        lab.serve(tmp_path / "a.log")
        lab.wait()
        found = lab.found()
        share = found.shares[home]
        assert share.scorer.account.scored == [24, 24, 24]
        said = {(r["topic"].rpartition(".")[2], r["partition"], r["offset"]) for r in found.rejected}
        per_topic = {kind: sum(topic == kind for topic, _, _ in said) for kind in topics.INPUTS}
        assert per_topic == {
            "registry": len(poison) - 2,
            "flow": len(poison),
            "gpu": len(poison),
            "command": len(poison),
        }
        assert sum(sum(s.rejected.values()) for s in found.shares.values()) == len(found.rejected)
        assert sum(s.records.total() for s in found.shares.values()) == 4 * len(poison) - 2 + 1 + 3 * 22
        for record in found.rejected:
            jsonschema.validate(record, orjson.loads(contracts.text("rejected")))
        reasons = " ".join(r["reason"] for r in found.rejected)
        for words in (
            "got a tombstone",
            "got nothing",
            "expected the agent as key",
            "expected partition",
            "bytes, got",
        ):
            assert words in reasons
        assert share.scorer.registry.run("lab/a") == "r1"


def test_lost_state_is_refused_or_rebuilt_as_the_operator_says(
    kafka: Broker, recording: Expected, tmp_path: Path
) -> None:
    with live(kafka, "lost") as lab:
        lab.send(recording.files)
        lab.stop(waited(lab, tmp_path / "a.log"))
        forget(lab)
        refused = lab.serve(tmp_path / "b.log")
        assert refused.wait(90) == 1
        lab.workers.clear()
        assert (
            "expected state, since the group has read the input topics before, got none"
            in (tmp_path / "b.log").read_text()
        )
        lab.more["lost_state"] = "rebuild"
        lab.stop(waited(lab, tmp_path / "c.log"))
        assert "rebuilt from the input topics" in (tmp_path / "c.log").read_text()
        same(lab.found(), recording)


def test_records_that_are_missing_before_the_first_one_read_stop_the_worker(
    kafka: Broker, recording: Expected, tmp_path: Path
) -> None:
    with live(kafka, "gap") as lab:
        lab.send(recording.files)
        lab.stop(waited(lab, tmp_path / "a.log"))
        lab.send(recording.files)
        client = topics.admin(lab.settings)
        try:
            client.delete_records({TopicPartition(topics.name(lab.settings, "flow"), p): -1 for p in range(PARTITIONS)})
        finally:
            client.close()
        lab.send(recording.files)
        stopped = lab.serve(tmp_path / "b.log")
        assert stopped.wait(120) == 1
        lab.workers.clear()
        assert "records are missing (setting live.gaps)" in (tmp_path / "b.log").read_text()


def test_a_broker_that_stands_still_makes_a_worker_wait_and_not_grow(
    breakable: Cluster | Docker, recording: Expected, tmp_path: Path
) -> None:
    with live(breakable, "slow", max_fetch_bytes=65536, max_unacknowledged=50) as lab:
        thread = lab.sending(recording.files, 2000.0)
        worker = lab.serve(tmp_path / "a.log")
        lab.running()
        before = memory(worker.pid)
        breakable.pause()
        time.sleep(4)
        breakable.wake()
        thread.join(120)
        lab.wait()
        assert memory(worker.pid) < before + 200_000_000
        same(lab.found(), recording, exactly=False)


def waited(lab: Live, log: Path) -> subprocess.Popen[bytes]:
    """A worker that has done all there is."""
    worker = lab.serve(log)
    until(lambda: "partitions assigned" in log.read_text(), lambda: worker.poll() is None, lab.words)
    lab.wait()
    return worker


def forget(lab: Live) -> None:
    """The state topic, emptied."""
    client = topics.admin(lab.settings)
    try:
        client.delete_topics([topics.name(lab.settings, "state")])
        until(
            lambda: topics.name(lab.settings, "state") not in {t["name"] for t in client.describe_topics()},
            lambda: True,
            lab.words,
        )
    finally:
        client.close()
    lab.create()


def answer(port: int, path: str) -> int:
    """The status of an answer, 0 where there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as said:
            return int(said.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
