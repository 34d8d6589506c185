"""Trees and their ensembles, compiled, score as scikit-learn does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from scorekit.engine.compile import NotLowered
from tests.engine.parity import assert_parity

Table = dict[str, list[Any]]

SINGLE = float(np.finfo(np.float32).max)
AWKWARD = [None, np.inf, -np.inf, 0.0, -0.0, 1e-310, SINGLE, 2 * SINGLE, -1e300, 0.1, 0.5]

CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "extra tree": lambda: ExtraTreeClassifier(random_state=0),
    "forest": lambda: RandomForestClassifier(12, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(12, random_state=0, bootstrap=True),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=12, random_state=0),
    "hist gradient boosting": lambda: HistGradientBoostingClassifier(max_iter=12, random_state=0),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeRegressor(random_state=0),
    "extra tree": lambda: ExtraTreeRegressor(random_state=0),
    "forest": lambda: RandomForestRegressor(12, random_state=0),
    "extra trees": lambda: ExtraTreesRegressor(12, random_state=0),
    "gradient boosting": lambda: GradientBoostingRegressor(n_estimators=12, random_state=0),
    "hist gradient boosting": lambda: HistGradientBoostingRegressor(max_iter=12, random_state=0),
}
SCORES_MISSING = {"tree", "extra tree", "forest", "extra trees", "hist gradient boosting"}
BOOSTINGS = ("gradient boosting", "hist gradient boosting")


def table(rows: int = 300, seed: int = 0, *, missing: float = 0.0) -> Table:
    rng = np.random.default_rng(seed)
    columns = {
        "a": rng.normal(size=rows),
        "b": rng.integers(0, 6, rows).astype(float),
        "c": rng.normal(size=rows).astype(np.float32).astype(float),
        "d": rng.exponential(size=rows) * 1e6,
    }
    lists = {}
    for name, values in columns.items():
        gone = rng.random(rows) < missing
        lists[name] = [None if lost else float(value) for value, lost in zip(values, gone, strict=True)]
    return lists


def target(data: Table, classes: int = 0, seed: int = 1) -> np.ndarray:
    """Classes, or numbers above zero, that depend on the columns."""
    columns = {name: np.nan_to_num(np.array(values, dtype=float)) for name, values in data.items()}
    noise = np.random.default_rng(seed).normal(size=len(columns["a"]))
    signal = columns["a"] + columns["b"] * 0.5 + columns["a"] * columns["c"] + 0.3 * noise
    if not classes:
        return np.exp(signal / 4)
    edges = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
    return np.searchsorted(edges, signal)


def awkward_rows() -> Table:
    rows = [[None if i != j else thing for i in range(4)] for thing in AWKWARD for j in range(4)]
    rows += [[1.0 if i != j else thing for i in range(4)] for thing in AWKWARD for j in range(4)]
    return {name: [row[i] for row in rows] for i, name in enumerate("abcd")}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 3, 9])
def test_classifiers(name: str, classes: int) -> None:
    data = table()
    assert_parity(CLASSIFIERS[name](), data, target(data, classes), fresh=awkward_rows())


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name: str) -> None:
    data = table()
    assert_parity(REGRESSORS[name](), data, target(data), method="predict", fresh=awkward_rows())


@pytest.mark.parametrize("name", sorted(SCORES_MISSING))
@pytest.mark.parametrize("classes", [2, 3])
def test_missing_values_in_training(name: str, classes: int) -> None:
    data = table(missing=0.2)
    assert_parity(CLASSIFIERS[name](), data, target(data, classes), fresh=awkward_rows())
    assert_parity(REGRESSORS[name](), data, target(data), method="predict", fresh=awkward_rows())


@pytest.mark.parametrize("name", BOOSTINGS)
@pytest.mark.parametrize("classes", [2, 4])
def test_decision_functions(name: str, classes: int) -> None:
    data = table()
    assert_parity(CLASSIFIERS[name](), data, target(data, classes), method="decision_function")


def test_sample_weights() -> None:
    data = table()
    weights = np.random.default_rng(3).exponential(size=300)
    for name in CLASSIFIERS:
        assert_parity(CLASSIFIERS[name](), data, target(data, 3), sample_weight=weights)
        assert_parity(REGRESSORS[name](), data, target(data), method="predict", sample_weight=weights)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(8, max_leaf_nodes=7, random_state=0),
        RandomForestClassifier(8, min_samples_leaf=20, class_weight="balanced", random_state=0),
        RandomForestClassifier(5, max_depth=1, random_state=0, n_jobs=2),
        GradientBoostingClassifier(n_estimators=8, max_depth=None, random_state=0),
        GradientBoostingClassifier(n_estimators=8, subsample=0.5, max_features=2, random_state=0),
        GradientBoostingClassifier(n_estimators=30, n_iter_no_change=2, random_state=0),
        GradientBoostingClassifier(n_estimators=8, loss="exponential", random_state=0),
        HistGradientBoostingClassifier(max_iter=60, early_stopping=True, n_iter_no_change=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=None, min_samples_leaf=1, max_bins=20),
        HistGradientBoostingClassifier(max_iter=8, monotonic_cst=[1, 0, -1, 0]),
        HistGradientBoostingClassifier(max_iter=8, class_weight="balanced", l2_regularization=1.0),
        HistGradientBoostingClassifier(max_iter=8, interaction_cst="no_interactions"),
        DecisionTreeClassifier(ccp_alpha=0.01, random_state=0),
        DecisionTreeClassifier(monotonic_cst=[1, 0, -1, 0], random_state=0),
        ExtraTreeClassifier(splitter="best", random_state=0),
    ],
    ids=repr,
)
def test_settings_of_classifiers(estimator: Any) -> None:
    data = table()
    assert_parity(estimator, data, target(data, 2), fresh=awkward_rows())


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "gamma", "quantile"])
def test_losses_of_hist_gradient_boosting(loss: str) -> None:
    data = table(missing=0.1)
    quantile = 0.3 if loss == "quantile" else None
    estimator = HistGradientBoostingRegressor(max_iter=10, loss=loss, quantile=quantile)
    assert_parity(estimator, data, target(data), method="predict")


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_losses_of_gradient_boosting(loss: str) -> None:
    data = table()
    assert_parity(GradientBoostingRegressor(n_estimators=10, loss=loss), data, target(data), method="predict")


@pytest.mark.parametrize("criterion", ["absolute_error", "poisson"])
def test_criteria_of_trees(criterion: str) -> None:
    data = table(100)
    estimator = DecisionTreeRegressor(criterion=criterion, random_state=0)
    assert_parity(estimator, data, target(data), method="predict")


@pytest.mark.parametrize("leaves", [31, 32, 33, 63, 64, 65])
def test_trees_around_the_size_of_a_mask(leaves: int) -> None:
    data = table(600)
    estimator = HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=leaves, min_samples_leaf=1)
    assert_parity(estimator, data, target(data), method="predict", fresh=awkward_rows())
    assert max(len(member[0].nodes) for member in estimator._predictors) == 2 * leaves - 1


@pytest.mark.parametrize("name", REGRESSORS)
def test_one_leaf_trees(name: str) -> None:
    data = table(60)
    assert_parity(REGRESSORS[name](), data, np.full(60, 2.5), method="predict")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_values_that_are_the_thresholds(name: str) -> None:
    """Few distinct values, midpoints among them: equal goes left."""
    rng = np.random.default_rng(5)
    data = {
        name: rng.choice([0.0, 0.25, 0.5, 0.1, 0.2, 0.30000000000000004], 200).tolist() for name in "abcd"
    }
    halves = np.round(np.random.default_rng(6).random(400) * 8) / 16
    fresh = {name: np.roll(halves, shift).tolist() for shift, name in enumerate("abcd")}
    assert_parity(CLASSIFIERS[name](), data, target(data, 2), fresh=fresh)


def test_numbers_that_differ_only_beyond_float32() -> None:
    data = table(100)
    near = [float(np.float32(value)) * (1 + 1e-9) for value in data["a"] if value is not None]
    fresh = {**table(100), "a": near}
    for name in CLASSIFIERS:
        assert_parity(CLASSIFIERS[name](), data, target(data, 2), fresh=fresh)


def test_infinities_in_training() -> None:
    data = table()
    data["a"][:40] = [np.inf, -np.inf] * 20
    for missing in (0, 60):
        data["b"][40 : 40 + missing] = [None] * missing
        assert_parity(HistGradientBoostingClassifier(max_iter=10), data, target(data, 2))


@pytest.mark.parametrize("method", ["decision_function", "score_samples"])
@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=10, random_state=0),
        IsolationForest(n_estimators=10, max_features=0.5, max_samples=0.3, random_state=0),
        IsolationForest(n_estimators=10, contamination=0.1, bootstrap=True, random_state=0),
        IsolationForest(n_estimators=3, max_samples=1, random_state=0),
    ],
    ids=repr,
)
def test_isolation_forest(estimator: Any, method: str) -> None:
    assert_parity(estimator, table(), None, method=method, fresh=awkward_rows())


# Where gradient boosting begins -------------------------------------------------------


@pytest.mark.parametrize(
    "init", ["zero", DummyRegressor(strategy="median"), DecisionTreeRegressor(max_depth=3)]
)
def test_begins_of_regressors(init: Any) -> None:
    data = table()
    estimator = GradientBoostingRegressor(n_estimators=5, init=init)
    assert_parity(estimator, data, target(data), method="predict")


@pytest.mark.parametrize("init", ["zero", RandomForestClassifier(7, random_state=0)])
@pytest.mark.parametrize(("classes", "loss"), [(2, "log_loss"), (2, "exponential"), (3, "log_loss")])
def test_begins_of_classifiers(init: Any, classes: int, loss: str) -> None:
    data = table()
    estimator = GradientBoostingClassifier(n_estimators=5, init=init, loss=loss)
    assert_parity(estimator, data, target(data, classes))
    assert_parity(estimator, data, target(data, classes), method="decision_function")


def test_a_begin_that_works_in_float32_is_named() -> None:
    data = table()
    with pytest.raises(NotLowered) as caught:
        assert_parity(
            GradientBoostingRegressor(n_estimators=5, init=LinearRegression()),
            data,
            target(data),
            method="predict",
        )
    assert caught.value.step == "LinearRegression"


# Categories ---------------------------------------------------------------------------


def categories(rows: int = 400, *, levels: int = 12) -> Table:
    rng = np.random.default_rng(7)
    data = table(rows, missing=0.05)
    names = [f"level {number:03}" for number in range(levels)]
    data["color"] = [None if rng.random() < 0.1 else str(rng.choice(names)) for _ in range(rows)]
    data["shape"] = [str(rng.choice(["round", "square", "flat"])) for _ in range(rows)]
    return data


def effect(data: Table, classes: int = 0) -> np.ndarray:
    lengths = np.array([hash_of(value) for value in data["color"]])
    signal = lengths + np.nan_to_num(np.array(data["a"], dtype=float))
    return (signal > np.median(signal)).astype(int) if classes == 2 else signal


def hash_of(value: str | None) -> float:
    return 0.0 if value is None else float(int(value.split()[1]) * 7919 % 13) / 4


def unknown_levels() -> Table:
    data = categories(40)
    data["color"] = ["never seen", None, "level 001", ""] * 10
    data["shape"] = ["oval", None] * 20
    return data


@pytest.mark.parametrize("leaves", [15, 31, 200])
@pytest.mark.parametrize("levels", [2, 12, 80])
def test_native_categories_by_dtype(levels: int, leaves: int) -> None:
    # a level of fewer than ten rows is no candidate for a split
    data = categories(max(400, 30 * levels), levels=levels)
    engine_settings = {"max_iter": 10, "max_leaf_nodes": leaves, "min_samples_leaf": 3}
    for estimator, goal, method in (
        (HistGradientBoostingClassifier(**engine_settings), effect(data, 2), "predict_proba"),
        (HistGradientBoostingRegressor(**engine_settings), effect(data), "predict"),
    ):
        fresh = unknown_levels()
        assert_parity(estimator, data, goal, method=method, fresh=fresh, dictionary=["color", "shape"])
        splits = sum(int(member[0].nodes["is_categorical"].sum()) for member in estimator._predictors)
        assert splits > 9


@pytest.mark.parametrize("chosen", [["color", "shape"], [4, 5], [False, True, False, False, True, True]])
def test_native_categories_by_name_number_or_mask(chosen: list[Any]) -> None:
    data = categories()
    estimator = HistGradientBoostingClassifier(max_iter=10, categorical_features=chosen)
    assert_parity(estimator, data, effect(data, 2), fresh=unknown_levels())


def test_numbers_as_native_categories() -> None:
    data = table(missing=0.1)
    estimator = HistGradientBoostingClassifier(max_iter=10, categorical_features=["b"])
    fresh = table(40)
    fresh["b"] = [None, -1.0, 0.0, 2.0, 2.5, 7.0, 255.0, 256.0, 1e300, -0.0] * 4
    assert_parity(estimator, data, target(data, 2), fresh=fresh)


def test_as_many_categories_as_scikit_learn_takes() -> None:
    rng = np.random.default_rng(8)
    names = [f"level {number:03}" for number in range(255)]
    data = {"color": [*names * 4, *[None] * 40], "a": rng.normal(size=1060).tolist()}
    for leaves in (31, 500):
        estimator = HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=leaves, min_samples_leaf=2)
        fresh = {"color": ["unseen", None, *names], "a": [0.0] * 257}
        assert_parity(estimator, data, effect(data), method="predict", fresh=fresh, dictionary=["color"])


@pytest.mark.parametrize("name", sorted(SCORES_MISSING))
def test_encoded_categories_in_front_of_trees(name: str) -> None:
    data = categories()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, ["color", "shape"]), remainder="passthrough")
    pipeline = make_pipeline(columns, CLASSIFIERS[name]())
    assert_parity(pipeline, data, effect(data, 2), fresh=unknown_levels())


def test_text_that_reaches_a_tree_is_named() -> None:
    """Text of digits only: scikit-learn fits it, and would raise on other text."""
    data = {"a": ["1", "2", "3", "4"] * 20, "b": np.arange(80.0).tolist()}
    with pytest.raises(NotLowered) as caught:
        assert_parity(RandomForestClassifier(3), data, np.arange(80) % 2)
    assert caught.value.step == "RandomForestClassifier"


def test_more_than_one_target_is_named() -> None:
    data = table(50)
    with pytest.raises(NotLowered) as caught:
        assert_parity(RandomForestRegressor(3), data, np.column_stack([target(data)] * 2), method="predict")
    assert caught.value.step == "RandomForestRegressor"


# Any table ------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.1, 2.0**-24, 16777217.0, 1e-310, 3e38]),
    st.floats(-1e30, 1e30),
    st.integers(-3, 3).map(float),
)
ANY_VALUES = st.one_of(VALUES, st.sampled_from([np.inf, -np.inf, SINGLE, 2 * SINGLE, -1e300]))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, list[int], Table]:
    rows = draw(st.integers(12, 40))
    names = "abc"[: draw(st.integers(1, 3))]
    data = {name: draw(st.lists(VALUES, min_size=rows, max_size=rows)) for name in names}
    for values in data.values():
        values[0] = values[0] or 0.0  # histogram boosting cannot be fitted on a column without any number
    goal = draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows))
    goal[:3] = [0, 1, 2]
    fresh = {name: draw(st.lists(ANY_VALUES, min_size=8, max_size=8)) for name in names}
    return data, goal, fresh


@given(tables(), st.sampled_from(sorted(SCORES_MISSING)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_table(drawn: tuple[Table, list[int], Table], name: str) -> None:
    data, goal, fresh = drawn
    estimator = CLASSIFIERS[name]()
    if name == "hist gradient boosting":
        estimator.set_params(min_samples_leaf=1, max_iter=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_parity(estimator, data, goal, fresh=fresh)


@given(tables())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_table_of_numbers_as_categories(drawn: tuple[Table, list[int], Table]) -> None:
    data, goal, fresh = drawn
    estimator = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=1, categorical_features=[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_parity(estimator, data, goal, fresh=fresh)
