"""Naive Bayes, compiled, scores as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorekit.engine.score_ops import gaussian_log_likelihood
from tests.engine.parity import assert_parity, decode, schema_of
from tests.engine.samples import LABELS, labels, mixed, numbers, prepared


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("options", [{}, {"var_smoothing": 0.1}], ids=str)
def test_probabilities(options: dict[str, Any], classes: int) -> None:
    data = mixed()
    assert_parity(prepared(GaussianNB(**options)), data, labels(data, classes))
    plain = numbers()
    assert_parity(GaussianNB(**options), plain, labels(plain, classes))


def test_a_class_without_any_chance() -> None:
    data = numbers()
    assert_parity(GaussianNB(priors=[0.0, 0.25, 0.75]), data, labels(data, 3))


def test_sample_weights() -> None:
    data = numbers()
    weights = np.random.default_rng(0).exponential(size=200)
    assert_parity(GaussianNB(), data, labels(data), sample_weight=weights)


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 40])
def test_any_number_of_columns(columns: int) -> None:
    data = numbers(columns=columns)
    assert_parity(make_pipeline(StandardScaler(), GaussianNB()), data, labels(data))


def test_what_is_no_number_is_refused() -> None:
    data = numbers(columns=2)
    engine = assert_parity(GaussianNB(), data, labels(data))
    schema = schema_of(data)
    scores = engine.score(decode({"x0": [1.0, None, np.inf], "x1": [1.0] * 3}, schema))
    assert np.isnan(scores.values[:, 0]).tolist() == [False, True, True]


@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(20, 60), columns=st.integers(1, 5), classes=st.integers(2, 4), seed=st.integers(0, 999)
)
def test_any_table(rows: int, columns: int, classes: int, seed: int) -> None:
    data = numbers(rows, columns, seed=seed)
    target = labels(data, classes, seed=seed)
    target[: 2 * classes] = LABELS[:classes] * 2
    assert_parity(GaussianNB(), data, target, fresh=numbers(50, columns, seed=seed + 1))


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 127, 128, 129, 1000, 9000])
def test_a_row_has_the_same_sum_alone_and_among_others(columns: int) -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=(40, columns)) * 1e3
    settings = {
        "mean": rng.normal(size=(3, columns)),
        "variance": rng.exponential(size=(3, columns)),
        "log_scale": rng.normal(size=3),
        "log_prior": np.log([0.2, 0.3, 0.5]),
    }
    together = gaussian_log_likelihood(value, **settings)
    for order in ("C", "F"):
        ordered = np.array(value, order=order)
        alone = [gaussian_log_likelihood(ordered[row : row + 1], **settings) for row in range(40)]
        assert np.concatenate(alone).tolist() == together.tolist()
        assert gaussian_log_likelihood(ordered[:3], **settings).tolist() == together[:3].tolist()
