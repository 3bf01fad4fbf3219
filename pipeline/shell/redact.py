"""Secrets in a command line, replaced by ``[redacted]`` before the command is kept or shown.

Three layers, from the general to the particular:

1. what is a secret by its shape, wherever it stands: private keys, tokens of known makers, JWT, passwords in URLs
2. what is a secret by its name: ``API_TOKEN=``, ``--password``, ``Authorization:``, ``"secret": ".."``, ``?key=``
3. what is a secret by its place among the words of a tool: ``mysql -pX``, ``curl -u a:X``, ``echo X | passwd``

All of it is lexical, so that it also holds in broken commands and in texts of other languages. In doubt it redacts.

Shapes of tokens: the makers' documentation; GitHub, "Behind GitHub's new authentication token formats"; RFC 7519 (JWT);
RFC 7468 (PEM).
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["MARK", "clean_at_a_glance", "redact", "thoroughly"]

MARK = "[redacted]"

_ROUNDS = 4
_DEEPEST = 4
_HINT = re.compile(
    r"pass|pwd|secret|token|key|auth|bearer|basic|cookie|credential|session|signature|sig=|//[^/\s]*@|-u|-U|-w|-P|-a|/p:"
    r"|mysql|maria|openssl|sshpass|login|mongo|7z|zip|AKIA|ASIA|gh[pousr]_|github_pat|gl[a-z]{2,4}-|xox|xapp|hf_|sk[-_]|rk_|AIza|ya29"
    r"|eyJ|npm_|pypi-|dckr_|SG\.|hvs\.|nvapi|hooks\.|webhooks|BEGIN|PRIVATE|--user|sudo|\d{8}:|gsk_|r8_|xai-|AGE-|shp|dop_|user",
    re.IGNORECASE,
)

_KEY_BLOCK = re.compile(
    r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----.*?"
    r"(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----|\Z)",
    re.DOTALL,
)
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}"
    r"|gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[\w.-]{12,}"
    r"|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"
    r"|hf_[A-Za-z0-9]{16,}|api_org_[A-Za-z0-9]{16,}"
    r"|sk-[A-Za-z0-9_-]{16,}|[srp]k_(?:live|test)_\w{8,}|whsec_\w{16,}"
    r"|AIza[\w-]{20,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}"
    r"|npm_[A-Za-z0-9]{16,}|pypi-[\w-]{16,}|dckr_[po]at_[\w-]{16,}|SG\.[\w-]{8,}\.[\w-]{8,}"
    r"|hv[sbr]\.[\w-]{16,}|nvapi-[\w-]{16,}|gsk_\w{16,}|r8_\w{16,}|xai-\w{16,}|tvly-[\w-]{16,}|lin_api_\w{16,}"
    r"|shp(?:at|ca|pa|ss)_\w{16,}|do[opr]_v1_\w{16,}|AGE-SECRET-KEY-1\w{16,}|figd_[\w-]{16,}|ntn_\w{16,}|key-[0-9a-f]{24,}"
    r"|eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)*"
    r"|\d{8,10}:[A-Za-z0-9_-]{30,}"
    r")"
)
_HOOKS = re.compile(
    r"(https?://(?:hooks\.slack\.com/\w{1,20}|(?:\w{1,10}\.)?discord(?:app)?\.com/api/webhooks)/)[^\s'\"]+"
)
_URL_USER = re.compile(r"(?<![\w+.-])(\w[\w+.-]*://[^\s/:@'\"]*):([^\s/'\"]+)@")
_URL_TOKEN = re.compile(r"(https?://)([^\s/:@'\"]{20,})@")
_SCHEME = re.compile(
    r"(?<![\w-])((?:bearer)\s+)(?=[\w.~+/-]*[\d.])[\w.~+/=-]{6,}|(?<![\w-])(basic\s+)(?=[A-Za-z+/]*[\d=])[\w+/=]{8,}",
    re.IGNORECASE,
)

_NAME = re.compile(
    r"[\w.-]*?(?:passw(?:or)?d|passphrase|passcode|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key"
    r"|private[_-]?key|account[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|master[_-]?key|license[_-]?key"
    r"|storage[_-]?key|credentials?|_auth|session[_-]?id|secret[_-]?key[_-]?base)(?:[_-]?\d{1,2})?"
    r"|(?:[\w.-]*[_.-])?(?:pass|pw|passwds?)(?:[_-]?\d{1,2})?|[\w.-]+[_.-]pwd|[a-z]+(?-i:Pwd)|(?-i:(?:[A-Z0-9_]*_)?KEY|[A-Z0-9_]*(?<!COM)(?<!BY)PASS)"
    r"|x-amz-(?:signature|credential|security-token)",
    re.IGNORECASE,
)
_FLAG_NAME = re.compile(
    r"pwd|pass-?in|pass-?out|http-?pass\w*|ftp-password|proxy-pass\w*|rpcpass\w*|\w*Password", re.IGNORECASE
)
_QUERY_NAME = re.compile(r"key|pass|sig|auth|code|jwt|sid|pwd|signature", re.IGNORECASE)
_HEADER_NAME = re.compile(
    r"(?:proxy-)?authorization|(?:set-)?cookie|[\w-]*?(?:api-?key|token|secret|auth-?key|access-?key|password|signature)"
    r"|x-auth[\w-]*|x-functions-key|ocp-apim-subscription-key",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"(?:max|min|num|n|total|new|prompt|completion|pad|eos|bos|unk|mask|stop|sep|cls)[_-]", re.IGNORECASE
)

_WORD_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|(?:[^\s'"&;|<>)\\,]|\\.)+)"""
_VALUE = re.compile(_WORD_VALUE, re.DOTALL)
_JSON_VALUE = re.compile(r"""\\?"(?:[^"\\]|\\[^"])*\\?"|\\?'[^']*'|[\w.+/=-]+""")
_YAML_VALUE = re.compile(r""""[^"\s][^"]*"|'[^'\s][^']*'|[^\s'"&;|<>)\\,]+""")
_QUERY_VALUE = re.compile(r"[^&\s'\"#]+")
_HEADER_VALUE = re.compile(
    r"((?:(?:bearer|basic|token|digest|negotiate|apikey|aws4-\S+)\s+)?)([^'\"\n]{1,8192}+(?=['\"])|[^\s'\"]*[^\s'\";|&])",
    re.IGNORECASE,
)

_ASSIGNED = re.compile(r"(?<![\w./-])([\w.-]+)(\s?\+?=)(?!=)")
_JSON = re.compile(r"""\\?["']([\w.-]+)(\\?["']\s*(?::|=>|,)\s*)""")
_YAML = re.compile(r"(?<![^\s{,])([\w.-]+)(:[ \t]+)")
_FLAG = re.compile(r"(?<!\S)(--?[\w.-]+)(=|\s+)")
_QUERY = re.compile(r"(?<=[?&;])([\w.-]+)(=)")
_HEADER = re.compile(r"(?<![\w-])([\w-]+)(\s{0,4}:\s{0,4})")

_REFERENCE = re.compile(
    r"""["']?(?:\$[\w{(@*]|<\(|%[A-Za-z_]\w*%|\{\{?\w|`|<[\w -]+>|\[redacted\]|\*{3,}|@\w"""
    r"""|os\.|getenv|process\.|env[.\[])"""
)
_NOT_SECRET = re.compile(
    r"""["']?(?:true|false|none|null|yes|no|on|off|\d{1,4}|stdin|-|/[\w./-]+|\./\S*|~/\S*|\.[*+]\$?)?["']?\Z""",
    re.IGNORECASE,
)
_PASS_SOURCE = re.compile(r"""(["']?)(pass:)(.+)""", re.DOTALL)
_OTHER_SOURCE = re.compile(r"""["']?(?:env|file|fd|stdin):?""")

_WORD = re.compile(
    r"""(?P<word>(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s;|&()<>'"\\]+|['"])+)|(?P<here><<<)|(?P<mark>\|\|?|&&?|;|\n|[()])|(?P<other>[<>])""",
    re.DOTALL,
)
_SKIPPED = frozenset(
    [
        "do",
        "then",
        "else",
        "if",
        "while",
        "until",
        "{",
        "!",
        "sudo",
        "doas",
        "env",
        "nohup",
        "time",
        "command",
        "exec",
        "busybox",
        "timeout",
        "nice",
        "proxychains",
        "proxychains4",
        "-n",
        "-E",
    ]
)


def redact(command: str) -> str:
    """`command` with its secrets replaced; a second pass changes nothing. What is beyond 65,536 characters is left out.

    Example:
        >>> redact("mysql -u root -phunter2 -h db; curl -H 'Authorization: Bearer abc.def' https://u:p@h/?token=x")
        "mysql -u root -p[redacted] -h db; curl -H 'Authorization: Bearer [redacted]' https://u:[redacted]@h/?token=[redacted]"
    """
    if len(command) > _LONGEST:
        # A tail would begin inside of who knows what: half a key is no key to any pattern.
        command = command[:_LONGEST] + "…"
    if clean_at_a_glance(command):
        return command
    low = command.lower()
    return thoroughly(command) if any(name in low for name in _HINTED) or _HINT.search(command) else command


def thoroughly(command: str) -> str:
    """All layers over `command`, as often as anything changes."""
    for _ in range(_ROUNDS):
        done = _once(command)
        if done == command:
            break
        command = done
    return command


def clean_at_a_glance(text: str) -> bool:
    """Whether it shows at a glance that `thoroughly` changes nothing: each layer needs a word of `_NAMES`, a URL with a
    user, the name of a tool together with its option, or the shape of a token.

    Example:
        >>> clean_at_a_glance("ls -l"), clean_at_a_glance("mysql -phunter2"), clean_at_a_glance("cat key.pem")
        (True, False, False)
    """
    if not text.isascii():
        return False
    low = text.lower()
    for name in _NAMES:
        if name in low:
            return False
    if "://" in low and ("@" in low or "hooks." in low or "discord" in low):
        return False
    words = text.translate(_APART).split()
    if not _TOOLS.isdisjoint(words):
        if "sudo" in words and ("S" in text or "--stdin" in low):
            return False
        for tool in _TOOLS.intersection(words):
            for given in _GIVEN[tool]:
                if given in low:
                    return False
    long = [word for word in words if len(word) >= _SHORTEST]
    return not long or _TOKENS.search(" ".join(long)) is None


_NAMES = (
    "pass", "pw", "secret", "token", "key", "credential", "auth", "session", "sig", "code", "jwt", "sid", "cookie",
    "bearer", "basic",
)  # fmt: skip
"""What names of secrets hold (`_MAYBE`), and the schemes."""
_HINTED = ("pass", "secret", "token", "key", "auth", "user")
"""Names with which `_HINT` would find something as well."""
_SHORTEST = 13
"""Characters that a token of a known maker has at least."""
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.:-")}
"""What can stand neither in a token nor in the name of a tool."""


def _once(text: str) -> str:
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(MARK, text)
    text = _TOKENS.sub(MARK, text)
    if "://" in text:
        text = _HOOKS.sub(rf"\1{MARK}", text)
        text = _URL_USER.sub(rf"\1:{MARK}@", text)
        text = _URL_TOKEN.sub(rf"\1{MARK}@", text)
    if "=" in text:
        text = _after_heads(text, _QUERY, _QUERY_VALUE, _query)
    if ":" in text:
        text = _after_heads(text, _HEADER, _HEADER_VALUE, _header)
        text = _after_heads(text, _JSON, _JSON_VALUE, _json)
        text = _after_heads(text, _YAML, _YAML_VALUE, _named)
    text = _SCHEME.sub(lambda match: (match.group(1) or match.group(2)) + MARK, text)
    if "-" in text:
        text = _after_heads(text, _FLAG, _VALUE, _flag)
    if "=" in text:
        text = _after_heads(text, _ASSIGNED, _VALUE, _named)
    return _places(text, 0)


def _after_heads(
    text: str, head: re.Pattern[str], value: re.Pattern[str], change: Callable[[str, str, re.Match[str]], str | None]
) -> str:
    """Replace the values that stand after heads (a name and a sign); `change` says by what, None for leave it."""
    out: list[str] = []
    done = 0
    for match in head.finditer(text):
        if match.start() < done or not _MAYBE.search(match.group(1)):
            continue
        # Whether it is a secret shows at its beginning; the whole of each would take the square of the length.
        begin = match.end()
        near = len(text) if text[begin : begin + 1] in ("'", '"', "\\") else begin + _NEAR
        found = value.match(text, begin, near)
        if found and change(match.group(1), match.group(2), found) is not None:
            found = value.match(text, begin)
        new = change(match.group(1), match.group(2), found) if found else None
        if found and new is not None:
            out += (text[done : match.end()], new)
            done = found.end()
    return "".join([*out, text[done:]]) if out else text


_LONGEST = 65_536
_NEAR = 1024
_MAYBE = re.compile(r"pass|pw|secret|token|key|credential|auth|session|sig|code|jwt|sid|cookie", re.IGNORECASE)


def _query(name: str, sign: str, value: re.Match[str]) -> str | None:
    secret = _NAME.fullmatch(name) or _QUERY_NAME.fullmatch(name)
    return MARK if secret and not _REFERENCE.match(value.group()) else None


def _header(name: str, colon: str, value: re.Match[str]) -> str | None:
    scheme, rest = value.groups()
    if not _HEADER_NAME.fullmatch(name) or _REFERENCE.match(rest) or rest.startswith("//"):
        return None
    if "authorization" not in name.lower() and colon == ":" and _NOT_SECRET.match(rest):
        return None
    return f"{scheme}{MARK}"


def _json(name: str, middle: str, value: re.Match[str]) -> str | None:
    inner = value.group().strip("\\\"'")
    if not _NAME.fullmatch(name) or _COUNTED.match(name) or _REFERENCE.match(inner) or _NOT_SECRET.match(inner):
        return None
    return _inside(value.group())


def _named(name: str, sign: str, value: re.Match[str]) -> str | None:
    text = value.group()
    if not _NAME.fullmatch(name) or _COUNTED.match(name) or _REFERENCE.match(text) or _NOT_SECRET.match(text):
        return None
    return _inside(text)


def _flag(flag: str, sign: str, found: re.Match[str]) -> str | None:
    name, value = flag.lstrip("-"), found.group()
    if not (_NAME.fullmatch(name) or _FLAG_NAME.fullmatch(name)) or _COUNTED.match(name) or _REFERENCE.match(value):
        return None
    source = _PASS_SOURCE.match(value)
    if source:
        end = source.group(1) if source.group(1) and value.endswith(source.group(1)) else ""
        return f"{source.group(1)}{source.group(2)}{MARK}{end}"
    is_password = "pass" in name.lower()
    if (_OTHER_SOURCE.match(value) and is_password) or (value.startswith("-") and sign.isspace()):
        return None
    if _NOT_SECRET.match(value) and not (is_password and re.fullmatch(r"[\"']?\d+[\"']?", value)):
        return None
    return _inside(value)


def _inside(value: str) -> str:
    """The mark, in the quotes that the value had."""
    lead = value[: len(value) - len(value.lstrip("\\\"'"))][:2]
    if not lead:
        return MARK
    quote = lead.lstrip("\\")[:1]
    closed = len(value) > len(lead) and quote and value.endswith(quote)
    return f"{lead if quote else ''}{MARK}{lead if closed else ''}" if quote else MARK


# What is a secret by its place among the words of a tool.

_Span = tuple[int, int]
_Rule = Callable[[list[str]], dict[int, str]]


def _places(text: str, depth: int) -> str:
    """Redact by place, command by command; quoted texts that hold commands too."""
    words: list[tuple[str, _Span]] = []
    commands: list[list[tuple[str, _Span]]] = []
    edits: list[tuple[_Span, str]] = []
    for match in _WORD.finditer(text):
        if match.lastgroup == "mark":
            commands.append(words)
            words = []
        elif match.lastgroup == "word":
            words.append((match.group(), match.span()))
        elif match.lastgroup == "here":
            words.append(("<<<", match.span()))
    commands.append(words)
    for index, found in enumerate(commands):
        changes = _changes([word for word, _ in found])
        edits += [(found[at][1], new) for at, new in changes.items() if new != found[at][0]]
        if _reads_secret([word for word, _ in found]):
            chpasswd = any("chpasswd" in word for word, _ in found)
            edits += _fed(commands[max(0, index - 7) : index + 1], keep_user=chpasswd)
    done = {span for span, _ in edits}
    if depth < _DEEPEST:
        for found in commands:
            for word, span in found:
                if span not in done and len(word) > 8 and word[0] in "'\"" and word[-1] == word[0] and " " in word:
                    inner = _places(word[1:-1], depth + 1)
                    if inner != word[1:-1]:
                        edits.append((span, word[0] + inner + word[-1]))
    out: list[str] = []
    at = 0
    for (start, end), new in sorted(set(edits)):
        if start >= at:
            out += (text[at:start], new)
            at = end
    return "".join([*out, text[at:]])


def _tool(words: list[str]) -> tuple[str, int]:
    """The tool that the words run, and where its arguments begin."""
    for at, word in enumerate(words):
        name = word.strip("'\"").rpartition("/")[2]
        if (
            name in _SKIPPED
            or (at and name.startswith("-"))
            or re.fullmatch(r"\w+=.*", name, re.DOTALL)
            or name.isdigit()
        ):
            continue
        return name, at + 1
    return "", len(words)


def _changes(words: list[str]) -> dict[int, str]:
    changes: dict[int, str] = {}
    begin = 0
    for _ in range(_DEEPEST):
        tool, start = _tool(words[begin:])
        start += begin
        if tool in _RULES:
            changes |= {at + start: new for at, new in _RULES[tool](words[start:]).items()}
        inner = next(
            (
                at
                for at in range(start + 1, len(words))
                if not words[at].startswith("-") and words[at - 1] not in ("-p", "-P", "-f", "-d")
            ),
            None,
        )
        if tool != "sshpass" or inner is None:
            break
        begin = inner
    return changes


def _value(word: str) -> str:
    return word if _REFERENCE.match(word) else _inside(word)


def _after(*flags: str, glued: str = "") -> _Rule:
    """The word after one of `flags` is a secret, and so is what is glued to a flag of `glued`."""

    def rule(words: list[str]) -> dict[int, str]:
        found: dict[int, str] = {}
        for at, word in enumerate(words):
            if word in flags and at + 1 < len(words) and words[at + 1] != "<<<":
                found[at + 1] = _value(words[at + 1])
            elif glued and len(word) > len(glued) and word.startswith(glued) and not word.startswith("--"):
                rest = word[len(glued) :]
                found[at] = word if _REFERENCE.match(rest) else glued + _inside(rest)
        return found

    return rule


def _pool(words: list[str]) -> dict[int, str]:
    """A miner's password at its pool; x stands for none."""
    return {at: new for at, new in _after("-p", "--pass")(words).items() if words[at].strip("'\"") not in ("x", "X")}


def _user(*flags: str, mark: str = ":") -> _Rule:
    """After one of `flags`, or glued to it, stands ``user:password``."""

    def rule(words: list[str]) -> dict[int, str]:
        found: dict[int, str] = {}
        for at, word in enumerate(words):
            for flag in flags:
                long = flag.startswith("--")
                if word == flag and at + 1 < len(words):
                    found[at + 1] = _keep_user(words[at + 1], mark)
                elif word.startswith(flag + "=" if long else flag) and len(word) > len(flag):
                    lead = flag + ("=" if long else "")
                    found[at] = lead + _keep_user(word[len(lead) :], mark)
        return found

    return rule


def _keep_user(word: str, mark: str) -> str:
    user, found, secret = word.partition(mark)
    if not found or not secret.strip("'\"") or _REFERENCE.match(secret):
        return word
    end = word[0] if word[:1] in ("'", '"') and word.endswith(word[0]) else ""
    return f"{user}{mark}{MARK}{end}"


def _mysql(words: list[str]) -> dict[int, str]:
    return {
        at: "-p" + _inside(word[2:])
        for at, word in enumerate(words)
        if word.startswith("-p") and len(word) > 2 and not _REFERENCE.match(word[2:])
    }


def _htpasswd(words: list[str]) -> dict[int, str]:
    batch = any(word.startswith("-") and not word.startswith("--") and "b" in word for word in words)
    plain = [at for at, word in enumerate(words) if not word.startswith("-")]
    return {plain[-1]: _value(words[plain[-1]])} if batch and len(plain) >= 2 else {}


def _aws(words: list[str]) -> dict[int, str]:
    if words[:2] != ["configure", "set"] or len(words) < 4:
        return {}
    return {3: _value(words[3])} if re.search(r"secret|token|key", words[2], re.IGNORECASE) else {}


def _npm(words: list[str], verb: str = "set") -> dict[int, str]:
    named = [at for at, word in enumerate(words[:-1]) if re.search(r"_auth|token|password", word, re.IGNORECASE)]
    return {named[0] + 1: _value(words[named[0] + 1])} if verb in words and named else {}


def _login(words: list[str]) -> dict[int, str]:
    return _after("-p", "--password", glued="-p")(words) if "login" in words or "add" in words else {}


def _last(count: int) -> _Rule:
    def rule(words: list[str]) -> dict[int, str]:
        plain = [at for at, word in enumerate(words) if not word.startswith("-")]
        return {plain[-1]: _value(words[plain[-1]])} if len(plain) >= count else {}

    return rule


def _rabbit(words: list[str]) -> dict[int, str]:
    return {2: _value(words[2])} if words[:1] in (["add_user"], ["change_password"]) and len(words) > 2 else {}


def _kubectl(words: list[str]) -> dict[int, str]:
    if "secret" not in words:
        return {}
    return {
        at: re.sub(r"(--from-literal=[^=]+=).*", rf"\1{MARK}", word, flags=re.DOTALL)
        for at, word in enumerate(words)
        if word.startswith("--from-literal=") and not _REFERENCE.match(word.partition("=")[2].partition("=")[2])
    } | {
        at + 1: re.sub(r"(=).*", rf"\1{MARK}", words[at + 1], count=1, flags=re.DOTALL)
        for at, word in enumerate(words[:-1])
        if word == "--from-literal"
    }


def _openssl(words: list[str]) -> dict[int, str]:
    if words[:1] == ["passwd"]:
        plain = [at for at, word in enumerate(words) if at and not word.startswith("-") and words[at - 1] != "-salt"]
        return {at: _value(words[at]) for at in plain}
    return {
        at: re.sub(r"(pass:)[^\s'\"]+", rf"\1{MARK}", word) for at, word in enumerate(words) if "pass:" in word
    } | _after("-k", "-K")(words)


def _slash(words: list[str]) -> dict[int, str]:
    return {at: word[:3] + MARK for at, word in enumerate(words) if word.lower().startswith("/p:")}


_USER_PASS = _user("-u", "--user", "-U", "--proxy-user")
_SMB = _user("-U", "--user", mark="%")
_P = _after("-p", "--password", "-pw", glued="")
_PG = _after("-P", "-p")
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(
        (
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mariadb",
            "mariadb-dump",
            "mysqlimport",
            "mysqlshow",
            "mycli",
            "mysqlslap",
            "mysqlcheck",
            "xtrabackup",
        ),
        _mysql,
    ),
    "sshpass": _after("-p", glued="-p"),
    **dict.fromkeys(("curl", "http", "https", "xh", "curlie"), lambda words: _USER_PASS(words) | _user("-a")(words)),
    **dict.fromkeys(("docker", "podman", "nerdctl", "helm", "az", "oc", "buildah", "skopeo", "crane", "oras"), _login),
    "htpasswd": _htpasswd,
    **dict.fromkeys(
        ("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete", "ldappasswd"),
        _after("-w", "-s", glued="-w"),
    ),
    "redis-cli": _after("-a", "--pass", glued="-a"),
    **dict.fromkeys(
        ("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"), _after("-p", glued="-p")
    ),
    **dict.fromkeys(
        ("smbclient", "rpcclient", "smbmap", "net", "smbget", "winexe"), lambda words: _SMB(words) | _P(words)
    ),
    **dict.fromkeys(("xfreerdp", "rdesktop", "wlfreerdp", "mstsc"), lambda words: _slash(words) | _P(words)),
    **dict.fromkeys(
        (
            "evil-winrm",
            "crackmapexec",
            "cme",
            "netexec",
            "nxc",
            "plink",
            "pscp",
            "sqlcmd",
            "isql",
            "tsql",
            "cqlsh",
            "hydra",
            "medusa",
            "patator",
            "clickhouse-client",
            "influx",
            "vncviewer",
        ),
        _after("-p", "-pw", "-P", "-password"),
    ),
    **dict.fromkeys(
        ("mosquitto_pub", "mosquitto_sub", "zip", "unzip", "ipmitool", "bteq", "pg_probackup"), _after("-P", glued="")
    ),
    **dict.fromkeys(("7z", "7za", "7zr", "rar", "unrar"), _after("-hp", glued="-p")),
    **dict.fromkeys(("useradd", "usermod", "adduser"), _after("-p")),
    "rabbitmqctl": _rabbit,
    "kubectl": _kubectl,
    "aws": _aws,
    **dict.fromkeys(("npm", "yarn", "pnpm"), _npm),
    "git": lambda words: _npm(words, "config"),
    **dict.fromkeys(("vault", "wandb"), lambda words: _last(2)(words) if words[:1] == ["login"] else {}),
    "openssl": _openssl,
    "wpa_passphrase": _last(2),
    "wget": lambda words: {},
    "nmcli": _after("password", "wifi-sec.psk", "802-11-wireless-security.psk"),
    "snmpwalk": _after("-A", "-X"),
    **dict.fromkeys(("xmrig", "xmr-stak", "minerd", "cpuminer", "ccminer", "cgminer", "bfgminer"), _pool),
}

_GIVEN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_RULES, ("-p", "/p:")),
    **dict.fromkeys(("curl", "http", "https", "xh", "curlie"), ("-u", "-a")),
    **dict.fromkeys(("docker", "podman", "nerdctl", "helm", "az", "oc", "buildah", "skopeo", "crane", "oras"),
                    ("login", "add")),
    **dict.fromkeys(("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete", "ldappasswd"), ("-w", "-s")),
    **dict.fromkeys(("smbclient", "rpcclient", "smbmap", "net", "smbget", "winexe"), ("-p", "-u")),
    **dict.fromkeys(("kubectl", "aws", "npm", "yarn", "pnpm", "git", "htpasswd", "sshpass", "wget"), ()),
    "redis-cli": ("-a",),
    "rabbitmqctl": ("",),
    "vault": ("login",),
    "wandb": ("login",),
    "openssl": ("-k",),
    "wpa_passphrase": ("",),
    "nmcli": ("psk",),
    "snmpwalk": ("-a", "-x"),
    "cryptsetup": ("",),
    "sudo": (),
    **dict.fromkeys(("7z", "7za", "7zr", "rar", "unrar"), ("-p", "-hp")),
}  # fmt: skip
"""Of each tool, what must stand somewhere in the lower-case text for its rule to find anything that has no name of
`_NAMES`."""
_TOOLS = frozenset(_GIVEN)

_FEEDERS = frozenset(["echo", "printf"])
_ECHO_FLAG = re.compile(r"-[neE]+\Z")


def _reads_secret(words: list[str]) -> bool:
    """Whether the command reads a password from what is piped to it."""
    names = {word.strip("'\"").rpartition("/")[2] for word in words[:6]}
    if names & {"chpasswd", "passwd", "smbpasswd", "cryptsetup", "gpg-preset-passphrase", "saslpasswd2"}:
        return words[0].strip("'\"").rpartition("/")[2] not in (
            "cat",
            "grep",
            "ls",
            "vi",
            "less",
            "head",
            "tail",
            "find",
            "echo",
        )
    if "sudo" in names and any(re.fullmatch(r"-[A-Za-z]*S[A-Za-z]*|--stdin", word) for word in words):
        return True
    return any(word in ("--password-stdin", "--with-token", "--passphrase-fd", "--token-stdin") for word in words)


def _fed(commands: list[list[tuple[str, _Span]]], *, keep_user: bool) -> list[tuple[_Span, str]]:
    """The words of echo, printf and here-strings that stand before the last of `commands`, or in it."""
    edits: list[tuple[_Span, str]] = []
    for found in commands:
        names = [word.strip("'\"").rpartition("/")[2] for word, _ in found]
        start = next((at for at, name in enumerate(names[:3]) if name in _FEEDERS), None)
        if start is not None:
            for word, span in found[start + 1 :]:
                if not _ECHO_FLAG.match(word) and not re.fullmatch(r"['\"]?%s(?:\\n)?['\"]?", word):
                    edits.append((span, _fed_word(word, keep_user)))
    for at, (word, _) in enumerate(commands[-1][:-1]):
        if word == "<<<":
            edits.append((commands[-1][at + 1][1], _fed_word(commands[-1][at + 1][0], keep_user)))
    return edits


def _fed_word(word: str, keep_user: bool) -> str:
    if _REFERENCE.match(word):
        return word
    return _keep_user(word, ":") if keep_user and ":" in word else _value(word)
