"""Commands that run another command given among their words: sudo, env, timeout, xargs, docker exec ...

Each is a line of a table: which options take a value, how many words stand before the command. Options are those of the
manual pages of GNU coreutils and findutils, util-linux, sudo, OpenBSD doas, Docker, kubectl, busybox, moreutils.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.shell.options import listed
from pipeline.shell.values import Field

__all__ = ["HOLDERS", "Inner", "Wrapper", "command_at", "inner_of", "skip_options"]


class Wrapper(NamedTuple):
    """How to find the command inside a wrapper's words."""

    short: str = ""
    """One-letter options that take a value."""
    long: str = ""
    """Long options that take a value in the next word, separated by blanks."""
    operands: int = 0
    """Words that stand between the options and the command."""
    assigns: bool = False
    """``NAME=value`` words may stand before the command."""
    stops: str = ""
    """One-letter options with which nothing is run."""
    verb: tuple[str, ...] = ()
    """The words of which one must come first (``docker exec``)."""
    dashes: bool = False
    """The command begins after ``--``, where one stands."""


class Inner(NamedTuple):
    """A command inside a command."""

    argv: list[Field]
    via: str
    env: tuple[tuple[str, str], ...] = ()
    loop: bool = False
    """It runs once per item."""
    items: tuple[str, ...] = ()
    times: int = 0
    """How often, where known."""
    remote: bool = False


_PLAIN = Wrapper()
_ENGINE = Wrapper(
    "euwvphmcla",
    "--env --user --workdir --env-file --detach-keys --volume --publish --name --network --net --gpus --entrypoint "
    "--mount --memory --cpus --cpuset-cpus --device --cap-add --cap-drop --security-opt --restart --label --hostname "
    "--shm-size --ulimit --pid --ipc --platform --add-host --dns --log-driver --log-opt --tmpfs --userns --runtime "
    "--link --ip --pull --cidfile --group-add --memory-swap --expose --volumes-from --cgroup-parent",
    1,
    verb=("exec", "run", "create"),
)
_KUBE = Wrapper(
    "ncfl",
    "--namespace --container --filename --context --kubeconfig --pod-running-timeout --image --overrides",
    1,
    verb=("exec", "run", "debug"),
    dashes=True,
)
_RUN = Wrapper("np", "--python --with --extra --group --package --directory --project --name --prefix", verb=("run",))
_PROXY = Wrapper("f")

WRAPPERS: dict[str, Wrapper] = {
    "sudo": Wrapper(
        "CDgpRrTtUu",
        "--user --group --chdir --chroot --prompt --close-from --host --role --type --other-user --command-timeout",
        assigns=True,
        stops="elvVKk",
    ),
    "doas": Wrapper("Cau", stops="L"),
    "pkexec": Wrapper("", "--user"),
    "env": Wrapper("uC", "--unset --chdir", assigns=True, stops="S"),
    "nohup": _PLAIN,
    "setsid": _PLAIN,
    "timeout": Wrapper("ks", "--kill-after --signal", 1),
    "gtimeout": Wrapper("ks", "--kill-after --signal", 1),
    "nice": Wrapper("n", "--adjustment"),
    "ionice": Wrapper("cn", "--class --classdata", stops="pPu"),
    "stdbuf": Wrapper("ioe", "--input --output --error"),
    "unbuffer": _PLAIN,
    "chroot": Wrapper("", "--userspec --groups", 1),
    "unshare": Wrapper("SGRw", "--setuid --setgid --root --wd --map-users --map-groups"),
    "nsenter": Wrapper("tSG", "--target --setuid --setgid"),
    "time": Wrapper("fo", "--format --output"),
    "exec": Wrapper("a"),
    "command": Wrapper("", stops="vV"),
    "builtin": _PLAIN,
    "taskset": Wrapper("", "", 1, stops="p"),
    "chrt": Wrapper("TPD", "", 1, stops="pm"),
    "strace": Wrapper("aeoOPsSuEIbX", stops="p"),
    "ltrace": Wrapper("aeDFlnosuwx", stops="p"),
    "valgrind": _PLAIN,
    "torsocks": _PROXY,
    "torify": _PROXY,
    "tsocks": _PROXY,
    "proxychains": _PROXY,
    "proxychains4": _PROXY,
    "systemd-run": Wrapper(
        "pHMEu",
        "--unit --property --description --slice --uid --gid --nice --working-directory --setenv --on-active --on-boot "
        "--on-calendar --on-startup --machine --host --service-type --timer-property",
    ),
    "systemd-inhibit": Wrapper("", "--what --who --why --mode"),
    "flock": Wrapper("wE", "--wait --timeout --conflict-exit-code", 1),
    "xvfb-run": Wrapper("enspfw", "--error-file --server-num --server-args --auth-file --wait"),
    "cpulimit": Wrapper("lm", "--limit --monitor-forks", stops="pP"),
    "numactl": Wrapper("mNCip", "--membind --cpunodebind --physcpubind --interleave --preferred"),
    "setarch": Wrapper("", "", 1),
    "linux32": _PLAIN,
    "linux64": _PLAIN,
    "fakeroot": Wrapper("lsb"),
    "eatmydata": _PLAIN,
    "chronic": _PLAIN,
    "catchsegv": _PLAIN,
    "gosu": Wrapper(operands=1),
    "su-exec": Wrapper(operands=1),
    "setpriv": Wrapper("", "--reuid --regid --groups --inh-caps --bounding-set --securebits"),
    "prlimit": Wrapper("", "", stops="p"),
    "tini": Wrapper("pe"),
    "dumb-init": _PLAIN,
    "rlwrap": Wrapper("bcfHlsS"),
    "dbus-run-session": _PLAIN,
    "dbus-launch": _PLAIN,
    "ssh-agent": Wrapper("atEP", stops="k"),
    "firejail": _PLAIN,
    "bwrap": Wrapper(
        "",
        "--bind --ro-bind --dev-bind --symlink --setenv",
    ),
    "sshpass": Wrapper("pfdP"),
    "busybox": Wrapper("", "", stops="l"),
    "toybox": _PLAIN,
    "proot": Wrapper("rbmwkqiRS", "--rootfs --bind --mount --cwd --pwd --kernel-release --qemu --change-id"),
    "cgexec": Wrapper("g"),
    "perf": Wrapper("eopFcCr", verb=("record", "stat", "trace")),
    "coproc": _PLAIN,
    "trickle": Wrapper("dustlp"),
    "faketime": Wrapper("f", "", 1),
    "docker": _ENGINE,
    "podman": _ENGINE,
    "nerdctl": _ENGINE,
    "crictl": Wrapper("", "--timeout", 1, verb=("exec",)),
    "kubectl": _KUBE,
    "oc": _KUBE,
    "k3s": _KUBE,
    "lxc": Wrapper("", "--env --cwd --user --group --mode", 1, verb=("exec",), dashes=True),
    "docker-compose": Wrapper(
        "euwfpv", "--env --user --workdir --file --project-name --name --volume --entrypoint", 1, verb=("exec", "run")
    ),
    "uv": _RUN,
    "poetry": _RUN,
    "pdm": _RUN,
    "pipenv": _RUN,
    "conda": _RUN,
    "mamba": _RUN,
    "micromamba": _RUN,
    "srun": Wrapper(
        "npcwNGtAJDoe", "--ntasks --partition --nodes --gres --gpus --time --account --job-name --nodelist"
    ),
    "mpirun": Wrapper("nHx", "-np --np --host --hostfile -hostfile --map-by"),
    "mpiexec": Wrapper("nHx", "-np --np --host --hostfile -hostfile --map-by"),
    "gdb": Wrapper("x", "-ex --ex --eval-command", dashes=False, stops="p"),
    "runuser": Wrapper("ugGc", "--user --group --supp-group --command"),
    "start-stop-daemon": Wrapper("pucgdPNIKR", "--pidfile --user --chuid --group --chdir --name --nicelevel --umask"),
}

TRANSPARENT = frozenset(WRAPPERS) - {"coproc"}
"""Wrappers that print what the command inside prints."""

_FIND_ENDS = frozenset([";", "+"])


def skip_options(words: Sequence[Field], at: int, wrapper: Wrapper) -> int | None:
    """Where the options that begin at `at` end; None where one of them means that nothing is run.

    Example:
        >>> skip_options([Field("sudo"), Field("-u"), Field("root"), Field("id")], 1, WRAPPERS["sudo"])
        3
    """
    long = listed(wrapper.long)
    while at < len(words):
        word = words[at].text
        if word == "--":
            return at + 1
        if not word.startswith("-") or word == "-":
            break
        if word in long:
            at += 2
        elif word.startswith("--"):
            at += 1
        else:
            letters = word[1:]
            taken = next((place for place, letter in enumerate(letters) if letter in wrapper.short), None)
            seen = letters if taken is None else letters[:taken]
            if any(letter in wrapper.stops for letter in seen):
                return None
            at += 2 if taken is not None and taken == len(letters) - 1 else 1
    return at


def command_at(words: Sequence[Field], wrapper: Wrapper) -> int | None:
    """Where the inner command begins, None where there is none."""
    at = 1
    if wrapper.verb:
        found = [place for place, word in enumerate(words[1:8], 1) if word.text in wrapper.verb]
        if not found:
            return None
        at = found[0] + 1
    if wrapper.dashes:
        dashes = next((place for place, word in enumerate(words) if word.text == "--"), None)
        if dashes is not None:
            return dashes + 1 if dashes + 1 < len(words) else None
    after = skip_options(words, at, wrapper)
    if after is None:
        return None
    at = after + wrapper.operands
    if wrapper.assigns:
        while at < len(words) and _assignment(words[at].text):
            at += 1
    return at if at < len(words) and not words[at].text.startswith("-") else None


def inner_of(name: str, words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    """The commands inside a command; `stdin` is what it reads, where known, and `count` its lines if those are more.

    Example:
        >>> [word.text for word in inner_of("sudo", [Field("sudo"), Field("-n"), Field("id")], None, 0)[0].argv]
        ['id']
    """
    special = _SPECIAL.get(name)
    if special is not None:
        return special(words, stdin, count)
    if name.startswith(("ld-linux", "ld-musl")):
        at = skip_options(words, 1, Wrapper("", "--library-path --argv0 --preload"))
        return [Inner(words[at:], "ld.so")] if at is not None and at < len(words) else []
    wrapper = WRAPPERS.get(name)
    at = command_at(words, wrapper) if wrapper else None
    if wrapper is None or at is None:
        return []
    return [Inner(words[at:], _label(name, words, wrapper), _env(words[1:at]) if wrapper.assigns else ())]


def _label(name: str, words: list[Field], wrapper: Wrapper) -> str:
    if not wrapper.verb or name in ("uv", "poetry", "pdm", "pipenv", "conda", "mamba", "micromamba"):
        return name
    return f"{name} {next(word.text for word in words[1:] if word.text in wrapper.verb)}"


def _assignment(text: str) -> bool:
    name, equals, _ = text.partition("=")
    return bool(equals) and name.isidentifier()


def _env(words: Sequence[Field]) -> tuple[tuple[str, str], ...]:
    pairs = (word.text.partition("=") for word in words if _assignment(word.text))
    return tuple((name, value) for name, _, value in pairs)


def _find(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    found: list[Inner] = []
    at = 0
    while at < len(words):
        word = words[at].text
        at += 1
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next((place for place in range(at, len(words)) if words[place].text in _FIND_ENDS), len(words))
            if end > at:
                found.append(Inner(words[at:end], "find -exec", loop=end >= len(words) or words[end].text == ";"))
            at = end + 1
    return found


def _fd(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    for at, word in enumerate(words):
        if word.text in ("-x", "--exec", "-X", "--exec-batch") and at + 1 < len(words):
            return [Inner(words[at + 1 :], "fd -x", loop=word.text in ("-x", "--exec"))]
    return []


def _xargs(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    wrapper = Wrapper(
        "adEILnPs",
        "--arg-file --delimiter --max-args --max-procs --max-lines --max-chars --process-slot-var --replace",
    )
    at = skip_options(words, 1, wrapper)
    if at is None or at >= len(words):
        return []
    options = [word.text for word in words[1:at]]
    mark = _xargs_mark(options)
    each = mark is not None or any(option.startswith(("-n", "-L", "--max-args", "--max-lines")) for option in options)
    argv = words[at:]
    if stdin is None:
        return [Inner(argv, "xargs", loop=each)]
    lines = [line.strip() for line in stdin.splitlines() if line.strip()]
    items = lines if mark is not None else stdin.split()
    if mark is None:
        step = next(
            (int(size[:9]) for size in _values(options, "-n", "--max-args") if size.isdecimal() and int(size[:9])), 0
        )
        given = items[:step] if step else items[:512]
        total = -(-max(count, len(items)) // step) if step else 1
        return [Inner([*argv, *map(Field, given)], "xargs", loop=bool(step), items=tuple(items), times=total)]
    first = items[0] if items else ""
    argv = [_put(word, mark, first) for word in argv]
    return [Inner(argv, "xargs", loop=True, items=tuple(items), times=max(count, len(items)))]


def _put(word: Field, mark: str, value: str) -> Field:
    if mark not in word.text:
        return word
    return Field(word.text.replace(mark, value), word.known, word.bare.replace(mark, value), word.program, word.via)


def _xargs_mark(options: list[str]) -> str | None:
    for at, option in enumerate(options):
        if option.startswith("-I"):
            return option[2:] or (options[at + 1] if at + 1 < len(options) else "{}")
        if option.startswith("-i") or option == "--replace":
            return option[2:] if option.startswith("-i") and option[2:] else "{}"
        if option.startswith("--replace="):
            return option.partition("=")[2] or "{}"
    return None


def _values(options: list[str], short: str, long: str) -> list[str]:
    found = []
    for at, option in enumerate(options):
        if option in (short, long) and at + 1 < len(options):
            found.append(options[at + 1])
        elif option.startswith(long + "="):
            found.append(option.partition("=")[2])
        elif option.startswith(short) and not option.startswith("--"):
            found.append(option[len(short) :])
    return found


def _parallel(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    wrapper = Wrapper(
        "jNnaILPsSd",
        "--jobs --max-args --arg-file --max-procs --colsep --delay --timeout --retries --joblog --results --sshlogin "
        "--memfree --load --workdir --tagstring --basefile --delimiter --max-replace-args",
    )
    at = skip_options(words, 1, wrapper)
    if at is None or at >= len(words):
        return []
    marks = [place for place in range(at, len(words)) if words[place].text in (":::", "::::", ":::+", "::::+")]
    end = marks[0] if marks else len(words)
    items: list[str] = []
    total = 1 if marks else 0
    for start, stop in zip(marks, [*marks[1:], len(words)], strict=False):
        if words[start].text.startswith("::::"):
            total = 0
            continue
        values = [word.text for word in words[start + 1 : stop]]
        items = items or values
        total *= len(values)
    if not marks and stdin is not None:
        items = [line for line in stdin.splitlines() if line]
        total = max(count, len(items))
    argv = words[at:end]
    first = items[0] if items else ""
    if not argv:
        return []
    if items:
        argv = [_put(word, "{}", first) for word in argv]
        if not any("{" in word.text for word in words[at:end]):
            argv = [*argv, Field(first)]
    return [Inner(argv, "parallel", loop=True, items=tuple(items), times=total)]


def _coproc(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    return [Inner(words[1:], "coproc")] if len(words) > 1 else []


def _start_stop(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    texts = [word.text for word in words]
    program = next((at + 1 for at, text in enumerate(texts) if text in ("--exec", "-x", "--startas", "-a")), None)
    if program is None or program >= len(words) or not ({"--start", "-S"} & set(texts)):
        return []
    rest = words[texts.index("--") + 1 :] if "--" in texts else []
    return [Inner([words[program], *rest], "start-stop-daemon")]


def _gdb(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
    at = next((place for place, word in enumerate(words) if word.text in ("--args", "-args")), None)
    return [Inner(words[at + 1 :], "gdb")] if at is not None and at + 1 < len(words) else []


def _entry(name: str) -> Callable[[list[Field], str | None, int], list[Inner]]:
    def engine(words: list[Field], stdin: str | None, count: int) -> list[Inner]:
        wrapper = WRAPPERS[name]
        if len(words) > 1 and words[1].text == "compose":
            wrapper, words = WRAPPERS["docker-compose"], words[1:]
        at = command_at(words, wrapper)
        texts = [word.text for word in words]
        entry = _values(texts, "--entrypoint", "--entrypoint")
        rest = words[at:] if at is not None else []
        argv = [Field(entry[0]), *rest] if entry and entry[0] else rest
        return [Inner(argv, f"{name} {_verb(texts, wrapper)}")] if argv else []

    return engine


def _verb(texts: list[str], wrapper: Wrapper) -> str:
    return next((text for text in texts[1:8] if text in wrapper.verb), "")


_SPECIAL: dict[str, Callable[[list[Field], str | None, int], list[Inner]]] = {
    "find": _find,
    "gfind": _find,
    "fd": _fd,
    "fdfind": _fd,
    "xargs": _xargs,
    "gxargs": _xargs,
    "parallel": _parallel,
    "coproc": _coproc,
    "start-stop-daemon": _start_stop,
    "gdb": _gdb,
    "docker": _entry("docker"),
    "podman": _entry("podman"),
    "nerdctl": _entry("nerdctl"),
}

HOLDERS = frozenset(_SPECIAL) | frozenset(WRAPPERS)
"""Commands that may hold another; besides these only the loaders of programs, ``ld-..``."""
