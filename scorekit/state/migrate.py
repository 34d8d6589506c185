"""Migrating the state: all of it in one transaction, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.engine import Connection

from scorekit.errors import Unreachable
from scorekit.state.database import Database, gone, half_migrated
from scorekit.state.engine import transaction
from scorekit.state.revisions import HEAD, READ, TABLE, check_known, not_upgraded, read_revision
from scorekit.state.sqlite import Sqlite

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 5_730_168_214
"""Number of the advisory lock under which PostgreSQL is migrated."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What became of a database.

    Attributes
    ----------
    place : str
        Without secrets.
    before : str or None
        Its revision; None where there was no state.
    after : str
    """

    place: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands.

    Attributes
    ----------
    place : str
        Without secrets.
    kind : {"sqlite", "postgresql"}
    revision : str or None
        None where there is no state yet.
    problem : Unreachable or None
        Why it cannot be used.
    """

    place: str
    kind: str
    revision: str | None
    problem: Unreachable | None = None

    def require(self) -> None:
        """Refuse one that cannot be used.

        Raises
        ------
        Unreachable
        """
        if self.problem is not None:
            raise self.problem


def look(database: Database) -> Standing:
    """How a database stands; nothing is made or migrated."""
    revision: str | None = None
    problem: Unreachable | None = None
    try:
        if database.begun():
            with closing(database.connect()) as connection:
                revision = read_revision(database, connection)
        if database.lost():
            problem = gone(database.shown)
        elif revision != HEAD and not database.embedded:
            problem = not_upgraded(database, revision)
    except Unreachable as error:
        problem = error
    return Standing(database.shown, database.name, revision, problem)


def upgrade(database: Database, revision: str = HEAD) -> Upgraded:
    """Bring a database to a revision, the newest by default.

    Raises
    ------
    Unreachable
        If it cannot be, is of a newer scorekit, or is migrated by half. It is as it was then.
    """
    from alembic import command

    with _alone(database) as connection:
        before = _current(database, connection)
        if before != revision:
            command.upgrade(_config(connection), revision)
    return Upgraded(database.shown, before, revision)


def downgrade(database: Database, revision: str) -> None:
    """Bring a database back to an older revision; ``base`` removes the state."""
    from alembic import command

    with _alone(database) as connection:
        _current(database, connection)
        command.downgrade(_config(connection), revision)


def differences(database: Database) -> list[str]:
    """How the tables of a migrated database differ from the models; nothing should."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from scorekit.state.models import Base

    with transaction(database) as connection:
        context = MigrationContext.configure(connection, opts=options())
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]


def options() -> dict[str, Any]:
    """How Alembic looks at a database: at our tables only, which may have others beside them."""
    return {
        "version_table": TABLE,
        "transactional_ddl": True,
        "compare_type": True,
        "include_name": lambda name, kind, _: kind != "table" or str(name).startswith("scorekit_"),
    }


def _current(database: Database, connection: Connection) -> str | None:
    """The revision, read under the lock."""
    tables = set(sqlalchemy.inspect(connection).get_table_names())
    if TABLE not in tables:
        if any(table.startswith("scorekit_") for table in tables):
            raise half_migrated(database.shown)
        return None
    found = connection.exec_driver_sql(READ).scalars().all()
    ours = {table for table in tables if table.startswith("scorekit_")}
    if len(found) > 1 or (not found and ours != {TABLE}):
        raise half_migrated(database.shown)
    return check_known(database, str(found[0])) if found else None


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "scorekit.state:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A transaction in which no other process migrates."""
    if isinstance(database, Sqlite):
        with database.alone():
            database.create()
            with transaction(database, writes=True) as connection:
                yield connection
            database.remember()
    else:
        with transaction(database) as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection
