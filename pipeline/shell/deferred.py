"""Files whose text runs later: crontabs, units, start-up files of shells.

What a command line writes there, where known, counts as calls of it.
"""

from __future__ import annotations

import re

from pipeline.shell.programs import Program, cron_commands, script_text
from pipeline.shell.values import Text

__all__ = ["deferred"]

_CRON_USER = re.compile(r"(?:.*/)?(?:etc/crontab|etc/cron\.d/[^/]+)\Z")
_CRON = re.compile(r"(?:.*/)?var/spool/cron/(?:crontabs/)?[^/]+\Z")
_CRON_SCRIPT = re.compile(r"(?:.*/)?etc/cron\.(?:hourly|daily|weekly|monthly)/[^/]+\Z")
_PROFILE = re.compile(
    r"(?:.*/)?(?:\.bashrc|\.bash_profile|\.profile|\.zshrc|\.zprofile|\.bash_login|\.bash_logout|etc/profile"
    r"|etc/profile\.d/[^/]+|etc/bash\.bashrc|etc/rc\.local|etc/rc\.d/rc\.local|etc/init\.d/[^/]+)\Z"
)
_UNIT = re.compile(r"(?:.*/)?systemd/(?:system|user)/.*\.service\Z")
_STARTS = re.compile(r"^\s*Exec(?:Start|StartPre|StartPost|Stop|Reload)\s*=\s*[-@:+!]*(.*)$", re.MULTILINE)


def deferred(path: str, text: Text) -> list[Program]:
    """The programs that the file runs later.

    Example:
        >>> deferred("/etc/cron.d/x", Text("* * * * * root id\\n"))[0].text.text
        'id\\n'
    """
    if not script_text(text.text):
        return []
    if _CRON_USER.match(path) or _CRON.match(path):
        commands = cron_commands(text.text, user=_CRON_USER.match(path) is not None)
        return [Program(Text(commands, text.via), "crontab")] if commands else []
    if _UNIT.match(path):
        commands = "\n".join(_STARTS.findall(text.text))
        return [Program(Text(commands, text.via), "unit")] if commands else []
    if _PROFILE.match(path) or _CRON_SCRIPT.match(path):
        return [Program(text, "crontab" if "cron" in path else "profile")]
    return []
