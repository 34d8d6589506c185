"""Who may call what, and how often."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request

from scorekit.access import Caller, Scope
from scorekit.server.requests import passing
from scorekit.server.service import Service, service_of


async def caller_of(request: Request, service: Annotated[Service, Depends(service_of)]) -> Caller:
    """Who calls.

    Raises
    ------
    NotAuthenticated
        If nothing is shown, or what does not hold.
    Refused
        If they call too often.
    """
    shown = request.headers.get("authorization"), request.headers.get("x-api-key")
    caller = service.access.known(*shown)
    if caller is None:
        caller = await asyncio.to_thread(service.access.identify, *shown)
    host = request.client.host if request.client is not None else ""
    service.rates.hit(caller.id if service.settings.auth else host)
    passing(request).facts["caller"] = caller.id
    return caller


def require(scope: Scope) -> Any:
    """A dependency that lets in who has a scope.

    Raises
    ------
    NotAllowed
    """

    async def allowed(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        caller.require(scope)
        return caller

    return Depends(allowed)
