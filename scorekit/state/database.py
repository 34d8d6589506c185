"""A database that holds the state: what SQLite and PostgreSQL have in common here.

Everything is said in plain SQL with named parameters (``:model``) over the DBAPI. What the
two do differently is in ``sqlite`` and ``postgres``; which of them it is, ``place`` says.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from scorekit.errors import Unreachable

PATIENCE = 10.0
"""Seconds to wait for a lock that is held for milliseconds."""

UPGRADE_HINT = "run `scorekit db upgrade`"

Connection = Any
Cursor = Any
"""Of the DBAPI; every database has classes of its own."""


class Database(ABC):
    """Where the state is, and how to talk to it.

    Attributes
    ----------
    name : str
        Of SQLAlchemy's dialect.
    embedded : bool
        Whether it is made and migrated without being asked.
    for_update : str
        What keeps a row that is read from other writers until the end of the transaction.
    """

    name: ClassVar[str]
    embedded: ClassVar[bool]
    for_update: ClassVar[str]

    @property
    @abstractmethod
    def shown(self) -> str:
        """The database for people, without secrets."""

    @property
    @abstractmethod
    def errors(self) -> type[Exception]:
        """What its DBAPI raises."""

    @abstractmethod
    def begin(self, *, writes: bool) -> str:
        """What begins a transaction; one that writes waits for its turn."""

    @abstractmethod
    def connect(self, *, autocommit: bool = True) -> Connection:
        """A new connection.

        Raises
        ------
        Unreachable
            If there is none to be had.
        """

    @abstractmethod
    def statement(self, sql: str) -> str:
        """A statement in the parameter style of the DBAPI."""

    @abstractmethod
    def moment(self, value: datetime) -> Any:
        """A time as a parameter."""

    @abstractmethod
    def lacks_table(self, error: Exception) -> bool:
        """Whether an error says that a table or a column is not there."""

    @abstractmethod
    def passes(self, error: Exception) -> bool:
        """Whether the same may succeed on a new connection."""

    @abstractmethod
    def translate(self, error: Exception) -> Unreachable:
        """An error of the DBAPI as ours."""

    def begun(self) -> bool:
        """Whether there is anything to connect to, as far as can be told without."""
        return True

    def lost(self) -> bool:
        """Whether there was one, and it is there no more, as far as can be told."""
        return False

    def remember(self) -> None:  # noqa: B027 - a server keeps what it has
        """Have it known, apart from the database itself, that there was one."""

    def check_in_place(self) -> None:  # noqa: B027 - only a file can be taken away
        """Refuse to go on where the database that was opened is there no more."""

    def settle(self, connection: Connection) -> None:  # noqa: B027 - a server does so by itself
        """Have what was committed on the disk."""

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn errors of the DBAPI into ours."""
        try:
            yield
        except self.errors as error:
            raise self.translate(error) from None

    def execute(self, cursor: Cursor, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement."""
        cursor.execute(self.statement(sql), self._adapted(parameters or {}))

    def execute_each(self, cursor: Cursor, sql: str, rows: list[dict[str, Any]]) -> None:
        """Run a statement once for each of many parameters."""
        if rows:
            cursor.executemany(self.statement(sql), [self._adapted(row) for row in rows])

    def _adapted(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._adapt(value) for name, value in parameters.items()}

    def _adapt(self, value: Any) -> Any:
        if isinstance(value, str):
            # a file's name may hold bytes that are no text, and PostgreSQL takes no NUL
            return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        return self.moment(value) if isinstance(value, datetime) else value


def unusable(shown: str, what: str, hint: str, code: str = "state_unreachable") -> Unreachable:
    """An error of the state, said in one way."""
    return Unreachable(f"the state database {shown} {what}", hint=hint, code=code)


def gone(shown: str) -> Unreachable:
    """A database that was there, with all that was counted and every switch that was open."""
    return unusable(
        shown,
        "is gone: it was there before, and which switches were open is not known",
        "restore a backup, or run `scorekit db upgrade` to begin with every switch closed",
        "state_missing",
    )


def half_migrated(shown: str) -> Unreachable:
    """Tables that are there in part."""
    return unusable(
        shown,
        "is migrated by half: some of its tables or columns are missing",
        "restore a backup, or give scorekit an empty database and run `scorekit db upgrade`",
        "state_half_migrated",
    )
