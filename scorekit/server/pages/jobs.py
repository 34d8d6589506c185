"""``/jobs``: what is trained, how far it is, and an end to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from scorekit.server import jobs
from scorekit.server.pages.rendering import PageRoute, go, show
from scorekit.server.pages.visits import Form, Here, Visit, visiting
from scorekit.server.routes.jobs import Id
from scorekit.state.jobs import Status

router = APIRouter(prefix="/jobs", route_class=PageRoute, include_in_schema=False)

LISTED = 30
"""Jobs of a page."""

SAID: Mapping[Status, str] = {
    "cancelled": "The job is cancelled.",
    "done": "The job has published its version, and is done.",
    "failed": "The job has failed before.",
}
"""What is said after a job was to be cancelled, by how it stands."""

Training = Annotated[Visit, visiting("train")]


@router.get("")
async def listed(
    request: Request,
    service: Here,
    visit: Training,
    before: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    said: str = "",
) -> Response:
    """Jobs, newest first."""
    found = await jobs.listed(service, limit=LISTED + 1, before=before)
    shown: dict[str, Any] = {
        "jobs": found[:LISTED],
        "older": found[LISTED - 1].id if len(found) > LISTED else None,
        "first": before is None,
        "told": [words for status, words in SAID.items() if status == said],
    }
    return await show(request, service, visit, "jobs", **shown)


@router.post("/{job_id}/cancel")
async def cancel(job_id: Id, service: Here, _: Form, visit: Training) -> Response:
    """Cancel a job."""
    job = await jobs.cancel(service, visit.caller, job_id)
    return go(f"/jobs?said={job.status}#job-{job.id}")
