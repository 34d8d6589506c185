from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.training.metrics import calibration, measure
from scorekit.training.target import Target


def binary(truth: list[int]) -> Target:
    codes = np.array(truth, dtype=np.int64)
    return Target("y", "binary", codes, (0, 1), codes, 1)


def column(scores: list[float]) -> np.ndarray:
    return np.array(scores)[:, None]


EVERY = np.arange(4)


def test_metrics_of_two_classes_are_those_worked_out_by_hand() -> None:
    found = measure(binary([0, 0, 1, 1]), EVERY, column([0.1, 0.4, 0.35, 0.8]), None, "probability")
    assert found["roc_auc"] == 0.75
    assert found["ks"] == 0.5
    assert found["accuracy"] == 0.75
    assert found["brier"] == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.35, 0.8]).mean())
    assert found["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_decisions_have_no_metrics_of_probabilities() -> None:
    found = measure(binary([0, 0, 1, 1]), EVERY, column([-2, 0.5, -0.1, 3]), None, "decision")
    assert set(found) == {"roc_auc", "average_precision", "ks", "accuracy"}
    assert found["accuracy"] == 0.5


def test_one_class_has_no_roc_auc_and_nothing_is_nan() -> None:
    found = measure(binary([1, 1, 1, 1]), EVERY, column([0.1, 0.4, 0.35, 0.8]), None, "probability")
    assert set(found) == {"accuracy", "log_loss", "brier"}
    assert np.isfinite(list(found.values())).all()


def test_metrics_of_more_classes_take_each_against_the_rest() -> None:
    codes = np.array([0, 1, 2, 1])
    target = Target("y", "multiclass", codes, (0, 1, 2), codes)
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
    found = measure(target, EVERY, scores, None, "probability")
    assert found["accuracy"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.5, 0.6, 0.3]).mean())
    assert found["brier"] == pytest.approx((0.06 + 0.38 + 0.24 + 0.78) / 4)
    assert found["roc_auc"] == pytest.approx(1.0)


def test_metrics_of_regression() -> None:
    target = Target("y", "regression", np.array([1.0, 2.0, 3.0, 6.0]))
    found = measure(target, EVERY, column([1.0, 2.0, 4.0, 4.0]), None, "value")
    assert found == pytest.approx({"mae": 0.75, "rmse": np.sqrt(5 / 4), "r2": 1 - 5 / 14})


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.001, 0.999), st.integers(1, 4)), min_size=2))
def test_a_weight_counts_like_as_many_rows(rows: list[tuple[int, float, int]]) -> None:
    truth, scores, weights = (list(values) for values in zip(*rows, strict=True))
    weighted = measure(
        binary(truth), np.arange(len(rows)), column(scores), np.array(weights, dtype=float), "probability"
    )
    many = [index for index, weight in enumerate(weights) for _ in range(weight)]
    repeated = measure(
        binary([truth[k] for k in many]),
        np.arange(len(many)),
        column([scores[k] for k in many]),
        None,
        "probability",
    )
    assert weighted == pytest.approx(repeated)


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=300))
def test_calibration_bins_hold_every_row_once_and_rise(rows: list[tuple[int, float]]) -> None:
    truth, scores = (list(values) for values in zip(*rows, strict=True))
    table = calibration(binary(truth), np.arange(len(rows)), column(scores), None)
    assert sum(one.rows for one in table) == len(rows)
    assert len(table) <= 10
    means = [one.score for one in table]
    assert means == sorted(means)
    total = sum(one.observed * one.rows for one in table)
    assert total == pytest.approx(sum(truth))


def test_equal_scores_share_a_bin() -> None:
    table = calibration(binary([0, 1] * 50), np.arange(100), column([0.5] * 100), None)
    assert [(one.score, one.observed, one.rows) for one in table] == [(0.5, 0.5, 100)]


def test_calibration_of_more_classes_is_of_the_likeliest() -> None:
    codes = np.array([0, 1, 1, 1])
    target = Target("y", "multiclass", codes, (0, 1, 2), codes)
    scores = np.array([[0.9, 0.1, 0.0]] * 4)
    (one,) = calibration(target, EVERY, scores, None)
    assert (one.score, one.observed) == (pytest.approx(0.9), 0.25)
