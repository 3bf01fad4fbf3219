"""docker-compose.yml says what the README says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipeline.cli import parser
from tests.broker.cluster import IMAGE

ROOT = Path(__file__).resolve().parent.parent


def services() -> dict[str, Any]:
    """The services of the file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return found


def test_the_broker_is_the_one_that_is_tested() -> None:
    assert services()["kafka"]["image"] == IMAGE
    assert "healthcheck" in services()["kafka"]


def test_workers_wait_for_the_topics_and_the_topics_for_the_broker() -> None:
    found = services()
    assert found["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for name in ("worker", "demo"):
        assert found[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert found["worker"]["deploy"]["replicas"] == 2
    assert found["demo"]["profiles"] == ["demo"]


def test_every_command_is_one_of_ours() -> None:
    found = services()
    words = found["demo"]["entrypoint"][-1]
    said = [found["topics"]["command"], found["worker"]["command"]]
    said += [part.split(">")[0].split()[1:] for part in words.split("&&")]
    for arguments in said:
        parser().parse_args(arguments)
    assert 'ENTRYPOINT ["agentrisk"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
