"""Imputers and indicators make the same matrices as scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from scorekit.engine.compile import NotLowered
from tests.engine.matrices import Data, assert_same_matrix, fit, lower

NUMBERS: Data = {
    "some": [1.0, None, 3.0, 3.0, None, 8.0],
    "full": [1.0, 2.0, 3.0, -1.0, 5.0, 6.0],
    "empty": [None] * 6,
    "same": [2.0, None, 2.0, 2.0, 2.0, 2.0],
}
FRESH: Data = {
    "some": [None, 1.0, float("inf"), -1.0],
    "full": [None, -1.0, 1.0, 1.0],
    "empty": [5.0, None, None, -1.0],
    "same": [None, None, None, 1e300],
}
TEXTS: Data = {
    "some": ["a", None, "b", "b", None, "?"],
    "full": ["x", "y", "x", "?", "x", "y"],
    "one": ["k", "k", "k", "k", "k", None],
}
FRESH_TEXTS: Data = {
    "some": ["new", None, "?", "a"],
    "full": [None, "?", "x", "other"],
    "one": ["k", None, "?", ""],
}

STRATEGIES: list[dict[str, Any]] = [
    {"strategy": "mean"},
    {"strategy": "median"},
    {"strategy": "most_frequent"},
    {"strategy": "constant"},
    {"strategy": "constant", "fill_value": -7.5},
    {"strategy": np.max},
]


@pytest.mark.parametrize("options", STRATEGIES, ids=str)
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("keep_empty_features", [False, True])
def test_numbers(options: dict[str, Any], *, add_indicator: bool, keep_empty_features: bool) -> None:
    imputer = SimpleImputer(**options, add_indicator=add_indicator, keep_empty_features=keep_empty_features)
    data, fresh = NUMBERS, FRESH
    if callable(options["strategy"]):  # a callable is not asked about columns without values
        data, fresh = ({k: v for k, v in d.items() if k != "empty"} for d in (data, fresh))
    assert_same_matrix(imputer, data, fresh=fresh)


@pytest.mark.parametrize("sought", [-1.0, 3, 0])
@pytest.mark.parametrize("add_indicator", [False, True])
def test_numbers_that_stand_for_missing(sought: float, *, add_indicator: bool) -> None:
    data = {name: [0.0 if v is None else v for v in values] for name, values in NUMBERS.items()}
    assert_same_matrix(SimpleImputer(missing_values=sought, add_indicator=add_indicator), data, fresh=FRESH)


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "most_frequent"},
        {"strategy": "constant"},
        {"strategy": "constant", "fill_value": "none"},
        {"strategy": "constant", "fill_value": "b"},
        {"strategy": "most_frequent", "add_indicator": True},
    ],
    ids=str,
)
def test_text(options: dict[str, Any]) -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    assert_same_matrix(make_pipeline(SimpleImputer(**options), encoder), TEXTS, fresh=FRESH_TEXTS)
    onehot = OneHotEncoder(handle_unknown="ignore")
    assert_same_matrix(make_pipeline(SimpleImputer(**options), onehot), TEXTS, fresh=FRESH_TEXTS)
    assert_same_matrix(make_pipeline(SimpleImputer(**options), OneHotEncoder()), TEXTS, fresh=FRESH_TEXTS)


def test_text_that_stands_for_missing() -> None:
    full = {name: ["?" if v is None else v for v in values] for name, values in TEXTS.items()}
    imputer = SimpleImputer(missing_values="?", strategy="most_frequent", add_indicator=True)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    assert_same_matrix(make_pipeline(imputer, encoder), full, fresh=FRESH_TEXTS)


@pytest.mark.parametrize(
    "transformer",
    [
        make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder()),
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none", add_indicator=True),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        make_pipeline(SimpleImputer(strategy="constant"), OrdinalEncoder()),
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none"),
            SimpleImputer(strategy="most_frequent", missing_values="none"),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        make_pipeline(
            SimpleImputer(strategy="most_frequent", missing_values="never"),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        MissingIndicator(missing_values="none", features="all"),
        FeatureUnion(
            [
                (fill, make_pipeline(SimpleImputer(strategy="constant", fill_value=fill), OneHotEncoder()))
                for fill in ("none", "never")
            ]
        ),
    ],
    ids=repr,
)
def test_text_that_only_the_pipeline_knows(transformer: Any) -> None:
    """Data that spells out what an imputer puts in: to scikit-learn the two are the same."""
    sought = list(getattr(transformer, "named_steps", {"": transformer}).values())
    data = TEXTS
    if any(isinstance(getattr(step, "missing_values", None), str) for step in sought):
        data = {name: [value or "k" for value in values] for name, values in TEXTS.items()}
    fresh = {
        "some": ["none", None, "never", "missing_value", "a", "new", "none"],
        "full": ["x", "none", "y", "x", "missing_value", "y", "never"],
        "one": [None, "k", "k", "k", "none", "k", "k"],
    }
    assert_same_matrix(transformer, data, fresh=fresh)


def test_numbers_and_text_together_are_objects_and_may_be_infinite() -> None:
    data = {**TEXTS, "number": NUMBERS["some"]}
    fresh = {**FRESH_TEXTS, "number": FRESH["some"]}
    imputer = SimpleImputer(strategy="most_frequent")
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    assert_same_matrix(make_pipeline(imputer, encoder), data, fresh=fresh)
    assert_same_matrix(make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore")), data, fresh=fresh)


@pytest.mark.parametrize("features", ["missing-only", "all"])
@pytest.mark.parametrize("error_on_new", [True, False])
@pytest.mark.parametrize("sought", [np.nan, 3.0, -1])
def test_indicator(features: str, error_on_new: bool, sought: float) -> None:
    data = NUMBERS
    if not np.isnan(sought):
        data = {name: [0.0 if v is None else v for v in values] for name, values in NUMBERS.items()}
    indicator = MissingIndicator(features=features, error_on_new=error_on_new, missing_values=sought)
    assert_same_matrix(indicator, data, fresh=FRESH)


def test_indicator_of_text() -> None:
    assert_same_matrix(MissingIndicator(), TEXTS, fresh=FRESH_TEXTS)
    assert_same_matrix(MissingIndicator(features="all"), TEXTS, fresh=FRESH_TEXTS)


def test_a_second_imputer_costs_nothing() -> None:
    data = {name: values for name, values in NUMBERS.items() if name != "empty"}
    once = assert_same_matrix(make_pipeline(SimpleImputer(), StandardScaler()), data)
    twice = assert_same_matrix(make_pipeline(SimpleImputer(), SimpleImputer(), StandardScaler()), data)
    assert twice.program.digest() == once.program.digest()


cells = st.one_of(st.none(), st.sampled_from([0.0, -1.0, 5.0]), st.floats(-1e9, 1e9))
tables = st.lists(st.tuples(cells, cells, cells), min_size=2, max_size=15)


@settings(max_examples=60, deadline=None)
@given(
    rows=tables,
    fresh=tables,
    strategy=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    add_indicator=st.booleans(),
    keep=st.booleans(),
)
def test_any_table(rows: Any, fresh: Any, strategy: str, add_indicator: bool, keep: bool) -> None:
    data = dict(zip("abc", zip(*rows, strict=True), strict=True))
    others = dict(zip("abc", zip(*fresh, strict=True), strict=True))
    imputer = SimpleImputer(strategy=strategy, add_indicator=add_indicator, keep_empty_features=keep)
    if not keep and not add_indicator and all(v is None for row in rows for v in row):
        return  # no column is left
    assert_same_matrix(imputer, data, fresh=others)


@pytest.mark.parametrize(
    ("imputer", "why"),
    [
        (SimpleImputer(strategy="most_frequent", missing_values=None), "neither NaN, a number nor a string"),
    ],
    ids=str,
)
def test_what_is_not_lowered_names_its_step(imputer: Any, why: str) -> None:
    _, schema = fit(imputer, {"c": ["a", "b", "a"]})
    with pytest.raises(NotLowered, match=f"{type(imputer).__name__}: .*{why}"):
        lower(imputer, schema)
