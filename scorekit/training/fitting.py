"""Fits: one, the folds, and what scikit-learn's complaints mean."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import DataError, ScorekitError, UsageError
from scorekit.progress import Progress
from scorekit.training.dataset import Dataset
from scorekit.training.environment import limited_threads, shared
from scorekit.training.estimators import final_step
from scorekit.training.splits import Fold, Rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is fitted on and how it is asked, the same for every fit of a training.

    Attributes
    ----------
    frame : DataFrame
        Features of the training rows.
    labels : ndarray, shape (n_rows,)
    weights : ndarray, shape (n_rows,), or None
    method : {"predict_proba", "decision_function", "predict"}
    outputs : list of int
        Columns of the answer that are the scores.
    classes : int
        How many; 0 for regression.
    threads : dict of str to int
        Threads of OpenMP and BLAS for one fit at a time.
    """

    frame: pd.DataFrame
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None
    method: str
    outputs: list[int]
    classes: int
    threads: Mapping[str, int]

    def weights_of(self, rows: Rows) -> NDArray[np.float64] | None:
        """Weights of some rows, if there are any."""
        return None if self.weights is None else self.weights[rows]


def fit(estimator: Any, task: Task) -> tuple[str, ...]:
    """Fit on every row of a task.

    Returns
    -------
    tuple of str
        What scikit-learn warned of.
    """
    with warnings.catch_warnings(record=True) as caught, limited_threads(task.threads):
        warnings.simplefilter("always")
        estimator.fit(task.frame, task.labels, **weight_arguments(estimator, task.weights))
    heads = (f"{type(estimator).__name__}: {str(one.message).strip().splitlines()[0]}" for one in caught)
    return tuple(dict.fromkeys(heads))


def weight_arguments(estimator: Any, weights: NDArray[np.float64] | None) -> dict[str, Any]:
    """Arguments that hand weights to the end of a pipeline.

    Raises
    ------
    UsageError
        If the final estimator takes no weights.
    """
    if weights is None:
        return {}
    from sklearn.utils.validation import has_fit_parameter

    prefix, final = final_step(estimator)
    if not has_fit_parameter(final, "sample_weight"):
        raise UsageError(
            f"{type(final).__name__} takes no weights",
            hint="leave --weight-column out, or use another estimator",
        )
    return {f"{prefix}sample_weight": weights}


def cross_validate(
    estimator: Any, task: Task, folds: Sequence[Fold], jobs: int, progress: Progress
) -> NDArray[np.float64]:
    """Scores of every row by a model that had not seen it.

    Parameters
    ----------
    estimator : unfitted estimator
    task : Task
    folds : sequence of Fold
        Whose test rows are every row once.
    jobs : int
        Workers; 1 works in this process.
    progress : Progress

    Returns
    -------
    ndarray, shape (n_rows, n_outputs)
    """
    from joblib import delayed

    scores = np.empty((len(task.labels), len(task.outputs)))
    progress.stage("cross-validation", len(folds), "folds")
    each = (delayed(_fold)(estimator, task, fold, shared(task.threads, jobs)) for fold in folds)
    for rows, answer in parallel(each, min(jobs, len(folds))):
        scores[rows] = answer
        progress.advance()
    return scores


def parallel(calls: Any, jobs: int) -> Iterator[Any]:
    """Results as they are ready, from worker processes if there is to be more than one."""
    from joblib import Parallel

    results: Iterator[Any] = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
    return results


def _fold(estimator: Any, task: Task, fold: Fold, threads: Mapping[str, int]) -> tuple[Rows, Any]:
    train, test = fold
    fitted = fit_rows(estimator, task, train, threads)
    with warnings.catch_warnings(), limited_threads(threads):
        warnings.simplefilter("ignore")
        answer = aligned(fitted, task, task.frame.iloc[test], train)
    return test, answer[:, task.outputs]


def fit_rows(estimator: Any, task: Task, rows: Rows, threads: Mapping[str, int]) -> Any:
    """A clone fitted on some rows."""
    from sklearn.base import clone

    fitted = clone(estimator)
    with warnings.catch_warnings(), limited_threads(threads):
        warnings.simplefilter("ignore")  # the fit on every row warns once, of the same
        given = weight_arguments(fitted, task.weights_of(rows))
        fitted.fit(task.frame.iloc[rows], task.labels[rows], **given)
    return fitted


def aligned(fitted: Any, task: Task, frame: pd.DataFrame, rows: Rows) -> NDArray[np.float64]:
    """Answers with a column for every class, though some had no row among those fitted on.

    Returns
    -------
    ndarray, shape (n_rows, n_columns)
        A class that was not seen has probability 0, or a decision below all others.
    """
    answer = np.asarray(getattr(fitted, task.method)(frame), dtype=np.float64).reshape(len(frame), -1)
    if task.classes <= 2:
        return answer
    seen = np.isin(np.unique(task.labels), np.unique(task.labels[rows]))
    if seen.all():
        return answer
    if answer.shape[1] == 1:
        answer = np.hstack([-answer, answer])
    full = np.full((len(frame), task.classes), 0.0 if task.method == "predict_proba" else answer.min() - 1)
    full[:, seen] = answer
    return full


# What scikit-learn says, for people --------------------------------------------------


@contextmanager
def translated(named: str, dataset: Dataset) -> Iterator[None]:
    """Turn errors of a fit into errors that say what to do, without values of the data."""
    from sklearn.utils._param_validation import InvalidParameterError

    try:
        yield
    except ScorekitError:
        raise
    except InvalidParameterError as error:
        raise UsageError(_first_line(error)) from error
    except MemoryError:
        raise DataError(f"{named}: not enough memory to fit it on {len(dataset):,} rows") from None
    except Exception as error:  # whatever an estimator raises, it could not be fitted
        raise _fit_failed(named, dataset, error) from error


def _fit_failed(named: str, dataset: Dataset, error: Exception) -> DataError:
    for what, reaches, code in _TOO_LARGE:
        columns = [
            feature.name
            for feature, index in dataset.schema.each()
            if not feature.coded and reaches(np.abs(dataset.columns.numeric[:, index])).any()
        ]
        if columns:
            shown = ", ".join(repr(name) for name in columns[:5]) + (", …" if len(columns) > 5 else "")
            return DataError(
                f"{named} takes no {what} values, and there are some in {shown}",
                hint="mend them, --drop the column, or use --estimator boosting, which takes them",
                code=code,
            )
    said = f"{type(error).__name__}: {_without_values(_first_line(error), dataset)}"
    return DataError(
        f"{named} could not be fitted: {said}",
        hint="--verbose shows where",
        code="fit_failed",
    )


_TOO_LARGE: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    ("infinite", np.isinf, "infinite"),
    ("huge", lambda values: values > np.sqrt(np.finfo(np.float64).max), "huge"),
)
"""What many estimators cannot take: the square of a huge number is infinite."""


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _without_values(text: str, dataset: Dataset) -> str:
    """The text with what stands in quotes taken out, unless it is a column's name."""
    names = {*dataset.schema.names, dataset.target.name}

    def shown(match: re.Match[str]) -> str:
        return match.group() if match.group(2) in names else f"{match.group(1)}…{match.group(1)}"

    return re.sub(r"(['\"])(.*?)\1", shown, text)
