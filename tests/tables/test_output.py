"""A table is seen when it is complete, and not before; what is read back is what was written."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import math
import resource
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import SchemaError, ScorekitError, UsageError
from scorekit.tables import open_output, open_table
from tests.tables.samples import quick, source

ENDINGS = ["parquet", "arrow", "csv", "tsv", "jsonl", "csv.gz", "tsv.gz", "jsonl.gz"]
ROWS = pa.record_batch({"id": ["a", 'quo"te', None], "score": [0.1, None, 1e-300]})


def write(target: Path, *batches: pa.RecordBatch, **options: Any) -> Path:
    with open_output(str(target), **{"schema": batches[0].schema, **options}) as writer:
        for batch in batches:
            writer.write(batch)
        writer.commit()
    return target


def read(path: Path, **types: str) -> pa.Table:
    with closing(open_table(source(path), columns=None, types=types)) as reader:
        batches = list(reader.batches())
    assert not any(batch.bad for batch in batches)
    return pa.Table.from_batches([batch.rows for batch in batches])


# Published or not -------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_seen_before_the_table_is_complete(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"out.{ending}"
    target.write_bytes(b"the old output")
    with open_output(str(target), schema=ROWS.schema) as writer:
        writer.write(ROWS)
        assert target.read_bytes() == b"the old output"
        assert [path.name for path in tmp_path.glob("[!.]*")] == [target.name]
        writer.commit()
        assert target.read_bytes() != b"the old output"
    assert list(tmp_path.iterdir()) == [target]
    assert writer.rows == 3


class _Stop(Exception):
    """Whatever stops a writer."""


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("batches", [0, 1, 2])
def test_what_is_not_committed_leaves_no_trace(ending: str, batches: int, tmp_path: Path) -> None:
    target = tmp_path / f"out.{ending}"

    def stopped() -> None:
        with open_output(str(target), schema=ROWS.schema) as writer:
            for _ in range(batches):
                writer.write(ROWS)
            raise _Stop

    with pytest.raises(_Stop):
        stopped()
    assert not list(tmp_path.iterdir())
    target.write_bytes(b"the old output")
    with pytest.raises(_Stop):
        stopped()
    assert target.read_bytes() == b"the old output"
    assert list(tmp_path.iterdir()) == [target]


def test_metadata_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    def fail() -> dict[str, str]:
        raise _Stop

    with open_output(str(tmp_path / "out.parquet"), schema=ROWS.schema, metadata=fail) as writer:
        writer.write(ROWS)
        with pytest.raises(_Stop):
            writer.commit()
    assert not list(tmp_path.iterdir())


FULL = textwrap.dedent("""
    import sys
    import numpy as np, pyarrow as pa
    from scorekit.errors import Unreachable
    from scorekit.tables import open_output

    target = sys.argv[1]
    chance = np.random.default_rng(1)
    try:
        with open_output(target, schema=pa.schema({"x": pa.float64()})) as writer:
            for _ in range(200):
                writer.write(pa.record_batch({"x": chance.random(2000)}))
            writer.commit()
    except Unreachable as error:
        print(error.code, error.message)
    """)


def small_files() -> None:
    """A limit on the size of a file stands for a full disk: the write fails in the middle."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_old_output_and_says_so(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"out.{ending}"
    target.write_bytes(b"the old output")
    done = subprocess.run(
        [sys.executable, "-c", FULL, target], capture_output=True, text=True, preexec_fn=small_files
    )
    assert done.stdout == f"no_space {target}: no space left while writing; nothing was published\n"
    assert done.stderr == ""
    assert target.read_bytes() == b"the old output"
    assert list(tmp_path.iterdir()) == [target]


# Standard output and pipes ----------------------------------------------------------------

PIPED = textwrap.dedent("""
    import sys
    import pyarrow as pa
    from scorekit.tables import open_output

    rows = pa.record_batch({"id": ["a", "b"], "score": [0.25, None]})
    with open_output(sys.argv[1], format=sys.argv[2], schema=rows.schema) as writer:
        writer.write(rows)
        writer.commit()
    print("done", file=sys.stderr)
    """)


@pytest.mark.parametrize("format", ["parquet", "arrow", "csv", "jsonl"])
@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_standard_output_gets_the_whole_table(format: str, target: str, into: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{format}"
    command = [sys.executable, "-c", PIPED, target, format]
    if into == "pipe":
        path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    else:
        with path.open("wb") as file:
            subprocess.run(command, check=True, stdout=file)
    assert read(path, score="numeric").to_pydict() == {"id": ["a", "b"], "score": [0.25, None]}
    assert list(tmp_path.iterdir()) == [path]


def test_standard_output_gets_json_lines_unless_told_otherwise(capfdbinary: Any) -> None:
    with open_output("-", schema=ROWS.schema) as writer:
        writer.write(ROWS)
        writer.commit()
    assert capfdbinary.readouterr().out.startswith(b'{"id":"a","score":0.1}\n')


def test_a_named_pipe_sees_the_end(tmp_path: Path) -> None:
    import os
    import threading

    pipe, got = tmp_path / "pipe.csv", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, ROWS)
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert got[0].startswith(b'"id","score"\n"a",0.1\n')


# What cannot be written -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none/out.csv", "there is no folder"),
        ("file/out.csv", "there is no folder"),
        ("folder.csv", "is a folder"),
        ("out.txt", "the ending says no table format"),
        ("out", "the ending says no table format"),
        ("out.parquet.gz", "the ending says no table format"),
        ("x" * 300 + ".csv", None),
    ],
)
def test_a_target_that_cannot_be_is_refused_at_once(target: str, message: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ScorekitError) as caught:
        open_output(f"{tmp_path}/{target}", schema=ROWS.schema)
    if message:
        assert isinstance(caught.value, UsageError)
        assert message in caught.value.message
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("length", [200, 240, 251])
def test_a_name_as_long_as_the_file_system_takes_is_written(length: int, tmp_path: Path) -> None:
    target = tmp_path / ("x" * length + ".csv")
    write(target, ROWS)
    assert list(tmp_path.iterdir()) == [target]


ANYTHING = {
    "null": pa.nulls(2),
    "boolean": pa.array([True, None]),
    "half": pa.array([1.5, None], pa.float16()),
    "single": pa.array([0.1, None], pa.float32()),
    "double": pa.array([float("nan"), float("-inf")]),
    "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
    "large": pa.array(["x", None], pa.large_string()),
    "view": pa.array(["x", None], pa.string_view()),
    "bytes": pa.array([b"\xff", None]),
    "dictionary": pa.array(["x", None]).dictionary_encode(),
    "number dictionary": pa.array([5, None]).dictionary_encode(),
    "date": pa.array([dt.date(2024, 1, 1), None]),
    "zoned": pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")),
    "time": pa.array([1, None], pa.time32("s")),
    "duration": pa.array([1, None], pa.duration("s")),
    "interval": pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    "decimal": pa.array([decimal.Decimal("1.50"), None]),
    "list": pa.array([[1.5, float("nan")], None]),
    "object": pa.array([{"a": dt.datetime(2024, 1, 1), "b": b"\xff"}, None]),
    "map": pa.array([[("a", decimal.Decimal("1.5"))], None], pa.map_(pa.string(), pa.decimal128(2, 1))),
}


@pytest.mark.parametrize("name", ANYTHING)
@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "jsonl"])
@pytest.mark.parametrize("alone", [False, True])
def test_a_column_of_any_type_is_written_or_refused(
    name: str, ending: str, alone: bool, tmp_path: Path
) -> None:
    columns = {"x": ANYTHING[name], **({} if alone else {"y": pa.array(["a", "b"])})}
    target = tmp_path / f"out.{ending}"
    try:
        write(target, pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))
    except UsageError as error:
        assert "cannot hold" in error.message  # noqa: PT017  # either is right
        assert not list(tmp_path.iterdir())
    else:
        with closing(open_table(source(target), columns=["y"], types={})) as reader:
            assert sum(batch.rows.num_rows for batch in reader.batches()) == 2


def test_rows_of_another_type_than_the_first_are_refused_by_their_column(tmp_path: Path) -> None:
    schema = pa.schema({"id": pa.int64(), "c": pa.string()})
    with open_output(str(tmp_path / "out.parquet"), schema=schema) as writer:
        writer.write(
            pa.record_batch({"id": pa.array([1], pa.int8()), "c": pa.array(["a"]).dictionary_encode()})
        )
        with pytest.raises(SchemaError, match="column 'id' is string here, but int64 in the first rows"):
            writer.write(pa.record_batch({"id": ["A17"], "c": ["a"]}))
    assert not list(tmp_path.iterdir())


# Round trips ------------------------------------------------------------------------------

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
) | st.sampled_from(['"', '""', '","', "\r", "\n", "\r\n", ";", "\t", " a ", "#", "null", "NA", "-", "=1"])
NAMES = st.lists(TEXTS, min_size=1, max_size=4, unique=True)


@quick
@given(names=NAMES, data=st.data(), cut=st.integers(0, 6), ending=st.sampled_from(ENDINGS))
def test_text_and_names_are_read_back_as_they_were(
    names: list[str], data: st.DataObject, cut: int, ending: str, tmp_path: Path
) -> None:
    rows = data.draw(st.lists(st.tuples(*[st.none() | TEXTS for _ in names]), min_size=1, max_size=6))
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, names=names)
    target = write(tmp_path / f"out.{ending}", batch.slice(0, cut), batch.slice(cut))
    options: dict[str, Any] = {"delimiter": ","} if "csv" in ending else {}
    with closing(open_table(source(target), columns=names, types={}, **options)) as reader:
        got = [list(row.values()) for part in reader.batches() for row in part.rows.to_pylist()]
    assert reader.names == tuple(names)
    # neither CSV nor TSV has a null
    assert got == [[text or "" if "sv" in ending else text for text in row] for row in rows]


@quick
@given(
    numbers=st.lists(st.none() | st.floats(), min_size=1, max_size=8),
    wholes=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8),
    ending=st.sampled_from(ENDINGS),
)
def test_numbers_are_read_back_to_the_bit(
    numbers: list[float | None], wholes: list[int], ending: str, tmp_path: Path
) -> None:
    rows = min(len(numbers), len(wholes))
    batch = pa.record_batch({"x": pa.array(numbers[:rows], pa.float64()), "n": pa.array(wholes[:rows])})
    got = read(write(tmp_path / f"out.{ending}", batch), x="numeric", n="numeric")
    kept = [math.nan if number is None else number for number in numbers[:rows]]
    if ending.startswith("jsonl"):
        # JSON has neither NaN nor infinity
        kept = [number if math.isfinite(number) else math.nan for number in kept]
    found = got.column("x").cast(pa.float64()).to_pylist()
    assert [repr(math.nan if number is None else number) for number in found] == list(map(repr, kept))
    assert got.column("n").cast(pa.float64(), safe=False).to_pylist() == [float(n) for n in wholes[:rows]]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "jsonl", "jsonl.gz"])
def test_the_same_rows_are_the_same_bytes(ending: str, tmp_path: Path) -> None:
    one = write(tmp_path / f"one.{ending}", ROWS, ROWS).read_bytes()
    assert write(tmp_path / f"two.{ending}", ROWS, ROWS).read_bytes() == one
    if ending.endswith("gz"):
        plain = write(tmp_path / f"plain.{ending.removesuffix('.gz')}", ROWS, ROWS).read_bytes()
        assert gzip.decompress(one) == plain
        # neither the time nor the name is in it
        assert one[3:8] == bytes(5)


def test_fields_of_tsv_stand_between_tabs(tmp_path: Path) -> None:
    rows = pa.record_batch({"a": ["x,y", "tab\there"], "b": [1.5, None]})
    assert write(tmp_path / "out.tsv", rows).read_text() == '"a"\t"b"\n"x,y"\t1.5\n"tab\there"\t\n'
    assert gzip.decompress(write(tmp_path / "out.tsv.gz", rows).read_bytes()).startswith(b'"a"\t"b"\n')
    assert write(tmp_path / "out.txt", rows, format="tsv").read_text().startswith('"a"\t"b"\n')


def test_parts_of_csv_after_the_first_have_no_header(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{number}.csv.gz", ROWS, header=not number) for number in range(2)]
    joined = tmp_path / "joined.csv.gz"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert read(joined).num_rows == 6


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    for ending in ("parquet", "arrow", "csv"):
        target = write(tmp_path / f"out.{ending}", ROWS.slice(0, 0))
        with closing(open_table(source(target), columns=None, types={})) as reader:
            assert reader.names == ("id", "score")
            assert not list(reader.batches())
    assert write(tmp_path / "out.jsonl", ROWS.slice(0, 0)).read_bytes() == b""
    assert pq.read_schema(tmp_path / "out.parquet").names == ["id", "score"]
