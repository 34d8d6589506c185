"""Records begin and end where Python's csv module says, wherever a block ends."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorekit.errors import FormatError
from scorekit.tables import csv_records
from scorekit.tables.csv_records import Block, blocks, count_fields, count_lines, records

FIELDS = st.text("ab1 \"',;\n\r|é", max_size=6)
TABLES = st.lists(st.lists(FIELDS, min_size=2, max_size=4), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
ODD_TEXT = st.lists(
    st.sampled_from(
        [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"a", b"b c", b'a"', b"\0", b"\xff", b"\xc3\xa9"]
    ),
    max_size=30,
).map(b"".join)


def written(rows: list[list[str]], end: str, *, quote: bool) -> bytes:
    buffer = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
    # the writer quotes what stands in its own line end
    csv.writer(buffer, lineterminator="\r\n", quoting=quoting).writerows(rows)
    text = buffer.getvalue()
    if not any(sign in field for row in rows for field in row for sign in "\r\n"):
        text = text.replace("\r\n", end)
    return text.encode()


def cut(data: bytes, size: int) -> list[Block]:
    """Blocks of data of which ``size`` bytes are read at a time."""
    file = io.BytesIO(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "BLOCK", size)
        return list(blocks(file.read, b",", lambda message, line: FormatError(f"{line}: {message}")))


def found(parts: list[Block]) -> Iterator[tuple[bytes, int, str | None]]:
    """Every record with its line and what is wrong with it."""
    for part in parts:
        for record in records(part.data, b",", part.line):
            yield part.data[record.start : record.stop], record.line, record.code


@settings(deadline=None)
@given(TABLES, ENDS, st.booleans(), st.integers(1, 50))
def test_records_are_those_of_the_csv_module(rows: list[list[str]], end: str, quote: bool, size: int) -> None:
    data = written(rows, end, quote=quote)
    got = list(found(cut(data, size)))
    assert [code for _, _, code in got] == [None] * len(rows)
    assert [next(csv.reader(io.StringIO(text.decode(), newline=""))) for text, _, _ in got] == rows
    assert [count_fields(text, b",") for text, _, _ in got] == [len(row) for row in rows]


@settings(deadline=None)
@given(ODD_TEXT, st.integers(1, 40))
@example(b'a,"b\nc,d\n', 3)
@example(b'x,5" pipe,6" pipe\n', 4)
@example(b'"a"\r\n"b', 4)
def test_where_a_block_ends_changes_nothing(data: bytes, size: int) -> None:
    whole = cut(data, len(data) + 1)
    parts = cut(data, size)
    assert b"".join(part.data for part in parts) == data
    assert list(found(parts)) == list(found(whole))


@settings(deadline=None)
@given(ODD_TEXT, st.integers(1, 40))
def test_a_block_called_clean_has_no_record_that_is_wrong(data: bytes, size: int) -> None:
    for part in cut(data, size):
        if part.clean:
            assert all(code is None for _, _, code in found([part]))


@given(ODD_TEXT)
def test_every_physical_line_is_in_one_record_or_blank(data: bytes) -> None:
    stop = line = 0
    for record in records(data, b",", 1):
        assert not data[stop : record.start].strip(b"\r\n")
        line += count_lines(data[stop : record.start])
        assert record.line == line + 1
        line += count_lines(data[record.start : record.stop])
        stop = record.stop
    assert not data[stop:].strip(b"\r\n")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b'good,1\nbad,"x"y\ngood,2\n', [2]),
        (b'good,1\n"open,2\ngood,3\ngood,4\n', [2]),
        (b'good,1\ngood,"two\nlines"\n"x" ,1\ngood,4', [4]),
        (b'good,"a""b"\rgood,"a"b"\r', [2]),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_stray_quote_costs_the_line_it_stands_on(text: bytes, lines: list[int], size: int) -> None:
    got = list(found(cut(text, size)))
    assert [line for _, line, code in got if code] == lines
    assert all(record.startswith(b"good") for record, _, code in got if code is None)


def test_a_quote_that_stays_open_is_given_up_before_all_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "OPEN_QUOTE_LIMIT", 100)
    data = b'"open,1\n' + b"good,2\n" * 1000
    parts = cut(data, 10)
    assert max(len(part.data) for part in parts) <= 120
    assert [(line, code) for _, line, code in found(parts) if code] == [(1, "wrong_quoting")]
    assert sum(1 for _ in found(parts)) == 1001


def test_a_file_without_an_end_of_line_is_refused_before_all_is_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_records, "RECORD_LIMIT", 100)
    with pytest.raises(FormatError, match=r"^3: a record longer than"):
        cut(b"a,b\n1,2\n" + b"x" * 1000, 10)


def test_many_stray_quotes_are_cut_alike_everywhere() -> None:
    chance = random.Random(3)
    lines = [b'"' * chance.randint(0, 4) + b"x," + b'"' * chance.randint(0, 3) for _ in range(20_000)]
    data = b"\n".join(lines)
    assert list(found(cut(data, 4096))) == list(found(cut(data, len(data) + 1)))
