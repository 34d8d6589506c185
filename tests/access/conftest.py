"""A state database of each kind, with a pepper to keep keys by."""

from __future__ import annotations

import pytest

from scorekit.access import keys
from tests.state.conftest import migrated, postgres, postgres_database, postgres_server, sqlite, url

__all__ = ["migrated", "postgres", "postgres_database", "postgres_server", "sqlite", "url"]

PEPPER = "a pepper of more than thirty-two characters"


@pytest.fixture
def state(migrated: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of the state that commands and the service find."""
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", migrated)
    monkeypatch.setenv("SCOREKIT_KEY_PEPPER", PEPPER)
    return migrated


@pytest.fixture
def key(state: str) -> str:
    """A live key."""
    return keys.create("desk", ["score"], None, "Ada").key
