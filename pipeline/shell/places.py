"""What kind of place a path, host or URL names; and how it is shown to people."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

from pipeline.shell.options import names

__all__ = ["Url", "address", "bare_address", "base", "hidden", "inside", "own", "plain", "scratch", "system", "url"]

_SCRATCH: Final = ("/tmp", "/var/tmp", "/dev/shm", "/var/run", "/run", "/mnt", "/var/lock", "/dev")
_SYSTEM: Final = re.compile(r"/(?:usr/)?(?:local/)?(?:s?bin|lib(?:exec|64)?)(?:/|$)|/usr/\.|/lib/|/etc/init\.d/")
_HIDDEN: Final = re.compile(r"\.(?:\.{2,}|\.? ?\w[\w.+@-]*)$|\. +$")
_PLAIN: Final = re.compile(r"[^\x20-\x7e]+")
_ORDINARY_HIDDEN: Final = names(
    ".git .github .venv .cache .config .local .npm .nvm .cargo .rustup .m2 .gradle .vscode .pytest_cache .tox "
    ".mypy_cache .ruff_cache .idea .conda .pyenv .ssh .docker .kube .aws .bashrc .profile .bash_profile .env "
    ".gitignore .dockerignore .next .yarn .pnpm-store .ipython .jupyter .hypothesis .X11-unix .bundle .eslintrc "
    ".prettierrc .swe-agent .bun .deno .foundry .dotnet .sdkman .asdf .volta .linuxbrew .julia .ghcup .opam .poetry "
    ".krew .rbenv .rvm .goenv .jenv .fzf .oh-my-zsh .nix-profile .elan .cabal .stack .composer .pub-cache .android "
    ".vscode-server .cursor .claude .devcontainer .husky .circleci .gitlab .terraform .terraform.d .helm .minikube "
    ".ivy2 .sbt .nuget .emacs.d .vim .vimrc .tmux .gnupg .keras .torch .triton .nv .turbo .nuxt .svelte-kit .build "
    ".dist .env.example .env.local .env.test .zshrc .bash_history .zsh_history .netrc .pgpass .gitconfig .gitmodules "
    ".editorconfig .eslintrc.js .coveragerc .flake8 .pylintrc .babelrc .npmrc .yarnrc .vitepress .storybook"
)


class Url(NamedTuple):
    """A URL, taken apart without secrets."""

    scheme: str
    host: str
    port: int
    path: str


def url(word: str) -> Url | None:
    """`word` as a URL: with a scheme, or as host/path with a host that has a dot.

    Example:
        >>> url("http://u:secret@203.0.113.9:8080/a/b.sh?t=1")
        Url(scheme='http', host='203.0.113.9', port=8080, path='/a/b.sh')
        >>> url("example.org/x"), url("notes.txt"), url("./a/b")
        (Url(scheme='', host='example.org', port=0, path='/x'), None, None)
    """
    scheme, cut, rest = word.strip("<>\"'").partition("://")
    if rest.startswith(("http://", "https://")):
        scheme, cut, rest = rest.partition("://")
    if not cut:
        scheme, rest = "", scheme
        if "/" not in rest and not bare_address(rest):
            return None
    elif not scheme.replace("+", "").isalnum():
        return None
    authority, slash, path = rest.partition("/")
    authority = authority.partition("?")[0].rpartition("@")[2]
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port.lstrip(":")
    else:
        host, _, port = authority.partition(":")
    if not cut and (host.startswith(".") or "." not in host or host.endswith((".sh", ".py"))):
        return None
    path = path.partition("?")[0].partition("#")[0]
    return Url(scheme.lower(), host.lower(), int(port) if port.isdecimal() and len(port) < 6 else 0, slash + path)


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`text` as an address in its usual spelling; None, at no cost, for most names.

    Example:
        >>> address("203.0.113.9"), address("example.org")
        (IPv4Address('203.0.113.9'), None)
    """
    if ":" not in text and not text[:1].isdigit():
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def bare_address(host: str) -> bool:
    """Whether `host` is an IP address written out, not a name (also in the odd spellings that wget takes).

    Example:
        >>> [bare_address(h) for h in ("203.0.113.9", "2001:db8::1", "0x7f000001", "example.org", "1.2")]
        [True, True, True, False, False]
    """
    if not host or host[0] not in "0123456789abcdefABCDEF:[":
        return False
    if re.fullmatch(r"\d{8,10}|0[xX][0-9a-fA-F]{8}", host):
        return True
    return address(host.strip("[]")) is not None


def own(host: str) -> bool:
    """Whether `host` is this machine.

    Example:
        >>> own("localhost"), own("127.0.0.1"), own("10.0.0.1")
        (True, True, False)
    """
    return host in ("localhost", "::1", "0.0.0.0", "ip6-localhost", "127.1", "[::1]") or host.startswith("127.")


def inside(host: str) -> bool:
    """Whether `host` is this machine, an address of a private network (RFC 1918, 4193, 6598, link-local) or a name that
    no public resolver knows (.local RFC 6762, .home.arpa RFC 8375, .internal as ICANN reserved it in 2024).

    Example:
        >>> inside("10.2.3.4"), inside("registry.lab.internal"), inside("203.0.113.9"), inside("example.org")
        (True, True, False, False)
    """
    if own(host) or host.endswith((".internal", ".local", ".home.arpa")):
        return True
    found = address(host.strip("[]"))
    return found is not None and any(found in network for network in _INSIDE if network.version == found.version)


_INSIDE: Final = tuple(
    ipaddress.ip_network(n)
    for n in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)


def base(path: str) -> str:
    """The last part of a path or URL.

    Example:
        >>> base("/tmp/a/"), base("http://h/x.sh"), base("./y")
        ('a', 'x.sh', 'y')
    """
    return path.rstrip("/").rpartition("/")[2]


def scratch(path: str) -> bool:
    """Whether `path` lies where anybody may write and little is kept.

    Example:
        >>> scratch("/tmp/x"), scratch("/dev/shm/.a/x"), scratch("/dev/null"), scratch("/home/u/x")
        (True, True, False, False)
    """
    if not path.startswith(("/tmp", "/var/", "/dev/shm", "/run", "/mnt")):
        return False
    return any(path == place or path.startswith(place + "/") for place in _SCRATCH[:-1])


def system(path: str) -> bool:
    """Whether `path` lies where installed programs and their libraries lie.

    Example:
        >>> system("/usr/bin/x"), system("/usr/libexec/x"), system("/etc/hosts"), system("bin/x")
        (True, True, False, False)
    """
    return path.startswith("/") and _SYSTEM.match(path) is not None


def hidden(path: str) -> bool:
    """Whether a part of `path` begins with a dot and is none that ordinary tools make.

    Example:
        >>> hidden("/tmp/.x/run"), hidden("./.sshd"), hidden("../a"), hidden(".venv/bin/python"), hidden("/tmp/...")
        (True, True, False, False, True)
    """
    if "." not in path:
        return False
    return any(_HIDDEN.match(part) is not None and part not in _ORDINARY_HIDDEN for part in path.split("/"))


def plain(text: str, limit: int = 60) -> str:
    """`text` fit to be shown: printable ASCII only, no user and password before @, at most `limit` characters.

    Example:
        >>> plain("u:pw@host:22"), plain("a\\x1b[31mb"), plain("http://u:pw@h/x?token=1")
        ('host:22', 'a?[31mb', 'http://h/x')
    """
    text = _PLAIN.sub("?", text)
    scheme, cut, rest = text.partition("://")
    if cut:
        rest = rest.partition("?")[0]
        authority, slash, path = rest.partition("/")
        text = scheme + cut + authority.rpartition("@")[2] + slash + path
    else:
        text = text.rpartition("@")[2]
    return text if len(text) <= limit else text[: limit - 3] + "..."
