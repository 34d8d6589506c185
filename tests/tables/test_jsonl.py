"""JSON lines for scoring: one row for one line, whether it is read the fast way or the exact one."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorekit.engine.columns import Decoder
from scorekit.errors import DataError, FormatError, SchemaError
from scorekit.schema import Feature, Schema
from scorekit.tables import jsonl, open_table
from tests.tables.samples import Read, described, most_memory, quick, score_bytes, small_blocks, source

SCHEMA = Schema(
    features=(
        Feature(name="n", kind="numeric", arrow_type="double", nullable=True),
        Feature(name="b", kind="boolean", arrow_type="bool", nullable=True),
        Feature(
            name="c.c", kind="category", arrow_type="string", nullable=True, levels=("1", "2.5", "a", "true")
        ),
        Feature(name="t", kind="text", arrow_type="string", nullable=True),
        Feature(name="s", kind="timestamp", arrow_type="timestamp[us]", nullable=True),
    ),
    na_values=("NA",),
)
FULL = b'{"n": null, "b": null, "c.c": null, "t": null, "s": null}\n'


read = partial(score_bytes, schema=SCHEMA)
"""What scoring reads of a file with this content."""


# Well-formed ------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["NA", "", "1", "2.5", "a", "true", "2024-01-01", "2024-01-01T10:00:00Z", "1_0", " 7 ", "yes"]
    )
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=2), SCALARS, max_size=2)
OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["n", "b", "c.c", "t", "s", "other"]), VALUES, max_size=6), max_size=8
)


@quick
@given(
    objects=OBJECTS,
    escape=st.booleans(),
    compact=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \r\n \n"]),
    last=st.booleans(),
    block=st.integers(1, 200),
    chunk_rows=st.integers(1, 9),
)
def test_lines_are_read_as_parsed_records_are(
    objects: list[dict[str, Any]],
    escape: bool,
    compact: bool,
    end: str,
    last: bool,
    block: int,
    chunk_rows: int,
    tmp_path: Path,
) -> None:
    # the first line has every key: one that no line has is a missing column
    rows = [json.loads(FULL), *objects]
    marks = (",", ":") if compact else None
    lines = [json.dumps(row, ensure_ascii=escape, separators=marks) for row in rows]
    got = read(
        tmp_path / "rows.jsonl",
        (end.join(lines) + (end if last else "")).encode("utf-8", "surrogatepass"),
        block=block,
        chunk_rows=chunk_rows,
    )
    assert got.most <= chunk_rows
    assert not got.bad
    wanted = Decoder(SCHEMA, keep_texts=True).rows(rows)
    assert described(got.columns)[:3] == described(wanted)[:3]
    assert _flaws(got) == {(f.code, f.column, int(row)) for f in wanted.flaws for row in f.rows}


def _flaws(got: Read) -> set[tuple[str, str, int]]:
    return {(flaw.code, flaw.column, int(row)) for flaw in got.columns.flaws for row in flaw.rows}


@quick
@given(objects=OBJECTS, block=st.integers(1, 200), chunk_rows=st.integers(1, 9), skip=st.integers(0, 9))
def test_lines_can_be_skipped(
    objects: list[dict[str, Any]], block: int, chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    data = FULL + b"".join(json.dumps(row).encode() + b"\n" for row in objects)
    whole = read(tmp_path / "rows.jsonl", data)
    rest = read(tmp_path / "rows.jsonl", data, block=block, chunk_rows=chunk_rows, skip_rows=skip)
    assert described(rest.columns) == described(whole.columns, start=min(skip, len(whole.columns)))


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "json", "jsonl.gz"])
@pytest.mark.parametrize(
    "data",
    [
        b'{"n":1,"b":true,"c.c":"a","t":"x","s":"2024-01-01"}\n{"n":2}\n',
        b'\xef\xbb\xbf{"n":1,"b":true,"c.c":"a","t":"x","s":"2024-01-01"}\n{"n":2}\n',
        b'{"n":1,"b":true,"c.c":"a","t":"x","s":"2024-01-01"}\r\n{"n":2}',
        b'\n \n{"s":"2024-01-01","n":1.0,"b":true,"c.c":"a","t":"x"}\n\r\n\t\n{"n":2e0, "z": []}\n\n',
        b'  { "n" : "1", "b":"true","c.c":"a","t":"x","s":"2024-01-01" }  \n{"n":3,"n":2}\n',
        b'{"n":1,"b":true,"c.c":"\\u0061","t":"\\u0078","s":"2024-01-01T00:00:00Z"}\n{"n":" 2 ","t":null}',
    ],
)
@pytest.mark.parametrize("block", [1, 30, 10_000])
def test_spellings_of_the_same_rows_are_the_same(
    data: bytes, ending: str, block: int, tmp_path: Path
) -> None:
    packed = gzip.compress(data) if ending.endswith("gz") else data
    got = read(tmp_path / f"rows.{ending}", packed, block=block)
    assert not got.bad
    first = {"n": 1, "b": True, "c.c": "a", "t": "x", "s": "2024-01-01"}
    # a null and a key that is not there are not the same
    second = {"n": 2, "t": None} if b"null" in data else {"n": 2}
    wanted = Decoder(SCHEMA, keep_texts=True).rows([first, second])
    assert described(got.columns) == described(wanted)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (b"NaN", math.nan),
        (b"Infinity", math.inf),
        (b"-Infinity", -math.inf),
        (b"1e400", math.inf),
        (b"-1e400", -math.inf),
        (b"1e-400", 0.0),
        (b"-0", -0.0),
        (b"9007199254740993", 9007199254740992.0),
        (b"123456789012345678901234567890", 1.2345678901234568e29),
        (b"0.1000000000000000055511151231257827", 0.1),
        (b'"Infinity"', math.inf),
        (b'"NA"', math.nan),
        (b'""', math.nan),
        (b"true", 1.0),
    ],
)
@pytest.mark.parametrize("block", [1, 10_000])
def test_numbers_are_rounded_once_and_literals_of_python_are_read(
    literal: bytes, value: float, block: int, tmp_path: Path
) -> None:
    data = FULL + b"".join(FULL.replace(b"null", number, 1) for number in (b"1.5", literal, b"0.1"))
    columns = read(tmp_path / "rows.jsonl", data, block=block).columns
    assert not columns.flaws
    got = columns.numeric[1:, 0].tolist()
    assert math.copysign(1, got[1]) == math.copysign(1, value) or math.isnan(value)
    assert (got[1] == value or (math.isnan(got[1]) and math.isnan(value)), got[0], got[2]) == (True, 1.5, 0.1)


# Bad records ------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A line, and what is found wrong with it."""

    text: bytes
    code: str | None


DEEP = b"[" * 201 + b"]" * 201
KINDS = (
    Kind(b'{"n": 1.5, "b": true, "c.c": "a", "t": "x", "s": "2024-01-01"}', None),
    Kind(b'{"n": "2"}', None),
    Kind(b'{"n": [3], "t": {"a": 1}, "c.c": [null]}', None),
    Kind(b'{"n": true, "b": "no", "c.c": 1, "s": 5}', None),
    Kind(b'{"n": "x", "b": 2, "c.c": 2.50}', None),
    Kind(b'{"n": 6, "n": 7, "other": 1, "other": 2}', None),
    Kind(b'{"other": NaN, "n": 8}', None),
    Kind(b'{"t": "\\ud83d\\ude00 Inf", "n": Infinity}', None),
    Kind(b'{"other": ' + b"[" * 150 + b"]" * 150 + b', "n": 9}', None),
    Kind(b'{"other": [' + b"{}," * 300 + b'{}], "n": 10}', None),
    Kind(b"{}", None),
    Kind(b"null", "not_an_object"),
    Kind(b"[1, 2]", "not_an_object"),
    Kind(b'"{}"', "not_an_object"),
    Kind(b"NaN", "not_an_object"),
    Kind(b'{"n": 1', "invalid_json"),
    Kind(b'{"n": 1}}', "invalid_json"),
    Kind(b'{"n": 1}{"n": 2}', "invalid_json"),
    Kind(b'{"n": 1} {"n": 2}', "invalid_json"),
    Kind(b'{"n": 01}', "invalid_json"),
    Kind(b'{"n": +1}', "invalid_json"),
    Kind(b'{"n": 1,}', "invalid_json"),
    Kind(b'{"n": Inf}', "invalid_json"),
    Kind(b'{"other": -Inf}', "invalid_json"),
    Kind(b'{"other": [-NaN]}', "invalid_json"),
    Kind(b"{'n': 1}", "invalid_json"),
    Kind(b'{"t": "a\tb"}', "invalid_json"),
    Kind(b'{"t": "a\0b"}', "invalid_json"),
    Kind(b"\0", "invalid_json"),
    Kind(b'{"other": ' + DEEP + b"}", "invalid_json"),
    Kind(b'{"n": ' + DEEP + b"}", "invalid_json"),
    Kind(b'{"t": "\xff"}', "not_utf8"),
    Kind(b'{"other": "\xc3"}', "not_utf8"),
    Kind(b'{"t": "\\ud83d"}', "not_utf8"),
    Kind(b'{"other": "\\ude00"}', "not_utf8"),
    Kind(b'{"\\ud83d x": 1}', "not_utf8"),
)


@settings(quick, max_examples=150)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=8),
    blanks=st.integers(0, 2),
    end=st.sampled_from([b"\n", b"\r\n"]),
    block=st.integers(1, 400),
    chunk_rows=st.integers(1, 9),
    skip=st.integers(0, 9),
)
def test_a_bad_line_is_a_row_of_nulls_and_its_neighbours_are_unharmed(
    kinds: list[Kind], blanks: int, end: bytes, block: int, chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    data, wanted = FULL, []
    for number, kind in enumerate(kinds, 1):
        data += (end * blanks) + kind.text + end
        if kind.code:
            wanted.append((number, 1 + number + number * blanks, kind.code))
    path = tmp_path / "rows.jsonl"
    got = read(path, data, block=block, chunk_rows=chunk_rows)
    assert [(bad.row, bad.line, bad.code) for bad in got.bad] == wanted
    alone = [FULL.rstrip() if kind.code else kind.text for kind in kinds]
    parts = [read(tmp_path / "one.jsonl", FULL + text) for text in alone]
    assert got.columns.numeric[1:].tobytes() == b"".join(part.columns.numeric[1:].tobytes() for part in parts)
    assert got.columns.codes[1:].tolist() == [
        row for part in parts for row in part.columns.codes[1:].tolist()
    ]
    assert [text[1:] for text in got.columns.texts.values()] == [
        [part.columns.texts[index][1] for part in parts] for index in got.columns.texts
    ]
    assert _flaws(got) == {
        (code, column, number)
        for number, part in enumerate(parts, 1)
        for code, column, row in _flaws(part)
        if row == 1
    }
    rest = read(path, data, block=block, chunk_rows=chunk_rows, skip_rows=skip)
    assert described(rest.columns) == described(got.columns, start=min(skip, len(got.columns)))
    assert rest.bad == tuple(bad for bad in got.bad if bad.row >= skip)


def test_objects_do_not_make_up_for_lines_that_are_none(tmp_path: Path) -> None:
    """As many objects as lines, but not one on each."""
    got = read(tmp_path / "rows.jsonl", FULL + b'{"n": 1}{"n": 2}\n{"n":\n3}\n{"n": 4}\n')
    assert [bad.row for bad in got.bad] == [1, 2, 3]
    assert got.columns.numeric[4, 0] == 4


@pytest.mark.parametrize("block", [1, 10_000])
def test_a_number_among_categories_is_what_python_writes(block: int, tmp_path: Path) -> None:
    lines = [b'{"c.c": 2.50}', b'{"c.c": 25e-1}', b'{"c.c": 1}', b'{"c.c": "2.50"}', b'{"c.c": true}']
    got = read(tmp_path / "rows.jsonl", FULL + b"\n".join(lines), block=block)
    assert got.columns.codes[1:, 0].tolist() == [1, 1, 0, -2, 3]


def test_what_is_wrong_is_said_without_the_values(tmp_path: Path) -> None:
    got = read(
        tmp_path / "rows.jsonl", FULL + b'{"n": secret}\n"secret"\n{"t": "secret\xff"}\n' + KINDS[-5].text
    )
    assert [bad.message for bad in got.bad] == [
        "not JSON at character 7",
        "not a JSON object",
        "not UTF-8",
        "not UTF-8",
    ]


@pytest.mark.parametrize("opening", [b'{"n": ' + b"[" * 200_000, b'{"n":' * 200_000 + b"1"])
def test_nesting_without_end_crashes_nobody(opening: bytes, tmp_path: Path) -> None:
    closing_ = b"]" * 200_000 + b"}" if b"[" in opening else b"}" * 200_000
    path = tmp_path / "rows.jsonl"
    path.write_bytes(opening + closing_ + b'\n{"n": 1, "b": 1, "c.c": 1, "t": 1, "s": "2024-01-01"}\n')
    program = (
        "import sys; from scorekit.tables import find, open_table\n"
        "reader = open_table(find(sys.argv[1:])[0], columns=['n'], types={'n': 'numeric'})\n"
        "print([(b.rows.num_rows, [bad.code for bad in b.bad]) for b in reader.batches()])"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert done.stdout == "[(2, ['invalid_json'])]\n", done.stderr


# What is no file of JSON lines --------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ": empty file"),
        (b"\n \n\r\n", ": holds no records, only blank lines"),
        (b'[{"n": 1},\n{"n": 2}]\n', ":1: a JSON array, not one object a line"),
        (b'\n[\n  {"n": 1}\n]\n', ":1: a JSON array"),
        (b"n,c\n1,2\n", ":1: no line is a JSON object"),
        (b"[1]\n[2]\n", ":1: no line is a JSON object"),
        ('{"n": 1}\n'.encode("utf-16"), ":1: UTF-16 text"),
        (b"PAR1\x15\x04\x15\x10\x15\x14", "this is Parquet"),
    ],
)
def test_a_file_of_something_else_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "rows.jsonl", data)
    assert message in caught.value.message


def test_a_line_without_an_end_is_refused_before_all_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "LINE_LIMIT", 1000)
    with pytest.raises(FormatError, match=r":2: a line longer than"):
        read(tmp_path / "rows.jsonl", FULL + b'{"t": "' + b"x" * 5000, block=100)


@pytest.mark.parametrize("block", [1, 60, 10_000])
def test_a_key_that_only_later_lines_have_is_a_column(block: int, tmp_path: Path) -> None:
    data = b'{"n": 1}\n{"n": 2}\n{"t": "\\"s\\": 5"}\n{"b": true, "c.c": "a", "t": "x", "%s": "2024-01-01"}\n'
    for key in (b"s", b"\\u0073"):
        got = read(tmp_path / "rows.jsonl", data % key, block=block)
        assert got.columns.codes[:, 0].tolist() == [-1, -1, -1, 2]


@pytest.mark.parametrize("block", [1, 10_000])
def test_a_key_that_no_line_has_is_a_missing_column(block: int, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="lacks the column 's'"):
        read(tmp_path / "rows.jsonl", b'{"n": 1, "b": null, "c.c": "s", "t": {"s": 1}}\n', block=block)


def test_columns_that_are_carried_keep_their_type(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = ['{"i": 1, "f": 1.5, "b": true, "d": "2024-01-01", "z": "007", "e": null}'] * 3
    path.write_text("\n".join([*lines, "null", lines[0]]))
    with closing(open_table(source(path), columns=None, types={})) as reader:
        rows = pa.Table.from_batches([batch.rows for batch in reader.batches()])
    kinds = {field.name: str(field.type) for field in rows.schema}
    assert kinds == {"i": "int64", "f": "double", "b": "bool", "d": "string", "z": "string", "e": "string"}
    assert rows.slice(4).to_pylist() == [
        {"i": 1, "f": 1.5, "b": True, "d": "2024-01-01", "z": "007", "e": None}
    ]


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (b'"x"', "a string"),
        (b"1.5", "a number"),
        (b"9" * 5000, "an integer"),
        (b"true", "true or false"),
        (b"[1]", "a list"),
        (b"{}", "an object"),
    ],
)
@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_a_value_of_another_type_in_a_carried_column_costs_its_row(
    later: bytes, found: str, chunk_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, 20)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"i": 1, "n": 1}\n\nnull\n{"i": ' + later + b', "n": 2}\n{"i": 3, "n": 3}\n')
    reader = open_table(source(path), columns=None, types={"n": "numeric"}, chunk_rows=chunk_rows)
    with closing(reader):
        batches = list(reader.batches())
    rows = pa.concat_tables(
        [pa.Table.from_batches([batch.rows]) for batch in batches], promote_options="default"
    )
    assert rows.select(["i", "n"]).to_pydict() == {"i": [1, None, None, 3], "n": [1, None, 2, 3]}
    bad = [bad for batch in batches for bad in batch.bad]
    assert [(bad.row, bad.line, bad.code) for bad in bad] == [(1, 3, "not_an_object"), (2, 4, "other_type")]
    assert bad[1].message == f"column 'i' is {found} here, but int64 in the first lines"


@pytest.mark.parametrize("block", [40, 10_000])
def test_a_carried_column_of_this_and_that_is_the_text_that_stands_there(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, block)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b"".join(b'{"i": %s}\n' % value for value in (b'"x"', b"2.50", b"true", b"07", b"1e3", b"null"))
    )
    with closing(open_table(source(path), columns=None, types={})) as reader:
        batches = list(reader.batches())
    found = [text for batch in batches for text in batch.rows.column("i").to_pylist()]
    assert found == ["x", "2.50", "true", None, "1e3", None]
    assert [bad.code for batch in batches for bad in batch.bad] == ["invalid_json"]


def test_lines_are_not_looked_through_for_what_they_may_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 1}\n')
    monkeypatch.setattr(jsonl, "_has_key", None)
    options: dict[str, Any] = {"columns": ["n", "id"], "types": {"n": "numeric"}}
    with closing(open_table(source(path), **options, optional={"id"})) as reader:
        assert reader.names == ("n",)
    with pytest.raises(TypeError):
        open_table(source(path), **options)


def test_a_nested_column_cannot_be_carried(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"i": [1], "n": 1}\n')
    with pytest.raises(SchemaError, match="'i' holds lists or objects"):
        open_table(source(path), columns=None, types={"n": "numeric"})


# Anything ---------------------------------------------------------------------------------

TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"n"',
    b":",
    b",",
    b"1",
    b"2.5",
    b'"x"',
    b"\n",
    b"\r\n",
    b" ",
    b"null",
    b"NaN",
]
TOKENS += [
    b'{"n":1}',
    b'{"t":"a"}',
    b'{"n":',
    b'"',
    b"\\",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"Inf",
    b"true",
    b"-",
    b"\xc3\xa9",
]


@settings(quick, max_examples=200)
@given(
    data=st.lists(st.sampled_from(TOKENS), max_size=25).map(b"".join) | st.binary(max_size=60),
    start=st.sampled_from([FULL, b"", b"\xef\xbb\xbf"]),
    block=st.integers(1, 60),
)
@example(data=b"null\n", start=b"", block=1)
@example(data=b'{"n":1}\nnull\n{"n":2}', start=b"", block=100)
def test_any_bytes_are_rows_or_a_refusal_wherever_a_block_ends(
    data: bytes, start: bytes, block: int, tmp_path: Path
) -> None:
    def outcome(**more: Any) -> tuple[str, Read | None]:
        try:
            return "", read(tmp_path / "rows.jsonl", start + data, **more)
        except DataError as error:
            return error.message, None

    refused, whole = outcome()
    again, parts = outcome(block=block)
    if whole is None or parts is None:
        # the first block alone says whether this is JSON lines
        assert refused == again or not start.startswith(FULL)
        return
    assert described(parts.columns) == described(whole.columns)
    assert parts.bad == whole.bad
    lines = [line for line in (start + data).removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert len(whole.columns) == len(lines)
    assert [bad.row for bad in whole.bad] == [row for row, line in enumerate(lines) if not _is_object(line)]


def _is_object(line: bytes) -> bool:
    try:
        value = json.loads(line.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return isinstance(value, dict)


# Memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [b"", b"null\n"])
def test_a_file_of_many_blocks_is_never_in_memory_as_a_whole(
    odd: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, 1 << 14)
    path = tmp_path / "rows.jsonl"
    most = []
    for blocks in (10, 60):
        path.write_bytes((b'{"n": 1.5, "t": "some text"}\n' * 500 + odd) * blocks)
        most.append(most_memory(path, {"n": "numeric"}))
    assert most[1] < 1.5 * most[0]
