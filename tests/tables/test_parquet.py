"""Parquet: the wanted columns of any file, and a damaged one is refused."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import math
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.engine.columns import Decoder
from scorekit.errors import FormatError, SchemaError
from scorekit.schema import Feature, Schema
from scorekit.tables import CHUNK_ROWS, open_output, open_table
from tests.tables.samples import damaged, mixed_rows, quick, score_input, source

NAMES = [
    "a",
    "a.b",
    "a.b.c",
    " ",
    "",
    'quo"te',
    "new\nline",
    "☃",
    "A",
    "list",
    "element",
    "a b",
    "a,b",
    "`a`",
    ".",
    "a.",
]


def feature(name: str, kind: Any, arrow_type: str = "", levels: tuple[str, ...] = ()) -> Schema:
    return Schema(
        features=(Feature(name=name, kind=kind, arrow_type=arrow_type, nullable=True, levels=levels),)
    )


def decoded(path: Path, array: pa.Array, schema: Schema) -> Any:
    """An array written to Parquet, read and decoded."""
    pq.write_table(pa.table({"x": array}), path)
    columns = score_input(path, schema).columns
    assert not columns.flaws
    return (columns.codes if schema.coded else columns.numeric)[:, 0].tolist()


# Columns ----------------------------------------------------------------------------------


@quick
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True),
    wanted=st.lists(st.sampled_from(NAMES), max_size=8, unique=True),
    coded=st.sets(st.sampled_from(NAMES)),
)
def test_columns_are_found_whatever_they_are_called(
    names: list[str], wanted: list[str], coded: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"
    columns: dict[str, pa.Array] = {name: pa.array([name, None, "x"]) for name in names}
    pq.write_table(pa.table({**columns, "a.struct": pa.array([{"b": "no"}, None, None])}), path)
    with closing(open_table(source(path), columns=wanted, types=dict.fromkeys(coded, "category"))) as reader:
        (batch,) = reader.batches()
    assert reader.names == (*names, "a.struct")
    assert batch.rows.schema.names == [name for name in names if name in wanted]
    for name, array in zip(batch.rows.schema.names, batch.rows.columns, strict=True):
        assert pa.types.is_dictionary(array.type) == (name in coded)
        assert array.to_pylist() == [name, None, "x"]


def test_a_column_beside_an_object_that_has_one_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": pa.array([{"b": 1}, {"b": 2}]), "a.b": ["x", "y"], "c": [1.5, 2.5]}), path)
    for wanted in (["a.b"], ["a"], ["a", "a.b"], ["c", "a.b"]):
        with closing(open_table(source(path), columns=wanted, types={})) as reader:
            (batch,) = reader.batches()
        assert batch.rows.schema.names == sorted(wanted)
        assert [row["a.b"] for row in batch.rows.to_pylist() if "a.b" in row] in ([], ["x", "y"])


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]), path)
    with pytest.raises(SchemaError, match="'x' stands more than once"):
        open_table(source(path), columns=None, types={})


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_whole_numbers_of_every_width_are_read(kind: str, tmp_path: Path) -> None:
    limits = np.iinfo(kind)
    values = [limits.min, 0, None, limits.max]
    got = decoded(tmp_path / "x.parquet", pa.array(values, kind), feature("x", "numeric"))
    assert [None if math.isnan(value) else value for value in got] == [
        None if value is None else float(value) for value in values
    ]


@quick
@given(
    values=st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12),
        min_size=1,
        max_size=8,
    )
)
def test_decimals_are_rounded_to_the_nearest_float_as_their_text_is(
    values: list[decimal.Decimal], tmp_path: Path
) -> None:
    for kind in (pa.decimal128(38, 9), pa.decimal256(60, 9), pa.decimal128(30, 15)):
        got = decoded(tmp_path / "x.parquet", pa.array(values, kind), feature("x", "numeric"))
        assert got == [float(value) for value in values]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary", "large dictionary"])
def test_text_of_every_type_is_read(kind: str, tmp_path: Path) -> None:
    plain = pa.array(["b", None, "a", "ü", "b"])
    array = {
        "dictionary": plain.dictionary_encode(),
        "large dictionary": plain.cast(pa.large_string()).dictionary_encode(),
    }.get(kind)
    if array is None:
        array = plain.cast(kind)
    for wanted in (feature("x", "category", levels=("a", "b", "ü")), feature("x", "text")):
        got = decoded(tmp_path / "x.parquet", array, wanted)
        assert got == ([1, -1, 0, 2, 1] if wanted.features[0].kind == "category" else [-2, -1, -2, -2, -2])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("old", [False, True])
def test_moments_of_every_unit_are_the_same(unit: str, zone: str | None, old: bool, tmp_path: Path) -> None:
    moments = [dt.datetime(1960, 5, 17, 1, 2, 3), None, dt.datetime(2100, 5, 17)]
    array = pa.array(moments, pa.timestamp("s")).cast(pa.timestamp(unit)).cast(pa.timestamp(unit, zone))
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": array}), path, use_deprecated_int96_timestamps=old)
    got = score_input(path, feature("x", "timestamp")).columns.numeric[:, 0]
    epoch = dt.datetime(1970, 1, 1)
    assert [None if math.isnan(value) else value for value in got.tolist()] == [
        None if moment is None else (moment - epoch).total_seconds() * 1e6 for moment in moments
    ]


def test_a_column_of_a_type_that_no_feature_has_is_named(tmp_path: Path) -> None:
    for array in (pa.array([b"a"]), pa.array([[1]]), pa.array([dt.time(1)]), pa.array([{"a": 1}])):
        with pytest.raises(SchemaError, match="column 'x' is"):
            decoded(tmp_path / "x.parquet", array, feature("x", "numeric"))


@quick
@given(groups=st.lists(st.integers(0, 5), max_size=5), chunk_rows=st.integers(1, 7), skip=st.integers(0, 30))
def test_rows_are_numbered_across_row_groups_also_empty_ones(
    groups: list[int], chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    path, row = tmp_path / "x.parquet", 0
    with pq.ParquetWriter(path, pa.schema({"x": pa.int64()})) as writer:
        for rows in groups:
            writer.write_table(pa.table({"x": pa.array(range(row, row + rows), pa.int64())}))
            row += rows
    with closing(open_table(source(path), columns=None, types={}, chunk_rows=chunk_rows)) as reader:
        assert reader.rows == row
        batches = list(reader.batches(skip_rows=skip))
    assert [value for batch in batches for value in batch.rows.column(0).to_pylist()] == list(
        range(skip, row)
    )
    assert all(batch.first_row == batch.rows.column(0)[0].as_py() for batch in batches)
    assert all(0 < batch.rows.num_rows <= chunk_rows for batch in batches)


# Damage -----------------------------------------------------------------------------------


def sample(**options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(mixed_rows(), buffer, row_group_size=25, **options)
    return buffer.getvalue()


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole, path = sample(), tmp_path / "x.parquet"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError):
            list(open_table(source(path), columns=None, types={}).batches())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file, not Parquet"),
        (b"PAR1", "Parquet that is cut off or damaged: its footer cannot be read"),
        (sample()[:-1], "Parquet that is cut off or damaged: its footer cannot be read"),
        (b"a,b\n1,2\n", "not a Parquet file"),
        (b"ARROW1\0\0" + bytes(100), "not a Parquet file"),
    ],
)
def test_what_cannot_be_opened_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(FormatError) as caught:
        open_table(source(tmp_path / "x.parquet"), columns=None, types={})
    assert caught.value.message == f"{tmp_path}/x.parquet: {message}"


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_flipped_bit_is_refused_or_leaves_every_row(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(sample(compression=compression))
    assert damaged(path) == {"60", "refused"}


def test_a_page_that_has_a_checksum_is_held_against_it(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    pq.write_table(pa.table({"n": [1.0, 2.0, 3.0]}), path, **options)
    # neither the least nor the greatest, which stand in the statistics too
    whole, number = path.read_bytes(), struct.pack("<d", 2.0)
    assert whole.count(number) == 1
    path.write_bytes(whole.replace(number, struct.pack("<d", 2.5)))
    with pytest.raises(FormatError, match="damaged in row group 0, after row 0"):
        list(open_table(source(path), columns=["n"], types={}).batches())


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(sample(compression="none", use_dictionary=False).replace(b"\1\0\0\0a", b"\1\0\0\0\xff"))
    for types in ({}, {"c": "category"}):
        with pytest.raises(FormatError, match="column 'c' holds text that is not UTF-8"):
            list(open_table(source(path), columns=["n", "c"], types=types).batches())
    assert list(open_table(source(path), columns=["n"], types={}).batches())


# Memory -----------------------------------------------------------------------------------


def test_a_row_group_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    values = np.random.default_rng(1).random(2_000_000)
    pq.write_table(pa.table({"x": values, "y": values[::-1]}), path, row_group_size=len(values))
    before = pa.total_allocated_bytes()
    with closing(open_table(source(path), columns=None, types={})) as reader:
        most = max(pa.total_allocated_bytes() - before for _ in reader.batches())
    assert most < values.nbytes / 2
    assert reader.rows == len(values) > 20 * CHUNK_ROWS


# Writing ----------------------------------------------------------------------------------


def test_metadata_is_asked_for_at_the_end_and_read_by_anyone(tmp_path: Path) -> None:
    said = {"scorekit.rows": "0"}
    target = str(tmp_path / "out.parquet")
    rows = pa.record_batch({"x": [1, 2]})
    with open_output(target, schema=rows.schema, metadata=lambda: said) as writer:
        writer.write(rows)
        said["scorekit.rows"] = str(writer.rows)
        writer.commit()
    metadata = pq.read_metadata(target).metadata
    assert metadata[b"scorekit.rows"] == b"2"
    assert pq.read_table(target).to_pydict() == {"x": [1, 2]}


def test_small_batches_fill_large_row_groups(tmp_path: Path) -> None:
    target = str(tmp_path / "out.parquet")
    rows = pa.record_batch({"x": list(range(1000))})
    with open_output(target, schema=rows.schema) as writer:
        for _ in range(300):
            writer.write(rows)
        writer.commit()
    found = pq.read_metadata(target)
    assert (found.num_rows, found.num_row_groups) == (300_000, 2)


def test_the_decoder_sees_dictionaries_of_many_row_groups_alike(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    texts = [["b", "a"], ["c", None], ["a", "a"]]
    with pq.ParquetWriter(path, pa.schema({"x": pa.string()})) as writer:
        for part in texts:
            writer.write_table(pa.table({"x": pa.array(part, pa.string())}))
    schema = feature("x", "category", levels=("a", "b", "c"))
    plain = Decoder(schema).rows([{"x": text} for part in texts for text in part])
    assert score_input(path, schema).columns.codes.tolist() == plain.codes.tolist()
