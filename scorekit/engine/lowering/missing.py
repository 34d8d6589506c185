"""Transformers of missing values: SimpleImputer and MissingIndicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Coded, Column, NotLowered, Numbers


def simple_imputer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.impute.SimpleImputer``: one statistic a column; empty columns go, indicators come."""
    checked = _checked(builder, fitted, columns, of_objects=fitted._fit_dtype.kind == "O")
    kept = [k for k, fill in enumerate(fitted.statistics_) if fitted.keep_empty_features or not _is_nan(fill)]
    made = _imputed(builder, fitted, [checked[k] for k in kept], [fitted.statistics_[k] for k in kept])
    if fitted.add_indicator:
        made += _indicated(builder, fitted, [checked[k] for k in fitted.indicator_.features_])
    return made


def missing_indicator(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.impute.MissingIndicator``: 1 where a value is missing."""
    checked = _checked(builder, fitted, columns, of_objects=any(isinstance(c, Coded) for c in columns))
    if fitted.features == "missing-only" and fitted.error_on_new:
        indicated = set(fitted.features_.tolist())
        _refuse_missing(builder, fitted, [c for k, c in enumerate(checked) if k not in indicated])
    return _indicated(builder, fitted, [checked[k] for k in fitted.features_])


def _checked(
    builder: Builder, fitted: Any, columns: Sequence[Column], *, of_objects: bool
) -> tuple[Column, ...]:
    """What the input validation lets through: in columns of objects it knows NaN only, not infinity."""
    if fitted.missing_values is None or not isinstance(fitted.missing_values, (str, int, float, np.number)):
        raise NotLowered(fitted, "looks for missing values that are neither NaN, a number nor a string")
    if isinstance(fitted.missing_values, str):
        for column in columns:
            if isinstance(column, Coded):
                builder.know(column, [fitted.missing_values])
    return builder.check(columns, nan=_is_nan(fitted.missing_values), infinite=of_objects)


def _imputed(
    builder: Builder, fitted: Any, columns: Sequence[Column], fills: Sequence[Any]
) -> tuple[Column, ...]:
    made = list(columns)
    places = [k for k, column in enumerate(columns) if isinstance(column, Numbers)]
    if any(isinstance(fills[k], str) for k in places):
        raise NotLowered(fitted, "puts text among numbers")
    for k, column in enumerate(columns):
        if isinstance(column, Coded):
            builder.know(column, [fills[k]] if isinstance(fills[k], str) else [])
            domain = (fills[k] if _is_sought(fitted, thing) else thing for thing in column.domain)
            made[k] = replace(column, domain=tuple(domain))
    sought_nan = _is_nan(fitted.missing_values)
    if sought_nan:
        places = [k for k in places if columns[k].nan]  # type: ignore[union-attr]  # places hold Numbers
    if places and not isinstance(fitted.missing_values, str):
        fill = np.array([fills[k] for k in places], dtype=np.float64)
        imputed = builder.elementwise(
            [columns[k] for k in places],
            "impute",
            nan=bool(np.isnan(fill).any()) if sought_nan else None,
            infinite=None if np.isfinite(fill).all() else True,
            fill=fill,
            missing=None if sought_nan else float(fitted.missing_values),
        )
        for k, column in zip(places, imputed, strict=True):
            made[k] = column
    return tuple(made)


def _indicated(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    sought = fitted.missing_values
    made = [
        replace(column, domain=tuple(float(_is_sought(fitted, thing)) for thing in column.domain))
        if isinstance(column, Coded)
        else column
        for column in columns
    ]
    places = [k for k, column in enumerate(columns) if isinstance(column, Numbers)]
    if places and isinstance(sought, str):
        raise NotLowered(fitted, "looks for a string among numbers")
    if places:
        flags = builder.elementwise(
            [columns[k] for k in places],
            "is_missing",
            nan=False,
            infinite=False,
            missing=None if _is_nan(sought) else float(sought),
        )
        for k, column in zip(places, flags, strict=True):
            made[k] = column
    return tuple(made)


def _refuse_missing(builder: Builder, fitted: Any, columns: Sequence[Column]) -> None:
    """Reject rows with something missing where training had nothing missing."""
    sought = fitted.missing_values
    numbers = [column for column in columns if isinstance(column, Numbers)]
    for column in columns:
        if isinstance(column, Coded):
            lost = [place for place, thing in enumerate(column.domain) if _is_sought(fitted, thing)]
            builder.refuse(column, lost, "missing_not_allowed")
    if _is_nan(sought):
        builder.check(numbers, nan=False, infinite=True)
    elif not isinstance(sought, str):
        builder.check(numbers, nan=True, infinite=True, forbidden=float(sought))


def _is_sought(fitted: Any, thing: Any) -> bool:
    """Whether scikit-learn takes an object for missing."""
    return _is_nan(thing) if _is_nan(fitted.missing_values) else bool(thing == fitted.missing_values)


def _is_nan(thing: Any) -> bool:
    return isinstance(thing, (float, np.floating)) and bool(np.isnan(thing))
