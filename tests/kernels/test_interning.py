"""Names to rows: the same as a dict, and rows that are given back are used again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.strings import pack, take
from pipeline.kernels.interning import Names
from tests.naive import walk

NAMES = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["lab/a", "lab/b", "x" * 600]))


@given(st.lists(st.lists(NAMES, max_size=40), max_size=6))
def test_rows_are_those_of_a_dict(batches: list[list[str | None]]) -> None:
    names, known = Names(), dict[str, int]()
    for batch in batches:
        before = set(known.values())
        rows, new = names.rows(pack(batch))
        assert rows.tolist() == walk.rows(batch, known)
        assert new.tolist() == sorted(set(known.values()) - before)
    assert all(names.name(row) == name and names.row(name) == row for name, row in known.items())
    assert len(names) == len(known)


@given(st.lists(NAMES, min_size=1, max_size=6), st.lists(st.integers(0, 5), min_size=8, max_size=200), st.booleans())
def test_names_that_lie_at_one_place_are_those_of_a_dict(distinct: list[str | None], at: list[int], cut: bool) -> None:
    column = take(pack(distinct), np.array(at) % len(distinct))
    said = [distinct[i % len(distinct)] for i in at]
    if cut:
        # Names may begin at one place and be of different lengths.
        column.length[::2] = np.minimum(column.length[::2], 1)
        said = [name and name.encode()[:1].decode("latin-1") if i % 2 == 0 else name for i, name in enumerate(said)]
    names, known = Names(), dict[str, int]()
    if all(name is None or name.isascii() for name in said):
        for _ in range(2):
            assert names.rows(column)[0].tolist() == walk.rows(said, known)


@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=200), st.data())
def test_rows_that_are_given_back_are_used_again(letters: list[str], data: st.DataObject) -> None:
    names = Names()
    names.rows(pack(letters))
    gone = data.draw(st.sets(st.sampled_from(sorted(set(letters)))))
    rows = np.array(sorted(r for g in gone if (r := names.row(g)) is not None), np.int64)
    names.give_back(rows)
    assert len(names) == len(set(letters)) - len(gone)
    for letter in set(letters):
        assert (names.row(letter) is None) == (letter in gone)
    again, new = names.rows(pack([f"new-{i}" for i in range(len(gone))]))
    assert set(again.tolist()) == set(new.tolist()) == set(rows.tolist())


def test_many_names_keep_their_rows_while_the_table_grows() -> None:
    names = Names()
    wanted = [f"lab/{i}" for i in range(3000)]
    for begin in range(0, 3000, 700):
        names.rows(pack(wanted[begin : begin + 700]))
    assert names.rows(pack(wanted))[0].tolist() == list(range(3000))
