"""Encoders of categories: tabulated by scikit-learn itself, over every object a column can hold."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Coded, Column, NotLowered, Numbers, same_source

Objects = list[NDArray[Any]]
"""One array a column, all of the same length."""


def one_hot_encoder(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.OneHotEncoder``: at most one output of a column is 1."""
    coded = _as_codes(builder, fitted, columns)
    plain = copy.copy(fitted)
    # ten thousand levels make a sparse table of ten thousand entries, a dense one of 800 MB
    plain.sparse_output = True
    plain._sklearn_output_config = {"transform": "default"}
    ones = _tabulate(builder, fitted, coded, plain.transform).tocsc()
    counts = list(fitted._n_features_outs)
    positions = []
    for column, end, count in zip(coded, np.cumsum(counts), counts, strict=True):
        hot = np.full(len(column.domain), -1, dtype=np.int64)
        mine = ones[: len(hot), end - count : end].tocoo()
        lit = mine.data != 0
        hot[mine.row[lit]] = mine.col[lit]
        positions.append(hot)
    return hot_columns(builder, coded, positions, counts)


def ordinal_encoder(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.OrdinalEncoder``: each object becomes a number."""
    coded = _as_codes(builder, fitted, columns)
    return _renumbered(coded, _numbers(_tabulate(builder, fitted, coded, fitted.transform)))


def target_encoder(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.preprocessing.TargetEncoder``: each object becomes a mean of the target, or one a class."""
    coded = _as_codes(builder, fitted, columns)
    means = _numbers(_tabulate(builder, fitted, coded, fitted.transform))
    classes = means.shape[1] // len(coded)
    if classes == 1:
        return _renumbered(coded, means)
    outputs = {
        id(column): means[: len(column.domain), number * classes : (number + 1) * classes]
        for number, column in enumerate(coded)
    }
    made: list[Column] = []
    for run in same_source(coded):
        value = builder.tables(run, [outputs[id(column)] for column in run])
        made += builder.numbers(value, classes * len(run), infinite=False)
    return tuple(made)


def hot_columns(
    builder: Builder,
    columns: Sequence[Coded],
    positions: Sequence[NDArray[np.int64]],
    counts: Sequence[int],
) -> tuple[Column, ...]:
    """One output for each level of each column.

    Parameters
    ----------
    columns : sequence of Coded
    positions : sequence of ndarray, each of shape (size of the domain,)
        Which of its column's outputs is 1 for each object, -1 for none.
    counts : sequence of int
        Number of outputs of each column.
    """
    made: list[Column] = []
    place = {id(column): number for number, column in enumerate(columns)}
    for run in same_source(columns):
        numbers = [place[id(column)] for column in run]
        begins = np.cumsum([0, *(counts[number] for number in numbers)])
        width = int(begins[-1])
        if width == 0:
            continue
        hot = [
            np.where(positions[number] < 0, width, positions[number] + begin).astype(np.int64)
            for number, begin in zip(numbers, begins, strict=False)
        ]
        value = builder.one_hot(run, hot, width)
        made += builder.numbers(value, width, infinite=False)
    return tuple(made)


def _renumbered(columns: Sequence[Coded], numbers: NDArray[np.float64]) -> tuple[Column, ...]:
    """The same codes, standing for numbers now."""
    return tuple(
        replace(column, domain=tuple(numbers[: len(column.domain), number].tolist()))
        for number, column in enumerate(columns)
    )


def _numbers(answer: Any) -> NDArray[np.float64]:
    return np.asarray(answer, dtype=np.float64)


# What goes in -----------------------------------------------------------------------


def _as_codes(builder: Builder, fitted: Any, columns: Sequence[Column]) -> list[Coded]:
    """The encoder's input as codes; numbers are looked up among its categories."""
    if np.dtype(getattr(fitted, "dtype", np.float64)) in (np.float32, np.float16):
        raise NotLowered(fitted, f"gives {np.dtype(fitted.dtype)}")
    made = list(columns)
    for number, (column, categories) in enumerate(zip(columns, fitted.categories_, strict=True)):
        # columns of objects are not searched for infinity
        made[number] = builder.check([column], nan=True, infinite=categories.dtype.kind == "O")[0]
        if isinstance(column, Coded):
            builder.know(column, [category for category in categories if isinstance(category, str)])
    places = [number for number, column in enumerate(made) if isinstance(column, Numbers)]
    if places:
        known = [_known_numbers(fitted, fitted.categories_[number]) for number in places]
        numbers = [column for column in made if isinstance(column, Numbers)]
        for number, column in zip(places, builder.code_numbers(numbers, known), strict=True):
            made[number] = column
    return [column for column in made if isinstance(column, Coded)]


def _known_numbers(fitted: Any, categories: NDArray[Any]) -> NDArray[np.float64]:
    if any(isinstance(category, str) for category in categories):
        raise NotLowered(fitted, "knows text where its column holds numbers")
    numbers = np.array([category for category in categories if category is not None], dtype=np.float64)
    return np.unique(numbers[~np.isnan(numbers)])


# Tabulation -------------------------------------------------------------------------


def _tabulate(
    builder: Builder, fitted: Any, columns: Sequence[Coded], transform: Callable[[Any], Any]
) -> Any:
    """What an encoder makes of every object each column can hold.

    Row ``k`` of the answer is for object ``k`` of each column. Shorter columns are
    filled up with a category the encoder knows; the same stands in for objects it
    raises on, which are refused at scoring.
    """
    harmless = [categories[0] for categories in fitted.categories_]
    longest = max(len(column.domain) for column in columns)
    things = [
        _filled(builder, column, categories, longest)
        for column, categories in zip(columns, fitted.categories_, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return transform(_frame(things))
        except Exception:  # noqa: BLE001 - any error of an encoder means that it refuses a value
            for number, column in enumerate(columns):
                bad = _raising(transform, things, harmless, number, 0, longest)
                builder.refuse(column, bad)
                things[number][bad] = harmless[number]
            return transform(_frame(things))


def _filled(builder: Builder, column: Coded, categories: NDArray[Any], length: int) -> NDArray[Any]:
    """A column's objects, of the type its categories have, filled up to a length."""
    if categories.dtype.kind != "O":
        things: NDArray[Any] = np.full(length, categories[0], dtype=np.float64)
        things[: len(column.domain)] = builder.numbers_of(column)[:, 0]
        return things
    things = np.empty(length, dtype=object)
    things[:] = [*column.domain, *[categories[0]] * (length - len(column.domain))]
    return things


def _frame(things: Objects) -> Any:
    """A data frame, for encoders then look at each column by its own type."""
    import pandas as pd

    return pd.DataFrame(
        {number: pd.Series(column, dtype=column.dtype) for number, column in enumerate(things)}
    )


def _raising(
    transform: Callable[[Any], Any], things: Objects, harmless: list[Any], number: int, start: int, stop: int
) -> list[int]:
    """Positions of one column between two that the transform raises on, by halving."""
    probe = [
        things[number][start:stop] if other == number else _repeated(thing, column.dtype, stop - start)
        for other, (thing, column) in enumerate(zip(harmless, things, strict=True))
    ]
    if not _raises(transform, probe):
        return []
    if stop - start == 1:
        return [start]
    middle = (start + stop) // 2
    return [
        *_raising(transform, things, harmless, number, start, middle),
        *_raising(transform, things, harmless, number, middle, stop),
    ]


def _repeated(thing: Any, dtype: Any, length: int) -> NDArray[Any]:
    array = np.empty(length, dtype=dtype)
    array[:] = thing
    return array


def _raises(transform: Callable[[Any], Any], things: Objects) -> bool:
    try:
        transform(_frame(things))
    except Exception:  # noqa: BLE001 - any error of an encoder means that it refuses a value
        return True
    return False
