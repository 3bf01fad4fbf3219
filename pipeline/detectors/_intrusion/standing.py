"""What the name of a host or a file says before anybody looks inside."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pipeline.shell.options import names

__all__ = ["built_for", "dubious", "misnamed", "upstream"]

# Places where anybody may put a file without being known: free hosting, dynamic names, pastes, chat attachments, and
# the top-level domains that are given away or lead the abuse lists (Interisle Consulting Group, Malware Landscape 2023;
# Spamhaus, The top-level domains abused most; lots-project.com for trusted sites that are lived off).
_DUBIOUS: Final = re.compile(
    r"(?:^|\.)(?:"
    r"pastebin\.com|paste\.ee|hastebin\.com|ghostbin\.\w+|ix\.io|transfer\.sh|uguu\.se|catbox\.moe|temp\.sh|0x0\.st|termbin\.com|rentry\.co"
    r"|file\.io|gofile\.io|anonfiles?\.com|bashupload\.com|oshi\.at|cdn\.discordapp\.com|media\.discordapp\.net|iplogger\.\w+|grabify\.link"
    r"|altervista\.org|000webhostapp\.com|awardspace\.\w+|byethost\d*\.com|freehostia\.com|hostinger\.\w+|x10\.mx|atspace\.\w+|angelfire\.com"
    r"|ucoz\.(?:\w+|co\.uk)|at\.ua|do\.am|3x\.ro|hi2\.ro|my3gb\.com|16mb\.com|pe\.hu|esy\.es|hol\.es|clan\.su|narod\.ru|by\.ru|tripod\.com"
    r"|duckdns\.org|no-ip\.\w+|hopto\.org|zapto\.org|sytes\.net|ddns\.net|dyndns\.\w+|serveo\.net|ngrok(?:-free)?\.(?:io|app)|trycloudflare\.com"
    r"|onion|tor2web\.\w+|onion\.\w+|tk|ml|ga|cf|gq|top|su|pw|buzz|cyou|icu|monster|rest|cc"
    r")$"
)
_UPSTREAM: Final = re.compile(
    r"(?:^|\.)(?:github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org|sourceforge\.net|gnu\.org|kernel\.org|python\.org|pypi\.org"
    r"|pythonhosted\.org|apache\.org|debian\.org|ubuntu\.com|launchpad\.net|centos\.org|fedoraproject\.org|redhat\.com|opensuse\.org|archlinux\.org"
    r"|alpinelinux\.org|continuum\.io|anaconda\.com|conda\.io|nodejs\.org|npmjs\.org|yarnpkg\.com|golang\.org|go\.dev|rust-lang\.org|rustup\.rs"
    r"|docker\.com|k8s\.io|googleapis\.com|google\.com|nvidia\.com|intel\.com|microsoft\.com|amazonaws\.com|oracle\.com|java\.net|maven\.org"
    r"|gradle\.org|ruby-lang\.org|rubygems\.org|php\.net|perl\.org|cpan\.org|mysql\.com|mariadb\.org|postgresql\.org|nginx\.org|huggingface\.co"
    r"|pytorch\.org|mozilla\.org|freedesktop\.org|edu|ac\.uk|gov)$"
)
_EXOTIC: Final = re.compile(
    r"(?i)(?:^|[._-]|(?<=bot))(?:mips(?:el|eb|64|32)?|mpsl|arm[4-7](?:l|tl)?|armv[4-7]l?|m68k|ppc(?:440fp)?|powerpc|sh4|superh|spc|sparc|arc|"
    r"i[56]86|x86_32|x86)\d?(?:\.(?:mod|bin|elf|sh))?$"
)
_PERL: Final = names("pl pm t cgi plx PL")


_LONGEST: Final = 253
"""Characters of the longest name of a host (RFC 1035, 2.3.4): what is longer is not remembered."""


@lru_cache(1024)
def _dubious(host: str) -> bool:
    return _DUBIOUS.search(host) is not None


@lru_cache(1024)
def _upstream(host: str) -> bool:
    return _UPSTREAM.search(host) is not None


def dubious(host: str) -> bool:
    """Whether anybody could have put a file there without being known.

    Example:
        >>> dubious("files.example.tk"), dubious("transfer.sh"), dubious("example.org")
        (True, True, False)
    """
    return _dubious(host) if len(host) <= _LONGEST else _DUBIOUS.search(host) is not None


def upstream(host: str) -> bool:
    """Whether `host` is where software is commonly published, so that an old plain-http link is still ordinary.

    Example:
        >>> upstream("archive.apache.org"), upstream("example.org")
        (True, False)
    """
    return _upstream(host) if len(host) <= _LONGEST else _UPSTREAM.search(host) is not None


def built_for(name: str) -> bool:
    """Whether a file is named after a processor of small devices: bots are spread as one build for each.

    Example:
        >>> [built_for(n) for n in ("x.mips", "daemon.armv4l.mod", "kubectl-linux-amd64", "notes.txt")]
        [True, True, False, False]
    """
    return name in ("arm", "x86", "mips") or _EXOTIC.search(name) is not None


def misnamed(interpreter: str, name: str) -> bool:
    """Whether a file is named as no program of this language is: a Perl bot that is called like a picture or a text.

    Example:
        >>> [misnamed(*file) for file in (("perl", "a.jpg"), ("perl", "a.pl"), ("python", "info"), ("python", "a.py"))]
        [True, False, True, False]
    """
    ending = name.rpartition(".")[2] if "." in name else ""
    if interpreter == "perl":
        return ending not in _PERL and name != "Makefile"
    if not ending and interpreter.startswith("py"):
        return True
    return ending in ("txt", "jpg", "png", "gif", "pdf", "html", "css", "ico")
