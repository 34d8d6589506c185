"""Verifying API keys: from memory, which holds what the database said some seconds ago at most.

All live keys are read at once. So a request with a key that was made up costs no look into the
database, beyond those that are made several times a second at most, and takes no longer or
shorter than one with a wrong secret for a key that there is.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from scorekit.access.callers import Caller, not_good
from scorekit.access.keys import digest_of, id_of
from scorekit.errors import NotAuthenticated, Unreachable
from scorekit.state.database import Database
from scorekit.state.keys import KeyRecord, KeyTable
from scorekit.state.moments import now
from scorekit.state.session import Session

FRESH = 5.0
"""Seconds for which an answer of the database is gone by: after these a revoked key is dead."""
AGAIN = 0.25
"""Seconds after which a key that is not known is looked for again: it may have been made just now."""
ROUND = 1.0
"""Seconds between two rounds of what is done beside the requests."""
USED_EVERY = 60.0
"""Seconds between two notes that a key was used."""

_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: bytes
    caller: Caller
    expires: datetime | None

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= now()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What the database said; ``taken`` before it was asked, by a clock that only goes forward."""

    taken: float
    entries: Mapping[str, _Entry]

    @property
    def age(self) -> float:
        return time.monotonic() - self.taken


class KeyRing:
    """Verifies keys; its threads may share it.

    Parameters
    ----------
    database : Database
    pepper : bytes
    """

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._reading = KeyTable(session := Session(database))
        self._session = session
        self._lock = threading.Lock()
        self._snapshot = _Snapshot(float("-inf"), {})
        self._failure: tuple[float, Unreachable] | None = None
        self._stranger = _Entry(secrets.token_bytes(32), Caller("", "", frozenset()), None)
        self._used: set[str] = set()
        self._closed = threading.Event()
        self._beside: threading.Thread | None = None

    def takes(self, shown: str) -> bool:
        """Whether a text has the form of a key."""
        return id_of(shown) is not None

    def known(self, key: str) -> Caller | None:
        """Who a key is of, told without asking the database; None where that cannot be.

        Raises
        ------
        NotAuthenticated
            If the key is not good.
        """
        snapshot = self._snapshot
        age = snapshot.age
        if age >= FRESH:
            return None
        caller = self._match(snapshot, key)
        if caller is None and age < AGAIN:
            raise _refused()
        return caller

    def identify(self, key: str) -> Caller:
        """Who a key is of; asks the database where what it said is too old.

        Raises
        ------
        NotAuthenticated
            If the key is not good.
        Unreachable
            If the database does not say.
        """
        snapshot = self._renewed(FRESH)
        caller = self._match(snapshot, key)
        if caller is None:
            caller = self._match(self._renewed(AGAIN), key)
        if caller is None:
            raise _refused()
        return caller

    def holder(self, key_id: str) -> Caller:
        """Whose a key is, by its id alone: for who has shown the key before.

        Raises
        ------
        NotAuthenticated
            If it has expired or was revoked.
        Unreachable
            If the database does not say.
        """
        entry = self._renewed(FRESH).entries.get(key_id) or self._renewed(AGAIN).entries.get(key_id)
        if entry is None or entry.expired:
            raise _refused()
        self._used.add(key_id)
        return entry.caller

    def close(self) -> None:
        """Note what was used, and let go of the database."""
        self._closed.set()
        if self._beside is not None:
            self._beside.join()
        self._session.close()

    def _match(self, snapshot: _Snapshot, key: str) -> Caller | None:
        """Whose key it is; the same is done for one that there is not."""
        key_id = id_of(key)
        if key_id is None:
            return None
        entry = snapshot.entries.get(key_id, self._stranger)
        good = hmac.compare_digest(entry.digest, digest_of(key, self._pepper))
        if not good or entry.expired:
            return None
        self._used.add(key_id)
        return entry.caller

    def _renewed(self, oldest: float) -> _Snapshot:
        """What the database says, no older than some seconds; those who wait share one answer."""
        asked = time.monotonic()
        if self._snapshot.age < oldest:
            return self._snapshot
        with self._lock:
            if self._snapshot.age < oldest:
                return self._snapshot
            if self._failure is not None and self._failure[0] >= asked:
                raise self._failure[1].with_traceback(None)
            return self._read()

    def _read(self) -> _Snapshot:
        taken = time.monotonic()
        try:
            live = self._reading.live()
        except Unreachable as error:
            self._failure = (time.monotonic(), error)
            raise
        self._snapshot = _Snapshot(taken, _entries(live))
        if self._beside is None and not self._closed.is_set():
            self._beside = threading.Thread(target=self._do_beside, name="scorekit-keys", daemon=True)
            self._beside.start()
        return self._snapshot

    def _do_beside(self) -> None:
        """Between requests: read anew before they would have to wait for it, and note what was used."""
        writing = _Writing(self._database)
        while not self._closed.wait(ROUND):
            used, self._used = self._used, set()
            with suppress(Unreachable):  # who asks next is told
                if used:
                    self._renewed(FRESH / 2)
            writing.note(used, every=USED_EVERY)
        writing.note(self._used, every=0.0)
        writing.close()


class _Writing:
    """Notes that keys were used, on a connection that no request waits for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: Session | None = None
        self._pending: set[str] = set()
        self._noted: dict[str, float] = {}

    def note(self, used: set[str], every: float) -> None:
        """Note keys whose last note is so many seconds old; later, where the database is away."""
        self._pending |= used
        at = time.monotonic()
        due = {key for key in self._pending if at - self._noted.get(key, float("-inf")) >= every}
        if not due:
            return
        with suppress(Unreachable):
            self._session = self._session or Session(self._database)
            KeyTable(self._session).used(due, now())
            self._noted.update(dict.fromkeys(due, at))
            self._pending -= due

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


def _entries(keys: Iterable[KeyRecord]) -> dict[str, _Entry]:
    """Keys by their ids; what is no digest is none of ours, and matches nothing."""
    return {
        key.id: _Entry(
            bytes.fromhex(key.digest), Caller(f"key:{key.id}", key.name, frozenset(key.scopes)), key.expires
        )
        for key in keys
        if _DIGEST.fullmatch(key.digest)
    }


def _refused() -> NotAuthenticated:
    return not_good("the API key is not known, has expired or was revoked")
