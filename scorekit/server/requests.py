"""What every request passes: an id, limits, the metrics, the log, and what no answer may lack."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal, get_args

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scorekit.errors import Refused, ScorekitError
from scorekit.server.bodies import bounded
from scorekit.server.logs import Log
from scorekit.server.metrics import Metrics
from scorekit.server.problems import answer, status_of
from scorekit.server.settings import Limits
from scorekit.server.traces import Traces

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
"""What stands in every answer."""

QUIET = frozenset(
    {"/livez", "/readyz", "/ping", "/health", "/metrics", "/v2/health/live", "/v2/health/ready"}
)
"""Routes that are asked every few seconds and are not worth a line of log each time."""


@dataclass(slots=True)
class Passing:
    """A request under way.

    Attributes
    ----------
    id : str
    method : str
    began : float
        By the monotonic clock.
    traceparent : str
        Of W3C's trace context: of the request's own span, or else what the caller sent.
    facts : dict
        What else the log should say of it.
    """

    id: str
    method: str
    began: float
    traceparent: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def passing(request: Request) -> Passing:
    """What is known of a request under way."""
    found: Passing = request.scope["scorekit"]
    return found


DATA = ("/v1/score/", "/v1/train", "/v2/", "/invocations")
"""Routes that take data and read it by limits of their own, once it is known who sends it."""


GRACE = 5.0
"""Seconds beyond its time after which a request is refused that has no limit of its own."""


class Requests:
    """Wraps the application.

    Parameters
    ----------
    app : ASGI application
    limits : Limits
    metrics : Metrics
    log : Log
    traces : Traces
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics, log: Log, traces: Traces) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._traces = traces
        self._counts = dict.fromkeys(get_args(_Kind), 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        under_way = _begun(scope, self._traces.traceparent())
        if scope["method"] == "HEAD":  # what GET would answer; the server leaves the content out
            scope = {**scope, "method": "GET"}
        scope["scorekit"] = under_way
        answering = _Answering(send, under_way.id)
        kind = _kind(scope["path"])
        self._counts[kind] += 1
        self._metrics.in_flight.inc()
        try:
            await self._pass(kind, scope, receive, answering)
        except Exception as error:  # noqa: BLE001 - the last place where a request can be answered
            await self._failed(error, under_way, scope, receive, answering)
        finally:
            self._counts[kind] -= 1
            self._metrics.in_flight.dec()
            self._tell(scope, under_way, answering.status)

    async def _pass(self, kind: _Kind, scope: Scope, receive: Receive, answering: _Answering) -> None:
        # each kind has places of its own: those of data are taken by nobody who is not known
        if kind != "probe" and self._counts[kind] > self._limits.concurrency:
            raise Refused("too many requests at a time", retry_after=1, code="busy")
        seconds = self._limits.seconds
        if kind == "data":
            seconds *= 2  # for the body, and for the answer
        else:
            receive = bounded(receive, seconds)
        try:
            async with asyncio.timeout(seconds + GRACE) as answering.limit:
                await self._app(scope, receive, answering.send)
        except TimeoutError:
            raise Refused("the request could not be answered in time", code="timeout") from None
        finally:
            answering.limit = None

    async def _failed(
        self, error: Exception, under_way: Passing, scope: Scope, receive: Receive, answering: _Answering
    ) -> None:
        if not isinstance(error, ScorekitError):
            self._log.fail(
                "failed", f"{type(error).__name__} was raised", request_id=under_way.id, path=scope["path"]
            )
            error = ScorekitError("scorekit failed in a way it should not")
        else:
            self._log.event(
                "refused", error.message, request_id=under_way.id, code=error.code, status=status_of(error)
            )
        if answering.status == 0:
            await answer(error, under_way.id, scope["path"])(scope, receive, answering.send)

    def _tell(self, scope: Scope, under_way: Passing, status: int) -> None:
        seconds = time.monotonic() - under_way.began
        route = getattr(scope.get("route"), "path", "")
        self._metrics.saw_request(route, under_way.method, status, seconds)
        if scope["path"] in QUIET:
            return
        trace: dict[str, Any] = {"traceparent": under_way.traceparent} if under_way.traceparent else {}
        self._log.event(
            "request",
            request_id=under_way.id,
            **trace,
            method=under_way.method,
            path=route or "unknown",
            status=status,
            seconds=round(seconds, 6),
            **under_way.facts,
        )


_Kind = Literal["data", "control", "probe"]


def _kind(path: str) -> _Kind:
    if path in QUIET:
        return "probe"
    return "data" if path.startswith(DATA) else "control"


class _Answering:
    """Sends an answer, with what no answer may lack."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id.encode()
        self.status = 0
        self.limit: asyncio.Timeout | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.limit is not None:
                self.limit.reschedule(None)  # however slowly it is read
            headers = list(message.get("headers", ()))
            named = {name for name, _ in headers}
            headers += [(name, value) for name, value in HEADERS if name not in named]
            message = {**message, "headers": [*headers, (b"x-request-id", self._id)]}
        await self._send(message)


def _begun(scope: Scope, traceparent: str) -> Passing:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    trace = headers.get(b"traceparent", b"").decode("latin-1")
    return Passing(
        given if _ID.fullmatch(given) else token_hex(16),
        scope["method"],
        time.monotonic(),
        traceparent or (trace if _TRACEPARENT.fullmatch(trace) else ""),
    )
