"""Which database holds the state: a URL that says so, else a file beside the store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote

from scorekit import config
from scorekit.errors import UsageError
from scorekit.state.database import Database
from scorekit.state.sqlite import Sqlite

FOLDER, FILE = ".scorekit", "state.db"


def find(store_uri: str | None = None, url: str | None = None) -> Database:
    """The database that holds the state of a store's models; nothing is opened yet.

    Parameters
    ----------
    store_uri : str, optional
        A folder or ``s3://bucket/prefix``; by default ``SCOREKIT_STORE``, else ``models``.
    url : str, optional
        ``postgresql+psycopg://…`` or ``sqlite:///file``; by default ``SCOREKIT_DATABASE_URL``, or
        the file that ``SCOREKIT_DATABASE_URL_FILE`` names.

    Raises
    ------
    UsageError
        If it is a URL of another kind, or its library is not installed.
    """
    url = url or config.secret("DATABASE_URL")
    return _by_url(url) if url else _beside(store_uri or _default_store())


def folder(store_uri: str | None = None) -> Path:
    """The folder of this machine where a store's state is kept, where no URL names a database.

    Parameters
    ----------
    store_uri : str, optional
        By default ``SCOREKIT_STORE``, else ``models``.
    """
    return _beside(store_uri or _default_store()).path.parent


def is_bucket(store_uri: str | None = None) -> bool:
    """Whether a store is a bucket, which several machines may share.

    Parameters
    ----------
    store_uri : str, optional
        By default ``SCOREKIT_STORE``, else ``models``.
    """
    scheme, separator, _ = (store_uri or _default_store()).partition("://")
    return bool(separator) and scheme != "file"


def _by_url(url: str) -> Database:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest[1:]:
        return Sqlite(Path(unquote(rest[1:])))
    if scheme in ("postgresql", "postgresql+psycopg"):
        from scorekit.state.postgres import Postgres

        return Postgres(url)
    raise UsageError(
        "SCOREKIT_DATABASE_URL names no database that scorekit knows",
        hint="write postgresql+psycopg://USER@HOST/NAME or sqlite:///path/of/a/file",
    )


def _default_store() -> str:
    from scorekit.store.versions import DEFAULT_STORE, STORE_VARIABLE

    return os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def _beside(store_uri: str) -> Sqlite:
    """In a local store, hidden from its listing; for a bucket, in the user's own folder for state."""
    _, separator, rest = store_uri.partition("://")
    if not is_bucket(store_uri):
        return Sqlite(Path(rest if separator else store_uri) / FOLDER / FILE)
    mark = hashlib.sha256(store_uri.rstrip("/").encode()).hexdigest()[:16]
    return Sqlite(_home() / "scorekit" / mark / FILE, parents=True)


def _home() -> Path:
    """The user's own folder for state, as the XDG base directories have it."""
    given = os.environ.get("XDG_STATE_HOME")
    if given:
        return Path(given)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:
        raise UsageError(
            "there is no home folder to keep the state of a bucket in",
            hint="set SCOREKIT_DATABASE_URL, or XDG_STATE_HOME",
        ) from None
