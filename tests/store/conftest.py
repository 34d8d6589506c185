"""Stores to test against: a folder, and a bucket of a moto server of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorekit.store.versions import Store

SERVER = Path(__file__).with_name("moto_server.py")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, keys or stores but the test's own."""
    for name in list(os.environ):
        if name.startswith("SCOREKIT_") or (name.startswith("AWS_") and name != "AWS_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Address of a moto server that lives as long as the tests."""
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(SERVER)], text=True, **quiet) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of somebody with keys to that server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrEXAMPLEKEY")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return endpoint


@pytest.fixture
def bucket(aws: str) -> str:
    """A new bucket."""
    name = f"models-{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{aws}/{name}", method="PUT")).close()
    return name


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that nothing is in, of each kind."""
    if request.param == "local":
        return str(tmp_path / "models")
    return f"s3://{request.getfixturevalue('bucket')}/some/models"


@pytest.fixture
def store(uri: str) -> Store:
    return Store.open(uri)
