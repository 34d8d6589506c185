"""Submitting, seeing, cancelling; claiming, keeping and ending: in a state of each kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scorekit.errors import DataError, JobConflict, JobNotFound, Refused, Unreachable
from scorekit.jobs import Job, Jobs, Uploads, queue
from scorekit.jobs.queue import LeaseLost
from scorekit.state import history, place
from scorekit.state.session import Session
from scorekit.store.versions import Ref, Store
from tests.jobs.samples import request
from tests.store.example import files, manifest

LONG, NONE = timedelta(minutes=10), timedelta(0)


def submit(jobs: Jobs, owner: str = "ada", key: str | None = None, **asked: object) -> Job:
    return jobs.submit(request(**asked), owner, key)[0]


def claimed(jobs: Jobs, worker: str = "one", lease: timedelta = LONG) -> Job:
    job = jobs.claim(worker, lease)
    assert job is not None
    return job


def publish(jobs: Jobs, job: Job) -> Job:
    """Publish as an attempt does; gives the job with its number."""
    number = jobs.reserve(job, jobs.store.next_version(job.model))
    made = manifest(job.model, job=job.id)
    assert jobs.store.publish_at(number, made, files(), attempt=job.token) is not None
    return replace(job, version=number)


def test_a_job_is_submitted_seen_carried_out_and_over(jobs: Jobs) -> None:
    job = submit(jobs, promote=True)
    assert (job.status, job.model, job.owner, job.attempts, job.version) == ("queued", "bank", "ada", 0, None)
    assert job.request["target"] == "target"
    running = publish(jobs, claimed(jobs))
    assert (running.id, running.status, running.attempts, running.worker) == (job.id, "running", 1, "one")
    assert jobs.claim("two", LONG) is None
    assert jobs.beat(running, LONG, {"stage": "fit", "done": 0}) == "held"
    assert jobs.get(job.id).progress == {"stage": "fit", "done": 0}
    jobs.appoint(running)
    assert jobs.finish(running, 1, {"version": 1})
    over = jobs.get(job.id)
    assert (over.status, over.version, over.result, over.over) == ("done", 1, {"version": 1}, True)
    assert over.created <= (over.started or over.created) <= (over.finished or over.created)
    assert jobs.store.resolve("bank") == Ref("bank", 1)


def test_the_oldest_comes_first_and_is_claimed_once(jobs: Jobs) -> None:
    submitted = [submit(jobs).id for _ in range(3)]
    assert [claimed(jobs, str(number)).id for number in range(3)] == submitted
    assert jobs.claim("four", LONG) is None


def test_workers_at_once_claim_each_job_once(jobs: Jobs, url: str, store: str) -> None:
    submitted = {submit(jobs).id for _ in range(20)}
    found: list[str] = []

    def work(number: int) -> None:
        with Session(place.find(url=url)) as session:
            own = Jobs(session, Store.open(store), Uploads(Path(store) / "uploads"))
            while (job := own.claim(f"worker {number}", LONG)) is not None:
                found.append(job.id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(submitted)


def test_a_key_stands_for_one_request_of_its_owner(jobs: Jobs) -> None:
    first, made = jobs.submit(request(), "ada", "k")
    again, made_again = jobs.submit(request(), "ada", "k")
    assert (made, made_again, again.id) == (True, False, first.id)
    with pytest.raises(JobConflict) as refused:
        jobs.submit(request(cv=2), "ada", "k")
    assert (refused.value.code, refused.value.http_status) == ("idempotency_conflict", 409)
    assert submit(jobs, "bob", "k").id != first.id
    assert submit(jobs, "ada").id != first.id
    assert len(jobs.list()) == 3


def test_a_key_is_good_for_the_same_upload(jobs: Jobs) -> None:
    def upload(data: bytes) -> tuple[Job, bool]:
        sent = jobs.uploads.begin("csv")
        sent.write(data)
        return jobs.submit(request(data=[]), "ada", "k", sent)

    first, _ = upload(b"a\n1\n")
    again, created = upload(b"a\n1\n")
    assert (again.id, created) == (first.id, False)
    with pytest.raises(JobConflict):
        upload(b"a\n2\n")
    assert [folder.name for folder in jobs.uploads.folder.iterdir()] == [first.id]
    jobs.cancel(first.id)
    assert list(jobs.uploads.folder.iterdir()) == []


def test_when_many_wait_no_more_are_taken_but_a_key_still_finds_its_job(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_QUEUED", 3)
    first = submit(jobs, key="k")
    submit(jobs)
    submit(jobs)
    sent = jobs.uploads.begin("csv")
    sent.write(b"a\n1\n")
    with pytest.raises(Refused) as refused:
        jobs.submit(request(data=[]), "ada", None, sent)
    assert (refused.value.code, refused.value.status) == ("too_many_jobs", 429)
    assert list(jobs.uploads.folder.iterdir()) == []
    assert submit(jobs, key="k").id == first.id
    claimed(jobs)
    submit(jobs)
    assert len(jobs.list()) == 4


def test_submitted_at_once_under_one_key_there_is_one_job(jobs: Jobs, url: str, store: str) -> None:
    made: list[tuple[str, bool]] = []

    def ask() -> None:
        with Session(place.find(url=url)) as session:
            job, created = Jobs(session, Store.open(store), Uploads(Path(store))).submit(
                request(), "ada", "k"
            )
            made.append((job.id, created))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len({job for job, _ in made}) == 1
    assert [created for _, created in made].count(True) == 1


def test_jobs_are_listed_newest_first_page_by_page(jobs: Jobs) -> None:
    submitted = [
        submit(jobs, "ada" if number % 2 else "bob", name=f"m{number % 3}").id for number in range(7)
    ]
    jobs.cancel(submitted[0])
    newest = submitted[::-1]
    assert [job.id for job in jobs.list()] == newest
    assert [job.id for job in jobs.list(limit=3)] == newest[:3]
    assert [job.id for job in jobs.list(limit=3, before=newest[2])] == newest[3:6]
    assert [job.id for job in jobs.list(before=newest[-1])] == []
    assert jobs.list(before="no such job") == []
    assert [job.id for job in jobs.list(model="m1")] == [submitted[4], submitted[1]]
    assert [job.id for job in jobs.list(status="cancelled")] == [submitted[0]]
    assert {job.owner for job in jobs.list(owner="bob")} == {"bob"}


def test_there_is_no_such_job(jobs: Jobs) -> None:
    for ask in (jobs.get, jobs.cancel):
        with pytest.raises(JobNotFound):
            ask("0" * 32)
    assert jobs.over("0" * 32) is None


# leases ------------------------------------------------------------------------------


def test_what_is_left_is_taken_up_and_the_first_can_change_nothing(jobs: Jobs) -> None:
    job = submit(jobs)
    first = claimed(jobs, "one", NONE)
    second = claimed(jobs, "two")
    assert (second.id, second.token, second.attempts) == (job.id, first.token + 1, 2)
    assert jobs.beat(first, LONG, {}) == "lost"
    with pytest.raises(LeaseLost):
        jobs.reserve(first, 1)
    assert not jobs.finish(first, 1, {})
    assert not jobs.put_back(first)
    assert jobs.fail(first, DataError("no")).status == "running"
    assert jobs.get(job.id) == second


def test_a_beat_extends_the_lease(jobs: Jobs) -> None:
    submit(jobs)
    job = claimed(jobs, "one", NONE)
    assert jobs.beat(job, LONG, {}) == "held"
    assert jobs.claim("two", LONG) is None
    assert jobs.beat(job, NONE, {}) == "held"
    assert jobs.claim("two", LONG) is not None


def test_what_is_put_back_waits_as_long_as_it_should(jobs: Jobs) -> None:
    submit(jobs)
    assert jobs.put_back(claimed(jobs), LONG)
    assert jobs.claim("two", LONG) is None
    assert jobs.waiting() == 1
    other = submit(jobs)
    assert jobs.put_back(claimed(jobs), NONE, counted=False)
    again = claimed(jobs)
    assert (again.id, again.attempts) == (other.id, 1)


def test_it_fails_when_it_was_tried_often_enough(jobs: Jobs) -> None:
    job = submit(jobs)
    for attempt in range(3):
        assert claimed(jobs, "one", NONE).attempts == attempt + 1
    assert jobs.claim("one", NONE) is None
    over = jobs.get(job.id)
    assert (over.status, (over.error or {})["code"]) == ("failed", "job_crashed")
    assert "tried 3 times" in (over.error or {})["message"]


def test_a_failure_keeps_what_was_said(jobs: Jobs) -> None:
    submit(jobs)
    over = jobs.fail(claimed(jobs), DataError("no rows", hint="add some", code="no_rows"))
    assert over.error == {"code": "no_rows", "message": "no rows", "hint": "add some"}


# cancelling --------------------------------------------------------------------------


def test_one_that_waits_is_cancelled(jobs: Jobs) -> None:
    job = submit(jobs)
    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.claim("one", LONG) is None


def test_one_that_runs_is_cancelled_and_its_worker_hears_it(jobs: Jobs) -> None:
    job = submit(jobs)
    running = claimed(jobs)
    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.beat(running, LONG, {}) == "cancelled"
    with pytest.raises(LeaseLost):
        jobs.reserve(running, 1)
    assert not jobs.finish(running, 1, {})


def test_one_that_was_about_to_publish_does_not_any_more(jobs: Jobs) -> None:
    running = claim_and_reserve(jobs)
    assert jobs.cancel(running.id).status == "cancelled"
    made = manifest(job=running.id)
    assert jobs.store.publish_at(1, made, files(), attempt=running.token) is None
    assert jobs.store.versions("bank") == []


def claim_and_reserve(jobs: Jobs) -> Job:
    submit(jobs)
    running = claimed(jobs)
    assert jobs.reserve(running, 1) == 1
    return running


@pytest.mark.parametrize("promote", [False, True])
def test_one_that_has_published_is_done(jobs: Jobs, promote: bool) -> None:
    jobs.store.publish(manifest(), files(), by="tests")
    job = submit(jobs, promote=promote)
    publish(jobs, claimed(jobs))
    over = jobs.cancel(job.id)
    assert (over.status, over.version) == ("done", 2)
    assert (over.result or {})["version"] == 2
    assert (over.result or {})["metrics"]["holdout"]["roc_auc"] == 0.75
    assert jobs.store.resolve("bank").version == (2 if promote else 1)


def test_one_whose_worker_died_after_publishing_is_done_with_that_version(jobs: Jobs) -> None:
    job = submit(jobs)
    publish(jobs, claimed(jobs, "one", NONE))
    assert jobs.claim("two", LONG) is None
    over = jobs.get(job.id)
    assert (over.status, over.version) == ("done", 1)
    assert jobs.store.versions("bank") == [1]


def test_one_that_cannot_become_champion_is_done_and_says_so(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job = submit(jobs, promote=True)
    publish(jobs, claimed(jobs, "one", NONE))
    card = Path(jobs.store.uri) / "bank/1/card.md"
    card.write_text("changed")
    assert jobs.claim("two", LONG) is None
    over = jobs.get(job.id)
    assert over.status == "done"
    told = (over.result or {})["not_promoted"]
    assert "was changed" in told
    assert jobs.store.uri not in told, "where the store is is nothing for who has asked"


@pytest.mark.parametrize("end", ["claim", "cancel"])
def test_one_whose_version_is_damaged_ends_without_it(jobs: Jobs, end: str) -> None:
    submit(jobs)
    job = publish(jobs, claimed(jobs, lease=NONE))
    (Path(jobs.store.uri) / "bank" / "1" / "manifest.json").write_text("{}")
    if end == "claim":
        assert jobs.claim("two", LONG) is None
    else:
        jobs.cancel(job.id)
    over = jobs.get(job.id)
    assert over.status == ("failed" if end == "claim" else "cancelled")
    assert (over.error is not None) == (end == "claim")
    assert jobs.store.uri not in str(over.error)


def test_what_cannot_be_reached_ends_nothing(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    running = claim_and_reserve(jobs)

    def fail(*_args: object) -> bool:
        raise Unreachable("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(jobs.store, "close", fail)
        with pytest.raises(Unreachable):
            jobs.cancel(running.id)
    assert jobs.get(running.id).status == "running"
    assert jobs.cancel(running.id).status == "cancelled"


def test_what_cannot_be_reached_takes_no_attempt(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    running = claim_and_reserve(jobs)
    assert jobs.put_back(running)

    def fail(*_args: object) -> str:
        raise Unreachable("the store does not answer")

    monkeypatch.setattr(queue, "RETRY_WAIT", NONE)
    with monkeypatch.context() as broken:
        broken.setattr(jobs.store, "job_of", fail)
        for _ in range(5):
            with pytest.raises(Unreachable):
                jobs.claim("two", LONG)
    assert jobs.get(running.id).status == "queued"
    assert claimed(jobs).attempts == 2


def test_one_that_never_reached_what_it_needs_says_so(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "RETRY_WAIT", NONE)
    job = submit(jobs)
    for attempt in range(3):
        running = claimed(jobs)
        assert running.attempts == attempt + 1
        jobs.try_later(running, Unreachable("the data does not answer"))
    over = jobs.get(job.id)
    assert (over.status, (over.error or {})["message"]) == ("failed", "the data does not answer")


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def test_jobs_that_are_over_are_pruned_and_others_are_kept(jobs: Jobs, url: str) -> None:
    over, running, waiting = submit(jobs), submit(jobs, name="running"), submit(jobs, name="waiting")
    jobs.cancel(over.id)
    assert claimed(jobs).id == running.id
    time.sleep(0.01)  # what ended in this very moment is not older than nothing
    assert history.prune(NONE, url=url).jobs == 1
    with pytest.raises(JobNotFound):
        jobs.get(over.id)
    assert {job.id for job in jobs.list()} == {running.id, waiting.id}
    assert submit(jobs).status == "queued"
