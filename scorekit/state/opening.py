"""Opening the state, whatever stands there: nothing, an older one, or one that cannot be used."""

from __future__ import annotations

from scorekit.state.database import Connection, Database, gone
from scorekit.state.revisions import HEAD, not_upgraded, read_revision


def open_connection(database: Database) -> Connection:
    """A connection to a database that stands at the newest revision.

    A file of SQLite is made and migrated on the way, unless there was one that is lost;
    PostgreSQL never is.

    Raises
    ------
    Unreachable
        If there is none, or it cannot be used as it is.
    """
    if database.lost():
        raise gone(database.shown)
    if not database.begun():
        _make(database)
    connection = database.connect()
    revision = _revision(database, connection)
    if revision == HEAD:
        database.remember()
        return connection
    connection.close()
    if not database.embedded:
        raise not_upgraded(database, revision)
    _migrate(database)
    return database.connect()


def _revision(database: Database, connection: Connection) -> str | None:
    try:
        return read_revision(database, connection)
    except BaseException:
        connection.close()
        raise


def _make(database: Database) -> None:
    from scorekit.state import fresh
    from scorekit.state.sqlite import Sqlite

    if isinstance(database, Sqlite):
        fresh.make(database)
    else:
        _migrate(database)


def _migrate(database: Database) -> None:
    from scorekit.state import migrate

    migrate.upgrade(database)
