"""Sessions: who has signed in at the page, and that a form was sent from it.

A session is a cookie that the service signs: the id of the API key that was shown, an id of
its own, and when it began. The key itself is in no cookie. At each visit the key is looked up
by its id, so that the session of one that was revoked, or has expired, is over.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from scorekit.access.keys import read_pepper
from scorekit.errors import Refused
from scorekit.server.settings import ServeSettings

LASTS = 8 * 3600
"""Seconds from signing in to the end of a session: a working day."""

Kind = Literal["session", "visitor"]

_SIGNED: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in.

    Attributes
    ----------
    id : str
        Drawn when they did.
    key_id : str
        Of the API key that they showed.
    """

    id: str
    key_id: str


class Sessions:
    """Signs sessions and forms.

    Parameters
    ----------
    secret : bytes
        That of all workers.
    """

    def __init__(self, secret: bytes) -> None:
        self._sessions = URLSafeTimedSerializer(secret, "scorekit.session", signer_kwargs=_SIGNED)
        self._forms = Signer(secret, "scorekit.form", **_SIGNED)

    def begin(self, key_id: str) -> str:
        """The cookie of a new session."""
        return self._sessions.dumps([new_id(), key_id])

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None where it is none of ours, or too old."""
        try:
            session_id, key_id = self._sessions.loads(cookie, max_age=LASTS)
        except BadSignature:
            return None
        return Session(session_id, key_id)

    def token(self, visit_id: str) -> str:
        """What the forms of a session, or of a visitor, are sent with."""
        return self._forms.get_signature(visit_id).decode()

    def check(self, visit_id: str, token: str) -> None:
        """Refuse a form that was not made for who sends it.

        Raises
        ------
        Refused
        """
        if not self._forms.verify_signature(visit_id, token.encode()):
            raise Refused("this form is not of this session: open the page again", code="bad_form")


def open_sessions(settings: ServeSettings) -> Sessions:
    """Sessions by a secret of the deployment: the pepper, where there is one, so that a restart ends none."""
    return Sessions(read_pepper() if "keys" in settings.auth else settings.secret)


def new_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_urlsafe(18)


# Cookies -----------------------------------------------------------------------------


def read_cookie(request: Request, kind: Kind) -> str:
    """A cookie of ours; empty where it was not sent."""
    return request.cookies.get(_name(request, kind), "")


def set_cookie(response: Response, request: Request, kind: Kind, value: str) -> None:
    """Send a cookie: for no script, no request that another site makes, and by TLS only where there is."""
    response.set_cookie(
        _name(request, kind),
        value,
        max_age=LASTS,
        path="/",
        secure=_by_tls(request),
        httponly=True,
        samesite="strict",
    )


def drop_cookie(response: Response, request: Request, kind: Kind) -> None:
    """Have a cookie forgotten."""
    response.delete_cookie(
        _name(request, kind), path="/", secure=_by_tls(request), httponly=True, samesite="strict"
    )


def _name(request: Request, kind: Kind) -> str:
    """Under TLS a name that browsers take from this host alone."""
    return f"{'__Host-' if _by_tls(request) else ''}scorekit-{kind}"


def _by_tls(request: Request) -> bool:
    return request.url.scheme == "https"
