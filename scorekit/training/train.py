"""The whole road from data files to a published version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scorekit.progress import Progress, Silent
from scorekit.quality.fallback import FallbackSettings
from scorekit.store.manifest import (
    BASELINE_FILE,
    CARD_FILE,
    ESTIMATOR_FILE,
    FALLBACK_FILE,
    Manifest,
    TrainingData,
)
from scorekit.store.objects import Content
from scorekit.store.references import check_name
from scorekit.store.versions import CHAMPION, Store
from scorekit.training.card import card
from scorekit.training.dataset import read_dataset
from scorekit.training.environment import environment
from scorekit.training.publish import estimator_file
from scorekit.training.recipe import DEFAULT_ESTIMATOR, Candidate, Recipe, model_name
from scorekit.training.run import Clock, Fitted, fit_dataset

Publish: TypeAlias = Callable[[Store, Manifest, Mapping[str, Content]], Manifest]
"""Publishes a version in a store; gives its manifest as it was published."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A version that was trained and published.

    Attributes
    ----------
    manifest : Manifest
        As published.
    store : str
        Where.
    champion : bool
        Whether the name alone means this version now.
    notes : tuple of str
        What is worth knowing.
    why_task : str
        How the task was chosen.
    seconds : dict of str to float
        By stage, in order.
    candidates : tuple of Candidate
        What a search tried, best first.
    out_of_fold : ndarray, shape (n_training_rows, n_outputs), or None
        Scores by models that had not seen the row.
    """

    manifest: Manifest
    store: str
    champion: bool
    notes: tuple[str, ...]
    why_task: str
    seconds: Mapping[str, float]
    candidates: tuple[Candidate, ...] = ()
    out_of_fold: NDArray[np.float64] | None = None


def train(
    inputs: Sequence[str],
    recipe: Recipe,
    *,
    by: str,
    store: str | None = None,
    jobs: int = 1,
    promote: bool = False,
    fallback: FallbackSettings | None = None,
    progress: Progress | None = None,
    publish: Publish | None = None,
) -> Training:
    """Train a model on files and publish it as a version.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders, patterns or addresses.
    recipe : Recipe
    by : str
        Who trains, for the history.
    store : str, optional
        Where versions live.
    jobs : int
        Workers for folds and search.
    promote : bool
        Make it the champion; the first version of a name becomes it anyway.
    fallback : FallbackSettings, optional
        What may answer in its place; learned and validated with it.
    progress : Progress, optional
    publish : callable, optional
        Publishes in another way than under the next number; promotes, too.

    Returns
    -------
    Training

    Raises
    ------
    UsageError, DataError
        If the recipe or the data are not as they should be; nothing is published then.
    TamperedError
        If it is to be promoted, and only signed versions are trusted.
    """
    progress = progress or Silent()
    opened = Store.open(store)
    name = check_name(recipe.name) if recipe.name is not None else None
    if promote:
        opened.check_promotable()
    clock = Clock({})
    progress.stage("read")
    dataset = read_dataset(inputs, recipe)
    clock.lap("read")
    name = name or model_name(dataset.name)
    opened.check_writable(name)  # rather now than after hours of fitting
    fitted = fit_dataset(dataset, recipe, jobs=jobs, fallback=fallback, progress=progress)
    seconds = clock.seconds | fitted.seconds
    clock = Clock(seconds)
    progress.stage("publish")
    manifest = _manifest(fitted, name)
    pickle, note = estimator_file(fitted.estimator, dataset, fitted.response, own=recipe.pipeline is not None)
    if note:
        progress.note(note)
    files: dict[str, Any] = {
        **fitted.proved.files,
        ESTIMATOR_FILE: pickle,
        CARD_FILE: card(manifest).encode(),
        BASELINE_FILE: fitted.baseline.to_bytes(),
    }
    if fitted.fallback is not None:
        files[FALLBACK_FILE] = fitted.fallback.to_bytes()
    if publish is not None:
        published = publish(opened, manifest, files)
    else:
        published = opened.publish(manifest, files, by=by, alias=CHAMPION if promote else None)
    champion = opened.resolve(published.name).version == published.version
    clock.lap("publish")
    search = fitted.recipe.search
    return Training(
        manifest=published,
        store=opened.uri,
        champion=champion,
        notes=(*fitted.notes, note) if note else tuple(fitted.notes),
        why_task=dataset.target.why,
        seconds=seconds,
        candidates=search.candidates if search else (),
        out_of_fold=fitted.out_of_fold,
    )


# The manifest ------------------------------------------------------------------------


def _manifest(fitted: Fitted, name: str) -> Manifest:
    dataset, target = fitted.dataset, fitted.dataset.target
    return Manifest(
        name=name,
        version=0,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        task=target.task,
        target=target.name,
        classes=target.classes,
        positive=target.positive_label,
        inputs=dataset.schema,
        carried=dataset.carried,
        recipe=resolved(fitted, name).model_dump(mode="json"),
        training=TrainingData(
            files=dataset.files,
            fingerprint=dataset.fingerprint,
            rows=len(fitted.split.train),
            columns=len(dataset.schema),
            holdout_rows=len(fitted.split.holdout),
            period=dataset.period,
        ),
        metrics=fitted.metrics,
        scoring=fitted.proved.scoring,
        baseline=fitted.baseline.kind,
        environment=environment(fitted.threads),
    )


def resolved(fitted: Fitted, name: str) -> Recipe:
    """The recipe with nothing left to defaults, which may be others in a later scorekit."""
    recipe, target = fitted.recipe, fitted.dataset.target
    found = {
        "name": name,
        "estimator": recipe.estimator or (DEFAULT_ESTIMATOR if recipe.pipeline is None else None),
        "task": "regression" if target.task == "regression" else "classification",
        "positive": target.positive_label,
        "na_values": fitted.dataset.schema.na_values,
        "holdout": recipe.holdout_share,
    }
    return recipe.model_copy(update=found)
