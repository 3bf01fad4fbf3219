"""TLS and SASL against real listeners of each kind: administration, sending and scoring."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import cluster as brokers
from tests.live.running import Broker, Live
from tests.recordings import write

USER, PASSWORD = "watcher", "correct-horse"
PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
)
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
LISTENERS = {
    "TLS": {"security_protocol": "SSL"},
    "PLAIN": {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"},
    "SCRAM": {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-256"},
    "STRONG": {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"},
}


@pytest.fixture(scope="module")
def guarded(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[brokers.Cluster, Path]]:
    """A broker with a listener of each kind, and the certificate that signs it."""
    if not isinstance(kafka, brokers.Cluster) or shutil.which("openssl") is None:
        pytest.skip("listeners with TLS and SASL need the broker's jars (Java and Maven) and openssl")
    root = tmp_path_factory.mktemp("guarded")
    key, certificate = root / "key.pem", root / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    store = root / "store.pem"
    store.write_text(key.read_text() + certificate.read_text())
    tls = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(store)}

    def sasl(mechanism: str, jaas: str) -> dict[str, str]:
        return {"sasl.enabled.mechanisms": mechanism, f"{mechanism.lower()}.sasl.jaas.config": jaas}

    with brokers.cluster(
        root,
        listeners={
            "TLS": ("SSL", tls),
            "PLAIN": ("SASL_PLAINTEXT", sasl("PLAIN", PLAIN)),
            "SCRAM": ("SASL_SSL", tls | sasl("SCRAM-SHA-256", SCRAM)),
            "STRONG": ("SASL_SSL", tls | sasl("SCRAM-SHA-512", SCRAM)),
        },
        scram={USER: PASSWORD},
    ) as running:
        yield running, certificate


def reached(guarded: tuple[brokers.Cluster, Path], listener: str, password: str = PASSWORD) -> Live:
    """The settings that reach one listener."""
    broker, certificate = guarded
    more = LISTENERS[listener] | {"ssl_cafile": str(certificate), "sasl_username": USER, "sasl_password": password}
    return Live(broker.at(listener), f"safe-{listener.lower()}-{os.getpid()}", more=dict(more))


def test_every_client_reaches_every_kind_of_listener(guarded: tuple[brokers.Cluster, Path], tmp_path: Path) -> None:
    labs = [reached(guarded, listener).create() for listener in LISTENERS]
    recording = write(tmp_path / "events.ndjson")
    try:
        for lab in labs:
            sent = lab.send(recording)
            lab.serve(tmp_path / f"{lab.name}.log")
        for lab in labs:
            plain = Live(guarded[0].bootstrap, lab.name, workers=lab.workers, logs=lab.logs)
            plain.wait()
            found = plain.found()
            assert sum(sum(share.scorer.account.scored) for share in found.shares.values()) == sent
            assert PASSWORD not in lab.words()
    finally:
        for lab in labs:
            lab.stop_all()


@pytest.mark.parametrize("listener", ["PLAIN", "SCRAM"])
def test_a_wrong_password_is_said_so(guarded: tuple[brokers.Cluster, Path], listener: str) -> None:
    said = reached(guarded, listener, "wrong-horse").command("topics", "create")
    assert said.returncode == 1
    assert "expected a Kafka broker at" in said.stderr.splitlines()[-1]
    assert "wrong-horse" not in said.stderr + said.stdout
