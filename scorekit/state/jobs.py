"""Jobs in the state: the queue, and the truth about every job.

A worker *claims* a job for a time, its lease, and says within it that it still works. Each
claim raises the job's token, and whatever a worker writes holds only while the token is its
own: a worker that was away for too long can change nothing any more.

Leases are told by the clock of the database, which all workers share.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from scorekit.state.database import Cursor
from scorekit.state.moments import now, read_moment
from scorekit.state.session import Session

Status = Literal["queued", "running", "done", "failed", "cancelled"]
Held = Literal["held", "cancelled", "lost"]

STATUSES: tuple[Status, ...] = get_args(Status)
OVER: frozenset[Status] = frozenset({"done", "failed", "cancelled"})

_COLUMNS = """id, turn, kind, model, status, request, owner, idempotency_key, attempts, token, worker,
lease_until, heartbeat, version, progress, result, error, created, started, finished"""

WRITE_JOB = """
INSERT INTO scorekit_jobs
(id, turn, kind, model, status, request, owner, idempotency_key, attempts, token, progress, created)
SELECT :id, (SELECT COALESCE(MAX(turn), 0) + 1 FROM scorekit_jobs), :kind, :model, 'queued', :request,
:owner, :idempotency_key, 0, 0, '{}', :now
WHERE (SELECT COUNT(*) FROM scorekit_jobs WHERE status = 'queued') < :most
ON CONFLICT DO NOTHING"""
"""Unless as many wait as may; SQLite takes the conflict of a query only after its condition."""

READ_JOB = f"SELECT {_COLUMNS} FROM scorekit_jobs WHERE id = :id"  # noqa: S608 - constants

READ_JOB_OF_KEY = f"""
SELECT {_COLUMNS} FROM scorekit_jobs
WHERE owner = :owner AND idempotency_key = :idempotency_key"""  # noqa: S608 - constants

READ_JOBS = f"""
SELECT {_COLUMNS} FROM scorekit_jobs
WHERE (model = :model OR :model = '') AND (status = :status OR :status = '')
AND (owner = :owner OR :owner = '')
AND (:turn = 0 OR turn < :turn OR (turn = :turn AND id < :id))
ORDER BY turn DESC, id DESC LIMIT :limit"""  # noqa: S608 - constants

COUNT_WAITING = "SELECT COUNT(*) FROM scorekit_jobs WHERE status = 'queued'"

COUNT_JOBS = "SELECT status, COUNT(*) FROM scorekit_jobs GROUP BY status"

FIND_CLAIMABLE = """
SELECT id FROM scorekit_jobs
WHERE (status = 'queued' AND (lease_until IS NULL OR lease_until <= :now))
OR (status = 'running' AND lease_until <= :now)
ORDER BY turn, id LIMIT 1"""
"""One that was put back waits until its lease has run out, too."""

CLAIM_JOB = """
UPDATE scorekit_jobs
SET status = 'running', attempts = attempts + 1, token = token + 1, worker = :worker,
lease_until = :until, heartbeat = :now, started = COALESCE(started, :now), progress = '{}'
WHERE id = :id"""

BEAT_JOB = """
UPDATE scorekit_jobs SET lease_until = :until, heartbeat = :now, progress = :progress
WHERE id = :id AND token = :token AND status = 'running'"""

RESERVE_NUMBER = """
UPDATE scorekit_jobs SET version = :number
WHERE id = :id AND token = :token AND status = 'running' AND COALESCE(version, 0) = :before"""

PUT_BACK_JOB = """
UPDATE scorekit_jobs
SET status = 'queued', worker = NULL, lease_until = :until, attempts = attempts - :uncounted
WHERE id = :id AND token = :token AND status = 'running'"""

END_JOB = """
UPDATE scorekit_jobs
SET status = :status, result = :result, error = :error, finished = :now, lease_until = NULL,
token = token + 1
WHERE id = :id AND token = :token AND COALESCE(version, 0) = :version
AND status IN ('queued', 'running')"""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Attributes
    ----------
    id : str
    turn : int
        Counts the jobs as they were submitted.
    kind : str
        ``train``.
    model : str
    status : {"queued", "running", "done", "failed", "cancelled"}
    request : mapping
    owner : str
        Who submitted it.
    attempts : int
        How often it was begun.
    token : int
        Of the last lease.
    version : int or None
        Number that is reserved for what it publishes; where it is done, what it has published.
    progress : mapping
        What the attempt does: ``stage``, ``done``, ``total``, ``unit``.
    result, error : mapping or None
    created : datetime
    idempotency_key, worker : str or None
    lease_until, heartbeat, started, finished : datetime or None
    """

    id: str
    turn: int
    kind: str
    model: str
    status: Status
    request: Mapping[str, Any]
    owner: str
    attempts: int
    token: int
    created: datetime
    idempotency_key: str | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    heartbeat: datetime | None = None
    version: int | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be submitted."""

    id: str
    kind: str
    model: str
    request: Mapping[str, Any]
    owner: str
    idempotency_key: str | None = None


class JobTable:
    """Jobs of a state database.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._database = session.database

    def write(self, new: NewJob, most: int) -> Job | None:
        """Write a job down, unless so many wait.

        Returns
        -------
        Job or None
            The one that the same owner wrote under the same key before, where there is one, however
            many wait; None where it was not written.
        """
        values = {
            "id": new.id,
            "kind": new.kind,
            "model": new.model,
            "request": _json(new.request),
            "owner": new.owner,
            "idempotency_key": new.idempotency_key,
            "most": most,
        }

        def write(cursor: Cursor) -> Job | None:
            self._database.execute(cursor, WRITE_JOB, {**values, "now": self._clock(cursor)})
            found = self._one(cursor, READ_JOB, {"id": new.id})
            if found is None:
                key = {"owner": new.owner, "idempotency_key": new.idempotency_key}
                found = self._one(cursor, READ_JOB_OF_KEY, key)
            return found

        written = self._session.write(write)
        self._session.settle()
        return written

    def read(self, job_id: str) -> Job | None:
        """A job, if there is one of this id."""
        return self._session.read(lambda cursor: self._one(cursor, READ_JOB, {"id": job_id}))

    def read_all(self, job_ids: Collection[str]) -> list[Job]:
        """Those of some jobs that there are."""

        def read(cursor: Cursor) -> list[Job]:
            found = [self._one(cursor, READ_JOB, {"id": job_id}) for job_id in job_ids]
            return [job for job in found if job is not None]

        return self._session.read(read)

    def newest(
        self, model: str = "", status: str = "", owner: str = "", limit: int = 50, before: str = ""
    ) -> list[Job]:
        """Jobs, newest first; ``before`` is the id of one, and only older ones are given."""

        def read(cursor: Cursor) -> list[Job]:
            last = self._one(cursor, READ_JOB, {"id": before}) if before else None
            if before and last is None:
                return []
            after = {"turn": last.turn if last else 0, "id": before}
            values = {"model": model, "status": status, "owner": owner, "limit": limit, **after}
            self._database.execute(cursor, READ_JOBS, values)
            return [_job(row) for row in cursor.fetchall()]

        return self._session.read(read)

    def waiting(self) -> int:
        """How many are queued."""

        def count(cursor: Cursor) -> int:
            self._database.execute(cursor, COUNT_WAITING)
            return int(cursor.fetchone()[0])

        return self._session.read(count)

    def counts(self) -> dict[Status, int]:
        """How many stand at each status."""

        def count(cursor: Cursor) -> dict[Status, int]:
            self._database.execute(cursor, COUNT_JOBS)
            return {**dict.fromkeys(STATUSES, 0), **dict(cursor.fetchall())}

        return self._session.read(count)

    def claim(self, worker: str, lease: timedelta) -> Job | None:
        """The oldest job that is queued or was left, for a time; None where there is none."""
        skip = f"{self._database.for_update} SKIP LOCKED" if self._database.for_update else ""

        def claim(cursor: Cursor) -> Job | None:
            at = self._clock(cursor)
            self._database.execute(cursor, FIND_CLAIMABLE + skip, {"now": at})
            row = cursor.fetchone()
            if row is None:
                return None
            values = {"id": row[0], "worker": worker, "now": at, "until": at + lease}
            self._database.execute(cursor, CLAIM_JOB, values)
            return self._one(cursor, READ_JOB, {"id": row[0]})

        return self._session.write(claim)

    def beat(self, job: Job, lease: timedelta, progress: Mapping[str, Any]) -> Held:
        """Say that a job is worked on; whether it is still this worker's, who else has it, or nobody."""

        def beat(cursor: Cursor) -> Held:
            at = self._clock(cursor)
            values = {**_held(job), "now": at, "until": at + lease, "progress": _json(progress)}
            if self._changed(cursor, BEAT_JOB, values):
                return "held"
            found = self._one(cursor, READ_JOB, {"id": job.id})
            return "cancelled" if found is not None and found.status == "cancelled" else "lost"

        return self._session.write(beat)

    def reserve(self, job: Job, number: int, before: int | None = None) -> int | None:
        """Reserve a number in the place of another; gives what is reserved now, None for a lost lease."""

        def reserve(cursor: Cursor) -> int | None:
            values = {**_held(job), "number": number, "before": before or 0}
            if self._changed(cursor, RESERVE_NUMBER, values):
                return number
            found = self._one(cursor, READ_JOB, {"id": job.id})
            held = found is not None and (found.token, found.status) == (job.token, "running")
            return found.version if found is not None and held else None

        reserved = self._session.write(reserve)
        # a number that was published under and forgotten again by a failing disk would be followed by another
        self._session.settle()
        return reserved

    def put_back(self, job: Job, wait: timedelta, *, counted: bool) -> bool:
        """Let another attempt begin after a while; one that is not counted might have gone on."""

        def put_back(cursor: Cursor) -> bool:
            until = self._clock(cursor) + wait
            return self._changed(
                cursor, PUT_BACK_JOB, {**_held(job), "until": until, "uncounted": 0 if counted else 1}
            )

        return self._session.write(put_back)

    def end(
        self,
        job: Job,
        status: Status,
        *,
        version: int | None,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a job whose token and reserved number are still these; whether they were."""
        ending = {
            "status": status,
            "version": version or 0,
            "result": _json(result) if result is not None else None,
            "error": _json(error) if error is not None else None,
        }

        made: list[bool] = []

        def end(cursor: Cursor) -> None:
            values = {**_held(job), **ending, "now": self._clock(cursor)}
            made.append(self._changed(cursor, END_JOB, values))

        self._session.write(end)
        self._session.settle()
        return any(made)  # done again after a cut, it changes nothing more

    def _one(self, cursor: Cursor, statement: str, values: Mapping[str, Any]) -> Job | None:
        self._database.execute(cursor, statement, values)
        row = cursor.fetchone()
        return None if row is None else _job(row)

    def _changed(self, cursor: Cursor, statement: str, values: Mapping[str, Any]) -> bool:
        self._database.execute(cursor, statement, values)
        return bool(cursor.rowcount)

    def _clock(self, cursor: Cursor) -> datetime:
        """The time by the clock that all workers share: an embedded database is on this machine."""
        if self._database.embedded:
            return now()
        self._database.execute(cursor, "SELECT clock_timestamp()")
        return cast("datetime", read_moment(cursor.fetchone()[0]))


def _held(job: Job) -> dict[str, Any]:
    return {"id": job.id, "token": job.token}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _read_json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _job(row: Sequence[Any]) -> Job:
    named = dict(zip((name.strip() for name in _COLUMNS.split(",")), row, strict=True))
    for name in ("lease_until", "heartbeat", "created", "started", "finished"):
        named[name] = read_moment(named[name])
    for name in ("request", "progress", "result", "error"):
        named[name] = _read_json(named[name])
    return Job(**named)
