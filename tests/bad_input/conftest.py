"""A store with two models of a shop, and a folder to meet bad input in."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorekit.training.train import train
from tests.bad_input.shop import TRAIN_ROWS, Shop, as_csv
from tests.training.samples import recipe


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with ``shop``, which is compiled, and ``near``, which scikit-learn scores."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.csv").write_text(as_csv(TRAIN_ROWS))
    for name, estimator in (("shop", "logistic"), ("near", "sklearn.neighbors.KNeighborsClassifier")):
        train(
            [str(folder / "shop.csv")],
            recipe(target="again", name=name, estimator=estimator),
            by="tests",
            store=str(folder / "models"),
        )
    return folder / "models"


@pytest.fixture
def shop(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCOREKIT_STORE", str(models))
    monkeypatch.setenv("SCOREKIT_MODEL", "shop")
    return Shop(tmp_path, models, capsys)
