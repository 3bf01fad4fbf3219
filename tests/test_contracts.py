"""Schemas: each is valid, each example validates, and the event schema accepts just what the formats accept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from pipeline import contracts
from pipeline.errors import RejectedError, UsageError
from pipeline.events.columns import Command, Common, Flow, Gpu
from pipeline.formats import _fields

SCHEMAS = {name: json.loads(contracts.text(name)) for name in contracts.names()}
KNOWN: Registry[Any] = Registry().with_resources((s["$id"], Resource.from_contents(s)) for s in SCHEMAS.values())
FORMATS = FormatChecker(["ipv4", "ipv6"])


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name], registry=KNOWN, format_checker=FORMATS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_says_what_it_is_and_has_examples(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["$id"] == f"urn:agentrisk:{name}"
    assert schema["title"]
    assert schema["description"]
    assert schema["examples"]


@pytest.mark.parametrize(
    ("name", "example"), [(name, e) for name, schema in SCHEMAS.items() for e in schema["examples"]]
)
def test_every_example_validates(name: str, example: Any) -> None:
    validator(name).validate(example)


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"event", "registry"}))
def test_a_record_with_a_field_of_another_name_does_not_validate(name: str) -> None:
    assert not validator(name).is_valid({**SCHEMAS[name]["examples"][0], "surprise": 1})


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="alert, event, evidence"):
        contracts.text("../setup")


NAMES = ("id", "run", "episode", "flow_id", "session", "gpu")
"""Integers may stand there, but 1.0, which JSON Schema takes for one, is no name."""

HALVES = {"src_hi": "src_ip", "src_lo": "src_ip", "dst_hi": "dst_ip", "dst_lo": "dst_ip", "gpu_name": "gpu"}


@pytest.mark.parametrize(("kind", "columns"), [("flow", Flow), ("gpu", Gpu), ("command", Command)])
def test_the_event_schema_has_just_the_fields_that_become_columns(
    kind: str, columns: type[Flow | Gpu | Command]
) -> None:
    common = set(Common._fields) - {"source", "position"} | {"kind"}
    expected = {HALVES.get(name, name) for name in columns._fields} | common
    assert set(SCHEMAS["event"]["$defs"][kind]["properties"]) == expected


# ---------------------------------------------------------------- the schema and the formats agree on every value

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [
            "",
            "a",
            "tcp",
            "udp",
            "icmp",
            "outbound",
            "inbound",
            "established",
            "blocked",
            "flow",
            "gpu",
            "command",
            "10.0.0.1",
            "10.0.0.256",
            "::1",
            "2001:db8::1",
            "fe80::1%eth0",
            "a" * 513,
        ]
    ),
    st.sampled_from(
        [
            0,
            1,
            -1,
            0.5,
            -0.5,
            1.0,
            443.0,
            65535,
            65536,
            100,
            100.5,
            2**31 - 1,
            2**31,
            2**32,
            2**53,
            2**53 + 2,
            4102444800,
            1e300,
            -40,
            -101,
            100_001,
        ]
    ),
    st.just([]),
    st.just({}),
)
READERS: dict[str, Callable[[Any], Any]] = {"flow": _fields.flow, "gpu": _fields.gpu, "command": _fields.command}
EXAMPLES = {e["kind"]: e for e in SCHEMAS["event"]["examples"] if "kind" in e}


def accepted(kind: str, row: dict[str, Any]) -> bool:
    try:
        if _fields.kind_of(row) != ("flow", "gpu", "command").index(kind):
            return False
        _fields.common(row)
        READERS[kind](row)
    except RejectedError:
        return False
    return True


@pytest.mark.parametrize("kind", ["flow", "gpu", "command"])
@given(data=st.data())
def test_the_schema_and_the_formats_accept_the_same_rows(kind: str, data: st.DataObject) -> None:
    schema = SCHEMAS["event"]["$defs"][kind]
    fields = data.draw(st.lists(st.sampled_from(sorted(set(schema["properties"]) - {"kind"})), max_size=3))
    row = {**EXAMPLES[kind], **{field: data.draw(VALUES) for field in fields}}
    for field in data.draw(st.lists(st.sampled_from(sorted(row.keys() - {"kind"})), max_size=2)):
        row.pop(field, None)
    assume(not any(type(row.get(field)) is float for field in NAMES))
    valid = Draft202012Validator(schema, format_checker=FORMATS).is_valid(row)
    assert valid == accepted(kind, row), row
