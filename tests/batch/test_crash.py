"""Killed, stopped, disk full, two at once: the old output or none, and nothing lost."""

from __future__ import annotations

import os
import random
import resource
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
from tests.conftest import Bank

CHUNK = "50"
"""Small chunks make many parts: a part is 16 of them."""


@pytest.fixture(scope="module")
def rows(bank: Bank) -> pa.Table:
    return pa.concat_tables([bank.new] * 3).combine_chunks()


def command(bank: Bank, *args: object) -> list[str]:
    parts = ["score", *args, "--store", bank.store, "--chunk-rows", CHUNK, "--passthrough", "age"]
    return [sys.executable, "-m", "scorekit", *map(str, parts)]


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


def small_files() -> None:
    """A limit on the size of a file stands for a full disk: the write fails in the middle."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_no_space_left_leaves_no_output_and_says_so(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data, target = write(rows, tmp_path / "rows.parquet"), tmp_path / "out.csv"
    done = subprocess.run(
        command(bank, data, "-o", target), capture_output=True, text=True, preexec_fn=small_files
    )
    assert done.returncode == 7
    assert "no space left while writing" in done.stderr
    assert not target.exists()
    again = subprocess.run(command(bank, data, "-o", target, "--resume"), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permissions")
def test_a_folder_that_may_not_be_written_to_is_named(bank: Bank, rows: pa.Table, tmp_path: Path) -> None:
    data = write(rows, tmp_path / "rows.parquet")
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    for path in [tmp_path, *tmp_path.parents, *bank.store.rglob("*"), *bank.store.parents]:
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)

    done = subprocess.run(
        command(bank, data, "-o", folder / "out.parquet"), capture_output=True, text=True, user=65534
    )
    assert done.returncode == 2, done.stderr
    assert "theirs cannot be written to" in done.stderr


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
