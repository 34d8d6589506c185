"""A job publishes one version, whoever else publishes, dies, or was believed dead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scorekit.jobs import Job, Jobs, Uploads
from scorekit.jobs.publication import Publication
from scorekit.jobs.queue import LeaseLost
from scorekit.state.session import Session
from scorekit.state.sqlite import Sqlite
from scorekit.store.manifest import Manifest
from scorekit.store.versions import Ref, Store
from tests.jobs.samples import request
from tests.store.example import files, manifest

LONG, NONE = timedelta(minutes=10), timedelta(0)


@pytest.fixture(params=["local", "s3"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    """Jobs of a store of each kind."""
    uri = str(tmp_path / "models")
    if request.param == "s3":
        uri = f"s3://{request.getfixturevalue('bucket')}/models"
    with Session(Sqlite(tmp_path / "state.db")) as session:
        yield Jobs(session, Store.open(uri), Uploads(tmp_path / "uploads"))


def claimed(jobs: Jobs, lease: timedelta = LONG, **asked: object) -> Job:
    if asked:
        jobs.submit(request(**asked), "ada")
    job = jobs.claim("one", lease)
    assert job is not None
    return job


def publish(jobs: Jobs, job: Job) -> Manifest:
    return Publication(jobs, job)(jobs.store, manifest(job.model), files(str(job.token)))


def foreign(jobs: Jobs) -> int:
    return jobs.store.publish(manifest(), files("foreign"), by="somebody").version


def whole(jobs: Jobs) -> list[int]:
    """Every version, all of whose files hold."""
    versions = jobs.store.versions("bank")
    assert all(jobs.store.verify(Ref("bank", version)).problems == () for version in versions)
    return versions


def test_it_publishes_under_the_number_that_is_reserved(jobs: Jobs) -> None:
    job = claimed(jobs, promote=False)
    published = publish(jobs, job)
    assert (published.version, published.job) == (1, job.id)
    assert jobs.get(job.id).version == 1
    assert jobs.store.manifest(Ref("bank", 1)) == published
    assert jobs.store.resolve("bank") == Ref("bank", 1)
    assert whole(jobs) == [1]


def test_where_others_have_the_number_it_takes_the_next(jobs: Jobs) -> None:
    job = claimed(jobs, promote=False)
    assert jobs.reserve(job, 1) == 1
    assert [foreign(jobs), foreign(jobs)] == [1, 2]
    assert publish(jobs, job).version == 3
    assert jobs.get(job.id).version == 3
    assert whole(jobs) == [1, 2, 3]


def test_an_attempt_that_was_believed_dead_publishes_nothing_more(jobs: Jobs) -> None:
    zombie = claimed(jobs, NONE, promote=False)
    assert jobs.reserve(zombie, 1) == 1
    second = claimed(jobs)
    version = publish(jobs, second).version
    with pytest.raises(LeaseLost):
        publish(jobs, zombie)
    assert whole(jobs) == [version]
    assert jobs.store.job_of(Ref("bank", version)) == second.id


def test_one_that_awakes_in_the_middle_of_publishing_publishes_nothing_more(jobs: Jobs) -> None:
    """Whatever it had already put where it goes; its lease was lost in between."""
    zombie = claimed(jobs, NONE, promote=False)
    assert jobs.reserve(zombie, 1) == 1
    objects = jobs.store._objects
    if jobs.store.uri.startswith("s3://"):
        assert objects._put_same("bank/.claims/1", f"{zombie.id}/{zombie.token}".encode())
        objects._put_files("bank", 1, files("zombie"))
    second = claimed(jobs)
    version = publish(jobs, second).version
    made = manifest(job=zombie.id)
    at_last = jobs.store.publish_at(1, made, files("zombie"), attempt=zombie.token)
    assert at_last is None
    assert whole(jobs) == [version]


def test_an_attempt_that_published_before_it_died_is_the_one(jobs: Jobs) -> None:
    """The second attempt was begun before the first one published."""
    zombie = claimed(jobs, NONE, promote=False)
    assert jobs.reserve(zombie, 1) == 1
    second = claimed(jobs)
    made = manifest(job=zombie.id)
    assert jobs.store.publish_at(1, made, files("zombie"), attempt=zombie.token) is not None
    published = publish(jobs, second)
    assert published.version == 1
    assert jobs.finish(second, 1, {})
    assert whole(jobs) == [1]


def test_cancelled_in_between_it_publishes_nothing(jobs: Jobs) -> None:
    job = claimed(jobs, promote=False)
    assert jobs.reserve(job, 1) == 1
    jobs.cancel(job.id)
    with pytest.raises(LeaseLost):
        publish(jobs, job)
    assert whole(jobs) == []
    assert foreign(jobs) == 2, "the number is closed, and that is all"
    assert jobs.store.resolve("bank") == Ref("bank", 2)


def test_what_others_are_publishing_is_not_closed_to_them(jobs: Jobs) -> None:
    first = claimed(jobs, promote=False)
    other = claimed(jobs, promote=True)
    assert (jobs.reserve(first, 1), jobs.reserve(other, 1)) == (1, 1)
    assert publish(jobs, first).version == 1
    assert jobs.cancel(other.id).status == "cancelled"
    assert jobs.cancel(first.id).status == "done"
    assert whole(jobs) == [1]


def test_it_is_promoted_once_whatever_is_champion_since(jobs: Jobs) -> None:
    foreign(jobs)
    job = claimed(jobs, NONE, promote=True)
    publish(jobs, job)
    assert jobs.store.resolve("bank").version == 2
    jobs.store.promote(Ref("bank", 1), by="ada", why="better")
    assert jobs.claim("two", LONG) is None, "it is done: it had published"
    assert jobs.get(job.id).status == "done"
    assert jobs.store.resolve("bank").version == 1
    moves = [(move.to_version, move.why) for move in jobs.store.history("bank")]
    assert moves == [(1, "first version"), (2, f"job {job.id}"), (1, "better")]


def test_a_number_that_is_closed_is_no_version(jobs: Jobs) -> None:
    store = jobs.store
    assert not store.close(Ref("bank", 1), "some job")
    assert not store.close(Ref("bank", 1), "some job")
    assert store.versions("bank") == []
    assert store.names() == []
    assert store.next_version("bank") == 2
    assert store.job_of(Ref("bank", 1)) is None
    assert foreign(jobs) == 2
    assert store.names() == ["bank"]
