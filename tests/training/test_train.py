from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import scorekit
from scorekit.engine.tree_ops import kernel_available
from scorekit.errors import DataError, ScorekitError, UsageError
from scorekit.store.versions import Ref, Store
from scorekit.training.recipe import make_recipe, model_name
from scorekit.training.train import Training
from tests.training.samples import Listener, adult, bank, made, recipe, trained


def store(folder: Path) -> Store:
    return Store.open(str(folder / "models"))


def scores(training: Training, table: pa.Table) -> np.ndarray:
    model = scorekit.load(f"{training.manifest.name}:{training.manifest.version}", store=training.store)
    return np.column_stack([model.score(table).column(name) for name in training.manifest.scoring.columns])


def test_a_version_holds_everything_and_scores_as_it_was_measured(tmp_path: Path) -> None:
    listener = Listener()
    table = bank()
    training = trained(
        table, tmp_path, recipe(target="y", cv=3, holdout=0.25, name="calls"), progress=listener
    )
    manifest = training.manifest
    assert (manifest.name, manifest.version, training.champion) == ("calls", 1, True)
    assert (manifest.task, manifest.classes, manifest.positive) == ("binary", ("no", "yes"), "yes")
    assert (manifest.training.rows, manifest.training.holdout_rows) == (675, 225)
    assert manifest.scoring.engine == "compiled"
    assert manifest.scoring.proof is not None
    assert manifest.scoring.proof.rows > 900
    assert set(manifest.files) == {
        "baseline.json",
        "card.md",
        "compiled/arrays.npz",
        "compiled/program.json",
        "estimator.joblib",
    }
    assert store(tmp_path).verify(Ref("calls", 1)).problems == ()
    assert listener.done == {"cross-validation": 3, "proof": listener.done["proof"]}
    assert listener.done["proof"] >= 900
    assert [stage[0] for stage in listener.stages] == [
        "read",
        "cross-validation",
        "fit",
        "compile",
        "proof",
        "publish",
    ]
    # the holdout's metrics are those of the published model: of the rows with any score, 225 were kept back
    assert manifest.metrics.holdout is not None
    assert sum(one.rows for one in manifest.metrics.calibration) == 225
    from scorekit.training.dataset import take_apart
    from scorekit.training.splits import split

    made_by = recipe(target="y", holdout=0.25)
    kept_back = split(take_apart(table, made_by, ()), made_by).holdout
    truth = np.array(table.column("y").to_pylist())[kept_back] == "yes"
    score = scores(training, table.take(kept_back))[:, 0]
    assert np.mean((score - truth) ** 2) == pytest.approx(manifest.metrics.holdout["brier"], rel=1e-9)


def test_the_estimator_in_the_version_scores_as_the_compiled_model(tmp_path: Path) -> None:
    from scorekit.engine.reference import ReferenceEngine

    table = adult(400)
    training = trained(table, tmp_path, recipe(target="income"))
    data = store(tmp_path).read(Ref("rows", 1), training.manifest, "estimator.joblib")
    (tmp_path / "estimator.joblib").write_bytes(data)
    estimator = joblib.load(tmp_path / "estimator.joblib")
    model = scorekit.load("rows", store=training.store)
    engine = ReferenceEngine(estimator, training.manifest.inputs, method="predict_proba", outputs=[1])
    from scorekit.engine.columns import Decoder

    columns = Decoder(training.manifest.inputs, keep_texts=True).batch(table.combine_chunks().to_batches()[0])
    np.testing.assert_allclose(
        engine.score(columns).values[:, 0], model.score(table).column("score").to_numpy(), rtol=1e-12
    )


def test_training_twice_gives_the_same_model_and_another_seed_another_one(tmp_path: Path) -> None:
    found = [
        trained(bank(), tmp_path, recipe(target="y", estimator="tree", params={"max_features": 3}, seed=seed))
        for seed in (0, 0, 1)
    ]
    digests = [one.manifest.scoring.digest or scores(one, bank()).tobytes() for one in found]
    assert digests[0] == digests[1] != digests[2]
    assert len({one.manifest.training.fingerprint for one in found}) == 1
    assert [one.manifest.version for one in found] == [1, 2, 3]
    assert [one.champion for one in found] == [True, False, False]


def test_promotion_makes_it_the_champion(tmp_path: Path) -> None:
    trained(made({}), tmp_path, recipe())
    assert trained(made({}), tmp_path, recipe(), promote=True).champion
    assert store(tmp_path).resolve("rows").version == 2


def test_a_recipe_file_says_the_same_as_options(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        'target = "y"\nestimator = "logistic"\ncv = 0\nholdout = 0.3\nseed = 4\ndrop = ["age"]\n'
        "[params]\nC = 0.5\n"
    )
    by_file = trained(bank(), tmp_path, make_recipe(file, {}))
    by_options = trained(
        bank(), tmp_path, recipe(target="y", holdout=0.3, seed=4, drop=("age",), params={"C": 0.5})
    )
    assert by_file.manifest.scoring.digest == by_options.manifest.scoring.digest
    assert by_file.manifest.recipe == by_options.manifest.recipe
    assert by_file.manifest.metrics == by_options.manifest.metrics


@pytest.mark.parametrize("estimator", ["boosting", "forest", "tree", "extra-trees"])
def test_trees_are_compiled_where_the_kernel_is(tmp_path: Path, estimator: str) -> None:
    name = {"boosting": "max_iter", "tree": "max_leaf_nodes"}.get(estimator, "n_estimators")
    training = trained(adult(), tmp_path, recipe(target="income", estimator=estimator, params={name: 5}))
    scoring = training.manifest.scoring
    if kernel_available():
        assert scoring.engine == "compiled", scoring.not_lowered
    else:
        assert scoring.not_lowered == "tree kernel not built"
    assert scores(training, adult()).min() >= 0


def test_more_classes_have_a_score_each(tmp_path: Path) -> None:
    training = trained(adult(), tmp_path, recipe(target="race", cv=2))
    manifest = training.manifest
    assert manifest.task == "multiclass"
    assert manifest.positive is None
    assert manifest.scoring.columns == tuple(f"score_{label}" for label in manifest.classes)
    assert manifest.metrics.cross_validated is not None
    assert manifest.metrics.cross_validated["accuracy"] > 0.7
    np.testing.assert_allclose(scores(training, adult()).sum(axis=1), 1)


def test_a_class_of_one_row_is_cross_validated_all_the_same(tmp_path: Path) -> None:
    table = made({"target": ["a", "b", "c"] * 19 + ["a", "b", "rare"]})
    training = trained(table, tmp_path, recipe(cv=3))
    assert training.out_of_fold is not None
    assert training.out_of_fold.shape == (60, 4)
    assert np.isfinite(training.out_of_fold).all()
    assert training.out_of_fold[59, 3] == 0


@pytest.mark.parametrize("estimator", ["ridge", "boosting", "forest"])
def test_regression(tmp_path: Path, estimator: str) -> None:
    table = made({"target": np.arange(60) * 1.5})
    table = table.set_column(0, "number", pa.array(np.arange(60.0)))
    training = trained(table, tmp_path, recipe(estimator=estimator, cv=3, params={}))
    manifest = training.manifest
    assert (manifest.task, manifest.scoring.meaning, manifest.classes) == ("regression", "value", ())
    assert manifest.metrics.cross_validated is not None
    assert manifest.metrics.cross_validated["r2"] > 0.5


def test_the_positive_class_turns_the_score_around(tmp_path: Path) -> None:
    last = trained(made({}), tmp_path, recipe())
    first = trained(made({}), tmp_path, recipe(positive="no"))
    np.testing.assert_allclose(scores(last, made({})) + scores(first, made({})), 1)
    with pytest.raises(UsageError, match="speak for the last class only"):
        trained(made({}), tmp_path, recipe(positive="no", estimator="sklearn.svm.LinearSVC"))


def test_weights_count_as_rows_do(tmp_path: Path) -> None:
    table = made({"w": [1, 2, 3] * 20})
    weighted = trained(table, tmp_path, recipe(weight_column="w", params={"C": 1e6, "max_iter": 5000}))
    many = table.take([k for k in range(60) for _ in range(table.column("w")[k].as_py())])
    repeated = trained(many, tmp_path, recipe(drop=("w",), params={"C": 1e6, "max_iter": 5000}))
    # the scaler is not weighted, but without a penalty that does not show
    np.testing.assert_allclose(scores(weighted, table), scores(repeated, table), atol=2e-3)
    assert "w" not in weighted.manifest.inputs.names
    with pytest.raises(UsageError, match="KNeighborsClassifier takes no weights"):
        trained(
            table, tmp_path, recipe(weight_column="w", estimator="sklearn.neighbors.KNeighborsClassifier")
        )


def test_the_last_rows_by_time_are_the_holdout(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(int(k)) for k in np.random.default_rng(3).permutation(60)]
    training = trained(made({"day": days}), tmp_path, recipe(time_column="day"))
    described = training.manifest.training
    assert (described.rows, described.holdout_rows) == (48, 12)
    assert described.period == ("2020-01-01", "2020-02-29")
    assert training.manifest.recipe["holdout"] == 0.2


def test_out_of_fold_scores_are_by_models_that_had_not_seen_the_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = made({"number": rng.normal(size=200), "target": rng.permutation(["a", "b"] * 100)}, 200)
    training = trained(
        noise,
        tmp_path,
        recipe(estimator="sklearn.neighbors.KNeighborsClassifier", cv=5, params={"n_neighbors": 1}),
    )
    assert training.out_of_fold is not None
    accuracy = training.manifest.metrics.cross_validated["accuracy"]  # type: ignore[index]  # cv is 5
    assert accuracy < 0.65
    model = scores(training, noise)[:, 0]
    truth = np.array(noise.column("target").to_pylist()) == "b"
    assert np.mean((model > 0.5) == truth) > 0.95


NAMES = ["with space", "dotted.name", "quo'te", 'double"quote', "emoji 🙂", "ünï", "a=b", "x__y", "[0]", "|"]


@pytest.mark.parametrize("estimator", ["logistic", "boosting"])
def test_columns_may_be_called_anything(tmp_path: Path, estimator: str) -> None:
    columns = {name: np.arange(60.0) + k for k, name in enumerate(NAMES)}
    columns |= {f"{name}!": ["a", "b", "ä 🙂"] * 20 for name in NAMES}
    training = trained(made(columns), tmp_path, recipe(estimator=estimator))
    assert set(NAMES) <= set(training.manifest.inputs.names)
    assert np.isfinite(scores(training, made(columns))).all()


def test_five_thousand_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {f"column {k}": rng.normal(size=40) for k in range(5000)}
    training = trained(made(columns, 40), tmp_path, recipe(cv=2))
    assert training.manifest.training.columns == 5002
    assert training.manifest.scoring.engine == "compiled"


def test_a_steps_class_of_ones_own_is_scored_by_scikit_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class Coin(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        self.classes_ = np.unique(y)\n"
        "        self.n_features_in_ = X.shape[1]\n"
        "        return self\n"
        "    def predict_proba(self, X):\n"
        "        p = 1 / (1 + np.exp(-np.nan_to_num(X['number'].to_numpy())))\n"
        "        return np.column_stack([1 - p, p])\n"
        "    def predict(self, X):\n"
        "        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]\n"
    )
    monkeypatch.chdir(tmp_path)
    training = trained(made({}), tmp_path, recipe(estimator=None, pipeline="own:Coin", cv=2))
    scoring = training.manifest.scoring
    assert scoring.engine == "reference"
    assert scoring.not_lowered is not None
    assert scoring.not_lowered.startswith("Coin")
    assert any("Coin" in note for note in training.notes)
    assert training.manifest.recipe["source"]["text"].startswith("import numpy")
    (tmp_path / "own.py").unlink()
    number = made({}).column("number").to_numpy()
    np.testing.assert_allclose(scores(training, made({}))[:, 0], 1 / (1 + np.exp(-number)))


def test_text_reaches_a_pipeline_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.py").write_text(
        "from sklearn.compose import ColumnTransformer\n"
        "from sklearn.feature_extraction.text import TfidfVectorizer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def make():\n"
        "    words = ColumnTransformer([('said', TfidfVectorizer(), 'said')])\n"
        "    return make_pipeline(words, LogisticRegression())\n"
    )
    monkeypatch.chdir(tmp_path)
    rows = 2400
    said = [f"{'good' if k % 2 else 'bad'} {k}" for k in range(rows)]
    table = pa.table({"said": said, "target": [k % 2 for k in range(rows)]})
    training = trained(table, tmp_path, recipe(estimator=None, pipeline="words:make"))
    assert training.manifest.inputs.features[0].kind == "text"
    found = scores(training, pa.table({"said": ["good thing", "bad thing"]}))[:, 0]
    assert found[0] > 0.9 > 0.1 > found[1]


@pytest.mark.parametrize(
    ("columns", "given", "kind", "message"),
    [
        ({"target": ["a"] * 60}, {}, DataError, "same value in every row"),
        ({"x": [np.inf] * 60}, {}, DataError, r"LogisticRegression takes no infinite values.*'x'"),
        ({}, {"params": {"C": "high"}}, UsageError, "'C' parameter"),
        ({}, {"params": {"c": 1}}, UsageError, "no parameter c"),
        ({}, {"estimator": "ridge"}, UsageError, "does not predict classes"),
        ({}, {"name": "not/a/name"}, UsageError, "not a model name"),
    ],
)
def test_nothing_is_left_behind_when_training_fails(
    tmp_path: Path, columns: Any, given: dict[str, Any], kind: type[ScorekitError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        trained(made(columns), tmp_path, recipe(**given))
    assert not (tmp_path / "models").exists()


def test_infinite_values_are_learned_from_where_the_estimator_takes_them(tmp_path: Path) -> None:
    table = made({"x": [np.inf, -np.inf, 1.0] * 20})
    training = trained(table, tmp_path, recipe(estimator="boosting", params={"max_iter": 3}))
    assert np.isfinite(scores(training, table)).all()


def test_values_of_the_data_do_not_show_in_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw.py").write_text("from sklearn.linear_model import LogisticRegression as make\n")
    monkeypatch.chdir(tmp_path)
    table = made({"letter": ["secret"] * 59 + ["other"]})
    with pytest.raises(DataError, match="LogisticRegression could not be fitted: ValueError") as caught:
        trained(table, tmp_path, recipe(estimator=None, pipeline="raw:make"))
    assert "secret" not in caught.value.message


def test_what_scikit_learn_warns_of_is_noted_once(tmp_path: Path) -> None:
    training = trained(made({}), tmp_path, recipe(params={"max_iter": 1}, cv=2))
    assert len([note for note in training.notes if "converge" in note]) == 1


def test_the_card_says_what_it_is(tmp_path: Path) -> None:
    training = trained(bank(300), tmp_path, recipe(target="y", cv=2, holdout=0.2, params={"C": 0.5}))
    card = store(tmp_path).read(Ref("rows", 1), training.manifest, "card.md").decode()
    for said in ("# rows", "`y`", "`yes`", "C=0.5", "240 rows", "ROC AUC", "| `poutcome` | category |"):
        assert said in card


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/bank.csv.gz", "bank"),
        ("Bank train.parquet", "Bank-train"),
        ("s3://rows/2024/", "2024"),
        ("🙂.csv", "model"),
        ("a.b.c.parquet", "a"),
        ("_x_.csv", "x"),
    ],
)
def test_a_name_is_made_of_the_files(source: str, name: str) -> None:
    from scorekit.store.references import check_name

    assert check_name(model_name(source)) == name


def test_workers_cross_validate_as_one_process_does(tmp_path: Path) -> None:
    found = [trained(bank(300), tmp_path, recipe(target="y", cv=3), jobs=jobs) for jobs in (1, 2)]
    assert found[0].out_of_fold is not None
    np.testing.assert_allclose(found[0].out_of_fold, found[1].out_of_fold, rtol=1e-6)
    assert found[0].manifest.scoring.digest == found[1].manifest.scoring.digest


def test_missing_values_by_name_are_missing_in_training_and_scoring(tmp_path: Path) -> None:
    table = made({"letter": ["a", "b", "?"] * 20})
    training = trained(table, tmp_path, recipe(na_values=("?",)))
    assert training.manifest.inputs.features[1].levels == ("a", "b")
    nothing = table.set_column(1, "letter", pc.replace_substring(table.column("letter"), "?", ""))
    assert scores(training, table).tolist() == scores(training, nothing).tolist()
