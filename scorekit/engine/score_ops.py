"""Ops of models: from a matrix to decisions, from decisions to probabilities.

Sums over columns are made in column order, never by BLAS or by a reduction of NumPy's
whose order depends on how many rows there are: a row has the same score alone, in a
block, and at the end of one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Op = Callable[..., Any]

# Sums -------------------------------------------------------------------------------


def linear(*, coef: Matrix, intercept: NDArray[np.float64]) -> Op:
    """``value @ coef + intercept``, added in column order whatever the number of rows.

    Not by BLAS, whose kernels depend on the number of rows and on the memory order:
    there a row alone and the same row in a block differ in the last bits.

    Parameters
    ----------
    coef : ndarray, shape (n_columns, n_outputs)
    intercept : ndarray, shape (n_outputs,)

    Returns
    -------
    callable
        Takes a matrix of shape (n_rows, n_columns), gives one of shape (n_rows, n_outputs).
    """
    deep, first, last = coef[:, :, None], coef[:, 0], intercept[:, None]

    def function(value: Matrix) -> Matrix:
        if value.shape[0] * coef.shape[1] == 1:
            # NumPy adds a lone row pairwise, but accumulates in order
            row: Matrix = np.add.accumulate(value * first, axis=1)[:, -1:]
            return row + intercept
        if value.size * coef.shape[1] <= _SMALL:
            out: Matrix = np.add.reduce(np.multiply(deep, value.T[:, None, :], order="C"), axis=0)
        else:
            out = _linear_blocks(value.T, coef)
        out += last
        return out.T

    return function


_SMALL = 1 << 15
"""Products, held at once, up to which one call is faster than one for each output."""

_BUFFER = 1 << 20


def _linear_blocks(columns: Matrix, coef: Matrix) -> Matrix:
    """``coef.T @ columns``, in column order, through one buffer of bounded size."""
    width, outputs = coef.shape
    rows = columns.shape[1]
    out = np.empty((outputs, rows))
    size = min(rows, max(256, _BUFFER // width))
    buffer = np.empty((width, size))
    for start in range(0, rows, size):
        block = columns[:, start : start + size]
        products = buffer[:, : block.shape[1]]
        for output in range(outputs):
            np.multiply(coef[:, output : output + 1], block, out=products)
            np.add.reduce(products, axis=0, out=out[output, start : start + size])
    return out


def row_sums(value: Matrix) -> Matrix:
    """Sum of each row, shape (n_rows, 1), added in column order whatever the number of rows."""
    if len(value) == 1:
        return np.add.accumulate(value, axis=1)[:, -1:]
    sums: Matrix = np.add.reduce(np.ascontiguousarray(value.T), axis=0)
    return sums[:, None]


# Probabilities ----------------------------------------------------------------------


def binary_sigmoid(value: Matrix) -> Matrix:
    """Both class probabilities, shape (n_rows, 2), of a logit of shape (n_rows, 1)."""
    out = np.empty((len(value), 2))
    out[:, 1] = expit(value[:, 0])
    np.subtract(1.0, out[:, 1], out=out[:, 0])
    return out


def sigmoid(value: Matrix) -> Matrix:
    """Logistic function of each logit."""
    return expit(value)


def expit(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic function, by the formula of ``scipy.special.expit``, so that its ends round alike.

    Below -709.78 it is 0, as there; callers silence the overflow.
    """
    out: NDArray[np.float64] = np.exp(-value)
    out += 1.0
    return np.divide(1.0, out, out=out)


def softmax(value: Matrix) -> Matrix:
    """Class probabilities of scores, shape (n_rows, n_classes), without overflow."""
    out: Matrix = np.exp(value - value.max(axis=1, keepdims=True))
    out /= row_sums(out)
    return out


def complement(value: Matrix) -> Matrix:
    """Both class probabilities, shape (n_rows, 2), of the second one, shape (n_rows, 1)."""
    return np.concatenate((1.0 - value, value), axis=1)


def normalize(value: Matrix, *, uniform: bool) -> Matrix:
    """Rows divided by their sums.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_classes)
    uniform : bool
        Whether a row of zeros becomes equal shares; it stays zeros otherwise.

    Returns
    -------
    ndarray, shape (n_rows, n_classes)
    """
    sums = row_sums(value)
    out = np.full_like(value, 1.0 / value.shape[1]) if uniform else value.copy()
    np.divide(value, sums, out=out, where=sums != 0.0)
    return out


def at_most_one(value: Matrix) -> Matrix:
    """Probabilities that rounding took beyond 1 are 1."""
    return np.where((value > 1.0) & (value <= 1.0 + 1e-5), 1.0, value)


def log_plus(value: Matrix, *, small: float) -> Matrix:
    """``log(value + small)``."""
    out: Matrix = value + small
    return np.log(out, out=out)


def huber_probability(value: Matrix) -> Matrix:
    """``(clip(value, -1, 1) + 1) / 2``, the modified Huber loss's probability of a decision."""
    out: Matrix = np.clip(value, -1.0, 1.0)
    out += 1.0
    out /= 2.0
    return out


def interpolate(*, known: Vector, levels: Vector, sizes: list[int]) -> Op:
    """Straight lines between known points, constant beyond the first and the last.

    Parameters
    ----------
    known, levels : ndarray
        Ascending places and the values there, one column after another.
    sizes : list of int
        How many points each column has.

    Returns
    -------
    callable
    """
    cuts = np.cumsum(sizes)[:-1]
    lines = list(zip(np.split(known, cuts), np.split(levels, cuts), strict=True))

    def function(value: Matrix) -> Matrix:
        out = np.empty_like(value)
        for column, (places, heights) in enumerate(lines):
            out[:, column] = np.interp(value[:, column], places, heights)
        return out

    return function


# Naive Bayes ------------------------------------------------------------------------


def gaussian_log_likelihood(
    value: Matrix, *, mean: Matrix, variance: Matrix, log_scale: Vector, log_prior: Vector
) -> Matrix:
    """Joint log likelihood of each class under independent normal distributions.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_columns)
    mean, variance : ndarray, shape (n_classes, n_columns)
    log_scale, log_prior : ndarray, shape (n_classes,)
        Log of the product of the densities' factors, and of the class's share.

    Returns
    -------
    ndarray, shape (n_rows, n_classes)
    """
    out = np.empty((len(value), len(mean)), order="F")
    for number in range(len(mean)):
        # row by row in memory, so that NumPy adds each row in pairs as scikit-learn mostly has it:
        # of log likelihoods in the thousands the last bits are what small probabilities are made of
        squares = np.ascontiguousarray(value - mean[number])
        squares *= squares
        squares /= variance[number]
        out[:, number] = log_prior[number] + (log_scale[number] - 0.5 * np.add.reduce(squares, axis=1))
    return out


def exp_normalize(value: Matrix) -> Matrix:
    """``exp(value - logsumexp(value))``: class probabilities of joint log likelihoods.

    The largest terms are kept out of the sum, so that probabilities next to 1 and to 0
    round as in scikit-learn.
    """
    top = value.max(axis=1, keepdims=True)
    largest = value == top
    count = row_sums(largest.astype(np.float64))
    rest = np.where(largest, -np.inf, value)
    rest -= np.where(np.isfinite(top), top, 0.0)
    sums = row_sums(np.exp(rest))
    out: Matrix = np.exp(value - (np.log1p(sums / count) + np.log(count) + top))
    return out


# Several models ---------------------------------------------------------------------


def mean(*values: Matrix, weights: Vector | None = None) -> Matrix:
    """Mean of matrices of one shape, weighted or not."""
    factors = np.ones(len(values)) if weights is None else weights
    out: Matrix = values[0] * factors[0]
    for value, factor in zip(values[1:], factors[1:], strict=True):
        out += value * factor
    out /= factors.sum()
    return out


def constant(value: Matrix, *, row: Vector) -> Matrix:
    """The same row for every row."""
    return np.repeat(row[None, :], len(value), axis=0)


# Targets ----------------------------------------------------------------------------


def inverse_yeo_johnson(value: Matrix, *, power: Vector) -> Matrix:
    """What the Yeo-Johnson transform with each column's power, shape (n_columns,), took to ``value``."""
    tiny = np.spacing(1.0)
    out = np.empty_like(value)
    for column, exponent in enumerate(power):
        numbers = value[:, column]
        rest = 2.0 - exponent
        upper = np.exp(numbers) - 1.0
        if abs(exponent) >= tiny:
            upper = np.power(numbers * exponent + 1.0, 1.0 / exponent) - 1.0
        lower = 1.0 - np.exp(-numbers)
        if abs(exponent - 2.0) > tiny:
            lower = 1.0 - np.power(-rest * numbers + 1.0, 1.0 / rest)
        out[:, column] = np.where(numbers >= 0.0, upper, lower)
    return out


def inverse_box_cox(value: Matrix, *, power: Vector) -> Matrix:
    """What the Box-Cox transform with each column's power, shape (n_columns,), took to ``value``."""
    out = np.empty_like(value)
    for column, exponent in enumerate(power):
        numbers = value[:, column]
        out[:, column] = np.exp(np.log1p(exponent * numbers) / exponent) if exponent else np.exp(numbers)
    return out


def quantiles_at(
    value: Matrix, *, quantiles: Matrix, references: Vector, normal: bool, margin: float
) -> Matrix:
    """The quantile at each rank, or at the rank of each normal deviate.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_columns)
    quantiles : ndarray, shape (n_quantiles, n_columns)
    references : ndarray, shape (n_quantiles,)
        The rank of each quantile.
    normal : bool
        Whether values are normal deviates.
    margin : float
        Ranks of deviates nearer than this to 0 and 1 stand for the ends.

    Returns
    -------
    ndarray, shape (n_rows, n_columns)
    """
    ranks = normal_cdf(value) if normal else value
    out = np.empty_like(value)
    for column in range(value.shape[1]):
        rank, known = ranks[:, column], quantiles[:, column]
        found = np.interp(rank, references, known)
        if normal:
            found[rank + margin > 1.0] = known[-1]
            found[rank - margin < 0.0] = known[0]
        out[:, column] = found
    return out


def normal_cdf(value: Matrix) -> Matrix:
    """Share of a standard normal distribution below each value."""
    scaled = value * -np.sqrt(0.5)
    shares = [0.5 * erfc(number) for number in scaled.ravel().tolist()]
    return np.array(shares, dtype=np.float64).reshape(value.shape)


SCORE_OPS: dict[str, Op] = {
    "binary_sigmoid": binary_sigmoid,
    "sigmoid": sigmoid,
    "softmax": softmax,
    "complement": complement,
    "normalize": normalize,
    "at_most_one": at_most_one,
    "log_plus": log_plus,
    "huber_probability": huber_probability,
    "gaussian_log_likelihood": gaussian_log_likelihood,
    "exp_normalize": exp_normalize,
    "mean": mean,
    "constant": constant,
    "inverse_yeo_johnson": inverse_yeo_johnson,
    "inverse_box_cox": inverse_box_cox,
    "quantiles_at": quantiles_at,
}

SCORE_BINDERS: dict[str, Callable[..., Op]] = {
    "linear": linear,
    "interpolate": interpolate,
}
