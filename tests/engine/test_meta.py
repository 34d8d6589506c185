"""Estimators that hold other estimators, compiled, score as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model as lm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from scorekit.engine.compile import NotLowered, compile_estimator
from scorekit.engine.reference import frame
from tests.engine.parity import assert_parity, decode, schema_of
from tests.engine.samples import amounts, labels, mixed, numbers, prepared

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(5, max_depth=4, random_state=0)


def not_lowered(estimator: Any, data: Any, target: Any, method: str) -> NotLowered:
    schema = schema_of(data)
    fitted = estimator.fit(frame(decode(data, schema), schema), target)
    with pytest.raises(NotLowered) as caught:
        compile_estimator(fitted, schema, method=method, outputs=[0])
    return caught.value


# Calibration ------------------------------------------------------------------------

CALIBRATED: dict[str, Any] = {
    "decisions": LinearSVC(random_state=0),
    "probabilities": GaussianNB(),
    "both": lm.LogisticRegression(),
    "a tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "a forest": forest(),
    "boosting": HistGradientBoostingClassifier(max_iter=5),
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("name", CALIBRATED)
def test_calibration(name: str, method: str, ensemble: bool, classes: int) -> None:
    data = mixed()
    estimator = CalibratedClassifierCV(CALIBRATED[name], method=method, ensemble=ensemble, cv=3)
    assert_parity(prepared(estimator), data, labels(data, classes))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_of_a_frozen_estimator_and_of_a_whole_pipeline(method: str) -> None:
    data = mixed()
    target = labels(data, 3)
    schema = schema_of(data)
    fitted = prepared(lm.LogisticRegression()).fit(frame(decode(data, schema), schema), target)
    assert_parity(CalibratedClassifierCV(FrozenEstimator(fitted), method=method), data, target)
    whole = CalibratedClassifierCV(prepared(LinearSVC(random_state=0)), method=method, cv=3)
    assert_parity(whole, data, target)


# Votes ------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [2, 1, 0.5]])
@pytest.mark.parametrize("classes", [2, 4])
def test_soft_votes(weights: list[float] | None, classes: int) -> None:
    data = mixed()
    members = [("linear", lm.LogisticRegression()), ("bayes", GaussianNB()), ("forest", forest())]
    estimator = VotingClassifier(members, voting="soft", weights=weights)
    assert_parity(prepared(estimator), data, labels(data, classes))


def test_a_member_that_was_dropped_has_no_vote() -> None:
    data = mixed()
    members = [("linear", lm.LogisticRegression()), ("gone", "drop"), ("bayes", GaussianNB())]
    estimator = VotingClassifier(members, voting="soft", weights=[3, 5, 1])
    assert_parity(prepared(estimator), data, labels(data))


@pytest.mark.parametrize("weights", [None, [1, 3]])
def test_votes_of_regressors(weights: list[float] | None) -> None:
    data = mixed()
    members = [("linear", lm.Ridge()), ("forest", RandomForestRegressor(5, max_depth=4, random_state=0))]
    assert_parity(prepared(VotingRegressor(members, weights=weights)), data, amounts(data), method="predict")


def test_votes_of_whole_pipelines() -> None:
    data = mixed()
    members = [("linear", prepared(lm.LogisticRegression())), ("bayes", prepared(GaussianNB()))]
    assert_parity(VotingClassifier(members, voting="soft"), data, labels(data, 3))


def test_hard_votes_are_labels_and_no_scores() -> None:
    data = numbers()
    estimator = VotingClassifier([("linear", lm.LogisticRegression()), ("bayes", GaussianNB())])
    for method in ("predict_proba", "predict"):
        reason = not_lowered(estimator, data, labels(data), method)
        assert str(reason) == "VotingClassifier: has no probabilities with voting='hard'"


# Stacks -----------------------------------------------------------------------------

STACKED: dict[str, dict[str, Any]] = {
    "folds": {"cv": 3},
    "a splitter": {"cv": KFold(4)},
    "inputs beside scores": {"cv": 3, "passthrough": True},
    "decisions": {"cv": 3, "stack_method": "decision_function"},
    "a forest on top": {"cv": 3, "final_estimator": forest(), "passthrough": True},
    "boosting on top": {"cv": 3, "final_estimator": HistGradientBoostingClassifier(max_iter=5)},
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", STACKED)
def test_stacks_of_classifiers(name: str, classes: int) -> None:
    data = mixed()
    second = GradientBoostingClassifier(n_estimators=4, random_state=0)
    members = [("linear", lm.LogisticRegression()), ("boosting", second)]
    assert_parity(prepared(StackingClassifier(members, **STACKED[name])), data, labels(data, classes))


def test_a_stack_whose_members_answer_in_different_ways() -> None:
    data = mixed()
    members = [("svm", LinearSVC(random_state=0)), ("bayes", GaussianNB()), ("gone", "drop")]
    for classes in (2, 3):
        assert_parity(prepared(StackingClassifier(members, cv=3)), data, labels(data, classes))


def test_a_stack_of_fitted_estimators() -> None:
    data = numbers()
    target = labels(data, 3)
    schema = schema_of(data)
    table = frame(decode(data, schema), schema)
    members = [("bayes", GaussianNB().fit(table, target)), ("forest", forest().fit(table, target))]
    assert_parity(StackingClassifier(members, cv="prefit", passthrough=True), data, target)


def test_a_stack_of_whole_pipelines_decides() -> None:
    data = mixed()
    members = [("linear", prepared(lm.LogisticRegression())), ("bayes", prepared(GaussianNB()))]
    estimator = StackingClassifier(members, cv=3, final_estimator=lm.RidgeClassifier())
    assert_parity(estimator, data, labels(data, 3), method="decision_function")


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("final", [None, HistGradientBoostingRegressor(max_iter=5)])
def test_stacks_of_regressors(passthrough: bool, final: Any) -> None:
    data = mixed()
    members = [("linear", lm.Ridge()), ("svr", LinearSVR(random_state=0))]
    estimator = StackingRegressor(members, cv=3, passthrough=passthrough, final_estimator=final)
    assert_parity(prepared(estimator), data, amounts(data), method="predict")


def test_a_stack_that_reads_labels_is_not_lowered() -> None:
    data = numbers()
    members = [("linear", lm.LogisticRegression()), ("bayes", GaussianNB())]
    estimator = StackingClassifier(members, stack_method="predict", cv=3)
    reason = not_lowered(estimator, data, labels(data), "predict_proba")
    assert str(reason) == "LogisticRegression: predicts labels, which are not scores"


def test_a_stack_that_passes_text_through_is_not_lowered() -> None:
    data = {**numbers(), "digit": [str(k % 10) for k in range(200)]}
    estimator = StackingRegressor([("linear", lm.Ridge())], cv=3, passthrough=True)
    assert str(not_lowered(estimator, data, amounts(data), "predict")).startswith("Ridge: reads text")


# Transformed targets ----------------------------------------------------------------

TARGETS: dict[str, dict[str, Any]] = {
    "logarithm": {"func": np.log1p, "inverse_func": np.expm1},
    "root": {"func": np.sqrt, "inverse_func": np.square},
    "nothing": {},
    "standard": {"transformer": StandardScaler()},
    "shift alone": {"transformer": StandardScaler(with_std=False)},
    "range": {"transformer": MinMaxScaler((-1, 3))},
    "largest": {"transformer": MaxAbsScaler()},
    "robust": {"transformer": RobustScaler()},
    "robust scale alone": {"transformer": RobustScaler(with_centering=False)},
    "Yeo-Johnson": {"transformer": PowerTransformer()},
    "Yeo-Johnson unscaled": {"transformer": PowerTransformer(standardize=False)},
    "Box-Cox": {"transformer": PowerTransformer("box-cox")},
    "ranks": {"transformer": QuantileTransformer(n_quantiles=40)},
    "deviates": {"transformer": QuantileTransformer(n_quantiles=40, output_distribution="normal")},
    "a function": {"transformer": FunctionTransformer(np.log, np.exp, check_inverse=False)},
    "several": {"transformer": make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler())},
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "regressor", [lm.Ridge(), DecisionTreeRegressor(max_depth=5, random_state=0)], ids=["linear", "tree"]
)
def test_transformed_targets(name: str, regressor: Any) -> None:
    data = mixed()
    estimator = TransformedTargetRegressor(regressor, **TARGETS[name])
    assert_parity(prepared(estimator), data, amounts(data), method="predict")


def test_an_inverse_of_ones_own_is_named() -> None:
    data = numbers()
    estimator = TransformedTargetRegressor(lm.Ridge(), func=np.log, inverse_func=lambda y: np.exp(y) + 0.0)
    reason = str(not_lowered(estimator, data, amounts(data), "predict"))
    assert reason == "FunctionTransformer: calls a function that is not one of NumPy's of one number"


# One estimator inside ---------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_one_class_against_the_rest(classes: int) -> None:
    data = mixed()
    for estimator in (GaussianNB(), lm.LogisticRegression(), forest()):
        assert_parity(prepared(OneVsRestClassifier(estimator)), data, labels(data, classes))
    decisive = OneVsRestClassifier(LinearSVC(random_state=0))
    assert_parity(prepared(decisive), data, labels(data, classes), method="decision_function")


def test_searches_score_as_the_best_they_found() -> None:
    data = mixed()
    grid = GridSearchCV(lm.LogisticRegression(), {"C": [0.1, 10.0]}, cv=3)
    assert_parity(prepared(grid), data, labels(data, 3))
    drawn = RandomizedSearchCV(prepared(lm.Ridge()), {"ridge__alpha": [0.1, 10.0]}, n_iter=2, cv=3)
    assert_parity(drawn, data, amounts(data), method="predict")
    unfitted = GridSearchCV(lm.LogisticRegression(), {"C": [0.1, 10.0]}, cv=3, refit=False)
    assert "was not refitted" in str(not_lowered(unfitted, numbers(), labels(numbers()), "predict_proba"))


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_a_threshold_changes_labels_and_no_scores(method: str) -> None:
    data = mixed()
    fixed = FixedThresholdClassifier(lm.LogisticRegression(), threshold=0.3)
    assert_parity(prepared(fixed), data, labels(data), method=method)
    tuned = TunedThresholdClassifierCV(lm.LogisticRegression(), cv=3, random_state=0)
    assert_parity(prepared(tuned), data, labels(data), method=method)


def test_frozen_estimators_and_transformers() -> None:
    data = numbers()
    schema = schema_of(data)
    table = frame(decode(data, schema), schema)
    scaler = FrozenEstimator(StandardScaler().fit(table))
    assert_parity(make_pipeline(scaler, lm.Ridge()), data, amounts(data), method="predict")
    fitted = FrozenEstimator(lm.Ridge().fit(table, amounts(data)))
    assert_parity(make_pipeline(fitted), data, amounts(data), method="predict")


@pytest.mark.parametrize("strategy", ["prior", "uniform", "most_frequent"])
def test_the_same_for_every_row(strategy: str) -> None:
    data = mixed()
    assert_parity(DummyClassifier(strategy=strategy), data, labels(data, 3))
    assert_parity(DummyRegressor(strategy="median"), data, amounts(data), method="predict")


def test_what_is_held_and_has_no_compiled_form_is_named() -> None:
    data = numbers()
    neighbours = KNeighborsClassifier()
    for estimator in (
        CalibratedClassifierCV(neighbours, cv=3),
        VotingClassifier([("linear", lm.LogisticRegression()), ("n", neighbours)], voting="soft"),
        StackingClassifier([("n", neighbours)], cv=3),
        GridSearchCV(neighbours, {"n_neighbors": [3, 5]}, cv=3),
        make_pipeline(StandardScaler(), neighbours),
    ):
        reason = not_lowered(estimator, data, labels(data), "predict_proba")
        assert str(reason) == "KNeighborsClassifier: has no compiled form"
