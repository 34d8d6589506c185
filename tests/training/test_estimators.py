from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorekit.engine.reference import frame
from scorekit.errors import UsageError
from scorekit.training.dataset import Dataset, take_apart
from scorekit.training.estimators import (
    ESTIMATORS,
    addressed,
    check_task,
    final_step,
    make_estimator,
    response_method,
    seed_everything,
    with_params,
)
from tests.training.samples import made, recipe


def awkward() -> pa.Table:
    """Every kind of column, each with missing values."""
    return made(
        {
            "holes": [None if k % 7 == 0 else float(k) for k in range(60)],
            "flag": [None if k % 5 == 0 else k % 2 == 0 for k in range(60)],
            "when": pa.array([None if k % 6 == 0 else k * 10**9 for k in range(60)], pa.timestamp("s")),
            "rare": [None if k % 9 == 0 else f"level {k % 13}" for k in range(60)],
        }
    )


def dataset(**given: Any) -> Dataset:
    return take_apart(awkward(), recipe(**given), ())


def others(data: Dataset) -> Any:
    """Rows unlike those of training: everything missing, everything unseen."""
    table = frame(data.columns, data.schema).iloc[:4].copy()
    table.loc[0] = None
    for name in ("letter", "rare"):
        table.loc[1, name] = "never seen"
    return table


CLASSIFIERS = [
    *(name for name, (classifier, _) in ESTIMATORS.items() if classifier),
    "sklearn.svm.SVC",
    "sklearn.neighbors.KNeighborsClassifier",
    "sklearn.naive_bayes.GaussianNB",
    "sklearn.neural_network.MLPClassifier",
    "sklearn.ensemble.GradientBoostingClassifier",
    "sklearn.ensemble.AdaBoostClassifier",
    "sklearn.linear_model.RidgeClassifier",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("named", CLASSIFIERS)
def test_missing_and_unseen_values_are_scored_by_every_classifier(named: str) -> None:
    data = dataset(estimator=named)
    estimator = make_estimator(recipe(estimator=named), data.schema, "binary")
    estimator.fit(frame(data.columns, data.schema), data.target.labels)
    method = response_method(estimator, "binary", named)
    assert np.isfinite(getattr(estimator, method)(others(data))).all()


@pytest.mark.parametrize("named", [name for name, (_, regressor) in ESTIMATORS.items() if regressor])
def test_missing_and_unseen_values_are_scored_by_every_regressor(named: str) -> None:
    data = dataset(estimator=named)
    estimator = make_estimator(recipe(estimator=named), data.schema, "regression")
    estimator.fit(frame(data.columns, data.schema), np.arange(60.0))
    assert np.isfinite(estimator.predict(others(data))).all()


def test_boosting_gets_its_categories_as_categories() -> None:
    data = dataset()
    estimator = make_estimator(recipe(estimator="boosting"), data.schema, "binary")
    estimator.fit(frame(data.columns, data.schema), data.target.labels)
    assert np.flatnonzero(estimator[-1].is_categorical_).tolist() == [0, 1]


def test_a_column_of_very_many_levels_fits_boosting_and_linear_models() -> None:
    rng = np.random.default_rng(0)
    table = made({"many": [f"v{k}" for k in rng.integers(0, 700, 2000)]}, rows=2000)
    data = take_apart(table, recipe(), ())
    assert len(data.schema.features[-1].levels) > 255
    for named in ("boosting", "logistic"):
        estimator = make_estimator(recipe(estimator=named), data.schema, "binary")
        estimator.fit(frame(data.columns, data.schema), data.target.labels)
        width = estimator[0].transform(frame(data.columns, data.schema)).shape[1]
        assert width <= 110


def test_trees_of_numbers_alone_need_no_preprocessing() -> None:
    data = take_apart(made({}).drop_columns(["letter"]), recipe(), ())
    assert make_estimator(recipe(estimator="forest"), data.schema, "binary")[0] == "passthrough"


@pytest.mark.parametrize(
    ("named", "task", "message", "hint"),
    [
        ("forrest", "binary", "no such estimator: forrest", "did you mean forest"),
        ("xyz", "binary", "no such estimator: xyz", "known: logistic, ridge"),
        ("logistic", "regression", "logistic does not predict numbers", "--estimator ridge"),
        ("ridge", "binary", "ridge does not predict classes", "--estimator logistic"),
        ("sklearn.svm.SVCC", "binary", "sklearn.svm has no SVCC", "sklearn.svm.SVC"),
        ("sklearn.nowhere.X", "binary", "no such estimator: sklearn.nowhere.X", "installed"),
        ("numpy.ndarray", "binary", "no scikit-learn estimator", None),
        ("sklearn.svm.SVC", "regression", "no regressor", "--task classification"),
        ("sklearn.svm.SVR", "binary", "no classifier", "--task regression"),
        ("sklearn.multioutput.MultiOutputClassifier", "binary", "without arguments: estimator", "--pipeline"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_way_out(
    named: str, task: Any, message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make_estimator(recipe(estimator=named), dataset().schema, task)
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_parameters_reach_the_estimator_by_their_own_names_and_steps_by_theirs() -> None:
    estimator = make_estimator(recipe(), dataset().schema, "binary")
    with_params(estimator, {"C": 0.25, "prepare__numeric__simpleimputer__strategy": "mean"})
    assert estimator[-1].C == 0.25
    assert estimator[0].transformers[0][1][0].strategy == "mean"


def test_an_unknown_parameter_names_the_known_ones_nearest_first() -> None:
    estimator = make_estimator(recipe(estimator="boosting"), dataset().schema, "binary")
    with pytest.raises(UsageError, match="Classifier has no parameter max_iters") as caught:
        addressed(estimator, {"max_iters": 3})
    assert str(caught.value.hint).startswith("did you mean max_iter? known: ")
    assert "l2_regularization" in str(caught.value.hint)


def test_every_seed_that_is_not_set_is_set() -> None:
    from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    estimator = make_pipeline(BaggingClassifier(DecisionTreeClassifier(random_state=3)))
    seed_everything(estimator, 17)
    assert estimator[-1].random_state == 17
    assert estimator[-1].estimator.random_state == 3
    forest = RandomForestClassifier()
    seed_everything(forest, 5)
    assert forest.random_state == 5


def test_the_final_step_is_found_in_nested_pipelines() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline

    ridge = Ridge()
    assert final_step(Pipeline([("a", Pipeline([("b", ridge)]))])) == ("a__b__", ridge)
    assert final_step(ridge) == ("", ridge)


def test_a_classifier_without_scores_is_refused() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Silent(ClassifierMixin, BaseEstimator):
        pass

    check_task(Silent(), "binary", "mine")
    with pytest.raises(UsageError, match="mine gives neither probabilities nor decisions"):
        response_method(Silent(), "binary", "mine")
