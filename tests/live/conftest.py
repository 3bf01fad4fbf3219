"""One broker for all tests of this room, and what a replay makes of the recording that they send."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import cluster as brokers
from tests.live.running import Broker, Expected, record


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    how = brokers.how()
    if how is None:
        if os.environ.get("CI") == "true":
            pytest.fail(brokers.INSTALL)
        pytest.skip(brokers.INSTALL)
    root = tmp_path_factory.mktemp("kafka")
    if how == "given":
        yield brokers.Given()
        return
    broker = brokers.Docker(root) if how == "docker" else brokers.Cluster(root)
    try:
        broker.format()
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def breakable(kafka: Broker) -> brokers.Cluster | brokers.Docker:
    """The broker, where it is ours to kill."""
    if isinstance(kafka, brokers.Given):
        pytest.skip("the broker of AGENTRISK_TEST_BOOTSTRAP is not ours to kill")
    return kafka


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """Part of the demo lab as files, and what a replay makes of it."""
    folder: Path = tmp_path_factory.mktemp("recording")
    return record(folder)
