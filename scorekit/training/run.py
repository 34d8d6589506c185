"""One training: split, search, cross-validate, fit, measure, compile and prove; nothing is published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.reference import frame
from scorekit.errors import DataError, UsageError
from scorekit.progress import Progress, Silent
from scorekit.quality.baseline import Baseline
from scorekit.quality.fallback import Fallback, FallbackSettings
from scorekit.store.manifest import (
    Metrics,
)
from scorekit.training import splits
from scorekit.training.baseline import make_baseline
from scorekit.training.dataset import Dataset
from scorekit.training.environment import fitting_threads
from scorekit.training.estimators import (
    check_task,
    final_step,
    make_estimator,
    response_method,
    seed_everything,
    with_params,
)
from scorekit.training.factory import read_factory
from scorekit.training.fallback import make_fallback
from scorekit.training.fitting import Task, aligned, cross_validate, fit, translated
from scorekit.training.metrics import calibration, measure
from scorekit.training.publish import Proved, Response, compile_and_prove, pickled
from scorekit.training.recipe import Recipe
from scorekit.training.search import run_search

_MEANING = {"predict_proba": "probability", "decision_function": "decision", "predict": "value"}


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A model before it is published: everything training found out.

    Attributes
    ----------
    dataset : Dataset
    recipe : Recipe
        With what the search chose and the text of the user's module.
    estimator : fitted estimator
    response : Response
    proved : Proved
    metrics : Metrics
    split : Split
    threads : dict of str to int
    notes : list of str
    seconds : dict of str to float
    baseline : Baseline
    fallback : Fallback or None
    out_of_fold : ndarray or None
    """

    dataset: Dataset
    recipe: Recipe
    estimator: Any
    response: Response
    proved: Proved
    metrics: Metrics
    split: splits.Split
    threads: Mapping[str, int]
    notes: list[str]
    seconds: dict[str, float]
    baseline: Baseline
    fallback: Fallback | None
    out_of_fold: NDArray[np.float64] | None


def fit_dataset(
    dataset: Dataset,
    recipe: Recipe,
    *,
    jobs: int = 1,
    fallback: FallbackSettings | None = None,
    progress: Progress | None = None,
    threads: Mapping[str, int] | None = None,
) -> Fitted:
    """Split, search, cross-validate, fit, compile and prove; publish nothing.

    Parameters
    ----------
    dataset : Dataset
    recipe, jobs, fallback, progress
        As of ``train``.
    threads : mapping of str to int, optional
        Threads of OpenMP and BLAS; by default what the machine offers and the fit gains from.

    Raises
    ------
    UsageError, DataError
    """
    progress = progress or Silent()
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one worker is needed")
    clock = Clock({})
    estimator, recipe = _unfitted(recipe, dataset)
    clock.lap("import")
    final = type(final_step(estimator)[1]).__name__
    given = threads or fitting_threads(final, len(dataset) * len(dataset.schema))
    return _Run(dataset, recipe, estimator, jobs, progress, given, clock, fallback).whole()


class Clock:
    """Seconds by stage."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count what has passed since the last lap as a stage's."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def _unfitted(recipe: Recipe, dataset: Dataset) -> tuple[Any, Recipe]:
    """The estimator with its parameters and seeds, and the recipe with the user's source."""
    if recipe.pipeline is not None:
        estimator, source = read_factory(recipe.pipeline, recipe.source)
        check_task(estimator, dataset.target.task, recipe.pipeline)
        pickled(estimator, by_value=True)  # what cannot be kept is refused rather now than after fitting
        recipe = recipe.model_copy(update={"source": source})
    else:
        estimator = make_estimator(recipe, dataset.schema, dataset.target.task)
    with_params(estimator, recipe.params)
    if recipe.search is not None and recipe.search.chosen is not None:
        with_params(estimator, recipe.search.chosen)
    seed_everything(estimator, recipe.seed)
    return estimator, recipe


@dataclass(slots=True, eq=False)
class _Run:
    """One training, stage by stage; what each needs of the one before stands here."""

    dataset: Dataset
    recipe: Recipe
    estimator: Any
    jobs: int
    progress: Progress
    threads: Mapping[str, int]
    clock: Clock
    declared: FallbackSettings | None = None
    notes: list[str] = field(default_factory=list)

    def whole(self) -> Fitted:
        for text in self.dataset.notes:
            self.note(text)
        split = self._split()
        response = self._response()
        everything = frame(self.dataset.columns, self.dataset.schema)
        task = self._task(everything, split, response)
        self.clock.lap("split")
        named = type(final_step(self.estimator)[1]).__name__
        with translated(named, self.dataset):
            self._search(task, split)
            self.clock.lap("search")
            out_of_fold, count = self._cross_validate(task, split)
            self.clock.lap("cross-validation")
            self.progress.stage("fit")
            for warning in fit(self.estimator, task):
                self.note(warning)
            self.clock.lap("fit")
            metrics = self._metrics(task, everything, split, response, out_of_fold, count)
            scores = self._baseline_scores(task, response, out_of_fold)
            baseline = self._baseline(split, response, scores, out_of_fold=out_of_fold is not None)
        fallback = self._fallback(split, response, scores, baseline)
        self.clock.lap("metrics")
        proved = compile_and_prove(self.estimator, self.dataset, response, self.progress)
        if proved.note:
            self.note(proved.note)
        self.clock.lap("proof")
        return Fitted(
            dataset=self.dataset,
            recipe=self.recipe,
            estimator=self.estimator,
            response=response,
            proved=proved,
            metrics=metrics,
            split=split,
            threads=self.threads,
            notes=self.notes,
            seconds=self.clock.seconds,
            baseline=baseline,
            fallback=fallback,
            out_of_fold=out_of_fold,
        )

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.progress.note(text)

    def _split(self) -> splits.Split:
        split = splits.split(self.dataset, self.recipe)
        for text in split.notes:
            self.note(text)
        return split

    def _response(self) -> Response:
        target = self.dataset.target
        named = self.recipe.pipeline or type(final_step(self.estimator)[1]).__name__
        method = response_method(self.estimator, target.task, named)
        if target.task == "multiclass":
            outputs = list(range(len(target.classes)))
            columns = tuple(f"score_{label}" for label in target.classes)
        elif target.task == "binary" and method == "predict_proba":
            outputs, columns = [target.positive], ("score",)
        else:
            outputs, columns = [0], ("score",)
        if method == "decision_function" and target.positive == 0:
            raise UsageError(
                f"{named} gives decisions, which speak for the last class only",
                hint="leave --positive out, or take an estimator that gives probabilities",
            )
        return Response(method, outputs, _MEANING[method], columns)

    def _task(self, everything: Any, split: splits.Split, response: Response) -> Task:
        dataset, whole = self.dataset, not len(split.holdout)
        weights = dataset.weights
        return Task(
            frame=everything if whole else everything.iloc[split.train],
            labels=dataset.target.labels[split.train],
            weights=None if weights is None else weights[split.train],
            method=response.method,
            outputs=response.outputs,
            classes=len(dataset.target.classes),
            threads=self.threads,
        )

    def _search(self, task: Task, split: splits.Split) -> None:
        search = self.recipe.search
        if search is None or search.chosen is not None:
            return
        folds, note = splits.make_folds(self.dataset.target, split.train, search.cv, self.recipe.seed)
        if not folds:
            raise DataError(f"nothing can be searched for: {note}")
        done = run_search(
            search,
            self.estimator,
            task,
            folds,
            positive=self.dataset.target.positive_label,
            seed=self.recipe.seed,
            jobs=self.jobs,
            progress=self.progress,
        )
        self.recipe = self.recipe.model_copy(update={"search": done})
        with_params(self.estimator, done.chosen or {})

    def _cross_validate(self, task: Task, split: splits.Split) -> tuple[NDArray[np.float64] | None, int]:
        target, recipe = self.dataset.target, self.recipe
        folds, note = splits.make_folds(target, split.train, recipe.cv, recipe.seed)
        if note:
            self.note(note)
        if not folds:
            return None, 0
        return cross_validate(self.estimator, task, folds, self.jobs, self.progress), len(folds)

    def _metrics(
        self,
        task: Task,
        everything: Any,
        split: splits.Split,
        response: Response,
        out_of_fold: NDArray[np.float64] | None,
        folds: int,
    ) -> Metrics:
        if not len(split.holdout) and out_of_fold is None:
            return Metrics()
        measured: dict[str, Any] = {"folds": folds}
        if out_of_fold is not None:
            measured |= self._measured("cross_validated", split.train, out_of_fold, response)
        if len(split.holdout):
            kept_back = everything.iloc[split.holdout]
            scores = aligned(self.estimator, task, kept_back, np.arange(len(task.labels)))
            measured |= self._measured("holdout", split.holdout, scores[:, response.outputs], response)
        return Metrics(**measured)

    def _baseline_scores(
        self, task: Task, response: Response, out_of_fold: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """What rows of the baseline scored: by models that had not seen them, where there are any."""
        if out_of_fold is not None:
            return out_of_fold
        scores: NDArray[np.float64] = aligned(self.estimator, task, task.frame, np.arange(len(task.labels)))[
            :, response.outputs
        ]
        return scores

    def _baseline(
        self, split: splits.Split, response: Response, scores: NDArray[np.float64], *, out_of_fold: bool
    ) -> Baseline:
        return make_baseline(
            self.dataset.columns,
            self.dataset.schema,
            split.train,
            scores,
            response.columns,
            kind="out_of_fold" if out_of_fold else "in_sample",
        )

    def _fallback(
        self, split: splits.Split, response: Response, scores: NDArray[np.float64], baseline: Baseline
    ) -> Fallback | None:
        if self.declared is None:
            return None
        return make_fallback(self.declared, self.dataset, split.train, scores, response, baseline)

    def _measured(
        self, which: str, rows: NDArray[np.int64], scores: NDArray[np.float64], response: Response
    ) -> dict[str, Any]:
        target, weights = self.dataset.target, self.dataset.weights
        weights = None if weights is None else weights[rows]
        return {
            which: measure(target, rows, scores, weights, response.meaning),
            "calibration": calibration(target, rows, scores, weights),
        }
