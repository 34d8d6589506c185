"""Ops on numbers: what imputers, scalers, bins, polynomials and functions do to a matrix.

Each repeats scikit-learn's arithmetic in scikit-learn's order, column by column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.normal import normal_ppf
from scorekit.schema import MISSING, UNSEEN

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Op = Callable[..., Any]

# Missing values ---------------------------------------------------------------------


def impute(value: Matrix, *, fill: Vector, missing: float | None = None) -> Matrix:
    """Put ``fill``, of shape (n_columns,), where the value is NaN or, if given, ``missing``."""
    out = value.copy()
    np.copyto(out, fill, where=np.isnan(value) if missing is None else value == missing)
    return out


def is_missing(value: Matrix, *, missing: float | None = None) -> Matrix:
    """1 where the value is NaN or, if given, ``missing``, else 0."""
    return (np.isnan(value) if missing is None else value == missing).astype(np.float64)


# Scalers ----------------------------------------------------------------------------


def multiply_add(value: Matrix, *, factor: Vector, shift: Vector) -> Matrix:
    """``value * factor + shift``, each of shape (n_columns,)."""
    out: Matrix = value * factor
    out += shift
    return out


def multiply(value: Matrix, *, factor: float) -> Matrix:
    """``value * factor``."""
    return value * factor


def clip(value: Matrix, *, low: float, high: float) -> Matrix:
    """Numbers beyond a range become its ends; NaN stays."""
    return np.clip(value, low, high)


# Codes of numbers -------------------------------------------------------------------


def code_numbers(*, known: Vector, sizes: list[int]) -> Op:
    """Codes of numbers by equality.

    Parameters
    ----------
    known : ndarray
        The sorted known numbers of each column, one column after another.
    sizes : list of int
        How many each column has.

    Returns
    -------
    callable
        Gives int32 codes of shape (n_rows, n_columns): the position among the known
        numbers, ``MISSING`` for NaN, ``UNSEEN`` for another number.
    """
    # NaN at the end: nothing equals it, and whatever is larger than all is sent there
    numbers = [np.append(part, np.nan) for part in np.split(known, np.cumsum(sizes)[:-1])]

    def function(value: Matrix) -> NDArray[np.int32]:
        codes = np.empty(value.shape, dtype=np.int32, order="F")
        for column, some in enumerate(numbers):
            wanted = value[:, column]
            places = np.searchsorted(some[:-1], wanted)
            codes[:, column] = np.where(some[places] == wanted, places, UNSEEN)
        codes[np.isnan(value)] = MISSING
        return codes

    return function


def bins(*, edges: Vector, sizes: list[int]) -> Op:
    """Number of inner edges that are not above each value.

    Parameters
    ----------
    edges : ndarray
        The sorted inner edges of each column, one column after another.
    sizes : list of int
        How many each column has.

    Returns
    -------
    callable
        Gives int32 codes of shape (n_rows, n_columns).
    """
    columns = np.split(edges, np.cumsum(sizes)[:-1])

    def function(value: Matrix) -> NDArray[np.int32]:
        codes = np.empty(value.shape, dtype=np.int32, order="F")
        for column, inner in enumerate(columns):
            codes[:, column] = np.searchsorted(inner, value[:, column], side="right")
        return codes

    return function


# Polynomials ------------------------------------------------------------------------


def polynomial(
    value: Matrix, *, products: list[tuple[int, int, int, int]], width: int, first: int, bias: bool
) -> Matrix:
    """Powers and products of columns.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_columns)
    products : list of (start, stop, column, target)
        Outputs ``start`` to ``stop``, each multiplied by an input column, become the
        outputs from ``target`` on.
    width : int
        Number of outputs before the first ones are left out.
    first : int
        Outputs before this one are only steps on the way; the bias stays.
    bias : bool
        Whether output 0 is 1.

    Returns
    -------
    ndarray
    """
    out = np.empty((len(value), width))
    begin = int(bias)
    if bias:
        out[:, 0] = 1.0
    if width > begin:
        out[:, begin : begin + value.shape[1]] = value
    for start, stop, column, target in products:
        np.multiply(
            out[:, start:stop], value[:, column : column + 1], out=out[:, target : target + stop - start]
        )
    if first > begin:
        out[:, first - begin : first] = out[:, :begin]
        return out[:, first - begin :]
    return out


# Shapes of distributions ------------------------------------------------------------


def yeo_johnson(value: Matrix, *, power: Vector) -> Matrix:
    """Yeo-Johnson transform of each column with its power, shape (n_columns,).

    References
    ----------
    I.-K. Yeo and R. A. Johnson, "A new family of power transformations to improve
    normality or symmetry", Biometrika 87(4), 2000; in terms of ``expm1`` and ``log1p``.
    """
    tiny = np.finfo(np.float64).eps
    out = np.empty_like(value)
    for column, exponent in enumerate(power):
        numbers = value[:, column]
        logs = np.log1p(np.abs(numbers))
        rest = 2.0 - exponent
        upper = np.expm1(exponent * logs) / exponent if abs(exponent) >= tiny else logs
        lower = -np.expm1(rest * logs) / rest if abs(exponent - 2.0) > tiny else -logs
        out[:, column] = np.where(numbers >= 0, upper, lower)
    return out


def box_cox(value: Matrix, *, power: Vector) -> Matrix:
    """Box-Cox transform of each column with its power, shape (n_columns,).

    References
    ----------
    G. E. P. Box and D. R. Cox, "An analysis of transformations", Journal of the Royal
    Statistical Society B 26(2), 1964; in terms of ``expm1``, and where that would
    overflow of ``exp``.
    """
    out = np.empty_like(value)
    for column, exponent in enumerate(power):
        logs = np.log(value[:, column])
        if abs(exponent) < 1e-19:
            out[:, column] = logs
            continue
        scaled = exponent * logs
        large = np.sign(exponent) * np.exp(scaled - np.log(abs(exponent))) - 1.0 / exponent
        out[:, column] = np.where(scaled < _LARGEST_LOG, np.expm1(scaled) / exponent, large)
    return out


_LARGEST_LOG = 709.78
"""Beyond this the exponential overflows."""


def quantile_ranks(
    value: Matrix, *, quantiles: Matrix, references: Vector, normal: bool, margin: float
) -> Matrix:
    """Where each value stands among a column's quantiles, from 0 to 1, or as a normal deviate.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_columns)
    quantiles : ndarray, shape (n_quantiles, n_columns)
    references : ndarray, shape (n_quantiles, 1)
        The rank of each quantile.
    normal : bool
        Whether ranks become normal deviates.
    margin : float
        Ranks nearer than this to 0 and 1 stand for the ends when they become deviates.

    Returns
    -------
    ndarray, shape (n_rows, n_columns)
    """
    out = np.empty_like(value)
    ranks = references[:, 0]
    for column in range(value.shape[1]):
        numbers, known = value[:, column], quantiles[:, column]
        # equal quantiles: the mean of the first and the last of them
        forward = np.interp(numbers, known, ranks)
        backward = np.interp(-numbers, -known[::-1], -ranks[::-1])
        rank = 0.5 * (forward - backward)
        rank[np.isnan(numbers)] = np.nan  # of one known point ``interp`` would make a number of it
        slack = margin if normal else 0.0
        rank[numbers + slack > known[-1] if normal else numbers == known[-1]] = 1.0
        rank[numbers - slack < known[0] if normal else numbers == known[0]] = 0.0
        out[:, column] = rank
    if not normal:
        return out
    edge = margin - np.spacing(1.0)
    low, high = normal_ppf(np.array([edge, 1.0 - edge]))
    return np.clip(normal_ppf(out), low, high)


# Functions --------------------------------------------------------------------------

_POWERS = ("log", "log2", "log10", "log1p", "exp", "exp2", "expm1", "sqrt", "cbrt", "square", "reciprocal")
_SIGNS = ("absolute", "fabs", "negative", "positive", "sign", "floor", "ceil", "trunc", "rint")
_ANGLES = ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "deg2rad", "rad2deg", "radians", "degrees")
_HYPERBOLAS = ("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh")

FUNCTIONS: dict[str, Callable[[Matrix], Matrix]] = {
    name: getattr(np, name) for name in (*_POWERS, *_SIGNS, *_ANGLES, *_HYPERBOLAS)
}
"""NumPy functions of one number that a ``FunctionTransformer`` may hold."""


def function(*, name: str) -> Op:
    """A NumPy function of one number, by name."""
    return FUNCTIONS[name]


# Dates ------------------------------------------------------------------------------

DATE_PARTS = ("year", "month", "day", "weekday", "hour", "days")
"""What a date becomes; ``days`` are since 1970, with the time of day as a fraction."""

_NO_DATE = np.iinfo(np.int64).min
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


def date_parts(value: Matrix) -> Matrix:
    """Parts of dates given as microseconds since 1970, shape (n_rows, 6 * n_columns); NaN stays."""
    sound = np.abs(value) < 2.0**63
    return parts_of(np.where(sound, value, 0.0).astype(np.int64), missing=~sound)


def parts_of(microseconds: NDArray[np.int64], missing: NDArray[np.bool_] | None = None) -> Matrix:
    """``DATE_PARTS`` of each column, one column after another.

    Parameters
    ----------
    microseconds : ndarray of int64, shape (n_rows, n_columns)
        Since 1970, UTC; the smallest integer is a missing date.
    missing : ndarray of bool, optional
        Where there is no date, if that is known.

    Returns
    -------
    ndarray, shape (n_rows, 6 * n_columns)
        Weekdays count from Monday, 0; NaN for a missing date.
    """
    lost = microseconds == _NO_DATE if missing is None else missing
    days = microseconds // _DAY
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    out = np.empty((*microseconds.shape, len(DATE_PARTS)))
    out[..., 0] = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    out[..., 1] = months.astype(np.int64) % 12 + 1
    out[..., 2] = (dates - months).astype(np.int64) + 1
    out[..., 3] = (days + 3) % 7  # the first of January 1970 was a Thursday
    out[..., 4] = (microseconds - days * _DAY) // _HOUR
    out[..., 5] = microseconds / _DAY
    out[lost] = np.nan
    return out.reshape(len(microseconds), -1)


NUMERIC_OPS: dict[str, Op] = {
    "date_parts": date_parts,
    "impute": impute,
    "is_missing": is_missing,
    "multiply_add": multiply_add,
    "multiply": multiply,
    "clip": clip,
    "polynomial": polynomial,
    "yeo_johnson": yeo_johnson,
    "box_cox": box_cox,
    "quantile_ranks": quantile_ranks,
}

NUMERIC_BINDERS: dict[str, Callable[..., Op]] = {
    "code_numbers": code_numbers,
    "bins": bins,
    "function": function,
}
