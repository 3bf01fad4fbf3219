"""A throw-away Kafka for tests: KRaft brokers from jars that Maven fetches once, or one in docker.

    with cluster(tmp_path) as kafka:            kafka.bootstrap
        kafka.kill(1); kafka.start(1)           kill -9, and back with what it had on disk

Which one is decided by `how`: AGENTRISK_TEST_BOOTSTRAP, docker, Java and Maven, or none with a sentence on what to
install.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import platformdirs

POM: Final = Path(__file__).with_name("pom.xml")
IMAGE: Final = "apache/kafka:4.1.0"
INSTALL: Final = (
    "tests against Kafka need a broker: install Java 17 and Maven (Debian: default-jre-headless maven), start docker, "
    "or set "
    "AGENTRISK_TEST_BOOTSTRAP to host:port of one that may be written to"
)
START_S: Final = 90.0

COMMON: Final[dict[str, Any]] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 3000,
    "auto.create.topics.enable": "false",
    "controlled.shutdown.enable": "false",
    "unclean.leader.election.enable": "false",
    "message.max.bytes": 20_000_000,
    "replica.fetch.max.bytes": 20_000_000,
    "log.cleaner.dedupe.buffer.size": 4_000_000,
    "log.cleaner.backoff.ms": 2000,
    "num.network.threads": 2,
    "num.io.threads": 4,
}
"""Small and quick: a broker of a quarter of a gigabyte that is there in seconds."""


def how() -> str | None:
    """What gives a broker here: given, docker, java or nothing."""
    if os.environ.get("AGENTRISK_TEST_BOOTSTRAP"):
        return "given"
    if shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "docker"
    if shutil.which("java") and (shutil.which("mvn") or jars_at().is_dir()):
        return "java"
    return None


def jars_at() -> Path:
    """Where the jars lie: a folder named after the pom's bytes, outside the checkout."""
    import hashlib

    return Path(platformdirs.user_cache_dir("agentrisk")) / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def jars() -> Path:
    """The jars, fetched when they are not there yet."""
    folder = jars_at()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "-f",
                str(POM),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={making}",
            ],
            check=True,
            timeout=600,
        )
        try:
            making.rename(folder)
        except OSError:
            shutil.rmtree(making)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


class Cluster:
    """Brokers of one cluster on this machine, numbered from 1.

    listeners   further listeners by name: (security protocol, properties of the listener), beside PLAINTEXT
    scram       users with their passwords for SCRAM-SHA-256 and SCRAM-SHA-512
    """

    def __init__(
        self,
        root: Path,
        nodes: int = 1,
        listeners: Mapping[str, tuple[str, Mapping[str, str]]] | None = None,
        scram: Mapping[str, str] | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self.root, self.nodes, self.extra, self.scram = (
            root,
            range(1, nodes + 1),
            dict(listeners or {}),
            dict(scram or {}),
        )
        self.properties = dict(properties or {})
        self.jars = jars()
        self.names = ["PLAINTEXT", *self.extra]
        ports = iter(free_ports(nodes * (len(self.names) + 1)))
        self.ports = {i: {name: next(ports) for name in [*self.names, "CONTROLLER"]} for i in self.nodes}
        self.running: dict[int, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        self.bootstrap = self.at("PLAINTEXT")

    def at(self, listener: str) -> str:
        """host:port of every broker at one listener."""
        return ",".join(f"127.0.0.1:{self.ports[i][listener]}" for i in self.nodes)

    def format(self) -> None:
        """Make the brokers' disks."""
        making = []
        for i in self.nodes:
            users = [
                f"SCRAM-SHA-{bits}=[name={user},password={password}]"
                for user, password in self.scram.items()
                for bits in (256, 512)
            ]
            more = [word for user in users for word in ("--add-scram", user)]
            making.append(
                subprocess.Popen(
                    self._java(
                        "kafka.tools.StorageTool",
                        "format",
                        "-t",
                        "agentriskagentriskagent",
                        "-c",
                        str(self._written(i)),
                        *more,
                    ),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
            )
        for process in making:
            _, said = process.communicate(timeout=START_S)
            assert process.returncode == 0, said.decode()[-2000:]

    def start(self, *nodes: int) -> None:
        """Start brokers, all where none is named, and wait until they listen."""
        for i in nodes or self.nodes:
            log = (self.root / f"node{i}" / "log.txt").open("ab")
            process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._written(i))),
                stdout=log,
                stderr=log,
                cwd=self.root / f"node{i}",
                start_new_session=True,
            )
            self.running[i] = process, log
        for i in nodes or self.nodes:
            listening(self.ports[i]["PLAINTEXT"], self.running[i][0])

    def kill(self, node: int = 1, number: int = signal.SIGKILL) -> None:
        """End a broker at once."""
        process, log = self.running.pop(node)
        process.send_signal(number)
        process.wait(30)
        log.close()

    def pause(self, node: int = 1) -> None:
        """Let a broker stand still: it accepts connections and answers nothing."""
        self.running[node][0].send_signal(signal.SIGSTOP)

    def wake(self, node: int = 1) -> None:
        """Let it go on."""
        self.running[node][0].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End all brokers."""
        for i in list(self.running):
            self.kill(i)

    def _java(self, main: str, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xmx400m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-cp",
            f"{self.jars}/*",
            main,
            *arguments,
        ]

    def _written(self, i: int) -> Path:
        folder = self.root / f"node{i}"
        folder.mkdir(parents=True, exist_ok=True)
        copies = min(3, len(self.nodes))
        ports = self.ports[i]
        said: dict[str, Any] = (
            COMMON
            | {
                "node.id": i,
                "controller.quorum.voters": ",".join(
                    f"{k}@127.0.0.1:{self.ports[k]['CONTROLLER']}" for k in self.nodes
                ),
                "listeners": ",".join(f"{name}://127.0.0.1:{ports[name]}" for name in [*self.names, "CONTROLLER"]),
                "advertised.listeners": ",".join(f"{name}://127.0.0.1:{ports[name]}" for name in self.names),
                "listener.security.protocol.map": ",".join(
                    [f"{name}:{protocol}" for name, (protocol, _) in self.extra.items()]
                    + ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
                ),
                "log.dirs": folder / "data",
                "offsets.topic.replication.factor": copies,
                "transaction.state.log.replication.factor": copies,
                "transaction.state.log.min.isr": max(1, copies - 1),
                "min.insync.replicas": max(1, copies - 1),
            }
            | {
                f"listener.name.{name.lower()}.{key}": value
                for name, (_, more) in self.extra.items()
                for key, value in more.items()
            }
        )
        file = folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in (said | self.properties).items()))
        return file


class Docker:
    """One broker in docker, with the same words."""

    def __init__(self, root: Path) -> None:
        (self.port,) = free_ports(1)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.name = f"agentrisk-test-{os.getpid()}-{self.port}"

    def format(self) -> None:
        """Make the container."""
        said = {"KAFKA_" + key.upper().replace(".", "_"): value for key, value in COMMON.items()} | {
            "KAFKA_NODE_ID": 1,
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{self.port}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": 1,
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": 1,
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": 1,
        }
        settings = [word for key, value in said.items() for word in ("-e", f"{key}={value}")]
        self._docker("create", "--name", self.name, "-p", f"127.0.0.1:{self.port}:9092", *settings, IMAGE)

    def start(self, node: int = 1) -> None:
        """Start it and wait until it listens."""
        self._docker("start", self.name)
        listening(self.port)

    def kill(self, node: int = 1, number: int = signal.SIGKILL) -> None:
        """End it at once."""
        self._docker("kill", "-s", str(int(number)), self.name)

    def pause(self, node: int = 1) -> None:
        """Let it stand still."""
        self._docker("pause", self.name)

    def wake(self, node: int = 1) -> None:
        """Let it go on."""
        self._docker("unpause", self.name)

    def stop(self) -> None:
        """Remove it."""
        self._docker("rm", "-f", "-v", self.name)

    def _docker(self, *arguments: str) -> None:
        subprocess.run(["docker", *arguments], check=True, capture_output=True, timeout=300)


class Given:
    """A broker that somebody else runs; it is not ours to kill."""

    def __init__(self) -> None:
        self.bootstrap = os.environ["AGENTRISK_TEST_BOOTSTRAP"]


def listening(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process is None or process.poll() is None, "the broker ended at once"
        with socket.socket() as s:
            s.settimeout(0.5)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"expected a broker on port {port} within {START_S:.0f} s, got none")


@contextmanager
def cluster(root: Path, nodes: int = 1, **more: Any) -> Iterator[Cluster]:
    """Brokers from jars, running."""
    made = Cluster(root, nodes, **more)
    made.format()
    try:
        made.start()
        yield made
    finally:
        made.stop()
