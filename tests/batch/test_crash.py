"""Killed, stopped, disk full, two at once: the old output or none, and nothing lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.batch.test_batch import read, write
from tests.batch.test_remote import got, names
from tests.conftest import Bank
from tests.faults import full_disk

CHUNK = "50"
PROGRAM = """
import sys
from scorekit import cli
from scorekit.batch import writing

writing.PART_ROWS = 800
cli.main(sys.argv[1:])
"""
"""The command line with small parts, so that there are many."""


@pytest.fixture(scope="module")
def rows(bank: Bank) -> pa.Table:
    return bank.new


def command(bank: Bank, *args: object) -> list[str]:
    parts = ["score", *args, "--store", bank.store, "--chunk-rows", CHUNK, "--passthrough", "age"]
    return [sys.executable, "-c", PROGRAM, *map(str, parts)]


def start(bank: Bank, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(command(bank, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.01)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl.gz"])
def test_killed_at_any_moment_a_run_is_taken_up_and_ends_the_same(
    ending: str, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    whole, target = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    started = time.monotonic()
    subprocess.run(command(bank, data, "-o", whole), check=True, capture_output=True)
    takes = time.monotonic() - started
    chance = random.Random(7)
    kills = resumed = 0
    while not target.exists():
        process = start(bank, data, "-o", target, "--resume")
        try:
            # later and later, so that it ends; a part takes far less than the whole
            process.wait(timeout=takes * (0.3 + 0.5 * chance.random() + 0.02 * kills))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        error = process.communicate()[1]
        resumed += "taking up an earlier run" in error
        assert process.returncode in (0, -signal.SIGKILL), error
        assert target.exists() or process.returncode != 0
        assert kills < 60
    assert kills > 0, "the run was too short to be killed"
    assert resumed > 0, "no run was taken up"
    assert target.read_bytes() == whole.read_bytes() or read_any(target) == read_any(whole)
    subprocess.run(command(bank, data, "-o", target, "--resume"), capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["rows.parquet", whole.name, target.name]
    )


def read_any(path: Path) -> list[dict[str, object]]:
    if path.suffix != ".gz":
        return read(path)
    import gzip
    import json

    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_what_was_there_stays_until_the_new_output_is_complete(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    target.write_bytes(b"the old output")
    process = start(bank, data, "-o", target, "--force")
    wait_for(lambda: list(tmp_path.glob(".out.parquet.partial/part-*")), process)
    process.kill()
    process.wait()
    assert target.read_bytes() == b"the old output"


def test_a_run_of_other_input_is_not_taken_up(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    process = start(bank, data, "-o", target)
    wait_for((tmp_path / ".out.parquet.partial" / "state.json").exists, process)
    process.kill()
    process.wait()
    write(rows.slice(1), data)
    again = subprocess.run(command(bank, data, "-o", target, "--resume"), capture_output=True, text=True)
    assert again.returncode == 0
    assert "starting at the first row" in again.stderr
    assert pq.read_metadata(target).num_rows == rows.num_rows - 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal_it_leaves_by_its_code_and_can_go_on(
    number: int, code: int, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    process = start(bank, data, "-o", target)
    wait_for((tmp_path / ".out.parquet.partial" / "state.json").exists, process)
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "Traceback" not in error
    assert not target.exists()
    again = subprocess.run(command(bank, data, "-o", target, "--resume"), capture_output=True, text=True)
    assert again.returncode == 0
    assert "taking up an earlier run" in again.stderr


def test_two_runs_of_one_output_do_not_meet(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    first = start(bank, data, "-o", target)
    wait_for(lambda: list(tmp_path.glob(".out.parquet.partial/*")), first)
    second = subprocess.run(command(bank, data, "-o", target), capture_output=True, text=True)
    assert second.returncode == 99
    assert "another run" in second.stderr
    assert first.wait() == 0
    assert pq.read_metadata(target).num_rows == rows.num_rows


@pytest.mark.parametrize("part_rows", ["800", "100_000"], ids=["while joining", "while scoring"])
def test_no_space_left_leaves_no_output_and_says_so(
    part_rows: str, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.csv"
    python, option, program, *rest = command(bank, data, "-o", target)
    done = subprocess.run(
        [python, option, program.replace("800", part_rows), *rest],
        capture_output=True,
        text=True,
        # room for the state database, not for the output
        preexec_fn=full_disk(600_000),
    )
    assert done.returncode == 7
    assert "no space left while writing" in done.stderr
    assert not target.exists()
    again = subprocess.run(command(bank, data, "-o", target, "--resume"), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


def test_stdout_that_goes_away_is_no_error_worth_words(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    process = start(bank, data, "-o", "-", "--format", "jsonl")
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"age":')
    process.stdout.close()
    process.wait(timeout=60)
    assert process.returncode == 141
    assert process.stderr is not None
    assert "error" not in process.stderr.read().lower()


# Several inputs, folders, pipes, objects ------------------------------------------------


def kill_after_a_part(process: subprocess.Popen[str], partial: Path) -> None:
    """Kill a run that has something to be taken up."""
    wait_for((partial / "state.json").exists, process)
    process.kill()
    process.wait()


def parts_of(table: pa.Table, count: int, folder: Path, ending: str = "parquet") -> list[Path]:
    """A table in files of about as many rows each."""
    folder.mkdir(exist_ok=True)
    size = table.num_rows // count + 1
    return [
        write(table.slice(number * size, size), folder / f"part-{number}.{ending}") for number in range(count)
    ]


def test_several_inputs_into_one_output_are_gone_on_with_where_they_stopped(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    """Killed at a moment in each of the inputs, it ends as if it had not been."""
    small = rows.slice(0, 9000)
    inputs = [*parts_of(small, 3, tmp_path / "in"), write(rows.slice(9000, 50), tmp_path / "in" / "last.csv")]
    whole, target = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    subprocess.run(command(bank, *inputs, "-o", whole), check=True, capture_output=True)
    partial = tmp_path / ".out.jsonl.partial"
    reached: set[int] = set()
    for wanted in (0, 1, 2):
        process = start(bank, *inputs, "-o", target, "--resume")
        wait_for(lambda: source_reached(partial) >= wanted, process)  # noqa: B023 - called at once
        process.kill()
        process.wait()
        reached.add(source_reached(partial))
    done = subprocess.run(
        command(bank, *inputs, "-o", target, "--resume"), check=True, capture_output=True, text=True
    )
    assert len(reached) > 1, "it was not killed in more than one input"
    assert "taking up an earlier run" in done.stderr
    assert target.read_bytes() == whole.read_bytes()
    assert not partial.exists()


def source_reached(partial: Path) -> int:
    """Number of the input that a stopped run stands in; -1 before its first part."""
    try:
        return int(json.loads((partial / "state.json").read_text())["source"])
    except (FileNotFoundError, ValueError):
        return -1


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_folder_is_gone_on_with_file_by_file_and_success_comes_last(
    ending: str, bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    parts_of(rows.slice(0, 8000), 4, tmp_path / "in", ending)
    folder, whole = tmp_path / "out", tmp_path / "whole"
    started = time.monotonic()
    subprocess.run(command(bank, tmp_path / "in", "-o", f"{whole}/"), check=True, capture_output=True)
    takes = time.monotonic() - started
    kills = skipped = 0
    written: dict[Path, int] = {}
    while not (folder / "_SUCCESS").exists():
        process = start(bank, tmp_path / "in", "-o", f"{folder}/", "--resume")
        if not kills:
            wait_for((folder / ".scorekit-done.json").exists, process)
        try:
            process.wait(timeout=takes * (0.3 + 0.1 * kills) if kills else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        error = process.communicate()[1]
        skipped += error.count("is done already")
        assert process.returncode in (0, -signal.SIGKILL), error
        for path in folder.glob(f"part-*.{ending}"):
            # a file that is done is not made again
            assert written.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
        assert kills < 40
    assert skipped > 0, "what was done was done again"
    again = subprocess.run(
        command(bank, tmp_path / "in", "-o", f"{folder}/", "--resume"), capture_output=True
    )
    assert again.returncode == 99
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in whole.iterdir())
    for path in sorted(whole.glob("part-*")):
        assert read(folder / path.name) == read(path)
    again = subprocess.run(
        command(bank, tmp_path / "in", "-o", f"{folder}/", "--resume"), capture_output=True
    )
    assert again.returncode == 99


def test_a_folder_that_is_not_complete_is_not_called_so(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    parts_of(rows.slice(0, 9000), 3, tmp_path / "in")
    folder = tmp_path / "out"
    process = start(bank, tmp_path / "in", "-o", f"{folder}/")
    wait_for((folder / ".scorekit-done.json").exists, process)
    process.kill()
    process.wait()
    args = command(bank, tmp_path / "in", "-o", f"{folder}/")
    refused = subprocess.run(args, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "holds a run that did not end" in refused.stderr
    assert "--resume" in refused.stderr
    (folder / "part-0.parquet").unlink()
    subprocess.run([*args, "--resume"], check=True, capture_output=True)
    assert pq.read_metadata(folder / "part-0.parquet").num_rows == 3001
    parts_of(rows.slice(0, 1000), 3, tmp_path / "in")
    other = subprocess.run(args, capture_output=True, text=True)
    assert other.returncode == 2, "a folder made of other input passed for complete"
    assert "made of other input" in other.stderr
    assert subprocess.run([*args, "--force"], capture_output=True).returncode == 0


def test_a_list_of_files_that_is_cut_off_is_no_error(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    parts_of(rows.slice(0, 100), 2, tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".scorekit-done.json").write_text('{"part-0.par')
    args = command(bank, tmp_path / "in", "-o", f"{tmp_path / 'out'}/", "--resume")
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "part-0.parquet",
        "part-1.parquet",
    ]


def test_standard_input_cannot_be_gone_on_with_and_leaves_nothing_that_could(
    bank: Bank, rows: pa.Table, tmp_path: Path
) -> None:
    data, target = write(rows, tmp_path / "rows.csv"), tmp_path / "out.csv"
    args = command(bank, "-", "-o", target)
    with subprocess.Popen(args, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        header, _, body = data.read_text().partition("\n")
        process.stdin.write(header + "\n" + 9 * body)  # more than is read at once
        process.stdin.flush()
        wait_for(lambda: len(list((tmp_path / ".out.csv.partial").glob("part-*"))) > 1, process)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]
    with data.open() as file:
        refused = subprocess.run([*args, "--resume"], stdin=file, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "<stdin> can be read only once" in refused.stderr
    with data.open() as file:
        subprocess.run(args, stdin=file, check=True, capture_output=True)
    assert len(read(target)) == rows.num_rows


def test_an_output_on_s3_is_gone_on_with_and_is_seen_when_complete(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    data, uri = write(rows, tmp_path / "rows.parquet"), f"s3://{bucket}/out.parquet"
    process = start(bank, data, "-o", uri)
    wait_for(lambda: list((tmp_path / "tmp").glob("scorekit-*/*/state.json")), process)
    process.kill()
    process.wait()
    (mine,) = (tmp_path / "tmp").glob("scorekit-*")
    assert mine.stat().st_mode & 0o077 == 0, "others may read the rows"
    assert names(f"s3://{bucket}") == []
    done = subprocess.run(command(bank, data, "-o", uri, "--resume"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "taking up an earlier run" in done.stderr
    whole = tmp_path / "whole.parquet"
    subprocess.run(command(bank, data, "-o", whole), check=True, capture_output=True)
    assert read(got(uri, tmp_path)) == read(whole)
    assert list(mine.iterdir()) == []
    again = subprocess.run(command(bank, data, "-o", uri, "--resume"), capture_output=True, text=True)
    assert again.returncode == 99, again.stderr


def test_a_prefix_on_s3_is_gone_on_with_file_by_file(
    bank: Bank, rows: pa.Table, bucket: str, tmp_path: Path
) -> None:
    parts_of(rows.slice(0, 9000), 3, tmp_path / "in", "csv")
    args = (tmp_path / "in", "-o", f"s3://{bucket}/out/")
    process = start(bank, *args)
    wait_for(lambda: names(f"s3://{bucket}/out"), process)
    process.kill()
    process.wait()
    assert "_SUCCESS" not in names(f"s3://{bucket}/out")
    done = subprocess.run(command(bank, *args, "--resume"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(f"s3://{bucket}/out") == ["_SUCCESS", "part-0.csv", "part-1.csv", "part-2.csv"]
    assert (
        sum(len(read(got(f"s3://{bucket}/out/part-{number}.csv", tmp_path))) for number in range(3)) == 9000
    )
    again = subprocess.run(command(bank, *args, "--resume"), capture_output=True, text=True)
    assert again.returncode == 99, again.stderr
