"""From the headers of a request to who calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, Protocol, Self

from scorekit.access.callers import ANYONE, Caller, not_good, nothing_shown
from scorekit.access.keys import read_pepper
from scorekit.access.ring import KeyRing
from scorekit.access.settings import TokenSettings, no_token_settings
from scorekit.errors import UsageError
from scorekit.state import place

if TYPE_CHECKING:
    from scorekit.access.tokens import TokenVerifier

Means = Literal["keys", "jwt"]
"""How callers may show who they are."""

_SCHEME = "bearer"


class Access(Protocol):
    """Says who calls."""

    def known(self, authorization: str | None, api_key: str | None = None) -> Caller | None:
        """Who calls, told without asking anybody; None where that cannot be.

        Parameters
        ----------
        authorization : str or None
            The header ``Authorization``.
        api_key : str or None
            The header ``X-API-Key``.

        Raises
        ------
        NotAuthenticated
            If nobody needs to be asked to see that what is shown is not good.
        """

    def identify(self, authorization: str | None, api_key: str | None = None) -> Caller:
        """Who calls; may ask the database or the issuer of tokens, and wait for it.

        Raises
        ------
        NotAuthenticated
            If nothing is shown, or what does not hold.
        Unreachable
            If who should know does not answer.
        """

    def holder(self, key_id: str) -> Caller:
        """Whose a key is that was shown before, by its id; may ask the database.

        Raises
        ------
        NotAuthenticated
            If it has expired or was revoked since.
        Unreachable
            If the database does not answer.
        """

    def close(self) -> None:
        """Let go of the database."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...


class Anonymous:
    """Asks nobody: everybody may do everything."""

    def known(self, authorization: str | None, api_key: str | None = None) -> Caller:  # noqa: ARG002 - as Access has it
        """Anyone."""
        return ANYONE

    def identify(self, authorization: str | None, api_key: str | None = None) -> Caller:  # noqa: ARG002 - as Access has it
        """Anyone."""
        return ANYONE

    def holder(self, key_id: str) -> Caller:  # noqa: ARG002 - as Access has it
        """Anyone."""
        return ANYONE

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class Bearers:
    """Asks for an API key or a token.

    Parameters
    ----------
    ring : KeyRing or None
        None takes no keys.
    tokens : TokenVerifier or None
        None takes no tokens.
    """

    def __init__(self, ring: KeyRing | None, tokens: TokenVerifier | None) -> None:
        self._ring = ring
        self._tokens = tokens

    def known(self, authorization: str | None, api_key: str | None = None) -> Caller | None:
        """As ``Access`` has it."""
        shown = _shown(authorization, api_key)
        return self._verifier(shown).known(shown)

    def identify(self, authorization: str | None, api_key: str | None = None) -> Caller:
        """As ``Access`` has it."""
        shown = _shown(authorization, api_key)
        return self._verifier(shown).identify(shown)

    def holder(self, key_id: str) -> Caller:
        """As ``Access`` has it."""
        if self._ring is None:
            raise not_good("no API keys are taken")
        return self._ring.holder(key_id)

    def close(self) -> None:
        """Let go of the database."""
        if self._ring is not None:
            self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _verifier(self, shown: str) -> KeyRing | TokenVerifier:
        """Who can say whose it is, by its form alone."""
        for verifier in (self._ring, self._tokens):
            if verifier is not None and verifier.takes(shown):
                return verifier
        taken = " or ".join(
            name for name, means in (("API keys", self._ring), ("tokens", self._tokens)) if means is not None
        )
        raise not_good(f"what is shown is none of what is taken: {taken}")


def open_access(
    means: Collection[Means], tokens: TokenSettings | None = None, store: str | None = None
) -> Access:
    """What asks callers who they are.

    Parameters
    ----------
    means : collection of {"keys", "jwt"}
        Empty asks nobody.
    tokens : TokenSettings, optional
        Whose tokens are taken.
    store : str, optional

    Raises
    ------
    UsageError
        If a secret or a setting is missing.
    Unreachable
        If the state cannot be used.
    """
    if not means:
        return Anonymous()
    verifier = _tokens(tokens) if "jwt" in means else None
    return Bearers(KeyRing(place.find(store), read_pepper()) if "keys" in means else None, verifier)


def _tokens(settings: TokenSettings | None) -> TokenVerifier:
    if settings is None:
        raise no_token_settings()
    try:
        from scorekit.access.tokens import TokenVerifier
    except ImportError:
        raise UsageError(
            "tokens need a package that is not installed: joserfc", hint="pip install 'scorekit[serve]'"
        ) from None
    return TokenVerifier(settings)


def _shown(authorization: str | None, api_key: str | None) -> str:
    """What a request shows."""
    if authorization is None:
        if api_key is None:
            raise nothing_shown()
        return api_key.strip()
    scheme, _, shown = authorization.strip().partition(" ")
    if scheme.lower() != _SCHEME or not shown:
        raise not_good("the header Authorization should be `Bearer` and an API key or a token")
    if api_key is not None and api_key.strip() != shown.strip():
        raise not_good("a request should show one of Authorization and X-API-Key")
    return shown.strip()
