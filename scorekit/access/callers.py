"""Who calls the service, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from scorekit.errors import NotAllowed, NotAuthenticated

Scope = Literal["score", "train", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""``admin`` may do what all the others may."""

REALM = 'Bearer realm="scorekit"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes
    ----------
    id : str
        ``key:<id of the key>`` or ``jwt:<subject of the token>``: the same for every request.
    name : str
        For people.
    scopes : frozenset of str
    """

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        """Whether a scope is theirs.

        Examples
        --------
        >>> Caller("key:1", "desk", frozenset({"admin"})).may("score")
        True
        """
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: Scope) -> None:
        """Refuse what is not theirs to do.

        Raises
        ------
        NotAllowed
        """
        if not self.may(scope):
            raise NotAllowed(f"{self.id} may not do this: it needs the scope {scope}", scope=scope)


ANYONE = Caller("anyone", "anyone", frozenset(SCOPES))
"""Whoever calls a service that asks nobody."""


def nothing_shown() -> NotAuthenticated:
    """An error for a request that shows nothing."""
    return NotAuthenticated(
        "this needs an API key or a token", hint="send it in the header `Authorization: Bearer …`"
    )


def not_good(why: str) -> NotAuthenticated:
    """An error for a request that shows what does not hold."""
    return NotAuthenticated(why, code="bad_credentials")


def challenge(error: NotAuthenticated | NotAllowed) -> str:
    """What ``WWW-Authenticate`` says to an error, as RFC 6750 has it.

    Examples
    --------
    >>> challenge(not_good("the key is not known"))
    'Bearer realm="scorekit", error="invalid_token"'
    """
    if isinstance(error, NotAllowed):
        return f'{REALM}, error="insufficient_scope", scope="{error.scope}"'
    return f'{REALM}, error="invalid_token"' if error.code == "bad_credentials" else REALM
