"""Encoders, tabulated, make the same matrices as scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from scorekit.engine.compile import NotLowered
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.reference import frame
from scorekit.schema import Feature, Schema
from tests.engine.matrices import Data, assert_same_matrix, fit, lower
from tests.engine.parity import assert_parity, decode, schema_of

ROWS = 90


def mixed(*, missing: float = 0.15, seed: int = 0, levels: str = "aaaabbbcdefg") -> Data:
    """Strings of many levels, of two, of one; numbers of few values; something missing in each."""
    rng = np.random.default_rng(seed)

    def column(things: list[Any], missing: float = missing) -> list[Any]:
        return [None if rng.random() < missing else things[rng.integers(len(things))] for _ in range(ROWS)]

    return {
        "many": column(list(levels)),
        "two": column(["yes", "no"], 0.0),
        "one": column(["only"]),
        "number": column([1.0, 2.5, -3.0, 1e6, 0.0]),
        "flag": column([0.0, 1.0], 0.0),
    }


FRESH = {
    "many": ["a", "zz", None, "", "é", "g"],
    "two": ["yes", "no", None, "maybe", "no", "yes"],
    "one": ["only", None, "other", "only", "only", "only"],
    "number": [1.0, 2.5000000001, None, float("inf"), -0.0, -3.0],
    "flag": [0.0, 1.0, None, 0.5, -0.0, 1.0],
}
TARGETS = {
    "binary": np.arange(ROWS) % 3 == 0,
    "multiclass": np.array(list("xyz"))[np.arange(ROWS) % 3],
    "continuous": np.sin(np.arange(ROWS)),
}

ONE_HOT = [
    {},
    {"handle_unknown": "ignore"},
    {"handle_unknown": "ignore", "sparse_output": False},
    {"handle_unknown": "ignore", "drop": "first"},
    {"handle_unknown": "error", "drop": "if_binary"},
    {"handle_unknown": "ignore", "drop": "if_binary", "dtype": np.int32},
    {"handle_unknown": "infrequent_if_exist", "min_frequency": 10},
    {"handle_unknown": "infrequent_if_exist", "max_categories": 3, "drop": "first"},
    {"handle_unknown": "infrequent_if_exist", "max_categories": 1},
    {"handle_unknown": "warn", "min_frequency": 0.2},
    {"handle_unknown": "ignore", "min_frequency": 10, "drop": "if_binary"},
    {"handle_unknown": "ignore", "drop": np.array(["b", "no", "only", 2.5, 0.0], dtype=object)},
]
ORDINAL = [
    {},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -2},
    {"handle_unknown": "use_encoded_value", "unknown_value": 99, "min_frequency": 10},
    {"handle_unknown": "error", "max_categories": 2, "encoded_missing_value": -1, "dtype": np.int64},
]


@pytest.mark.parametrize("options", ONE_HOT, ids=str)
def test_one_hot(options: dict[str, Any]) -> None:
    assert_same_matrix(OneHotEncoder(**options), mixed(), fresh=FRESH)


@pytest.mark.parametrize("options", ORDINAL, ids=str)
def test_ordinal(options: dict[str, Any]) -> None:
    assert_same_matrix(OrdinalEncoder(**options), mixed(), fresh=FRESH)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("smooth", ["auto", 0.0, 3.0])
def test_target(kind: str, smooth: Any) -> None:
    assert_same_matrix(TargetEncoder(smooth=smooth), mixed(), TARGETS[kind], fresh=FRESH)


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder, TargetEncoder])
def test_output_as_a_data_frame_changes_nothing(encoder: Any) -> None:
    options = {"sparse_output": False} if encoder is OneHotEncoder else {}
    transformer = encoder(**options).set_output(transform="pandas")
    assert_same_matrix(transformer, mixed(), TARGETS["binary"], fresh=FRESH)


@pytest.mark.parametrize("levels", ["a", "ab"])
def test_few_levels_without_anything_missing(levels: str) -> None:
    data = {"many": [levels[k % len(levels)] for k in range(10)]}
    fresh = {"many": FRESH["many"]}
    for drop in (None, "first", "if_binary"):
        if levels == "a" and drop == "first":
            continue  # nothing is left to compare
        assert_same_matrix(OneHotEncoder(drop=drop, handle_unknown="ignore"), data, fresh=fresh)
        assert_same_matrix(OneHotEncoder(drop=drop), data, fresh=fresh)
    assert_same_matrix(OrdinalEncoder(), data, fresh=fresh)


def test_a_column_that_training_never_saw_filled() -> None:
    data = {"empty": [None] * 10, "many": list("abcabcabca")}
    schema_of_text = schema_of({"empty": ["x"]})  # what it would be with a level
    assert schema_of_text.features[0].kind == "category"
    assert_same_matrix(OneHotEncoder(handle_unknown="ignore"), data)
    assert_same_matrix(OrdinalEncoder(), data, fresh={"empty": [1.0, None], "many": ["a", "zz"]})


def test_encoder_after_encoder() -> None:
    data = {name: mixed()[name] for name in ("many", "two")}
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    assert_same_matrix(make_pipeline(ordinal, OneHotEncoder(handle_unknown="ignore")), data)
    assert_same_matrix(make_pipeline(ordinal, OneHotEncoder()), data)
    assert_same_matrix(make_pipeline(ordinal, SimpleImputer(), OneHotEncoder(handle_unknown="ignore")), data)
    numbers = {"x": np.linspace(0, 1, 30).tolist()}
    bins = KBinsDiscretizer(5, encode="ordinal", strategy="uniform")
    assert_same_matrix(make_pipeline(bins, OneHotEncoder()), numbers)
    assert_same_matrix(make_pipeline(bins, TargetEncoder(smooth=1.0)), numbers, [k % 2 for k in range(30)])


def test_rejected_rows_name_their_column() -> None:
    data = {name: values for name, values in mixed(missing=0.0).items() if name != "one"}
    _, schema = fit(OneHotEncoder(), data)
    encoder = OneHotEncoder()
    fit(encoder, data)
    engine = CompiledEngine(lower(encoder, schema), schema)
    fresh = {
        "many": ["a", "zz", "a", "a"],
        "two": ["yes", "no", None, "no"],
        "number": [1.0, 1.0, 1.0, 77.0],
        "flag": [0.0] * 4,
    }
    flaws = engine.score(decode(fresh, schema)).flaws
    found = {(flaw.code, flaw.column, *flaw.rows.tolist()) for flaw in flaws}
    assert found == {
        ("unseen_not_allowed", "many", 1),
        ("missing_not_allowed", "two", 2),
        ("unseen_not_allowed", "number", 3),
    }


def test_linear_model_takes_the_encoder_into_its_tables() -> None:
    data = {name: mixed()[name] for name in ("many", "two")}
    engine = assert_parity(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()), data, TARGETS["binary"]
    )
    assert "one_hot" not in {step.op for step in engine.program.steps}


def test_ten_thousand_levels() -> None:
    """Neither time nor memory grows with the square of the levels."""
    names = [f"level {k}" for k in range(10_000)]
    data = {"c": names, "two": ["a", "b"] * 5_000}
    target = [k % 2 for k in range(10_000)]
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=5))
    _, schema = fit(model, data, target)
    from scorekit.engine.compile import compile_estimator

    program = compile_estimator(model, schema, method="predict_proba", outputs=[1])
    assert sum(array.nbytes for array in program.arrays.values()) < 1_000_000


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(categories=[["a", "b", "never"]], handle_unknown="ignore"),
        OneHotEncoder(categories=[["never", "a", "b"]], drop="first"),
        OrdinalEncoder(categories=[["never", "b", "a", "?"]]),
        TargetEncoder(categories=[["a", "b", "never"]], smooth=1.0, cv=2),
    ],
    ids=str,
)
def test_categories_that_training_did_not_see(encoder: Any) -> None:
    data = {"c": ["a", "b", "a", "b"]}
    fresh = {"c": ["never", "a", "new", None, "?", "", "b"]}
    assert_same_matrix(encoder, data, [0, 1, 1, 0], fresh=fresh)


def test_text_of_too_many_levels_is_not_lowered() -> None:
    schema = Schema(features=(Feature(name="c", kind="text", arrow_type="string", nullable=True),))
    columns = decode({"c": ["a", "b", "c"]}, schema)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(frame(columns, schema))
    with pytest.raises(NotLowered, match="OneHotEncoder: knows texts that are not levels"):
        lower(encoder, schema)


things = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "", " a", "A", "0", "nan", "None"]))
numbers = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e-300, 1e300]))
tables = st.lists(st.tuples(things, things, numbers), min_size=3, max_size=25)


@settings(max_examples=60, deadline=None)
@given(
    rows=tables,
    fresh=tables,
    options=st.sampled_from(
        [*[(OneHotEncoder, o) for o in ONE_HOT[:10]], *[(OrdinalEncoder, o) for o in ORDINAL]]
    ),
)
def test_any_table(rows: Any, fresh: Any, options: tuple[Any, dict[str, Any]]) -> None:
    encoder, settings_ = options
    data = dict(zip("xyz", map(list, zip(*rows, strict=True)), strict=True))
    others = dict(zip("xyz", map(list, zip(*fresh, strict=True)), strict=True))
    for name in "xy":
        # at least one string, so that the column is a category; an empty string is missing
        data[name][0] = "a"
        data[name] = [value or None for value in data[name]]
    transformer = encoder(**settings_)
    try:
        fit(encoder(**settings_), data)
    except (ValueError, TypeError):
        return  # scikit-learn does not fit this
    if sum(_widths(transformer, data)) == 0:
        return
    assert_same_matrix(transformer, data, fresh=others)


def _widths(transformer: Any, data: Data) -> list[int]:
    fit(transformer, data)
    return list(getattr(transformer, "_n_features_outs", [1]))


@pytest.mark.parametrize(
    ("encoder", "why"),
    [
        (OneHotEncoder(dtype=np.float32), "float32"),
        (OneHotEncoder(categories=[["a", "b", *map(str, range(1001))]]), "not levels"),
    ],
    ids=str,
)
def test_what_is_not_lowered_names_its_step(encoder: Any, why: str) -> None:
    _, schema = fit(encoder, {"c": ["a", "b", "a"]})
    with pytest.raises(NotLowered, match=f"{type(encoder).__name__}: .*{why}"):
        lower(encoder, schema)
