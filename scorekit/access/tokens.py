"""Verifying tokens of an issuer: JSON Web Tokens as OpenID Connect and OAuth 2 have them (RFC 9068)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry

from scorekit.access.callers import SCOPES, Caller, not_good
from scorekit.access.jwks import KeySource
from scorekit.access.settings import TokenSettings
from scorekit.errors import NotAuthenticated

LONGEST = 16_384
"""Characters of a token."""
LONGEST_SUBJECT = 255
KEPT = 60.0
"""Seconds for which a token that was verified is not verified again."""
MOST_KEPT = 4096

_FOREVER = float(1 << 53)
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What a token may call itself: an issuer signs other things too, such as notes of a logout."""


class _Registry(JWSRegistry):
    """The algorithms that are taken and no others, and headers as long as issuers make them."""

    max_header_length = 4096
    max_payload_length = LONGEST

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self._chosen = {name: self.algorithms[name] for name in algorithms}

    def get_alg(self, name: str) -> JWSAlgModel:
        """An algorithm, without a warning of how some are called now."""
        if name not in self._chosen:
            raise UnsupportedAlgorithmError
        return self._chosen[name]


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires: float
    until: float


class TokenVerifier:
    """Verifies tokens; its threads may share it.

    Parameters
    ----------
    settings : TokenSettings
    """

    def __init__(self, settings: TokenSettings) -> None:
        self._registry = _Registry(settings.algorithms)
        self._claims = _claims(settings)
        self._settings = settings
        self._leeway = settings.leeway.total_seconds()
        self._keys = KeySource(settings)
        self._lock = threading.Lock()
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    def takes(self, shown: str) -> bool:
        """Whether a text has the form of a token; nothing is said of what it holds."""
        return len(shown) <= LONGEST and _TOKEN.fullmatch(shown) is not None

    def known(self, token: str) -> Caller | None:
        """Whose a token is that was verified some seconds ago; None of any other."""
        found = self._verified.get(_mark(token))
        if found is None or time.monotonic() >= found.until or time.time() >= found.expires + self._leeway:
            return None
        return found.caller

    def identify(self, token: str) -> Caller:
        """Whose a token is.

        Raises
        ------
        NotAuthenticated
            If it is not good.
        Unreachable
            If there are no keys to verify it by.
        """
        return self.known(token) or self._verify(token)

    def _verify(self, token: str) -> Caller:
        claims = self._signed(token)
        self._check(claims)
        caller = Caller(f"jwt:{claims['sub']}", claims["sub"], self._scopes(claims))
        self._remember(token, _Verified(caller, min(claims["exp"], _FOREVER), time.monotonic() + KEPT))
        return caller

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token with a signature that holds."""
        try:
            found = extract_compact(token.encode(), registry=self._registry)
            key = self._key(found)
            good = validate_compact(found, key, registry=self._registry)
            claims = json.loads(found.payload) if good else None
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise _refused("it is none, or not of a kind that is taken") from None
        if not isinstance(claims, dict):
            raise _refused("its signature does not hold")
        return claims

    def _key(self, found: CompactSignature) -> Key:
        """The key that it says it is signed with, if it is one of the issuer's."""
        headers = found.headers()
        self._registry.check_header(headers)
        if str(headers.get("typ", "jwt")).lower() not in _TYPES:
            raise _refused("it is of another type")
        algorithm = self._registry.get_alg(headers["alg"])

        def fits(key: Key) -> bool:
            try:
                algorithm.check_key(key)
                key.check_alg(headers["alg"])
            except JoseError:
                return False
            return True

        key = self._keys.find(headers.get("kid"), fits)
        if key is None:
            raise _refused("it is signed with a key that the issuer does not have")
        return key

    def _check(self, claims: dict[str, Any]) -> None:
        try:
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise _refused("it has expired") from None
        except ClaimError as error:
            raise _refused(f"of its claims {error.claim} does not hold") from None
        subject = claims["sub"]
        if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
            raise _refused("of its claims sub does not hold")

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        found = _claim(claims, self._settings.scopes_claim)
        names = found.split() if isinstance(found, str) else found if isinstance(found, list) else ()
        prefix = self._settings.scope_prefix
        given = {
            name.removeprefix(prefix) for name in names if isinstance(name, str) and name.startswith(prefix)
        }
        return frozenset(given.intersection(SCOPES))

    def _remember(self, token: str, verified: _Verified) -> None:
        with self._lock:
            self._verified[_mark(token)] = verified
            while len(self._verified) > MOST_KEPT:
                self._verified.popitem(last=False)


def _mark(token: str) -> bytes:
    """What a token is remembered by: the token itself is kept nowhere."""
    return hashlib.sha256(token.encode()).digest()


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, else by the names of those around it with dots between them."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _claims(settings: TokenSettings) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        leeway=int(settings.leeway.total_seconds()),
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "values": list(settings.audience)},
        exp={"essential": True},
        sub={"essential": True},
    )


def _refused(why: str) -> NotAuthenticated:
    return not_good(f"the token is not taken: {why}")
