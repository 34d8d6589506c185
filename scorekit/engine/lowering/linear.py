"""Linear models: a decision, then a link or a probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Column


def linear_regressor(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """Any regressor of ``linear_model`` and ``svm`` that predicts ``X @ coef + intercept``."""
    if method != "predict":
        raise builder.not_lowered(f"has no {method}")
    return _decision(builder, fitted, columns, outputs=1)


def generalized_regressor(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``PoissonRegressor``, ``GammaRegressor``, ``TweedieRegressor``: the inverse link of a decision."""
    link = type(fitted._base_loss.link).__name__
    decision = linear_regressor(builder, fitted, columns, method)
    if link == "IdentityLink":
        return decision
    if link != "LogLink":
        raise builder.not_lowered(f"{link} has no compiled form")
    return builder.step("function", decision, name="exp")


def linear_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """Any linear classifier asked for its decision function."""
    if method != "decision_function":
        raise no_such_scores(builder, method)
    return class_decision(builder, fitted, columns)


def logistic_regression(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.linear_model.LogisticRegression`` and ``LogisticRegressionCV``: logistic or softmax."""
    if method != "predict_proba":
        return linear_classifier(builder, fitted, columns, method)
    binary = len(fitted.classes_) <= 2
    return builder.step("binary_sigmoid" if binary else "softmax", class_decision(builder, fitted, columns))


def sgd_classifier(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.linear_model.SGDClassifier``: each class against the rest, shares made to sum to 1."""
    if method != "predict_proba":
        return linear_classifier(builder, fitted, columns, method)
    shares = {"log_loss": "sigmoid", "modified_huber": "huber_probability"}.get(fitted.loss)
    if shares is None:
        raise builder.not_lowered(f"has no probabilities with loss={fitted.loss!r}")
    decision = class_decision(builder, fitted, columns)
    if len(fitted.classes_) > 2:
        return builder.step("normalize", builder.step(shares, decision), uniform=True)
    if shares == "sigmoid":
        return builder.step("binary_sigmoid", decision)
    return builder.step("complement", builder.step(shares, decision))


def class_decision(builder: Builder, fitted: Any, columns: Sequence[Column]) -> int:
    """One column for two classes, one for each of more."""
    classes = len(fitted.classes_)
    return _decision(builder, fitted, columns, outputs=1 if classes == 2 else classes)


def no_such_scores(builder: Builder, method: str) -> Exception:
    """The error for a method of a classifier that gives no numbers to score by."""
    if method == "predict":
        return builder.not_lowered("predicts labels, which are not scores")
    return builder.not_lowered(f"has no {method}")


def _decision(builder: Builder, fitted: Any, columns: Sequence[Column], *, outputs: int) -> int:
    """``X @ coef.T + intercept`` of finite numbers, shape (n_rows, outputs)."""
    held = fitted.coef_.toarray() if hasattr(fitted.coef_, "toarray") else fitted.coef_
    coef = np.atleast_2d(np.asarray(held, dtype=np.float64)).T
    if coef.shape != (len(columns), outputs):
        raise builder.not_lowered(f"has {coef.shape[1]} outputs where {outputs} can be scored")
    intercept = np.broadcast_to(np.asarray(fitted.intercept_, dtype=np.float64).ravel(), (outputs,))
    value = builder.matrix(builder.check(columns, nan=False))
    return builder.step(
        "linear", value, coef=np.ascontiguousarray(coef), intercept=np.ascontiguousarray(intercept)
    )
