"""``/livez`` and ``/readyz``: whether a worker lives, and whether it can answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from scorekit import __version__
from scorekit.errors import Refused, ScorekitError
from scorekit.server import problems
from scorekit.server.service import Service, service_of

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, Any]:
    """Whether the worker lives; nothing is touched."""
    return {"status": "ok"}


@router.get("/readyz", responses=problems.responses(503))
async def ready(service: Annotated[Service, Depends(service_of)]) -> dict[str, Any]:
    """Whether it can answer: its models are verified and warmed, its database reachable and migrated."""
    try:
        # all of them read one database; asking it for every probe would pile up while it hangs
        for served in service.fleet:
            await served.watch.read()
    except ScorekitError as error:
        raise Refused(f"the state database cannot be used: {error.code}", code="not_ready") from None
    # one that was asked for by its number, too, is the same version
    return {"status": "ok", "models": list(dict.fromkeys(str(served.lane.ref) for served in service.fleet))}


@router.get("/version")
async def version() -> dict[str, Any]:
    """Which scorekit answers."""
    return {"version": __version__}
