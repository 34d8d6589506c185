"""Files that may not be read or written, disks that are full, streams that are closed: each in a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scorekit.store.versions import Ref, Store
from tests.bad_input.shop import (
    NEW_ROWS,
    SECRET,
    TRAIN,
    TRAIN_ROWS,
    Row,
    Shop,
    as_csv,
    as_jsonl,
    as_parquet,
    column,
)
from tests.batch.test_crash import PROGRAM
from tests.conftest import scorekit
from tests.faults import closed, full_disk, without_privileges

CSV, NEW = as_csv(TRAIN_ROWS), as_csv(NEW_ROWS)
WRITERS: dict[str, Callable[[list[Row]], str | bytes]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}

DEV_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def refused(
    shop: Shop, args: str, code: int, says: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that fails with one line, and changes nothing."""
    there = shop.files()
    done = scorekit(
        *args.split(), cwd=shop.folder, preexec_fn=before, stdin=None if before else subprocess.DEVNULL
    )
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("note: ", "hint: "))]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"error: {says}"), done.stderr
    assert SECRET not in done.stderr
    assert shop.files() == there
    return done


# Permissions ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["score", TRAIN], ids=["score", "train"])
@pytest.mark.parametrize(
    ("locked", "named"), [("rows.csv", "rows.csv"), ("rows", "rows"), ("rows/deep", "rows")]
)
def test_what_may_not_be_read_is_named_and_never_left_out(
    locked: str, named: str, command: str, shop: Shop
) -> None:
    """A folder that may not be listed is no empty folder: its rows would be missing from the scores."""
    shop.write("rows.csv", CSV)
    shop.write("rows/a.csv", CSV)
    shop.write("rows/deep/b.csv", CSV)
    before = shop.files()
    (shop.folder / locked).chmod(0)
    done = scorekit(*command.split(), named, cwd=shop.folder, preexec_fn=without_privileges)
    (shop.folder / locked).chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {locked}: may not be read\nhint: ")
    assert shop.files() == before


def test_a_folder_that_may_not_be_written_to_is_refused_before_a_row_is_scored(shop: Shop) -> None:
    shop.write("theirs/rows.csv", NEW)
    (shop.folder / "theirs").chmod(0o555)
    refused(shop, "score theirs/rows.csv", 2, "the folder theirs cannot be written to", without_privileges)
    shop.write("rows.csv", NEW)
    command = "score rows.csv --errors-file theirs/errors.jsonl"
    refused(shop, command, 2, "the folder theirs cannot be written to", without_privileges)


def test_a_store_that_may_not_be_written_to_is_refused_before_anything_is_fitted(shop: Shop) -> None:
    shop.write("rows.csv", CSV)
    shop.write("theirs/readme", "")
    (shop.folder / "theirs").chmod(0o555)
    command = f"{TRAIN} rows.csv --store theirs/models --log-format json --verbose"
    done = scorekit(*command.split(), cwd=shop.folder, preexec_fn=without_privileges)
    assert done.returncode == 7, done.stderr
    assert "the store theirs/models cannot be used: Permission denied" in done.stderr
    assert '"message": "fit"' not in done.stderr


# A full disk ----------------------------------------------------------------------------


def small_parts(*args: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line with parts of a few rows."""
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, **kwargs)


def test_a_disk_that_is_full_of_scores_leaves_what_can_be_gone_on_with(shop: Shop) -> None:
    shop.write("rows.csv", as_csv(TRAIN_ROWS * 400))
    command = [
        "-c",
        PROGRAM.replace("800", "3200"),
        "score",
        "rows.csv",
        "--chunk-rows",
        "200",
        "--passthrough",
        "all",
    ]
    whole = small_parts(*command, "-o", "whole.csv", cwd=shop.folder)
    assert whole.returncode == 0, whole.stderr
    done = small_parts(*command, "-o", "out.csv", cwd=shop.folder, preexec_fn=full_disk(500_000))
    assert done.returncode == 7, done.stderr
    assert done.stderr == (
        "error: out.csv: no space left while writing; nothing was published\n"
        "hint: free some space, and go on with --resume\n"
    )
    assert not (shop.folder / "out.csv").exists()
    again = small_parts(*command, "-o", "out.csv", "--resume", cwd=shop.folder)
    assert again.returncode == 0, again.stderr
    assert "taking up an earlier run" in again.stderr
    assert (shop.folder / "out.csv").read_bytes() == (shop.folder / "whole.csv").read_bytes()
    assert sorted(shop.files()) == ["out.csv", "rows.csv", "whole.csv"]


@DEV_FULL
def test_no_output_is_published_whose_errors_could_not_be(shop: Shop) -> None:
    shop.write("rows.csv", as_csv(column("age", lambda k: SECRET if k == 1 else k, TRAIN_ROWS * 600)))
    command = "score rows.csv -o out.parquet --passthrough all --errors-file"
    for errors, limit, says in (
        ("/dev/full", None, "/dev/full: no space left while writing"),
        ("errors.jsonl", full_disk(250_000), "out.parquet: no space left while writing"),
    ):
        done = scorekit(*f"{command} {errors}".split(), cwd=shop.folder, preexec_fn=limit)
        assert done.returncode == 7, done.stderr
        assert done.stderr.startswith(f"error: {says}")
        assert SECRET not in done.stderr
        assert not {"out.parquet", "errors.jsonl"} & set(shop.files())
    again = scorekit(*f"{command} errors.jsonl --resume".split(), cwd=shop.folder)
    assert again.returncode == 0, again.stderr
    assert set(shop.files()) == {"rows.csv", "out.parquet", "errors.jsonl"}


def test_a_disk_that_is_full_of_a_version_holds_none_and_no_junk(shop: Shop) -> None:
    """The disk is full at the smallest file of a version, and at the largest."""
    shop.write("rows.csv", CSV)
    train = [*TRAIN.split(), "rows.csv", "--cv", "0"]
    assert shop.run(*train, "--store", "whole")[0] == 0
    version = shop.folder / "whole" / "rows" / "1"
    sizes = sorted(path.stat().st_size for path in version.rglob("*") if path.is_file())
    for size in (sizes[0], sizes[-1]):
        done = scorekit(*train, cwd=shop.folder, preexec_fn=full_disk(size - 1))
        assert done.returncode == 7, done.stderr
        assert done.stderr.splitlines()[0] == "error: the store made cannot be used: File too large"
        assert "free some space" in done.stderr.splitlines()[1]
        assert Store.open("made").names() == []
        assert {path.name for path in (shop.folder / "made").rglob("*")} <= {"rows", ".lock"}
    assert shop.run(*train)[0] == 0
    assert Store.open("made").verify(Ref("rows", 1)).ok


@DEV_FULL
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
def test_standard_output_that_is_full(form: str, shop: Shop) -> None:
    shop.write("rows.csv", NEW)
    for where in ("- > /dev/full", "/dev/full"):
        done = subprocess.run(
            f"{sys.executable} -m scorekit score rows.csv --format {form} -o {where}",
            shell=True,
            cwd=shop.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 7, done.stderr
        assert "no space left while writing" in done.stderr.splitlines()[0]
    assert list(shop.files()) == ["rows.csv"]


@DEV_FULL
def test_an_answer_that_finds_standard_output_full(shop: Shop) -> None:
    shop.write("rows.csv", NEW)
    command = f"{sys.executable} -m scorekit score rows.csv --json > /dev/full"
    done = subprocess.run(command, shell=True, cwd=shop.folder, capture_output=True, text=True)
    assert done.returncode == 7
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


# Streams --------------------------------------------------------------------------------


def test_standard_input_that_is_closed(shop: Shop) -> None:
    refused(shop, "score -", 2, "<stdin>: closed", closed(0))
    refused(shop, "score - --format csv -o out.csv", 2, "<stdin>: closed", closed(0))
    shop.write("rows.csv", NEW)
    done = scorekit("score", "rows.csv", cwd=shop.folder, preexec_fn=closed(0))
    assert done.returncode == 0, done.stderr


def test_standard_output_that_is_closed(shop: Shop) -> None:
    shop.write("rows.csv", NEW)
    refused(shop, "score rows.csv -o -", 2, "<stdout>: closed", closed(1))


def test_without_standard_error_a_run_still_does_its_work(shop: Shop) -> None:
    """Where a file took the number of a closed stream, what is said would be written into it."""
    shop.write("rows.csv", NEW)
    shop.write("bad.csv", "age\n1\n")
    for file, output, code in (("rows.csv", "out.jsonl", 0), ("bad.csv", "none.jsonl", 3)):
        done = scorekit("score", file, "-o", output, cwd=shop.folder, preexec_fn=closed(2))
        assert done.returncode == code
    assert len((shop.folder / "out.jsonl").read_text().splitlines()) == len(NEW_ROWS)
    assert "error" not in (shop.folder / "out.jsonl").read_text()


def test_empty_standard_input(shop: Shop) -> None:
    refused(shop, "score -", 3, "<stdin>: empty file")
    refused(shop, "score - -", 2, "<stdin>: stands twice among the inputs")
    refused(shop, "score - -o out.csv --resume", 2, "<stdin> can be read only once")


@pytest.mark.parametrize("way", ["stdin", "fifo"])
@pytest.mark.parametrize("form", list(WRITERS))
def test_what_comes_through_a_pipe_has_the_scores_of_a_file(form: str, way: str, shop: Shop) -> None:
    shop.write(f"rows.{form}", WRITERS[form](NEW_ROWS))
    assert shop.run("score", f"rows.{form}", "-o", "file.csv")[0] == 0
    if way == "stdin":
        command = f"cat rows.{form} | {sys.executable} -m scorekit score - -o piped.csv"
    else:
        os.mkfifo(f"pipe.{form}")
        command = (
            f"cat rows.{form} > pipe.{form} & {sys.executable} -m scorekit score pipe.{form} -o piped.csv"
        )
    done = subprocess.run(command, shell=True, cwd=shop.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (shop.folder / "piped.csv").read_bytes() == (shop.folder / "file.csv").read_bytes()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_pipe_takes_scores_as_a_file_does(form: str, shop: Shop) -> None:
    shop.write("rows.csv", NEW)
    os.mkfifo("pipe")
    command = f"cat pipe > got & {sys.executable} -m scorekit score rows.csv --format {form} -o pipe; wait"
    done = subprocess.run(command, shell=True, cwd=shop.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert shop.run("score", "rows.csv", "-o", f"file.{form}")[0] == 0
    got, expected = (shop.folder / "got").read_bytes(), (shop.folder / f"file.{form}").read_bytes()
    assert got == expected or form == "parquet"
    assert len(got) > len(NEW_ROWS)


def test_a_header_alone_through_a_pipe_gives_a_header(shop: Shop) -> None:
    done = scorekit("score", "-", cwd=shop.folder, input=NEW.splitlines()[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout == '"score","score_source","quality_flags","model_version"\n'


def test_other_rows_through_a_pipe_are_no_run_that_is_complete_already(shop: Shop) -> None:
    command = ("score", "-", "-o", "out.parquet")
    assert scorekit(*command, cwd=shop.folder, input=NEW).returncode == 0
    again = scorekit(*command, cwd=shop.folder, input=as_csv(NEW_ROWS[:3]))
    assert again.returncode == 2
    assert again.stderr.startswith("error: the output out.parquet exists")


def test_a_device_is_written_to_and_stays_a_device(shop: Shop) -> None:
    shop.write("rows.csv", NEW)
    for args in (["-o", "/dev/null", "--format", "csv"], ["--errors-file", "/dev/null", "--force"]):
        done = scorekit("score", "rows.csv", *args, cwd=shop.folder)
        assert done.returncode == 0, done.stderr
        assert Path("/dev/null").is_char_device()


def test_a_file_whose_name_is_not_utf_8(shop: Shop) -> None:
    name = os.fsdecode(b"rows-\xff.csv")
    (shop.folder / name).write_text(CSV)
    done = scorekit("score", name, "-o", "out.csv", cwd=shop.folder)
    assert done.returncode == 0, done.stderr
    done = scorekit(*TRAIN.split(), name, cwd=shop.folder)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: the name 'rows-\\udcff.csv' is not UTF-8")
    assert not (shop.folder / "made").exists()


def test_names_and_classes_in_brackets_are_shown_on_a_terminal_as_they_are(shop: Shop) -> None:
    """They look like the markup that colours a terminal."""
    rows = [{"[/]": "", "[red]x": k % 7, "again": "[/]" if k % 3 else "[bold]"} for k in range(60)]
    shop.write("rows.csv", as_csv(rows))
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "scorekit", *TRAIN.split(), "rows.csv", "--cv", "0"]
    with subprocess.Popen(
        command, cwd=shop.folder, stderr=theirs, env={**os.environ, "COLUMNS": "200"}
    ) as process:
        os.close(theirs)
        said = b""
        while piece := _read_terminal(ours):
            said += piece
    assert process.returncode == 0, said.decode()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert "column '[/]' is left out: every value is missing" in shown
    assert "the score speaks for [bold]" in shown


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody writes to it any more
        return b""


def test_a_run_that_is_stopped_ends_though_something_holds_on() -> None:
    code = (
        "import threading\nfrom scorekit import cli\n"
        "def run(*_):\n"
        "    try:\n        print('running', flush=True); threading.Event().wait()\n"
        "    finally:\n        threading.Event().wait()\n"
        "cli.load_command, cli.STOPS_WITHIN = run, 0.2\ncli.main(['doctor'])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.terminate()
        assert process.wait(timeout=60) == 143
