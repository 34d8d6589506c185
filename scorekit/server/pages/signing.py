"""Signing in and out."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from scorekit.access import Caller, challenge
from scorekit.access.keys import id_of
from scorekit.errors import NotAuthenticated
from scorekit.server import problems
from scorekit.server.pages.rendering import PageRoute, go, show
from scorekit.server.pages.sessions import drop_cookie, set_cookie
from scorekit.server.pages.visits import Form, Here, read_form, visitor
from scorekit.server.requests import passing
from scorekit.server.security import admitted
from scorekit.server.service import Service

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PAGES = re.compile(r"/(models/[A-Za-z0-9._-]+|jobs)?")
"""Where somebody may be sent to after they have signed in: nowhere else."""


@router.get("/sign-in")
async def ask(request: Request, service: Here, to: str = "/") -> Response:
    """The form that takes a key."""
    if not service.settings.auth:
        return go("/")
    return await _form(request, service, to)


@router.post("/sign-in")
async def sign_in(request: Request, service: Here) -> Response:
    """Begin a session, for who shows a key that is good."""
    fields = await read_form(request, service, visitor(request))
    key, to = fields.get("key", "").strip(), fields.get("to", "/")
    try:
        caller = await _holder(request, service, key)
    except NotAuthenticated as error:
        problems.tell(service.log, error, passing(request).id)
        wrong = error.message if id_of(key) else "that is no API key: they begin with sk_"
        made = await _form(request, service, to, wrong, status=error.http_status)
        made.headers["WWW-Authenticate"] = challenge(error)
        return made
    sent = go(_place(to, caller))
    set_cookie(sent, request, "session", service.sessions.begin(str(id_of(key))))
    return sent


@router.post("/sign-out")
async def sign_out(request: Request, _: Form) -> Response:
    """End a session."""
    sent = go("/sign-in")
    drop_cookie(sent, request, "session")
    return sent


async def _holder(request: Request, service: Service, key: str) -> Caller:
    """Whose a key is; tokens of an issuer are shown with each request, and begin no session."""
    if id_of(key) is None:
        key = ""  # counted as any other guess
    return await admitted(request, service, None, key)


def _place(to: str, caller: Caller) -> str:
    if to != "/" and _PAGES.fullmatch(to):
        return to
    return "/" if caller.may("score") else "/jobs"


async def _form(
    request: Request, service: Service, to: str, wrong: str = "", *, status: int = 200
) -> Response:
    shown = {
        "to": to if _PAGES.fullmatch(to) else "/",
        "wrong": wrong,
        "keys": "keys" in service.settings.auth,
        # a link on another site sends no cookie along
        "elsewhere": request.headers.get("sec-fetch-site") == "cross-site",
    }
    return await show(request, service, visitor(request), "sign_in", status, **shown)
