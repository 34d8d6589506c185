"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from scorekit.errors import ScorekitError
from scorekit.server.service import Service, service_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
async def metrics(service: Annotated[Service, Depends(service_of)]) -> Response:
    """Counters of all workers, the versions that score, and how many jobs the state knows."""
    service.metrics.scoring(served.lane.ref for served in service.fleet)
    with suppress(ScorekitError):  # a state that is away takes nothing else with it
        service.metrics.standing(await service.job_counts.answer())
    body, kind = await asyncio.to_thread(service.metrics.text)
    return Response(body, media_type=kind)
