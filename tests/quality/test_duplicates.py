"""Ids that stand twice are found, and nothing else is taken for one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.batch.identity import hash_ids
from scorekit.quality.duplicates import SeenIds, hash_numbers


def batch(*columns: Any) -> pa.RecordBatch:
    arrays = [column if isinstance(column, pa.Array) else pa.array(column) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=[f"id{number}" for number in range(len(arrays))])


def repeated(rows: list[Any]) -> int:
    """Rows that repeat an id; one without a value has none."""
    ids = Counter(row for row in rows if row is not None and row != (None, None))
    return sum(count - 1 for count in ids.values())


def duplicates(*batches: pa.RecordBatch) -> int:
    seen = SeenIds()
    for each in batches:
        seen.add(hash_ids(each))
    return seen.duplicates()


IDS = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.text())),
)


@given(IDS, st.lists(st.integers(0, 30), max_size=3))
def test_rows_whose_id_stood_before_are_counted_in_any_split(ids: list[Any], cuts: list[int]) -> None:
    kind = pa.string() if any(isinstance(value, str) for value in ids) else pa.int64()
    whole = pa.array(ids, kind)
    ends = [0, *sorted(min(cut, len(ids)) for cut in cuts), len(ids)]
    assert duplicates(*(batch(whole[a:b]) for a, b in pairwise(ends))) == repeated(ids)


PAIRS = st.tuples(st.sampled_from([None, 0, 1, 2]), st.sampled_from([None, "", "a", "b"]))


@given(st.lists(PAIRS))
def test_two_columns_are_one_id_together(rows: list[tuple[int | None, str | None]]) -> None:
    numbers, texts = [row[0] for row in rows], [row[1] for row in rows]
    assert duplicates(batch(pa.array(numbers, pa.int64()), pa.array(texts, pa.string()))) == repeated(rows)


def test_columns_do_not_change_places() -> None:
    assert duplicates(batch([1, 2], [2, 1])) == 0


@pytest.mark.parametrize("ids", [[0, None], [None, 0], ["", None], [-1, None]])
def test_a_missing_id_is_none_of_the_others(ids: list[Any]) -> None:
    assert duplicates(batch(ids)) == 0


def test_a_part_of_an_id_may_be_missing_and_a_row_without_any_has_none() -> None:
    assert duplicates(batch([None, None, 7], ["a", "a", "a"])) == 1
    assert duplicates(batch([None, None], pa.array([None, None], pa.string()))) == 0


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([1.5, 2.5, 1.5]),
        pa.array([True, False, True]),
        pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2), dt.date(2024, 1, 1)]),
        pa.array([Decimal("1.10"), Decimal("1.20"), Decimal("1.10")]),
        pa.array([1, 2, 1], pa.uint64()),
        pa.array([1, 2, 1], pa.int8()),
        pa.array(["a", "b", "a"], pa.large_string()),
        pa.array(["x", "a", "b", "a"])[1:],
    ],
)
def test_ids_of_any_type(ids: pa.Array) -> None:
    assert duplicates(batch(ids)) == 1


def test_what_a_null_hides_is_no_part_of_it() -> None:
    hidden = pa.StringArray.from_buffers(
        3,
        pa.py_buffer(np.array([0, 1, 3, 4], dtype=np.int32)),
        pa.py_buffer(b"abba"),
        pa.py_buffer(b"\x05"),
        1,
    )
    assert hidden.to_pylist() == ["a", None, "a"]
    assert duplicates(batch(hidden)) == 1


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True))
def test_no_two_numbers_share_a_hash(numbers: list[int]) -> None:
    assert len(set(hash_numbers(np.array(numbers, dtype=np.int64)).tolist())) == len(numbers)


def test_a_million_texts_that_look_alike_are_told_apart() -> None:
    ids = pa.array([f"customer-{number:09}" for number in range(1_000_000)])
    assert duplicates(batch(ids)) == 0
    assert duplicates(batch(ids), batch(ids[:5])) == 5


def test_what_was_saved_is_not_saved_again() -> None:
    seen = SeenIds(hash_ids(batch([1, 2])))
    assert len(seen.unsaved()) == 0
    seen.add(hash_ids(batch([2, 3])))
    again = SeenIds(np.concatenate([hash_ids(batch([1, 2])), seen.unsaved()]))
    assert len(seen.unsaved()) == 0
    assert again.duplicates() == seen.duplicates() == 1
