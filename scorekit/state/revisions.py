"""Which migration a database stands at."""

from __future__ import annotations

from scorekit.errors import Unreachable
from scorekit.state.database import UPGRADE_HINT, Connection, Database, half_migrated, unusable

TABLE = "scorekit_revision"
READ = f"SELECT version_num FROM {TABLE}"  # noqa: S608 - a constant
REVISIONS = ("0001", "0002")
"""Oldest first; a test holds them to the migrations there are."""
HEAD = REVISIONS[-1]


def read_revision(database: Database, connection: Connection) -> str | None:
    """The revision of a database; None where there is no state yet.

    Raises
    ------
    Unreachable
        If it does not say, or its revision is none that this scorekit knows.
    """
    cursor = connection.cursor()
    try:
        database.execute(cursor, READ)
        rows = cursor.fetchall()
    except database.errors as error:
        if database.lacks_table(error):
            return None
        raise database.translate(error) from None
    finally:
        cursor.close()
    if len(rows) != 1:
        raise half_migrated(database.shown)
    return check_known(database, str(rows[0][0]))


def check_known(database: Database, revision: str) -> str:
    """Refuse a revision of a newer scorekit."""
    if revision in REVISIONS:
        return revision
    raise unusable(
        database.shown,
        f"is of a newer scorekit: it stands at revision {revision}, known here are those up to {HEAD}",
        "install that version of scorekit here too",
        "state_newer",
    )


def not_upgraded(database: Database, revision: str | None) -> Unreachable:
    """An error for a database that somebody has to migrate."""
    if revision is None:
        return unusable(database.shown, "holds no state yet", UPGRADE_HINT, "state_missing")
    what = f"stands at revision {revision}, and this scorekit needs {HEAD}"
    return unusable(database.shown, what, UPGRADE_HINT, "state_older")
