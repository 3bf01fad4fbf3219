"""Nothing leaves with a secret or a control character in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks import _gate

SECRET = "hunter2hunter2"
COMMANDS = [
    f"curl -u admin:{SECRET} https://example.org",
    f"curl https://admin:{SECRET}@example.org/x",
    f"mysql -uroot -p{SECRET} db",
    f"PGPASSWORD={SECRET} psql -h 10.0.0.5",
    f'curl -H "Authorization: Bearer {SECRET}" https://example.org',
    f"sshpass -p {SECRET} ssh root@203.0.113.7",
    f"export AWS_SECRET_ACCESS_KEY={SECRET}",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "record",
    [
        lambda c: {"command": c},
        lambda c: {"event": {"command": c}},
        lambda c: {"causes": [{"command": c, "reason": "it came just before"}]},
        lambda c: {"raw": json.dumps({"agent": "lab/a", "ts": "now", "command": c})},
        lambda c: {"raw": json.dumps({"agent": "lab/a", "ts": "now", "command": c})[:-2]},
        lambda c: {"raw": 'garbage" ' + json.dumps({"command": c, "ts": 1})},
    ],
)
def test_a_secret_never_leaves(command: str, record: Any) -> None:
    line = _gate.line({"agent": "lab/a", **record(command)})
    assert SECRET.encode() not in line
    json.loads(line)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for pair in value.items() for part in pair for s in strings(part)]
    return [s for part in value for s in strings(part)] if isinstance(value, list) else []


@given(st.dictionaries(st.sampled_from(["agent", "command", "words", "x"]), JSON, max_size=4))
def test_every_record_becomes_one_line_of_json_without_control_characters(record: dict[str, Any]) -> None:
    line = _gate.line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    for text in strings(json.loads(line)):
        assert all(c >= " " and not "\x7f" <= c <= "\x9f" and not "\u202a" <= c <= "\u202e" for c in text), text


@given(
    st.dictionaries(
        st.sampled_from(["agent", "source", "x"]),
        st.one_of(st.integers(0, 9), st.from_regex("[ -~]{0,9}", fullmatch=True)),
    )
)
def test_what_is_harmless_leaves_as_it_is(record: dict[str, Any]) -> None:
    assert json.loads(_gate.line(record)) == record


def test_a_name_that_clears_the_screen_does_not() -> None:
    assert b"\\u001b" not in _gate.line({"agent": "lab/\x1b[2J\x1b[H"})
