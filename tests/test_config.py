"""Settings: file and environment in, one frozen Config out, errors by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config
from pipeline.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agentrisk.toml"
    path.write_text(text)
    return path


def refusal(path: Path | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(path, environ)
    return str(caught.value)


def test_what_is_printed_can_be_passed_back(tmp_path: Path) -> None:
    changed = config.load(
        environ={"AGENTRISK_RISK__PRIOR": "-6.25", "AGENTRISK_DETECTORS__PROBING__HALF_LIFE_S": "1e3"}
    )
    for settings in (config.load(), changed):
        assert config.load(written(tmp_path, config.as_toml(settings))) == settings
    assert changed != config.load()


def test_every_setting_says_its_unit_and_reason() -> None:
    silent = [
        f"{table}.{name}"
        for table, settings in config.tables().items()
        for name, annotation in config.types_of(settings).items()
        if not config.about(annotation)
    ]
    assert silent == []


def test_every_setting_stands_in_the_printed_file_under_a_comment() -> None:
    lines = config.as_toml(config.load()).splitlines()
    for settings in config.tables().values():
        for name in settings.__struct_fields__:
            at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
            assert lines[at - 1].startswith("# ")


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "[risk]\nprior = -4\nmodality_cap = 8\n")
    settings = config.load(path, {"AGENTRISK_RISK__PRIOR": "-3"})
    assert (settings.risk.prior, settings.risk.modality_cap) == (-3.0, 8.0)
    assert settings.risk.others == config.load().risk.others


def test_an_unknown_key_is_refused_and_the_nearest_is_named(tmp_path: Path) -> None:
    said = refusal(written(tmp_path, "[risk]\npriro = -4\n"))
    assert 'unknown setting "risk.priro"' in said
    assert 'did you mean "risk.prior"?' in said
    assert "agentrisk.toml" in said


@pytest.mark.parametrize(
    "text", ["[riks]\nprior = -4", "[detectors.poolsession]\ncap = 1", "prior = 3", "[risk.deeper]\nx = 1"]
)
def test_unknown_tables_are_refused(tmp_path: Path, text: str) -> None:
    assert "unknown" in refusal(written(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "expected", "got"),
    [
        ('prior = "low"', "expected a number", 'got "low"'),
        ("prior = true", "expected a number", "got true"),
        ("prior = 3", "at most 0", "got 3"),
        ("prior = nan", "expected a number", "got nan"),
        ("prior = -inf", "expected a number", "got -inf"),
        ("prior = [1.0]", "expected a number", "got [1.0]"),
    ],
)
def test_a_wrong_value_is_refused_with_expected_got_and_where(
    tmp_path: Path, line: str, expected: str, got: str
) -> None:
    said = refusal(written(tmp_path, f"[risk]\n{line}\n"))
    assert "agentrisk.toml: risk.prior: " in said
    assert expected in said
    assert got in said


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    assert "none.toml" in refusal(tmp_path / "none.toml")
    assert "expected TOML" in refusal(written(tmp_path, "[risk\n"))
    (tmp_path / "agentrisk.toml").write_bytes(b"\xff\xfe")
    assert "expected UTF-8" in refusal(tmp_path / "agentrisk.toml")


def test_variables_of_others_are_left_alone() -> None:
    others = {
        "AGENTRISK_SERVICE_HOST": "10.0.0.1",
        "AGENTRISK_PORT": "tcp://10.0.0.1:80",
        "AGENTRISK_CACHE_DIR": "/tmp",
        "HOME": "/",
    }
    assert config.load(environ=others) == config.load()


def test_a_variable_that_is_nearly_a_setting_is_refused() -> None:
    assert "AGENTRISK_RISK__PRIOR" in refusal(AGENTRISK_RISK_PRIOR="-4")
    assert "AGENTRISK_RISK__PRIOR" in refusal(AGENTRISK_RISK__PRIRO="-4")
    assert "environment AGENTRISK_RISK__PRIOR" in refusal(AGENTRISK_RISK__PRIOR="much")


def test_arrays_and_truth_come_from_the_environment_too() -> None:
    table, name, default = next(
        (table, field.name, field.default)
        for table, settings in config.tables().items()
        for field in msgspec.structs.fields(settings)
        if isinstance(field.default, tuple)
    )
    loaded = config.load(environ={config.variable(table, name): str(list(default))})
    assert loaded == config.load()


def test_the_digest_changes_with_every_setting_and_with_nothing_else() -> None:
    base = config.load()
    assert base.digest() == config.load(environ={"AGENTRISK_RISK__PRIOR": repr(base.risk.prior)}).digest()
    assert base.digest() != config.load(environ={"AGENTRISK_RISK__PRIOR": "-5.25"}).digest()


def test_a_config_cannot_be_changed() -> None:
    settings = config.load()
    with pytest.raises(AttributeError):
        settings.risk = settings.risk  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.detectors["x"] = settings.risk  # type: ignore[index]


@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.lists(st.floats(-1e9, 1e9), max_size=4),
    )
)
def test_every_value_survives_being_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"x = {config.toml(value)}")["x"] == value
