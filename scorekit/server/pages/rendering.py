"""From a template to an answer, and from an error to a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scorekit import __version__
from scorekit.errors import NotAuthenticated, ScorekitError
from scorekit.quality import report_text
from scorekit.quality.report_svg import MARKS
from scorekit.render_manifest import metric_name, number
from scorekit.server import problems
from scorekit.server.pages.assets import SCRIPT, SIGN, STYLE_SHEET
from scorekit.server.pages.sessions import drop_cookie, set_cookie
from scorekit.server.pages.visits import Visit
from scorekit.server.requests import passing
from scorekit.server.service import Service

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""A page holds no style and no script, and loads ours only."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    # no address is told to other sites; a form says where it comes from all the same
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every page is sent with, besides what every answer is."""


async def show(
    request: Request, service: Service, visit: Visit, template: str, /, status: int = 200, **shown: Any
) -> Response:
    """A page; it is made in a thread, where it holds up no scores."""
    told = {**shown, "visit": visit, "token": service.sessions.token(visit.id), "asks": service.settings.auth}
    made = HTMLResponse(await asyncio.to_thread(_render, template, told), status, HEADERS)
    if visit.new:
        set_cookie(made, request, "visitor", visit.id)
    return made


def go(place: str) -> Response:
    """To another page, after a form was sent."""
    return RedirectResponse(place, HTTPStatus.SEE_OTHER, HEADERS)


# Templates ---------------------------------------------------------------------------


def _render(template: str, shown: Mapping[str, Any]) -> str:
    return _environment().get_template(f"{template}.html").render(shown, now=datetime.now(UTC))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        marks=MARKS, version=__version__, style=STYLE_SHEET.path, script=SCRIPT.path, sign=SIGN.path
    )
    made.filters.update(
        badge=report_text.badge,
        mark=report_text.mark,
        count=report_text.count,
        share=report_text.share,
        figure=report_text.figure,
        moment=report_text.moment,
        ago=ago,
        metric=metric_name,
        number=number,
        rate=rate,
        sentence=sentence,
        duration=duration,
    )
    return made


def _printable(value: object) -> object:
    """What no page may hold is replaced in texts; what is HTML is left as it is."""
    return report_text.printable(value) if type(value) is str else value


def sentence(said: str) -> str:
    """What is said of an error, as a sentence.

    Examples
    --------
    >>> sentence("too many requests")
    'Too many requests.'
    """
    return f"{said[:1].upper()}{said[1:]}."


def duration(seconds: float) -> str:
    """A time for people, to the second.

    Examples
    --------
    >>> duration(0.2), duration(59.6), duration(3661)
    ('0 s', '1 min 0 s', '1 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole // 60 % 60} min"
    )


def rate(each_second: float) -> str:
    """A rate, to as many digits as tell something.

    Examples
    --------
    >>> rate(1090.91), rate(4.4567), rate(0.0)
    ('1,091', '4.46', '0')
    """
    return f"{each_second:,.0f}" if each_second >= 100 else f"{each_second:.3g}"


def ago(then: datetime, now: datetime) -> str:
    """How long ago something was, in words.

    Examples
    --------
    >>> from datetime import timedelta
    >>> now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    >>> [ago(now - timedelta(minutes=some), now) for some in (0.2, 1, 59, 60, 2880)]
    ['just now', '1 minute ago', '59 minutes ago', '1 hour ago', '2 days ago']
    """
    minutes = int((now - then).total_seconds() // 60)
    for size, noun in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            many = minutes // size
            return f"{many:,} {noun}{'s' if many > 1 else ''} ago"
    return "just now"


# Errors ------------------------------------------------------------------------------


class PageRoute(APIRoute):
    """A route whose errors are pages, for who asks for pages."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """What answers, and what answers where that fails."""
        answer = super().get_route_handler()

        async def answer_page(request: Request) -> Response:
            try:
                return await answer(request)
            except ScorekitError as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                return await _failed(request, error)

        return answer_page


async def _failed(request: Request, error: ScorekitError) -> Response:
    service: Service = request.app.state.service
    under_way = passing(request)
    problems.tell(service.log, error, under_way.id)
    error.hide(service.store.uri, "the store")
    if isinstance(error, NotAuthenticated):
        return _to_sign_in(request)
    told = problems.problem(error, under_way.id)
    headers = {**HEADERS, **problems.headers_of(error)}
    shown = {"problem": told, "visit": None, "asks": service.settings.auth}
    return HTMLResponse(await asyncio.to_thread(_render, "problem", shown), told["status"], headers)


def _to_sign_in(request: Request) -> Response:
    """To the page to sign in, and from there back to where somebody wanted to look."""
    back = f"?to={quote(request.url.path)}" if request.method == "GET" and request.url.path != "/" else ""
    sent = go(f"/sign-in{back}")
    drop_cookie(sent, request, "session")
    return sent
