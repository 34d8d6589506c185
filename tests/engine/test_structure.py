"""What holds other steps passes columns on as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)

from scorekit.engine.compile import NotLowered
from tests.engine.matrices import Data, assert_same_matrix, fit, lower
from tests.engine.parity import assert_parity

ROWS = 80
RNG = np.random.default_rng(3)
DATA: Data = {
    "a": [None if RNG.random() < 0.1 else float(v) for v in RNG.normal(size=ROWS)],
    "c": [None if RNG.random() < 0.1 else str(v) for v in RNG.choice(list("xyz"), ROWS)],
    "b": RNG.exponential(size=ROWS).tolist(),
    "d": RNG.choice(["left", "right"], ROWS).tolist(),
    "e": [None if RNG.random() < 0.3 else float(v) for v in RNG.integers(0, 3, ROWS)],
}
NUMBERS = ["a", "b", "e"]
TARGET = (RNG.random(ROWS) > 0.5).astype(int)
ENCODER = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
FRESH: Data = {
    "a": [None, 1.0, -np.inf],
    "c": ["new", None, "x"],
    "b": [0.0, None, 1e300],
    "d": ["left", "other", None],
    "e": [5.0, None, 0.0],
}

SELECTORS: list[Any] = [
    ["a", "e"],
    [0, 4],
    [-1, -5],
    slice(2, 3),
    slice("b", "b"),
    [True, False, True, False, False],
    make_column_selector(dtype_include=np.number),
    make_column_selector(pattern="^[abe]$"),
    lambda frame: [name for name in frame.columns if name in "ba"],
    ["b", "a"],
]


@pytest.mark.parametrize("selector", SELECTORS, ids=str)
def test_columns_are_selected_as_there(selector: Any) -> None:
    assert_same_matrix(ColumnTransformer([("s", StandardScaler(), selector)]), DATA, fresh=FRESH)
    assert_same_matrix(ColumnTransformer([("s", "passthrough", selector)]), DATA, fresh=FRESH)


REMAINDERS: list[Any] = [
    "drop",
    "passthrough",
    SimpleImputer(),
    make_pipeline(StandardScaler(), SimpleImputer()),
]


@pytest.mark.parametrize("remainder", REMAINDERS, ids=repr)
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_remainder(remainder: Any, threshold: float) -> None:
    branches = [
        ("hot", OneHotEncoder(handle_unknown="ignore"), ["c"]),
        ("gone", "drop", ["d"]),
        ("none", StandardScaler(), []),
        ("scaled", MinMaxScaler(), ["e"]),
    ]
    transformer = ColumnTransformer(
        branches,
        remainder=remainder,
        sparse_threshold=threshold,
        transformer_weights={"scaled": -2.5, "hot": 3},
    )
    assert_same_matrix(transformer, DATA, fresh=FRESH)


def test_remainder_after_another_transformer_counts_columns() -> None:
    first = ColumnTransformer([("c", ENCODER, ["c", "d"])], remainder="passthrough")
    second = ColumnTransformer([("p", PolynomialFeatures(), [0, 1])], remainder=SimpleImputer())
    assert_same_matrix(make_pipeline(first, SimpleImputer(), second), DATA, fresh=FRESH)
    named = make_pipeline(
        first, ColumnTransformer([("s", StandardScaler(), ["remainder__a"])], remainder="passthrough")
    ).set_output(transform="pandas")
    assert_same_matrix(named, DATA, fresh=FRESH)


UNIONS: list[Any] = [
    FeatureUnion([("s", StandardScaler()), ("m", MissingIndicator())]),
    FeatureUnion([("s", StandardScaler()), ("p", "passthrough"), ("d", "drop")]),
    FeatureUnion(
        [("s", StandardScaler()), ("q", QuantileTransformer(n_quantiles=9))],
        transformer_weights={"s": 0.25, "q": -4},
    ),
    FeatureUnion([("i", SimpleImputer(add_indicator=True)), ("u", FeatureUnion([("s", StandardScaler())]))]),
]


@pytest.mark.parametrize(
    "union", UNIONS, ids=lambda union: " ".join(name for name, _ in union.transformer_list)
)
def test_feature_union(union: Any) -> None:
    data = {name: DATA[name] for name in NUMBERS}
    assert_same_matrix(union, data, fresh={name: FRESH[name] for name in NUMBERS})


@pytest.mark.parametrize(
    "nothing", [None, "passthrough", FunctionTransformer(), Pipeline([("p", "passthrough")])]
)
def test_steps_that_do_nothing(nothing: Any) -> None:
    pipeline = Pipeline([("n", nothing), ("s", StandardScaler()), ("m", nothing)])
    data = {name: DATA[name] for name in NUMBERS}
    engine = assert_same_matrix(pipeline, data)
    assert [step.op for step in engine.program.steps] == ["numeric", "check", "affine"]


def test_a_whole_model() -> None:
    def text(encoder: Any) -> Any:
        return make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"), encoder)

    numbers = FeatureUnion([("scaled", StandardScaler()), ("ranks", QuantileTransformer(n_quantiles=20))])
    features = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(add_indicator=True), numbers), ["a", "b"]),
            ("hot", text(OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)), ["c", "d"]),
            ("mean", make_pipeline(TargetEncoder(smooth=2.0), StandardScaler()), ["c", "e"]),
            ("squares", make_pipeline(SimpleImputer(), PolynomialFeatures(include_bias=False)), ["b", "e"]),
        ],
        remainder="passthrough",
    )
    assert_same_matrix(features, DATA, TARGET, fresh=FRESH)
    assert_parity(make_pipeline(features, StandardScaler(), LogisticRegression()), DATA, TARGET, fresh=FRESH)
    assert_parity(make_pipeline(features, LogisticRegression()), DATA, TARGET, fresh=FRESH)


branches = st.lists(
    st.tuples(
        st.sampled_from(["scale", "impute", "quantile", "passthrough", "drop", "encode", "square"]),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(branches=branches, remainder=st.sampled_from(["drop", "passthrough"]), union=st.booleans())
def test_any_composition(branches: Any, remainder: str, union: bool) -> None:
    made: dict[str, Any] = {
        "scale": StandardScaler(),
        "impute": SimpleImputer(add_indicator=True),
        "quantile": make_pipeline(QuantileTransformer(n_quantiles=5), MinMaxScaler()),
        "passthrough": "passthrough",
        "drop": "drop",
        "encode": make_pipeline(ENCODER, StandardScaler()),
        "square": FunctionTransformer(np.square),
    }
    columns = ColumnTransformer(
        [(f"{number}", made[name], chosen) for number, (name, chosen) in enumerate(branches)],
        remainder=remainder,
    )
    whole: Any = FeatureUnion([("x", columns), ("y", columns)]) if union else columns
    data = {name: DATA[name] for name in NUMBERS}
    rest = set() if remainder == "drop" else set(NUMBERS).difference(*(chosen for _, chosen in branches))
    assume(rest or any(name != "drop" for name, _ in branches))
    assert_same_matrix(whole, data, fresh={name: FRESH[name] for name in NUMBERS})


def test_the_same_branch_twice_is_worked_out_once() -> None:
    data = {name: DATA[name] for name in NUMBERS}
    one = FeatureUnion([("a", StandardScaler()), ("b", StandardScaler())])
    engine = assert_same_matrix(one, data)
    assert [step.op for step in engine.program.steps] == ["numeric", "check", "affine", "take"]


def test_the_usual_models_take_few_steps() -> None:
    """Each step costs a microsecond or more on a single row."""
    features = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("c", OneHotEncoder(handle_unknown="ignore"), ["c", "d"]),
        ]
    )
    engine = assert_parity(make_pipeline(features, LogisticRegression()), DATA, TARGET)
    ops = [step.op for step in engine.program.steps]
    assert {"one_hot", "concat"}.isdisjoint(ops)
    assert len(ops) <= 10


def test_what_is_not_lowered_names_its_step() -> None:
    words = ColumnTransformer([("w", CountVectorizer(), "d")])
    _, schema = fit(words, DATA)
    with pytest.raises(NotLowered, match="CountVectorizer: has no compiled form"):
        lower(words, schema)
    _, schema = fit(FunctionTransformer(), DATA)
    with pytest.raises(NotLowered, match="reads text as numbers"):
        lower(FunctionTransformer(), schema)
