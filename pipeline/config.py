"""File + environment -> one frozen Config; an error names the key.

Settings stand beside what they tune. Each table of the file is the `Settings` struct of one module:

    [risk]                    pipeline.risk.Settings
    [alerts]                  pipeline.alerts.Settings
    [scorer]                  pipeline.scorer.Settings
    [reading]                 pipeline.reading.reader.Settings
    [merge]                   pipeline.reading.merge.Settings
    [live]                    pipeline.kafka_settings.Settings
    [detectors.pool_session]  pipeline.detectors.pool_session.Settings, and so for every detector found

The environment says the same with two underscores between the names, and wins over the file:

    AGENTRISK_RISK__PRIOR=-6
    AGENTRISK_DETECTORS__POOL_SESSION__CAP=5

The settings of [live] may go by their name alone: AGENTRISK_BOOTSTRAP_SERVERS=kafka:9092
"""

from __future__ import annotations

import difflib
import hashlib
import math
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import orjson

import pipeline.detectors
from pipeline import alerts, kafka_settings, risk, scorer
from pipeline.errors import ConfigError
from pipeline.plugins import discover
from pipeline.reading import merge, reader

ENVIRONMENT = "AGENTRISK_"
OTHER_VARIABLES = ("AGENTRISK_CACHE_DIR", "AGENTRISK_TEST_BOOTSTRAP")
COMMENT_WIDTH = 100
WITHOUT_EFFECT = ("reading", "merge", "live")
"""Tables that change how fast and in how much memory, never a result."""
PLAIN_NAMES = "live"
"""The table whose variables may leave its name out."""
SECRET = "password"
"""How the names of settings end whose value is never printed."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of a run. `detectors` has one entry for each detector found, by its name.

    >>> config = load()
    >>> config.risk == pipeline.risk.Settings()
    True
    """

    risk: risk.Settings
    alerts: alerts.Settings
    scorer: scorer.Settings
    reading: reader.Settings
    merge: merge.Settings
    live: kafka_settings.Settings
    detectors: Mapping[str, msgspec.Struct]

    def tree(self) -> dict[str, Any]:
        """The settings as plain dicts, in the shape of the file; secrets are left empty."""
        tree: dict[str, Any] = {
            name: msgspec.to_builtins(getattr(self, name)) for name in self.__struct_fields__ if name != "detectors"
        }
        tree["live"] |= {key: "" for key in tree["live"] if is_secret(key)}
        tree["detectors"] = {name: msgspec.to_builtins(settings) for name, settings in self.detectors.items()}
        return tree

    def digest(self) -> str:
        """Sixteen hexadecimal digits that differ whenever a setting does that can change a score."""
        telling = {table: settings for table, settings in self.tree().items() if table not in WITHOUT_EFFECT}
        return hashlib.sha256(orjson.dumps(telling, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def tables() -> dict[str, type[msgspec.Struct]]:
    """Every table that a file may hold, by its dotted name."""
    found: dict[str, type[msgspec.Struct]] = {
        "risk": risk.Settings,
        "alerts": alerts.Settings,
        "scorer": scorer.Settings,
        "reading": reader.Settings,
        "merge": merge.Settings,
        "live": kafka_settings.Settings,
    }
    for name, detector in discover(pipeline.detectors).items():
        found[f"detectors.{name}"] = detector.Settings
    return found


def load(path: Path | None = None, environ: Mapping[str, str] = MappingProxyType({})) -> Config:
    """Read the settings: what is not said keeps its default.

    Raises ConfigError, which names the file or variable, the key, what was expected and what was there.
    """
    known = tables()
    said: dict[tuple[str, str], tuple[Any, str]] = {}
    if path is not None:
        said.update(from_file(path, known))
    said.update(from_environment(environ, known))

    made: dict[str, msgspec.Struct] = {}
    for table, settings in known.items():
        values = {}
        for name, annotation in types_of(settings).items():
            if (table, name) in said:
                value, where = said[table, name]
                values[name] = converted(value, annotation, f"{where}: {table}.{name}")
        try:
            made[table] = settings(**values)
        except ValueError as error:
            raise ConfigError(f"[{table}]: {error}") from error
    detectors = {
        name.removeprefix("detectors."): made.pop(name) for name in list(made) if name.startswith("detectors.")
    }
    return Config(**made, detectors=MappingProxyType(detectors))  # type: ignore[arg-type]


# ---------------------------------------------------------------- where values come from


def from_file(path: Path, known: Mapping[str, type[msgspec.Struct]]) -> dict[tuple[str, str], tuple[Any, str]]:
    """What a TOML file says: (table, key) -> (value, where it was said)."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: expected TOML, got: {error}") from error

    def walk(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[tuple[str, str], tuple[Any, str]]]:
        for name, value in tree.items():
            dotted = prefix + name
            if dotted in known or any(table.startswith(f"{dotted}.") for table in known):
                if not isinstance(value, dict):
                    raise ConfigError(f"{path}: {dotted}: expected a table, [{dotted}], got {shown(value)}")
                yield from walk(value, f"{dotted}.")
            elif (table := prefix.removesuffix(".")) in known and name in known[table].__struct_fields__:
                yield (table, name), (value, str(path))
            else:
                raise ConfigError(
                    f'{path}: unknown {"table" if isinstance(value, dict) else "setting"} "{dotted}"'
                    + suggestion(dotted, every_name(known))
                )

    return dict(walk(tree, ""))


def from_environment(
    environ: Mapping[str, str], known: Mapping[str, type[msgspec.Struct]]
) -> dict[tuple[str, str], tuple[Any, str]]:
    """What the environment says: (table, key) -> (value, the variable).

    A variable without the two underscores is left alone (Kubernetes sets AGENTRISK_SERVICE_HOST and the like),
    unless it is a setting but for them.
    """
    variables = {
        variable(table, field): (table, field)
        for table, settings in known.items()
        for field in settings.__struct_fields__
    }
    plain = {ENVIRONMENT + key.upper(): (PLAIN_NAMES, key) for key in known[PLAIN_NAMES].__struct_fields__}
    flat = {name.replace("__", "_"): name for name in variables}
    said: dict[tuple[str, str], tuple[Any, str]] = {}
    for name, text in environ.items():
        if name in variables or (name in plain and variable(*plain[name]) not in environ):
            table, key = variables.get(name) or plain[name]
            said[table, key] = (value_of(text, types_of(known[table])[key]), f"environment {name}")
        elif not name.startswith(ENVIRONMENT) or name in OTHER_VARIABLES or name in plain:
            continue
        elif "__" in name or name in flat:
            raise ConfigError(
                f'environment: unknown setting "{name}"' + suggestion(name, [*variables, *OTHER_VARIABLES])
            )
    return said


def variable(table: str, key: str) -> str:
    """The environment variable of a setting.

    >>> variable("detectors.pool_session", "cap")
    'AGENTRISK_DETECTORS__POOL_SESSION__CAP'
    """
    return ENVIRONMENT + "__".join([*table.split("."), key]).upper()


def value_of(text: str, annotation: Any) -> Any:
    """A value from a variable's text: a string where one is wished, else read as TOML writes it."""
    if bare(annotation)[0] is str:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


# ---------------------------------------------------------------- checking one value


def types_of(settings: type[msgspec.Struct]) -> dict[str, Any]:
    """The type of each setting with what is said about it; a struct that only changes a default inherits the words."""
    hints = [get_type_hints(part, include_extras=True) for part in settings.__mro__ if part is not msgspec.Struct]
    return {
        name: next((hint[name] for hint in hints if name in hint and bare(hint[name])[1]), hints[0][name])
        for name in settings.__struct_fields__
    }


def about(annotation: Any) -> str:
    """The unit and the reason of a setting, on one line.

    >>> about(Annotated[float, msgspec.Meta(description="nats at most")])
    'nats at most'
    """
    return " ".join(" ".join((note.description or "").split()) for note in bare(annotation)[1])


def bare(annotation: Any) -> tuple[Any, list[msgspec.Meta]]:
    """The type itself, and what is said about it."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        return inner, [note for note in notes if isinstance(note, msgspec.Meta)]
    return annotation, []


def converted(value: Any, annotation: Any, where: str) -> Any:
    """The value in the type of its setting; ConfigError says expected, got and where."""
    try:
        result = msgspec.convert(value, annotation)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ConfigError(f"{where}: expected {expected(annotation)}, got {shown(value)}") from error
    if any(
        isinstance(number, float) and not math.isfinite(number)
        for number in (result if isinstance(result, tuple) else (result,))
    ):
        raise ConfigError(f"{where}: expected {expected(annotation)} that is finite, got {shown(value)}")
    return result


def expected(annotation: Any) -> str:
    """What may stand there, in words.

    >>> expected(Annotated[float, msgspec.Meta(ge=0, le=1)])
    'a number, at least 0 and at most 1'
    >>> expected(tuple[float, float])
    'an array of 2: a number, a number'
    >>> expected(Literal["murmur2", "any"])
    'one of "murmur2", "any"'
    """
    inner, notes = bare(annotation)
    arguments = get_args(inner)
    if get_origin(inner) is tuple and arguments[-1:] == (...,):
        words = f"an array, each {expected(arguments[0])}"
    elif get_origin(inner) is tuple:
        words = f"an array of {len(arguments)}: {', '.join(expected(a) for a in arguments)}"
    elif get_origin(inner) is Literal:
        words = f"one of {', '.join(map(toml, arguments))}"
    else:
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "a string"}.get(
            inner, str(inner)
        )
    limits = [
        f"{phrase} {number:g}"
        for note in notes
        for phrase, number in (("above", note.gt), ("at least", note.ge), ("below", note.lt), ("at most", note.le))
        if number is not None
    ] + [f"like {note.pattern}" for note in notes if note.pattern is not None]
    return words + (", " + " and ".join(limits) if limits else "")


def shown(value: Any) -> str:
    """A value as a file would hold it, cut."""
    text = toml(value) if isinstance(value, (bool, int, float, str, list, tuple)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(name: str, names: list[str]) -> str:
    """The nearest known name, where one is near."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else "; `agentrisk config` prints all that are known"


def every_name(known: Mapping[str, type[msgspec.Struct]]) -> list[str]:
    """Every table and every setting, dotted."""
    return [*known, *(f"{table}.{key}" for table, settings in known.items() for key in settings.__struct_fields__)]


# ---------------------------------------------------------------- a Config as a file


def as_toml(config: Config) -> str:
    """The whole tree as a commented file, which `load` reads back to the same Config."""
    detectors = discover(pipeline.detectors)
    lines = ["# Settings of agentrisk. Every one is written here; what a file leaves out keeps its default."]
    tree = config.tree()
    for table, settings in tables().items():
        section, _, name = table.partition(".")
        title = (
            f"{detectors[name].TITLE}: {detectors[name].LOOKS_FOR}" if name else (settings.__doc__ or "").split("\n")[0]
        )
        values = tree[section][name] if name else tree[section]
        lines += ["", "", *comment(title), f"[{table}]"]
        for key, annotation in types_of(settings).items():
            lines += [
                "",
                *comment(about(annotation)),
                *comment(f"({expected(annotation)})"),
                *(["# (it is set, and never printed)"] if is_secret(key) and getattr(config.live, key, None) else []),
                f"{key} = {toml(values[key])}",
            ]
    return "\n".join(lines) + "\n"


def is_secret(key: str) -> bool:
    """Whether the value of a setting is never printed."""
    return key.endswith(SECRET)


def comment(words: str) -> list[str]:
    """Comment lines that hold `words`."""
    return [f"# {line}" for line in textwrap.wrap(words, COMMENT_WIDTH)]


def toml(value: Any) -> str:
    """A value in TOML.

    >>> toml((1.0, 2.5)), toml(True), toml('a"b')
    ('[1.0, 2.5]', 'true', '"a\\\\"b"')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return repr(value)
