"""Estimators that hold other estimators: calibration, votes, stacks, searches, transformed targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.inverse import inverse_transform
from scorekit.engine.lowering.linear import no_such_scores
from scorekit.engine.lowering.values import Coded, Column

# One estimator inside ---------------------------------------------------------------


def search(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``GridSearchCV`` and its like: the best estimator, refitted."""
    if not hasattr(fitted, "best_estimator_"):
        raise builder.not_lowered("was not refitted, so it holds no estimator")
    return table.predict(builder, fitted.best_estimator_, columns, method)


def frozen(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.frozen.FrozenEstimator`` of a predictor."""
    return table.predict(builder, fitted.estimator, columns, method)


def frozen_transformer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.frozen.FrozenEstimator`` of a transformer."""
    return table.transform(builder, fitted.estimator, columns)


def threshold_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``FixedThresholdClassifier`` and ``TunedThresholdClassifierCV``: the scores of what they hold."""
    if method == "predict":
        raise no_such_scores(builder, method)
    return table.predict(builder, getattr(fitted, "estimator_", fitted.estimator), columns, method)


def transformed_target(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.compose.TransformedTargetRegressor``: a prediction, brought back to the target's units."""
    prediction = table.predict(builder, fitted.regressor_, columns, method)
    return builder.matrix(inverse_transform(builder, fitted.transformer_, _made(builder, prediction, 1)))


# No estimator inside ----------------------------------------------------------------


def dummy_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.dummy.DummyClassifier``: the same probabilities for every row, whatever it holds."""
    if method != "predict_proba":
        raise no_such_scores(builder, method)
    if fitted.n_outputs_ != 1 or fitted.strategy == "stratified":
        raise builder.not_lowered("draws at random" if fitted.n_outputs_ == 1 else "has several targets")
    return _constant(builder, columns, fitted.predict_proba(np.zeros((1, 1)))[0])


def dummy_regressor(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.dummy.DummyRegressor``: the same value for every row, whatever it holds."""
    if fitted.n_outputs_ != 1 or method != "predict":
        raise builder.not_lowered(f"has no {method}" if fitted.n_outputs_ == 1 else "has several targets")
    return _constant(builder, columns, fitted.constant_[0])


def _constant(builder: Builder, columns: Sequence[Column], row: Any) -> int:
    if not columns:
        raise builder.not_lowered("has no input columns")
    first = columns[0]
    # any value with as many rows will do
    rows = builder.codes([first]) if isinstance(first, Coded) else first.value
    return builder.step("constant", rows, row=np.asarray(row, dtype=np.float64))


# Votes ------------------------------------------------------------------------------


def voting_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.ensemble.VotingClassifier`` with soft votes: the mean of probabilities."""
    if fitted.voting != "soft":
        raise builder.not_lowered(f"has no probabilities with voting={fitted.voting!r}")
    if method != "predict_proba":
        raise no_such_scores(builder, method)
    return _vote(builder, fitted, columns, method)


def voting_regressor(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.ensemble.VotingRegressor``: the mean of predictions."""
    return _vote(builder, fitted, columns, method)


def _vote(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    values = [table.predict(builder, estimator, columns, method) for estimator in fitted.estimators_]
    weights = fitted._weights_not_none
    return builder.step(
        "mean", *values, weights=None if weights is None else np.asarray(weights, dtype=np.float64)
    )


def one_vs_rest(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.multiclass.OneVsRestClassifier``: each class's own estimator, shares made to sum to 1."""
    if fitted.multilabel_:
        raise builder.not_lowered("has several targets")
    if method == "predict":
        raise no_such_scores(builder, method)
    values = [table.predict(builder, estimator, columns, method) for estimator in fitted.estimators_]
    if method == "decision_function":
        return _side_by_side(builder, values)
    shares = _side_by_side(builder, [builder.step("take", value, columns=[1]) for value in values])
    if len(values) == 1:
        shares = builder.step("complement", shares)
    return builder.step("normalize", shares, uniform=False)


# Stacks -----------------------------------------------------------------------------


def stacking(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``StackingClassifier`` and ``StackingRegressor``: estimators whose scores another one reads."""
    classifier = hasattr(fitted, "classes_")
    if classifier and method == "predict":
        raise no_such_scores(builder, method)
    made: list[Column] = []
    for estimator, asked in zip(fitted.estimators_, fitted.stack_method_, strict=True):
        scores = _made(
            builder, table.predict(builder, estimator, columns, asked), _width(builder, estimator, asked)
        )
        redundant = asked == "predict_proba" and classifier and len(fitted.classes_) == 2
        made += scores[1:] if redundant else scores
    if fitted.passthrough:
        made += _passed_through(builder, columns)
    return table.predict(builder, fitted.final_estimator_, made, method)


def _width(builder: Builder, estimator: Any, method: str) -> int:
    """How many columns a method's scores have."""
    if not hasattr(estimator, "classes_"):
        return 1
    if method == "predict":
        with builder.lowering(estimator):
            raise no_such_scores(builder, method)
    classes = len(estimator.classes_)
    return 1 if method == "decision_function" and classes == 2 else classes


def _passed_through(builder: Builder, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Input columns beside scores: text would make one matrix of objects of them all."""
    for column in columns:
        if isinstance(column, Coded) and any(isinstance(thing, str) for thing in column.domain):
            raise builder.not_lowered("passes text through beside numbers")
    return tuple(columns)


# Calibration ------------------------------------------------------------------------


def calibrated_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.calibration.CalibratedClassifierCV``: the mean of calibrated probabilities."""
    if method != "predict_proba":
        raise no_such_scores(builder, method)
    values = [_calibrated(builder, pair, columns) for pair in fitted.calibrated_classifiers_]
    return values[0] if len(values) == 1 else builder.step("mean", *values)


def _calibrated(builder: Builder, pair: Any, columns: Sequence[Column]) -> int:
    """One classifier and its calibrators."""
    classes = len(pair.classes)
    if len(pair.estimator.classes_) != classes:
        raise builder.not_lowered("holds a classifier that did not see every class")
    method = "decision_function" if hasattr(pair.estimator, "decision_function") else "predict_proba"
    scores = _made(
        builder,
        table.predict(builder, pair.estimator, columns, method),
        _width(builder, pair.estimator, method),
    )
    if classes == 2:
        scores = scores[-1:]
    calibrate = {"sigmoid": _platt, "isotonic": _isotonic}.get(pair.method)
    if calibrate is None:
        return builder.step("at_most_one", _temperature(builder, pair, scores, method))
    shares = calibrate(builder, pair.calibrators, scores)
    if classes == 2:
        shares = builder.step("complement", shares)
    else:
        shares = builder.step("normalize", shares, uniform=True)
    return builder.step("at_most_one", shares)


def _platt(builder: Builder, calibrators: Sequence[Any], scores: Sequence[Column]) -> int:
    """``expit(-(a * score + b))``."""
    slope = -np.array([calibrator.a_ for calibrator in calibrators], dtype=np.float64)
    shift = -np.array([calibrator.b_ for calibrator in calibrators], dtype=np.float64)
    return builder.step(
        "sigmoid", builder.step("multiply_add", builder.matrix(scores), factor=slope, shift=shift)
    )


def _isotonic(builder: Builder, calibrators: Sequence[Any], scores: Sequence[Column]) -> int:
    """Straight lines between the steps of an isotonic regression, which refuses what is not finite."""
    known = [calibrator.X_thresholds_ for calibrator in calibrators]
    levels = [calibrator.y_thresholds_ for calibrator in calibrators]
    if any(array.dtype != np.float64 for array in known):
        raise builder.not_lowered("calibrates in float32")
    return builder.step(
        "interpolate",
        builder.matrix(builder.check(scores, nan=False)),
        known=np.concatenate(known),
        levels=np.concatenate(levels),
        sizes=[len(array) for array in known],
    )


def _temperature(builder: Builder, pair: Any, scores: Sequence[Column], method: str) -> int:
    """Softmax of scores, or of logs of probabilities, times one factor."""
    value = builder.matrix(builder.check(scores, nan=False))
    factor = float(pair.calibrators[0].beta_)
    if method == "predict_proba":
        shares = builder.step("complement", value) if len(scores) == 1 else value
        logits = builder.step("multiply", builder.step("log_plus", shares, small=1e-12), factor=factor)
    elif len(scores) == 1:
        logits = builder.step("linear", value, coef=np.array([[-factor, factor]]), intercept=np.zeros(2))
    else:
        logits = builder.step("multiply", value, factor=factor)
    return builder.step("softmax", logits)


def _made(builder: Builder, value: int, width: int) -> tuple[Column, ...]:
    """Scores as columns; what overflowed on the way may not be a number."""
    return builder.numbers(value, width, nan=True, infinite=True)


def _side_by_side(builder: Builder, values: Sequence[int]) -> int:
    return values[0] if len(values) == 1 else builder.step("concat", *values)
