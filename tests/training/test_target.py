from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import DataError, SchemaError, ScorekitError, UsageError
from scorekit.training.recipe import Recipe
from scorekit.training.target import Target, read_target


def read(values: Any, kind: pa.DataType | None = None, na: tuple[str, ...] = (), **given: Any) -> Target:
    column = pa.chunked_array([pa.array(values, kind)])
    return read_target(column, Recipe(target="y", **given), frozenset(na))


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes", "no"], "binary", ("no", "yes")),
        ([True, False, True], "binary", (False, True)),
        ([0, 1, 1, 0], "binary", (0, 1)),
        ([0.0, 1.0, 1.0], "binary", (0.0, 1.0)),
        (["b", "a", "c", "a"], "multiclass", ("a", "b", "c")),
        ([3, 1, 2, 1], "multiclass", (1, 2, 3)),
        ([0.5, 1.0, 2.5], "regression", ()),
        (list(range(21)), "regression", ()),
        ([Decimal("1.50"), Decimal("2.25")], "regression", ()),
    ],
)
def test_the_task_follows_the_values(values: Any, task: str, classes: Any) -> None:
    target = read(values)
    assert (target.task, target.classes) == (task, classes)
    assert len(target) == len(values)
    if classes:
        assert target.labels.tolist() == values


def test_a_dictionary_is_read_as_what_it_holds() -> None:
    target = read(pa.array(["x", "y", "x"]).dictionary_encode())
    assert target.classes == ("x", "y")
    assert target.codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "given", "positive"),
    [
        (["no", "yes", "no"], None, "yes"),
        (["no", "yes", "no"], "no", "no"),
        ([0, 1, 1], None, 1),
        ([0, 1, 1], "0", 0),
        ([True, False, False], None, True),
        ([True, False, False], "false", False),
        ([1, 2, 2], 1, 1),
    ],
)
def test_the_positive_class_is_the_last_unless_said_otherwise(values: Any, given: Any, positive: Any) -> None:
    target = read(values, positive=given)
    assert target.positive_label == positive
    assert target.truth().tolist() == [int(value == positive) for value in values]


@pytest.mark.parametrize(
    ("values", "given", "kind", "message"),
    [
        (["a", "a"], {}, DataError, "same value in every row"),
        ([1.5, 1.5], {}, DataError, "same value in every row"),
        (["a", None, "b", None], {}, DataError, r"missing in 2 rows, first in row 2$"),
        (["a", "", "b"], {}, DataError, r"missing in 1 row, first in row 2$"),
        (["a", "b", "?"], {"na": ("?",)}, DataError, r"missing in 1 row, first in row 3$"),
        ([1.0, float("nan"), 2.5], {}, DataError, r"missing in 1 row, first in row 2$"),
        ([None, None], {}, DataError, r"missing in 2 rows, first in row 1$"),
        ([1.0, float("inf"), 2.5], {}, DataError, r"infinite in 1 row, first in row 2"),
        (["a", "b", "a"], {"task": "regression"}, DataError, "is text"),
        ([1.5, 2.5, 1.5], {"task": "classification"}, DataError, "fractions"),
        (["a", "b", "c"], {}, DataError, "class of its own"),
        (["a", "b", "a"], {"positive": "c"}, UsageError, "no class c"),
        (["a", "b", "c", "c"], {"positive": "c"}, UsageError, "is for two classes"),
        ([1.5, 2.5, 3.5], {"positive": 1}, UsageError, "names a class"),
        ([dt.date(2020, 1, 1), dt.date(2021, 1, 1)], {}, SchemaError, "date32"),
        ([[1], [2]], {}, SchemaError, "list"),
    ],
)
def test_bad_targets_are_refused(
    values: Any, given: dict[str, Any], kind: type[ScorekitError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        read(values, **given)
    assert "'y'" in caught.value.message
    assert caught.value.exit_code == (2 if kind is UsageError else 3)


def test_the_task_can_be_chosen() -> None:
    assert read([1, 2, 2], task="regression").task == "regression"
    assert read(list(range(40)) * 2, task="classification").task == "multiclass"
    assert read([1.0, 2.0, 3.0, 1.0], task="classification").classes == (1.0, 2.0, 3.0)


@given(st.lists(st.text(min_size=1), min_size=2).filter(lambda texts: len(set(texts)) < len(texts)))
def test_classes_are_sorted_as_numpy_sorts_them(texts: list[str]) -> None:
    # NumPy's strings drop NULs at their end, which are no labels of anybody
    texts = [text.replace("\0", "0") for text in texts]
    if len(set(texts)) < 2:
        return
    target = read(texts)
    assert list(target.classes) == np.unique(np.array(texts)).tolist()
    assert [target.classes[code] for code in target.codes] == texts
