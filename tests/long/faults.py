"""The faults of tests/live in their long form: python -m tests.long.faults kills|outage|nodes [N].

kills N    a worker is killed N times (50) at random moments while the recording is sent
outage     the broker is away for 40 s
nodes      three brokers, every topic on three of them; each is killed once for 15 s
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.broker.cluster import cluster
from tests.live.running import Found, Live, record, same

SPAN_S = 10_800.0
"""Seconds of event time that the recording takes."""


def kills(root: Path, count: int) -> None:
    """kill -9, again and again."""
    expected, chance, began = record(root / "recording"), random.Random(), time.monotonic()
    with cluster(root / "kafka") as kafka:
        lab = Live(kafka.bootstrap, "kills", more={"max_fetch_bytes": 65536}).create()
        thread = lab.sending(expected.files, SPAN_S / (count * 4.0))
        try:
            lab.serve(root / "first.log")
            for n in range(count):
                time.sleep(chance.uniform(0.5, 6.0))
                victim = chance.choice(lab.workers)
                lab.kill(victim)
                lab.serve(root / f"{n}.log")
                if n % 10 == 5:
                    lab.serve(root / f"{n}-second.log")
                print(f"{n + 1} kills, {len(lab.workers)} workers, {time.monotonic() - began:.0f} s", flush=True)
            thread.join()
            lab.wait(mended=True)
            tell(lab.found(), expected.rows, f"{count} kills")
            same(lab.found(), expected, exactly=False)
        finally:
            lab.stop_all()


def outage(root: Path, _: int) -> None:
    """The only broker, away for 40 s."""
    expected = record(root / "recording")
    with cluster(root / "kafka") as kafka:
        lab = Live(kafka.bootstrap, "outage").create()
        thread = lab.sending(expected.files, SPAN_S / 90)
        try:
            lab.serve(root / "a.log")
            lab.serve(root / "b.log")
            lab.running(2)
            time.sleep(10)
            kafka.kill()
            time.sleep(40)
            kafka.start()
            thread.join()
            lab.wait()
            tell(lab.found(), expected.rows, "broker away for 40 s")
            same(lab.found(), expected, exactly=False)
        finally:
            lab.stop_all()


def nodes(root: Path, _: int) -> None:
    """One of three brokers after another, each away for 15 s."""
    expected = record(root / "recording")
    with cluster(root / "kafka", nodes=3) as kafka:
        time.sleep(5)
        lab = Live(kafka.bootstrap, "nodes").create(replication=3)
        thread = lab.sending(expected.files, SPAN_S / 120)
        try:
            lab.serve(root / "a.log")
            lab.serve(root / "b.log")
            lab.running(2)
            for node in (1, 2, 3):
                kafka.kill(node)
                time.sleep(15)
                kafka.start(node)
                time.sleep(10)
                print(f"broker {node} was away", flush=True)
            thread.join()
            lab.wait(mended=True)
            tell(lab.found(), expected.rows, "each of three brokers away for 15 s")
            same(lab.found(), expected, exactly=False)
        finally:
            lab.stop_all()


def tell(found: Found, sent: int, what: str) -> None:
    """The counts."""
    scored = sum(sum(share.scorer.account.scored) for share in found.shares.values())
    said = sum(map(len, found.alerts.values()))
    print(
        f"{what}: {sent} events sent, {scored} scored, {len(found.agents)} agents, "
        f"{len(found.evidence)} pieces of evidence, "
        f"{len(found.alerts)} alerts said {said} times",
        flush=True,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        {"kills": kills, "outage": outage, "nodes": nodes}[sys.argv[1]](
            Path(made), int(sys.argv[2]) if sys.argv[2:] else 50
        )
        print("equal to the replay", flush=True)
