"""What is carried to the output stands there as it stood in the input."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.tables import jsonl
from scorekit.tables.text_input import TextInput
from scorekit.training.train import train
from tests.conftest import scorekit
from tests.training.samples import bank, recipe

IDS = ["007", "A1", "", "0000010"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose training data had whole numbers for ids."""
    folder = tmp_path_factory.mktemp("carried")
    rows = bank(300)
    pq.write_table(rows.append_column("customer", pa.array(range(300))), folder / "rows.parquet")
    train(
        [str(folder / "rows.parquet")],
        recipe(target="y", name="bank", id_columns=("customer",)),
        by="tests",
        store=str(folder / "models"),
    )
    return folder / "models"


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_ids_of_another_type_than_in_training_are_not_changed(
    ending: str, chunk_rows: int, store: Path, tmp_path: Path
) -> None:
    rows = bank(len(IDS)).append_column("customer", pa.array(IDS))
    data = tmp_path / f"rows.{ending}"
    pq.write_table(rows, data) if ending == "parquet" else pacsv.write_csv(rows, data)
    score_files(
        [str(data)],
        str(tmp_path / "out.parquet"),
        store=str(store),
        options=JobOptions(chunk_rows=chunk_rows),
    )
    assert pq.read_table(tmp_path / "out.parquet")["customer"].to_pylist() == IDS


def lines(path: Path, *customers: object) -> Path:
    """Rows as JSON lines, of which those with a customer have one."""
    rows = bank(len(customers)).drop_columns(["y"]).to_pylist()
    with path.open("w") as file:
        for row, customer in zip(rows, customers, strict=True):
            file.write(json.dumps(row | ({} if customer is None else {"customer": customer})) + "\n")
    return path


@pytest.mark.parametrize(("ids", "opened"), [((), 1), (("customer",), 2)])
def test_lines_are_read_to_their_end_only_for_an_id_that_is_asked_for(
    ids: tuple[str, ...], opened: int, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lines(tmp_path / "rows.jsonl", None, "A1")
    monkeypatch.setattr(jsonl, "BLOCK", 100)
    inputs = []
    monkeypatch.setattr(jsonl, "TextInput", lambda source: inputs.append(source) or TextInput(source))
    made = score_files(
        [str(data)], str(tmp_path / "out.jsonl"), store=str(store), options=JobOptions(ids=ids)
    )
    assert made.rejected == 0
    assert len(inputs) == opened
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row.get("customer") for row in written] == [None, "A1" if ids else None]


def test_an_id_of_another_type_than_the_first_costs_its_row_and_says_why(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lines(tmp_path / "rows.jsonl", 1, 2, "A3", 4)
    monkeypatch.setattr(jsonl, "BLOCK", 100)
    made = score_files([str(data)], str(tmp_path / "out.parquet"), store=str(store))
    assert made.rejected == 1
    assert pq.read_table(tmp_path / "out.parquet")["customer"].to_pylist() == [1, 2, None, 4]
    (said,) = map(json.loads, (tmp_path / "out.errors.jsonl").read_text().splitlines())
    assert (said["line"], said["code"]) == (3, "not_a_record")
    assert said["message"] == "column 'customer' is a string here, but int64 in the first lines"


def test_a_summary_as_json_leaves_rows_on_stdout_alone(store: Path, tmp_path: Path) -> None:
    pq.write_table(bank(3), tmp_path / "rows.parquet")
    done = scorekit("score", tmp_path / "rows.parquet", "-o", "-", "--json", store=store)
    assert [json.loads(line)["score_source"] for line in done.stdout.splitlines()] == ["model"] * 3
    assert json.loads(done.stderr)["rows"] == 3


def test_a_number_of_the_model_is_carried_as_it_was_written(store: Path, tmp_path: Path) -> None:
    rows = bank(2).drop_columns(["y"])
    written = pa.array(["041", "4.20e1"])
    pacsv.write_csv(rows.set_column(rows.column_names.index("age"), "age", written), tmp_path / "rows.csv")
    score_files(
        [str(tmp_path / "rows.csv")],
        str(tmp_path / "out.parquet"),
        store=str(store),
        options=JobOptions(passthrough=("age",)),
    )
    assert pq.read_table(tmp_path / "out.parquet")["age"].to_pylist() == ["041", "4.20e1"]
