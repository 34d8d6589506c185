"""Routes that call their dependencies themselves answer as FastAPI has them answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from scorekit.server.direct import DirectRoute
from scorekit.server.routes import score

Said = list[str]


async def first(request: Request) -> str:
    request.state.said.append("first")
    return request.headers["name"]


async def second(name: Annotated[str, Depends(first)], request: Request) -> str:
    request.state.said.append("second")
    return f"{name}, again {name}"


async def shaping() -> str:
    return "plain"


async def endpoint(
    request: Request,
    twice: Annotated[str, Depends(second)],
    once: Annotated[str, Depends(first)],
    shape: Annotated[str, Depends(shaping)],
) -> Response:
    request.state.said.append("endpoint")
    return Response(f"{twice}, {once}, {shape}")


async def of_the_request(request: Request) -> str:
    return request.headers["name"].upper()


async def of_a_header(other: Annotated[str, Header()] = "no other") -> str:
    return other


async def of_nothing_known(other) -> str:  # type: ignore[no-untyped-def]
    return str(other)


def in_a_thread() -> str:
    return "from a thread"


async def with_an_end(request: Request) -> AsyncIterator[str]:
    yield "open"
    request.state.said.append("closed")


class Shaping:
    def __init__(self, text: str = "made anew") -> None:
        self.text = text

    async def __call__(self, request: Request) -> str:
        return f"{self.text} {request.method}"

    def __str__(self) -> str:
        return self.text


async def uncached(name: Annotated[str, Depends(first, use_cache=False)]) -> str:
    return name


def make(route_class: type[APIRoute]) -> FastAPI:
    secured = [Depends(first), Security(HTTPBearer(auto_error=False))]
    router = APIRouter(prefix="/here", dependencies=secured, route_class=route_class)
    router.post("/answer")(endpoint)
    app = FastAPI()
    app.include_router(router)
    return app


def ask(app: FastAPI, override: Callable[..., Any] | None) -> tuple[bytes, int, Said]:
    """What a request is answered, and what was called in which order."""
    app.dependency_overrides = {shaping: override} if override is not None else {}
    said: Said = []
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/here/answer",
        "query_string": b"other=query",
        "headers": [(b"name", b"Ann"), (b"other", b"header")],
        "state": {"said": said},
    }
    asyncio.run(app(scope, receive, send))
    return sent[1]["body"], sent[0]["status"], said


@pytest.mark.parametrize(
    "override",
    [
        None,
        of_the_request,
        of_a_header,
        of_nothing_known,
        in_a_thread,
        with_an_end,
        Shaping,
        Shaping("an object"),
        uncached,
        second,
    ],
)
def test_it_answers_as_any_route_does(override: Callable[..., Any] | None) -> None:
    expected = ask(make(APIRoute), override)
    assert ask(make(DirectRoute), override) == expected
    assert expected[1] == 200
    assert "endpoint" in expected[2]


@pytest.mark.parametrize(
    ("override", "called"),
    [
        (shaping, True),
        (of_the_request, True),
        (Shaping("an object"), True),
        (second, True),
        (of_a_header, False),
        (of_nothing_known, False),
        (in_a_thread, False),
        (with_an_end, False),
        (Shaping, False),
        (uncached, False),
    ],
)
def test_what_needs_more_than_the_request_is_left_to_fastapi(
    override: Callable[..., Awaitable[Any]],
    called: bool,
) -> None:
    route = DirectRoute("/", endpoint)
    assert (route.steps({shaping: override}) is not None) == called


def test_what_replaces_a_dependency_may_change() -> None:
    app = make(DirectRoute)
    bodies = [ask(app, override)[0] for override in (None, of_the_request, with_an_end, None)]
    assert [body.rpartition(b", ")[2] for body in bodies] == [b"plain", b"ANN", b"open", b"plain"]


def test_the_routes_that_score_are_called_directly_and_let_in_first() -> None:
    assert [route.path for route in score.router.routes] == ["/v1/score/stream", "/v1/score/batch"]  # type: ignore[attr-defined]
    for route in score.router.routes:
        assert isinstance(route, DirectRoute)
        steps = route.steps({})
        assert steps is not None
        names = [getattr(key, "__name__", type(key).__name__) for key, _, _ in steps]
        expected = ["service_of", "caller_of", "HTTPBearer", "APIKeyHeader", "allowed", "shaping"]
        assert names == [*expected, route.endpoint.__name__]
