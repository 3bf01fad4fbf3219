"""One suspicion per file: what it looks for, its settings, its state of one agent, its kernel and its words.

A detector is a module of this folder with these names. Nothing else has to know of it.

    TITLE      a few words, as people read them: "mining pool session"
    LOOKS_FOR  one sentence: what in the events makes it speak
    KIND       codes.FLOW, codes.GPU or codes.COMMAND: which rows it is shown
    STORY      "mining", "tunnel", "scan", "intrusion" or "hiding": evidence of one story in two modalities agrees
    ATTACK     ATT&CK technique ids (v17), the nearest first
    Settings   frozen msgspec.Struct of floats, ints, bools and tuples of them, each with unit and reason; two always:
                 half_life_s  how long until its evidence counts half
                 cap          the most nats it may ever say
    STATE      numpy structured dtype: the state of one agent, bounded; a fresh row is all zeros
    WHY        numpy structured dtype: the numbers that `explain` needs about one row
    step       the kernel, see below
    explain    (why: np.void) -> str: one sentence for people, with figures and units

and, where it speaks of something that lasts,

    lasted     (why: np.void) -> int: for how many µs it had lasted at this row: causes came just before it began

A kernel walks the rows in order, changes the state row of each event's agent, and says a strength for each row: the
log-likelihood ratio, in nats, of what is known about this agent after this row under misbehaving against innocent.
0 says nothing; it is never negative, never NaN, and at most `cap`. The prior is about -5.3 nats, so 5.3 alone is a
score of 50, 6.1 is 70 and 7.5 is 90. Where a strength is above 0, `why[i]` is filled. It never looks ahead:

    flow     step(ts, agent, place, flow, state, settings, strength, why)
    gpu      step(ts, agent, declared, gpu, state, settings, strength, why)
    command  step(ts, agent, weight, fact, state, settings, strength, why)

    ts        int64[n] µs; rows may be out of order within the lateness that is let in (an hour); every row that is
              later than that, and every agent silent for a day, has been taken care of by the scorer
    agent     int32[n], the state row of the event's agent
    place     uint8[n], where the far side of the flow lies (codes: INTERNAL, EXTERNAL, ALLOWED, LOCAL; of an inbound
              flow the side that opened it)
    declared  uint8[n], codes.DECLARATIONS of the agent's registry entry; 0 where nothing is declared
    flow,gpu  the columns (NamedTuple of arrays, events/columns.py)
    weight    float64[n], what `judge` said of the command, in nats; 0 nothing
    fact      uint32[n], what was done, as a code of the detector's own (0 nothing)
    state     structured array of STATE, one row per agent; read and written as state[a]["field"]
    settings  structured array of length 1 made of Settings: settings[0]["field"]
    strength  float64[n], all zeros at the start
    why       structured array of WHY, n rows, content arbitrary at the start

A command detector also has

    judge      (script: Script) -> Finding | None: what one command does, pure; called once per distinct command

Kernels are decorated with pipeline.kernels.compiled.kernel and also run, unchanged, with NUMBA_DISABLE_JIT=1: fields of
records are read as record["name"], never as attributes.
"""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """What a command detector says of one command.

    weight   nats, above 0
    fact     code of what was done, 1 to 2**31 - 1, the detector's own
    words    one clause for people, without secrets: "opens port 2222 of 203.0.113.7 into this sandbox"
    technique  the ATT&CK id of this fact, where it is not the detector's first
    """

    weight: float
    fact: int
    words: str
    technique: str = ""
