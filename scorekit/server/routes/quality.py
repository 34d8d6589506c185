"""``/v1/quality``: past verdicts, and the report."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse

from scorekit import reporting, switches
from scorekit.render_state import history_json
from scorekit.server import problems
from scorekit.server.security import require
from scorekit.server.service import Service, service_of
from scorekit.store.references import check_name

router = APIRouter(
    prefix="/v1/quality",
    tags=["quality"],
    dependencies=[require("score")],
    responses=problems.responses(400, 401, 403, 404, 409, 422, 429, 503),
)

Here = Annotated[Service, Depends(service_of)]
Last = Annotated[int, Query(ge=1, le=1000)]


@router.get("/{name}")
async def history(name: str, service: Here, last: Last = 30) -> dict[str, Any]:
    """The last windows of a model as they were judged, newest last."""
    found = await asyncio.to_thread(switches.history, check_name(name), last=last, store=service.store.uri)
    told = history_json(found)
    # no place on the machine is told
    del told["database"]
    for run in told["runs"]:
        del run["output"]
    return told


@router.get("/{name}/report", response_class=HTMLResponse)
async def report(name: str, service: Here, last: Last = 30) -> HTMLResponse:
    """The report on the last window and those before, as one page."""
    _, page = await asyncio.to_thread(
        reporting.make_report,
        check_name(name),
        store=service.store.uri,
        policy=service.settings.policy,
        last=last,
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""A report holds its style and loads nothing."""
