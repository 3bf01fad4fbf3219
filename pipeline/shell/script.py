"""Command line in, calls out: the front door of the room.

A call's `via` names what was looked through to find it, outermost first:

    program text    sh -c, sh stdin, sh script, script, eval, source, trap, ssh, su, crontab, unit, profile, at, tmux,
                    screen, watch, alias, function, python -c, python stdin, python script, perl -e, awk ...
    wrappers        sudo, env, nohup, timeout, xargs, find -exec, parallel, docker exec, kubectl exec, busybox ...
    how a word was  variable, command substitution, quotes, ansi-c, brace, glob, copy (of the program's name);
    written         ifs, base64, base32, hex, rev, tr, cut, sed, rot13, printf, echo -e (of any word or program text)
    structure       subshell, process substitution

What is not run gives no calls: comments, the arguments of echo, grep, man, text that goes into a file which nothing
runs. Functions that are defined and not called are listed at the end (the next command line may call them).
"""

from __future__ import annotations

from pipeline.shell.calls import Call, Redirect, Script
from pipeline.shell.limits import Limits
from pipeline.shell.quoting import clean
from pipeline.shell.walk import Walk

__all__ = ["Call", "Redirect", "Script", "read", "read_strictly"]

_LIMITS = Limits()


def read(command: str, limits: Limits = _LIMITS) -> Script:
    """What `command` would run; the work is bounded by `limits`, beyond them `Script.truncated` is set.

    It never raises: what nobody thought of ends the reading of this command, not the stream.

    Example:
        >>> script = read("echo 'c3VkbyBubWFwIC1zUyBo' | base64 -d | bash")
        >>> [call.name for call in script.calls]
        ['echo', 'base64', 'bash', 'sudo', 'nmap']
        >>> script.calls[-1].via
        ('base64', 'sh stdin', 'sudo')
    """
    walk = Walk(limits)
    try:
        return read_strictly(command, limits, walk)
    except Exception:
        # An adversary writes the text: a fault of ours in it must cost one command only, and shows as truncated.
        return walk.script()._replace(errors=True, truncated=True)


def read_strictly(command: str, limits: Limits = _LIMITS, walk: Walk | None = None) -> Script:
    """As `read`, but a fault raises; tests use it."""
    if len(command) > 4 * limits.text:
        half = 2 * limits.text
        command = command[:half] + "\n" + command[-half:]
    walk = walk or Walk(limits)
    walk.whole(clean(command))
    return walk.script()
