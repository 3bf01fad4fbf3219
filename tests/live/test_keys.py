"""A key belongs where Kafka's own clients put it."""

from __future__ import annotations

import numpy as np
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.strings import pack
from pipeline.live.keys import Keys, partition_of


@given(st.binary(min_size=1, max_size=40), st.integers(1, 1000))
def test_a_key_s_partition_is_that_of_the_client(key: bytes, partitions: int) -> None:
    at = (murmur2(key) & 0x7FFFFFFF) % partitions
    assert partition_of(np.frombuffer(key, np.uint8), partitions) == at
    assert Keys(at, partitions, strict=True).wrong(key) is None


@given(st.lists(st.none() | st.binary(max_size=12), max_size=20), st.integers(1, 5), st.booleans())
def test_keys_together_are_right_where_each_is(keys: list[bytes | None], partitions: int, strict: bool) -> None:
    for partition in range(partitions):
        here = Keys(partition, partitions, strict)
        assert here.right(pack(keys)).tolist() == [here.wrong(key) is None for key in keys]
