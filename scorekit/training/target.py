"""What is to be predicted: its task, its classes, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorekit.errors import DataError, SchemaError, UsageError
from scorekit.store.manifest import Label, Task
from scorekit.training.recipe import Recipe

MOST_CODED_CLASSES = 20
"""Whole numbers with at most so many distinct values are classes, unless the task says otherwise."""

_MOST_LISTED = 10


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The target of every row.

    Attributes
    ----------
    name : str
    task : {"binary", "multiclass", "regression"}
    labels : ndarray, shape (n_rows,)
        What the estimator is fitted on: labels as they stand in the data, or float64.
    classes : tuple of label
        Sorted, as scikit-learn sorts them; empty for regression.
    codes : ndarray of int64, shape (n_rows,)
        Number of each row's class; empty for regression.
    positive : int
        Number of the positive class; -1 unless there are two classes.
    why : str
        How the task was chosen.
    """

    name: str
    task: Task
    labels: NDArray[Any]
    classes: tuple[Label, ...] = ()
    codes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    positive: int = -1
    why: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def positive_label(self) -> Label | None:
        """The class whose probability is the score, for two classes."""
        return self.classes[self.positive] if self.positive >= 0 else None

    def truth(self) -> NDArray[Any]:
        """What scores are held against: 0 and 1, class numbers, or values."""
        if self.task == "regression":
            return self.labels
        return (self.codes == self.positive).astype(np.int64) if self.task == "binary" else self.codes


def read_target(column: pa.ChunkedArray, recipe: Recipe, na_values: frozenset[str]) -> Target:
    """Read the target column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    recipe : Recipe
        Its ``task`` and ``positive`` are heeded.
    na_values : frozenset of str
        Strings that mean missing.

    Raises
    ------
    SchemaError
        If the type cannot be a target.
    DataError
        If values are missing, all the same, or not what the task needs.
    UsageError
        If there is no such positive class.
    """
    name = recipe.target
    column = _plain(name, column)
    _refuse_missing(name, column, na_values)
    distinct = _distinct(column)
    if len(distinct) < 2:
        raise DataError(
            f"the target {name!r} has the same value in every row; there is nothing to learn",
            hint="give rows of more than one kind, or another --target",
            code="constant_target",
        )
    if _is_regression(name, column.type, distinct, recipe):
        return _regression(name, column, recipe)
    return _classification(name, column, distinct, recipe)


def in_rows(count: int, first: int) -> str:
    """Where something is, for people, who count rows from 1.

    Examples
    --------
    >>> in_rows(3, 16)
    'in 3 rows, first in row 17'
    """
    return f"in {count:,} {'row' if count == 1 else 'rows'}, first in row {first + 1:,}"


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without dictionary, in a type a target may have."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind):
        return column
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    raise SchemaError(
        f"the target {name!r} is {kind}, which can be neither a class nor a number", code="wrong_type"
    )


def _refuse_missing(name: str, column: pa.ChunkedArray, na_values: frozenset[str]) -> None:
    missing = pc.is_null(column, nan_is_null=True)
    if pa.types.is_string(column.type):
        missing = pc.or_(missing, pc.is_in(pc.fill_null(column, ""), value_set=pa.array(["", *na_values])))
    count = pc.sum(missing).as_py() or 0
    if count:
        first = pc.index(missing, value=True).as_py()
        raise DataError(
            f"the target {name!r} is missing {in_rows(count, first)}",
            hint="leave those rows out of the training data; nothing can be learned from them",
            code="missing_target",
        )


def _distinct(column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = pc.unique(column).to_pylist()
    return sorted(values)


def _is_regression(name: str, kind: pa.DataType, distinct: list[Any], recipe: Recipe) -> bool:
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if recipe.task == "regression":
        if pa.types.is_string(kind):
            raise DataError(
                f"the target {name!r} is text, and regression needs numbers",
                hint="--task classification",
                code="wrong_type",
            )
        return True
    if recipe.task == "classification":
        if pa.types.is_floating(kind) and not all(float(value).is_integer() for value in distinct):
            raise DataError(
                f"the target {name!r} holds fractions, which are no classes",
                hint="--task regression",
                code="wrong_type",
            )
        return False
    if not numeric:
        return False
    if pa.types.is_integer(kind):
        return len(distinct) > MOST_CODED_CLASSES
    return not (len(distinct) == 2 and all(float(value).is_integer() for value in distinct))


def _regression(name: str, column: pa.ChunkedArray, recipe: Recipe) -> Target:
    values = np.array(column.cast(pa.float64()).to_numpy())
    infinite = np.flatnonzero(~np.isfinite(values))
    if len(infinite):
        raise DataError(
            f"the target {name!r} is infinite {in_rows(len(infinite), infinite[0])}",
            code="infinite_target",
        )
    if recipe.positive is not None:
        raise UsageError(
            f"--positive names a class, but {name!r} is a number to be predicted",
            hint="--task classification if it holds classes",
        )
    return Target(name, "regression", values, why=_why(recipe, "its values are numbers"))


def _classification(name: str, column: pa.ChunkedArray, distinct: list[Any], recipe: Recipe) -> Target:
    classes = tuple(distinct)
    codes = np.array(
        pc.index_in(column, value_set=pa.array(distinct, column.type)).to_numpy(), dtype=np.int64
    )
    _refuse_all_rare(name, codes, len(classes))
    labels = np.array(classes)[codes]
    why = _why(recipe, f"it has {len(classes)} distinct values")
    if len(classes) > 2:
        if recipe.positive is not None:
            raise UsageError(f"--positive is for two classes, but {name!r} has {len(classes)}")
        return Target(name, "multiclass", labels, classes, codes, why=why)
    return Target(name, "binary", labels, classes, codes, _positive(classes, recipe), why)


def _refuse_all_rare(name: str, codes: NDArray[np.int64], classes: int) -> None:
    if np.bincount(codes, minlength=classes).max() < 2:
        raise DataError(
            f"every row has a class of its own in the target {name!r}",
            hint="is it an id? Give another --target, or --task regression for numbers",
            code="too_many_classes",
        )


def _positive(classes: tuple[Label, ...], recipe: Recipe) -> int:
    """The class that is asked for, else the last."""
    wanted = recipe.positive
    if wanted is None:
        return len(classes) - 1
    for number, label in enumerate(classes):
        if label == wanted and isinstance(label, bool) == isinstance(wanted, bool):
            return number
    for number, label in enumerate(classes):
        if str(label).lower() == str(wanted).lower():
            return number
    listed = ", ".join(str(label) for label in classes[:_MOST_LISTED])
    raise UsageError(f"the target {recipe.target!r} has no class {wanted}", hint=f"its classes: {listed}")


def _why(recipe: Recipe, reason: str) -> str:
    return "as --task says" if recipe.task != "auto" else reason
