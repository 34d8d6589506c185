"""Transformers of numbers make the same matrices as scikit-learn's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
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
)

from scorekit.engine.compile import NotLowered
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.dates import DateParts
from scorekit.engine.numeric_ops import FUNCTIONS
from tests.engine.matrices import Data, assert_same_matrix, compare, fit, lower
from tests.engine.parity import decode, schema_of


def numbers(rows: int = 120, *, missing: float = 0.1, positive: bool = False, seed: int = 0) -> Data:
    """Columns of several scales: normal, skewed, of few values, huge, constant."""
    rng = np.random.default_rng(seed)
    columns = {
        "normal": rng.normal(size=rows),
        "skewed": rng.exponential(size=rows) * 1e4 + 1e-3,
        "few": rng.integers(1, 4, size=rows).astype(float),
        "huge": rng.lognormal(sigma=3, size=rows) * 1e9,
        "constant": np.full(rows, 3.0),
    }
    if positive:
        columns["normal"] = np.abs(columns["normal"]) + 1e-9
    return {
        name: [None if rng.random() < missing else float(value) for value in values]
        for name, values in columns.items()
    }


ROWS_WITH_NAN: list[Any] = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler(feature_range=(-3, 2), clip=True),
    MaxAbsScaler(),
    MaxAbsScaler(clip=True),
    RobustScaler(),
    RobustScaler(with_centering=False, quantile_range=(10.0, 80.0), unit_variance=True),
    RobustScaler(with_scaling=False),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    QuantileTransformer(n_quantiles=1),
    FunctionTransformer(),
    FunctionTransformer(np.abs),
    FunctionTransformer(np.log1p),
    FunctionTransformer(np.tanh),
    FunctionTransformer(np.reciprocal),
]


@pytest.mark.parametrize("transformer", ROWS_WITH_NAN, ids=repr)
def test_transformers_that_let_missing_values_through(transformer: Any) -> None:
    assert_same_matrix(transformer, numbers(), fresh=numbers(50, missing=0.5, seed=1))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_of_numpy(name: str) -> None:
    data = {**numbers(40), "unit": np.linspace(-1, 1, 40).tolist()}
    fresh = {column: [None, 0.0, -0.0, 0.5, -7.25, 800.0, np.inf, -np.inf, 5e-324] for column in data}
    assert_same_matrix(FunctionTransformer(getattr(np, name)), data, fresh=fresh)


NUMBERS_ONLY: list[Any] = [
    PolynomialFeatures(),
    PolynomialFeatures(degree=3, include_bias=False),
    PolynomialFeatures(degree=3, interaction_only=True),
    PolynomialFeatures(degree=(2, 3)),
    PolynomialFeatures(degree=(2, 3), include_bias=False, interaction_only=True),
    PolynomialFeatures(degree=(3, 3), order="F"),
    PolynomialFeatures(degree=1),
    PolynomialFeatures(degree=0),
    PolynomialFeatures(degree=7, interaction_only=True),
    KBinsDiscretizer(n_bins=4, encode="ordinal", strategy="uniform"),
    KBinsDiscretizer(n_bins=4, encode="onehot", strategy="quantile", quantile_method="averaged_inverted_cdf"),
    KBinsDiscretizer(n_bins=3, encode="onehot-dense", strategy="kmeans"),
    FunctionTransformer(np.sqrt, validate=True),
]


@pytest.mark.parametrize("transformer", NUMBERS_ONLY, ids=repr)
def test_transformers_that_refuse_missing_values(transformer: Any) -> None:
    assert_same_matrix(transformer, numbers(missing=0.0), fresh=numbers(50, missing=0.2, seed=1))


@pytest.mark.parametrize("standardize", [True, False])
def test_box_cox_rejects_what_has_no_logarithm(standardize: bool) -> None:
    data = numbers(positive=True, missing=0.1)
    data = {name: values for name, values in data.items() if name != "constant"}
    fresh = {name: [0.0, -1.0, 1e-300, 1e300, None] for name in data}
    engine = assert_same_matrix(PowerTransformer("box-cox", standardize=standardize), data, fresh=fresh)
    flaws = engine.score(decode({**{name: [1.0] for name in data}, "few": [0.0]}, schema_of(data))).flaws
    assert [(flaw.code, flaw.column) for flaw in flaws] == [("not_positive", "few")]


@pytest.mark.parametrize("power", [0.0, 1e-17, 2.0, 2.0 - 1e-17, 1.0, -1.5, 3.7])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_powers_at_the_joints_of_the_formula(power: float, method: str) -> None:
    data = {"x": np.abs(np.random.default_rng(0).normal(size=50)).tolist()}
    fresh = {"x": [5e-324, 1e-300, 1e-8, 1.0, 1e8, 1e300, 1.7e308]}
    transformer = PowerTransformer(method, standardize=False)
    columns, schema = fit(transformer, data)
    transformer.lambdas_[:] = power
    engine = CompiledEngine(lower(transformer, schema), schema)
    compare(engine, transformer, columns, schema)
    compare(engine, transformer, decode(fresh, schema), schema)


table = st.lists(
    st.tuples(*[st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1.0, 1e300]))] * 2),
    min_size=4,
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(rows=table, fresh=table, choice=st.sampled_from(["scale", "quantile", "normal", "robust", "range"]))
def test_any_table(rows: list[tuple[Any, Any]], fresh: list[tuple[Any, Any]], choice: str) -> None:
    transformer: Any = {
        "scale": StandardScaler(),
        "quantile": QuantileTransformer(n_quantiles=10),
        "normal": QuantileTransformer(n_quantiles=10, output_distribution="normal"),
        "robust": RobustScaler(),
        "range": MinMaxScaler(clip=True),
    }[choice]
    a, b = zip(*rows, strict=True)
    c, d = zip(*fresh, strict=True)
    assert_same_matrix(transformer, {"a": a, "b": b}, fresh={"a": c, "b": d})


def test_encoded_categories_are_numbers_like_others() -> None:
    """After an encoder every transformer of numbers is worked out while compiling."""
    data = {"c": [*"abcabcabca", None], "d": [*"xyxyxyxyxy", "y"]}
    for transformer in (
        StandardScaler(),
        MinMaxScaler(clip=True),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=3),
        FunctionTransformer(np.exp),
    ):
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        engine = assert_same_matrix(make_pipeline(encoder, transformer), data)
        assert [step.op for step in engine.program.steps] == ["codes", "tables"]
    onehot = OneHotEncoder(handle_unknown="ignore")
    assert_same_matrix(make_pipeline(onehot, MaxAbsScaler()), data)
    assert_same_matrix(make_pipeline(onehot, StandardScaler(with_mean=False)), data)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    assert_same_matrix(make_pipeline(encoder, PolynomialFeatures()), data)
    assert_same_matrix(make_pipeline(encoder, KBinsDiscretizer(2, encode="ordinal")), data)


def test_infinity_made_on_the_way_is_refused_as_there() -> None:
    data = {"c": [*"abc", "a"], "x": [1.0, 2.0, 3.0, 4.0]}
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    shifted = make_pipeline(ordinal, FunctionTransformer(np.log1p))  # log1p(-1) is minus infinity
    only = {"c": data["c"]}
    assert_same_matrix(shifted, only)
    assert_same_matrix(make_pipeline(shifted, StandardScaler()), only)
    assert_same_matrix(make_pipeline(FunctionTransformer(np.exp), StandardScaler()), {"x": data["x"]})


DATES = [
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    dt.datetime(1970, 1, 1),
    dt.datetime(2000, 2, 29, 13),
    dt.datetime(2023, 12, 31, 23, 30, 15, 125),
    dt.datetime(1583, 3, 1, 6),
    dt.datetime(9999, 12, 31),
    None,
]


def test_dates() -> None:
    data = {"a": DATES, "b": DATES[::-1]}
    assert_same_matrix(DateParts(), data)
    assert_same_matrix(make_pipeline(DateParts(), StandardScaler()), data)


@pytest.mark.parametrize(
    "transformer",
    [StandardScaler(), FunctionTransformer(np.square), QuantileTransformer(n_quantiles=3)],
    ids=repr,
)
def test_dates_go_through_date_parts_only(transformer: Any) -> None:
    _, schema = fit(FunctionTransformer(), {"a": DATES})
    transformer.fit([[1.0], [2.0], [3.0]])
    with pytest.raises(NotLowered, match=f"{type(transformer).__name__}.*DateParts"):
        lower(transformer, schema)


@pytest.mark.parametrize(
    ("transformer", "why"),
    [
        (FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}), "keyword"),
        (FunctionTransformer(lambda x: x), "not one of NumPy's"),
        (KBinsDiscretizer(2, dtype=np.float32), "float32"),
    ],
)
def test_what_is_not_lowered_names_its_step(transformer: Any, why: str) -> None:
    _, schema = fit(make_pipeline(transformer), numbers(missing=0))
    with pytest.raises(NotLowered, match=f"{type(transformer).__name__}: .*{why}"):
        lower(transformer, schema)
