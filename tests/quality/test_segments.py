"""Rates of segments: plain where rows are many, and never further from them than they carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.quality.baseline import category_bins, numeric_bins
from scorekit.quality.segments import FULL_SEGMENT, SegmentLookup, SegmentTable, learn_segments
from scorekit.schema import Feature

LETTERS = Feature(name="letter", kind="category", arrow_type="string", nullable=True, levels=("a", "b", "c"))


def learned(codes: np.ndarray, numbers: np.ndarray, targets: np.ndarray) -> SegmentTable:
    columns = [category_bins(LETTERS, codes), numeric_bins("x", numbers)]
    return learn_segments(columns, [codes, numbers], targets)


def by_hand(codes: np.ndarray, numbers: np.ndarray, targets: np.ndarray, code: int, number: float) -> float:
    first = codes == code
    both = first & ((numbers == number) | (np.isnan(numbers) & np.isnan(number)))

    def filled(rows: np.ndarray, above: float) -> float:
        own = targets[rows].tolist()
        own += [above] * (FULL_SEGMENT - len(own))
        return sum(own) / len(own)

    return filled(both, filled(first, float(targets.mean())))


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 0, 1, 1, 2, -1, -2]),
        st.sampled_from([1.0, 1.0, 1.0, 2.0, np.nan, np.inf]),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=400,
)


@given(ROWS, st.integers(1, 40))
def test_a_small_segment_is_filled_up_from_the_first_column_and_that_from_all(
    rows: list[tuple[int, float, float]], times: int
) -> None:
    codes = np.array([row[0] for row in rows] * times, dtype=np.int32)
    numbers = np.array([row[1] for row in rows] * times)
    targets = np.array([row[2] for row in rows] * times)
    lookup = SegmentLookup(learned(codes, numbers, targets[:, None]))
    for code, number, _ in rows[:20]:
        found = lookup.rates([np.array([code], dtype=np.int32), np.array([number])])
        alone = code < 0 or (codes == code).mean() >= 0.005  # rarer levels share a bin
        if alone:
            assert found[0, 0] == pytest.approx(by_hand(codes, numbers, targets, code, number))
        assert targets.min() - 1e-12 <= found[0, 0] <= targets.max() + 1e-12


def test_what_training_did_not_see_gets_the_rate_of_what_is_known() -> None:
    codes = np.repeat(np.array([0, 1], dtype=np.int32), 100)
    numbers = np.tile([1.0, 2.0], 100)
    targets = np.where(codes == 0, 0.8, 0.2)[:, None]
    lookup = SegmentLookup(learned(codes, numbers, targets))
    unseen, missing = np.array([-2], dtype=np.int32), np.array([-1], dtype=np.int32)
    assert lookup.rates([unseen, np.array([1.0])])[0, 0] == pytest.approx(0.5)
    assert lookup.rates([missing, np.array([7.0])])[0, 0] == pytest.approx(0.5)
    assert lookup.rates([np.array([0], dtype=np.int32), np.array([7.0])])[0, 0] == pytest.approx(0.8)


def test_shares_of_classes_add_up_to_one() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-2, 3, 500, dtype=np.int32)
    targets = np.eye(4)[rng.integers(0, 4, 500)]
    table = learned(codes, rng.normal(size=500), targets)
    assert np.array(table.rates).sum(axis=1) == pytest.approx(1)
    assert sum(table.rows) == 500
