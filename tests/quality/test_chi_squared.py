"""The tails of the χ² distributions are those of a library that knows many more."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from scorekit.quality.chi_squared import chi_squared_tail, noncentral_tail

FREEDOM = st.integers(1, 300)
SPREADS = st.floats(-6, 6)


@given(FREEDOM, st.floats(0, 5_000))
def test_the_central_tail(freedom: int, x: float) -> None:
    assert chi_squared_tail(x, freedom) == pytest.approx(chi2.sf(x, freedom), rel=1e-9, abs=1e-290)


@given(FREEDOM, st.floats(-3, 5), SPREADS)
def test_the_noncentral_tail(freedom: int, size: float, spreads: float) -> None:
    noncentrality = 10**size
    x = max(1e-6, freedom + noncentrality + spreads * (2 * (freedom + 2 * noncentrality)) ** 0.5)
    expected = ncx2.sf(x, freedom, noncentrality)
    assert noncentral_tail(x, freedom, noncentrality) == pytest.approx(expected, abs=1e-9)


@given(FREEDOM, st.floats(-1, 4), st.floats(0, 5), st.floats(0.01, 1))
def test_it_falls_with_x(freedom: int, size: float, spreads: float, more: float) -> None:
    noncentrality = 10**size
    spread = (2 * (freedom + 2 * noncentrality)) ** 0.5
    x = freedom + noncentrality + spreads * spread
    assert noncentral_tail(x + more * spread, freedom, noncentrality) < noncentral_tail(
        x, freedom, noncentrality
    )


def test_all_is_certain_at_zero_and_nothing_far_away() -> None:
    assert noncentral_tail(0.0, 3, 5.0) == 1.0
    assert noncentral_tail(1e9, 3, 5.0) == 0.0


def test_a_shift_is_told_without_importing_scipy() -> None:
    program = (
        "import sys; from scorekit.quality import population_stability_index as psi;"
        "found = psi([100, 900], [900, 100]); print(found.p_any, found.p_material);"
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
