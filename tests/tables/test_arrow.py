"""Arrow: files and streams, told apart by their bytes; a damaged one is refused."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import FormatError, SchemaError
from scorekit.tables import arrow, open_output, open_table
from scorekit.tables.mapped import Mapped
from tests.tables.samples import damaged, mixed_rows, quick, source


def written(rows: pa.Table, *, stream: bool, most: int = 25, **options: Any) -> bytes:
    buffer = io.BytesIO()
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(buffer, rows.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(rows, max_chunksize=most)
    return buffer.getvalue()


def read(path: Path, content: bytes, **options: Any) -> list[Any]:
    path.write_bytes(content)
    with closing(open_table(source(path), **{"columns": None, "types": {}, **options})) as reader:
        return list(reader.batches())


@pytest.mark.parametrize("ending", ["arrow", "feather", "ipc", "arrows"])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
def test_files_and_streams_are_read_whatever_their_ending(
    stream: bool, compression: str | None, ending: str, tmp_path: Path
) -> None:
    content = written(mixed_rows(), stream=stream, compression=compression)
    batches = read(tmp_path / f"x.{ending}", content)
    assert pa.Table.from_batches([batch.rows for batch in batches]).equals(mixed_rows())


@quick
@given(
    stream=st.booleans(),
    sizes=st.lists(st.integers(0, 5), max_size=5),
    chunk_rows=st.integers(1, 7),
    skip=st.integers(0, 30),
)
def test_rows_are_numbered_across_batches_also_empty_ones(
    stream: bool, sizes: list[int], chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    path, row = tmp_path / "x.arrow", 0
    schema = pa.schema({"x": pa.int64(), "y": pa.string()})
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(path, schema) as writer:
        for size in sizes:
            values = list(range(row, row + size))
            writer.write_batch(pa.record_batch({"x": values, "y": list(map(str, values))}, schema=schema))
            row += size
    with closing(open_table(source(path), columns=["x"], types={}, chunk_rows=chunk_rows)) as reader:
        batches = list(reader.batches(skip_rows=skip))
    assert [value for batch in batches for value in batch.rows["x"].to_pylist()] == list(range(skip, row))
    assert all(batch.first_row == batch.rows["x"][0].as_py() for batch in batches)
    assert all(0 < batch.rows.num_rows <= chunk_rows for batch in batches)
    assert all(batch.rows.schema.names == ["x"] for batch in batches)


@pytest.mark.parametrize("stream", [False, True])
def test_one_cut_off_anywhere_is_refused(stream: bool, tmp_path: Path) -> None:
    content = written(mixed_rows(), stream=stream)
    # every message ends at a multiple of eight
    for size in {*range(0, len(content), 8), *range(len(content) - 16, len(content))}:
        with pytest.raises(FormatError):
            read(tmp_path / "x.arrow", content[:size])


def test_a_stream_of_the_old_layout_is_read_to_its_end(tmp_path: Path) -> None:
    content = written(mixed_rows().drop_columns(["d"]), stream=True, use_legacy_format=True)
    assert not content.startswith(b"\xff\xff\xff\xff")
    assert sum(batch.rows.num_rows for batch in read(tmp_path / "x.arrow", content)) == 60


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_flipped_bit_is_refused_or_leaves_every_row(
    stream: bool, compression: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(written(mixed_rows(), stream=stream, compression=compression))
    assert damaged(path) == {"60", "refused"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file, not Arrow"),
        (b"FEA1" + bytes(100), "the old Feather format, version 1"),
        (b"ARROW1\0\0" + bytes(100), "Arrow that is cut off or damaged"),
        (written(mixed_rows(), stream=False)[:-3], "Arrow that is cut off or damaged"),
        (b"a,b\n1,2\n", "not an Arrow file or stream"),
        (b"PAR1" + bytes(100), "not an Arrow file or stream"),
    ],
)
def test_what_cannot_be_opened_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "x.arrow", content)
    assert caught.value.message == f"{tmp_path}/x.arrow: {message}"


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    rows = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(SchemaError, match="'x' stands more than once"):
        read(tmp_path / "x.arrow", written(rows, stream=False))


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    for array in (broken, pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), broken)):
        content = written(pa.table({"n": [1], "c": array}), stream=False)
        with pytest.raises(FormatError, match="column 'c' holds text that is not UTF-8"):
            read(tmp_path / "x.arrow", content)
        assert read(tmp_path / "x.arrow", content, columns=["n"])


@pytest.mark.parametrize("stream", [False, True])
def test_one_batch_is_in_memory_at_a_time(stream: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(written(pa.table({"x": pa.array(range(500_000))}), stream=stream, most=10_000))
    before = pa.total_allocated_bytes()
    with closing(open_table(source(path), columns=None, types={})) as reader:
        most = max(pa.total_allocated_bytes() - before for _ in reader.batches())
    assert most < path.stat().st_size / 10


# Large batches ----------------------------------------------------------------------------

ALL_ARE_LARGE = "from scorekit.tables import arrow\narrow._LARGE = 0\n"


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("columns", [None, ["c", "d"], []])
def test_a_file_of_large_batches_is_read_like_any_other(
    columns: list[str] | None, compression: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written(mixed_rows(), stream=False, compression=compression)
    plain = read(tmp_path / "x.arrow", content, columns=columns, chunk_rows=7)
    monkeypatch.setattr(arrow, "_LARGE", 0)
    large = read(tmp_path / "x.arrow", content, columns=columns, chunk_rows=7)
    assert [(batch.first_row, batch.rows) for batch in large] == [(b.first_row, b.rows) for b in plain]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize(
    "rows", [mixed_rows(), pa.table({"x": [1, 2]}), pa.table({"x": pa.array([], pa.int8())})]
)
def test_a_mapped_file_says_whether_its_batches_are_compressed(
    rows: pa.Table, compression: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(written(rows, stream=False, compression=compression))
    assert Mapped(str(path)).compressed == (compression is not None and rows.num_rows > 0)


def test_a_flipped_bit_in_a_large_batch_is_refused_or_leaves_every_row(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(written(mixed_rows(), stream=False))
    assert damaged(path, first=ALL_ARE_LARGE) == {"60", "refused"}


def test_a_large_batch_is_in_memory_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    text = pa.array(["some text of forty letters, give or take"]).take(pa.array([0] * 1_000_000))
    path.write_bytes(written(pa.table({"c": text}), stream=False, most=1_000_000))
    program = ALL_ARE_LARGE + textwrap.dedent("""
        import sys
        from scorekit.tables import find, open_table

        def most_memory():
            with open("/proc/self/status") as file:
                return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))

        reader = open_table(find(sys.argv[1:])[0], columns=None, types={})
        before = most_memory()
        assert sum(batch.rows.num_rows for batch in reader.batches()) == 1_000_000
        print(most_memory() - before)
        """)
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < path.stat().st_size / 4


def test_a_stream_through_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    """The first rows are there before the last are written."""
    program = textwrap.dedent("""
        from scorekit.tables import find, open_table
        (source,) = find(["-"])
        assert source.format == "arrow"
        for batch in open_table(source, columns=None, types={}).batches():
            print(batch.first_row, batch.rows.num_rows, flush=True)
        """)
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    rows = pa.record_batch({"x": list(range(10_000))})
    with process:
        with pa.ipc.new_stream(process.stdin, rows.schema) as writer:
            for number in range(3):
                writer.write_batch(rows)
                process.stdin.flush()
                assert process.stdout.readline() == b"%d 10000\n" % (number * 10_000)
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    target = tmp_path / "out.arrow"
    rows = mixed_rows()
    with open_output(str(target), schema=rows.schema, metadata=lambda: {"a": "b"}) as writer:
        for batch in rows.to_batches(max_chunksize=13):
            writer.write(batch)
        writer.commit()
    assert pa.Table.from_batches([batch.rows for batch in read(target, target.read_bytes())]).equals(rows)
