"""The application: one line for each kind of endpoint."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from scorekit import __version__
from scorekit.access import challenge
from scorekit.errors import CODES, FormatError, NotAllowed, NotAuthenticated, Refused, ScorekitError
from scorekit.server import problems
from scorekit.server.answers import installed_shaping, shaping
from scorekit.server.hosts import Hosts
from scorekit.server.logs import Log, listen
from scorekit.server.memory import share_arenas
from scorekit.server.pages import assets, model, overview, signing
from scorekit.server.pages import jobs as job_page
from scorekit.server.requests import QUIET, Requests, passing
from scorekit.server.routes import (
    health,
    inference,
    invocations,
    jobs,
    metrics,
    models,
    quality,
    score,
    switch,
    train,
)
from scorekit.server.service import Service
from scorekit.server.settings import ServeSettings

ROUTERS = (
    score.router,
    inference.router,
    invocations.router,
    train.router,
    jobs.router,
    models.router,
    quality.router,
    switch.router,
    health.router,
    metrics.router,
    overview.router,
    model.router,
    job_page.router,
    signing.router,
    assets.router,
)
"""Every kind of endpoint."""


def make_app(settings: ServeSettings) -> ASGIApp:
    """The service as an ASGI application.

    Raises
    ------
    UsageError
        If a setting cannot be used.
    """
    share_arenas()
    log = Log(quiet=settings.quiet)
    listen(log)
    service = Service(settings, log)
    app = FastAPI(
        title="scorekit",
        version=__version__,
        description="Scores by proved versions of models, and says how far they can be trusted.",
        lifespan=_lifespan,
        telemetry=service.traces.telemetry(QUIET),
        # nothing is loaded from elsewhere
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    instead = installed_shaping()
    if instead is not None:
        app.dependency_overrides[shaping] = instead
    app.add_exception_handler(ScorekitError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_route)
    # the last one comes first; outside of them FastAPI makes the span of a request
    app.add_middleware(Hosts, settings=settings)
    app.add_middleware(
        Requests, limits=settings.limits, metrics=service.metrics, log=log, traces=service.traces
    )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.log.event("started")
    _end_with_parent()
    try:
        await service.start()
    except ScorekitError as error:
        hint = {"hint": error.hint} if error.hint else {}
        service.log.fail("failed", error.message, code=error.code, **hint)
        raise
    try:
        yield
    finally:
        await service.stop()


def _end_with_parent() -> None:
    """Have a worker end once the process that has begun it is gone: it would keep the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop, gone = asyncio.get_running_loop(), parent.sentinel

        def end() -> None:
            loop.remove_reader(gone)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(gone, end)


async def _refused(request: Request, error: Any) -> Response:
    under_way = passing(request)
    service: Service = request.app.state.service
    problems.tell(service.log, error, under_way.id)
    error.hide(service.store.uri, "the store")
    shown = isinstance(error, NotAuthenticated) or (isinstance(error, NotAllowed) and error.scope)
    headers = {"WWW-Authenticate": challenge(error)} if shown else {}
    return problems.answer(error, under_way.id, request.url.path, headers)


async def _invalid(request: Request, error: Any) -> Response:
    """A parameter that is not as it should be: which one, and never its value."""
    under_way, refusal = passing(request), _refusal_of(error.errors()[0])
    problems.tell(request.app.state.service.log, refusal, under_way.id)
    return problems.answer(refusal, under_way.id, request.url.path)


def _refusal_of(first: Mapping[str, Any]) -> ScorekitError:
    within = first["loc"][1:]
    if first["type"] == "json_invalid":
        return FormatError(f"the body is not JSON at character {within[0] + 1}", code="invalid_json")
    if not within:
        return Refused("the body should be a JSON object, sent as application/json", code="invalid_parameter")
    place = ".".join(str(part) for part in within)
    return Refused(f"{place}: {first['msg']}", code="invalid_parameter")


async def _no_route(request: Request, error: Any) -> Response:
    code = _CODES.get(error.status_code, "refused")
    refusal = Refused(CODES[code].meaning, code=code)
    return problems.answer(refusal, passing(request).id, request.url.path, error.headers)


_CODES = {404: "no_such_route", 405: "no_such_method", 408: "body_too_slow", 413: "too_large"}
"""What is said of a request that no route has answered, by its status."""
