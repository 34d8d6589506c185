"""Only what a run of the same key made is taken for made, and nothing else is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from scorekit.batch import JobOptions, score_files
from scorekit.batch.folder import RUN_NAME
from scorekit.batch.partial import Partial, State
from scorekit.errors import NothingToDo, RowsRejected, UsageError
from tests.batch.test_batch import score, write
from tests.conftest import Bank


@pytest.fixture
def data(bank: Bank, tmp_path: Path) -> Path:
    return write(bank.new.slice(0, 100), tmp_path / "rows.parquet")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "arrow", "parquet"])
def test_a_newer_output_of_another_run_is_not_taken_for_this_ones(
    ending: str, bank: Bank, data: Path, tmp_path: Path
) -> None:
    target = tmp_path / f"out.{ending}"
    score(bank, data, output=target, passthrough=("age",))
    before = target.read_bytes()
    with pytest.raises(UsageError, match="exists") as refused:
        score(bank, data, output=target, resume=True)
    assert "--force" in (refused.value.hint or "")
    assert target.read_bytes() == before


def test_what_a_run_of_another_key_left_does_not_let_an_output_be_replaced(
    bank: Bank, data: Path, tmp_path: Path
) -> None:
    target, partial = tmp_path / "out.csv", Partial(tmp_path / ".out.csv.partial")
    target.write_text("mine")
    partial.folder.mkdir()
    partial.write(State("another"))
    with pytest.raises(UsageError, match="exists"):
        score(bank, data, output=target, resume=True)
    assert target.read_text() == "mine"


def test_a_state_that_names_more_errors_than_there_are_is_not_gone_on_with(tmp_path: Path) -> None:
    partial = Partial(tmp_path)
    state = State("key", error_bytes=10)
    state.keep_schema(pa.schema([]))
    partial.write(state)
    assert partial.read("key") is None
    (tmp_path / "errors.jsonl").write_text(json.dumps("ten bytes or more"))
    assert partial.read("key") is not None


def test_a_clean_up_that_is_interrupted_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    partial = Partial(tmp_path)
    for name in ("part-00000", "errors.jsonl"):
        (tmp_path / name).mkdir()  # stands for what cannot be unlinked: the clean-up ends there
    partial.write(State("key"))
    with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
        partial.clear()
    assert not partial.begun


@pytest.mark.parametrize("errors_file", ["mine.jsonl", None])
def test_a_file_where_rejected_rows_would_go_is_not_replaced_without_force(
    errors_file: str | None, bank: Bank, data: Path, tmp_path: Path
) -> None:
    errors = tmp_path / (errors_file or "out.errors.jsonl")
    errors.write_text("mine")
    asked = str(errors) if errors_file else None
    with pytest.raises(UsageError, match=r"errors file .* exists"):
        score(bank, data, output=tmp_path / "out.csv", errors_file=asked)
    assert errors.read_text() == "mine"
    assert not (tmp_path / "out.csv").exists()
    score(bank, data, output=tmp_path / "out.csv", errors_file=asked, force=True)
    assert not errors.exists()


def test_what_an_earlier_run_rejected_is_gone_once_nothing_is(bank: Bank, data: Path, tmp_path: Path) -> None:
    errors = tmp_path / "out.errors.jsonl"
    good = bank.new.slice(0, 100)
    write(
        good.set_column(good.column_names.index("age"), "age", pa.array(["x"] * 100)),
        tmp_path / "bad.parquet",
    )
    with pytest.raises(RowsRejected):
        score(bank, tmp_path / "bad.parquet", output=tmp_path / "out.csv")
    assert errors.exists()
    score(bank, data, output=tmp_path / "out.csv")
    assert not errors.exists()


def test_rejected_rows_of_a_file_do_not_go_to_standard_output(bank: Bank, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="standard output"):
        score(bank, data, output=tmp_path / "out.csv", errors_file="-")


@pytest.mark.parametrize("content", ["", "{}", "mine"])
def test_a_success_that_names_no_files_of_this_run_is_not_its_own(
    content: str, bank: Bank, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "_SUCCESS").write_text(content)
    with pytest.raises(UsageError, match="exists"):
        score(bank, data, output=f"{folder}/")
    assert sorted(path.name for path in folder.iterdir()) == ["_SUCCESS"]


def test_a_second_run_into_a_folder_leaves_the_first_alone(bank: Bank, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with (
        Partial(folder / f".{RUN_NAME}.partial").held(),
        pytest.raises(NothingToDo, match="another run"),
    ):
        score(bank, data, output=f"{folder}/")
    score(bank, data, output=f"{folder}/")
    assert sorted(path.name for path in folder.iterdir()) == ["_SUCCESS", "rows.parquet"]


@pytest.mark.parametrize("moment", ["scorekit.batch.job.mark", "scorekit.batch.partial.Partial.remove"])
def test_a_run_killed_between_its_output_and_its_clean_up_is_seen_to_be_complete(
    moment: str, bank: Bank, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    target, partial = tmp_path / "out.csv", tmp_path / ".out.csv.partial"
    with monkeypatch.context() as patch:
        patch.setattr(moment, killed)
        # not even the folder goes, as it would where an exception is raised
        patch.setattr(Partial, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            score(bank, data, output=target)
    assert partial.exists()
    with pytest.raises(NothingToDo, match="complete already"):
        score(bank, data, output=target, resume=True)
    assert not partial.exists()


def test_what_is_left_of_a_file_that_is_done_is_cleaned_up(
    bank: Bank, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Partial) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Partial, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            score(bank, data, output=f"{folder}/")
    assert (folder / ".rows.parquet.partial").exists()
    assert score_files([str(data)], f"{folder}/", store=str(bank.store), options=JobOptions(resume=True))
    assert sorted(path.name for path in folder.iterdir()) == ["_SUCCESS", "rows.parquet"]


def test_an_output_may_have_as_long_a_name_as_the_disk_takes(bank: Bank, data: Path, tmp_path: Path) -> None:
    name = "n" * 245 + ".csv"
    assert len(score(bank, data, output=tmp_path / name, errors_file=str(tmp_path / "e.jsonl"))) == 100


def test_the_first_error_is_known_after_a_run_is_taken_up(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = bank.new.slice(0, 100)
    ages = pa.array(["x", *map(str, rows["age"].to_pylist()[1:60]), *["x"] * 40])
    bad = write(rows.set_column(rows.column_names.index("age"), "age", ages), tmp_path / "bad.csv")

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scorekit.batch.writing.PART_ROWS", 16)
        patch.setattr("scorekit.batch.publishing.join_parts", stopped)
        with pytest.raises(KeyboardInterrupt):
            score(bank, bad, output=tmp_path / "out.csv", chunk_rows=1)
    with pytest.raises(RowsRejected, match=r"the first: .*row 1, column 'age'"):
        score(bank, bad, output=tmp_path / "out.csv", chunk_rows=1, max_errors=10, resume=True)


def test_each_output_of_a_folder_tells_its_own_time(bank: Bank, data: Path, tmp_path: Path) -> None:
    other = write(bank.new.slice(0, 100), tmp_path / "more.parquet")
    result = score_files([str(data), str(other)], f"{tmp_path}/out/", store=str(bank.store))
    times = [output.seconds for output in result.outputs]
    assert all(times)
    assert sum(times) <= result.seconds


def test_small_chunks_do_not_make_small_parts(
    bank: Bank, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    monkeypatch.setattr("scorekit.batch.publishing.join_parts", lambda parts, *_, **__: made.extend(parts))
    with pytest.raises(FileNotFoundError):
        score(bank, data, output=tmp_path / "out.csv", chunk_rows=1)
    assert len(made) == 1
