"""Whether a request was meant for this service, or made by a page of another site.

A service on this machine that asks nobody who they are answers every program here, and a
browser is one. Two ways lead a page of another site to it. A name that the page's owner has
pointed at 127.0.0.1 makes the service a part of that site (DNS rebinding): so the service
answers to its own names only. And a form of any page may be sent anywhere: so a request
that changes something is not taken from a page that is not the service's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from scorekit.errors import Refused
from scorekit.server.settings import ServeSettings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Hosts:
    """Lets through what was meant for this service.

    Parameters
    ----------
    app : ASGI application
    settings : ServeSettings
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._names = names_of(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises
        ------
        Refused
        """
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if self._names is not None:
                check_host(headers, self._names)
            if scope["method"] not in SAFE:
                check_origin(headers)
        await self._app(scope, receive, send)


def names_of(settings: ServeSettings) -> Collection[str] | None:
    """Names that a service answers to; None where it answers to any.

    One that asks who calls, or that others are to reach, is told its names by ``--allowed-host``.
    """
    named = {name.lower() for name in settings.allowed_hosts}
    if settings.local and not settings.auth:
        return named | {"localhost", settings.host.lower()}
    return named or None


def check_host(headers: Headers, names: Collection[str]) -> None:
    """Refuse a request for another name; an address of this machine is no name.

    Raises
    ------
    Refused
    """
    asked = headers.get("host")
    if asked is None:
        return  # every browser names one
    name = host_of(f"//{asked}")
    if name not in names and not _is_here(name):
        raise Refused("this service is not called by that name; see --allowed-host", code="bad_host")


def check_origin(headers: Headers) -> None:
    """Refuse a request that a page of another site has made.

    Browsers say where a request comes from, and programs that are none do not.

    Raises
    ------
    Refused
    """
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    own = _place(f"//{headers.get('host', '')}")
    foreign = origin is not None and (own is None or _place(origin) != own)
    if foreign or site not in ("same-origin", "none"):
        raise Refused("a page of another site has sent this", code="cross_site")


def host_of(address: str) -> str:
    """The host of an address; empty where it has none.

    Examples
    --------
    >>> host_of("//[::1]:8080"), host_of("//LocalHost"), host_of("null")
    ('::1', 'localhost', '')
    """
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _place(address: str) -> str | None:
    """Host and port, if it has them; a proxy may have taken the TLS off, so that the scheme says nothing."""
    try:
        found = urlsplit(address).netloc.lower()
    except ValueError:
        return None
    return found.removesuffix(":443").removesuffix(":80") or None


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
