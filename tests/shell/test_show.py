"""What is shown cannot play tricks on who looks at it."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pipeline.shell.show import neutral


@given(st.text(), st.integers(0, 60))
def test_one_harmless_line_of_bounded_length(text: str, limit: int) -> None:
    shown = neutral(text, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in shown)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert neutral(text, len(text)) == text


def test_what_is_hidden_becomes_visible() -> None:
    assert neutral("a\tb\r\nc\0") == "a\\tb\\r\\nc\\x00"
    assert neutral("\x1b]0;title\x07") == "\\e]0;title\\x07"
    assert neutral("rm\u202e txt\u200b") == "rm\\u202e txt\\u200b"
    assert neutral("\U000e0041\ud800") == "\\U000e0041\\ud800"
    assert neutral("a\u00a0b\u3000c") == "a b c"
    assert neutral("Z" + "\u0301" * 40) == "Z\\u0301"
    assert neutral("größe 中文 привет") == "größe 中文 привет"


def test_long_text_keeps_head_and_tail() -> None:
    shown = neutral("head" + "x" * 1_000_000 + "tail", 40)
    assert len(shown) == 40
    assert shown.startswith("head")
    assert shown.endswith("tail")
    assert "…" in shown
