"""Linear models, compiled, score as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model as lm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from scorekit.engine.compile import NotLowered, compile_estimator
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.reference import frame
from tests.engine.parity import assert_parity, decode, schema_of
from tests.engine.samples import LABELS, amounts, labels, mixed, numbers, prepared

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning"),
]

REGRESSORS = [
    lm.LinearRegression(),
    lm.LinearRegression(fit_intercept=False),
    lm.LinearRegression(positive=True),
    lm.Ridge(),
    lm.RidgeCV(),
    lm.Lasso(alpha=0.01),
    lm.LassoCV(cv=3),
    lm.LassoLars(alpha=0.01),
    lm.LassoLarsCV(cv=3),
    lm.LassoLarsIC(),
    lm.Lars(),
    lm.LarsCV(cv=3),
    lm.ElasticNet(alpha=0.01),
    lm.ElasticNetCV(cv=3),
    lm.OrthogonalMatchingPursuit(),
    lm.OrthogonalMatchingPursuitCV(cv=3),
    lm.BayesianRidge(),
    lm.ARDRegression(),
    lm.HuberRegressor(),
    lm.QuantileRegressor(),
    lm.TheilSenRegressor(random_state=0),
    lm.SGDRegressor(random_state=0),
    lm.SGDRegressor(average=True, loss="huber", random_state=0),
    lm.PoissonRegressor(),
    lm.GammaRegressor(),
    lm.TweedieRegressor(power=1.5),
    lm.TweedieRegressor(power=0),
    lm.TweedieRegressor(power=2, link="log"),
    LinearSVR(random_state=0),
]

PROBABILISTIC = [
    lm.LogisticRegression(),
    lm.LogisticRegression(fit_intercept=False),
    lm.LogisticRegression(C=1e6, class_weight="balanced"),
    lm.LogisticRegressionCV(Cs=2, cv=3, use_legacy_attributes=False),
    lm.SGDClassifier(loss="log_loss", random_state=0),
    lm.SGDClassifier(loss="modified_huber", random_state=0),
]

DECISIVE = [
    lm.LogisticRegression(),
    lm.SGDClassifier(random_state=0),
    lm.SGDClassifier(loss="squared_hinge", average=True, random_state=0),
    lm.RidgeClassifier(),
    lm.RidgeClassifierCV(),
    lm.Perceptron(random_state=0),
    LinearSVC(random_state=0),
]


@pytest.mark.parametrize("estimator", REGRESSORS, ids=repr)
def test_regressors(estimator: Any) -> None:
    data = numbers()
    assert_parity(make_pipeline(StandardScaler(), estimator), data, amounts(data), method="predict")


@pytest.mark.parametrize("estimator", REGRESSORS[:6], ids=repr)
def test_regressors_on_categories(estimator: Any) -> None:
    data = mixed()
    assert_parity(prepared(estimator), data, amounts(data), method="predict")


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("estimator", PROBABILISTIC, ids=repr)
def test_probabilities(estimator: Any, classes: int) -> None:
    data = mixed()
    assert_parity(prepared(estimator), data, labels(data, classes))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", DECISIVE, ids=repr)
def test_decisions(estimator: Any, classes: int) -> None:
    data = mixed()
    assert_parity(prepared(estimator), data, labels(data, classes), method="decision_function")


def test_unscaled_numbers_are_refused_only_where_scikit_learn_raises() -> None:
    data = numbers(columns=3)
    engine = assert_parity(lm.Ridge(), data, amounts(data), method="predict")
    schema = schema_of(data)
    fresh = {**{name: [1.0] * 4 for name in data}, "x1": [1.0, None, float("inf"), 1e300]}
    scores = engine.score(decode(fresh, schema))
    assert np.isnan(scores.values[:, 0]).tolist() == [False, True, True, False]
    assert {(flaw.code, flaw.column, *flaw.rows.tolist()) for flaw in scores.flaws} == {
        ("missing_not_allowed", "x1", 1),
        ("infinite", "x1", 2),
    }


def test_liblinear_and_l1() -> None:
    data = mixed()
    estimator = lm.LogisticRegression(solver="liblinear", l1_ratio=1.0)
    assert_parity(prepared(estimator), data, labels(data))


def test_sparse_coefficients() -> None:
    data = numbers()
    schema = schema_of(data)
    table = frame(decode(data, schema), schema)
    fitted = lm.LogisticRegression().fit(table, labels(data))
    dense = compile_estimator(fitted, schema, method="predict_proba", outputs=[1])
    sparse = compile_estimator(fitted.sparsify(), schema, method="predict_proba", outputs=[1])
    assert sparse.digest() == dense.digest()


@pytest.mark.parametrize("columns", [1, 2, 9, 150])
@pytest.mark.parametrize("classes", [2, 4])
def test_any_number_of_columns(columns: int, classes: int) -> None:
    data = numbers(columns=columns)
    assert_parity(make_pipeline(StandardScaler(), lm.LogisticRegression()), data, labels(data, classes))


def test_sample_weights() -> None:
    data = numbers()
    weights = np.random.default_rng(0).exponential(size=200)
    assert_parity(lm.Ridge(), data, amounts(data), method="predict", sample_weight=weights)


def test_probabilities_down_to_nothing() -> None:
    """Decisions from -900 to 900: the smallest probabilities agree too, and reach 0 and 1 together."""
    data = {"x": np.linspace(-900, 900, 2001).tolist()}
    estimator = lm.LogisticRegression(C=1e6)
    target = [int(value > 0) for value in data["x"]]
    schema = schema_of(data)
    fitted = estimator.fit(frame(decode(data, schema), schema), target)
    fitted.coef_[:] = 1.0
    fitted.intercept_[:] = 0.0
    program = compile_estimator(fitted, schema, method="predict_proba", outputs=[1])
    ours = CompiledEngine(program, schema).score(decode(data, schema)).values[:, 0]
    theirs = fitted.predict_proba(frame(decode(data, schema), schema))[:, 1]
    np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=0)
    assert ours[0] == 0.0
    assert ours[-1] == 1.0
    assert 0.0 < ours[ours > 0].min() < 1e-300


def test_several_targets_are_not_lowered() -> None:
    data = numbers()
    both = np.column_stack([amounts(data), amounts(data, seed=1)])
    schema = schema_of(data)
    fitted = make_pipeline(StandardScaler(), lm.Ridge()).fit(frame(decode(data, schema), schema), both)
    with pytest.raises(NotLowered, match=r"^Ridge: has 2 outputs"):
        compile_estimator(fitted, schema, method="predict", outputs=[0])


@pytest.mark.parametrize(
    ("estimator", "method", "why"),
    [
        (lm.LogisticRegression(), "predict", "LogisticRegression: predicts labels"),
        (LinearSVC(), "predict_proba", "LinearSVC: has no predict_proba"),
        (lm.SGDClassifier(), "predict_proba", "SGDClassifier: has no probabilities with loss='hinge'"),
    ],
)
def test_methods_that_give_no_scores(estimator: Any, method: str, why: str) -> None:
    data = numbers()
    schema = schema_of(data)
    fitted = estimator.fit(frame(decode(data, schema), schema), labels(data))
    with pytest.raises(NotLowered, match=why):
        compile_estimator(fitted, schema, method=method, outputs=[0])


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(20, 60),
    columns=st.integers(1, 5),
    classes=st.integers(2, 4),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 10_000),
)
def test_any_table(rows: int, columns: int, classes: int, scale: float, seed: int) -> None:
    data = {
        name: [value * scale for value in values]
        for name, values in numbers(rows, columns, seed=seed).items()
    }
    target = labels(data, classes, seed=seed)
    target[:classes] = LABELS[:classes]
    estimator = make_pipeline(StandardScaler(), lm.LogisticRegression())
    assert_parity(estimator, data, target, fresh=numbers(50, columns, seed=seed + 1))
