"""Who looks at a page, and what they may do there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from scorekit.access import Caller, Scope
from scorekit.server.bodies import SMALL, read_body
from scorekit.server.pages.sessions import new_id, read_cookie
from scorekit.server.requests import passing
from scorekit.server.security import caller_of
from scorekit.server.service import Service, service_of

MOST_FIELDS = 20
NOBODY = Caller("nobody", "nobody", frozenset())
"""Somebody who has not signed in."""

Here = Annotated[Service, Depends(service_of)]


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a page.

    Attributes
    ----------
    id : str
        Of the session, or of the visitor where nobody has signed in: forms are bound to it.
    caller : Caller
        ``NOBODY`` at the page to sign in.
    signed_in : bool
        Whether by a session, which can be ended.
    new : bool
        Whether it is the first of a visitor.
    """

    id: str
    caller: Caller
    signed_in: bool = False
    new: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether a scope is theirs."""
        return self.caller.may(scope)


async def visit_of(request: Request, service: Here) -> Visit:
    """Who looks: by their session, else as at the other routes.

    Raises
    ------
    NotAuthenticated
        If nobody has signed in, or their key is not good any more.
    Refused
        If they come too often.
    """
    session = service.sessions.read(read_cookie(request, "session")) if service.settings.auth else None
    if session is None:
        return visitor(request, await caller_of(request, service))
    caller = await asyncio.to_thread(service.access.holder, session.key_id)
    service.rates.hit(f"page:{caller.id}")  # looking takes nothing from what the key may ask for
    passing(request).facts["caller"] = caller.id
    return Visit(session.id, caller, signed_in=True)


def visitor(request: Request, caller: Caller = NOBODY) -> Visit:
    """Somebody who has no session."""
    known = read_cookie(request, "visitor")
    return Visit(known or new_id(), caller, new=not known)


def visiting(scope: Scope) -> Any:
    """A dependency: who looks, where a scope is theirs.

    Raises
    ------
    NotAllowed
    """

    async def allowed(visit: Annotated[Visit, Depends(visit_of)]) -> Visit:
        visit.caller.require(scope)
        return visit

    return Depends(allowed)


Looking = Annotated[Visit, visiting("score")]
Moving = Annotated[Visit, visiting("admin")]


async def form_of(
    request: Request, service: Here, visit: Annotated[Visit, Depends(visit_of)]
) -> Mapping[str, str]:
    """What was filled in, on a page of this session.

    Raises
    ------
    Refused
    """
    return await read_form(request, service, visit)


async def read_form(request: Request, service: Service, visit: Visit) -> Mapping[str, str]:
    """The fields of a form, whose token has to be that of the visit.

    Raises
    ------
    Refused
    """
    body = await read_body(request, SMALL, service.settings.limits.seconds)
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:  # not UTF-8, or too many
        fields = {}
    service.sessions.check(visit.id, fields.get("token", ""))
    return fields


Form = Annotated[Mapping[str, str], Depends(form_of)]
