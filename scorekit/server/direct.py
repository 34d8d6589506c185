"""Routes that are asked a thousand times a second: their dependencies are called, not solved.

FastAPI finds out for every request anew what each dependency needs. Where all of them need the
request or each other and nothing besides, that is known from the start: they are put in order once,
and called one after the other. What replaces a dependency is put in order with the others; where one
of them needs more, FastAPI solves them as ever. Nothing else of a route changes, nor its documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

from fastapi import Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Call: TypeAlias = Callable[..., Any]
Overrides: TypeAlias = Mapping[Call, Call]
Steps: TypeAlias = list[tuple[Call, Callable[..., Awaitable[Any]], list[tuple[str, Any]]]]
"""What is called, and by which names it gets what was made before it."""


class DirectRoute(APIRoute):
    """A route that calls its dependencies itself, if they allow it.

    They are those of the route and of its router; ``include_router`` should add none.
    """

    def get_route_handler(self) -> Handler:
        """What answers a request."""
        solved: Handler = super().get_route_handler()
        chosen, known = solved, None

        async def handle(request: Request) -> Response:
            nonlocal chosen, known
            overrides: Overrides = request.app.dependency_overrides
            if overrides != known:
                steps, known = self.steps(overrides), dict(overrides)
                chosen = solved if steps is None else _caller(steps)
            return await chosen(request)

        return handle

    def steps(self, overrides: Overrides) -> Steps | None:
        """What is called, in its order; None if FastAPI has to see to it.

        Parameters
        ----------
        overrides : mapping
            What replaces dependencies.
        """
        steps: Steps = []
        try:
            for marker in self.dependencies:
                _add(steps, _wanted(marker), overrides)
            _add(steps, self.endpoint, overrides)
        except _NeedsMore:
            return None
        return steps


class _NeedsMore(Exception):
    """A dependency needs more than the request and other dependencies."""


def _caller(steps: Steps) -> Handler:
    """What calls one after the other."""

    async def call(request: Request) -> Response:
        made: dict[Any, Any] = {Request: request}
        for key, function, wanted in steps:
            made[key] = answer = await function(**{name: made[of] for name, of in wanted})
        response: Response = answer
        return response

    return call


def _add(steps: Steps, key: Call, overrides: Overrides) -> None:
    """Put a dependency behind those that it needs, once."""
    if any(known == key for known, _, _ in steps):
        return
    function = _coroutine(overrides.get(key, key))
    wanted = _needs(function)
    for _, of in wanted:
        if of is not Request:
            _add(steps, of, overrides)
    steps.append((key, function, wanted))


def _coroutine(call: Call) -> Callable[..., Awaitable[Any]]:
    """What may be awaited; anything else would take a thread, or has something to do afterwards."""
    if inspect.iscoroutinefunction(call):
        return call
    method = None if inspect.isclass(call) else getattr(call, "__call__", None)  # noqa: B004
    if inspect.iscoroutinefunction(method):
        return method
    raise _NeedsMore


def _needs(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """Names of parameters, and what each is to get: the request, or what a dependency makes."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        raise _NeedsMore from None
    return [(name, _need(hints.get(name))) for name in inspect.signature(function).parameters]


def _need(hint: Any) -> Any:
    if hint in (Request, HTTPConnection):
        return Request
    if get_origin(hint) is not Annotated:
        raise _NeedsMore
    markers = [marker for marker in get_args(hint)[1:] if isinstance(marker, Depends)]
    if len(markers) != 1:
        raise _NeedsMore
    return _wanted(markers[0])


def _wanted(marker: Depends) -> Call:
    """The dependency that a marker names, and nothing more about it."""
    if marker.dependency is None or marker != type(marker)(marker.dependency):
        raise _NeedsMore
    return marker.dependency
