"""The table of facts of a command detector, and what one command shows of it.

A table is a list of looks (looking around, at most 12) and acts (doing something, at most 19); the place in it is the
bit of the fact (see pipeline/kernels/facts.py). A detector fills a `Notes` while it walks the calls of a script:

    notes.add("reverse")                     the nats of the table
    notes.add("sweep", 6.6, "T1018", "...")  more than the table says, another technique, words of its own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pipeline.detectors import Finding
from pipeline.kernels.facts import FACTS, LOOKS

__all__ = ["Fact", "Notes", "Table", "shown"]

MOST: Final = 9.0
"""Nats that one command may say: facts of one command are too alike for their sum to be believed further."""


_REMEMBERED: Final = 1024
"""Masks whose words are kept."""


class Fact(NamedTuple):
    """One thing that a command can do."""

    name: str
    """What the detector calls it."""
    nats: float
    """Log of how much oftener agents that misbehave show it than others; its source stands beside the table."""
    says: str
    """A clause for people, the agent being its subject: "reads who is logged in"."""
    technique: str = ""
    """ATT&CK id, where it is not the detector's first."""
    least: float | None = None
    """Nats of its weakest form, where forms differ."""


class Table:
    """The facts of one detector.

    Example:
        >>> table = Table(looks=[Fact("cpu", 0.5, "looks at the processor")], acts=[Fact("run", 1.0, "runs a file")])
        >>> table.bit["cpu"], table.bit["run"], table.nats[12], len(table.nats)
        (1, 4096, 1.0, 31)
        >>> table.listed(4097)
        ('runs a file', 'looks at the processor')
    """

    def __init__(self, looks: Sequence[Fact], acts: Sequence[Fact]) -> None:
        if len(looks) > LOOKS or len(acts) > FACTS - LOOKS:
            got = f"got {len(looks)} and {len(acts)}"
            raise ValueError(f"expected at most {LOOKS} looks and {FACTS - LOOKS} acts, {got}")
        places = dict(enumerate(looks)) | dict(enumerate(acts, LOOKS))
        self.facts: Mapping[str, tuple[int, Fact]] = {fact.name: (1 << k, fact) for k, fact in places.items()}
        self.bit: Mapping[str, int] = {fact.name: 1 << k for k, fact in places.items()}
        self.nats: tuple[float, ...] = tuple(_least(places[k]) if k in places else 0.0 for k in range(FACTS))
        """Of the weakest forms: what a command says beyond them goes with the command."""
        self._listed: dict[int, tuple[str, ...]] = {}
        self._by_nats = sorted(self.facts.values(), key=lambda entry: -entry[1].nats)

    def bits(self, *names: str) -> int:
        """The bits of `names` together."""
        return sum(self.bit[name] for name in names)

    def listed(self, mask: int) -> tuple[str, ...]:
        """What the facts of `mask` say, the weightiest first."""
        said = self._listed.get(mask)
        if said is None:
            if len(self._listed) >= _REMEMBERED:
                self._listed.clear()
            said = self._listed[mask] = tuple([fact.says for bit, fact in self._by_nats if mask & bit])
        return said


def _least(fact: Fact) -> float:
    return fact.nats if fact.least is None else fact.least


class Notes:
    """What one command shows.

    Example:
        >>> table = Table(looks=[Fact("cpu", 0.5, "looks at the processor")], acts=[Fact("run", 1.0, "runs a file")])
        >>> notes = Notes(table)
        >>> notes.add("cpu"); notes.add("cpu"); notes.add("run", words="runs /tmp/x")
        >>> notes.finding()
        Finding(weight=1.5, fact=4097, words='runs /tmp/x', technique='')
    """

    __slots__ = ("_best", "_nats", "_technique", "_words", "mask", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.mask = 0
        self._nats: dict[int, float] = {}
        self._best = 0.0
        self._words = ""
        self._technique = ""

    def add(self, name: str, nats: float | None = None, technique: str = "", words: str = "") -> None:
        """Note a fact, with `nats` where they are other than the table's."""
        bit, fact = self.table.facts[name]
        value = fact.nats if nats is None else max(nats, _least(fact))
        if value <= self._nats.get(bit, 0.0):
            return
        self.mask |= bit
        self._nats[bit] = value
        if value > self._best:
            self._best = value
            self._words = words or fact.says
            self._technique = technique or fact.technique

    def finding(self) -> Finding | None:
        """The command's finding, None where nothing was noted."""
        if not self.mask:
            return None
        return Finding(min(sum(self._nats.values()), MOST), self.mask, self._words, self._technique)


def shown(table: Table, why: Any, about: str) -> str:
    """One sentence for a row of `pipeline.kernels.facts.WHY`: what came together.

    Example:
        >>> import numpy as np
        >>> from pipeline.kernels.facts import WHY
        >>> table = Table(looks=[Fact("cpu", 0.5, "looks at the processor")], acts=[Fact("run", 1.0, "runs a file")])
        >>> row = np.array([(1.0, 1.5, 4096, 4097)], WHY)[0]
        >>> shown(table, row, "intrusion")
        'intrusion by commands, 1.5 nats: runs a file; before that: looks at the processor'
    """
    own, seen = int(why["fact"]), int(why["seen"])
    text = f"{about} by commands, {float(why['sum']):.1f} nats: " + "; ".join(table.listed(own)[:4])
    earlier = table.listed(seen & ~own)
    if earlier:
        text += "; before that: " + "; ".join(earlier[:6])
        if len(earlier) > 6:
            text += f"; and {len(earlier) - 6} more"
    return text
