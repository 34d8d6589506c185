"""Both ways of decoding give the same columns, to the bit, and say what is wrong with a row."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scorekit.engine.columns import MANY, Columns, Decoder
from scorekit.engine.flaws import Flaw
from scorekit.errors import SchemaError
from scorekit.schema import MISSING, UNSEEN, Feature, Schema

SCHEMA = Schema(
    features=(
        Feature(name="amount", kind="numeric", arrow_type="double", nullable=True),
        Feature(
            name="job title", kind="category", arrow_type="string", nullable=True, levels=("a", "b", "ü")
        ),
        Feature(name="count", kind="numeric", arrow_type="int64", nullable=True),
        Feature(name="flag", kind="boolean", arrow_type="bool", nullable=True),
        Feature(name="single", kind="numeric", arrow_type="float", nullable=True),
        Feature(name="seen.at", kind="timestamp", arrow_type="timestamp[us]", nullable=True),
    ),
    na_values=("?",),
)

rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.none() | st.floats(),
            "job title": st.none() | st.sampled_from(["a", "b", "ü", "?", "", "new", "b "]),
            "count": st.none() | st.integers(-(2**62), 2**62),
            "flag": st.none() | st.booleans(),
            "single": st.none() | st.floats(width=32),
            "seen.at": st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),
        }
    ),
    max_size=20,
)

TYPES = {
    "amount": pa.float64(),
    "job title": pa.string(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "single": pa.float32(),
    "seen.at": pa.timestamp("us"),
}


def arrow(rows: list[dict[str, Any]], types: dict[str, pa.DataType] = TYPES) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in rows], kind) for name, kind in types.items()], names=list(types)
    )


def assert_same(one: Columns, other: Columns) -> None:
    bits = [np.where(np.isnan(part.numeric), np.nan, part.numeric).tobytes("F") for part in (one, other)]
    assert bits[0] == bits[1]
    assert one.codes.tolist() == other.codes.tolist()
    found = [{(f.code, f.column, *f.rows.tolist()) for f in columns.flaws} for columns in (one, other)]
    assert found[0] == found[1]


@given(rows_strategy)
def test_arrow_and_parsed_rows_decode_to_the_same_columns(rows: list[dict[str, Any]]) -> None:
    decoder = Decoder(SCHEMA)
    assert_same(decoder.batch(arrow(rows)), decoder.rows(rows))


plain_rows = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.floats() | st.integers(-9, 9),
            "job title": st.sampled_from(["a", "b", "?"]),
            "count": st.integers(-(2**54), 2**54),
            "flag": st.booleans(),
            "single": st.floats(),
            "seen.at": st.none(),
        }
    ),
    min_size=1,
    max_size=4,
)
ODD = [None, True, "0.5", "new", [], 2**60, 10**400, math.nan, -math.inf]
changes = st.lists(
    st.tuples(st.integers(0, 2 * MANY - 1), st.sampled_from(list(TYPES)), st.sampled_from(ODD)), max_size=3
)


@given(plain_rows, changes, st.booleans())
def test_many_rows_decode_as_each_alone(
    rows: list[dict[str, Any]], changed: list[tuple[int, str, Any]], lacking: bool
) -> None:
    many = [dict(rows[number % len(rows)]) for number in range(2 * MANY)]
    for number, column, value in changed:
        many[number][column] = value
    if lacking:
        del many[-1]["count"]
    decoder = Decoder(SCHEMA)
    alone = [decoder.rows([row]) for row in many]
    flaws: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(alone):
        for flaw in one.flaws:
            flaws.setdefault((flaw.code, flaw.column), []).append(number)
    expected = Columns(
        np.concatenate([one.numeric for one in alone]),
        np.concatenate([one.codes for one in alone]),
        tuple(Flaw(code, column, np.array(at)) for (code, column), at in flaws.items()),
    )
    assert_same(decoder.rows(many), expected)


@given(rows_strategy)
def test_text_decodes_to_what_was_written(rows: list[dict[str, Any]]) -> None:
    def text(value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return value.isoformat() if isinstance(value, dt.datetime) else json.dumps(value)

    written = [{name: text(value) for name, value in row.items()} for row in rows]
    as_text = arrow(written, dict.fromkeys(TYPES, pa.string()))
    decoder = Decoder(SCHEMA)
    assert_same(decoder.batch(as_text), decoder.rows(rows))
    assert_same(decoder.rows(written), decoder.rows(rows))


@given(rows_strategy, st.integers(0, 5))
def test_slices_and_dictionaries_decode_like_plain_arrays(rows: list[dict[str, Any]], start: int) -> None:
    plain = arrow(rows)
    coded = plain.set_column(1, "job title", plain.column(1).dictionary_encode())
    decoder = Decoder(SCHEMA)
    assert_same(decoder.batch(coded.slice(start)), decoder.rows(rows[start:]))


def test_missing_and_unseen_have_codes_of_their_own() -> None:
    rows = [dict.fromkeys(TYPES) | {"job title": text} for text in ("a", "ü", None, "?", "", "new")]
    columns = Decoder(SCHEMA).rows(rows)
    assert columns.codes[:, 0].tolist() == [0, 2, MISSING, MISSING, MISSING, UNSEEN]
    assert [(flaw.code, flaw.column, flaw.rows.tolist()) for flaw in columns.flaws] == [
        ("unseen", "job title", [5])
    ]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("amount", "12 apples", "not_a_number"),
        ("amount", "1_000", "not_a_number"),
        ("amount", [1], "not_a_number"),
        ("flag", "maybe", "not_a_boolean"),
        ("flag", 2, "not_a_boolean"),
        ("seen.at", "yesterday", "not_a_timestamp"),
        ("seen.at", "2024-13-01", "not_a_timestamp"),
        ("job title", {"a": 1}, "not_text"),
    ],
)
def test_a_bad_value_is_that_rows_matter(column: str, value: Any, code: str) -> None:
    good = {"amount": 1.5, "job title": "a", "count": 3, "flag": True, "single": 0.5, "seen.at": None}
    columns = Decoder(SCHEMA).rows([good, good | {column: value}, good])
    assert [(flaw.code, flaw.column, flaw.rows.tolist()) for flaw in columns.flaws] == [(code, column, [1])]
    alone = Decoder(SCHEMA).rows([good])
    assert np.array_equal(columns.numeric[[0]], alone.numeric, equal_nan=True)
    assert np.array_equal(columns.numeric[[2]], alone.numeric, equal_nan=True)


@given(rows_strategy, st.integers(0, 5))
def test_texts_that_a_model_knows_are_found_in_both_ways_of_reading(
    rows: list[dict[str, Any]], start: int
) -> None:
    known = {"job title": ("new", "b ", "?")}
    decoder, plain = Decoder(SCHEMA, known=known), Decoder(SCHEMA)
    read = [decoder.batch(arrow(rows)), decoder.rows(rows)]
    for columns in read:
        assert_same(columns, plain.rows(rows))  # to all but the model they are unseen
        codes = {"a": 0, "b": 1, "ü": 2, "new": 3, "b ": 4, "?": MISSING, "": MISSING, None: MISSING}
        wanted = [codes[row["job title"]] for row in rows]
        assert columns.all_codes()[:, 0].tolist() == wanted
        assert columns.slice(start, len(rows)).all_codes()[:, 0].tolist() == wanted[start:]
        backwards = np.arange(len(rows))[::-1]
        assert columns.take(backwards).all_codes()[:, 0].tolist() == wanted[::-1]


def test_a_row_that_lacks_a_key_is_flawed_and_its_neighbour_is_not() -> None:
    full = dict.fromkeys(TYPES)
    columns = Decoder(SCHEMA).rows([full, {key: full[key] for key in full if key != "count"}])
    assert [(flaw.code, flaw.column, flaw.rows.tolist()) for flaw in columns.flaws] == [
        ("absent", "count", [1])
    ]


def test_a_missing_column_is_named_with_the_nearest_one_there_is() -> None:
    batch = arrow([]).rename_columns(["Amount", "job title", "count", "flag", "single", "seen.at"])
    with pytest.raises(SchemaError, match="lacks the column 'amount'") as caught:
        Decoder(SCHEMA).batch(batch)
    assert caught.value.hint is not None
    assert "'Amount'" in caught.value.hint


def test_a_column_that_stands_twice_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays(
        [*arrow([]).columns, pa.array([], pa.float64())], names=[*TYPES, "amount"]
    )
    with pytest.raises(SchemaError, match="'amount' stands 2 times"):
        Decoder(SCHEMA).batch(batch)


@pytest.mark.parametrize(
    ("column", "array"),
    [
        ("amount", pa.array([[1.0]])),
        ("amount", pa.array([dt.datetime(2024, 1, 1)])),
        ("seen.at", pa.array([1.0])),
        ("job title", pa.array([["a"]])),
        ("job title", pa.array([b"a"])),
    ],
)
def test_a_type_that_cannot_be_read_is_named(column: str, array: pa.Array) -> None:
    batch = arrow([dict.fromkeys(TYPES)])
    batch = batch.set_column(batch.schema.names.index(column), column, array)
    with pytest.raises(SchemaError, match=f"column {column!r} is "):
        Decoder(SCHEMA).batch(batch)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_and_dates_are_the_same_moment(unit: str) -> None:
    moment = dt.datetime(2023, 5, 17)
    kinds = [pa.timestamp(unit), pa.timestamp(unit, "UTC"), pa.date32(), pa.date64()]
    expected = (moment - dt.datetime(1970, 1, 1)).total_seconds() * 1e6
    for kind in kinds:
        value = moment.replace(tzinfo=dt.UTC) if getattr(kind, "tz", None) else moment
        value = value.date() if pa.types.is_date(kind) else value
        batch = arrow([dict.fromkeys(TYPES)]).set_column(5, "seen.at", pa.array([value], kind))
        assert Decoder(SCHEMA).batch(batch).numeric[0, -1] == expected


def test_integers_of_every_width_and_decimals_widen_without_loss() -> None:
    for kind in [pa.int8(), pa.uint8(), pa.int16(), pa.uint32(), pa.float16(), pa.decimal128(21, 2)]:
        array = pa.array([None, 3], pa.int64()).cast(kind)
        rows = arrow([dict.fromkeys(TYPES)] * 2).set_column(0, "amount", array)
        amount = Decoder(SCHEMA).batch(rows).numeric[:, 0]
        assert math.isnan(amount[0])
        assert amount[1] == 3.0


def test_a_column_trained_as_float32_is_float32_in_every_format() -> None:
    in_text = arrow([dict.fromkeys(TYPES)]).set_column(4, "single", pa.array(["0.1"]))
    decoder = Decoder(SCHEMA)
    tenths = [decoder.batch(in_text), decoder.rows([dict.fromkeys(TYPES) | {"single": 0.1}])]
    assert [columns.numeric[0, 3] for columns in tenths] == [np.float32(0.1)] * 2


@pytest.mark.parametrize("column", ["flag", "job title", "amount"])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (st.integers(-1, 3), pa.int8()),
        (st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e16, 1e-7, math.inf, math.nan]), pa.float64()),
        (st.booleans(), pa.bool_()),
    ],
    ids=["integers", "floats", "truth"],
)
@given(data=st.data())
def test_a_number_means_the_same_in_every_kind_of_column(
    column: str, values: Any, kind: pa.DataType, data: Any
) -> None:
    found = data.draw(st.lists(st.none() | values, max_size=12))
    levels = ("0", "1", "1.0", "1e+16", "1e-07", "a", "inf", "true")
    features = [replace(feature, levels=levels if feature.coded else ()) for feature in SCHEMA.features]
    decoder = Decoder(Schema(features=tuple(features)))
    rows = [dict.fromkeys(TYPES) | {column: value} for value in found]
    assert_same(decoder.batch(arrow(rows, TYPES | {column: kind})), decoder.rows(rows))


@given(st.lists(st.sampled_from(["-999", " -999", "-999.0", "5", "x", "?", None]), max_size=8))
def test_a_number_that_means_missing_does_so_beside_nulls_and_without(texts: list[str | None]) -> None:
    schema = Schema(features=SCHEMA.features, na_values=("-999", "?"))
    rows = [dict.fromkeys(TYPES) | {"amount": text} for text in texts]
    columns = Decoder(schema).batch(arrow(rows, TYPES | {"amount": pa.string()}))
    assert_same(columns, Decoder(schema).rows(rows))
    # typed files have no spelling: were -999.0 a number here, a CSV file and its Parquet twin would differ
    meant = {"5": 5.0}
    expected = [meant.get(text or "", math.nan) for text in texts]
    np.testing.assert_array_equal(columns.numeric[:, 0], expected)


@pytest.mark.parametrize(
    ("column", "values", "kind", "missing"),
    [
        ("amount", [-999.0, -998.5, None, math.inf], pa.float64(), [0, 2]),
        ("amount", [-999, 7, -999], pa.int16(), [0, 2]),
        ("amount", [-999, 7, -999], pa.decimal128(5, 1), [0, 2]),
        ("count", [-999, 7, None], pa.int64(), [0, 2]),
        ("single", [0.1, 0.2, -999.0], pa.float64(), [0, 2]),
        ("single", [0.1, 0.2, -999.0], pa.float32(), [0, 2]),
        ("single", ["0.1", "0.2", "0.10", "-9.99e2"], pa.string(), [0, 2, 3]),
        ("flag", [0, 1, -999], pa.int16(), [2]),
        ("flag", [0.0, -999.0, 1.0], pa.float64(), [1]),
        ("flag", ["no", "-999", "-999.0"], pa.string(), [1, 2]),
        ("seen.at", ["2024-01-01", "-999", "-999.0"], pa.string(), [1, 2]),
    ],
)
def test_a_number_that_means_missing_does_so_in_every_type(
    column: str, values: list[Any], kind: pa.DataType, missing: list[int]
) -> None:
    decoder = Decoder(Schema(features=SCHEMA.features, na_values=("-999", "0.1", "nan", "?")))
    rows = [dict.fromkeys(TYPES) | {column: value} for value in values]
    columns = decoder.batch(arrow(rows, TYPES | {column: kind}))
    assert_same(columns, decoder.rows(rows))
    place = [feature.name for feature in SCHEMA.numeric].index(column)
    assert np.flatnonzero(np.isnan(columns.numeric[:, place])).tolist() == missing
    assert not columns.flaws


def test_a_number_that_means_missing_is_no_moment_and_no_flaw() -> None:
    decoder = Decoder(Schema(features=SCHEMA.features, na_values=("-999", "0")))
    rows = [dict.fromkeys(TYPES) | {"seen.at": value} for value in (-999, -999.0, 5, False)]
    columns = decoder.rows(rows)
    assert [(flaw.code, flaw.rows.tolist()) for flaw in columns.flaws] == [("not_a_timestamp", [2, 3])]


def test_a_truth_value_is_no_number_that_means_missing() -> None:
    decoder = Decoder(Schema(features=SCHEMA.features, na_values=("0",)))
    rows = [dict.fromkeys(TYPES) | {"flag": value} for value in (False, True)]
    for columns in (decoder.rows(rows), decoder.batch(arrow(rows))):
        assert columns.numeric[:, 2].tolist() == [0.0, 1.0]
    assert np.isnan(decoder.rows([dict.fromkeys(TYPES) | {"flag": 0}]).numeric[0, 2])


@pytest.mark.parametrize("value", [2.5, 7, 0.0])
def test_a_number_is_no_moment(value: float) -> None:
    columns = Decoder(SCHEMA).rows([dict.fromkeys(TYPES) | {"seen.at": value}])
    assert [(flaw.code, flaw.column) for flaw in columns.flaws] == [("not_a_timestamp", "seen.at")]


def test_a_missing_value_of_pandas_is_missing_in_every_column() -> None:
    columns = Decoder(SCHEMA).rows([dict.fromkeys(TYPES, math.nan)])
    assert columns.flaws == ()
    assert np.isnan(columns.numeric).all()
    assert (columns.codes == MISSING).all()


def test_a_whole_number_too_large_for_a_float_is_infinite_as_its_text_would_be() -> None:
    rows = [dict.fromkeys(TYPES) | {"amount": value} for value in (10**400, -(10**400), "1" + "0" * 400)]
    assert Decoder(SCHEMA).rows(rows).numeric[:, 0].tolist() == [math.inf, -math.inf, math.inf]
