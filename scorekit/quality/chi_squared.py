"""Tails of the χ² distributions, without the second that importing a library for them takes.

With whole degrees of freedom the central tail is a finite sum of positive terms, each a
Poisson probability, and the noncentral one a Poisson mixture of central ones
(M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 26.4.4, 26.4.5 and
26.4.25). Nothing cancels, so the sums are good to about 1e-10 of a probability.
"""

from __future__ import annotations

import math

_NEAR, _FAR = 14.0, 60.0
"""Standard deviations from a Poisson mean beyond which nothing of it is left: of a
probability, and of one that is as small as a float can be."""
_STEPS = 40
"""And whole steps, where the mean is small."""
_SMALL = 1e-9
"""Probabilities below it are summed over all terms that make up so little."""
_NOTHING = -745.0
"""Logarithm of the smallest float."""


def chi_squared_tail(x: float, freedom: int) -> float:
    """P(χ² ≥ x).

    Parameters
    ----------
    x : float
    freedom : int
        Degrees of freedom, 1 or more.

    Examples
    --------
    >>> round(chi_squared_tail(3.841458820694124, 1), 12)
    0.05
    """
    return noncentral_tail(x, freedom, 0.0)


def noncentral_tail(x: float, freedom: int, noncentrality: float) -> float:
    """P(χ²(noncentrality) ≥ x).

    Parameters
    ----------
    x : float
    freedom : int
    noncentrality : float
        0 for the central one.

    Examples
    --------
    >>> round(noncentral_tail(10.0, 4, 2.0), 6)
    0.148785
    """
    if x <= 0:
        return 1.0
    if _bound(x, freedom, noncentrality) < _NOTHING:
        return 0.0
    found = _mixture(x, freedom, noncentrality / 2, _NEAR)
    return found if found > _SMALL else _mixture(x, freedom, noncentrality / 2, _FAR)


def _bound(x: float, freedom: int, noncentrality: float) -> float:
    """Chernoff's bound on the logarithm of the tail, at the saddle point."""
    if x <= freedom + noncentrality:
        return 0.0
    t = 0.5 - (freedom + math.sqrt(freedom**2 + 4 * noncentrality * x)) / (4 * x)
    return noncentrality * t / (1 - 2 * t) - freedom / 2 * math.log(1 - 2 * t) - t * x


def _mixture(x: float, freedom: int, mean: float, far: float) -> float:
    first, last = _span(mean, far) if mean else (0, 0)
    tails = _tails(x / 2, freedom + 2 * first, freedom + 2 * last, far)
    weights = (_poisson(count, mean) for count in range(first, last + 1))
    return min(1.0, math.fsum(weight * tail for weight, tail in zip(weights, tails, strict=True)))


def _tails(y: float, fewest: int, most: int, far: float) -> list[float]:
    """P(χ² ≥ 2 y) for every second number of degrees of freedom from ``fewest`` to ``most``."""
    half, start = (fewest % 2) / 2, fewest // 2
    total = math.erfc(math.sqrt(y)) if half else 0.0
    begin = 0 if far == _FAR else max(0, min(start, _span(y, far)[0]))
    total += math.fsum(_poisson(count + half, y) for count in range(begin, start))
    tails = [total]
    for count in range(start, most // 2):
        total += _poisson(count + half, y)
        tails.append(total)
    return tails


def _span(mean: float, far: float) -> tuple[int, int]:
    """Counts that a Poisson variable may take."""
    away = far * math.sqrt(mean) + _STEPS
    return max(0, math.floor(mean - away)), math.ceil(mean + away)


def _poisson(count: float, mean: float) -> float:
    """A Poisson probability; the count may have a half."""
    if mean == 0:
        return 1.0 if count == 0 else 0.0
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
