"""The keys that tokens are signed with: fetched, kept, and fetched again when the issuer changes them."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, OctKey, RSAKey, import_key

from scorekit import __version__
from scorekit.access.settings import TokenSettings, check_address
from scorekit.errors import Unreachable
from scorekit.web import explain, opener

DISCOVERY = "/.well-known/openid-configuration"
AGAIN = 30.0
"""Seconds after which keys are fetched again for a token that names one that is not known."""
RETRY = 1.0
"""Seconds after which keys are fetched again where there are none."""
TIMEOUT = 5.0
"""Seconds in which an issuer has to answer."""
LARGEST = 1 << 20
"""Bytes of a set of keys."""
MOST_KEYS = 100
LEAST_RSA_BITS = 2048


class CannotFetch(Exception):
    """Keys cannot be had; says why, in words for an operator."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Keys, and when they were asked for, by a clock that only goes forward."""

    at: float
    keys: tuple[Key, ...]


class KeySource:
    """The keys of an issuer; its threads may share them.

    Parameters
    ----------
    settings : TokenSettings
    """

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._load: Callable[[], Any] = self._from_file if settings.jwks_file else self._from_issuer
        self._refresh = settings.refresh.total_seconds()
        self._keep = settings.keep.total_seconds()
        self._lock = threading.Lock()
        self._fetched = _Fetched(float("-inf"), ())
        self._tried = float("-inf")
        self._why = ""

    def find(self, kid: str | None, fits: Callable[[Key], bool]) -> Key | None:
        """The one key that fits, by its id where the token names one; fetches where that may help.

        Raises
        ------
        Unreachable
            If there are none to look into.
        """
        self._renew_old()
        found = self._match(kid, fits)
        if found is None and self._renew_for_unknown():
            found = self._match(kid, fits)
        return found

    def _match(self, kid: str | None, fits: Callable[[Key], bool]) -> Key | None:
        if self._age > self._keep:
            raise Unreachable(
                f"the keys that tokens are signed with cannot be had: {self._why}",
                hint="see whether the issuer answers, and what [auth] says of it",
                code="token_keys",
            )
        found = [key for key in self._fetched.keys if kid in (None, key.kid) and fits(key)]
        return found[0] if len(found) == 1 else None

    def _renew_old(self) -> None:
        """Fetch keys that are too old. Where there are some, one does it and others go on with them."""
        if self._age < self._refresh or not self._lock.acquire(blocking=self._age > self._keep):
            return
        try:
            pause = AGAIN if self._age <= self._keep else RETRY
            if self._age >= self._refresh and time.monotonic() - self._tried >= pause:
                self._renew()
        finally:
            self._lock.release()

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fetched.at

    def _renew_for_unknown(self) -> bool:
        """Fetch for a key that is not known, unless that was done just now; whether there may be more."""
        before = self._fetched
        with self._lock:
            if self._fetched is before and time.monotonic() - self._tried >= AGAIN:
                self._renew()
        return self._fetched is not before

    def _renew(self) -> None:
        self._tried = time.monotonic()
        try:
            keys = read_keys(self._load())
        except CannotFetch as problem:
            self._why = str(problem)
        else:
            self._fetched = _Fetched(self._tried, keys)

    def _from_file(self) -> Any:
        file = str(self._settings.jwks_file)
        try:
            return _parsed(file, Path(file).read_bytes())
        except OSError as error:
            raise CannotFetch(f"cannot read {file}: {error.strerror}") from None

    def _from_issuer(self) -> Any:
        return _get(self._settings.jwks_url or self._discovered())

    def _discovered(self) -> str:
        """Where the issuer says its keys are."""
        issuer = self._settings.issuer
        place = issuer.rstrip("/") + DISCOVERY
        found = _get(place)
        if not isinstance(found, dict) or found.get("issuer") != issuer:
            raise CannotFetch(f"{place} is not of the issuer {issuer}")
        address = found.get("jwks_uri")
        try:
            check_address("jwks_uri", str(address))
        except ValueError as error:
            raise CannotFetch(f"{place}: {error}") from None
        return str(address)


def read_keys(content: Any) -> tuple[Key, ...]:
    """Public keys of a set (RFC 7517) that signatures can be verified by; others are passed over.

    Raises
    ------
    CannotFetch
        If it is no set, or holds none.
    """
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise CannotFetch("what was found is no set of keys")
    keys = []
    for entry in entries[:MOST_KEYS]:
        try:
            key = import_key(entry) if entry["kty"] != OctKey.key_type else None
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if key is not None and _verifies(key):
            keys.append(key)
    if not keys:
        raise CannotFetch("the set holds no key that signatures can be verified by")
    return tuple(keys)


def _verifies(key: Key) -> bool:
    if key.get("use") not in (None, "sig"):
        return False
    return not isinstance(key, RSAKey) or key.public_key.key_size >= LEAST_RSA_BITS


def _get(address: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 - held to be https, or of this machine
        address, headers={"Accept": "application/json", "User-Agent": f"scorekit/{__version__}"}
    )
    try:
        with opener().open(request, timeout=TIMEOUT) as answer:
            return _parsed(address, b"".join(_pieces(answer)))
    except urllib.error.HTTPError as answer:
        answer.close()
        raise CannotFetch(f"{address} answered {answer.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise CannotFetch(f"{address} {explain(error)}") from None


def _pieces(answer: http.client.HTTPResponse) -> Sequence[bytes]:
    """What is answered, if it comes in time and is no larger than it may be."""
    end, seen, pieces = time.monotonic() + TIMEOUT, 0, []
    while piece := answer.read1(1 << 16):
        seen += len(piece)
        if seen > LARGEST or time.monotonic() > end:
            raise CannotFetch("the answer is too large, or comes too slowly")
        pieces.append(piece)
    return pieces


def _parsed(place: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise CannotFetch(f"{place} holds no JSON") from None
