"""The population stability index, over counts.

With n expected and m actual rows in B bins, and s = 0.5 added to every count so that
an empty bin stays finite::

    p_i = (e_i + s) / (n + s B)      q_i = (a_i + s) / (m + s B)
    PSI = Σ (q_i − p_i) ln(q_i / p_i)                               in nats

Where nothing has shifted, PSI / (1/n + 1/m) follows χ² with B − 1 degrees of freedom;
with a true PSI of δ it follows the noncentral χ² with noncentrality δ / (1/n + 1/m)
[1]_. So its mean without shift, the bias, can be taken off, and a small sample be told
from a shift.

References
----------
.. [1] B. Yurdakul and J. Naranjo, "Statistical properties of the population stability
   index", Journal of Risk Model Validation 14 (4), 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scorekit.quality.chi_squared import chi_squared_tail, noncentral_tail

SMOOTHING = 0.5
"""Added to every count."""

MATERIAL = 0.10
"""A true PSI of this and less is no material shift."""


@dataclass(frozen=True, eq=False)
class StabilityIndex:
    """How far actual counts are from expected ones.

    Attributes
    ----------
    psi : float
        In nats; 0 where the shares are the same.
    psi_raw : float or None
        Without smoothing; None where a bin is empty on one side.
    bias : float
        What ``psi`` is on average where nothing has shifted.
    n, m : int
        Rows expected (baseline) and actual.
    bins : int
        Bins that are not empty on both sides.
    contributions : ndarray of float64, shape (n_bins,)
        Of every bin that was given, to ``psi``; 0 for those empty on both sides.
    """

    psi: float
    psi_raw: float | None
    bias: float
    n: int
    m: int
    bins: int
    contributions: NDArray[np.float64]

    @property
    def psi_adjusted(self) -> float:
        """``psi`` less its bias, and never below 0."""
        return max(0.0, self.psi - self.bias)

    @cached_property
    def p_any(self) -> float:
        """Probability of this ``psi`` or more where nothing has shifted."""
        if self.bins < 2:
            return 1.0
        return chi_squared_tail(self.psi / self._scale, self.bins - 1)

    @cached_property
    def p_material(self) -> float:
        """Probability of this ``psi`` or more where the true one is ``MATERIAL``."""
        if self.bins < 2:
            return 1.0
        return noncentral_tail(self.psi / self._scale, self.bins - 1, MATERIAL / self._scale)

    @cached_property
    def p_any_corrected(self) -> float:
        """``p_any`` with Williams' correction for small samples.

        χ² is what PSI follows with many rows in each bin; with ten it goes far beyond it more often.
        The correction is that of the likelihood ratio, which has the same limit [1]_.

        References
        ----------
        .. [1] D. A. Williams, "Improved likelihood ratio tests for complete contingency tables",
           Biometrika 63 (1), 1976.
        """
        if self.bins < 2:
            return 1.0
        correction = 1 + (self.bins + 1) * self._scale / 6
        return chi_squared_tail(self.psi / self._scale / correction, self.bins - 1)

    @property
    def _scale(self) -> float:
        return 1.0 / self.n + 1.0 / self.m


def population_stability_index(expected: ArrayLike, actual: ArrayLike) -> StabilityIndex:
    """Compare two counts of rows over the same bins.

    Parameters
    ----------
    expected, actual : array_like of int, shape (n_bins,)
        Rows in each bin, of the baseline and now.

    Returns
    -------
    StabilityIndex
        The probabilities are computed when they are asked for.

    Raises
    ------
    ValueError
        If the shapes differ, a count is negative or no whole number, or one side has no rows.

    Examples
    --------
    >>> shift = population_stability_index([1000, 1500, 1200, 1300], [800, 1400, 1600, 1200])
    >>> round(shift.psi, 5), shift.bins, shift.n, shift.m
    (0.03489, 4, 5000, 5000)
    >>> shift.p_any < 1e-6 < shift.p_material
    True
    """
    wanted, found = _counts(expected, "expected"), _counts(actual, "actual")
    if wanted.shape != found.shape:
        raise ValueError(f"{len(wanted)} bins are expected, {len(found)} are actual")
    n, m = int(wanted.sum()), int(found.sum())
    if not n or not m:
        raise ValueError(f"the {'expected' if not n else 'actual'} counts are all zero")
    kept = (wanted > 0) | (found > 0)
    bins = int(kept.sum())
    p = (wanted[kept] + SMOOTHING) / (n + SMOOTHING * bins)
    q = (found[kept] + SMOOTHING) / (m + SMOOTHING * bins)
    contributions = np.zeros(len(wanted))
    contributions[kept] = (q - p) * np.log(q / p)
    return StabilityIndex(
        psi=float(contributions.sum()),
        psi_raw=_raw(wanted[kept] / n, found[kept] / m),
        bias=(bins - 1) * (1 / n + 1 / m),
        n=n,
        m=m,
        bins=bins,
        contributions=contributions,
    )


def _counts(given: ArrayLike, which: str) -> NDArray[np.int64]:
    counts = np.asarray(given)
    whole = counts.astype(np.int64)
    if counts.ndim != 1 or (whole != counts).any() or (whole < 0).any():
        raise ValueError(f"the {which} counts are not whole numbers from zero")
    return whole


def _raw(p: NDArray[np.float64], q: NDArray[np.float64]) -> float | None:
    if not p.all() or not q.all():
        return None
    return float(((q - p) * np.log(q / p)).sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for looking at several features at once, each false alarm counting.

    The adjusted value is at most α exactly where Holm's step-down test rejects at α, which
    bounds the probability of a single false alarm (S. Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = np.arange(len(values), 0, -1) * values[order]
    return _in_place(np.minimum(np.maximum.accumulate(steps), 1.0), order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for looking at several features at once, by the share of false warnings.

    The adjusted value is at most α exactly where the step-up test rejects at a false
    discovery rate of α (Y. Benjamini and Y. Hochberg, "Controlling the false discovery
    rate", Journal of the Royal Statistical Society B 57, 1995).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _in_place(np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0), order)


def _in_place(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> list[float]:
    values = np.empty(len(order))
    values[order] = adjusted
    return [float(value) for value in values]
