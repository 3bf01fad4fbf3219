"""Which rows are applied: rows that come too late are set aside, agents that were silent for a day begin afresh.

    newest row of the agent and kind  ──────────────┐
        |<── lateness ──>|                          v
    ────x────────────────o────────o─────o───────────●────>  event time
      late: counted     let in, though out of order

Both rules look at one kind alone, so the interleaving of the three streams does not matter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.compiled import kernel


@kernel
def admit(
    kind: int,
    ts: NDArray[np.int64],
    agent: NDArray[np.int64],
    newest: NDArray[np.int64],
    lateness: int,
    forget: int,
    late: NDArray[np.bool_],
    afresh: NDArray[np.bool_],
) -> int:
    """Mark rows that are late and rows before which their agent begins afresh; how many rows are marked.

    ts, agent         int64[n] µs, state row
    newest            int64[agents, kinds], µs + 1 of the agent's newest row of each kind, 0 none; changed
    lateness, forget  µs
    """
    marked = 0
    for i in range(len(ts)):
        a = agent[i]
        at = ts[i] + 1
        late[i] = newest[a, kind] != 0 and at < newest[a, kind] - lateness
        afresh[i] = newest[a, kind] != 0 and at > newest[a, kind] + forget
        if late[i] or afresh[i]:
            marked += 1
        if at > newest[a, kind]:
            newest[a, kind] = at
    return marked


class Stretch(NamedTuple):
    """Rows of a part in which no agent begins afresh; before them the detectors' states of some agents are emptied."""

    begin: int
    end: int
    afresh: list[int]


def stretches(agent: NDArray[np.int64], afresh: NDArray[np.bool_]) -> list[Stretch]:
    """The rows of a part in as few stretches as can be: agents are emptied at the begin of one.

    >>> stretches(np.array([4, 5, 4, 5]), np.array([False, True, True, False]))
    [Stretch(begin=0, end=2, afresh=[5]), Stretch(begin=2, end=4, afresh=[4])]
    """
    if not afresh.any():
        return [Stretch(0, len(agent), [])]
    order = np.argsort(agent, kind="stable")
    before = np.full(len(agent), -1)
    again = agent[order[1:]] == agent[order[:-1]]
    before[order[1:][again]] = order[:-1][again]
    out = [Stretch(0, len(agent), [])]
    for row in np.flatnonzero(afresh).tolist():
        if before[row] >= out[-1].begin:
            out[-1] = out[-1]._replace(end=row)
            out.append(Stretch(row, len(agent), []))
        out[-1].afresh.append(int(agent[row]))
    return out
