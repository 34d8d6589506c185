"""What a file is, by its name and by its first bytes."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.errors import UsageError
from scorekit.tables import FORMATS, format_of
from scorekit.tables.formats import binary_format, format_named, require_format


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.parquet", "parquet"),
        ("a.PQ", "parquet"),
        ("a.csv", "csv"),
        ("a.CSV.GZ", "csv"),
        ("a.b/c.tsv.gz", "tsv"),
        ("a.jsonl", "jsonl"),
        ("a.json", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.feather", "arrow"),
        ("s3://b/a.arrow", "arrow"),
        ("a.parquet.gz", None),
        ("a.csv.zip", None),
        ("csv", None),
        ("a.csv/part-0", None),
        ("", None),
    ],
)
def test_the_ending_says_the_format(name: str, format: str | None) -> None:
    found = format_of(name)
    assert (found.name if found else None) == format


def test_every_format_has_a_name_and_endings_of_its_own() -> None:
    endings = [ending for entry in FORMATS.values() for ending in entry.endings]
    assert len(set(endings)) == len(endings)
    for name, entry in FORMATS.items():
        assert format_named(name.upper()) is entry
        assert [format_named(ending.lstrip(".")) for ending in entry.endings] == [entry] * len(entry.endings)
        assert [format_named(ending) for ending in entry.endings] == [entry] * len(entry.endings)


@pytest.mark.parametrize("name", ["xml", "", "xlsx", "csv2"])
def test_a_format_nobody_knows_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=f"no table format is called '{name}'") as caught:
        format_named(name)
    assert caught.value.hint == "formats are parquet, csv, tsv, jsonl, arrow"


def test_the_format_that_was_asked_for_goes_before_the_ending() -> None:
    assert require_format("a.parquet", "csv").name == "csv"
    assert require_format("a.parquet", None).name == "parquet"
    with pytest.raises(UsageError, match=r"a\.txt: the ending says no table format"):
        require_format("a.txt", None)


def test_real_files_are_told_by_their_first_bytes() -> None:
    rows = pa.table({"x": [1]})
    kinds = {}
    for name, write in {
        "parquet": lambda file: pq.write_table(rows, file),
        "parquet without rows": lambda file: pq.write_table(rows.slice(0, 0), file),
        "arrow": lambda file: pa.ipc.new_file(file, rows.schema).close(),
        "arrow stream": lambda file: pa.ipc.new_stream(file, rows.schema).close(),
    }.items():
        file = io.BytesIO()
        write(file)
        kinds[name] = binary_format(file.getvalue()[:8])
    assert kinds == {
        "parquet": "parquet",
        "parquet without rows": "parquet",
        "arrow": "arrow",
        "arrow stream": "arrow stream",
    }


@pytest.mark.parametrize(
    "start", [b"", b"a", b"PAR", b"PAR1,PAR2", b"PAR1\nx", b"ARROW1,a", b"PK,b", b"\xef\xbb\xbfa,b"]
)
def test_text_is_no_binary_format(start: bytes) -> None:
    assert binary_format(start[:8]) is None
