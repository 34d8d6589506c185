"""How surprising a share of rows is, given the share that training had."""

from __future__ import annotations

import math

_NEGLIGIBLE = 1e-12


def surprise(found: int, rows: int, expected: int, expected_rows: int) -> float:
    """Probability of so many rows or more, if nothing has changed.

    Of ``expected_rows`` rows of the baseline ``expected`` had the property; what its share
    really is follows Jeffreys' posterior, Beta(expected + ½, others + ½), so the number
    among ``rows`` further ones is beta-binomial. A baseline that is small is trusted less,
    and a share that was zero is no certainty.

    Parameters
    ----------
    found, rows : int
        Rows of a window that have the property, and all.
    expected, expected_rows : int
        The same of the baseline.

    Returns
    -------
    float

    References
    ----------
    L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial proportion",
    Statistical Science 16 (2), 2001, for the prior.

    Examples
    --------
    >>> round(surprise(6, 100, 1, 1000), 7)
    1.4e-06
    >>> surprise(1, 100, 1, 100) > 0.5
    True
    """
    if found <= 0:
        return 1.0
    a, b = expected + 0.5, expected_rows - expected + 0.5
    term = math.exp(_log_probability(found, rows, a, b))
    if not term:
        # too small for a number: so far out that what lies beyond is nothing, or all but nothing
        return 0.0 if found * (a + b) > rows * a else 1.0
    total = 0.0
    for count in range(found, rows + 1):
        total += term
        following = term * (rows - count) * (count + a) / ((count + 1) * (rows - count - 1 + b))
        # before the peak the terms still grow
        if following < term and following < total * _NEGLIGIBLE:
            break
        term = following
    return min(1.0, total)


def _log_probability(count: int, rows: int, a: float, b: float) -> float:
    """Logarithm of the beta-binomial probability of a count."""
    choices = math.lgamma(rows + 1) - math.lgamma(count + 1) - math.lgamma(rows - count + 1)
    return choices + _log_beta(count + a, rows - count + b) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
