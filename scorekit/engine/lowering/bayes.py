"""Naive Bayes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.linear import no_such_scores
from scorekit.engine.lowering.values import Column


def gaussian_nb(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.naive_bayes.GaussianNB``: joint log likelihoods, normalized."""
    if method != "predict_proba":
        raise no_such_scores(builder, method)
    value = builder.matrix(builder.check(columns, nan=False))
    with np.errstate(divide="ignore"):
        log_prior = np.log(fitted.class_prior_)
    likelihood = builder.step(
        "gaussian_log_likelihood",
        value,
        mean=fitted.theta_,
        variance=fitted.var_,
        log_scale=np.array([-0.5 * np.sum(np.log(2.0 * np.pi * variance)) for variance in fitted.var_]),
        log_prior=log_prior,
    )
    return builder.step("exp_normalize", likelihood)
