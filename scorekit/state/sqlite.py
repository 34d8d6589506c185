"""The state in a file of SQLite: in WAL mode, for the processes of one machine."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from scorekit.errors import Unreachable
from scorekit.state import database
from scorekit.state.database import Connection, Database, half_migrated, unusable
from scorekit.state.moments import text_moment

_PERMISSIONS = "check the permissions of the file and its folder, or set SCOREKIT_DATABASE_URL"
_RESTORE = "restore a backup; what is left of it is no state to go by"

_SAID: dict[int, tuple[str, str, str]] = {
    sqlite3.SQLITE_READONLY: ("cannot be written", _PERMISSIONS, "state_read_only"),
    sqlite3.SQLITE_PERM: ("cannot be written", _PERMISSIONS, "state_read_only"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", _PERMISSIONS, "state_unreachable"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _RESTORE, "state_corrupt"),
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", _RESTORE, "state_corrupt"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "check the disk", "state_unreachable"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "free some space", "state_full"),
}
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PASSING = (sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY)


_MADE = b"the database beside this was made; if it is not there, it was lost\n"


class Sqlite(Database):
    """A file.

    Parameters
    ----------
    path : Path
    parents : bool, default False
        Whether to make all the folders it lies in, not only its own.
    """

    name: ClassVar[str] = "sqlite"
    embedded: ClassVar[bool] = True
    for_update: ClassVar[str] = ""

    def __init__(self, path: Path, *, parents: bool = False) -> None:
        self.path = path
        self._file = path.absolute()
        self._lock = f"{self._file}-lock"
        self._parents = parents
        self._opened: tuple[int, int] | None = None

    @property
    def shown(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def errors(self) -> type[Exception]:
        """What the module raises."""
        return sqlite3.Error

    def begin(self, *, writes: bool) -> str:
        """Take the lock of a writer at once: two readers who both go on to write would never both end."""
        return "BEGIN IMMEDIATE" if writes else "BEGIN"

    def connect(self, *, autocommit: bool = True) -> Connection:  # noqa: ARG002 - transactions are always said
        """Open the file, which has to be there.

        A transaction begins and ends only where a statement says so.
        """
        with self.translated():
            connection = sqlite3.connect(
                f"file:{quote(os.fsencode(self._file))}?mode=rw",
                uri=True,
                timeout=database.PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
        self._opened = self._identity()
        return connection

    def begun(self) -> bool:
        """Whether there is a file."""
        return self._file.exists()

    def lost(self) -> bool:
        """Whether the lock beside it says that it was made: that file outlives it."""
        return self._remembered() and (not self.begun() or self._file.stat().st_size == 0)

    def _remembered(self) -> bool:
        try:
            return Path(self._lock).stat().st_size > 0
        except OSError:
            return False

    def remember(self) -> None:
        """Write it into the lock; where that cannot be written, neither can the database."""
        if not self._remembered():
            with suppress(OSError):
                Path(self._lock).write_bytes(_MADE)

    def create(self) -> None:
        """Make the file where there is none yet, ready for readers beside a writer.

        Raises
        ------
        Unreachable
            If it cannot be made.
        """
        with self._translated_disk(), self.translated():
            connection = sqlite3.connect(self._file, timeout=database.PATIENCE, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from making or migrating it meanwhile.

        Raises
        ------
        Unreachable
            If the folder cannot be made or written to, or another process does not come to an end.
        """
        with self._translated_disk():
            self._file.parent.mkdir(parents=self._parents, exist_ok=True)
            held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait_for(held)
            yield
        finally:
            os.close(held)

    def _wait_for(self, held: int) -> None:
        end = time.monotonic() + database.PATIENCE
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise self._locked() from None
                time.sleep(0.01)
            else:
                return

    @contextmanager
    def _translated_disk(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            missing = self.path.parent
            while not missing.parent.exists():
                missing = missing.parent
            hint = "make the folder, or set SCOREKIT_DATABASE_URL"
            raise unusable(self.shown, f"cannot be made: no such folder: {missing}", hint) from None
        except OSError as error:
            raise unusable(self.shown, f"cannot be made: {error.strerror}", _PERMISSIONS) from None

    def statement(self, sql: str) -> str:
        """As it is: SQLite knows named parameters."""
        return sql

    def moment(self, value: datetime) -> str:
        """A time as text."""
        return text_moment(value)

    def lacks_table(self, error: Exception) -> bool:
        """There is no code for it, only words."""
        return str(error).startswith(("no such table", "no such column")) or "has no column" in str(error)

    def passes(self, error: Exception) -> bool:
        """Whether another process was just beginning or ending."""
        return getattr(error, "sqlite_errorcode", 0) in _PASSING

    def translate(self, error: Exception) -> Unreachable:
        """By the code of the error."""
        if self.lacks_table(error):
            return half_migrated(self.shown)
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary in _LOCKED:
            return self._locked()
        what, hint, code = _SAID.get(primary, (f"failed: {error}", _PERMISSIONS, "state_unreachable"))
        return unusable(self.shown, what, hint, code)

    def _locked(self) -> Unreachable:
        return unusable(
            self.shown,
            f"is locked by another process for more than {database.PATIENCE:g} s",
            "see whether a process that uses it hangs",
            "state_locked",
        )

    def check_in_place(self) -> None:
        """A file that was removed or replaced would go on being written, and nobody would read it."""
        if self._identity() != self._opened:
            raise unusable(
                self.shown,
                "was removed or replaced while it was in use",
                "start again to use what is there now",
                "state_replaced",
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def settle(self, connection: Connection) -> None:
        """Write the log to the file, which waits for the disk; a power failure takes back no trip."""
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
