"""Bins of the training rows: every value falls in exactly one, whatever it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import TamperedError, VersionMismatch
from scorekit.quality.baseline import Baseline, BinCounter, category_bins, numeric_bins
from scorekit.schema import Feature

NUMBERS = st.lists(st.floats(width=64) | st.integers(-3, 3).map(float), min_size=1, max_size=200).map(
    np.array
)
LEVELS = tuple("abcdefgh")


def feature(levels: tuple[str, ...] = LEVELS) -> Feature:
    return Feature(name="letter", kind="category", arrow_type="string", nullable=True, levels=levels)


@given(NUMBERS, NUMBERS)
def test_every_number_falls_in_one_bin(training: np.ndarray, later: np.ndarray) -> None:
    bins = numeric_bins("x", training)
    assert sum(bins.counts) == len(training)
    counts = BinCounter(bins).count(later)
    assert counts.sum() == len(later)
    assert counts[bins.special("missing")] == np.isnan(later).sum()
    assert counts[bins.special("+inf")] == (later == np.inf).sum()
    assert counts[bins.special("-inf")] == (later == -np.inf).sum()
    assert list(bins.edges) == sorted(set(bins.edges))


@given(NUMBERS, st.lists(st.integers(0, 200)))
def test_counts_of_any_pieces_add_up_to_the_counts_of_the_whole(values: np.ndarray, cuts: list[int]) -> None:
    counter = BinCounter(numeric_bins("x", values))
    pieces = np.split(values, sorted(min(cut, len(values)) for cut in cuts))
    assert (sum(counter.count(piece) for piece in pieces) == counter.count(values)).all()


@given(st.lists(st.integers(-2, len(LEVELS) - 1), min_size=1, max_size=300))
def test_every_category_falls_in_one_bin(codes: list[int]) -> None:
    column = np.array(codes, dtype=np.int32)
    bins = category_bins(feature(), column)
    assert bins.rows == len(codes)
    assert bins.counts[bins.labels.index("missing")] == codes.count(-1)
    assert bins.counts[bins.labels.index("unseen")] == codes.count(-2)


def test_a_sentinel_and_a_pile_of_zeros_stand_alone() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(100, 10, 700), np.full(150, -999.0), np.zeros(150)])
    bins = numeric_bins("x", values)
    shares = dict(zip(bins.labels, bins.counts, strict=True))
    assert shares["= -999"] == 150
    assert shares["= 0"] == 150
    moved = BinCounter(bins).count(np.array([0.0, math.nextafter(0, 1), -1.0, -999.0, -1000.0]))
    assert moved[bins.labels.index("= 0")] == 1
    assert moved[bins.labels.index("= -999")] == 1


def test_a_pile_at_the_largest_value_is_called_by_it() -> None:
    values = np.concatenate([np.arange(1.0, 901.0), np.full(150, 999.0)])
    bins = numeric_bins("x", values)
    assert dict(zip(bins.labels, bins.counts, strict=True))["≥ 999"] == 150
    assert bins.labels[bins.labels.index("≥ 999") - 1].endswith("x < 999")


def test_bins_are_closed_on_the_right_and_hold_a_tenth_each() -> None:
    values = np.arange(1.0, 1001.0)
    bins = numeric_bins("x", values)
    assert bins.counts[:10] == (100,) * 10
    edge = bins.edges[0]
    low, high = (
        BinCounter(bins).count(np.array([edge])),
        BinCounter(bins).count(np.array([np.nextafter(edge, 2e3)])),
    )
    assert low[0] == 1
    assert high[1] == 1
    assert (bins.minimum, bins.maximum, bins.mean) == (1.0, 1000.0, 500.5)


def test_few_distinct_values_have_a_bin_each_and_what_lies_between_is_unseen() -> None:
    bins = numeric_bins("x", np.array([1.0, 2.0, 2.0, 3.0]))
    assert bins.labels == ("1", "2", "3", "unseen", "-inf", "+inf", "missing")
    counts = BinCounter(bins).count(np.array([0.0, 1.0, 1.5, 2.0, 2.0, 7.0]))
    assert counts.tolist() == [1, 2, 0, 3, 0, 0, 0]
    neighbours = numeric_bins("x", np.array([1.0, np.nextafter(1.0, 2.0)]))
    assert neighbours.counts[:3] == (1, 1, 0)


def test_rare_levels_are_pooled() -> None:
    codes = np.array([0] * 996 + [1, 2, 3, -1], dtype=np.int32)
    bins = category_bins(feature(), codes)
    assert bins.labels == ("a", "rare", "unseen", "missing")
    assert bins.counts == (996, 3, 0, 1)


ODD = ("missing", "unseen", "rare", "missing (2)")


def test_a_level_may_be_called_like_a_special_bin() -> None:
    codes = np.array([0] * 50 + [1] * 30 + [2] * 10 + [3] * 7 + [-1, -1, -2], dtype=np.int32)
    bins = category_bins(feature(ODD), codes)
    missing, unseen = bins.special("missing"), bins.special("unseen")
    assert missing is not None
    assert unseen is not None
    assert (bins.counts[missing], bins.counts[unseen]) == (2, 1)
    assert bins.special("+inf") is None
    named = dict(zip(bins.distinct_labels, bins.counts, strict=True))
    assert (named["missing"], named["unseen"], sum(named.values())) == (2, 1, 100)
    assert (named["missing (2)"], named["unseen (2)"], named["rare"], named["missing (2) (2)"]) == (
        50,
        30,
        10,
        7,
    )


def test_numbers_that_read_the_same_are_told_apart() -> None:
    bins = numeric_bins("x", np.array([1.0, np.nextafter(1.0, 2.0)]))
    assert bins.labels[:2] == ("1", "1")
    assert bins.distinct_labels == ("1", "1 (2)", *bins.labels[2:])


def test_a_column_of_nothing_is_missing() -> None:
    bins = numeric_bins("x", np.full(5, np.nan))
    assert bins.counts[bins.labels.index("missing")] == 5
    assert bins.mean is None


def baseline() -> Baseline:
    x = numeric_bins("x", np.array([1.0, np.inf, np.nan, *np.arange(50.0)]))
    return Baseline(kind="out_of_fold", rows=53, features=(x,), scores=(x,))


def test_it_is_read_back_to_the_bit() -> None:
    assert Baseline.from_bytes(baseline().to_bytes(), "baseline.json") == baseline()


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"format_version": 1}', b"\xff"])
def test_what_is_no_baseline(data: bytes) -> None:
    with pytest.raises(TamperedError, match=r"b\.json is not a baseline"):
        Baseline.from_bytes(data, "b.json")


def test_a_baseline_from_the_future_is_refused() -> None:
    later = baseline().to_bytes().replace(b'"format_version": 1', b'"format_version": 2')
    with pytest.raises(VersionMismatch, match="format 2"):
        Baseline.from_bytes(later, "baseline.json")
