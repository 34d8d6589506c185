"""One attempt in its process: what it publishes, its limits, and whoever ends it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from scorekit.jobs import AllowedPlaces, Ending, Job, Jobs, Limits, Uploads
from scorekit.jobs.attempt import Assignment
from scorekit.jobs.supervising import Supervision, memory_of
from scorekit.state import place
from scorekit.state.session import Session
from scorekit.store.versions import Ref, Store
from tests.jobs.samples import large, request
from tests.jobs.working import alive, children, wait_until
from tests.training.samples import made

LEASE = timedelta(seconds=2)


@pytest.fixture
def jobs(local_store: str, tmp_path: Path) -> Iterator[Jobs]:
    with Session(place.find(local_store)) as session:
        yield Jobs(session, Store.open(local_store), Uploads(tmp_path / "uploads"))


def claimed(jobs: Jobs, data: Path, **asked: object) -> Job:
    jobs.submit(request(data=[str(data)], **asked), "ada")
    job = jobs.claim("one", LEASE)
    assert job is not None
    return job


def supervision(
    jobs: Jobs, job: Job, data: Path, limits: Limits | None = None, stop: threading.Event | None = None
) -> Supervision:
    allowed = AllowedPlaces((str(data.parent),))
    assignment = Assignment(job, jobs.store.uri, jobs.uploads.folder, allowed, None)
    asked = stop or threading.Event()
    return Supervision(jobs, assignment, limits or Limits(), LEASE, asked.is_set)


def code(ending: Ending) -> str:
    return ending.error.code if ending.error is not None else ""


def test_it_publishes_what_was_asked_for(jobs: Jobs, rows: Path) -> None:
    job = claimed(jobs, rows, cv=2, seed=5)
    ending = supervision(jobs, job, rows).run()
    assert ending.how == "done", ending
    manifest = jobs.store.manifest(Ref("bank", 1))
    assert (manifest.job, manifest.recipe["seed"], manifest.metrics.folds) == (job.id, 5, 2)
    assert ending.result is not None
    assert ending.result["digest"] == manifest.digest
    assert jobs.get(job.id).version == 1
    assert jobs.store.history("bank")[0].by == "ada"


def test_an_error_of_the_data_is_told_without_its_values(jobs: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    secret = ["a very secret value"] * 60
    pq.write_table(made({"target": secret}), folder / "rows.parquet")
    job = claimed(jobs, folder / "rows.parquet")
    ending = supervision(jobs, job, folder / "rows.parquet").run()
    assert (ending.how, code(ending)) == ("failed", "constant_target")
    assert "secret" not in str(jobs.fail(job, ending.error).error)  # type: ignore[arg-type]


def test_an_error_is_no_longer_than_anybody_reads(jobs: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    pq.write_table(made({"x" * 100_000: range(60)}), folder / "rows.parquet")
    job = claimed(jobs, folder / "rows.parquet", target="aim")
    ending = supervision(jobs, job, folder / "rows.parquet").run()
    assert (ending.how, code(ending)) == ("failed", "missing_column")
    assert len(str(jobs.fail(job, ending.error).error)) < 3_000  # type: ignore[arg-type]


def test_an_error_names_a_file_without_its_folder(jobs: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "rows.parquet").write_bytes(b"PAR1 and no more")
    ending = supervision(jobs, claimed(jobs, folder / "rows.parquet"), folder / "rows.parquet").run()
    assert (ending.how, code(ending)) == ("failed", "format")
    assert ending.error is not None
    assert ending.error.message.startswith("rows.parquet: ")


def test_over_its_time_it_is_ended(jobs: Jobs, rows: Path) -> None:
    before = set(children(os.getpid()))  # other tests may have left servers that go on
    ending = supervision(jobs, claimed(jobs, rows), rows, Limits(seconds=0.2)).run()
    assert (ending.how, code(ending)) == ("failed", "job_timeout")
    assert not any(alive(child) for child in set(children(os.getpid())) - before)


def test_over_its_memory_it_is_ended(jobs: Jobs, rows: Path) -> None:
    ending = supervision(jobs, claimed(jobs, rows), rows, Limits(memory=16 * 1024**2)).run()
    assert (ending.how, code(ending)) == ("failed", "job_memory")
    assert ending.error is not None
    assert "16 MiB" in ending.error.message


def test_cancelled_it_is_ended(jobs: Jobs, tmp_path: Path) -> None:
    rows = large(tmp_path)
    job = claimed(jobs, rows, estimator="forest", params={"n_estimators": 100_000})
    threading.Thread(target=cancel_once_it_fits, args=(jobs, job)).start()
    assert supervision(jobs, job, rows).run().how == "cancelled"
    assert jobs.get(job.id).status == "cancelled"
    assert jobs.store.versions("bank") == []


def cancel_once_it_fits(jobs: Jobs, job: Job) -> None:
    wait_until(lambda: jobs.get(job.id).progress.get("stage") == "fit")
    jobs.cancel(job.id)


def test_stopped_it_is_ended_and_another_takes_it_up(jobs: Jobs, rows: Path) -> None:
    stop = threading.Event()
    stop.set()
    job = claimed(jobs, rows)
    assert supervision(jobs, job, rows, stop=stop).run().how == "stopped"
    assert jobs.put_back(job, counted=False)


def test_killed_it_has_crashed(jobs: Jobs, rows: Path) -> None:
    before = set(children(os.getpid()))

    def kill() -> None:
        wait_until(lambda: set(children(os.getpid())) - before)
        for child in set(children(os.getpid())) - before:
            os.kill(child, signal.SIGKILL)

    threading.Thread(target=kill).start()
    assert supervision(jobs, claimed(jobs, rows), rows).run().how == "crashed"


def test_taken_up_by_another_it_is_ended(jobs: Jobs, rows: Path) -> None:
    job = claimed(jobs, rows)
    assert jobs.put_back(job)
    assert jobs.claim("another", timedelta(hours=1)) is not None
    assert supervision(jobs, job, rows).run().how == "lost"
    assert jobs.store.versions("bank") == []


def test_memory_is_what_a_process_has_for_itself() -> None:
    held = memory_of(os.getpid())
    more = np.ones(64 * 1024**2, dtype=np.uint8)
    assert memory_of(os.getpid()) - held > 0.9 * len(more)
    assert memory_of(2**22 + 1) == 0
