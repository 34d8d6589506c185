"""A row has the same score, to the bit, alone, in a block, at a block's end, in any order of memory.

Without this CSV, JSON lines, Parquet and a request would differ in the last digits,
and so would one run and the same run resumed. NumPy does not give it for free: BLAS
and pairwise sums depend on how many rows there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model as lm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
)

from scorekit.engine.columns import Columns
from scorekit.engine.compile import compile_estimator
from scorekit.engine.compiled import BLOCK_ROWS, CompiledEngine
from scorekit.engine.numeric_ops import FUNCTIONS
from scorekit.engine.reference import frame
from scorekit.engine.score_ops import SCORE_BINDERS, SCORE_OPS
from tests.engine.parity import decode, schema_of
from tests.engine.samples import amounts, labels, mixed, prepared

ROWS = BLOCK_ROWS + 809


def behind(*steps: Any) -> Any:
    return prepared(make_pipeline(*steps))


MODELS: dict[str, tuple[Any, str, int]] = {
    # estimator, method, classes
    "logistic": (prepared(lm.LogisticRegression()), "predict_proba", 2),
    "softmax": (prepared(lm.LogisticRegression()), "predict_proba", 5),
    "one against the rest": (prepared(lm.SGDClassifier(loss="log_loss")), "predict_proba", 3),
    "modified Huber": (prepared(lm.SGDClassifier(loss="modified_huber")), "predict_proba", 3),
    "decision": (prepared(lm.RidgeClassifier()), "decision_function", 3),
    "many columns": (behind(PolynomialFeatures(3), lm.Ridge()), "predict", 0),
    "log link": (behind(RobustScaler(), lm.PoissonRegressor()), "predict", 0),
    "powers": (behind(PowerTransformer(), lm.LogisticRegression()), "predict_proba", 2),
    "ranks": (behind(QuantileTransformer(n_quantiles=50), lm.LogisticRegression()), "predict_proba", 2),
    "deviates": (
        behind(QuantileTransformer(n_quantiles=50, output_distribution="normal"), lm.LogisticRegression()),
        "predict_proba",
        2,
    ),
    "bins": (behind(KBinsDiscretizer(4, quantile_method="linear"), lm.Ridge()), "predict", 0),
    "naive Bayes": (behind(MinMaxScaler(), GaussianNB()), "predict_proba", 3),
    "Platt": (prepared(CalibratedClassifierCV(lm.RidgeClassifier(), cv=3)), "predict_proba", 3),
    "isotonic": (
        prepared(CalibratedClassifierCV(lm.RidgeClassifier(), method="isotonic", cv=3)),
        "predict_proba",
        3,
    ),
    "temperature": (
        prepared(CalibratedClassifierCV(GaussianNB(), method="temperature", cv=3)),
        "predict_proba",
        3,
    ),
    "stack": (
        prepared(
            StackingClassifier(
                [("linear", lm.LogisticRegression()), ("bayes", GaussianNB())], passthrough=True, cv=3
            )
        ),
        "predict_proba",
        3,
    ),
    "vote": (
        prepared(
            VotingClassifier(
                [("linear", lm.LogisticRegression()), ("bayes", GaussianNB())], voting="soft", weights=[2, 1]
            )
        ),
        "predict_proba",
        4,
    ),
    "target": (
        prepared(TransformedTargetRegressor(lm.Ridge(), func=np.log1p, inverse_func=np.expm1)),
        "predict",
        0,
    ),
    "target by powers": (
        prepared(TransformedTargetRegressor(lm.Ridge(), transformer=PowerTransformer())),
        "predict",
        0,
    ),
    "forest": (prepared(RandomForestRegressor(9, max_depth=6)), "predict", 0),
    "extra trees": (prepared(ExtraTreesClassifier(9, max_depth=6)), "predict_proba", 3),
    "boosting": (prepared(GradientBoostingRegressor(n_estimators=9)), "predict", 0),
    "histograms": (prepared(HistGradientBoostingClassifier(max_iter=9)), "predict_proba", 4),
    "isolation": (prepared(IsolationForest(n_estimators=9)), "decision_function", 0),
}


@pytest.fixture(scope="module")
def table() -> Columns:
    """Rows of training's kind, among them missing, unseen, huge and infinite values."""
    rng = np.random.default_rng(7)
    data = mixed(ROWS, seed=1)
    for name in ("x0", "x1", "x2"):
        for row in rng.integers(0, ROWS, 60):
            data[name][row] = float(rng.choice([np.inf, -np.inf, 1e30, -1e30, 1e-310, 0.0, -0.0]))
    for row in rng.integers(0, ROWS, 60):
        data["colour"][row] = "mauve"
    return decode(data, schema_of(mixed()))


@pytest.mark.parametrize("name", MODELS)
def test_rows_alone_and_in_any_chunks(name: str, table: Columns) -> None:
    estimator, method, classes = MODELS[name]
    data = mixed()
    schema = schema_of(data)
    target = labels(data, classes) if classes else amounts(data)
    fitted = estimator.fit(frame(decode(data, schema), schema), target)
    engine = CompiledEngine(
        compile_estimator(fitted, schema, method=method, outputs=list(range(_outputs(method, classes)))),
        schema,
    )
    together = engine.score(table).values
    assert np.isfinite(together).all(axis=1).mean() > 0.9
    for step in (1, 2, 3, 7, 8, 64, 65, 1000, BLOCK_ROWS - 1):
        for start in (0, 5, BLOCK_ROWS - 3 * step, BLOCK_ROWS - step // 2, ROWS - 3 * step):
            for begin in range(max(start, 0), min(max(start, 0) + 9 * step, ROWS), step):
                stop = min(begin + step, ROWS)
                chunk = engine.score(table.slice(begin, stop)).values
                assert same_bits(chunk, together[begin:stop]), (begin, stop)
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert same_bits(engine.score(table.take(shuffled)).values, together[shuffled])
    by_rows = Columns(np.ascontiguousarray(table.numeric), np.ascontiguousarray(table.codes))
    assert same_bits(engine.score(by_rows).values, together)


def _outputs(method: str, classes: int) -> int:
    return classes if classes and not (method == "decision_function" and classes == 2) else 1


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal, zeros by their sign too; one NaN is as good as another."""
    equal = np.ascontiguousarray(left).view(np.int64) == np.ascontiguousarray(right).view(np.int64)
    return bool((equal | (np.isnan(left) & np.isnan(right))).all())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 40) | st.sampled_from([64, 1000, 8191, 8192]),
    width=st.integers(1, 30) | st.sampled_from([100, 257]),
    outputs=st.integers(1, 4),
    order=st.sampled_from("CF"),
    seed=st.integers(0, 1000),
)
def test_linear_adds_in_column_order(rows: int, width: int, outputs: int, order: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = np.asarray(rng.normal(size=(rows, width)) * 10.0 ** rng.integers(-9, 9, width), order=order)
    coef, intercept = rng.normal(size=(width, outputs)), rng.normal(size=outputs)
    wanted = value[:, :1] * coef[0]
    for column in range(1, width):
        wanted = wanted + value[:, column : column + 1] * coef[column]
    assert same_bits(SCORE_BINDERS["linear"](coef=coef, intercept=intercept)(value), wanted + intercept)


@pytest.mark.parametrize("op", ["softmax", "exp_normalize", "normalize"])
@pytest.mark.parametrize("classes", [2, 3, 8, 9, 40])
def test_sums_over_classes(op: str, classes: int) -> None:
    value = np.abs(np.random.default_rng(0).normal(size=(500, classes)))
    function = SCORE_OPS[op]
    settings = {"uniform": True} if op == "normalize" else {}
    alone = np.concatenate([function(row[None, :], **settings) for row in value])
    assert same_bits(function(value, **settings), alone)
    assert same_bits(function(np.asfortranarray(value), **settings), alone)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_numpy_functions_round_alike_anywhere_in_an_array(name: str) -> None:
    """What the engine relies on: vector and remainder loops of NumPy agree, at any stride and offset."""
    function = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [rng.normal(size=3000), np.exp(rng.normal(size=3000) * 5), rng.uniform(-745, 710, 999)]
    )
    with np.errstate(all="ignore"):
        whole = function(values)
        assert same_bits(np.concatenate([function(values[k : k + 1]) for k in range(len(values))]), whole)
        for size in (2, 3, 5, 7, 8, 9, 15, 17, 33):
            parts = [function(values[k : k + size]) for k in range(1, len(values), size)]
            assert same_bits(np.concatenate(parts), whole[1:])
        for stride in (2, 3, 8, 64):
            spread = np.zeros((len(values), stride))
            spread[:, 1] = values
            assert same_bits(function(spread[:, 1]), whole)
            assert same_bits(function(spread)[:, 1], whole)
            assert same_bits(function(np.asfortranarray(spread))[:, 1], whole)
