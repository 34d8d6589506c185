"""An empty database of each kind, and a ledger in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scorekit.state import migrate, place
from scorekit.state.ledger import Ledger
from tests.state.server import empty, fresh_database, server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(scope="module")
def postgres_database(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def postgres(postgres_database: str) -> str:
    """URL of an empty database of PostgreSQL."""
    empty(postgres_database.replace("+psycopg", ""))
    return postgres_database


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def migrated(url: str) -> str:
    """URL of a database that holds an empty state."""
    migrate.upgrade(place.find(url=url))
    return url


@pytest.fixture
def ledger(migrated: str) -> Iterator[Ledger]:
    with Ledger.open(url=migrated) as opened:
        yield opened
