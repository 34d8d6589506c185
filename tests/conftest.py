"""What many tests need: a model trained on real rows, and a fresh terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

from scorekit.terminal import terminal
from tests.quality.browser import Browser, chromium, running

EXAMPLES = Path(__file__).parent.parent / "examples"
S3_SERVER = Path(__file__).parent / "s3" / "moto_server.py"

# how long an example takes says more of the machine than of scorekit
settings.register_profile(
    "scorekit", parent=settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("scorekit")


@pytest.fixture(autouse=True)
def _fresh_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test hears what another one said, nor the settings and keys of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("SCOREKIT_") or (name.startswith("AWS_") and name != "AWS_CA_BUNDLE"):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "nobody"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    terminal.quiet, terminal.verbose, terminal.log_format = False, False, "text"


@dataclass(frozen=True)
class Bank:
    """A store with one model, ``bank``, and rows it has not seen."""

    store: Path
    new: pa.Table

    def run(
        self, *args: object, cwd: Path | None = None, **kwargs: object
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own."""
        return scorekit(*args, cwd=cwd, store=self.store, **kwargs)


def scorekit(
    *args: object, cwd: Path | None = None, store: Path | None = None, text: bool = True, **kwargs: object
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    environment = {**os.environ, **({"SCOREKIT_STORE": str(store)} if store else {})}
    command = [sys.executable, "-m", "scorekit", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=text, cwd=cwd, env=environment, **kwargs)


def train(data: Sequence[Path], store: Path, *args: object) -> None:
    made = scorekit("train", *data, "--store", store, *args)
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Trained on a tenth of the example's rows, so that it takes seconds."""
    folder = tmp_path_factory.mktemp("bank")
    rows = pq.read_table(EXAMPLES / "bank-train.parquet")
    data = folder / "bank.parquet"
    pq.write_table(rows.take(list(range(0, rows.num_rows, 10))), data)
    train([data], folder / "models", "--target", "y", "--name", "bank", "--estimator", "logistic", "--cv", 2)
    return Bank(folder / "models", pq.read_table(EXAMPLES / "bank-new.parquet").drop_columns(["y"]))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A page of a Chromium that lives as long as the tests."""
    path = chromium()
    if path is None:
        assert not os.environ.get("CI"), "Chromium is not installed"
        pytest.skip("Chromium is not installed")
    with running(path) as found:
        yield found


# S3 -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Address of a moto server that lives as long as the tests."""
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(S3_SERVER)], text=True, **quiet) as server:
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
