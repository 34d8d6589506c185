"""API keys as the database holds them: what is said to it, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from scorekit.state.database import Cursor
from scorekit.state.moments import now, read_moment
from scorekit.state.session import Session

KeyState = Literal["live", "expired", "revoked"]

_COLUMNS = "id, name, digest, scopes, created, created_by, expires, revoked, revoked_by, last_used"

READ_KEYS = f"SELECT {_COLUMNS} FROM scorekit_keys ORDER BY created, id"  # noqa: S608 - a constant

READ_LIVE_KEYS = f"""
SELECT {_COLUMNS} FROM scorekit_keys
WHERE revoked IS NULL AND (expires IS NULL OR expires > :now)"""  # noqa: S608 - a constant

FIND_KEY = f"SELECT {_COLUMNS} FROM scorekit_keys WHERE id = :id"  # noqa: S608 - a constant

FIND_LIVE_NAMESAKES = """
SELECT id FROM scorekit_keys
WHERE name = :name AND revoked IS NULL AND (expires IS NULL OR expires > :now) ORDER BY created, id"""

WRITE_KEY = """
INSERT INTO scorekit_keys (id, name, digest, scopes, created, created_by, expires)
VALUES (:id, :name, :digest, :scopes, :now, :who, :expires)"""

REVOKE_KEY = """
UPDATE scorekit_keys SET revoked = :now, revoked_by = :who WHERE id = :id AND revoked IS NULL"""

USED_KEY = """
UPDATE scorekit_keys SET last_used = :now WHERE id = :id AND (last_used IS NULL OR last_used < :now)"""

LOCK_KEYS = "LOCK TABLE scorekit_keys IN SHARE ROW EXCLUSIVE MODE"
"""For PostgreSQL: whoever adds a key sees those that others add. Readers do not wait."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key; never the key itself.

    Attributes
    ----------
    id : str
        Its public part.
    name : str
        Whose it is; two live ones may share it, so that one can take the place of the other.
    digest : str
        HMAC-SHA-256 of the key, in hexadecimal digits.
    scopes : tuple of str
    created : datetime
    created_by : str
    expires, revoked : datetime or None
    revoked_by : str or None
    last_used : datetime or None
        To the minute; None where it never was.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created: datetime
    created_by: str
    expires: datetime | None = None
    revoked: datetime | None = None
    revoked_by: str | None = None
    last_used: datetime | None = None

    def state(self, at: datetime) -> KeyState:
        """Whether it may be used at a time."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= at else "live"


class KeyTable:
    """The keys of a state database.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> tuple[KeyRecord, ...]:
        """Every key, oldest first."""
        return self._session.read(lambda cursor: self._records(cursor, READ_KEYS, {}))

    def live(self) -> tuple[KeyRecord, ...]:
        """Keys that may be used now."""
        return self._session.read(lambda cursor: self._records(cursor, READ_LIVE_KEYS, {"now": now()}))

    def add(self, key: KeyRecord, most: int) -> tuple[str, ...]:
        """Add a key, unless as many of its name as may be are live.

        Returns
        -------
        tuple of str
            Ids of those that are in the way; empty where it was added.
        """

        def add(cursor: Cursor) -> tuple[str, ...]:
            self._lock(cursor)
            self._say(cursor, FIND_LIVE_NAMESAKES, {"name": key.name, "now": key.created})
            namesakes = tuple(row[0] for row in cursor.fetchall() if row[0] != key.id)
            if len(namesakes) >= most:
                return namesakes
            if not self._records(cursor, FIND_KEY, {"id": key.id}):  # else it is done again after a cut
                self._say(cursor, WRITE_KEY, _row(key))
            return ()

        in_the_way = self._session.write(add)
        self._session.settle()
        return in_the_way

    def revoke(self, key_id: str, who: str) -> KeyRecord | None:
        """Revoke a key for good; one that was revoked before stays as it was.

        Returns
        -------
        KeyRecord or None
            As it stands now; None where there is no such key.
        """

        def revoke(cursor: Cursor) -> KeyRecord | None:
            self._say(cursor, REVOKE_KEY, {"id": key_id, "who": who, "now": now()})
            return next(iter(self._records(cursor, FIND_KEY, {"id": key_id})), None)

        revoked = self._session.write(revoke)
        self._session.settle()
        return revoked

    def used(self, key_ids: Iterable[str], at: datetime) -> None:
        """Write down that keys were used."""
        rows = [{"id": key_id, "now": at} for key_id in sorted(key_ids)]
        self._session.write(lambda cursor: self._session.database.execute_each(cursor, USED_KEY, rows))

    def _lock(self, cursor: Cursor) -> None:
        if not self._session.database.embedded:  # there is one writer of a file at a time
            self._say(cursor, LOCK_KEYS, {})

    def _records(self, cursor: Cursor, sql: str, parameters: dict[str, Any]) -> tuple[KeyRecord, ...]:
        self._say(cursor, sql, parameters)
        return tuple(_record(row) for row in cursor.fetchall())

    def _say(self, cursor: Cursor, sql: str, parameters: dict[str, Any]) -> None:
        self._session.database.execute(cursor, sql, parameters)


def _row(key: KeyRecord) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "digest": key.digest,
        "scopes": " ".join(key.scopes),
        "now": key.created,
        "who": key.created_by,
        "expires": key.expires,
    }


def _record(row: Sequence[Any]) -> KeyRecord:
    key_id, name, digest, scopes, created, created_by, expires, revoked, revoked_by, last_used = row
    return KeyRecord(
        key_id,
        name,
        digest,
        tuple(scopes.split()),
        read_moment(created),  # type: ignore[arg-type]  # never null
        created_by,
        read_moment(expires),
        read_moment(revoked),
        revoked_by,
        read_moment(last_used),
    )
