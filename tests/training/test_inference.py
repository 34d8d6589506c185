from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorekit.engine.columns import Decoder
from scorekit.errors import SchemaError
from scorekit.training.inference import Inferred, infer, with_ranges


def inferred(columns: dict[str, Any], *, na: tuple[str, ...] = (), keep_text: bool = False) -> Inferred:
    table = pa.table(columns)
    return infer(table, table.column_names, na, keep_text=keep_text)


@pytest.mark.parametrize(
    ("array", "kind", "arrow_type"),
    [
        (pa.array([1, None, 3]), "numeric", "int64"),
        (pa.array([1, 2], pa.uint8()), "numeric", "uint8"),
        (pa.array([0.5, None], pa.float32()), "numeric", "float"),
        (pa.array([0.5, None]), "numeric", "double"),
        (pa.array([Decimal("1.25")]), "numeric", "decimal128(3, 2)"),
        (pa.array([True, None]), "boolean", "bool"),
        (pa.array([dt.date(2020, 1, 1)]), "timestamp", "date32[day]"),
        (pa.array([dt.datetime(2020, 1, 1)]), "timestamp", "timestamp[us]"),
        (pa.array(["b", "a", None]), "category", "string"),
        (pa.array(["b", "a", None], pa.large_string()), "category", "large_string"),
        (
            pa.array(["b", "a"]).dictionary_encode(),
            "category",
            "dictionary<values=string, indices=int32, ordered=0>",
        ),
    ],
)
def test_a_kind_for_every_type(array: pa.Array, kind: str, arrow_type: str) -> None:
    feature = inferred({"x": array}).schema.features[0]
    assert (feature.kind, feature.arrow_type) == (kind, arrow_type)


def test_missing_texts_are_no_levels() -> None:
    schema = inferred({"x": ["b", "?", "", "a", None, "b"]}, na=("?",)).schema
    assert schema.features[0].levels == ("a", "b")


def test_levels_of_a_dictionary_are_those_that_stand_in_rows() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 2, 0], pa.int32()), ["b", "never", "a"])
    feature = inferred({"x": array}).schema.features[0]
    assert feature.levels == ("a", "b")
    assert feature.dictionary


@pytest.mark.parametrize(
    "array",
    [
        pa.array([None, None], pa.float64()),
        pa.array([float("nan"), None]),
        pa.array([None, None], pa.string()),
        pa.array(["", "?"]),
        pa.nulls(2),
        pa.array([None, None], pa.timestamp("s")),
    ],
)
def test_a_column_without_a_value_is_left_out_and_said(array: pa.Array) -> None:
    found = inferred({"empty": array, "x": [1, 2]}, na=("?",))
    assert found.left_out == ("empty",)
    assert found.schema.names == ("x",)
    assert found.notes == ("column 'empty' is left out: every value is missing",)


def test_ids_and_free_text_are_left_out_unless_the_pipeline_is_the_users() -> None:
    rows = 3000
    columns = {
        "id": [f"c-{k}" for k in range(rows)],
        "said": [f"words {k // 2 if k < 4 else k}" for k in range(rows)],
        "city": [f"city {k % 900}" for k in range(rows)],
    }
    found = inferred(columns)
    assert found.left_out == ("id", "said")
    assert "like an id" in found.notes[0]
    assert "free text" in found.notes[1]
    kept = inferred(columns, keep_text=True)
    assert [feature.kind for feature in kept.schema.features] == ["text", "text", "category"]


def test_numbers_with_a_word_among_them_are_pointed_out() -> None:
    values = [str(k % 40) for k in range(100)]
    values[17] = "unknown"
    found = inferred({"x": values})
    assert found.schema.features[0].kind == "category"
    assert "1 of its 41 distinct values are no numbers, first in row 18" in found.notes[0]
    assert "--na-values" in found.notes[0]
    assert "unknown" not in found.notes[0]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            [f"{day:02}/06/2025" for day in range(1, 31)],
            "dates, which are read only if written like 2026-06-30",
        ),
        ([f"2025.6.{day} 08:30" for day in range(1, 31)], "dates"),
        ([f"{number},5" for number in range(30)], "numbers, which are read only if written like 1234.5"),
        ([f"€ 1.{number:03},50" for number in range(30)], "numbers"),
        ([f"1 {number:03},5" for number in range(30)], "numbers"),
        ([f"{number} %" for number in range(30)], "numbers"),
    ],
)
def test_dates_and_numbers_in_another_notation_are_told_of(texts: list[str], said: str) -> None:
    found = inferred({"x": texts * 2})
    (note,) = found.notes
    assert note.startswith(f"column 'x' is read as categories: its values look like {said}")


@pytest.mark.parametrize(
    "texts",
    [
        ["18-25", "26-40", "41-60"],
        ["10.0.0.1", "10.0.0.2"],
        ["1.2.3", "1.2.4", "2.0.0"],
        ["123-45-6789", "987-65-4321"],
        ["110 001", "110 002"],
        ["192.168.1.2", "10.20.30.40"],
        ["A1", "B2", "1,5"],
        ["01234", "56789"],
        ["12:30", "13:45"],
    ],
)
def test_what_is_neither_a_date_nor_a_number_is_not_told_of(texts: list[str]) -> None:
    assert inferred({"x": texts * 9}).notes == ()


@pytest.mark.parametrize(
    "array",
    [
        pa.array([b"x"]),
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pa.array([dt.time(1)]),
        pa.array([dt.timedelta(1)]),
    ],
)
def test_types_without_a_feature_are_named_with_the_way_out(array: pa.Array) -> None:
    with pytest.raises(SchemaError, match=r"column 'odd one' \(") as caught:
        inferred({"odd one": array, "x": [1]})
    assert caught.value.hint == "--drop 'odd one'"


def test_ranges_and_missing_values_are_those_of_every_row() -> None:
    table = pa.table({"x": [1.0, float("inf"), None, -3.0], "c": ["a", "b", "a", "a"], "b": [True] * 4})
    schema = infer(table, table.column_names, (), keep_text=False).schema
    columns = Decoder(schema).batch(table.to_batches()[0])
    x, c, b = with_ranges(schema, columns).features
    assert (x.minimum, x.maximum, x.nullable) == (-3.0, 1.0, True)
    assert (c.minimum, c.nullable) == (None, False)
    assert (b.minimum, b.maximum, b.nullable) == (1.0, 1.0, False)


def test_many_columns_take_no_time_of_note() -> None:
    table = pa.table({f"x{k}": np.arange(3.0) for k in range(5000)})
    assert len(infer(table, table.column_names, (), keep_text=False).schema) == 5000
