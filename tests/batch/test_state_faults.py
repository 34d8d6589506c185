"""A state that cannot be used counts as a switch that is open: nothing is published, nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.batch.passing import Pass
from scorekit.batch.run import ScoredChunk
from scorekit.batch.writing import Parts
from tests.batch.nights import CALM, Night
from tests.batch.test_batch import read
from tests.faults import without_privileges


def state_of(night: Night) -> Path:
    return night.store / ".scorekit" / "state.db"


def corrupt(file: Path) -> None:
    for beside in file.parent.iterdir():
        beside.unlink()
    file.write_bytes(b"no database" * 1000)


def newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE scorekit_revision SET version_num = '9999'")
    connection.close()


def emptied(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE scorekit_runs")
    connection.close()


@pytest.fixture
def begun(night: Night) -> Night:
    """A night before which there was another."""
    assert night.score(data="calm.parquet", output="before.parquet").code == 0
    (night.folder / "before.parquet").unlink()
    return night


@pytest.mark.parametrize("harm", [corrupt, newer, emptied])
@pytest.mark.parametrize("output", ["out.parquet", "-"])
def test_a_state_that_cannot_be_used_ends_the_run_before_anything_is_scored(
    harm: Callable[[Path], None], output: str, begun: Night
) -> None:
    harm(state_of(begun))
    done = begun.score(data="calm.parquet", output=output)
    assert done.code == 7
    assert done.out == ""
    assert "hint:" in done.err
    assert begun.made() == set()


def test_a_lock_that_is_never_let_go(begun: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorekit.state.database.PATIENCE", 0.2)
    with sqlite3.connect(state_of(begun), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        done = begun.score(data="calm.parquet")
        assert done.code == 7
        assert begun.made() == set()
        other.execute("ROLLBACK")
    other.close()
    assert begun.score(data="calm.parquet").code == 0


def test_a_server_that_is_not_there(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", "postgresql+psycopg://ann:secret@127.0.0.1:1/state")
    done = night.score(data="calm.parquet")
    assert done.code == 7
    assert "secret" not in done.err
    assert night.made() == set()


@pytest.mark.parametrize("begun_before", [True, False])
def test_a_store_that_may_not_be_written(begun_before: bool, night: Night) -> None:
    if begun_before:
        night.score(data="calm.parquet", output="before.parquet")
        (night.folder / "before.parquet").unlink()
    places = [night.store, *(path for path in night.store.rglob("*"))]
    for path in places:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        done = night.process("score", "calm.parquet", "-o", "out.parquet", preexec_fn=without_privileges)
    finally:
        for path in places:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o200)
    assert done.returncode == 7, done.stderr
    assert b"hint:" in done.stderr
    assert night.made() == set()


# in the middle of a run --------------------------------------------------------------


def away(night: Night) -> Callable[[], None]:
    """Take the state away; what is returned brings it back."""
    folder = state_of(night).parent
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    corrupt(state_of(night))

    def bring_back() -> None:
        shutil.rmtree(folder)
        kept.rename(folder)

    return bring_back


@pytest.fixture
def before_the_record(begun: Night, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Lose the state when the last row is counted."""
    brings: list[Callable[[], None]] = []
    count = Pass._count

    def lost(rows: Pass, chunk: ScoredChunk) -> None:
        count(rows, chunk)
        if rows.summary.rows == CALM and not brings:
            brings.append(away(begun))

    monkeypatch.setattr(Pass, "_count", lost)
    return brings


@pytest.fixture
def after_the_record(begun: Night, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Lose the state between the record and the output."""
    brings: list[Callable[[], None]] = []
    finish = Parts.finish

    def lost(parts: Parts, schema: pa.Schema) -> None:
        if not brings:
            brings.append(away(begun))
        finish(parts, schema)

    monkeypatch.setattr(Parts, "finish", lost)
    return brings


@pytest.mark.parametrize("moment", ["before_the_record", "after_the_record"])
@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_lost_in_the_middle_what_was_scored_is_kept_and_counted_once(
    moment: str, output: str, begun: Night, request: pytest.FixtureRequest
) -> None:
    brings = request.getfixturevalue(moment)
    done = begun.score("--id-column", "client", data="calm.parquet", output=output)
    (bring_back,) = brings
    bring_back()
    kept = output.replace("out", "out.quarantine")
    assert done.code == 7
    assert f"nothing was published, the scores are in {kept}" in done.err
    assert [int(row["client"]) for row in read(begun.folder / kept)] == list(range(CALM))
    held = {f".{output}.partial/{name}" for name in ("run.json", "owner.json", "lock")}
    assert begun.made() - {kept} <= held
    assert begun.score("--id-column", "client", data="calm.parquet", output=output).code == 0
    assert begun.made() == {kept, output}
    assert begun.counted() == (2 * CALM, 0), "once for the night before, once for this one"


def test_what_came_on_standard_input_is_kept_too(
    begun: Night, before_the_record: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del before_the_record
    begun.policy("[switch]\nwindows = 2\n")
    with (begun.folder / "calm.parquet").open("rb") as file, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", open(file.fileno(), closefd=False))  # noqa: SIM115
        done = begun.score("--run-id", "n1", data="-", output="-")
    assert done.code == 7
    assert done.out == ""
    assert len(read(begun.folder / "scorekit-n1.quarantine.jsonl")) == CALM


def test_lost_after_the_output_was_published_the_run_says_so_and_is_done(
    begun: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorekit.batch import publishing

    join = publishing.join_parts

    def lost(*args: Any, **named: Any) -> None:
        join(*args, **named)
        away(begun)

    monkeypatch.setattr(publishing, "join_parts", lost)
    done = begun.score(data="calm.parquet")
    assert done.code == 0
    assert "how the run ended was not written down" in done.err
    assert pq.read_metadata(begun.target).num_rows == CALM
