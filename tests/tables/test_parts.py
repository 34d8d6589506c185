"""Parts become one table, a file moves into its place, and an output says what made it."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.errors import UsageError
from scorekit.tables import open_output
from scorekit.tables.parts import (
    content_hash,
    exists,
    join_parts,
    output_metadata,
    publish_bytes,
    publish_file,
    remove,
)
from tests.tables.samples import score_input, source
from tests.tables.test_reading import SCHEMA, TYPES

ENDINGS = ["parquet", "arrow", "csv", "tsv", "jsonl", "csv.gz", "tsv.gz", "jsonl.gz"]


def rows(start: int, stop: int) -> pa.RecordBatch:
    return pa.record_batch({"n": list(range(start, stop)), "t": [f'"{n}"' for n in range(start, stop)]})


def part(path: Path, batch: pa.RecordBatch, ending: str, *, header: bool) -> Path:
    format = ending.removesuffix(".gz")
    with open_output(str(path), format=format, schema=batch.schema, header=header) as writer:
        writer.write(batch)
        writer.commit()
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_parts_become_one_table_in_their_order(ending: str, count: int, tmp_path: Path) -> None:
    packed = ".gz" if ending.endswith("gz") else ""
    parts = [
        part(
            tmp_path / f"part-{number}{packed}",
            rows(10 * number, 10 * number + 10),
            ending,
            header=not number,
        )
        for number in range(count)
    ]
    target = tmp_path / f"out.{ending}"
    join_parts(parts, str(target), format=ending.removesuffix(".gz"), metadata=lambda: {"a": "b"})
    whole = part(tmp_path / f"whole.{ending}", rows(0, 10 * count), ending, header=True)
    if ending in ("csv", "tsv", "jsonl"):
        assert target.read_bytes() == whole.read_bytes()
    elif packed:
        assert gzip.decompress(target.read_bytes()) == gzip.decompress(whole.read_bytes())
    else:
        assert _table(target).equals(_table(whole))
    if ending == "parquet" and count > 1:
        assert output_metadata(str(target))["a"] == "b"


def _table(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()


def test_a_part_that_cannot_be_read_leaves_the_old_output(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"old")
    with pytest.raises(UsageError, match="what was written of it has gone"):
        join_parts([tmp_path / "none", tmp_path / "none"], str(target), format="csv", metadata=dict)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no other file system")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_file_moves_behind_a_link_also_to_another_disk(tmp_path: Path, other_disk: Path) -> None:
    made, link = tmp_path / "made", tmp_path / "out.csv"
    made.write_bytes(b"new")
    link.symlink_to(other_disk / "out.csv")
    publish_file(made, str(link))
    assert link.is_symlink()
    assert (other_disk / "out.csv").read_bytes() == b"new"
    assert [path.name for path in other_disk.iterdir()] == ["out.csv"]


def test_a_file_moves_into_its_place(tmp_path: Path) -> None:
    made, real, link = tmp_path / "made", tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_bytes(b"old")
    link.symlink_to(real)
    made.write_bytes(b"new")
    publish_file(made, str(link))
    assert (link.is_symlink(), real.read_bytes(), made.exists()) == (True, b"new", False)


def test_small_files_are_published_whole(tmp_path: Path) -> None:
    target = str(tmp_path / "x")
    publish_bytes(target, b"one")
    publish_bytes(target, b"two")
    assert exists(target)
    assert Path(target).read_bytes() == b"two"
    remove(target)
    remove(target)
    assert not exists(target)


def test_content_tells_one_input_from_another(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_bytes(b"a\n1\n")
    two.write_bytes(b"a\n1\n")
    assert content_hash(source(one)) == content_hash(source(two))
    two.write_bytes(b"a\n2\n")
    assert content_hash(source(one)) != content_hash(source(two))


def test_only_parquet_has_metadata(tmp_path: Path) -> None:
    assert output_metadata(str(tmp_path / "none.parquet")) == {}
    assert output_metadata(str(tmp_path)) == {}
    for content in (b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", b"a,b\n"):
        (tmp_path / "x").write_bytes(content)
        assert output_metadata(str(tmp_path / "x")) == {}


def test_joined_parts_are_read_as_one_table(tmp_path: Path) -> None:
    batch = pa.record_batch({name: pa.nulls(3, kind) for name, kind in TYPES.items()})
    for ending in ("csv", "jsonl", "parquet", "arrow"):
        parts = [part(tmp_path / f"{number}", batch, ending, header=not number) for number in range(3)]
        join_parts(parts, str(tmp_path / f"out.{ending}"), format=ending, metadata=dict)
        assert len(score_input(tmp_path / f"out.{ending}", SCHEMA).columns) == 9
