"""Programs that drown a host, by the names under which they are passed around."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._facts import Notes
from pipeline.shell.calls import Call
from pipeline.shell.fetches import FETCHERS, fetch
from pipeline.shell.options import names
from pipeline.shell.places import base, plain

__all__ = ["CARRIERS", "note_flood"]

_FLOODER: Final = re.compile(
    r"(?i)(?:ddos(?:er|-?attack|-?ripper|tool)?|udp|udp-?flood(?:er)?|syn-?flood(?:er)?|tcp-?flood|http-?flood|slow-?loris|goldeneye|hulk"
    r"|saphyra|hammer|torshammer|xerxes|mhddos|pyloris|rudy|ufonet|overload|raven-storm|impulse|memcrashed|ntp-?amp|stdv2|l4mm3r|botnet)"
    r"(?:[-_.]?v?\d[\d.]*)?\.(?:pl|py|php|sh|c|rb|js|go|jar)"
)
_RUNNERS: Final = names("perl python python2 python3 php ruby node sh bash java")
CARRIERS: Final = _RUNNERS | FETCHERS
"""Programs that run or fetch others."""


def note_flood(notes: Notes, call: Call) -> None:
    """Note a flooder that is run, more with a target, or fetched.

    Example:
        >>> from pipeline.detectors._scan.table import TABLE
        >>> notes = Notes(TABLE)
        >>> note_flood(notes, Call("perl", ("perl", "udp.pl", "203.0.113.9", "80", "60")))
        >>> notes.finding().words
        'floods a host by udp.pl'
    """
    words = [w for w in call.argv[1:4] if w[:1] != "-"] if call.name in _RUNNERS else list(call.argv[:1])
    name = base(words[0]) if words else ""
    if _FLOODER.fullmatch(name):
        target = any(re.search(r"\d+\.\d+\.\d+\.\d+|\w\.\w|^\d+$", w) for w in call.argv[1:] if base(w) != name)
        notes.add("flood", 6.2 if target else 3.6, "T1498", f"floods a host by {plain(name)}")
        return
    for found in fetch(call) if call.name in FETCHERS else ():
        if _FLOODER.fullmatch(base(found.source.path)):
            notes.add("install", 2.6, "T1588.002", f"fetches {plain(base(found.source.path))}, which floods hosts")
