"""One modality stopped while another goes on: an agent that kills its log shipper or its sensor.

Weak by itself: innocent agents stop logging too (of the lab's 42 sandboxes one harmless one fell silent and one never
logged), so it moves a score only where other evidence stands beside it. It is not an event that can be remembered but a
state that can be read: a function of when each modality was first and last heard and how often, hence the same in every
order of arrival.

    flow     |  |  |   |  |  |   |  |  now
    command  | || | |            ^
                    <-- quiet -->        against `after_s`, and against `gaps` mean gaps of the modality
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel

TITLE = "silence"
LOOKS_FOR = "one modality of an agent stops while another goes on"
KIND = None
STORY = "hiding"
ATTACK = ("T1562.001",)

FEW = 5
"""Events from which a modality has a pace of its own."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When quiet is silence."""

    cap: Annotated[
        float, Meta(ge=0, le=3, description="nats at most; weak, since innocent agents stop logging too")
    ] = 1.0
    after_s: Annotated[
        float,
        Meta(
            gt=0,
            description="s without an event before a modality may be called silent; "
            "exporters send a long flow's records up to 300 s apart",
        ),
    ] = 600.0
    gaps: Annotated[
        float,
        Meta(
            gt=0,
            description="mean gaps of the modality that its silence must last: a slow modality is "
            "quiet for long and means nothing by it",
        ),
    ] = 20.0


@kernel
def silence(first: NDArray[Any], last: NDArray[Any], count: NDArray[Any], now: int, settings: Any) -> float:
    """Nats for the modality that has been silent for longest against its own pace.

    first, last, count   int64[3] of flow, gpu, command: µs + 1 of the first and last event (0 never), how many
    now                  µs + 1 of the agent's newest event
    """
    said = 0.0
    for k in range(len(count)):
        if count[k] < FEW:
            continue
        quiet = (now - last[k]) * 1e-6
        pace = (last[k] - first[k]) * 1e-6 / (count[k] - 1)
        bound = max(settings["after_s"], settings["gaps"] * pace)
        if quiet > bound:
            said = max(said, settings["cap"] * (1.0 - bound / quiet))
    return said


def explain(modality: str, quiet_s: float) -> str:
    """The words for people.

    >>> explain("command", 1260.0)
    'no command event for 21 min while other events went on'
    """
    return f"no {modality} event for {quiet_s / 60:.0f} min while other events went on"
