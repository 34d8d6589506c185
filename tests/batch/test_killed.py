"""What a killed or failed run leaves: the record says how it ended, and nothing stays that nobody needs."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from scorekit.batch.partial import scratch
from scorekit.monitoring import examine
from scorekit.state.history import PastRun, read
from tests.batch.nights import DRIFTED, FALLBACK, Night
from tests.batch.test_switch import killed_at

ARGS = ("score", "drifted.parquet", "-o", "out.parquet")


def recorded(night: Night) -> list[PastRun]:
    return list(read("bank", store_uri=str(night.store)).runs)


def outcomes(night: Night) -> list[str]:
    return [run.outcome for run in recorded(night)]


# the record --------------------------------------------------------------------------


def test_a_folder_of_which_a_later_file_fails_is_recorded_with_what_was_published(night: Night) -> None:
    (night.folder / "in").mkdir()
    (night.folder / "in" / "a.parquet").write_bytes((night.folder / "drifted.parquet").read_bytes())
    (night.folder / "in" / "b.parquet").write_bytes(b"PAR1 and nothing else")
    assert night.score(data="in", output="out/").code == 3
    (run,) = recorded(night)
    assert (run.outcome, run.rows) == ("failed", DRIFTED)
    report = night.command("quality", "report", "-m", "bank", "-o", "report.html")
    assert report.code == 0
    assert f"after {DRIFTED:,} rows were published" in (night.folder / "report.html").read_text()


def test_a_run_that_was_killed_is_recorded_as_failed_by_the_next_one(night: Night) -> None:
    killed_at(night, "job", "Parts.write", *ARGS)
    assert outcomes(night) == ["running"]
    assert night.command(*ARGS).code == 0
    assert outcomes(night) == ["failed", "published"]
    assert recorded(night)[0].finished is None, "nobody knows when"


def test_one_that_had_counted_its_rows_goes_on_as_the_same_run(night: Night) -> None:
    killed_at(night, "job", "Gate.decide", *ARGS, after=True)
    assert outcomes(night) == ["running"]
    assert night.command(*ARGS).code == 0
    assert outcomes(night) == ["published"]


@pytest.mark.parametrize(("policy", "outcome"), [("", "published"), (FALLBACK, "degraded")])
def test_one_that_had_published_is_recorded_so_when_it_is_asked_for_again(
    policy: str, outcome: str, night: Night
) -> None:
    night.policy(policy)
    killed_at(night, "publishing", "join_parts", *ARGS, after=True)
    assert night.command(*ARGS).code == 99
    assert outcomes(night) == [outcome]


def test_one_that_was_killed_as_it_began_to_publish_is_not_taken_for_published(night: Night) -> None:
    night.target.write_bytes(b"yesterday's")
    killed_at(night, "publishing", "join_parts", *ARGS, "--force")
    assert night.score("--force", data="calm.parquet").code == 0
    assert outcomes(night) == ["failed", "published"]


def test_a_folder_that_was_killed_is_recorded_by_the_next_run_of_it(night: Night) -> None:
    (night.folder / "in").mkdir()
    (night.folder / "in" / "a.parquet").write_bytes((night.folder / "drifted.parquet").read_bytes())
    args = ("score", "in", "-o", "out/")
    killed_at(night, "folder", "_Done.finish", *args)
    assert night.command(*args, "--force").code == 0
    assert outcomes(night) == ["failed", "published"]
    killed_at(night, "folder", "_Done.finish", *args, "--force", after=True)
    assert night.command(*args).code == 99
    assert outcomes(night)[-1] == "published"


def test_the_report_says_that_a_run_has_not_ended(night: Night) -> None:
    killed_at(night, "publishing", "join_parts", *ARGS)
    assert night.command("quality", "report", "-m", "bank", "-o", "report.html").code == 0
    assert "The run has not ended" in (night.folder / "report.html").read_text()


def test_who_monitors_hears_of_it_once(night: Night) -> None:
    killed_at(night, "job", "Parts.write", *ARGS)
    assert night.command(*ARGS).code == 0
    said = examine("bank", store=str(night.store)).facts
    assert not [fact for fact in said if "has not ended" in fact or "was failed" in fact]


# what lies about ---------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where outputs that go to a pipe are kept back."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / f"scorekit-{os.getuid()}"


def test_what_a_killed_run_into_a_pipe_left_is_removed_by_the_next_one(night: Night, folders: Path) -> None:
    night.policy("[switch]\nwindows = 100\n")
    args = ("score", "drifted.parquet", "-o", "-", "--format", "csv")
    killed_at(night, "job", "Gate.decide", *args)
    (left,) = folders.iterdir()
    assert any(left.iterdir())
    assert night.process(*args).returncode == 0
    assert left.exists(), "so new that its run might not have locked it yet"
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    assert night.process(*args).returncode == 0
    assert list(folders.iterdir()) == []


def test_what_a_run_holds_stays_however_old_it_is(folders: Path) -> None:
    with scratch() as held:
        os.utime(held.folder, (0, 0))
        with scratch():
            assert held.folder.exists()
    assert list(folders.iterdir()) == []
