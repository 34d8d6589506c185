"""Search for parameters: every candidate on the same folds, the best mean wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.progress import Progress
from scorekit.training.environment import limited_threads, shared
from scorekit.training.estimators import addressed
from scorekit.training.fitting import Task, fit_rows, parallel
from scorekit.training.recipe import Candidate, Search
from scorekit.training.splits import Fold

_RANGE_KEYS = {"low", "high", "log"}


def run_search(
    search: Search,
    estimator: Any,
    task: Task,
    folds: Sequence[Fold],
    *,
    positive: Any,
    seed: int,
    jobs: int,
    progress: Progress,
) -> Search:
    """Try every candidate and choose.

    Parameters
    ----------
    search : Search
    estimator : unfitted estimator
    task : Task
    folds : sequence of Fold
    positive : label or None
        Positive class, for scorers that ask for one.
    seed : int
        Of a random search.
    jobs : int
        Workers.
    progress : Progress

    Returns
    -------
    Search
        With ``chosen`` and ``candidates``; among equals the first tried is chosen.

    Raises
    ------
    UsageError
        If a parameter or the scorer is unknown, or a range cannot be read.
    """
    from joblib import delayed

    tries = candidates(search, seed)
    full = [addressed(estimator, params) for params in tries]
    scorer = _scorer(search, task, positive)
    results = np.empty((len(tries), len(folds)))
    progress.stage("search", results.size, "fits")
    threads = shared(task.threads, jobs)
    calls = (
        delayed(_try)(estimator, params, task, fold, scorer, threads, (number, place))
        for number, params in enumerate(full)
        for place, fold in enumerate(folds)
    )
    for at, score in parallel(calls, min(jobs, results.size)):
        results[at] = score
        progress.advance()
    means, spreads = results.mean(axis=1), results.std(axis=1)
    order = np.argsort(-means, kind="stable")
    table = tuple(Candidate(params=tries[k], score=float(means[k]), spread=float(spreads[k])) for k in order)
    return search.model_copy(update={"chosen": table[0].params, "candidates": table})


def _try(
    estimator: Any,
    params: Mapping[str, Any],
    task: Task,
    fold: Fold,
    scorer: Any,
    threads: Mapping[str, int],
    at: tuple[int, int],
) -> tuple[tuple[int, int], float]:
    from sklearn.base import clone

    train, test = fold
    fitted = fit_rows(clone(estimator).set_params(**params), task, train, threads)
    weights = task.weights_of(test)
    given = {} if weights is None else {"sample_weight": weights}
    with limited_threads(threads):
        return at, float(scorer(fitted, task.frame.iloc[test], task.labels[test], **given))


def _scorer(search: Search, task: Task, positive: Any) -> Any:
    """The scorer that is asked for, told which class is positive."""
    from sklearn.metrics import get_scorer, get_scorer_names

    if task.classes == 0:
        usual = "r2"
    elif task.classes == 2:
        usual = "roc_auc"
    else:
        usual = "neg_log_loss" if task.method == "predict_proba" else "accuracy"
    name = search.scoring or usual
    if name not in get_scorer_names():
        near = nearest(name, get_scorer_names())
        raise UsageError(f"no such scoring: {name}", hint=f"did you mean {near}?" if near else None)
    scorer = get_scorer(name)
    # scikit-learn's scorers take 1 for the positive class unless they are told otherwise, for which
    # there is no public way
    if task.classes == 2 and scorer._get_pos_label() is not None:
        scorer._kwargs = {**scorer._kwargs, "pos_label": positive}
    return scorer


def candidates(search: Search, seed: int) -> list[dict[str, Any]]:
    """Sets of parameters to try, in order.

    Raises
    ------
    UsageError
        If a grid has no list, or a range cannot be read.
    """
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    if search.kind == "grid":
        for name, values in search.params.items():
            if not isinstance(values, list) or not values:
                raise UsageError(f"search: {name} is no list of values, which a grid needs")
        return [_plain(params) for params in ParameterGrid(search.params)]
    spaces = {name: _space(name, values) for name, values in search.params.items()}
    sizes = [len(space) for space in spaces.values() if isinstance(space, list)]
    count = search.n_iter
    if len(sizes) == len(spaces):
        count = min(count, int(np.prod(sizes, dtype=object)))
    return [_plain(params) for params in ParameterSampler(spaces, count, random_state=seed)]


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Python's own types, which JSON holds."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in params.items()}


def _space(name: str, values: Any) -> Any:
    """A list of values, or a distribution over a range."""
    if isinstance(values, list) and values:
        return values
    if not isinstance(values, dict) or not {"low", "high"} <= set(values) <= _RANGE_KEYS:
        raise UsageError(
            f"search: {name} is neither a list of values nor a range",
            hint=f"{name} = [0.1, 1], or {name} = {{low = 0.01, high = 10, log = true}}",
        )
    low, high, log = values["low"], values["high"], bool(values.get("log"))
    if not low < high or (log and low <= 0):
        raise UsageError(f"search: the range of {name} is empty, or not above zero for a logarithm")
    return Range(low, high, log=log)


class Range:
    """A uniform or log-uniform distribution; over whole numbers where both ends are."""

    def __init__(self, low: float, high: float, *, log: bool) -> None:
        self.low, self.high, self.log = low, high, log
        self.whole = isinstance(low, int) and isinstance(high, int)

    def rvs(self, random_state: Any = None) -> float | int:
        """One value; the ends are included, for whole numbers as likely as the others."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        if self.log:
            value = float(np.exp(random_state.uniform(np.log(low), np.log(high))))
        else:
            value = float(random_state.uniform(low, high))
        return min(max(round(value), int(self.low)), int(self.high)) if self.whole else value
