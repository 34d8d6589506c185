"""``/v1/jobs``: how jobs stand, and an end to them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from scorekit.access import Caller
from scorekit.server import jobs, problems
from scorekit.server.documents import JOB, JOBS
from scorekit.server.security import caller_of, require
from scorekit.server.service import Service, service_of
from scorekit.state.jobs import Status

router = APIRouter(
    prefix="/v1/jobs",
    tags=["jobs"],
    dependencies=[require("train")],
    responses=problems.responses(401, 403, 404, 422, 429, 503),
)

Here = Annotated[Service, Depends(service_of)]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Wait = Annotated[bool, Query(description="Answer once the job is over, or `--timeout` has passed.")]
_OK: dict[int | str, dict[str, Any]] = {200: {"description": "The job", **JOB}}


@router.get("", responses={200: {"description": "Jobs", **JOBS}}, response_model=None)
async def list_jobs(
    service: Here,
    status: Annotated[Status | None, Query()] = None,
    model: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=jobs.MOST_LISTED)] = 50,
    before: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{32}$", description="Give those that were submitted before this one."),
    ] = None,
) -> dict[str, Any]:
    """Jobs, newest first; `next` is what `before` has to be for more."""
    found = await jobs.listed(service, model=model, status=status, limit=limit + 1, before=before)
    shown = found[:limit]
    return {
        "jobs": [jobs.job_json(job) for job in shown],
        "next": shown[-1].id if len(found) > limit else None,
    }


@router.get("/{job_id}", responses=_OK, response_model=None)
async def show_job(
    job_id: Id,
    request: Request,
    service: Here,
    *,
    wait: Wait = False,
) -> dict[str, Any]:
    """How a job stands."""
    job = await jobs.look(service, job_id)
    if wait:
        job = await service.waits.for_end(job, service.settings.limits.seconds, request.is_disconnected)
    return jobs.job_json(job)


@router.delete("/{job_id}", responses=_OK, response_model=None)
async def cancel_job(
    job_id: Id, service: Here, caller: Annotated[Caller, Depends(caller_of)]
) -> dict[str, Any]:
    """Cancel a job; one that has published its version is done, and one that is over stays as it is."""
    return jobs.job_json(await jobs.cancel(service, caller, job_id))
