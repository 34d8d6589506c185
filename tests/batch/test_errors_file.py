"""Where rejected rows are explained: one file for each output, true of the last run, never another's."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.errors import RowsRejected
from tests.batch.test_batch import read, score, write
from tests.conftest import Bank


@pytest.fixture
def rows(bank: Bank) -> pa.Table:
    return bank.new.slice(0, 40)


def spoiled(rows: pa.Table, *bad: int) -> pa.Table:
    """Rows of which some hold a word where a number stood."""
    ages = ["x" if number in bad else str(age) for number, age in enumerate(rows["age"].to_pylist())]
    return rows.set_column(rows.column_names.index("age"), "age", pa.array(ages))


def test_outputs_that_differ_in_their_ending_are_explained_apart(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(spoiled(rows, 1), folder / "a.csv")
    write(spoiled(rows, 2, 3), folder / "a.parquet")
    write(spoiled(rows, 4), folder / "b.csv")
    result = score_files([str(folder)], store=str(bank.store))
    explained = {Path(output.target).name: Path(str(output.errors_file)) for output in result.outputs}
    assert {name: path.name for name, path in explained.items()} == {
        "a.csv": "a.csv.errors.jsonl",
        "a.parquet": "a.parquet.errors.jsonl",
        "b.csv": "b.errors.jsonl",
    }
    found = {name: [error["row"] for error in read(path)] for name, path in explained.items()}
    assert found == {"a.csv": [2], "a.parquet": [3, 4], "b.csv": [5]}


@pytest.mark.parametrize("force", [False, True])
def test_what_a_mended_input_was_rejected_for_is_not_said_any_more(
    force: bool, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data = write(spoiled(rows, 1), tmp_path / "rows.csv")
    with pytest.raises(RowsRejected):
        score(bank, data, max_errors=0)
    assert (tmp_path / "rows.scores.errors.jsonl").exists()
    score(bank, write(rows, data), force=force)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "rows.scores.csv"]


def test_several_inputs_are_aligned_by_the_names_of_what_they_carry(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    first, second = rows.slice(0, 20), rows.slice(20)
    one = write(first, tmp_path / "a.parquet")
    two = write(second.select(second.column_names[::-1]), tmp_path / "b.parquet")
    three = write(first, tmp_path / "c.csv")
    scored = score(bank, one, two, three, output=tmp_path / "out.parquet", passthrough=("all",))
    names = rows.column_names
    carried = [{name: row[name] for name in names} for row in scored]
    assert carried == rows.to_pylist() + first.to_pylist()


def test_an_errors_file_counts_rows_over_all_inputs_and_names_the_file(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    one = write(spoiled(rows, 5), tmp_path / "a.csv")
    two = write(spoiled(rows, 7), tmp_path / "b.jsonl")
    result = score_files(
        [str(one), str(two)],
        str(tmp_path / "out.csv"),
        store=str(bank.store),
        options=JobOptions(chunk_rows=8),
    )
    errors = [json.loads(line) for line in Path(str(result.outputs[0].errors_file)).read_text().splitlines()]
    assert [(Path(error["file"]).name, error["row"]) for error in errors] == [("a.csv", 6), ("b.jsonl", 48)]
