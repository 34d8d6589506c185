"""Jobs as callers submit, see and cancel them, whether a program or somebody at the page asks.

Who may train sees every job of the store: a key that takes the place of another has to see what
was submitted by that. Keys of idempotency are each caller's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from scorekit.access import Caller
from scorekit.jobs import Job, TrainRequest, Upload
from scorekit.server.service import Service
from scorekit.state.jobs import Status

MOST_LISTED = 200
"""Jobs of one answer."""


async def listed(
    service: Service,
    *,
    model: str | None = None,
    status: Status | None = None,
    limit: int = 50,
    before: str | None = None,
) -> Sequence[Job]:
    """Jobs, newest first.

    Parameters
    ----------
    service : Service
    model, status : str, optional
        What they have to have.
    limit : int
    before : str, optional
        Id of a job; those that were submitted before it are given.

    Raises
    ------
    Unreachable
        If the state cannot be read.
    """
    return await asyncio.to_thread(service.jobs.list, model, status, None, limit, before)


async def look(service: Service, job_id: str) -> Job:
    """A job as it stands.

    Raises
    ------
    JobNotFound
    Unreachable
        If the state cannot be read.
    """
    return await asyncio.to_thread(service.jobs.get, job_id)


async def cancel(service: Service, caller: Caller, job_id: str) -> Job:
    """Cancel a job; one that has published is done, and one that is over stays as it is.

    Raises
    ------
    JobNotFound
    Unreachable
        If the state, or the store that it may have published to, cannot be reached.
    """
    before = await look(service, job_id)
    after = await asyncio.to_thread(service.jobs.cancel, job_id)
    if after.status == "cancelled" and not before.over:
        service.log.event("job_cancelled", job=after.id, model=after.model, by=caller.id)
    return after


async def submit(
    service: Service, caller: Caller, request: TrainRequest, key: str | None, upload: Upload | None = None
) -> Job:
    """Submit a job, or find the one that the caller has submitted under the same key.

    Raises
    ------
    NotAllowed
        If the request names data that clients may not.
    JobConflict
        If another request was submitted under the key.
    Unreachable
        If the state cannot be written to.
    """
    for uri in request.data:
        service.allowed.check(uri)
    job, created = await asyncio.to_thread(service.jobs.submit, request, caller.id, key, upload)
    if created:
        service.log.event("job_submitted", job=job.id, model=job.model, by=caller.id)
    return job


def job_json(job: Job) -> dict[str, Any]:
    """A job as callers see it: nothing of the machines that work on it."""
    return {
        "id": job.id,
        "status": job.status,
        "model": job.model,
        "version": job.version if job.status == "done" else None,
        "owner": job.owner,
        "attempts": job.attempts,
        "progress": dict(job.progress) if job.status == "running" else None,
        "result": job.result,
        "error": job.error,
        "created": _moment(job.created),
        "started": _moment(job.started),
        "finished": _moment(job.finished),
        "request": dict(job.request),
    }


def _moment(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()
