"""A program named by a pattern: ``/???/b?n/c?t``. The pattern is held against names that are worth hiding that way."""

from __future__ import annotations

import fnmatch
import posixpath

__all__ = ["program"]

_NAMES = (
    "nc", "sh", "cat", "ssh", "scp", "bash", "curl", "wget", "nmap", "ncat", "perl", "dash", "sudo", "echo", "base64",
    "python", "python3", "socat", "chmod", "crontab", "telnet", "busybox", "masscan", "nohup", "rm", "id", "env", "tar",
    "whoami", "openssl", "netcat", "dig", "awk", "sed", "find", "xxd", "ls", "kill", "pkill", "setsid", "systemctl",
)  # fmt: skip
_FOLDERS = ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin")
_LONGEST = 64


def program(pattern: str) -> str:
    """The path that a pattern in command position stands for, else the pattern itself.

    Example:
        >>> program("/???/b??h"), program("/bin/c?t"), program("*.sh")
        ('/bin/bash', '/bin/cat', '*.sh')
    """
    folder, slash, name = pattern.rpartition("/")
    if not slash or len(pattern) > _LONGEST or pattern.count("*") > 3 or not any(map(str.isalpha, name)):
        return pattern
    # "/???/b??h" also covers "/bin/bash": a folder of one level stands for any of the usual ones.
    folders = [place for place in _FOLDERS if fnmatch.fnmatchcase(place, folder) and _levels(place) == _levels(folder)]
    names = [known for known in _NAMES if fnmatch.fnmatchcase(known, name)]
    return posixpath.join(folders[0], names[0]) if folders and names else pattern


def _levels(path: str) -> int:
    return path.count("/")
