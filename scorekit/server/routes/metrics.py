"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from scorekit.server.service import Service, service_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
async def metrics(service: Annotated[Service, Depends(service_of)]) -> Response:
    """Counters of all workers."""
    body, kind = await asyncio.to_thread(service.metrics.text)
    return Response(body, media_type=kind)
