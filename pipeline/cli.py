"""The commands: parse and print, nothing else.

Exit status: 0 done, 1 rows were rejected under --strict or something went wrong on the way, 2 wrong usage,
configuration or input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pipeline
from pipeline.errors import AgentRiskError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.config import Config

DONE, FAILED, WRONG_USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

MESSAGE: Final = 20_000
"""Characters of an error message: many inputs may be named in one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status.

    >>> main(["version"])
    agentrisk 0.1.0
    0
    """
    open_standard_streams()
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        status = run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("agentrisk: interrupted", file=sys.stderr)
        return INTERRUPTED
    except AgentRiskError as error:
        print(f"agentrisk: {readable(str(error))}", file=sys.stderr)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except OSError as error:
        said = f"{error.filename or 'input or output'}: {error.strerror or error}"
        print(f"agentrisk: {readable(said)}", file=sys.stderr)
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="agentrisk",
        description="Gives each autonomous AI agent of a fleet one explained risk score, from its network flows, "
        "GPU samples and commands.",
    )
    top.add_argument("--version", action="version", version=f"agentrisk {pipeline.__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], about: str, details: str = ""
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=details or f"{about[0].upper()}{about[1:]}.")
        added.set_defaults(run=run)
        return added

    def takes_config(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="settings (TOML); see `agentrisk config`. AGENTRISK_ variables win over it",
        )

    def takes_json(added: argparse.ArgumentParser, what: str) -> None:
        added.add_argument("--json", action="store_true", help=f"print {what} as JSON, for machines")

    def takes_inputs(added: argparse.ArgumentParser, many: str = "+") -> None:
        added.add_argument(
            "inputs", nargs=many, metavar="INPUT", help="a file, a folder of files, or - for the standard input"
        )
        added.add_argument("--strict", action="store_true", help="exit 1 when a row was rejected")
        added.add_argument("--quiet", action="store_true", help="no progress on stderr")
        takes_config(added)

    demo = command("demo", run_demo, "make a small synthetic lab, replay it, and tell the worst agent's story")
    demo.add_argument("--out", type=Path, metavar="DIR", help="where to keep it (default: a new temporary folder)")
    demo.add_argument("--quiet", action="store_true", help="no progress on stderr")

    def takes_live(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--bootstrap-servers", metavar="HOST:PORT", help="one or more brokers, with commas between them"
        )
        added.add_argument("--prefix", metavar="TEXT", help="what all topic names begin with")
        added.add_argument("--group", metavar="NAME", help="consumer group of the workers")

    replay = command("replay", run_replay, "recorded events in, one risk score per agent out")
    takes_inputs(replay, many="*")
    replay.add_argument(
        "--topics", action="store_true", help="read the input topics instead of files; the workers do not notice"
    )
    replay.add_argument(
        "--since", metavar="T", help="with --topics: what came from then on, such as 2026-01-31T12:00 or Unix seconds"
    )
    replay.add_argument("--until", metavar="T", help="with --topics: what came before then")
    takes_live(replay)
    replay.add_argument("--registry", type=Path, metavar="FILE", help="what is declared about the agents (NDJSON)")
    replay.add_argument("--out", type=Path, metavar="DIR", help="write scores, evidence, alerts and the summary here")
    replay.add_argument(
        "--sink",
        action="append",
        default=[],
        metavar="NAME=TARGET",
        help="write somewhere else too; may be repeated. A NAME that is none lists what there is",
    )
    replay.add_argument("--replace", action="store_true", help="write over the result of an earlier run")
    takes_json(replay, "the summary")

    explain = command("explain", run_explain, "tell one agent's story: its score over time, its terms, its evidence")
    explain.add_argument("folder", type=Path, metavar="DIR", help="what `agentrisk replay --out` wrote")
    explain.add_argument("agent", metavar="AGENT", help="its name, a pattern, or an end of the name that only it has")
    explain.add_argument("--most", type=int, default=40, metavar="N", help="pieces of evidence to show (default 40)")
    takes_json(explain, "the story")

    def live(name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        added = command(name, run, about)
        takes_config(added)
        takes_live(added)
        return added

    make = live("topics", run_topics, "make the topics, or name what differs in those that are there")
    make.add_argument("what", choices=["create"], help="create: make those that are missing")
    make.add_argument(
        "--partitions",
        type=int,
        default=12,
        metavar="N",
        help="of every topic: how many workers can share it (default 12)",
    )
    make.add_argument("--replication", type=int, default=1, metavar="N", help="brokers that hold a copy (default 1)")

    serve = live("serve", run_serve, "score what comes on the topics: one worker; more of them share the partitions")
    serve.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="answer /metrics (Prometheus), /healthz and /readyz there"
    )

    send = live("send", run_send, "recorded events onto the topics, in the order of their time, keyed by agent")
    send.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="a file, a folder of files, or - for the standard input"
    )
    send.add_argument(
        "--registry", type=Path, metavar="FILE", help="what is declared about the agents (NDJSON); sent first"
    )
    send.add_argument(
        "--speed",
        default="1x",
        metavar="1x|10x|max",
        help="as recorded, ten times as fast, as fast as it goes (default 1x)",
    )
    send.add_argument("--quiet", action="store_true", help="no progress on stderr")

    watch = live("watch", run_watch, "the riskiest agents, live, in the terminal; a key opens one agent's story")
    watch.add_argument("--most", type=int, default=20, metavar="N", help="agents to show (default 20)")

    alerts = live("alerts", run_alerts, "the alert topic, for people and pipes")
    alerts.add_argument("--follow", action="store_true", help="go on with what comes")
    takes_json(alerts, "each alert")

    lag = live("lag", run_lag, "how far the workers are behind, by topic and partition")
    takes_json(lag, "it")

    check = command("check", run_check, "read inputs, count, and show what is rejected and why")
    takes_inputs(check)
    takes_json(check, "the counts")

    detectors = command("detectors", run_detectors, "what each detector looks for, its settings, its ATT&CK technique")
    takes_config(detectors)
    takes_json(detectors, "them")

    config = command(
        "config", run_config, "print every setting with its unit and reason; the output can be passed back"
    )
    takes_config(config)
    takes_json(config, "the settings")

    schema = command("schema", run_schema, "print the JSON Schema of an event, a score, an alert and so on")
    schema.add_argument("name", nargs="?", metavar="NAME", help="which one; without it, their names are listed")

    command("version", run_version, "print the version")
    return top


# ---------------------------------------------------------------- the commands


def run_version(options: argparse.Namespace) -> int:
    """Print the version."""
    print(f"agentrisk {pipeline.__version__}")
    return DONE


def run_schema(options: argparse.Namespace) -> int:
    """Print one schema, or what there are."""
    from pipeline import contracts

    print("\n".join(contracts.names()) if options.name is None else contracts.text(options.name).rstrip())
    return DONE


def run_config(options: argparse.Namespace) -> int:
    """Print the settings in force."""
    from pipeline import config

    settings = configured(options)
    print(as_json(settings.tree()) if options.json else config.as_toml(settings), end="")
    return DONE


def run_detectors(options: argparse.Namespace) -> int:
    """Print what each detector looks for."""
    from pipeline import reports

    found = reports.detectors(configured(options))
    if options.json:
        print(as_json(found), end="")
    else:
        reports.show_detectors(found, console())
    return DONE


def run_check(options: argparse.Namespace) -> int:
    """Read, count, and show what is rejected."""
    from pipeline import replay, reports

    found = replay.check(options.inputs, configured(options), None if options.quiet else sys.stderr)
    if options.json:
        print(as_json(found), end="")
    else:
        reports.show_check(found, console())
    return FAILED if options.strict and found["account"]["rejected"] else DONE


def run_replay(options: argparse.Namespace) -> int:
    """Recorded events in, one risk score per agent out."""
    from pipeline import replay, reports

    sinks = ([f"files={options.out}"] if options.out else []) + options.sink
    if not sinks:
        raise UsageError("replay: expected --out DIR or --sink NAME=TARGET, got neither")
    if bool(options.inputs) == options.topics:
        raise UsageError(f"replay: expected INPUT or --topics, got {'both' if options.topics else 'neither'}")
    if options.topics:
        from pipeline.live import history

        since, until = (history.moment(text) if text is not None else None for text in (options.since, options.until))
        summary = history.replay(configured(options), since, until, sinks, options.replace)
    else:
        summary = replay.run(
            options.inputs,
            config=configured(options),
            registry=options.registry,
            sinks=sinks,
            replace=options.replace,
            progress=None if options.quiet else sys.stderr,
        )
    if options.json:
        print(as_json(summary), end="")
    else:
        to_stderr = any(sink.startswith("stdout=") for sink in sinks)
        reports.show_summary(summary, console(stderr=to_stderr), folder=options.out)
    return FAILED if options.strict and summary["account"]["rejected"] else DONE


def run_explain(options: argparse.Namespace) -> int:
    """Tell one agent's story."""
    from pipeline.story import story

    told = story.read(options.folder, options.agent)
    if not (options.folder / "summary.json").exists():
        said = readable(f"{options.folder}: the run that wrote this has not ended; this is what it wrote so far")
        print(f"agentrisk: {said}", file=sys.stderr)
    if options.json:
        print(as_json(story.as_json(told)), end="")
    else:
        from pipeline.story import drawing, telling

        out = console()
        said = telling.tell(told, width=out.width, colour=out.is_terminal and not out.no_color, most=options.most)
        print(drawing.printable(said, out.encoding))
    return DONE


def run_demo(options: argparse.Namespace) -> int:
    """Make a synthetic lab, replay it, tell the worst agent's story."""
    from pipeline import demo

    demo.show(options.out, console(), None if options.quiet else sys.stderr)
    return DONE


# ---------------------------------------------------------------- behind Kafka


def run_topics(options: argparse.Namespace) -> int:
    """Make the topics."""
    from pipeline.live import topics

    made = topics.create(configured(options).live, options.partitions, options.replication)
    for name in made.made:
        print(f"made {name}")
    for name in made.there:
        print(f"there {name}")
    for difference in made.different:
        print(f"differs {difference}")
    return FAILED if made.different else DONE


def run_serve(options: argparse.Namespace) -> int:
    """One worker, until it is told to stop."""
    from pipeline.live import logs, worker

    config = configured(options)
    logs.to_stderr()
    status = worker.serve(config.live, config, options.metrics_port)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # a Kafka client's thread that hangs must not keep the process alive


def run_send(options: argparse.Namespace) -> int:
    """Recorded events onto the topics."""
    from pipeline.live import sending

    try:
        speed = sending.speed_of(options.speed)
    except ValueError:
        raise UsageError(f"--speed: expected 1x, 10x or max, got {options.speed}") from None
    sent = sending.send(
        options.inputs, configured(options), speed, options.registry, None if options.quiet else sys.stderr
    )
    print(sending.said(sent))
    return DONE


def run_watch(options: argparse.Namespace) -> int:
    """The riskiest agents, live."""
    from pipeline.live import watch

    watch.watch(configured(options).live, console(), options.most)
    return DONE


def run_alerts(options: argparse.Namespace) -> int:
    """The alert topic."""
    from pipeline.live import alerts

    for text in alerts.lines(configured(options).live, follow=options.follow, json=options.json):
        print(text, flush=options.follow)
    return DONE


def run_lag(options: argparse.Namespace) -> int:
    """How far the workers are behind."""
    from pipeline.live import lag

    found = lag.lag(configured(options).live)
    if options.json:
        for row in found:
            print(as_json(row._asdict()), end="")
    else:
        lag.show(found, console())
    return DONE


# ---------------------------------------------------------------- what they share


def open_standard_streams() -> None:
    """Where a standard stream came closed, take its number, so that no file of ours gets it; output goes nowhere then.

    What a stream's encoding lacks is written as an escape. `sys.stdin` stays None: to read it is an error.
    """
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None and os.open(os.devnull, os.O_RDWR) != number:
            raise UsageError(f"expected standard streams that are open or closed, got number {number} taken")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def readable(message: str) -> str:
    """A message in one line that does nothing to a terminal, whatever the names in it are."""
    from pipeline.shell.show import neutral

    return neutral(" ".join(message.split()), MESSAGE)


def configured(options: argparse.Namespace) -> Config:
    """The settings of the file that was named, of the environment and of flags."""
    from pipeline import config

    said = {
        f"AGENTRISK_LIVE__{name.upper()}": value
        for name in ("bootstrap_servers", "prefix", "group")
        if (value := getattr(options, name, None)) is not None
    }
    return config.load(options.config, {**os.environ, **said})


def console(stderr: bool = False) -> Console:
    """Where people read: colours on a terminal only, and none where NO_COLOR is set."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Ours(stderr=stderr, highlight=False, markup=False, emoji=False)


def as_json(value: Mapping[str, object]) -> str:
    """JSON for machines, through the gate that everything passes which leaves."""
    from pipeline.sinks import _gate

    return _gate.line(value).decode()


if __name__ == "__main__":
    sys.exit(main())
