"""Transformers of numbers: scalers, bins, polynomials, shapes of distributions, functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.categorical import hot_columns
from scorekit.engine.lowering.values import Coded, Column, NotLowered, Numbers
from scorekit.engine.numeric_ops import DATE_PARTS, FUNCTIONS

# Scalers ----------------------------------------------------------------------------


def standard_scaler(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.StandardScaler``: subtract the mean, divide by the deviation."""
    center = fitted.mean_ if fitted.with_mean else None
    return _affine(builder, columns, center, fitted.scale_ if fitted.with_std else None)


def robust_scaler(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.RobustScaler``: subtract the median, divide by a quantile range."""
    center = fitted.center_ if fitted.with_centering else None
    return _affine(builder, columns, center, fitted.scale_ if fitted.with_scaling else None)


def max_abs_scaler(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.MaxAbsScaler``: divide by the largest absolute value."""
    scaled = _affine(builder, columns, None, fitted.scale_)
    return _clipped(builder, scaled, -1.0, 1.0) if getattr(fitted, "clip", False) else scaled


def min_max_scaler(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.MinMaxScaler``: a factor and a shift, then perhaps a clip."""
    checked = builder.check(columns, nan=True)
    scaled = builder.elementwise(checked, "multiply_add", factor=fitted.scale_, shift=fitted.min_)
    return _clipped(builder, scaled, *fitted.feature_range) if fitted.clip else scaled


def _affine(
    builder: Builder,
    columns: Sequence[Column],
    center: NDArray[np.float64] | None,
    scale: NDArray[np.float64] | None,
) -> tuple[Column, ...]:
    checked = builder.check(columns, nan=True)
    if center is None and scale is None:
        return checked
    return builder.elementwise(checked, "affine", center=center, scale=scale)


def _clipped(builder: Builder, columns: Sequence[Column], low: float, high: float) -> tuple[Column, ...]:
    return builder.elementwise(columns, "clip", infinite=False, low=float(low), high=float(high))


# Bins and polynomials ---------------------------------------------------------------


def k_bins_discretizer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.KBinsDiscretizer``: the number of the bin, or one output a bin."""
    if fitted.dtype is not None and np.dtype(fitted.dtype) != np.float64:
        raise NotLowered(fitted, f"computes in {np.dtype(fitted.dtype)}")
    checked = builder.check(columns, nan=False)
    inner = [np.asarray(edges[1:-1], dtype=np.float64) for edges in fitted.bin_edges_]
    value = builder.step(
        "bins", builder.matrix(checked), edges=np.concatenate(inner), sizes=[len(edges) for edges in inner]
    )
    builder.numbers(value, len(columns))
    binned = [
        # neither unseen nor missing comes out of a bin; bin 0 stands in their places
        Coded(value, index, (0.0, 0.0, *map(float, range(len(edges) + 1))))
        for index, edges in enumerate(inner)
    ]
    if fitted.encode == "ordinal":
        return tuple(binned)
    counts = [len(edges) + 1 for edges in inner]
    positions = [np.array([0, 0, *range(count)]) for count in counts]
    return hot_columns(builder, binned, positions, counts)


def polynomial_features(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.PolynomialFeatures``: each product from one of a degree less."""
    lowest, highest = fitted._min_degree, fitted._max_degree
    checked = builder.check(columns, nan=False)
    bias = bool(fitted.include_bias)
    products, begins, width = _products(len(columns), highest, bias=bias, distinct=fitted.interaction_only)
    first = begins[lowest] if 1 < lowest < len(begins) else int(bias)
    value = builder.step(
        "polynomial", builder.matrix(checked), products=products, width=width, first=first, bias=bias
    )
    return builder.numbers(value, fitted.n_output_features_)


def _products(
    columns: int, degree: int, *, bias: bool, distinct: bool
) -> tuple[list[list[int]], list[int], int]:
    """How each degree is made of the one below, where each degree begins, and the number of outputs.

    Terms of a degree stand in lexicographic order. Those that begin with column ``c``
    are ``c`` times the terms of the degree below that begin with ``c`` or later (later
    only, where no column may come twice), and these are neighbours.
    """
    chosen = combinations if distinct else combinations_with_replacement
    products: list[list[int]] = []
    begins = [0, int(bias)]
    below: list[tuple[int, ...]] = [(column,) for column in range(columns)]
    end = int(bias) + (columns if degree else 0)
    for power in range(2, degree + 1):
        target = end
        for column in range(columns):
            start = next((k for k, term in enumerate(below) if term[0] >= column + distinct), len(below))
            if start < len(below):
                products.append([begins[-1] + start, begins[-1] + len(below), column, target])
                target += len(below) - start
        begins.append(end)
        below = list(chosen(range(columns), power))
        end += len(below)
    return products, begins, end


# Shapes of distributions ------------------------------------------------------------


def power_transformer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.PowerTransformer``: a power of each column, then perhaps scaled."""
    box_cox = fitted.method == "box-cox"
    checked = builder.check(columns, nan=True, positive=box_cox)
    power = np.asarray(fitted.lambdas_, dtype=np.float64)
    made = builder.elementwise(checked, "box_cox" if box_cox else "yeo_johnson", power=power)
    if not fitted.standardize:
        return made
    # scikit-learn's own scaler validates what the power made of the numbers
    return standard_scaler(builder, fitted._scaler, made)


def quantile_transformer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.QuantileTransformer``: the rank among quantiles, or its normal deviate."""
    from sklearn.preprocessing._data import BOUNDS_THRESHOLD

    checked = builder.check(columns, nan=True)
    return builder.elementwise(
        checked,
        "quantile_ranks",
        infinite=False,
        quantiles=fitted.quantiles_,
        references=np.repeat(fitted.references_[:, None], len(columns), axis=1),
        normal=fitted.output_distribution == "normal",
        margin=float(BOUNDS_THRESHOLD),
    )


# Functions and dates ----------------------------------------------------------------


def function_transformer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.FunctionTransformer`` of a NumPy function of one number, or of none."""
    checked = builder.check(columns, nan=False) if fitted.validate else tuple(columns)
    if fitted.func is None:
        return checked
    if fitted.kw_args:
        raise NotLowered(fitted, "calls its function with keyword arguments")
    name = next((name for name, known in FUNCTIONS.items() if known is fitted.func), None)
    if name is None:
        raise NotLowered(fitted, "calls a function that is not one of NumPy's of one number")
    return builder.elementwise(checked, "function", nan=True, name=name)


def date_parts(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``scorekit.engine.dates.DateParts``: year, month, day, weekday, hour, days since 1970."""
    dates = [column for column in columns if isinstance(column, Numbers) and column.timestamp]
    if len(dates) != len(columns):
        raise NotLowered(fitted, "reads columns that are not dates")
    value = builder.step("date_parts", builder.matrix([replace(date, timestamp=False) for date in dates]))
    sources = [date for date in dates for _ in DATE_PARTS]
    return builder.numbers(value, len(sources), like=sources, nan=True, infinite=False)
