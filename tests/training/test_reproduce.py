from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from scorekit.errors import UsageError, VersionMismatch
from scorekit.store.versions import Store
from scorekit.training import Search
from scorekit.training.recipe import Recipe
from scorekit.training.reproduce import Reproduction, reproduce
from tests.training.samples import adult, bank, made, recipe, trained


def again(folder: Path, *data: Path, **options: Any) -> Reproduction:
    return reproduce("rows", [str(path) for path in data], store=str(folder / "models"), **options)


@pytest.mark.parametrize(
    "given",
    [
        {"cv": 3, "holdout": 0.2, "params": {"C": 0.3}},
        {"estimator": "boosting", "params": {"max_iter": 10, "early_stopping": True}, "seed": 5},
        {"estimator": "forest", "params": {"n_estimators": 5}, "cv": 2, "seed": 3},
        {"search": Search(kind="random", n_iter=2, cv=2, params={"C": {"low": 0.1, "high": 9}})},
        {"estimator": "sklearn.neural_network.MLPClassifier", "params": {"max_iter": 5}},
        {"positive": "no", "drop": ("age",), "weight_column": "day"},
    ],
)
def test_a_version_is_made_again(tmp_path: Path, given: dict[str, Any]) -> None:
    training = trained(bank(400), tmp_path, recipe(target="y", **given))
    result = again(tmp_path)
    assert result.same
    assert result.differences == ()
    assert result.environment == ()
    assert result.compared == ("digest" if training.manifest.scoring.digest else "scores")
    assert Store.open(training.store).versions("rows") == [1]


def test_what_is_chosen_is_used_without_searching(tmp_path: Path) -> None:
    from tests.training.samples import Listener

    search = Search(cv=2, params={"C": [0.5, 0.25]})
    trained(adult(300), tmp_path, recipe(target="income", search=search))
    listener = Listener()
    assert again(tmp_path, progress=listener).same
    assert "search" not in listener.done


def test_the_same_rows_in_another_format_do_and_are_noted(tmp_path: Path) -> None:
    trained(bank(300), tmp_path, recipe(target="y"))
    moved = tmp_path / "moved.csv"
    pyarrow.csv.write_csv(bank(300), moved)
    (tmp_path / "rows.parquet").unlink()
    with pytest.raises(UsageError, match="no such file") as caught:
        again(tmp_path)
    assert "--data" in str(caught.value.hint)
    result = again(tmp_path, moved)
    assert result.same
    assert result.notes == ("the files are others, but the rows in them are the same",)


def test_other_rows_are_told_and_not_trained_on(tmp_path: Path) -> None:
    trained(made({}), tmp_path, recipe())
    pq.write_table(made({"extra": range(61)}, 61), tmp_path / "rows.parquet")
    result = again(tmp_path)
    assert not result.same
    assert result.compared == ""
    assert [one.what for one in result.differences] == ["rows", "columns", "data fingerprint"]
    assert (result.differences[1].recorded, result.differences[1].now) == ("no others", "extra")


def test_a_value_in_one_row_is_told(tmp_path: Path) -> None:
    table = made({})
    trained(table, tmp_path, recipe())
    numbers = table.column("number").to_pylist()
    numbers[30] += 1e-12
    pq.write_table(table.set_column(0, "number", pa.array(numbers)), tmp_path / "rows.parquet")
    assert [one.what for one in again(tmp_path).differences] == ["data fingerprint"]


@pytest.mark.parametrize("estimator", ["logistic", "sklearn.svm.SVC"])
def test_another_model_is_told_with_what_changed_around_it(
    tmp_path: Path, estimator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorekit.training import reproduce as module

    trained(made({}), tmp_path, recipe(estimator=estimator, cv=2))
    monkeypatch.setattr(
        module, "_recorded_recipe", lambda *_: recipe(estimator=estimator, cv=2, params={"C": 0.01})
    )
    monkeypatch.setattr(module, "installed_packages", lambda: {"numpy": "0.1"})
    result = again(tmp_path)
    assert not result.same
    what = [one.what for one in result.differences]
    assert what[0] == ("compiled model" if estimator == "logistic" else "scores")
    assert "cross-validated roc_auc" in what or "cross-validated accuracy" in what
    assert "numpy" in [one.what for one in result.environment]


def test_a_recipe_of_another_scorekit_is_refused(tmp_path: Path) -> None:
    training = trained(made({}), tmp_path, recipe())
    opened = Store.open(training.store)
    strange = replace(training.manifest, recipe={"target": "target", "novelty": 1})
    opened.publish(strange, {}, by="tests", alias="champion")
    with pytest.raises(VersionMismatch, match="recipe of rows:2 cannot be read by this scorekit: novelty"):
        again(tmp_path)


def test_the_users_module_is_the_recorded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "own.py"
    text = (
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def make():\n"
        "    numbers = make_column_transformer(('passthrough', ['number']))\n"
        "    return make_pipeline(numbers, LogisticRegression(C=0.5))\n"
    )
    module.write_text(text)
    monkeypatch.chdir(tmp_path)
    training = trained(made({}), tmp_path, recipe(estimator=None, pipeline="own:make"))
    source = Recipe.model_validate(training.manifest.recipe).source
    assert source is not None
    assert source.sha256 == hashlib.sha256(text.encode()).hexdigest()
    module.write_text(text.replace("0.5", "0.1"))
    assert again(tmp_path).same
    module.unlink()
    assert again(tmp_path, jobs=2).same


def test_the_modules_it_imports_are_the_recorded_ones_in_workers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside.py").write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Number(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None):\n"
        "        self.n_features_in_ = X.shape[1]\n"
        "        return self\n"
        "    def transform(self, X):\n"
        "        return X[['number']]\n"
    )
    (tmp_path / "own.py").write_text(
        "from beside import Number\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def make():\n"
        "    return make_pipeline(Number(), LogisticRegression())\n"
    )
    monkeypatch.chdir(tmp_path)
    trained(made({}), tmp_path, recipe(estimator=None, pipeline="own:make"))
    for name in ("own.py", "beside.py"):
        (tmp_path / name).unlink()
    assert again(tmp_path, jobs=2).same
