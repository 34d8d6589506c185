"""The queue of jobs: what callers submit, see and cancel, and what workers claim and end."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Self

from scorekit.errors import (
    JobConflict,
    JobFailed,
    JobNotFound,
    ModelError,
    Refused,
    ScorekitError,
    Unreachable,
)
from scorekit.jobs.request import TrainRequest
from scorekit.jobs.results import result_of
from scorekit.jobs.uploads import Upload, Uploads
from scorekit.state.jobs import Held, Job, JobTable, NewJob, Status
from scorekit.state.session import Session
from scorekit.store.references import Ref
from scorekit.store.versions import Store

MOST_QUEUED = 1000
"""Jobs that wait at a time."""
MOST_ATTEMPTS = 5
RETRY_WAIT = timedelta(seconds=5)
"""Before a job is tried again whose store, data or database was not reached; four times as long each time."""
RETRY_AFTER = 60
"""Seconds after which who comes while too many wait may ask again."""
TRAIN = "train"


class LeaseLost(Exception):
    """Another worker has the job, or nobody may go on with it."""


class Jobs:
    """Jobs of a store, in its state.

    A job that is submitted becomes one version or none, whatever is killed on the way. Its
    number is reserved in the state before anything is published under it; whoever goes on with
    a job, or ends it, first sees whether an earlier attempt has published there, and closes the
    number to it if not.

    Parameters
    ----------
    session : Session
    store : Store
    uploads : Uploads
    most_attempts : int
        After which a job has failed whose process ended unexpectedly each time.
    """

    def __init__(
        self, session: Session, store: Store, uploads: Uploads, most_attempts: int = MOST_ATTEMPTS
    ) -> None:
        self.store = store
        self.uploads = uploads
        self.session = session
        self._table = JobTable(session)
        self._most_attempts = most_attempts

    def close(self) -> None:
        """Let go of the state."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    # ---- for callers

    def submit(
        self,
        request: TrainRequest,
        owner: str,
        idempotency_key: str | None = None,
        upload: Upload | None = None,
    ) -> tuple[Job, bool]:
        """Submit a job, unless the owner has under the same key.

        Parameters
        ----------
        request : TrainRequest
        owner : str
        idempotency_key : str, optional
        upload : Upload, optional
            The data, where it is uploaded; it is the job's from here on.

        Returns
        -------
        job : Job
        created : bool
            Whether it was submitted by this.

        Raises
        ------
        JobConflict
            If another request was submitted under the key.
        Refused
            If too many jobs wait.
        """
        asked: dict[str, Any] = request.model_dump(mode="json")
        if upload is not None:
            asked["upload"] = upload.described()
        new = NewJob(uuid.uuid4().hex, TRAIN, request.model, asked, owner, idempotency_key)
        if upload is not None:
            upload.become(self.uploads.of(new.id))
        written = self._table.write(new, MOST_QUEUED)
        created = written is not None and written.id == new.id
        if not created:
            self.uploads.remove(new.id)
        if written is None:
            raise Refused(f"{MOST_QUEUED:,} jobs wait already", retry_after=RETRY_AFTER, code="too_many_jobs")
        if written.request != asked:
            raise JobConflict(
                "another request was made under this idempotency key",
                hint="take another key for another request",
            )
        return written, created

    def get(self, job_id: str) -> Job:
        """A job as it stands.

        Raises
        ------
        JobNotFound
        """
        found = self._table.read(job_id)
        if found is None:
            raise JobNotFound("there is no such job")
        return found

    def list(
        self,
        model: str | None = None,
        status: Status | None = None,
        owner: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[Job]:
        """Jobs, newest first.

        Parameters
        ----------
        model, status, owner : str, optional
            What they have to have.
        limit : int
        before : str, optional
            Id of a job; those that were submitted before it are given.
        """
        return self._table.newest(model or "", status or "", owner or "", limit, before or "")

    def standing(self, job_ids: Collection[str]) -> Sequence[Job]:
        """Those of some jobs that there are, as they stand."""
        return self._table.read_all(job_ids)

    def counts(self) -> Mapping[Status, int]:
        """How many jobs stand at each status; none is left out."""
        return self._table.counts()

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that has published is done, and one that is over stays as it is.

        Raises
        ------
        JobNotFound
        """
        return self._end(job_id, "cancelled")

    def waiting(self) -> int:
        """How many jobs are queued."""
        return self._table.waiting()

    # ---- for workers

    def claim(self, worker: str, lease: timedelta) -> Job | None:
        """The oldest job that is queued, or whose worker does not say any more that it works on it.

        One that was tried often enough has failed.

        Parameters
        ----------
        worker : str
            Who claims it.
        lease : timedelta
            After which another may, unless it is extended.

        Raises
        ------
        Unreachable
            If the state or the store cannot be reached; that is no attempt.
        """
        while (job := self._table.claim(worker, lease)) is not None:
            try:
                published = job.version is not None and self.store.job_of(_reserved(job)) == job.id
            except Unreachable:
                self.put_back(job, RETRY_WAIT, counted=False)
                raise
            except ModelError as damaged:
                self._fail_by(job, damaged)
                continue
            if job.attempts <= self._most_attempts and not published:
                return job
            self.fail(job, crashed(self._most_attempts))
        return None

    def beat(self, job: Job, lease: timedelta, progress: Mapping[str, Any]) -> Held:
        """Extend the lease.

        Returns
        -------
        {"held", "cancelled", "lost"}
            Whether the job is still this worker's, was cancelled, or is another's.
        """
        return self._table.beat(job, lease, progress)

    def reserve(self, job: Job, number: int, instead_of: int | None = None) -> int:
        """Reserve a number for what a job publishes.

        Parameters
        ----------
        job : Job
        number : int
            What is free, as far as is known.
        instead_of : int, optional
            The number that was reserved, and is not to be had.

        Returns
        -------
        int
            What is reserved: that of an earlier attempt, where there was one.

        Raises
        ------
        LeaseLost
        """
        reserved = self._table.reserve(job, number, instead_of)
        if reserved is None:
            raise LeaseLost
        return reserved

    def finish(self, job: Job, version: int, result: Mapping[str, Any]) -> bool:
        """A job has published a version; whether it was still this worker's."""
        ended = self._table.end(job, "done", version=version, result=result)
        if ended:
            self.uploads.remove(job.id)
        return ended

    def fail(self, job: Job, error: ScorekitError) -> Job:
        """A job has failed, unless it has published, or is another worker's now."""
        return self._end(job.id, "failed", token=job.token, error=error)

    def put_back(self, job: Job, wait: timedelta = timedelta(0), *, counted: bool = True) -> bool:
        """Let another attempt begin.

        Parameters
        ----------
        job : Job
        wait : timedelta
            Before it.
        counted : bool
            Whether this one counts: it does not where it was stopped for no fault of the job's.
        """
        return self._table.put_back(job, wait, counted=counted)

    def try_later(self, job: Job, error: ScorekitError) -> None:
        """Let another attempt begin once what was not reached may be; the last one fails by that."""
        if job.attempts < self._most_attempts:
            self.put_back(job, RETRY_WAIT * 4 ** (job.attempts - 1))
        else:
            self.fail(job, error)

    def appoint(self, job: Job) -> None:
        """Make what a job has published champion: the first of its name, or where that was asked for.

        It happens once, however often it is said and whatever became champion since.
        """
        ref = _reserved(job)
        if job.request["promote"]:
            self.store.promote(ref, by=job.owner, why=f"job {job.id}", move=job.id)
        else:
            self.store.name_champion(ref.name, by=job.owner)

    def over(self, job_id: str) -> bool | None:
        """Whether a job is over; None where there is none."""
        found = self._table.read(job_id)
        return None if found is None else found.over

    # ---- ends

    def _end(
        self, job_id: str, status: Status, *, token: int | None = None, error: ScorekitError | None = None
    ) -> Job:
        """End a job without a version, if it has none.

        The number is closed first: an attempt that still runs may have been about to publish.
        """
        while True:
            job = self.get(job_id)
            if job.over or token not in (None, job.token):
                return job
            if job.version is not None and self._has_published(job):
                self._complete(job, job.version)
            elif self._table.end(job, status, version=job.version, error=_told(error)):
                self.uploads.remove(job_id)

    def _has_published(self, job: Job) -> bool:
        """Whether it has, and if not its number is closed; what is damaged there is no version."""
        try:
            return self.store.close(_reserved(job), job.id)
        except ModelError:
            return False

    def _fail_by(self, job: Job, error: ScorekitError) -> None:
        error.hide(self.store.uri, "the store")
        self.fail(job, error)

    def _complete(self, job: Job, version: int) -> None:
        """End a job that has published; what keeps it from becoming champion is said."""
        result = result_of(self.store.inspect(_reserved(job))[0])
        try:
            self.appoint(job)
        except Unreachable:
            raise
        except ScorekitError as refusal:
            refusal.hide(self.store.uri, "the store")
            result["not_promoted"] = refusal.message
        self.finish(job, version, result)


def crashed(attempts: int) -> JobFailed:
    """Of a job whose process did not say how it ended."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return JobFailed(
        f"the process of this job ended unexpectedly, and it was tried {times}",
        hint="the system may have ended it for want of memory; see its log",
    )


def _reserved(job: Job) -> Ref:
    return Ref(job.model, job.version or 0)


def _told(error: ScorekitError | None) -> Mapping[str, Any] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint}
