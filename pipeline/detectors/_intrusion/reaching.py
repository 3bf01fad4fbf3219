"""Reaching out: to the host outside the container, and shells given to other machines."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.scene import SHELLS, Reader, Scene, feeder_of
from pipeline.detectors._intrusion.secrets import SECRETS
from pipeline.shell.calls import Call
from pipeline.shell.options import parse
from pipeline.shell.places import bare_address, hidden, plain, scratch
from pipeline.shell.python_code import read_python

__all__ = ["READERS", "judge_code", "judge_redirect"]


def _docker(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    if not words or words[0] not in ("run", "exec", "create", "container"):
        return
    options = parse(
        words[1:],
        "vepwuhlmc",
        {"volume", "name", "env", "pid", "network", "net", "mount", "cap-add", "user", "entrypoint"},
    )
    mounts = options.all("v", "volume")
    if any(m.startswith(("/:", "/etc:", "/root:", "/proc:")) for m in mounts) or any(
        "source=/," in m or "src=/," in m for m in options.all("mount")
    ):
        reads = all(m.endswith(":ro") for m in mounts if m.startswith("/"))
        scene.notes.add("escape", 3.4 if reads else 5.8, "T1611", "mounts the host's disk into a container")
    elif options.first("pid") == "host" and (options.has("privileged")):
        scene.notes.add("escape", 5.8, "T1611", "starts a privileged container among the host's processes")
    elif options.has("privileged") or options.first("cap-add").upper() in ("SYS_ADMIN", "ALL"):
        scene.notes.add("escape", words="starts a privileged container")
    elif any("docker.sock" in m for m in mounts):
        scene.notes.add("escape", words="hands the container engine's socket to a container")


def _nsenter(scene: Scene, at: int, call: Call) -> None:
    options = parse(call.argv[1:], "tSGrw", {"target"})
    scene.notes.add(
        "escape", 6.4 if options.first("t", "target") == "1" else 3.4, "T1611", "enters the host's namespaces"
    )


def _chroot(scene: Scene, at: int, call: Call) -> None:
    place = next((w for w in call.argv[1:] if w[:1] != "-"), "")
    if re.match(r"/(?:host|hostfs|mnt/host|rootfs|proc/1/root)\b", place):
        scene.notes.add("escape", 6.4, "T1611", f"makes {plain(place)} its root")


def _mount(scene: Scene, at: int, call: Call) -> None:
    text = " ".join(call.argv[1:])[:500]
    if re.search(r"cgroup.*(?:rdma|memory)|-t\s+cgroup\b", text):
        scene.notes.add("escape", 4.4, "T1611", "mounts a control group hierarchy")
    elif re.search(r"^(?:-\S+ )*/dev/(?:sda\d?|vda\d?|nvme0n1p?\d?|xvda\d?) ", text):
        scene.notes.add("escape", 3.0, "T1611", "mounts the disk of the host")
    elif len(call.argv) == 1:
        scene.notes.add("uptime")


def _capsh(scene: Scene, at: int, call: Call) -> None:
    if call.name == "capsh":
        scene.notes.add("probe", 1.6, "T1611", "asks which rights its container has")
    else:
        odd = any(scratch(word) or hidden(word) for word in call.argv[1:])
        scene.notes.add("escape", 4.4 if odd else 2.4, "T1547.006", "loads a kernel module")


def _nc(scene: Scene, at: int, call: Call) -> None:
    words = call.argv[1:]
    options = parse(
        words, "eciopqsTwxXgGIOPVD", {"exec", "sh-exec", "lua-exec", "wait", "proxy", "source", "source-port"}
    )
    program = " ".join(options.all("e", "c", "exec", "sh-exec"))
    place = _place(options.operands)
    if re.search(r"(?:^|[\s/])(?:ba|da|a|z|k)?sh\b|cmd\.exe|python|perl|busybox", program):
        scene.notes.add("shell_out", words=f"gives a shell {place}")
        return
    feeder = feeder_of(scene.script, call)
    if feeder is not None and feeder.name in SHELLS and "-c" not in feeder.argv:
        scene.notes.add("shell_out", words=f"gives a shell {place} through a pipe")
    elif (
        feeder is not None and feeder.name in ("cat", "tar", "gzip", "dd") and options.operands and not options.has("l")
    ):
        scene.notes.add("probe", 1.2, "T1048", f"sends a file out {place}")


def _place(operands: list[str]) -> str:
    if len(operands) >= 2:
        return f"to {plain(operands[0])} port {plain(operands[1])}"
    return f"on port {plain(operands[0])}" if operands else "to another machine"


def _socat(scene: Scene, at: int, call: Call) -> None:
    ends = [word for word in call.argv[1:] if word[:1] != "-" or word == "-"]
    net = [e for e in ends if re.match(r"(?i)(?:tcp|udp|openssl|ssl|sctp|vsock|socks)[\w-]*:", e)]
    if net and any(re.match(r"(?i)(?:exec|system|shell):", e) for e in ends):
        scene.notes.add("shell_out", words=f"gives a shell to {plain(net[0].partition(':')[2].partition(',')[0])}")


def _telnet(scene: Scene, at: int, call: Call) -> None:
    feeder = feeder_of(scene.script, call)
    if feeder is not None and feeder.name in SHELLS:
        scene.notes.add("shell_out", words="gives a shell through telnet")


def judge_redirect(scene: Scene, call: Call, target: str) -> None:
    host, _, port = target[9:].partition("/")
    if call.name in SHELLS:
        scene.notes.add("shell_out", words=f"gives a shell to {plain(host)} port {plain(port)}")
    elif call.name == "exec":
        scene.notes.add("probe", 3.0, "T1095", f"opens a socket to {plain(host)} in its shell")
    elif call.name == "cat" and any(r.target.startswith("/dev/tcp") and r.op == "<" for r in call.redirects):
        scene.notes.add(
            "fetch_bare" if bare_address(host) else "fetch_named", words=f"reads from {plain(host)} by /dev/tcp"
        )


def judge_code(scene: Scene, language: str, source: str) -> None:
    if language.startswith("py"):
        program = read_python(source)
        if program is None:
            return
        linked = program.called("connect", "connect_ex", "create_connection", "open_connection", "bind")
        shell = program.called("dup2", "spawn") or any(
            t in ("/bin/sh", "/bin/bash", "sh", "bash", "sh -i", "/bin/sh -i") for t in program.texts
        )
        if (
            linked
            and shell
            and program.called("dup2", "spawn", "call", "Popen", "run", "system", "check_output", "fork")
        ):
            scene.notes.add("shell_out", words="gives a shell to another machine from a Python program")
        elif (
            program.called("exec", "eval")
            and program.called("urlopen", "get", "urlretrieve")
            and program.imports & {"urllib", "requests", "urllib2", "httpx"}
        ):
            scene.notes.add("pipe_run", 3.0, words="runs a Python program that it fetches")
        elif any("169.254.169.254" in t or "metadata.google.internal" in t for t in program.texts):
            scene.notes.add("secrets", 4.6, "T1552.005", "asks the cloud's metadata service")
        elif any(p.search(t) for t in program.texts[:200] for p, _, _ in SECRETS[:3]):
            scene.notes.add("secrets", words="reads credentials from a Python program")
        return
    if _OTHER_SHELLS.get(language, _NEVER).search(source[:4096]):
        scene.notes.add("shell_out", words=f"gives a shell to another machine from a {plain(language)} program")


_NEVER: Final = re.compile(r"(?!)")
_OTHER_SHELLS: Final = {
    "perl": re.compile(r"(?s)(?:Socket|IO::Socket).*(?:exec|system|open)\b.*|(?:exec|open).*(?:Socket|IO::Socket)"),
    "ruby": re.compile(
        r"(?s)(?:TCPSocket|TCPServer).*(?:exec|popen|spawn|system|fork)|(?:exec|popen).*TCPSocket|-rsocket"
    ),
    "php": re.compile(
        r"(?s)(?:fsockopen|socket_create|stream_socket_client).*(?:exec|system|passthru|popen|proc_open|`)"
    ),
    "node": re.compile(
        r"(?s)(?:net\.Socket|net\.connect|createConnection).*(?:spawn|exec)|(?:child_process).*(?:net\b)"
    ),
    "lua": re.compile(r"(?s)socket.*(?:os\.execute|io\.popen)"),
    "awk": re.compile(r"/inet/(?:tcp|udp)/"),
}

READERS: Final[dict[str, Reader]] = {
    **dict.fromkeys(("docker", "podman", "nerdctl"), _docker),
    "nsenter": _nsenter,
    "chroot": _chroot,
    "mount": _mount,
    **dict.fromkeys(("capsh", "insmod"), _capsh),
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _nc),
    "socat": _socat,
    **dict.fromkeys(("telnet", "openssl"), _telnet),
}
