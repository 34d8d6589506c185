"""Data and outputs on S3: the same scores, seen when complete, by the role versions are read by."""

from __future__ import annotations

import json
from pathlib import Path

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.errors import NothingToDo, Unreachable, UsageError
from scorekit.s3 import connect
from scorekit.training.train import train
from tests.batch.test_batch import read, score, write
from tests.conftest import Bank
from tests.training.samples import bank as bank_rows
from tests.training.samples import recipe


@pytest.fixture
def rows(bank: Bank) -> pa.Table:
    return bank.new.slice(0, 500)


def put(uri: str, path: Path) -> str:
    obstore.put(connect(uri.rpartition("/")[0]), uri.rpartition("/")[2], path)
    return uri


def got(uri: str, folder: Path) -> Path:
    """An object as a local file."""
    path = folder / uri.rpartition("/")[2]
    path.write_bytes(obstore.get(connect(uri.rpartition("/")[0]), path.name).bytes().to_bytes())
    return path


def names(uri: str) -> list[str]:
    return sorted(each["path"] for page in obstore.list(connect(uri)) for each in page)


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "jsonl", "arrow"])
def test_objects_in_and_out_have_the_scores_of_files(
    ending: str, bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path
) -> None:
    data = tmp_path / f"rows.{ending}"
    if ending == "csv.gz":
        import gzip

        data.write_bytes(gzip.compress(write(rows, tmp_path / "rows.csv").read_bytes()))
    else:
        write(rows, data)
    expected = score(bank, data, output=tmp_path / "local.parquet")
    uri = put(f"s3://{bucket}/in/rows.{ending}", data)
    result = score_files([uri], f"s3://{bucket}/out/scores.parquet", store=str(bank.store))
    assert read(got(result.outputs[0].target, tmp_path)) == expected
    assert names(f"s3://{bucket}/out") == ["scores.parquet"]


def test_the_output_lies_beside_the_object_and_is_not_made_twice(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path
) -> None:
    uri = put(f"s3://{bucket}/rows.parquet", write(rows, tmp_path / "rows.parquet"))
    score_files([uri], store=str(bank.store))
    assert names(f"s3://{bucket}") == ["rows.parquet", "rows.scores.parquet"]
    with pytest.raises((NothingToDo, UsageError)):
        score_files([uri], store=str(bank.store))
    again = score_files([uri], store=str(bank.store), options=JobOptions(force=True))
    assert again.rows == 500


def test_a_prefix_in_gives_a_prefix_out_and_success_comes_last(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path
) -> None:
    put(f"s3://{bucket}/in/a.parquet", write(rows.slice(0, 100), tmp_path / "a.parquet"))
    put(f"s3://{bucket}/in/b.csv", write(rows.slice(100), tmp_path / "b.csv"))
    result = score_files([f"s3://{bucket}/in/"], f"s3://{bucket}/out/", store=str(bank.store))
    assert result.rows == 500
    assert names(f"s3://{bucket}/out") == ["_SUCCESS", "a.parquet", "b.csv"]


def test_rejected_rows_are_explained_beside_the_object(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path
) -> None:
    bad = [{**row, "age": "x"} if number == 3 else row for number, row in enumerate(rows.to_pylist())]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bad))
    uri = put(f"s3://{bucket}/rows.jsonl", tmp_path / "rows.jsonl")
    result = score_files([uri], store=str(bank.store))
    assert result.outputs[0].errors_file == f"s3://{bucket}/rows.scores.errors.jsonl"
    errors = read(got(f"s3://{bucket}/rows.scores.errors.jsonl", tmp_path))
    assert [error["row"] for error in errors] == [4]


def test_an_object_that_is_not_there_and_a_bucket_that_is_not(bank: Bank, bucket: str) -> None:
    with pytest.raises(UsageError, match="no such object"):
        score_files([f"s3://{bucket}/none.parquet"], store=str(bank.store))
    with pytest.raises(Unreachable, match="there is no such bucket"):
        score_files(["s3://no-such-bucket-here/rows.parquet"], store=str(bank.store))


def test_training_reads_objects_and_versions_live_beside_them(bucket: str, tmp_path: Path) -> None:
    pq.write_table(bank_rows(300), tmp_path / "rows.parquet")
    uri = put(f"s3://{bucket}/data/rows.parquet", tmp_path / "rows.parquet")
    done = train([uri], recipe(target="y", name="bank"), by="tests", store=f"s3://{bucket}/models")
    assert done.manifest.training.files[0].uri == uri
    result = score_files([uri], f"s3://{bucket}/data/out.parquet", store=f"s3://{bucket}/models")
    assert result.rows == 300


def test_a_prefix_is_a_folder_with_or_without_its_slash_and_its_bucket_is_connected_to_once(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        put(f"s3://{bucket}/in/{name}.parquet", write(rows.slice(0, 50), tmp_path / f"{name}.parquet"))
    monkeypatch.setenv("SCOREKIT_AWS_SESSION_NAME", "a session of its own")
    made: list[str] = []
    monkeypatch.setattr("scorekit.s3.connect", lambda uri: made.append(uri) or connect(uri))
    assert score_files([f"s3://{bucket}/in"], store=str(bank.store)).rows == 150
    assert names(f"s3://{bucket}/in.scores") == ["_SUCCESS", "a.parquet", "b.parquet", "c.parquet"]
    assert made == [f"s3://{bucket}"]
