"""An object is read by many requests; all of them give the same content or an error."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import obstore
import pyarrow as pa
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.errors import DataError, UsageError
from scorekit.progress import Silent
from scorekit.s3 import connect
from scorekit.tables import find, open_table, remote
from scorekit.tables.parts import content_hash
from scorekit.tables.sources import Source
from tests.conftest import Bank
from tests.tables.samples import small_blocks, write

TYPES = {"n": pa.int64(), "t": pa.string()}


def made(folder: Path, ending: str, first: int) -> bytes:
    rows = [{"n": first + number, "t": f"text {number}"} for number in range(4000)]
    return write(folder / f"made.{ending}", rows, TYPES, group_rows=500).read_bytes()


@pytest.mark.parametrize("change", ["same size", "shorter", "longer"])
@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "jsonl"])
def test_an_object_that_is_replaced_while_it_is_read_ends_the_run(
    ending: str, change: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, 1 << 12)
    monkeypatch.setattr(remote, "READ_AHEAD", 1 << 12)
    store, key = connect(f"s3://{bucket}"), f"rows.{ending}"
    old, new = made(tmp_path, ending, 1000), made(tmp_path, ending, 5000)
    new = {"same size": new, "shorter": new[:100], "longer": new * 2}[change]
    obstore.put(store, key, old)
    (source,) = find([f"s3://{bucket}/{key}"])
    with closing(open_table(source, columns=None, types={}, chunk_rows=100)) as reader:
        batches = reader.batches()
        assert next(batches).rows.column("n")[0].as_py() in (1000, "1000")
        obstore.put(store, key, new)
        with pytest.raises(DataError, match=f"rows.{ending}: was replaced by another object") as caught:
            list(batches)
    assert (caught.value.exit_code, caught.value.code) == (3, "replaced")


def test_what_is_read_is_what_was_found(bucket: str) -> None:
    store, uri = connect(f"s3://{bucket}"), f"s3://{bucket}/rows.csv"
    obstore.put(store, "rows.csv", b"n\n1\n")
    by_name, by_prefix = find([uri]) + find([f"s3://{bucket}/"])
    assert content_hash(by_name) == content_hash(by_prefix) == content_hash(Source(uri, uri, "csv", ""))
    for source in (by_name, by_prefix):
        with closing(source.open()) as file:
            assert file.read() == b"n\n1\n"
    before = content_hash(by_name)
    obstore.put(store, "rows.csv", b"n\n2\n")
    assert content_hash(by_name) == before != content_hash(find([uri])[0])
    for source in (by_name, by_prefix):
        with closing(source.open()) as file, pytest.raises(DataError, match="was replaced"):
            file.read()


def test_without_tags_objects_are_told_apart_by_their_content(bucket: str) -> None:
    store, uri = connect(f"s3://{bucket}"), f"s3://{bucket}/rows.csv"
    hashes = []
    for content in (b"n\n1\n", b"n\n2\n", b"n\n1\n"):
        obstore.put(store, "rows.csv", content)
        (found,) = find([uri])
        hashes.append(content_hash(replace(found, entry={**found.entry, "e_tag": None})))
    assert hashes[0] == hashes[2] != hashes[1]


def test_a_run_over_an_object_that_is_replaced_publishes_nothing(
    bank: Bank, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "READ_AHEAD", 1 << 12)
    small_blocks(monkeypatch, 1 << 12)
    rows = bank.new.slice(0, 2000)
    old, new = [
        write(
            tmp_path / "rows.csv",
            some.to_pylist(),
            dict(zip(rows.column_names, rows.schema.types, strict=True)),
        ).read_bytes()
        for some in (rows, rows.slice(1000))
    ]
    store = connect(f"s3://{bucket}")
    obstore.put(store, "rows.csv", old)

    class Replacing(Silent):
        def advance(self, amount: int) -> None:
            obstore.put(store, "rows.csv", new)

    output = tmp_path / "out.csv"
    with pytest.raises(DataError, match=r"rows\.csv: was replaced"):
        score_files(
            [f"s3://{bucket}/rows.csv"],
            str(output),
            store=str(bank.store),
            options=JobOptions(chunk_rows=10, threads=1),
            progress=Replacing(),
        )
    assert not output.exists()


def test_an_object_can_be_read_from_anywhere(bucket: str) -> None:
    store, uri = connect(f"s3://{bucket}"), f"s3://{bucket}/ten"
    obstore.put(store, "ten", b"0123456789")
    file = remote.ObjectFile(uri, store)
    assert file.read(4) == b"0123"
    assert (file.tell(), file.seek(2, io.SEEK_CUR), file.read(2)) == (4, 6, b"67")
    assert (file.seek(-3, io.SEEK_END), file.read()) == (7, b"789")
    assert file.read() == b""
    assert (file.seek(20), file.read(1)) == (20, b"")
    with pytest.raises(UsageError, match="no such object"):
        remote.ObjectFile(f"s3://{bucket}/none", store)


def test_a_store_need_neither_have_tags_nor_heed_them(bucket: str) -> None:
    store, uri = connect(f"s3://{bucket}"), f"s3://{bucket}/ten"
    obstore.put(store, "ten", b"0123456789")
    assert remote.ObjectFile(uri, store, {"size": 10, "e_tag": None}).read() == b"0123456789"
    with pytest.raises(DataError, match="was replaced"):
        remote.ObjectFile(uri, store, {"size": 10, "e_tag": 'W/"other"'}).read()


def test_an_empty_object_is_empty(bucket: str) -> None:
    store = connect(f"s3://{bucket}")
    obstore.put(store, "nothing", b"")
    assert remote.ObjectFile(f"s3://{bucket}/nothing", store).read() == b""
