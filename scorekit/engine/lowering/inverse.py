"""Inverse transforms: what brings a prediction back to the units of its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Column


def inverse_transform(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Lower ``inverse_transform`` of a fitted transformer.

    Raises
    ------
    NotLowered
        If its inverse has no compiled form.
    """
    with builder.lowering(fitted):
        lower = INVERSES.get(table.public_name(type(fitted)))
        if lower is None:
            raise builder.not_lowered("has no compiled inverse")
        return lower(builder, fitted, columns)


def _pipeline(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    made = tuple(columns)
    for _, step in reversed(fitted.steps):
        if step is not None and not (isinstance(step, str) and step == "passthrough"):
            made = inverse_transform(builder, step, made)
    return made


def _function(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The inverse function, as a transformer of its own."""
    inverse = type(fitted)(func=fitted.inverse_func, kw_args=fitted.inv_kw_args, validate=fitted.validate)
    return table.transform(builder, inverse, columns)


def _standard(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    scale = fitted.scale_ if fitted.with_std else None
    return _scaled(builder, columns, scale, fitted.mean_ if fitted.with_mean else None)


def _robust(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    scale = fitted.scale_ if fitted.with_scaling else None
    return _scaled(builder, columns, scale, fitted.center_ if fitted.with_centering else None)


def _max_abs(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    return _scaled(builder, columns, fitted.scale_, None)


def _scaled(
    builder: Builder, columns: Sequence[Column], scale: Any | None, shift: Any | None
) -> tuple[Column, ...]:
    """``value * scale + shift``, as a product that may be left out and a sum that may be left out."""
    made = builder.check(columns, nan=True)
    if scale is None and shift is None:
        return made
    factor = np.ones(len(columns)) if scale is None else np.asarray(scale, dtype=np.float64)
    offset = np.zeros(len(columns)) if shift is None else np.asarray(shift, dtype=np.float64)
    return builder.elementwise(made, "multiply_add", factor=factor, shift=offset)


def _min_max(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    checked = builder.check(columns, nan=True)
    return builder.elementwise(checked, "affine", center=fitted.min_, scale=fitted.scale_)


def _power(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    made = builder.check(columns, nan=True)
    if fitted.standardize:
        made = inverse_transform(builder, fitted._scaler, made)
    op = "inverse_box_cox" if fitted.method == "box-cox" else "inverse_yeo_johnson"
    return builder.elementwise(made, op, nan=True, power=np.asarray(fitted.lambdas_, dtype=np.float64))


def _quantile(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    from sklearn.preprocessing._data import BOUNDS_THRESHOLD

    value = builder.step(
        "quantiles_at",
        builder.matrix(builder.check(columns, nan=True)),
        quantiles=fitted.quantiles_,
        references=fitted.references_,
        normal=fitted.output_distribution == "normal",
        margin=float(BOUNDS_THRESHOLD),
    )
    return builder.numbers(value, len(columns), nan=True)


INVERSES: dict[str, Callable[[Builder, Any, Sequence[Column]], tuple[Column, ...]]] = {
    "sklearn.pipeline.Pipeline": _pipeline,
    "sklearn.preprocessing.FunctionTransformer": _function,
    "sklearn.preprocessing.StandardScaler": _standard,
    "sklearn.preprocessing.RobustScaler": _robust,
    "sklearn.preprocessing.MaxAbsScaler": _max_abs,
    "sklearn.preprocessing.MinMaxScaler": _min_max,
    "sklearn.preprocessing.PowerTransformer": _power,
    "sklearn.preprocessing.QuantileTransformer": _quantile,
}
"""Class, without its private modules, to the function that lowers its inverse."""
