"""The checksum is that of Kafka's client, with and without the processor's instruction."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels import checksum
from pipeline.kernels.checksum import TABLE, crc32c, eight_more


@given(st.binary(max_size=300), st.integers(0, 20), st.integers(0, 20))
def test_it_is_the_client_s(data: bytes, before: int, behind: int) -> None:
    whole = np.frombuffer(b"x" * before + data + b"y" * behind, np.uint8)
    assert crc32c(whole, before, before + len(data)) == calc_crc32c(data)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_eight_bytes_are_eight_times_one(state: int, word: int) -> None:
    expected = state
    for byte in word.to_bytes(8, "little"):
        expected = int(TABLE[(expected ^ byte) & 255]) ^ expected >> 8
    assert int(eight_more(np.uint64(state), np.uint64(word))) == expected


def test_a_processor_that_was_named_is_not_asked_for_its_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CPU_NAME", "generic")
    assert not checksum.has_instruction()
    monkeypatch.setattr(numba.config, "CPU_NAME", None)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(checksum, "cpu_has", lambda feature: False)
    assert not checksum.has_instruction()
