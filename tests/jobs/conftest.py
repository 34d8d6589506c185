"""Jobs in a state of each kind, and tiny data to train on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scorekit.jobs import Jobs, Uploads
from scorekit.state import migrate, place
from scorekit.state.session import Session
from scorekit.store.versions import Store
from tests.state.conftest import postgres, postgres_database, postgres_server, sqlite, url
from tests.training.samples import made

__all__ = ["postgres", "postgres_database", "postgres_server", "sqlite", "url"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """A store without models, whose state is in a database of each kind."""
    folder = tmp_path / "models"
    folder.mkdir()
    migrate.upgrade(place.find(url=url))
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", url)
    return str(folder)


@pytest.fixture
def local_store(tmp_path: Path) -> str:
    """A store without models, whose state is a file beside it."""
    folder = tmp_path / "models"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def jobs(store: str, url: str, tmp_path: Path) -> Iterator[Jobs]:
    with Session(place.find(url=url)) as session:
        yield Jobs(session, Store.open(store), Uploads(tmp_path / "uploads"), most_attempts=3)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of sixty rows."""
    folder = tmp_path / "rows"
    folder.mkdir()
    pq.write_table(made({}), folder / "rows.parquet")
    return folder / "rows.parquet"
