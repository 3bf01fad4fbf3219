"""Which rows are applied: rows that come too late are set aside, agents that were silent for a day begin afresh.

    newest row of the agent and kind  ──────────────┐
        |<── lateness ──>|                          v
    ────x────────────────o────────o─────o───────────●────>  event time
      late: counted     let in, though out of order

Both rules look at one kind alone, so the interleaving of the three streams does not matter.
"""

from __future__ import annotations

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
