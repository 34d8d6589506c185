"""The state in PostgreSQL: one for many machines. It is never made or migrated unasked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from scorekit.errors import Unreachable, UsageError
from scorekit.state import database
from scorekit.state.database import Connection, Database, half_migrated, unusable

VARIABLE = "SCOREKIT_DATABASE_URL"
_PARAMETER = re.compile(r":([a-z_]+)")
_PORT = re.compile(r"[0-9,]*")
_REACH = f"check {VARIABLE}, and whether the server runs"
_LIMITS = {"connect_timeout": 10, "tcp_user_timeout": 20_000}
"""Seconds to connect in, and milliseconds for the other end to answer, where the URL says nothing."""

_SAID: dict[str, tuple[str, str, str]] = {
    "42501": ("does not allow it", "grant the user its tables", "state_denied"),
    "25006": ("cannot be written", f"{VARIABLE} has to name the primary server", "state_read_only"),
    "57014": ("does not answer in time", "see what keeps the server busy", "state_unreachable"),
    "53100": ("cannot grow: the disk is full", "free some space", "state_full"),
}
_LOCKED = ("55P03",)
_UNDEFINED = ("42P01", "42703")
_PASSING = ("57P", "08", "40P01", "40001")
"""The server went down, the connection broke, two transactions stood in each other's way."""


class Postgres(Database):
    """A database of a server.

    Parameters
    ----------
    url : str
        ``postgresql+psycopg://…`` or what libpq reads; a secret.

    Raises
    ------
    UsageError
        If it is no URL of PostgreSQL, or psycopg is not installed.
    """

    name: ClassVar[str] = "postgresql"
    embedded: ClassVar[bool] = False
    for_update: ClassVar[str] = " FOR UPDATE"

    def __init__(self, url: str) -> None:
        self._settings = _read(url)

    @property
    def shown(self) -> str:
        """Server and name, without the password."""
        found = self._settings
        user = f"{found['user']}@" if "user" in found else ""
        port = f":{found['port']}" if "port" in found else ""
        return f"postgresql://{user}{found.get('host', '')}{port}/{found.get('dbname', '')}"

    @property
    def errors(self) -> type[Exception]:
        """What psycopg raises."""
        import psycopg

        return psycopg.Error

    def begin(self, *, writes: bool) -> str:
        """Within limits of time, which hold for the transaction: a pooler shares the session."""
        limit = int(database.PATIENCE * 1000)
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED{'' if writes else ' READ ONLY'}"
        return f"{begin}; SET LOCAL lock_timeout = {limit}; SET LOCAL statement_timeout = {2 * limit}"

    def connect(self, *, autocommit: bool = True) -> Connection:
        """Connect; with ``autocommit`` a transaction begins only where a statement says so."""
        import psycopg

        with self.translated():
            # a pooler between us and the server would not know our prepared statements
            return psycopg.connect(
                **{**_LIMITS, "application_name": "scorekit", **self._settings},
                autocommit=autocommit,
                prepare_threshold=None,
            )

    def statement(self, sql: str) -> str:
        """With ``%(name)s``."""
        return _PARAMETER.sub(r"%(\1)s", sql)

    def moment(self, value: datetime) -> datetime:
        """A time as psycopg has it."""
        return value.astimezone(UTC)

    def lacks_table(self, error: Exception) -> bool:
        """By the code of the error."""
        return _state(error) in _UNDEFINED

    def passes(self, error: Exception) -> bool:
        """Whether the connection was cut, or two transactions stood in each other's way."""
        import psycopg

        if isinstance(error, psycopg.OperationalError) and not _state(error):
            return True
        return _state(error).startswith(_PASSING)

    def translate(self, error: Exception) -> Unreachable:
        """By the code of the error."""
        if self.lacks_table(error):
            return half_migrated(self.shown)
        state = _state(error)
        if state in _LOCKED:
            what, hint = f"is locked for more than {database.PATIENCE:g} s", "see who holds the lock"
            return unusable(self.shown, what, hint, "state_locked")
        said = _SAID.get(state) or (self._words(error), _REACH, "state_unreachable")
        return unusable(self.shown, *said)

    def _words(self, error: Exception) -> str:
        """What the server or the library says, on one line and without the password."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        words = lines[0] if lines else type(error).__name__
        password = str(self._settings.get("password", ""))
        what = "cannot be reached" if self.passes(error) else "failed"
        return f"{what}: {words.replace(password, '***') if password else words}"


def _state(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


def _read(url: str) -> dict[str, Any]:
    """The parts of a URL. Nothing of it is said again: who knows where in it the password is."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise UsageError(
            "PostgreSQL needs a package that is not installed: psycopg", hint="pip install 'scorekit[db]'"
        ) from None
    try:
        found = dict(conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1)))
    except psycopg.Error:
        found = {}
    # a password that was not escaped is taken apart at its /, ? or @, and would be shown as host or port
    shown = str(found.get("host", "")) + str(found.get("dbname", ""))
    if not found or "@" in shown or not _PORT.fullmatch(str(found.get("port", ""))):
        hint = "postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME; in a password / is %2F, ? %3F and @ %40"
        raise UsageError(f"{VARIABLE} is no URL of PostgreSQL", hint=hint)
    return found
