"""Scoring files: one row out for each row in, whatever the format and whatever happens."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.batch.counting import count_rows
from scorekit.batch.plan import plan
from scorekit.errors import NothingToDo, RowsRejected, SchemaError, UsageError
from scorekit.model import load
from tests.conftest import Bank

SCORE_COLUMNS = ["score", "score_source", "quality_flags", "model_version"]


def write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pacsv.write_csv(table, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


def read(path: Path | str) -> list[dict[str, Any]]:
    path = Path(path)
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [
                {**row, "score": float(row["score"]) if row["score"] else None}
                for row in csv.DictReader(file)
            ]
    if path.suffix == ".arrow":
        return pa.ipc.open_file(path).read_all().to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


def options(**changes: Any) -> JobOptions:
    return JobOptions(**changes)


@pytest.fixture
def rows(bank: Bank) -> pa.Table:
    return bank.new.slice(0, 1000)


def score(
    bank: Bank, *inputs: Path, output: Path | str | None = None, **changes: Any
) -> list[dict[str, Any]]:
    result = score_files(
        [str(path) for path in inputs],
        None if output is None else str(output),
        store=str(bank.store),
        options=options(**changes),
    )
    return read(result.outputs[0].target)


def test_output_lies_beside_the_input_with_a_row_for_each_row(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    write(rows, tmp_path / "rows.parquet")
    scored = score(bank, tmp_path / "rows.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet", "rows.scores.parquet"]
    assert len(scored) == rows.num_rows
    assert list(scored[0]) == SCORE_COLUMNS
    assert {row["score_source"] for row in scored} == {"model"}
    assert {row["model_version"] for row in scored} == {1}
    assert all(0 < row["score"] < 1 for row in scored)


def test_every_format_gives_the_same_scores_to_the_bit(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    one_by_one = load("bank", store=str(bank.store))
    expected = [one_by_one.score_row(row)["score"] for row in rows.to_pylist()]
    for ending in ("parquet", "csv", "jsonl", "arrow"):
        scored = score(
            bank, write(rows, tmp_path / f"rows.{ending}"), output=tmp_path / f"out-{ending}.parquet"
        )
        assert [row["score"] for row in scored] == expected, ending


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "arrow"])
def test_every_output_format_holds_the_same_scores(
    ending: str, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    expected = [row["score"] for row in score(bank, data)]
    assert [row["score"] for row in score(bank, data, output=tmp_path / f"out.{ending}")] == expected


@pytest.mark.parametrize("chunk_rows", [1, 7, 999, 1000, 5000])
@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_chunks_parts_and_threads_do_not_show_in_the_output(
    ending: str, chunk_rows: int, bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.batch.writing.PART_ROWS", 16 * chunk_rows)
    rows = bank.new.slice(0, 200 if chunk_rows < 10 else 1000)
    data = write(rows, tmp_path / "rows.parquet")
    whole = score(bank, data, output=tmp_path / f"whole.{ending}", passthrough=("age", "job"), threads=1)
    pieces = score(
        bank,
        data,
        output=tmp_path / f"pieces.{ending}",
        passthrough=("age", "job"),
        chunk_rows=chunk_rows,
        threads=3,
    )
    assert pieces == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["rows.parquet", f"whole.{ending}", f"pieces.{ending}"]
    )


def test_ids_and_passthrough_come_first_and_unchanged(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    numbered = rows.append_column("customer", pa.array([f"00{number}" for number in range(rows.num_rows)]))
    data = write(numbered, tmp_path / "rows.parquet")
    scored = score(bank, data, ids=("customer",), passthrough=("age",))
    assert list(scored[0]) == ["customer", "age", *SCORE_COLUMNS]
    assert [row["customer"] for row in scored] == numbered["customer"].to_pylist()
    assert [row["age"] for row in scored] == numbered["age"].to_pylist()
    everything = score(bank, data, output=tmp_path / "all.parquet", passthrough=("all",))
    assert list(everything[0]) == [*numbered.column_names, *SCORE_COLUMNS]


def test_columns_may_come_in_any_order_with_others_among_them(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    expected = score(bank, write(rows, tmp_path / "rows.parquet"))
    names = rows.column_names
    mixed = rows.select(names[::-1]).append_column("extra", rows["age"])
    assert score(bank, write(mixed, tmp_path / "mixed.csv"), output=tmp_path / "mixed.parquet") == expected


def test_a_bad_row_is_rejected_and_explained_and_its_neighbours_are_not(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    lines = io.StringIO()
    for number, row in enumerate(rows.slice(0, 20).to_pylist()):
        row = {"id": f"c{number}", **row}
        if number == 3:
            row["age"] = "forty"
        if number == 5:
            row["job"] = "astronaut"
        lines.write(("[1, 2]" if number == 7 else json.dumps(row)) + "\n")
    (tmp_path / "rows.jsonl").write_text(lines.getvalue())
    good = score(bank, write(rows.slice(0, 20), tmp_path / "good.jsonl"))
    scored = score(bank, tmp_path / "rows.jsonl", ids=("id",))
    assert [row["score_source"] for row in scored].count("rejected") == 2
    for number, row in enumerate(scored):
        if number in (3, 7):
            assert row["score"] is None
        elif number != 5:
            assert row["score"] == good[number]["score"]
    assert scored[3]["quality_flags"] == "not_a_number:age"
    assert scored[5]["quality_flags"] == "unseen:job"
    assert scored[5]["score_source"] == "model"
    assert scored[7]["quality_flags"] == "not_a_record"
    errors = read(tmp_path / "rows.scores.errors.jsonl")
    assert [(e["row"], e["code"], e.get("column")) for e in errors] == [
        (4, "not_a_number", "age"),
        (8, "not_a_record", None),
    ]
    assert errors[0]["id"] == {"id": "c3"}
    assert errors[1]["line"] == 8
    assert "forty" not in (tmp_path / "rows.scores.errors.jsonl").read_text()


def test_more_rejects_than_allowed_publish_their_reasons_and_nothing_else(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    bad = [{**row, "age": "x"} if number % 2 else row for number, row in enumerate(rows.to_pylist())]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bad))
    with pytest.raises(
        RowsRejected, match=r"rows were rejected, allowed are 10; the first: .*row 2, column 'age'"
    ):
        score(bank, tmp_path / "rows.jsonl", max_errors=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl", "rows.scores.errors.jsonl"]
    assert len(score(bank, tmp_path / "rows.jsonl", max_errors=500)) == 1000


def test_when_every_row_is_bad_the_run_fails(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    bad = rows.set_column(rows.column_names.index("age"), "age", pa.array(["x"] * rows.num_rows))
    with pytest.raises(RowsRejected, match="all 1,000 rows were rejected"):
        score(bank, write(bad, tmp_path / "rows.parquet"))
    assert not (tmp_path / "rows.scores.parquet").exists()


def test_a_file_without_rows_gives_an_output_without_rows(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    for ending in ("parquet", "csv", "arrow"):
        data = write(rows.slice(0, 0), tmp_path / f"none.{ending}")
        assert score(bank, data, ids=("age",)) == []
    names = pq.read_schema(tmp_path / "none.scores.parquet").names
    assert names == ["age", *SCORE_COLUMNS]


def test_several_inputs_become_one_output_in_their_order(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    first = write(rows.slice(0, 400), tmp_path / "a.csv")
    second = write(rows.slice(400), tmp_path / "b.parquet")
    expected = score(bank, write(rows, tmp_path / "rows.parquet"))
    assert score(bank, first, second, output=tmp_path / "both.parquet") == expected


def test_a_folder_in_gives_a_folder_out_and_success_comes_last(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    write(rows.slice(0, 10), folder / "a.csv")
    write(rows.slice(10, 10), folder / "deeper" / "b.parquet")
    result = score_files([str(folder)], store=str(bank.store))
    made = sorted(
        p.relative_to(tmp_path / "in.scores").as_posix() for p in (tmp_path / "in.scores").rglob("*")
    )
    assert made == ["_SUCCESS", "a.csv", "deeper", "deeper/b.parquet"]
    assert result.rows == 20
    with pytest.raises(NothingToDo):
        score_files([str(folder)], store=str(bank.store))


def test_an_output_that_is_complete_is_not_made_again(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    score(bank, data)
    with pytest.raises(NothingToDo, match="complete already"):
        score(bank, data)
    assert len(score(bank, data, force=True)) == 1000
    write(rows.slice(1), data)
    with pytest.raises(UsageError, match="exists"):
        score(bank, data)
    assert len(score(bank, data, force=True)) == 999


def test_the_output_says_what_made_it(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    score(bank, write(rows, tmp_path / "rows.parquet"), run_id="night-1")
    said = pq.read_metadata(tmp_path / "rows.scores.parquet").metadata
    assert said[b"scorekit.model"] == b"bank:1"
    assert said[b"scorekit.run_id"] == b"night-1"
    assert len(said[b"scorekit.model_digest"]) == 64


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"output": "rows.parquet"}, UsageError, "is one of the inputs"),
        ({"output": "nowhere/out.parquet"}, UsageError, "no such folder"),
        ({"ids": ("nope",)}, SchemaError, "lacks the column 'nope'"),
        ({"output": "out.xls"}, UsageError, "xls"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    change: dict[str, Any],
    error: type[Exception],
    message: str,
    bank: Bank,
    rows: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(rows, tmp_path / "rows.parquet")
    with pytest.raises(error, match=message):
        score(bank, Path("rows.parquet"), **change)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_column_that_clashes_with_the_output_is_refused(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data = write(rows.append_column("score", rows["age"]), tmp_path / "rows.parquet")
    with pytest.raises(UsageError, match="'score' cannot be carried"):
        score(bank, data, passthrough=("all",))


def test_a_dry_run_writes_nothing(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    result = score_files([str(data)], store=str(bank.store), dry_run=True)
    assert result.rows == 1000
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "jsonl", "arrow"])
def test_an_output_that_is_complete_is_nothing_to_do(ending: str, bank: Bank, tmp_path: Path) -> None:
    data = write(bank.new.slice(0, 100), tmp_path / "rows.parquet")
    target = tmp_path / f"out.{ending}"
    assert bank.run("score", data, "-o", target).returncode == 0
    before = target.read_bytes()
    again = bank.run("score", data, "-o", target)
    assert again.returncode == 99, again.stderr
    assert "complete already" in again.stderr
    write(bank.new.slice(1, 100), tmp_path / "rows.parquet")
    other = bank.run("score", data, "-o", target)
    assert other.returncode == 2, other.stderr
    assert target.read_bytes() == before


def test_a_folder_of_outputs_says_how_many_rows_in_all(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        write(bank.new.slice(100 * number, 100), tmp_path / "in" / f"{number}.parquet")
    done = bank.run("score", tmp_path / "in", "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "in all 200 rows into 2 outputs" in done.stderr


def test_parquet_comes_through_a_pipe_and_csv_leaves_by_one(bank: Bank, tmp_path: Path) -> None:
    data = write(bank.new.slice(0, 20), tmp_path / "rows.parquet")
    formats = ("--input-format", "parquet", "--output-format", "csv")
    done = bank.run("score", "-", "-o", "-", *formats, text=False, input=data.read_bytes())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith('"score"')
    assert len(lines) == 21


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_how_many_rows_there_are_is_told_to_who_waits(ending: str, bank: Bank, tmp_path: Path) -> None:
    data = write(bank.new.slice(0, 3000), tmp_path / f"rows.{ending}")
    found = count_rows(plan([str(data)], None, None), load("bank", store=str(bank.store)))
    assert found == pytest.approx(3000, rel=0.001 if ending in ("csv", "jsonl") else 0)
    compressed = tmp_path / "more.csv.gz"
    compressed.write_bytes(gzip.compress(b"a\n1\n"))
    assert count_rows(plan([str(compressed)], None, None), load("bank", store=str(bank.store))) is None


@pytest.mark.parametrize("spoil", ["emptied", "written over"])
def test_an_output_that_was_changed_since_is_not_taken_for_complete(
    spoil: str, bank: Bank, tmp_path: Path
) -> None:
    data, target = write(bank.new.slice(0, 100), tmp_path / "rows.parquet"), tmp_path / "out.csv"
    assert bank.run("score", data, "-o", target).returncode == 0
    with target.open("r+b") as file:
        if spoil == "emptied":
            file.truncate(0)
        else:
            file.write(b"#")
    assert bank.run("score", data, "-o", target).returncode == 2
    assert bank.run("score", data, "-o", target, "--force").returncode == 0
