"""What many tests need: a model trained on real rows, and a fresh terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.terminal import terminal

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(autouse=True)
def _fresh_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test hears what another one said, nor the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("SCOREKIT_", "AWS_")):
            monkeypatch.delenv(name)
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
