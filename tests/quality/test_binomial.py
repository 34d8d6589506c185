"""How surprising a share is, held against scipy's beta-binomial distribution."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from scorekit.quality.binomial import surprise


def expected(found: int, rows: int, then: int, trained: int) -> float:
    """Summed from the far end: scipy's own tail is one less the other tail, and loses small ones."""
    terms = betabinom.pmf(np.arange(rows, found - 1, -1), rows, then + 0.5, trained - then + 0.5)
    return float(terms.sum())


@given(st.data())
def test_it_is_the_tail_of_the_beta_binomial_distribution(data: st.DataObject) -> None:
    rows, trained = data.draw(st.integers(1, 3000)), data.draw(st.integers(1, 100_000))
    found, then = data.draw(st.integers(0, rows)), data.draw(st.integers(0, trained))
    assert surprise(found, rows, then, trained) == pytest.approx(
        expected(found, rows, then, trained), rel=1e-6, abs=1e-12
    )


@pytest.mark.parametrize(
    ("found", "rows", "then", "trained"),
    [
        (30_500, 1_000_000, 1200, 40_000),
        (1, 50, 0, 27_126),
        (50, 50, 0, 27_126),
        (400_000, 1_000_000, 16_000, 40_000),
    ],
)
def test_large_windows(found: int, rows: int, then: int, trained: int) -> None:
    assert surprise(found, rows, then, trained) == pytest.approx(
        expected(found, rows, then, trained), rel=1e-5, abs=1e-12
    )


@given(st.integers(1, 500), st.integers(1, 500))
def test_more_rows_are_never_less_surprising(rows: int, trained: int) -> None:
    chances = [surprise(found, rows, trained // 3, trained) for found in range(0, rows + 1, 1 + rows // 20)]
    assert chances[0] == 1.0
    assert all(before >= after - 1e-9 for before, after in pairwise(chances))


@pytest.mark.parametrize(("found", "chance"), [(700_000, 0.0), (100, 1.0)])
def test_what_is_too_far_out_for_a_number_takes_no_time(found: int, chance: float) -> None:
    started = time.perf_counter()
    assert surprise(found, 1_000_000, 20_000, 40_000 if chance else 400_000) == pytest.approx(chance)
    assert time.perf_counter() - started < 0.05
