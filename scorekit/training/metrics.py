"""How good scores are, on rows the model had not seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.store.manifest import Bin
from scorekit.training.target import Target

CALIBRATION_BINS = 10

Scores = NDArray[np.float64]
"""Of shape (n_rows, n_outputs): one column for two classes and for regression, else one for each class."""


def measure(
    target: Target, rows: NDArray[np.int64], scores: Scores, weights: NDArray[np.float64] | None, meaning: str
) -> dict[str, float]:
    """Metrics of scores of some rows.

    Parameters
    ----------
    target : Target
    rows : ndarray of int64, shape (n_rows,)
        Which rows of the data were scored.
    scores : ndarray, shape (n_rows, n_outputs)
    weights : ndarray, shape (n_rows,), or None
    meaning : {"probability", "decision", "value"}

    Returns
    -------
    dict of str to float
        What cannot be computed, such as ROC AUC of one class, is left out.
    """
    truth = target.truth()[rows]
    metrics = _METRICS[target.task](truth, scores, weights, meaning == "probability")
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _binary(
    truth: NDArray[Any],
    scores: Scores,
    weights: NDArray[np.float64] | None,
    probability: bool,  # noqa: FBT001 - one signature for the table
) -> dict[str, float]:
    from sklearn import metrics

    score = scores[:, 0]
    middle = 0.5 if probability else 0.0
    found = {"accuracy": float(np.average((score > middle) == truth, weights=weights))}
    if len(np.unique(truth)) == 2:
        false, true, _ = metrics.roc_curve(truth, score, sample_weight=weights)
        found = {
            "roc_auc": metrics.auc(false, true),
            "average_precision": metrics.average_precision_score(truth, score, sample_weight=weights),
            "ks": float(np.max(true - false)),
        } | found
    if probability:
        found["log_loss"] = metrics.log_loss(truth, score, sample_weight=weights, labels=[0, 1])
        found["brier"] = float(np.average((score - truth) ** 2, weights=weights))
    return found


def _multiclass(
    truth: NDArray[Any],
    scores: Scores,
    weights: NDArray[np.float64] | None,
    probability: bool,  # noqa: FBT001 - one signature for the table
) -> dict[str, float]:
    """ROC AUC is one class against the rest, averaged; Brier sums over the classes."""
    from sklearn import metrics

    count = scores.shape[1]
    found = {"accuracy": float(np.average(scores.argmax(axis=1) == truth, weights=weights))}
    one_hot = np.eye(count)[truth]
    if (one_hot.sum(axis=0) > 0).all() and len(truth) > count:
        found["roc_auc"] = float(
            np.mean(
                [
                    metrics.roc_auc_score(one_hot[:, k], scores[:, k], sample_weight=weights)
                    for k in range(count)
                ]
            )
        )
    if probability:
        found["log_loss"] = metrics.log_loss(truth, scores, sample_weight=weights, labels=list(range(count)))
        found["brier"] = float(np.average(((scores - one_hot) ** 2).sum(axis=1), weights=weights))
    return found


def _regression(
    truth: NDArray[Any],
    scores: Scores,
    weights: NDArray[np.float64] | None,
    probability: bool,  # noqa: ARG001, FBT001 - one signature for the table
) -> dict[str, float]:
    from sklearn import metrics

    score = scores[:, 0]
    found = {
        "mae": metrics.mean_absolute_error(truth, score, sample_weight=weights),
        "rmse": metrics.root_mean_squared_error(truth, score, sample_weight=weights),
    }
    if len(truth) > 1:
        found = {"r2": metrics.r2_score(truth, score, sample_weight=weights)} | found
    return found


_METRICS = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}


def calibration(
    target: Target, rows: NDArray[np.int64], scores: Scores, weights: NDArray[np.float64] | None
) -> tuple[Bin, ...]:
    """Mean score against what was observed, in bins of about as many rows each.

    For two classes the observed is the share of the positive one; for regression the
    mean of the target; for more classes the score is that of the likeliest class and
    the observed is how often it is the right one.

    Returns
    -------
    tuple of Bin
        At most ``CALIBRATION_BINS``, by rising score; equal scores share a bin.
    """
    truth = target.truth()[rows]
    if target.task == "multiclass":
        score, observed = scores.max(axis=1), (scores.argmax(axis=1) == truth).astype(np.float64)
    else:
        score, observed = scores[:, 0], truth.astype(np.float64)
    edges = np.unique(np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    place = np.searchsorted(edges, score, side="left")
    weight = np.ones(len(score)) if weights is None else weights
    table = []
    for number in range(len(edges) + 1):
        inside = place == number
        if weight[inside].sum() > 0:
            mean, share = (np.average(values[inside], weights=weight[inside]) for values in (score, observed))
            table.append(Bin(score=float(mean), observed=float(share), rows=int(inside.sum())))
    return tuple(table)
