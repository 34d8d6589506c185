"""Uploaded data lies where its job finds it, and nowhere when the job is over."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.jobs import Jobs, Uploads, dispatch, start_dispatcher
from scorekit.jobs import uploads as module
from tests.jobs.samples import request


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


def test_it_becomes_the_jobs(uploads: Uploads) -> None:
    job = uuid.uuid4().hex
    upload = uploads.begin("csv")
    upload.write(b"a,b\n")
    upload.write(b"1,2\n")
    described = upload.described()
    upload.become(uploads.of(job))
    assert Path(uploads.file(job, described)).read_bytes() == b"a,b\n1,2\n"
    assert described["size"] == 8
    upload.drop()
    assert uploads.file(job, described), "it was the job's already"
    uploads.remove(job)
    with pytest.raises(UsageError) as gone:
        uploads.file(job, described)
    assert gone.value.code == "upload_gone"
    assert list(uploads.folder.iterdir()) == []


def test_the_same_data_is_described_in_the_same_way(uploads: Uploads) -> None:
    first, second, other = (uploads.begin("jsonl") for _ in range(3))
    first.write(b"{}\n{}\n")
    second.write(b"{}\n")
    second.write(b"{}\n")
    other.write(b"{}\n")
    assert first.described() == second.described() != other.described()
    for upload in (first, second, other):
        upload.drop()
    assert list(uploads.folder.iterdir()) == []


def test_half_of_it_is_none(uploads: Uploads) -> None:
    job = uuid.uuid4().hex
    upload = uploads.begin("csv")
    upload.write(b"a,b\n")
    upload.become(uploads.of(job))
    with pytest.raises(UsageError, match="not here"):
        uploads.file(job, {**upload.described(), "size": 5})


def test_what_the_dead_left_is_swept_up(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    over, running, unknown = (uuid.uuid4().hex for _ in range(3))
    for job in (over, running, unknown):
        uploads.begin("csv").become(uploads.of(job))
    coming = uploads.begin("csv")
    (uploads.folder / "of somebody else").mkdir()
    known = {over: True, running: False}
    uploads.sweep(known.get)
    assert {path.name for path in uploads.folder.iterdir()} > {running, unknown, "of somebody else"}
    assert not uploads.of(over).exists()
    monkeypatch.setattr(module, "_LEFT_AFTER", -1.0)
    uploads.sweep(known.get)
    assert {path.name for path in uploads.folder.iterdir()} == {running, "of somebody else"}
    coming.drop()


def test_a_dispatcher_sweeps_again_and_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_BETWEEN_SWEEPS", 0.0)
    over = jobs.cancel(jobs.submit(request(), "ada")[0].id)
    dispatcher = start_dispatcher(jobs)
    try:
        jobs.uploads.begin("csv").become(jobs.uploads.of(over.id))
        until = time.monotonic() + 60
        while jobs.uploads.of(over.id).exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not jobs.uploads.of(over.id).exists()
    finally:
        dispatcher.close()
