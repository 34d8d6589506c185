"""What an input names: files, folders, patterns, pipes and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.tables import find, open_table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tables and other things."""
    for name in (
        "b.csv", "a.parquet", "c.txt", ".hidden.csv", "_SUCCESS", "_partial.csv", "deep/er/d.jsonl.gz",
        "deep/.hidden/e.csv", "deep/_temporary/f.csv", "x[1].csv", "Z.CSV",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    return tmp_path


def names(*inputs: object, format: str | None = None) -> list[str]:
    return [source.relative for source in find(list(map(str, inputs)), format=format)]


def test_a_folder_is_every_table_below_it_in_the_order_of_names(folder: Path) -> None:
    assert names(folder) == ["Z.CSV", "a.parquet", "b.csv", "deep/er/d.jsonl.gz", "x[1].csv"]
    formats = [source.format for source in find([str(folder)])]
    assert formats == ["csv", "parquet", "csv", "jsonl", "csv"]


def test_a_format_that_is_named_takes_files_of_any_ending(folder: Path) -> None:
    assert names(folder, format="csv") == [
        "Z.CSV",
        "a.parquet",
        "b.csv",
        "c.txt",
        "deep/er/d.jsonl.gz",
        "x[1].csv",
    ]
    assert [source.format for source in find([str(folder / "c.txt")], format="tsv")] == ["tsv"]


def test_inputs_come_in_the_order_given(folder: Path) -> None:
    assert names(folder / "b.csv", folder / "deep", folder / "a.parquet") == [
        "b.csv",
        "er/d.jsonl.gz",
        "a.parquet",
    ]


def test_a_pattern_is_what_matches_it(folder: Path) -> None:
    assert names(f"{folder}/*.csv") == ["_partial.csv", "b.csv", "x[1].csv"]
    assert names(f"{folder}/?.parquet") == ["a.parquet"]
    assert names(f"{folder}/**/*.jsonl.gz") == ["d.jsonl.gz"]
    with pytest.raises(UsageError, match=r"\*\.feather: no file matches"):
        find([f"{folder}/*.feather"])
    with pytest.raises(UsageError, match=r"c\.txt: the ending says no table format"):
        find([f"{folder}/*.txt"])


def test_a_file_whose_name_is_a_pattern_is_that_file(folder: Path) -> None:
    assert names(folder / "x[1].csv") == ["x[1].csv"]


def test_what_is_there_is_known_of_a_source(folder: Path) -> None:
    (source,) = find([str(folder / "b.csv")])
    assert (source.name, source.size, source.local) == (str(folder / "b.csv"), 4, True)
    assert source.modified is not None
    assert source.modified.timestamp() == pytest.approx((folder / "b.csv").stat().st_mtime)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("bb.csv", "no such file", "there is {}/b.csv"),
        ("none/b.csv", "no such file", "there is no folder {}/none"),
        ("quarterly.feather", "no such file", "check the name, and the folder that this runs in"),
        ("c.txt", "the ending says no table format", None),
        ("deep/.hidden", None, None),
        ("empty", "no tables in this folder", None),
        ("b.csv/x.csv", "no such file", None),
        ("x" * 5000, "cannot be opened", None),
    ],
)
def test_what_is_no_table_is_named_with_what_may_be_meant(
    given: str, message: str | None, hint: str | None, folder: Path
) -> None:
    (folder / "empty").mkdir()
    if message is None:
        # a hidden folder that is named is meant
        assert names(folder / given) == ["e.csv"]
        return
    with pytest.raises(UsageError, match=message) as caught:
        find([str(folder / given)])
    assert str(folder / given) in caught.value.message
    assert hint is None or caught.value.hint == hint.format(folder)


def test_one_table_does_not_stand_twice_also_through_a_link(folder: Path) -> None:
    (folder / "link.csv").symlink_to("b.csv")
    for other in ("b.csv", "link.csv", "deep/../b.csv"):
        with pytest.raises(UsageError, match="stands twice among the inputs"):
            find([str(folder / "b.csv"), str(folder / other)])
    with pytest.raises(UsageError, match="stands twice among the inputs"):
        find([str(folder)])


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "link.csv").symlink_to("none.csv")
    with pytest.raises(UsageError, match="no such file") as caught:
        find([str(folder / "link.csv")])
    assert caught.value.hint == "it is a link to none.csv, which is not there"


def test_a_file_that_goes_away_is_missed_when_it_is_opened(folder: Path) -> None:
    for name in ("b.csv", "a.parquet"):
        (source,) = find([str(folder / name)])
        (folder / name).unlink()
        with pytest.raises(UsageError, match="no such file"):
            open_table(source, columns=None, types={})


NOBODY = textwrap.dedent("""
    import os, sys
    from scorekit.errors import UsageError
    from scorekit.tables import csv_files, find, open_table, parquet

    os.chdir(sys.argv[1])
    if os.geteuid() == 0:
        os.setuid(65534)
    for given in sys.argv[2:]:
        try:
            for source in find([given]):
                open_table(source, columns=None, types={})
            print("read")
        except UsageError as error:
            print(error.message)
    """)


def test_what_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "b.csv").chmod(0)
    (folder / "a.parquet").chmod(0)
    (folder / "deep").chmod(0)
    folder.chmod(0o755)
    inputs = ["b.csv", "a.parquet", "deep", "deep/x.csv", "."]
    done = subprocess.run([sys.executable, "-c", NOBODY, folder, *inputs], capture_output=True, text=True)
    (folder / "deep").chmod(0o755)
    assert done.stdout.splitlines() == [f"{name}: may not be read" for name in [*inputs[:-1], "./deep"]], (
        done.stderr
    )


# What can be read once ------------------------------------------------------------------------

COUNT = textwrap.dedent("""
    import sys
    from scorekit.errors import ScorekitError
    from scorekit.tables import find, open_table

    try:
        (source,) = find(["-"], format=sys.argv[1] if len(sys.argv) > 1 else None)
        reader = open_table(source, columns=None, types={})
        print(source.format, reader.names, sum(batch.rows.num_rows for batch in reader.batches()))
    except ScorekitError as error:
        print(error.message)
    """)


@pytest.mark.parametrize(
    ("content", "args", "said"),
    [
        (b"a,b\n1,2\n3,4\n", [], "csv ('a', 'b') 2"),
        (b'\n {"a": 1}\n', [], "jsonl ('a',) 1"),
        (b'\xef\xbb\xbf{"a": 1}\n', [], "jsonl ('a',) 1"),
        (b'[{"a": 1}]\n', [], "<stdin>:1: a JSON array, not one object a line"),
        (b"", [], "<stdin>: empty file"),
        (b"", ["parquet"], "<stdin>: empty file, not Parquet"),
        (b"PAR1,b\n1,2\n", [], "csv ('PAR1', 'b') 1"),
        (
            b"PAR1\x15\x04\x15\x10",
            [],
            "<stdin>: Parquet that is cut off or damaged: its footer cannot be read",
        ),
        (b"\x1f\x8b\x08\0", [], "<stdin>: compressed, so its format cannot be told"),
        (b"a\n1\n", ["jsonl"], "<stdin>:1: no line is a JSON object"),
    ],
)
def test_standard_input_is_told_by_its_first_bytes(content: bytes, args: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-c", COUNT, *args], input=content, capture_output=True)
    assert done.stdout.decode().strip() == said, done.stderr


@pytest.mark.parametrize("format", ["parquet", "arrow", "csv", "jsonl"])
def test_every_format_comes_through_standard_input(format: str, tmp_path: Path) -> None:
    import pyarrow as pa

    from tests.tables.samples import write

    path = write(tmp_path / f"x.{format}", [{"a": number} for number in range(1000)], {"a": pa.int64()})
    done = subprocess.run([sys.executable, "-c", COUNT], input=path.read_bytes(), capture_output=True)
    assert done.stdout.decode().strip() == f"{format} ('a',) 1000", done.stderr


def test_a_pipe_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COUNT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None
    for piece in (b"number,wo", b"rd\n1,", b'"a\n', b'b"\n2', b",c\n"):
        process.stdin.write(piece)
    output = process.communicate(timeout=60)[0]
    assert output == b"csv ('number', 'word') 2\n"


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"a,b\n1,2\n3,4\n"))
    writer.start()
    (source,) = find([str(pipe)])
    assert (source.name, source.local, source.size) == (str(pipe), False, None)
    reader = open_table(source, columns=None, types={})
    assert sum(batch.rows.num_rows for batch in reader.batches()) == 2
    writer.join(timeout=30)
    reader.close()
