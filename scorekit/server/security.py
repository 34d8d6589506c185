"""Who may call what, and how often."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from scorekit.access import Caller, Scope
from scorekit.errors import NotAuthenticated
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
    return await admitted(request, service, *shown)


async def admitted(
    request: Request, service: Service, authorization: str | None, api_key: str | None
) -> Caller:
    """Who shows a key or a token, as the headers of these names would hold it.

    Raises
    ------
    NotAuthenticated, Refused
        As ``caller_of`` has it.
    """
    host = request.client.host if request.client is not None else ""
    try:
        caller = await _identified(service, authorization, api_key)
    except NotAuthenticated:
        service.rates.hit(f"host:{host}")  # who guesses is told so no more often than others call
        raise
    service.rates.hit(caller.id if service.settings.auth else f"host:{host}")
    passing(request).facts["caller"] = caller.id
    return caller


async def _identified(service: Service, *shown: str | None) -> Caller:
    """Who shows it; the database or the issuer is asked in a thread."""
    caller = service.access.known(*shown)
    return caller if caller is not None else await asyncio.to_thread(service.access.identify, *shown)


def require(scope: Scope) -> Any:
    """A dependency that lets in who has a scope.

    Raises
    ------
    NotAllowed
    """

    async def allowed(
        caller: Annotated[Caller, Depends(caller_of)],
        _bearer: Annotated[Any, Security(_BEARER)],
        _api_key: Annotated[Any, Security(_API_KEY)],
    ) -> Caller:
        caller.require(scope)
        return caller

    return Depends(allowed)


_BEARER = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="An API key, or a token of the issuer."
)
_API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="api_key", description="An API key.")
"""For the OpenAPI document; what they show is read by ``caller_of``."""
