"""Innocent sessions stay below a score of 50, whatever the five detectors say together."""

from __future__ import annotations

import pytest

from pipeline.detectors import hiding_command, intrusion_command, miner_command, scan_command, tunnel_command
from tests.detectors.innocent_sessions import INNOCENT
from tests.detectors.verdicts import SCORE_50, session

DETECTORS = [miner_command, tunnel_command, scan_command, intrusion_command, hiding_command]


def together(commands: list[str]) -> float:
    """As the fold adds them: the strongest whole, the others half."""
    peaks = sorted((max(session(detector, commands)) for detector in DETECTORS), reverse=True)
    return peaks[0] + 0.5 * sum(peaks[1:])


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent_work_gives_no_alert(name: str) -> None:
    assert together(INNOCENT[name]) < SCORE_50


@pytest.mark.parametrize(
    ("command", "most"),
    [("uname -a", 0.5), ("curl -s http://host/path -o /tmp/c", 1.0), ("history -c", 5.2), ("shopt -u -o history", 5.2)],
)
def test_what_anybody_types_says_little(command: str, most: float) -> None:
    assert together([command]) < most
