"""Stores to test against: a folder, and a bucket of a moto server of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorekit.store.versions import Store


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that nothing is in, of each kind."""
    if request.param == "local":
        return str(tmp_path / "models")
    return f"s3://{request.getfixturevalue('bucket')}/some/models"


@pytest.fixture
def store(uri: str) -> Store:
    return Store.open(uri)
