"""The ``[auth]`` table of ``scorekit.toml``: whose tokens are taken."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from scorekit.alerts.settings import Duration
from scorekit.config import Settings
from scorekit.errors import UsageError
from scorekit.policy import read_table

TABLE = "auth"

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
"""Signatures of a key that only the issuer has. One that the service knew, it could make itself."""

LONGEST_LEEWAY = timedelta(minutes=5)


def _several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """Whose tokens are taken, and what they have to say.

    Attributes
    ----------
    issuer : str
        As the claim ``iss`` has it, to the letter.
    audience : tuple of str
        The claim ``aud`` has to name one of them.
    jwks_url : str or None
        Where the issuer's keys are; by default it is asked for that (OpenID Connect Discovery).
    jwks_file : str or None
        A file that holds them instead.
    algorithms : tuple of str
    scopes_claim : str
        Names of scopes: a text with blanks between them, or a list. What is within another
        claim is written with dots: ``realm_access.roles``.
    scope_prefix : str
        What stands before our names in that claim.
    leeway : timedelta
        By how much clocks may differ.
    refresh : timedelta
        Age after which the keys are fetched again.
    keep : timedelta
        Age up to which they are used while they cannot be.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    issuer: str
    audience: Texts
    jwks_url: str | None = None
    jwks_file: str | None = None
    algorithms: tuple[Algorithm, ...] = ALGORITHMS
    scopes_claim: str = "scope"
    scope_prefix: str = ""
    leeway: Duration = timedelta(seconds=30)
    refresh: Duration = timedelta(minutes=10)
    keep: Duration = timedelta(hours=6)

    def __post_init__(self) -> None:
        if not self.audience or not all(self.audience):
            raise ValueError("audience should name what the tokens are made for")
        if not self.algorithms:
            raise ValueError("algorithms should name one or more")
        if not self.scopes_claim:
            raise ValueError("scopes_claim should name a claim")
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("keep one of jwks_url and jwks_file")
        if self.jwks_file is None:
            check_address("jwks_url" if self.jwks_url is not None else "issuer", self.jwks_url or self.issuer)
        if not timedelta(0) <= self.leeway <= LONGEST_LEEWAY:
            raise ValueError("leeway should be 5 minutes or less")
        if not timedelta(0) < self.refresh <= self.keep:
            raise ValueError("refresh should be some time, and keep no less")


def read_token_settings(settings: Settings) -> TokenSettings | None:
    """What a settings file says of tokens; None where it says nothing.

    Raises
    ------
    UsageError
        Naming the file, the line and the setting that is wrong.
    """
    if TABLE not in settings.values:
        return None
    found: TokenSettings = read_table(settings, TABLE, TokenSettings, (TokenSettings,), code="auth")
    return found


def no_token_settings() -> UsageError:
    """An error for a service that is to take tokens and is not told whose."""
    return UsageError(
        "tokens cannot be verified: nothing says whose they are",
        hint="write issuer and audience into the table [auth] of scorekit.toml",
        code="auth",
    )


def check_address(name: str, address: str) -> None:
    """Refuse an address that anybody on the way could answer for.

    Raises
    ------
    ValueError
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{name} should be an address") from None
    if host is None or parts.username is not None or not address.isprintable() or " " in address:
        raise ValueError(f"{name} should be an address: https://HOST/…")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(host)):
        raise ValueError(f"{name} should begin with https://; http:// is for this machine only")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
