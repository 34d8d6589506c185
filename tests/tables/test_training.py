"""Tables for training: types from every row, the same whatever the rows came in and however they were cut."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorekit.errors import DataError, FormatError, SchemaError
from scorekit.tables import DEFAULT_NA_VALUES, csv_files
from scorekit.tables.training import read_tables
from tests.tables.samples import Row, csv_bytes, json_bytes, quick, small_blocks, source, write

NA = DEFAULT_NA_VALUES


def read(*paths: Path, na_values: Sequence[str] = NA, block: int | None = None) -> pa.Table:
    with pytest.MonkeyPatch.context() as patch:
        if block is not None:
            small_blocks(patch, block)
        table = read_tables([source(path) for path in paths], na_values=na_values)
    table.validate(full=True)
    return table


def text(tmp_path: Path, *lines: str, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_text("".join(line + "\n" for line in lines))
    return path


def column(values: Sequence[str], tmp_path: Path, **options: Any) -> pa.ChunkedArray:
    """What becomes of the values of a CSV column; another one keeps an empty one from being a blank line."""
    return read(text(tmp_path, "x,n", *(f"{value},1" for value in values)), **options).column(0)


# However the rows are cut -----------------------------------------------------------------

WORDS = [
    "",
    "NA",
    "null",
    "a",
    "007",
    "1",
    "-5",
    "2.5",
    "1e3",
    "1e400",
    "9007199254740993",
    "12345678901234567890",
]
WORDS += [
    "true",
    "False",
    "0",
    "0x10",
    "2024-01-01",
    "2024-01-01 10:00",
    "2024-01-01T10:00:00.123456789",
    "12:30",
]
WORDS += [
    "2024-01-01T10:00:00Z",
    "2024-01-01T10:00:00+02:00",
    "9999-12-31T00:00:00.5",
    " 7",
    " 2024-01-01 ",
    "a,b",
]
WORDS += ["nan", "inf", "NaN", "é", "1900-01-01T00:00:00.0000005", "1_0", "x\ny"]
FEW = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)
CSV_ROWS = FEW.flatmap(lambda some: st.lists(st.sampled_from(some), min_size=1, max_size=8))


@settings(quick, max_examples=200)
@given(values=CSV_ROWS, cuts=st.sets(st.integers(0, 8), max_size=3), block=st.integers(1, 60))
@example(values=["1", "1", "true"], cuts={2}, block=1000)
@example(values=["NA", "a"], cuts=set(), block=1)
@example(values=["2024-01-01", "2024-01-01 10:00"], cuts={1}, block=1000)
@example(values=["12:30", "12:30"], cuts={1}, block=1000)
def test_csv_in_one_file_or_many_in_one_block_or_many_is_the_same_table(
    values: list[str], cuts: set[int], block: int, tmp_path: Path
) -> None:
    rows = [{"x": value, "n": number} for number, value in enumerate(values)]
    whole = read(write(tmp_path / "whole.csv", rows, {"x": pa.string(), "n": pa.int64()}))
    assert read(tmp_path / "whole.csv", block=block).equals(whole)
    parts = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        path = tmp_path / f"part-{number}.csv"
        path.write_bytes(csv_bytes(rows[start:stop], ["n", "x"] if number else ["x", "n"]))
        parts.append(path)
    assert read(*parts).equals(whole)
    assert read(*parts, block=block).equals(whole)


SCALARS = [None, "", "NA", "a", "007", 1, 0, -5, 2.5, 1e300, 2**53 + 1, 2**64, True, False, "2024-01-01"]
SCALARS += [
    "2024-01-01 10:00",
    "2024-01-01T10:00:00Z",
    "2024-01-01T10:00:00.123456789",
    [],
    [1],
    {"a": 1},
    {"a": "b"},
]
JSON_ROWS = st.lists(st.sampled_from(range(len(SCALARS))), min_size=1, max_size=3, unique=True).flatmap(
    lambda some: st.lists(st.sampled_from([SCALARS[number] for number in some]), min_size=1, max_size=8)
)


@settings(quick, max_examples=200)
@given(values=JSON_ROWS, cuts=st.sets(st.integers(0, 8), max_size=3), block=st.integers(1, 80))
@example(values=["NA", 1], cuts=set(), block=1)
@example(values=[{"a": 1}, {"a": "b"}], cuts={1}, block=1)
@example(values=[True, 1], cuts={1}, block=1)
def test_json_in_one_file_or_many_in_one_block_or_many_is_the_same_table(
    values: list[Any], cuts: set[int], block: int, tmp_path: Path
) -> None:
    rows = [{"x": value, "n": number} for number, value in enumerate(values)]
    whole_path, parts = tmp_path / "whole.jsonl", []
    whole_path.write_bytes(json_bytes(rows))
    whole = read(whole_path)
    assert read(whole_path, block=block).equals(whole)
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(rows)), len(rows)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        path = tmp_path / f"part-{number}.jsonl"
        path.write_bytes(json_bytes(rows[start:stop]))
        parts.append(path)
    assert read(*parts).equals(whole)
    assert read(*parts, block=block).equals(whole)


# Whatever the rows came in ----------------------------------------------------------------

TEXTS = st.text("ab 1\",;\n\r'é☃#", min_size=1, max_size=5).filter(
    lambda text: text.strip() and text.strip("1 ") != ""
)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float64(), st.floats(allow_nan=False)),
    "flag": (pa.bool_(), st.booleans()),
    "word": (pa.string(), TEXTS | st.sampled_from(["007", "1e5", "NA", "2024-01-01"])),
    "day": (pa.date32(), st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))),
    "moment": (pa.timestamp("us"), st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))),
    "zoned": (
        pa.timestamp("us", "UTC"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
    ),
    "nothing": (pa.null(), st.none()),
}
TYPES = {name: kind for name, (kind, _) in KINDS.items()} | {"row": pa.int64()}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, (_, values) in KINDS.items()}),
    min_size=1,
    max_size=6,
)
FIRST: Row = {
    "whole": 1,
    "real": 0.5,
    "flag": True,
    "word": "word",
    "day": dt.date(2024, 1, 1),
    # a column of which every time is midnight is one of dates in CSV
    "moment": dt.datetime(2024, 1, 1, 12),
    "zoned": dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
    "nothing": None,
}


@quick
@given(rows=ROWS, block=st.integers(1, 200))
def test_the_same_rows_are_the_same_table_in_every_format(
    rows: list[Row], block: int, tmp_path: Path
) -> None:
    rows = [row | {"row": number} for number, row in enumerate([FIRST, *rows])]
    tables = {}
    for ending in ("parquet", "arrow", "csv", "jsonl"):
        path = write(tmp_path / f"rows.{ending}", rows, TYPES)
        tables[ending] = read(path, na_values=(), block=block)
    wanted = tables["parquet"]
    assert wanted.schema.types == list(TYPES.values())
    for ending, table in tables.items():
        assert table.schema.equals(wanted.schema), ending
        assert table.equals(wanted), ending
    halves = [
        write(tmp_path / "first.csv", rows[:1], TYPES),
        write(tmp_path / "rest.parquet", rows[1:], TYPES),
    ]
    assert read(*halves).cast(wanted.schema).equals(wanted)


def test_fields_of_tsv_stand_between_tabs(tmp_path: Path) -> None:
    table = read(text(tmp_path, "a,b\tn", "1,5\t2", name="rows.tsv"))
    assert table.to_pydict() == {"a,b": ["1,5"], "n": [2]}


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl.gz"])
def test_compressed_tables_are_read(name: str, tmp_path: Path) -> None:
    content = csv_bytes([{"a": 1}, {"a": 2}], ["a"]) if "csv" in name else json_bytes([{"a": 1}, {"a": 2}])
    (tmp_path / name).write_bytes(gzip.compress(content))
    assert read(tmp_path / name).to_pydict() == {"a": [1, 2]}


# Types from all rows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        (["007", "012"], pa.int64(), [7, 12]),
        (["007", "x"], pa.string(), ["007", "x"]),
        (["007", "", "x", "NA"], pa.string(), ["007", None, "x", "NA"]),
        (["1", "2.5"], pa.float64(), [1.0, 2.5]),
        (["1", "NA", ""], pa.int64(), [1, None, None]),
        (["", "NA"], pa.null(), [None, None]),
        (["9007199254740993"], pa.int64(), [9007199254740993]),
        (["9007199254740993", "0.5"], pa.float64(), [9007199254740992.0, 0.5]),
        (["9223372036854775808"], pa.float64(), [9223372036854775808.0]),
        (["1e400", "-1e400"], pa.float64(), [float("inf"), float("-inf")]),
        (["true", "FALSE", "NA"], pa.bool_(), [True, False, None]),
        (["1", "true"], pa.string(), ["1", "true"]),
        (["0x1F", "0x20"], pa.string(), ["0x1F", "0x20"]),
        (["12", "0X20"], pa.string(), ["12", "0X20"]),
        (["12:30", "12:31"], pa.string(), ["12:30", "12:31"]),
        (["2024-01-01", ""], pa.date32(), [dt.date(2024, 1, 1), None]),
        (
            ["2024-01-01", "2024-01-01 10:00"],
            pa.timestamp("us"),
            [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 10)],
        ),
        (
            ["0001-01-01", "9999-12-31 23:59:59.9"],
            pa.timestamp("us"),
            [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 900_000)],
        ),
        (
            ["1969-12-31 23:59:59.999999999"],
            pa.timestamp("us"),
            [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)],
        ),
        (
            ["2024-01-01T10:00:00+02:00"],
            pa.timestamp("us", "UTC"),
            [dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)],
        ),
        (
            ["2024-01-01T10:00:00Z", "2024-01-01 10:00"],
            pa.string(),
            ["2024-01-01T10:00:00Z", "2024-01-01 10:00"],
        ),
        (["2024-01-01", "soon"], pa.string(), ["2024-01-01", "soon"]),
        (["2024-13-01"], pa.string(), ["2024-13-01"]),
    ],
)
@pytest.mark.parametrize("block", [1, 10_000])
def test_a_column_has_the_type_that_all_of_its_values_have(
    values: list[str], kind: pa.DataType, wanted: list[Any], block: int, tmp_path: Path
) -> None:
    found = column(values, tmp_path, block=block)
    assert (found.type, found.to_pylist()) == (kind, wanted)


def test_a_word_in_the_last_row_of_the_second_file_keeps_the_spelling_of_the_first(tmp_path: Path) -> None:
    one = text(tmp_path, "zip,n", "00501,1", "00544,2", name="a.csv")
    two = text(tmp_path, "n,zip", "3,10001", "4,unknown", name="b.csv")
    assert read(one, two).to_pydict() == {"zip": ["00501", "00544", "10001", "unknown"], "n": [1, 2, 3, 4]}


def test_what_means_missing_is_the_users_to_say(tmp_path: Path) -> None:
    assert column(["1", "?", ""], tmp_path, na_values=["?"]).to_pylist() == [1, None, None]
    assert column(["1", "NA"], tmp_path, na_values=["?"]).to_pylist() == ["1", "NA"]
    assert column(["1", "NA"], tmp_path, na_values=[]).to_pylist() == ["1", "NA"]
    lines = [json.dumps({"x": value}) for value in (1, "?", "")]
    assert read(text(tmp_path, *lines, name="x.jsonl"), na_values=["?"]).to_pydict() == {"x": [1, None, None]}


@pytest.mark.parametrize("block", [1, 10_000])
@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "jsonl"])
def test_a_number_that_means_missing_does_so_in_every_format(ending: str, block: int, tmp_path: Path) -> None:
    types = {"whole": pa.int64(), "real": pa.float64(), "none": pa.int64(), "word": pa.string()}
    rows = [
        {"whole": -999, "real": 1.5, "none": -999, "word": "a"},
        {"whole": 5, "real": -999.0, "none": -999, "word": "-999.0"},
        {"whole": None, "real": 0.1, "none": None, "word": "b"},
    ]
    table = read(write(tmp_path / f"rows.{ending}", rows, types), na_values=["-999", "0.1"], block=block)
    assert table.to_pydict() == {
        "whole": [None, 5, None],
        "real": [1.5, None, None],
        "none": [None] * 3,
        "word": ["a", "-999.0", "b"],
    }


@pytest.mark.parametrize("block", [1, 10_000])
@pytest.mark.parametrize(
    ("known", "kind"), [(True, pa.bool_()), ("2024-01-01", pa.date32()), ("a", pa.string())]
)
def test_a_number_that_means_missing_leaves_a_column_its_type(
    known: Any, kind: pa.DataType, block: int, tmp_path: Path
) -> None:
    lines = [json.dumps({"x": value}) for value in (-999, known, None, -999)]
    as_json = read(text(tmp_path, *lines, name="x.jsonl"), na_values=["-999"], block=block).column(0)
    as_csv = column(["-999", str(known), "", "-999"], tmp_path, na_values=["-999"], block=block)
    assert as_json.type == as_csv.type == kind
    assert as_json.equals(as_csv)


def test_numbers_that_a_format_writes_as_strings_are_strings(tmp_path: Path) -> None:
    assert read(text(tmp_path, '{"x": "1"}', name="x.jsonl")).column("x").to_pylist() == ["1"]


def test_a_key_that_lines_lack_is_null_there(tmp_path: Path) -> None:
    one = text(tmp_path, '{"a": 1}', '{"b": 2.5}', "{}", name="a.jsonl")
    two = text(tmp_path, "{}", "{}", name="b.jsonl")
    three = text(tmp_path, '{"c": "x"}', name="c.jsonl")
    for block in (1, 1000):
        table = read(one, two, three, block=block)
        assert table.to_pydict() == {
            "a": [1, *[None] * 5],
            "b": [None, 2.5, *[None] * 4],
            "c": [*[None] * 5, "x"],
        }


def test_lists_and_objects_are_a_column_that_no_feature_can_be_made_of(tmp_path: Path) -> None:
    lines = ['{"x": [1], "n": 1}', '{"x": {"a": 1}, "n": 2}', '{"x": null, "n": 3}']
    for block in (1, 1000):
        table = read(text(tmp_path, *lines, name="x.jsonl"), block=block)
        assert pa.types.is_nested(table.schema.field("x").type)
        assert table.column("n").to_pylist() == [1, 2, 3]


# Bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "x.csv: empty file"),
        ("x.csv", b"\n\n", "x.csv: no header, only blank lines"),
        ("x.csv", b"a,b\n1,2\n\n3\n", "x.csv:4: expected 2 fields, found 1"),
        ("x.csv", b'a,b\n"1\n2",2\n3,4,5\n', "x.csv:4: expected 2 fields, found 3"),
        ("x.csv", b'a,b\n1,"x"y\n3,4\n', "x.csv:2: a quote closes before the end of its field"),
        ("x.csv", b'a,b\n1,"x\n3,4\n', "x.csv:2: a quote is never closed"),
        ("x.csv", b"a,b\n1,\xff\n3,4\n", "x.csv:2: not UTF-8"),
        ("x.csv", b"a,b\n1,\0\n3,4\n", "x.csv:2: holds a NUL byte"),
        ("x.csv", b"a,b,a\n1,2,3\n", "x.csv: the column name 'a' stands more than once"),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n")[:-3], "x.csv.gz: compressed data that is cut off"),
        ("x.jsonl", b"", "x.jsonl: empty file"),
        ("x.jsonl", b"\n \n", "x.jsonl: holds no records, only blank lines"),
        ("x.jsonl", b'{"a": 1}\n\n[1]\n', "x.jsonl:3: not a JSON object"),
        ("x.jsonl", b'{"a": 1}\nnull\n', "x.jsonl:2: not a JSON object"),
        ("x.jsonl", b'null\n{"a": 1}\n', "x.jsonl:1: not a JSON object"),
        ("x.jsonl", b'{"a": 1}\n{"a": 2\n', "x.jsonl:2: not JSON at character"),
        ("x.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "x.jsonl:2: not UTF-8"),
        ("x.jsonl", b'{"a": 1}\n{"a": Inf}\n', "x.jsonl:2: not JSON"),
        (
            "x.jsonl",
            b'{"a": 1}\n{"a": ' + b"[" * 10**5 + b"]" * 10**5 + b"}\n",
            "x.jsonl:2: nested too deeply",
        ),
        ("x.jsonl", b'[{"a": 1}]\n', "x.jsonl:1: a JSON array, not one object a line"),
        ("x.parquet", b"", "x.parquet: empty file, not Parquet"),
        ("x.arrow", b"", "x.arrow: empty file, not Arrow"),
    ],
)
@pytest.mark.parametrize("block", [1, 1000])
def test_what_cannot_be_read_is_refused_with_the_line(
    name: str, content: bytes, message: str, block: int, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, block=block)
    assert caught.value.message.startswith(f"{tmp_path}/{message}")


@pytest.mark.parametrize("block", [1, 1000])
def test_the_line_is_right_far_into_a_file_of_odd_lines(block: int, tmp_path: Path) -> None:
    lines = ['"x\ny\r\nz",1', "", 'a"b,2', "é,3"] * 20
    path = text(tmp_path, "a,b", *lines, "1", "2,3")
    with pytest.raises(FormatError, match=f":{2 + 6 * 20}: expected 2 fields, found 1"):
        read(path, block=block)


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    alone, more = text(tmp_path, "a,b", name="a.csv"), text(tmp_path, "a,b", "1,x", name="b.csv")
    assert read(alone).shape == (0, 2)
    assert read(alone, more).to_pydict() == {"a": [1], "b": ["x"]}


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_a_column_that_the_second_file_lacks_is_named(ending: str, tmp_path: Path) -> None:
    one = write(tmp_path / f"a.{ending}", [{"a": 1, "b": 2}], {"a": pa.int64(), "b": pa.int64()})
    two = write(tmp_path / f"b.{ending}", [{"a": 1, "c": 2}], {"a": pa.int64(), "c": pa.int64()})
    with pytest.raises(SchemaError) as caught:
        read(one, two)
    assert caught.value.message == f"{two} lacks the column 'b', which {one} has" or (
        caught.value.message == f"{one} lacks the column 'c', which {two} has"
    )
    assert caught.value.code == "missing_column"


# Tables that know their types ---------------------------------------------------------------


def parquet(tmp_path: Path, name: str, array: pa.Array) -> Path:
    pq.write_table(pa.table({"x": array}), tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(
    ("one", "two", "kind"),
    [
        (pa.array([1], pa.int8()), pa.array([2], pa.int64()), pa.int64()),
        (pa.array([1], pa.uint8()), pa.array([-2], pa.int32()), pa.int64()),
        (pa.array([1], pa.uint8()), pa.array([2**64 - 1], pa.uint64()), pa.uint64()),
        (pa.array([2**53 + 1], pa.int64()), pa.array([0.5], pa.float64()), pa.float64()),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([-1], pa.int64()), pa.float64()),
        (pa.array([0.1], pa.float32()), pa.array([0.1], pa.float64()), pa.float64()),
        (pa.array([decimal.Decimal("0.3")], pa.decimal128(5, 1)), pa.array([1.5]), pa.float64()),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.large_string()),
        (pa.array(["a"]), pa.array(["b"]).dictionary_encode(), pa.string()),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode(), None),
        (pa.array([None], pa.null()), pa.array(["b"]).dictionary_encode(), None),
        (pa.array([None], pa.null()), pa.array([1.5]), pa.float64()),
        (
            pa.array([dt.date(2024, 1, 1)]),
            pa.array([dt.datetime(2024, 1, 1, 10)], pa.timestamp("s")),
            pa.timestamp("us"),
        ),
        (pa.array([-1], pa.timestamp("ns")), pa.array([0], pa.timestamp("ms")), pa.timestamp("us")),
        (
            pa.array([0], pa.timestamp("us")),
            pa.array([0], pa.timestamp("ms", "Europe/Berlin")),
            pa.timestamp("us", "UTC"),
        ),
    ],
)
def test_types_that_go_together_are_joined_without_loss(
    one: pa.Array, two: pa.Array, kind: pa.DataType | None, tmp_path: Path
) -> None:
    paths = [parquet(tmp_path, "a.parquet", one), parquet(tmp_path, "b.parquet", two)]
    column = read(*paths).column("x")
    if kind is None:
        assert pa.types.is_dictionary(column.type)
        assert column.to_pylist() == one.to_pylist() + two.to_pylist()
        return
    assert column.type == kind
    backwards = read(*reversed(paths)).column("x")
    assert backwards.to_pylist() == column.to_pylist()[::-1]
    if pa.types.is_floating(kind):
        assert column.to_pylist() == [
            float(array[0].as_py() or 0) if array[0].is_valid else None for array in (one, two)
        ]


def test_a_moment_before_1970_falls_into_the_microsecond_it_is_in(tmp_path: Path) -> None:
    one = parquet(tmp_path, "a.parquet", pa.array([-1], pa.timestamp("ns")))
    two = parquet(tmp_path, "b.parquet", pa.array([0], pa.timestamp("us")))
    assert read(one, two).column("x").cast(pa.int64()).to_pylist() == [-1, 0]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pa.array([1]), pa.array(["a"])),
        (pa.array([1]), pa.array([dt.date(2024, 1, 1)])),
        (pa.array([True]), pa.array([1])),
        (pa.array([b"a"]), pa.array(["a"])),
    ],
)
def test_types_that_do_not_go_together_are_named_with_their_files(
    one: pa.Array, two: pa.Array, tmp_path: Path
) -> None:
    paths = [parquet(tmp_path, "a.parquet", one), parquet(tmp_path, "b.parquet", two)]
    with pytest.raises(SchemaError) as caught:
        read(*paths)
    assert caught.value.message == (f"column 'x' is {one.type} in {paths[0]}, but {two.type} in {paths[1]}")


def test_a_time_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    one = parquet(tmp_path, "a.parquet", pa.array([2**60], pa.timestamp("ms")))
    two = parquet(tmp_path, "b.parquet", pa.array([0], pa.timestamp("us")))
    with pytest.raises(SchemaError, match="column 'x' is timestamp"):
        read(one, two)


def test_text_follows_the_types_of_tables_that_have_some(tmp_path: Path) -> None:
    words = parquet(tmp_path, "a.parquet", pa.array(["x"]))
    numbers = parquet(tmp_path, "b.parquet", pa.array([1.5]))
    spelled = text(tmp_path, "x", "007")
    assert read(words, spelled).to_pydict() == {"x": ["x", "007"]}
    assert read(numbers, spelled).to_pydict() == {"x": [1.5, 7.0]}
    with pytest.raises(SchemaError, match="column 'x' is"):
        read(numbers, text(tmp_path, "x", "word", name="words.csv"))


def test_a_table_of_csv_and_json_together_has_its_dates(tmp_path: Path) -> None:
    one = text(tmp_path, "x,n", "2024-01-01,1")
    two = text(tmp_path, '{"x": "2024-01-02", "n": 2}', name="x.jsonl")
    assert read(one, two).column("x").to_pylist() == [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]


def test_space_around_a_date_is_no_part_of_it_in_any_format(tmp_path: Path) -> None:
    one = text(tmp_path, "x,n", " 2024-01-01 ,1")
    two = text(tmp_path, '{"x": " 2024-01-01 ", "n": 1}', name="x.jsonl")
    assert read(two).equals(read(one))
    assert read(one).column("x").to_pylist() == [dt.date(2024, 1, 1)]


def test_nested_columns_do_not_keep_a_table_from_being_read(tmp_path: Path) -> None:
    one = parquet(tmp_path, "a.parquet", pa.array([[1]]))
    two = parquet(tmp_path, "b.parquet", pa.array([{"a": "x"}]))
    assert read(one).column("x").to_pylist() == [[1]]
    assert pa.types.is_nested(read(one, two).schema.field("x").type)


# Size -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_column_costs_as_much_among_thousands_as_among_hundreds(ending: str, tmp_path: Path) -> None:
    values = [1, 2, 3 if ending == "parquet" else "x"]

    def seconds(columns: int) -> float:
        names = [f"column {number}" for number in range(columns)]
        rows: list[Mapping[str, Any]] = [dict.fromkeys(names, value) for value in values]
        paths = [
            write(tmp_path / f"{number}.{ending}", rows, dict.fromkeys(names, pa.int64()))
            for number in range(2)
        ]
        started = time.process_time()
        table = read(*paths)
        took = time.process_time() - started
        assert table.shape == (6, columns)
        spelled = values if ending == "parquet" else [str(value) for value in values]
        assert table.column(columns - 1).to_pylist() == spelled * 2
        return took

    few = min(seconds(500) for _ in range(3))
    # ten times as many columns; a square would take a hundred times as long
    assert min(seconds(5000) for _ in range(3)) < 35 * few


def test_a_file_is_read_once_more_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    plain = csv_files.CsvBlocks.__init__

    def counted(self: Any, *args: Any, **options: Any) -> None:
        opened.append(args)
        plain(self, *args, **options)

    monkeypatch.setattr(csv_files.CsvBlocks, "__init__", counted)
    path = text(tmp_path, "a,b", *["1,2"] * 20, "x,y")
    read(path)
    assert len(opened) == 1
    read(path, block=10)
    assert len(opened) == 3


# Anything ---------------------------------------------------------------------------------

TOKENS = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"a",
    b"1",
    b"NA",
    b"\0",
    b"\xff",
    b"{",
    b"}",
    b'{"a":',
    b"null",
    b"[",
    b"]",
]
TOKENS += [
    b'{"a":1}\n',
    b":",
    b'"a"',
    b"2024-01-01",
    b"0x1",
    b"true",
    b"1e5",
    b"Inf",
    b" ",
    b"{}\n",
    b"\\ud800",
]


@settings(quick, max_examples=200)
@given(
    data=st.lists(st.sampled_from(TOKENS), max_size=25).map(b"".join) | st.binary(max_size=60),
    name=st.sampled_from(["x.csv", "x.jsonl"]),
    block=st.integers(1, 40),
)
@example(data=b"null\n", name="x.jsonl", block=10)
@example(data=b"{}\n{}\n", name="x.jsonl", block=3)
def test_any_bytes_are_a_table_or_a_refusal_wherever_a_block_ends(
    data: bytes, name: str, block: int, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)

    def outcome(block: int | None) -> pa.Table | str:
        try:
            return read(tmp_path / name, block=block)
        except DataError as error:
            return error.message

    whole, parts = outcome(None), outcome(block)
    if name == "x.csv" and any(sign in data for sign in b";|\t"):
        # the first block says what delimits the fields
        return
    assert isinstance(whole, str) == isinstance(parts, str)
    assert isinstance(whole, str) or whole.equals(parts)
