"""One sandbox: a clock that the agent's work moves on, and what the sensors around it write down.

A connection is a list of steps; it is cut into records as an exporter does, about one a minute:

    steps      (wait, out, back) ... payload bytes each way after a wait, `out` first
    packets    1448 bytes of payload at most, 52 bytes of headers each; every second packet is acknowledged, by itself
               unless data goes back within 40 ms
    records    a record is closed when a packet comes more than 60 s after its first; its time is its last packet's
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from pipeline.lab.gpus import Shape, idle

Step: TypeAlias = tuple[float, float, float]
Event: TypeAlias = dict[str, Any]

PAYLOAD: Final = 1448
HEADER: Final = 52
ACTIVE_S: Final = 60.0
ACK_S: Final = 0.04
BULK_S: Final = 1.0
"""s of a bulk transfer that make one step."""

RESOLVER: Final = "10.20.0.2"


class Place(NamedTuple):
    """A service that an agent talks to; without a name it is reached by its address."""

    ip: str
    port: int
    name: str = ""
    service: str = ""
    trip_s: float = 0.02


METRICS: Final = Place("10.20.1.10", 9091, "metrics.lab.internal", "http", 0.002)

TLS_HELLO: Final[tuple[Step, ...]] = ((0.0, 517, 0), (0.0, 0, 3710), (0.001, 80, 570))
SSH_HELLO: Final[tuple[Step, ...]] = (
    (0.0, 32, 40), (0.01, 1536, 1120), (0.01, 48, 500), (0.01, 16, 0), (0.02, 44, 44), (0.02, 68, 52),
    (0.05, 372, 332), (0.04, 644, 28), (0.06, 112, 628), (0.02, 632, 629),
)  # fmt: skip


@dataclass
class Sandbox:
    """An agent in its sandbox. `now` is its clock, in Unix seconds; its work moves it on until `end`."""

    name: str
    ip: str
    start: float
    end: float
    run: str
    episode: str
    declared_gpu: str = "none"
    seed: int = 0
    card: str = "NVIDIA H100 80GB HBM3"
    limit_w: float = 700.0
    commands: list[Event] = field(default_factory=list)
    flows: list[Event] = field(default_factory=list)
    samples: list[Event] = field(default_factory=list)
    cwd: str = "/workspace"

    def __post_init__(self) -> None:
        self.agent = f"demo/{self.name}"
        self.random = random.Random(f"{self.seed}:{self.name}")
        self.now = self.start
        self.numbered = 0

    # time

    @property
    def left(self) -> float:
        """s until the sandbox ends."""
        return self.end - self.now

    def wait(self, low: float, high: float) -> None:
        """Let time pass: think, read, compute."""
        self.now += self.random.uniform(low, high)

    def pick(self, many: tuple[Any, ...]) -> Any:
        """One of many."""
        return many[int(self.random.random() * len(many))]

    # commands

    def type(self, command: str, *, exit_code: int | None = 0, session: str = "1", cwd: str | None = None) -> None:
        """Run a command, unless the sandbox has ended; what it does on the network is up to the caller."""
        if self.now > self.end:
            return
        event: Event = {
            "kind": "command", "agent": self.agent, "ts": self.now, "run": self.run, "episode": self.episode,
            "command": command, "tool": "bash", "cwd": cwd or self.cwd, "session": session, "user": "root",
            "host_name": self.name,
        }  # fmt: skip
        if exit_code is not None:
            event["exit_code"] = exit_code
        self.commands.append(event)

    # flows

    def look_up(self, name: str, at: float | None = None) -> float:
        """Ask the resolver for a name, both kinds of address; the time at which it answered."""
        at = self.now if at is None else at
        took = self.random.uniform(0.0014, 0.004)
        size = 2 * (46 + len(name))
        place = Place(RESOLVER, 53, name, "dns")
        self._record(place, "udp", at + took, took, (size, size + 16, 2, 2), "established", self._number(), True)
        return at + took

    def talk(
        self, place: Place, steps: Iterable[Step], *, hello: Iterable[Step] = (), at: float | None = None
    ) -> float:
        """One TCP connection from here to a place; returns when it ended. The clock stands still."""
        at = self.now if at is None else at
        if place.name:
            at = self.look_up(place.name, at)
        return self._connection(place, [*hello, *steps], at, inbound=None)

    def serve(self, client: str, port: int, steps: Iterable[Step], *, at: float, service: str = "http") -> float:
        """One TCP connection from a client to a port of this sandbox: (wait, request bytes, answer bytes)."""
        return self._connection(Place(self.ip, port, "", service, 0.001), list(steps), at, inbound=client)

    def refused(self, place: Place, at: float | None = None) -> float:
        """A connection answered with a reset."""
        at, took = (self.now if at is None else at), place.trip_s * self.random.uniform(0.8, 1.3)
        self._record(place, "tcp", at + took, took, (60, 40, 1, 1), "rejected", self._number(), True)
        return at + took

    def unanswered(self, place: Place, patience: float, at: float | None = None) -> float:
        """A connection that nobody answers: the first packet again after 1 s, 3 s, 7 s while patience lasts."""
        at = self.now if at is None else at
        again = [s for s in (1.0, 3.0, 7.0) if s < patience]
        packets, last = 1 + len(again), again[-1] + self.random.uniform(0.0, 0.03) if again else 0.0
        self._record(place, "tcp", at + last, last, (60 * packets, 0, packets, 0), "unanswered", self._number(), True)
        return at + patience

    def web(self, place: Place, out: float, back: float, *, rate: float = 4e6, at: float | None = None) -> float:
        """One request over TLS or HTTP with its answer, the larger side at `rate` bytes a second."""
        hello = TLS_HELLO if place.service == "ssl" else ()
        return self.talk(place, bulk(out, back, rate), hello=hello, at=at)

    def push_metrics(self, period: float) -> None:
        """What the sandbox's own sidecar sends as long as it lives; no command shows it."""
        at = self.start + self.random.uniform(0, period)
        while at < self.end:
            asked = self.look_up(METRICS.name, at)
            size = (2261.0, 5908.0, 11, 9)
            took = self.random.uniform(0.007, 0.015)
            self._record(METRICS, "tcp", asked + took, took, size, "established", self._number(), True)
            at += period + self.random.uniform(0.0, 0.05)

    def _connection(self, place: Place, steps: list[Step], at: float, inbound: str | None) -> float:
        """Packets of one connection, gathered into records."""
        number = self._number()
        port = self._port()
        begun = last = at
        size = [112.0, 60.0, 2.0, 1.0]
        owed = [0, 0]
        last += place.trip_s
        for wait, out, back in steps:
            at = last + wait
            if at > self.end:
                break
            if wait > ACK_S:
                _acknowledge(size, owed)
            if at - begun > ACTIVE_S:
                self._record(
                    place, "tcp", last, last - begun, size, "established", number, False, port=port, inbound=inbound
                )
                begun, size = at, [0.0, 0.0, 0.0, 0.0]
            _add(size, owed, 0, out)
            _add(size, owed, 1, back)
            last = at + (place.trip_s * self.random.uniform(0.9, 1.2) if out or back else 0.0)
        _acknowledge(size, owed)
        size = [size[0] + 2 * HEADER, size[1] + HEADER, size[2] + 2, size[3] + 1]
        self._record(place, "tcp", last, last - begun, size, "established", number, True, port=port, inbound=inbound)
        return last

    def _record(
        self,
        place: Place,
        proto: str,
        ts: float,
        duration: float,
        size: Iterable[float],
        outcome: str,
        number: int,
        final: bool,
        *,
        port: int | None = None,
        inbound: str | None = None,
    ) -> None:
        if ts > self.end + place.trip_s:
            return
        src_bytes, dst_bytes, src_pkts, dst_pkts = (round(s) for s in size)
        event: Event = {
            "kind": "flow", "agent": self.agent, "ts": ts, "src_ip": inbound or self.ip,
            "src_port": port or self._port(), "dst_ip": place.ip, "dst_port": place.port, "proto": proto,
            "direction": "inbound" if inbound else "outbound", "duration": duration, "src_bytes": src_bytes,
            "dst_bytes": dst_bytes, "src_pkts": src_pkts, "dst_pkts": dst_pkts, "outcome": outcome,
            "flow_id": f"{self.name}:{number}", "final": final,
        }  # fmt: skip
        if outcome == "established":
            event |= {key: value for key, value in (("service", place.service), ("host", place.name)) if value}
        if place.service == "ssh":
            event.pop("host", None)
        self.flows.append(event)

    def _number(self) -> int:
        self.numbered += 1
        return self.numbered

    def _port(self) -> int:
        return 32768 + int(self.random.random() * 28232)

    # GPU samples

    def gpu(self, phases: Iterable[tuple[float, float, Shape]], period: float = 5.0) -> None:
        """Samples of the one GPU from start to end: idle, but for the phases (from, until, what it shows)."""
        planned = sorted(phases, key=lambda p: p[0])
        at = self.start + self.random.uniform(0, period)
        while at < self.end:
            shape, since = next(((s, at - a) for a, b, s in planned if a <= at < b), (idle, 0.0))
            sample = {"kind": "gpu", "agent": self.agent, "ts": at, "gpu": f"GPU-{self.name}-0", "model": self.card}
            self.samples.append(sample | shape(self.random, since, self.limit_w))
            at += period + self.random.uniform(0.0, 0.01)


def bulk(out: float, back: float, rate: float) -> list[Step]:
    """A transfer as steps of about a second each."""
    parts = max(1, math.ceil(max(out, back) / rate / BULK_S))
    return [(0.0, out, 0.0), (0.01, 0.0, back)] if parts == 1 else [(BULK_S, out / parts, back / parts)] * parts


def _add(size: list[float], owed: list[int], way: int, payload: float) -> None:
    """Count data that goes one way (0 out, 1 back): it carries an acknowledgement that is owed and makes others so."""
    packets = math.ceil(payload / PAYLOAD)
    size[way] += payload + HEADER * packets
    size[way + 2] += packets
    if packets:
        owed[way] = max(owed[way] - 1, 0)
        owed[1 - way] += math.ceil(packets / 2)


def _acknowledge(size: list[float], owed: list[int]) -> None:
    """Count the acknowledgements that go by themselves."""
    for way in (0, 1):
        size[way] += HEADER * owed[way]
        size[way + 2] += owed[way]
        owed[way] = 0
