"""CSV for scoring: one row for one record, and a bad one harms nobody but itself."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorekit.errors import DataError, FormatError, SchemaError
from scorekit.schema import Feature, Schema
from scorekit.tables import csv_files, open_table
from tests.tables.samples import Read, described, most_memory, quick, score_bytes, small_blocks, source

SCHEMA = Schema(
    features=(
        Feature(name="n", kind="numeric", arrow_type="double", nullable=True),
        Feature(name="c", kind="category", arrow_type="string", nullable=True, levels=("a", "b,c")),
        Feature(name="t", kind="text", arrow_type="string", nullable=True),
    ),
    na_values=("NA",),
)
HEADER = b"n,c,t\n"


read = partial(score_bytes, schema=SCHEMA)
"""What scoring reads of a file with this content."""


def strings(path: Path, data: bytes, **options: Any) -> tuple[tuple[str, ...], list[list[str | None]]]:
    """Names, and every row as the strings that stand in it."""
    path.write_bytes(data)
    with closing(open_table(source(path), columns=None, types={}, **options)) as reader:
        tables = [pa.Table.from_batches([batch.rows]) for batch in reader.batches()]
    rows = [list(row.values()) for table in tables for row in table.to_pylist()]
    return reader.names, rows


# Well-formed ------------------------------------------------------------------------------


@quick
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.text("ab1 '\",;\t|\n\r#é☃", max_size=5), min_size=width, max_size=width), max_size=8
        )
    ),
    delimiter=st.sampled_from(csv_files.DELIMITERS),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
    block=st.integers(1, 60),
)
def test_well_formed_text_is_what_the_csv_module_reads(
    rows: list[list[str]], delimiter: str, quoting: Any, ends: str, last: bool, block: int, tmp_path: Path
) -> None:
    names = [f"column {number}" for number in range(len(rows[0]) if rows else 2)]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerows([names, *rows])
    text = buffer.getvalue()
    if not any(sign in field for row in rows for field in row for sign in "\r\n"):
        text = text.replace("\r\n", ends)
    if not last:
        text = text.removesuffix("\r\n").removesuffix(ends)
    wanted = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, block)
        got = strings(tmp_path / "rows.csv", text.encode(), delimiter=delimiter)
    assert [list(got[0]), *got[1]] == [row for row in wanted if row]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("row", ["1{0}b c{0}x", '1{0}"b, c; d|e"{0}x', '"1,5"{0}b{0}x', '"1"{0}""{0}"a\nb"'])
def test_the_delimiter_is_found_out(delimiter: str, row: str, tmp_path: Path) -> None:
    text = "\n".join(["n{0}c{0}t", *[row] * 3]).format(delimiter)
    names, rows = strings(tmp_path / "rows.csv", text.encode())
    assert names == ("n", "c", "t")
    assert rows == list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]


def test_tabs_alone_delimit_a_tsv_file(tmp_path: Path) -> None:
    lines = b"a,b\n1,2\n3,4\n"
    assert strings(tmp_path / "rows.tsv", lines) == (("a,b",), [["1,2"], ["3,4"]])
    assert strings(tmp_path / "rows.csv", lines) == (("a", "b"), [["1", "2"], ["3", "4"]])
    assert strings(tmp_path / "rows.tsv", b'a,b\tc\n"1\t0,2"\t3,0\n') == (("a,b", "c"), [["1\t0,2", "3,0"]])


def test_decimal_commas_do_not_delimit(tmp_path: Path) -> None:
    assert strings(tmp_path / "rows.csv", b"n;c\n1,5;a\n2,5;b\n")[1] == [["1,5", "a"], ["2,5", "b"]]


@pytest.mark.parametrize(
    ("data", "names", "rows"),
    [
        (b"text\nhello, world\n", ("text",), None),
        (b"text\nhello\nworld\n", ("text",), [["hello"], ["world"]]),
        (b'text\n"a, b"\n"c"\n', ("text",), [["a, b"], ["c"]]),
        (b'text\n""\nx\n\n""\n', ("text",), [[""], ["x"], [""]]),
    ],
)
def test_a_file_of_one_column_is_one(
    data: bytes, names: tuple[str, ...], rows: list[list[str]] | None, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    if rows is not None:
        assert strings(path, data) == (names, rows)
        return
    path.write_bytes(data)
    with closing(open_table(source(path), columns=None, types={})) as reader:
        (batch,) = reader.batches()
    assert reader.names == names
    assert [(bad.line, bad.code) for bad in batch.bad] == [(2, "ragged")]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.GZ"])
@pytest.mark.parametrize(
    "data",
    [
        b"n,c,t\n1,a,x\n2,a,y\n",
        b"\xef\xbb\xbfn,c,t\n1,a,x\n2,a,y\n",
        b"n,c,t\r\n1,a,x\r\n2,a,y\r\n",
        b"n,c,t\r1,a,x\r2,a,y\r",
        b"\n\r\n\nn,c,t\n\n1,a,x\n\n\r\n2,a,y\n\n\n",
        b"n,c,t\n1,a,x\n2,a,y",
        b'"n","c","t"\n"1","a","x"\n"2","a","y"',
        b'"n","c",t\r\n 1 ,"a",x\r\n2.0,a,"y"',
        b"c,t,n\na,x,1\na,y,2\n",
        b"other,n,c,t\n,1,a,x\n?,2,a,y\n",
    ],
)
@pytest.mark.parametrize("block", [1, 10, 1000])
def test_spellings_of_the_same_rows_are_the_same(
    data: bytes, ending: str, block: int, tmp_path: Path
) -> None:
    path = tmp_path / f"rows.{ending}"
    got = read(path, gzip.compress(data) if "gz" in ending.lower() else data, block=block)
    plain = read(tmp_path / "plain.csv", b"n,c,t\n1,a,x\n2,a,y\n")
    assert described(got.columns) == described(plain.columns)
    assert not got.bad


# Bad records ------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A way of writing a record, and what is found wrong with it."""

    text: bytes
    lines: int
    code: str | None


KINDS = (
    Kind(b"1.5,a,x", 1, None),
    Kind(b'2,"b,c","two\nlines"', 2, None),
    Kind(b'-3,a,"quo""te"', 1, None),
    Kind(b'4,5" pipe,6" pipe', 1, None),
    Kind(b",,", 1, None),
    Kind(b"six,a,x", 1, None),
    Kind(b"7,a", 1, "ragged"),
    Kind(b"8,a,x,y", 1, "ragged"),
    Kind(b'9,"a,\nb"', 2, "ragged"),
    Kind(b"   ", 1, "ragged"),
    Kind(b'10,"a"b,x', 1, "wrong_quoting"),
    Kind(b'11,a,"x" ', 1, "wrong_quoting"),
    Kind(b"12,\xff\xfe,x", 1, "not_utf8"),
    Kind(b"13,\xc3,x", 1, "not_utf8"),
    Kind(b"14,a,x\0", 1, "nul_byte"),
    Kind(b"\0", 1, "nul_byte"),
)
GOOD = tuple(kind for kind in KINDS if kind.code is None)


@quick
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    blanks=st.integers(0, 2),
    end=st.sampled_from([b"\n", b"\r\n"]),
    block=st.integers(1, 100),
    chunk_rows=st.integers(1, 20),
    skip=st.integers(0, 12),
)
def test_a_bad_record_is_a_row_of_nulls_and_its_neighbours_are_unharmed(
    kinds: list[Kind], blanks: int, end: bytes, block: int, chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    data, wanted, line = HEADER, [], 2
    for number, kind in enumerate(kinds):
        data += end * blanks + kind.text + end
        line += blanks
        if kind.code:
            wanted.append((number, line, kind.code))
        line += kind.lines
    path = tmp_path / "rows.csv"
    got = read(path, data, block=block, chunk_rows=chunk_rows)
    assert [(bad.row, bad.line, bad.code) for bad in got.bad] == wanted
    instead = [b",," if kind.code else kind.text for kind in kinds]
    good = read(tmp_path / "good.csv", HEADER + b"".join(text + b"\n" for text in instead))
    assert not good.bad
    assert described(got.columns) == described(good.columns)
    rest = read(path, data, block=block, chunk_rows=chunk_rows, skip_rows=skip)
    assert described(rest.columns) == described(got.columns, start=skip)
    assert rest.bad == tuple(bad for bad in got.bad if bad.row >= skip)


def test_what_is_wrong_is_said_without_the_values(tmp_path: Path) -> None:
    got = read(tmp_path / "rows.csv", HEADER + b'secret,x\n1,"secret" ,x\n2,a,"open\n3,a,x\n')
    assert [bad.message for bad in got.bad] == [
        "expected 3 fields, found 2",
        "a quote closes before the end of its field",
        "a quote is never closed",
    ]
    assert len(got.columns) == 4


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_field_of_twenty_megabytes_is_one_row(quote: bytes, tmp_path: Path) -> None:
    long = quote + b"x" * (20 << 20) + quote
    got = read(tmp_path / "rows.csv", HEADER + b"1,a,x\n2,a," + long + b"\n3,a,y\n")
    assert got.columns.numeric[:, 0].tolist()[::2] == [1, 3]
    assert len(got.columns) == 3
    assert not got.bad
    assert len(got.columns.texts[1][1] or "") == 20 << 20


# Not CSV at all ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ": empty file"),
        (b"\xef\xbb\xbf", "no header"),
        (b"\n\r\n\n", ": no header, only blank lines"),
        ("n,c,t\n".encode("utf-16"), ":1: UTF-16 text"),
        ("n,c,t\n".encode("utf-16-le"), ":1: the header holds a NUL byte"),
        (b"n,c,\xfft\n", ":1: the header is not UTF-8"),
        (b'\nn,"c" ,t\n1,2,3\n', ":2: a quote closes before"),
        (b'n,"c,t\n1,2,3\n', ":1: a quote is never closed"),
        (b"PAR1\x15\x04\x15\x10\x15\x14", "this is Parquet"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "this is Arrow"),
        (b"PK\x03\x04\x14\0\x06\0", "a zip archive"),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_a_file_that_is_no_csv_is_refused_with_its_line(
    data: bytes, message: str, block: int, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "rows.csv", data, block=block)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "rows.csv"))


@pytest.mark.parametrize("block", [1, 1000])
def test_lines_are_counted_below_a_header_of_several(block: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\n"a\nb","c\r\nd"\n1,2\n\n3\n')
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, block)
        with closing(open_table(source(path), columns=None, types={})) as reader:
            bad = [bad for batch in reader.batches() for bad in batch.bad]
    assert reader.names == ("a\nb", "c\r\nd")
    assert [(one.row, one.line) for one in bad] == [(1, 7)]


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="column name 'n' stands more than once") as caught:
        read(tmp_path / "rows.csv", b"n,c,n\n1,2,3\n")
    assert caught.value.code == "duplicate_column"


@pytest.mark.parametrize("header", [b"PAR1,PAR2\n3,4\n", b"ARROW1,b\n1,2\n", b"PK,b\n1,2\n"])
def test_a_header_may_begin_like_another_format(header: bytes, tmp_path: Path) -> None:
    assert len(strings(tmp_path / "rows.csv", header)[1]) == 1


@pytest.mark.parametrize("data", [HEADER, b"n,c,t", HEADER + b"\n\n\r\n"])
def test_a_header_alone_is_a_table_of_no_rows(data: bytes, tmp_path: Path) -> None:
    assert strings(tmp_path / "rows.csv", data) == (("n", "c", "t"), [])


def test_compressed_text_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(HEADER + b"".join(b"%d,a,x%d\n" % (n, n * n) for n in range(40)))
    assert len(read(tmp_path / "rows.csv.gz", whole).columns) == 40
    for size in range(len(whole)):
        with pytest.raises(FormatError):
            read(tmp_path / "rows.csv.gz", whole[:size])


def test_compressed_text_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(HEADER + b"".join(b"%d,a,x%d\n" % (n, n * n) for n in range(40)))
    # some bytes of gzip's header say nothing of the content
    for place in range(10, len(whole)):
        with pytest.raises(FormatError):
            read(tmp_path / "rows.csv.gz", whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])


def test_parts_that_were_compressed_one_after_another_are_one_file(tmp_path: Path) -> None:
    data = gzip.compress(HEADER + b"1,a,x\n") + gzip.compress(b"2,a,y\n3,a,z\n")
    assert len(read(tmp_path / "rows.csv.gz", data).columns) == 3


# Types ------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 8, 1000])
@pytest.mark.parametrize(
    "odd", ["word", "1_000", "0x10", "NA", " NA ", "+5", "\u0663", "1e999", "nan", "-0", " 7 ", "1.", "\v1"]
)
def test_an_odd_value_is_read_alike_wherever_it_stands(odd: str, block: int, tmp_path: Path) -> None:
    values = ["1", "0.1", odd, "2", "0.3", odd]
    rows = "".join(f"{value},a,x\n" for value in values)
    got = read(tmp_path / "rows.csv", HEADER + rows.encode(), block=block)
    for number, value in enumerate(values):
        alone = read(tmp_path / "one.csv", HEADER + f"{value},a,x\n".encode())
        assert alone.columns.numeric.tobytes() == got.columns.numeric[number : number + 1].tobytes()
        flawed = [flaw.code for flaw in got.columns.flaws if number in flaw.rows]
        assert flawed == [flaw.code for flaw in alone.columns.flaws]


def test_thousands_of_columns_that_hold_words_are_not_parsed_once_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(2000)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([",".join(names)] + [",".join(["word"] * len(names))] * 3))
    parsed = 0
    plain = csv_files.CsvBlocks.parse

    def counted(*args: Any) -> pa.Table:
        nonlocal parsed
        parsed += 1
        return plain(*args)

    monkeypatch.setattr(csv_files.CsvBlocks, "parse", counted)
    with closing(open_table(source(path), columns=None, types=dict.fromkeys(names, "numeric"))) as reader:
        assert sum(batch.rows.num_rows for batch in reader.batches()) == 3
    assert parsed < 10


def test_a_value_that_looks_like_a_message_of_the_parser_is_a_value(tmp_path: Path) -> None:
    got = read(tmp_path / "rows.csv", HEADER + b"1,a,In CSV column #7: x\n2,In CSV column #999: x\n")
    assert [bad.row for bad in got.bad] == [1]
    assert got.columns.numeric[0, 0] == 1


# Anything ---------------------------------------------------------------------------------

TOKENS = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"a",
    b"1",
    b"2.5",
    b" ",
    b"NA",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b";",
]


@settings(quick, max_examples=150)
@given(
    data=st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join) | st.binary(max_size=60),
    header=st.sampled_from([HEADER, b"", b"n;c;t\n", b"n\n", b'\xef\xbb\xbf"n",c,t\r\n']),
    block=st.integers(1, 40),
    skip=st.integers(0, 4),
)
@example(data=b'1,"\n2,a,x\n', header=HEADER, block=1, skip=0)
@example(data=b"\xff\xff\xff\xff", header=HEADER, block=1, skip=0)
def test_any_bytes_are_rows_or_a_refusal_wherever_a_block_ends(
    data: bytes, header: bytes, block: int, skip: int, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    options = {"delimiter": ","}

    def outcome(**more: Any) -> tuple[str, Read | None]:
        try:
            return "", read(path, header + data, **options, **more)
        except DataError as error:
            return error.message, None

    refused, whole = outcome()
    again, parts = outcome(block=block)
    assert refused == again
    if whole is None or parts is None:
        return
    assert described(parts.columns) == described(whole.columns)
    assert parts.bad == whole.bad
    _, rest = outcome(block=block, skip_rows=skip)
    assert rest is not None
    assert described(rest.columns) == described(whole.columns, start=min(skip, len(whole.columns)))


# Memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "odd"), [("csv", b""), ("csv.gz", b""), ("csv", b'1,"x"y,z\n')])
def test_a_file_of_many_blocks_is_never_in_memory_as_a_whole(
    ending: str, odd: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, 1 << 13)
    path = tmp_path / f"rows.{ending}"
    most = []
    for blocks in (10, 60):
        content = HEADER + (b'1.5,a,"some text"\n' * 250 + odd) * blocks
        path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
        del content
        # threads that other tests have left may need some meanwhile
        most.append(min(most_memory(path, {"n": "numeric"}) for _ in range(3)))
    assert most[1] < 1.5 * most[0]
