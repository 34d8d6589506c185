"""API keys: made, shown once, kept as a keyed digest, revoked.

A key is ``sk_<id>_<random>``. Its id is public and stands in lists and logs; its random part
has 256 bits. The database holds the HMAC-SHA-256 of the whole key under a secret of the
deployment, the *pepper*: who reads the database cannot call the service, and who writes to it
cannot make a key that is taken.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scorekit import config
from scorekit.access.callers import SCOPES
from scorekit.errors import UsageError
from scorekit.state import place
from scorekit.state.keys import KeyRecord, KeyTable
from scorekit.state.moments import now
from scorekit.state.session import Session

PREFIX = "sk_"
MOST_LIVE = 2
"""Keys of one name that are live at a time: one in use, and one that takes its place."""
LEAST_PEPPER = 32
"""Characters of a pepper."""
LONGEST_NAME = 100

_ID_LETTERS = string.ascii_lowercase + string.digits
_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH, _LENGTH = 12, 43  # 62 ** 43 > 2 ** 256
_KEY = re.compile(rf"{PREFIX}([a-z0-9]{{{_ID_LENGTH}}})_[A-Za-z0-9]{{{_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.

    Attributes
    ----------
    key : str
        The secret, which nobody can show again.
    record : KeyRecord
    """

    key: str = field(repr=False)
    record: KeyRecord


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys of a state database.

    Attributes
    ----------
    place : str
        The database, without secrets.
    keys : tuple of KeyRecord
        Oldest first.
    at : datetime
        When they were read.
    """

    place: str
    keys: tuple[KeyRecord, ...]
    at: datetime


def read_pepper() -> bytes:
    """The pepper of the deployment.

    Raises
    ------
    UsageError
        If it is not set, or too short to be a secret.
    """
    found = config.secret("KEY_PEPPER")
    if not found:
        raise UsageError(
            "API keys need a secret that is not set: SCOREKIT_KEY_PEPPER",
            hint="make one with `openssl rand -hex 32`, keep it in a file that only the service reads,"
            " and name that in SCOREKIT_KEY_PEPPER_FILE",
            code="no_pepper",
        )
    if len(found) < LEAST_PEPPER:
        raise UsageError(
            f"SCOREKIT_KEY_PEPPER is too short: it needs {LEAST_PEPPER} characters or more",
            hint="make one with `openssl rand -hex 32`",
            code="no_pepper",
        )
    return found.encode()


def id_of(key: str) -> str | None:
    """The public part of a key; None of what is no key.

    Examples
    --------
    >>> id_of("sk_0123456789ab_" + 43 * "x")
    '0123456789ab'
    """
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str, pepper: bytes) -> bytes:
    """What is kept of a key."""
    return hmac.digest(pepper, key.encode(), "sha256")


def create(
    name: str, scopes: Sequence[str], expires: timedelta | None, who: str, store: str | None = None
) -> NewKey:
    """Make a key.

    Parameters
    ----------
    name : str
        Whose it is.
    scopes : sequence of {"score", "train", "admin"}
    expires : timedelta or None
        How long it is good; None means until it is revoked.
    who : str
        Who makes it.
    store : str, optional

    Raises
    ------
    UsageError
        If there is no pepper, or two keys of this name are live already.
    Unreachable
        If the state cannot be used.
    """
    _check(name, scopes, expires, who)
    pepper = read_pepper()
    key_id, rest = _drawn(_ID_LETTERS, _ID_LENGTH), _drawn(_LETTERS, _LENGTH)
    key, made = f"{PREFIX}{key_id}_{rest}", now()
    wanted = tuple(scope for scope in SCOPES if scope in scopes)
    until = made + expires if expires is not None else None
    record = KeyRecord(key_id, name.strip(), digest_of(key, pepper).hex(), wanted, made, who.strip(), until)
    with Session(place.find(store)) as session:
        in_the_way = KeyTable(session).add(record, MOST_LIVE)
    if in_the_way:
        raise UsageError(
            f"{len(in_the_way)} keys of the name {record.name} are live already: {', '.join(in_the_way)}",
            hint=f"revoke the one that is not used any more: `scorekit keys revoke {in_the_way[0]} --by …`",
            code="too_many_keys",
        )
    return NewKey(key, record)


def listed(store: str | None = None) -> KeyList:
    """Every key there was.

    Raises
    ------
    Unreachable
        If the state cannot be used.
    """
    with Session(place.find(store)) as session:
        return KeyList(session.shown, KeyTable(session).all(), now())


def revoke(key_id: str, who: str, store: str | None = None) -> KeyRecord:
    """Revoke a key for good. Services take it for some seconds more, and one that was revoked stays so.

    Parameters
    ----------
    key_id : str
        Its public part; of a whole key, that is taken.
    who : str
    store : str, optional

    Raises
    ------
    UsageError
        If there is no such key.
    Unreachable
        If the state cannot be used.
    """
    _require(who, "a key is not revoked without --by")
    wanted = id_of(key_id) or key_id
    with Session(place.find(store)) as session:
        record = KeyTable(session).revoke(wanted, who.strip())
    if record is None:
        shown = wanted if len(wanted) <= _ID_LENGTH else f"{wanted[:_ID_LENGTH]}…"
        raise UsageError(
            f"there is no key with the id {shown}",
            hint="`scorekit keys list` shows their ids",
            code="no_such_key",
        )
    return record


def _check(name: str, scopes: Sequence[str], expires: timedelta | None, who: str) -> None:
    _require(who, "a key is not made without --by")
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(f"a key needs a name of {LONGEST_NAME} printable characters or fewer")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UsageError(
            f"there is no scope {unknown[0]!r}" if unknown else "a key needs a scope",
            hint=f"give --scope {', --scope '.join(SCOPES)}, or several of them",
        )
    if expires is not None and expires <= timedelta(0):
        raise UsageError("a key has to be good for some time", hint="write --expires 90d, or never")


def _require(who: str, said: str) -> None:
    if not who.strip():
        raise UsageError(said, hint="say who does it: --by NAME")


def _drawn(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))
