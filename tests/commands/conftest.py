"""A store of two versions that were trained, and the ``models`` commands to look at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scorekit.cli import run
from tests.commands.stores import Models, Said
from tests.conftest import Bank
from tests.training import samples


@pytest.fixture(scope="session")
def trained(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logistic ``bank:1``, and a ``bank:2`` that scikit-learn scores, of other rows and columns."""
    folder = tmp_path_factory.mktemp("versions")
    shutil.copytree(bank.store, folder / "models")
    made_by = samples.recipe(
        target="y",
        name="bank",
        estimator="sklearn.neighbors.KNeighborsClassifier",
        params={"n_neighbors": 9},
        holdout=0.25,
        drop=("age",),
    )
    samples.trained(samples.bank(400), folder, made_by)
    return folder / "models"


@pytest.fixture
def store(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may harm."""
    shutil.copytree(trained, tmp_path / "models")
    monkeypatch.setenv("SCOREKIT_STORE", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "models"


@pytest.fixture
def models(capsys: pytest.CaptureFixture[str]) -> Models:
    def command(*args: object) -> Said:
        capsys.readouterr()
        code = run(["models", *map(str, args)])
        return Said(code, *capsys.readouterr())

    return command
