"""SQLAlchemy over the connections of ``database``, for what is not in a hurry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from scorekit.state.database import Database


def open_engine(database: Database, *, writes: bool = False) -> Engine:
    """An engine whose connections are the database's own.

    Parameters
    ----------
    database : Database
    writes : bool, default False
        Whether a transaction takes the lock of a writer from its beginning.
    """
    engine = sqlalchemy.create_engine(
        f"{'sqlite' if database.embedded else 'postgresql+psycopg'}://",
        creator=lambda: database.connect(autocommit=False),
        poolclass=NullPool,
    )
    if database.embedded:
        # the module's own transactions leave out DDL; ours begin where SQLAlchemy's do
        begin = database.begin(writes=writes)
        sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


@contextmanager
def transaction(database: Database, *, writes: bool = False) -> Iterator[Connection]:
    """A connection in a transaction, which is committed at the end.

    Raises
    ------
    Unreachable
        For every error of the database.
    """
    try:
        with open_engine(database, writes=writes).begin() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error.orig, database.errors):
            raise database.translate(error.orig) from None
        raise
