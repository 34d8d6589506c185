"""Any transformers in front of any estimator, on any table: the compiled model scores as scikit-learn does.

Each transformer and each estimator has its own tests beside this one; here they meet.
What cannot be fitted is passed over; what can be fitted has to be compiled and proved.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, seed, settings
from hypothesis import strategies as st
from sklearn import ensemble, linear_model, naive_bayes, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from scorekit.engine.reference import frame
from tests.engine.parity import assert_fitted_parity, assert_parity, decode, schema_of

Table = dict[str, list[Any]]
Made = Callable[[], Any]

IMPUTERS: list[Made] = [
    *(
        lambda strategy=strategy, flag=flag: SimpleImputer(strategy=strategy, add_indicator=flag)
        for strategy in ("mean", "median", "most_frequent", "constant")
        for flag in (False, True)
    ),
    lambda: FeatureUnion([("filled", SimpleImputer()), ("missing", MissingIndicator(features="all"))]),
]
ROUNDED: list[Made] = [
    # the last bit may differ from scikit-learn's: a value at the very edge of a bin, or among equal
    # quantiles, would be in the next, so none of these stands before what has such edges
    PowerTransformer,
    lambda: QuantileTransformer(n_quantiles=8, output_distribution="normal"),
]
SCALERS: list[Made] = [
    StandardScaler,
    lambda: StandardScaler(with_mean=False),
    MinMaxScaler,
    lambda: MinMaxScaler(clip=True),
    MaxAbsScaler,
    RobustScaler,
    lambda: QuantileTransformer(n_quantiles=8),
    lambda: FunctionTransformer(np.arctan),
    lambda: FeatureUnion([("scaled", StandardScaler()), ("ranks", QuantileTransformer(n_quantiles=5))]),
]
BINS: list[Made] = [
    *(
        lambda encode=encode: KBinsDiscretizer(3, encode=encode, quantile_method="averaged_inverted_cdf")
        for encode in ("ordinal", "onehot", "onehot-dense")
    ),
]
PRODUCTS: list[Made] = [
    PolynomialFeatures,
    lambda: PolynomialFeatures(interaction_only=True, include_bias=False),
]
TEXT_IMPUTERS: list[Made] = [
    lambda: SimpleImputer(strategy="most_frequent"),
    lambda: SimpleImputer(strategy="constant", fill_value="none"),
    lambda: "passthrough",
]
ENCODERS: list[Made] = [
    *(
        lambda drop=drop, unknown=unknown: OneHotEncoder(drop=drop, handle_unknown=unknown)
        for drop in (None, "first", "if_binary")
        for unknown in ("error", "ignore")
    ),
    lambda: OneHotEncoder(min_frequency=4, handle_unknown="infrequent_if_exist"),
    lambda: OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist", sparse_output=False),
    OrdinalEncoder,
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=3),
    lambda: TargetEncoder(smooth=2.0),
]

PROBABLE: list[Made] = [
    linear_model.LogisticRegression,
    lambda: linear_model.SGDClassifier(loss="log_loss", random_state=0),
    lambda: linear_model.SGDClassifier(loss="modified_huber", random_state=0),
    naive_bayes.GaussianNB,
    lambda: tree.DecisionTreeClassifier(random_state=0),
    lambda: tree.ExtraTreeClassifier(random_state=0),
    lambda: ensemble.RandomForestClassifier(4, random_state=0),
    lambda: ensemble.ExtraTreesClassifier(4, random_state=0),
    lambda: ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    lambda: ensemble.HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2),
    lambda: CalibratedClassifierCV(svm.LinearSVC(random_state=0), cv=2),
    lambda: CalibratedClassifierCV(tree.DecisionTreeClassifier(max_depth=2), method="isotonic", cv=2),
    lambda: CalibratedClassifierCV(naive_bayes.GaussianNB(), method="temperature", cv=2),
    lambda: ensemble.VotingClassifier(
        [("l", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())], voting="soft"
    ),
    lambda: ensemble.StackingClassifier(
        [("l", linear_model.LogisticRegression()), ("t", tree.DecisionTreeClassifier(max_depth=2))],
        cv=2,
        passthrough=True,
    ),
]
DECISIVE: list[Made] = [
    lambda: svm.LinearSVC(random_state=0),
    linear_model.RidgeClassifier,
    lambda: linear_model.SGDClassifier(random_state=0),
    lambda: ensemble.IsolationForest(n_estimators=4, random_state=0),
]
VALUED: list[Made] = [
    linear_model.LinearRegression,
    linear_model.Ridge,
    lambda: linear_model.Lasso(alpha=0.01),
    lambda: linear_model.ElasticNet(alpha=0.01),
    linear_model.HuberRegressor,
    lambda: linear_model.SGDRegressor(random_state=0),
    lambda: svm.LinearSVR(random_state=0),
    lambda: tree.DecisionTreeRegressor(random_state=0),
    lambda: tree.ExtraTreeRegressor(random_state=0),
    lambda: ensemble.RandomForestRegressor(4, random_state=0),
    lambda: ensemble.ExtraTreesRegressor(4, random_state=0),
    lambda: ensemble.GradientBoostingRegressor(n_estimators=3, random_state=0),
    lambda: ensemble.HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2),
    lambda: ensemble.VotingRegressor(
        [("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=2))]
    ),
    lambda: ensemble.StackingRegressor([("l", linear_model.Ridge())], cv=2, passthrough=True),
    lambda: TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
]
ESTIMATORS = [
    *((made, "predict_proba") for made in PROBABLE),
    *((made, "decision_function") for made in DECISIVE),
    *((made, "predict") for made in VALUED),
]


def name(made: Made) -> str:
    return type(made()).__name__


NUMBER = st.floats(-100, 100, width=32) | st.integers(-3, 3).map(float)
ODD = st.sampled_from([None, np.inf, -np.inf, 0.0, -0.0, 1e300, 1e-310, 3.5e38])
TEXT = st.sampled_from(["a", "b", "c", "d"])
ODD_TEXT = st.sampled_from([None, "new", "", "a", "none"])
NUMBERS, TEXTS = ("n0", "n1", "n2"), ("c0", "c1")


@st.composite
def data(draw: st.DrawFn) -> tuple[Table, Table, np.ndarray, np.ndarray]:
    """Rows to learn from, rows to score, classes and numbers to predict."""
    rows = draw(st.integers(24, 40))
    holes = draw(st.sampled_from([0.0, 0.2]))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def column(values: st.SearchStrategy[Any], size: int) -> list[Any]:
        some = draw(st.lists(values, min_size=4, max_size=12))
        found = [some[number] for number in chance.integers(0, len(some), size)]
        return [None if chance.random() < holes else value for value in found]

    known = {name: column(NUMBER, rows) for name in NUMBERS} | {name: column(TEXT, rows) for name in TEXTS}
    for name in TEXTS:
        known[name][0] = "a"  # a column without any text would be one of numbers
    fresh = {name: column(NUMBER | ODD, 12) for name in NUMBERS}
    fresh |= {name: column(TEXT | ODD_TEXT, 12) for name in TEXTS}
    classes = draw(st.integers(2, 3))
    labels = np.arange(rows) % classes
    chance.shuffle(labels)
    return known, fresh, labels, chance.exponential(size=rows)


@st.composite
def features(draw: st.DrawFn) -> Any:
    """A transformer of the table: numbers and texts in some steps each, dropped, or left to the remainder."""
    numbers = draw(st.lists(st.sampled_from(SCALERS), max_size=2))
    numbers.insert(draw(st.integers(0, len(numbers))), draw(st.sampled_from(IMPUTERS)))
    for last in draw(st.sampled_from([[], [BINS], [PRODUCTS], [ROUNDED], [ROUNDED, PRODUCTS]])):
        numbers.append(draw(st.sampled_from(last)))
    texts = [draw(st.sampled_from(TEXT_IMPUTERS)), draw(st.sampled_from(ENCODERS))]
    chosen = draw(st.sampled_from([list(NUMBERS), [0, 2], slice("n0", "n1"), list(NUMBERS[:1])]))
    rest = draw(st.sampled_from([SimpleImputer(), "drop"]))
    text_branch: Any = make_pipeline(*(made() for made in texts))
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(*(made() for made in numbers)), chosen),
                ("texts", draw(st.sampled_from([text_branch, text_branch, "drop"])), list(TEXTS)),
            ],
            remainder=rest,
            sparse_threshold=0.0,
        )
    )


@pytest.mark.parametrize("number", range(len(ESTIMATORS)), ids=[name(made) for made, _ in ESTIMATORS])
def test_any_model(number: int) -> None:
    made, method = ESTIMATORS[number]

    @seed(number)
    @settings(max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data(), features())
    def check(drawn: tuple[Table, Table, np.ndarray, np.ndarray], transformer: Any) -> None:
        known, fresh, labels, amounts = drawn
        model = make_pipeline(transformer, made())
        schema = schema_of(known)
        columns = decode(known, schema)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model.fit(frame(columns, schema), amounts if method == "predict" else labels)
            except ValueError:
                reject()
            assert_fitted_parity(model, columns, schema, method=method, fresh=fresh)

    check()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data(), st.booleans(), st.sampled_from([3, 31]))
def test_any_boosting_of_the_table_as_it_is(
    drawn: tuple[Table, Table, np.ndarray, np.ndarray], classify: bool, leaves: int
) -> None:
    """Missing values, infinities, native categories and categories that training did not see."""
    known, fresh, labels, amounts = drawn
    options = {"max_iter": 4, "min_samples_leaf": 2, "max_leaf_nodes": leaves}
    if classify:
        model: Any = ensemble.HistGradientBoostingClassifier(**options)
        assert_parity(model, known, labels, fresh=fresh, dictionary=TEXTS)
    else:
        model = ensemble.HistGradientBoostingRegressor(**options)
        assert_parity(model, known, amounts, method="predict", fresh=fresh, dictionary=TEXTS)
