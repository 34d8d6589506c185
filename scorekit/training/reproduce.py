"""Making a version again from what its manifest says, and comparing."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from scorekit.engine.reference import ReferenceEngine
from scorekit.errors import UsageError, VersionMismatch
from scorekit.model import open_model
from scorekit.progress import Progress, Silent
from scorekit.store.manifest import Manifest
from scorekit.store.versions import Ref, Store
from scorekit.training.dataset import Dataset, read_dataset
from scorekit.training.environment import PACKAGES, installed_packages
from scorekit.training.recipe import Recipe
from scorekit.training.run import Fitted, fit_dataset

METRIC_TOLERANCE = 1e-6
"""Relative difference of a metric that is worth telling; other workers sum in another order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the manifest has it."""

    what: str
    recorded: str
    now: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A version, made again.

    Attributes
    ----------
    model : str
        ``name:version``.
    same : bool
        Whether the same rows gave the same model.
    compared : str
        How the models were compared: ``digest`` or ``scores``; nothing if the rows differ.
    differences : tuple of Difference
        In the rows, the model, or the metrics.
    environment : tuple of Difference
        Versions that are others now, which may be why.
    notes : tuple of str
    seconds : float
    """

    model: str
    same: bool
    compared: str
    differences: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    notes: tuple[str, ...]
    seconds: float


def reproduce(
    reference: str | None = None,
    data: Sequence[str] = (),
    *,
    store: str | None = None,
    jobs: int = 1,
    allow_mismatch: bool = False,
    progress: Progress | None = None,
) -> Reproduction:
    """Train a version again with its data, recipe, seeds and threads.

    A search is not repeated, what it chose is used. Cross-validation is repeated where
    the manifest has its metrics.

    Parameters
    ----------
    reference : str, optional
        Of the version.
    data : sequence of str
        Where the data is now; by default where the manifest says it was.
    store : str, optional
    jobs : int
        Workers for the folds.
    allow_mismatch : bool
        Load a pickle of another scikit-learn minor version, to compare with.
    progress : Progress, optional

    Returns
    -------
    Reproduction

    Raises
    ------
    ModelNotFound, TamperedError, VersionMismatch
        As the store has it, or if the recipe cannot be read.
    UsageError
        If the data is not where it was.
    """
    started = time.perf_counter()
    progress = progress or Silent()
    opened = Store.open(store)
    ref = opened.resolve(reference)
    manifest = opened.manifest(ref)
    recipe = _recorded_recipe(ref, manifest)
    progress.stage("read")
    dataset = _read(manifest, recipe, data)
    differences = list(_data_differences(manifest, dataset))
    notes = list(_file_notes(manifest, dataset))
    same, compared = not differences, ""
    if same:
        fitted = fit_dataset(
            dataset, recipe, jobs=jobs, threads=manifest.environment.threads or None, progress=progress
        )
        notes += fitted.notes
        progress.stage("compare")
        compared, found = _model_differences(opened, ref, manifest, fitted, allow_mismatch=allow_mismatch)
        same = not found
        differences += [*found, *_metric_differences(manifest, fitted)]
    return Reproduction(
        model=str(ref),
        same=same,
        compared=compared,
        differences=tuple(differences),
        environment=tuple(_environment_differences(manifest)),
        notes=tuple(notes),
        seconds=time.perf_counter() - started,
    )


def _recorded_recipe(ref: Ref, manifest: Manifest) -> Recipe:
    try:
        return Recipe.model_validate(manifest.recipe)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise VersionMismatch(
            f"the recipe of {ref} cannot be read by this scorekit: {place}",
            hint="install the scorekit it was made with: "
            + manifest.environment.packages.get("scorekit", "unknown"),
        ) from None


def _read(manifest: Manifest, recipe: Recipe, data: Sequence[str]) -> Dataset:
    if data:
        return read_dataset(data, recipe)
    if not manifest.training.files:
        raise UsageError("the manifest names no data files", hint="say where they are with --data")
    try:
        return read_dataset([file.uri for file in manifest.training.files], recipe)
    except UsageError as error:
        raise UsageError(
            error.message, hint="say where the training data is now with --data", code=error.code
        ) from None


def _data_differences(manifest: Manifest, dataset: Dataset) -> Iterator[Difference]:
    recorded = manifest.training
    if recorded.fingerprint == dataset.fingerprint:
        return
    rows = recorded.rows + recorded.holdout_rows
    if rows != len(dataset):
        yield Difference("rows", f"{rows:,}", f"{len(dataset):,}")
    before, now = set(manifest.inputs.names), set(dataset.schema.names)
    if before != now:
        yield Difference("columns", _some(before - now) or "no others", _some(now - before) or "no others")
    yield Difference("data fingerprint", recorded.fingerprint, dataset.fingerprint)


def _some(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _file_notes(manifest: Manifest, dataset: Dataset) -> Iterator[str]:
    recorded = [file.sha256 for file in manifest.training.files]
    if manifest.training.fingerprint == dataset.fingerprint and recorded != [
        file.sha256 for file in dataset.files
    ]:
        yield "the files are others, but the rows in them are the same"


def _model_differences(
    store: Store, ref: Ref, manifest: Manifest, fitted: Fitted, *, allow_mismatch: bool
) -> tuple[str, list[Difference]]:
    """Compare compiled models by their digest; where there is none, every row's scores."""
    before, now = manifest.scoring.digest, fitted.proved.scoring.digest
    if before is not None and now is not None:
        return "digest", [] if before == now else [Difference("compiled model", before, now)]
    recorded = open_model(store, ref, allow_mismatch=allow_mismatch).scorer.engine
    again = ReferenceEngine(
        fitted.estimator,
        fitted.dataset.schema,
        method=fitted.response.method,
        outputs=fitted.response.outputs,
    )
    columns = fitted.dataset.columns
    old, new = recorded.score(columns).values, again.score(columns).values
    if np.array_equal(old, new, equal_nan=True):
        return "scores", []
    return "scores", [_score_difference(old, new)]


def _score_difference(old: NDArray[np.float64], new: NDArray[np.float64]) -> Difference:
    if old.shape != new.shape:
        return Difference("scores", f"{old.shape[1]} columns", f"{new.shape[1]} columns")
    rows = int((old != new).any(axis=1).sum())
    return Difference(
        "scores", f"of {len(old):,} rows", f"{rows:,} differ, by up to {np.nanmax(np.abs(old - new)):.1e}"
    )


def _metric_differences(manifest: Manifest, fitted: Fitted) -> Iterator[Difference]:
    pairs: list[tuple[str, Mapping[str, float] | None, Mapping[str, float] | None]] = [
        ("cross-validated", manifest.metrics.cross_validated, fitted.metrics.cross_validated),
        ("holdout", manifest.metrics.holdout, fitted.metrics.holdout),
    ]
    for which, before, now in pairs:
        for name in dict.fromkeys([*(before or ()), *(now or ())]):
            old, new = (before or {}).get(name), (now or {}).get(name)
            if old is None or new is None or not math.isclose(old, new, rel_tol=METRIC_TOLERANCE):
                yield Difference(f"{which} {name}", str(old), str(new))


def _environment_differences(manifest: Manifest) -> Iterator[Difference]:
    recorded = manifest.environment
    now = installed_packages()
    for package in PACKAGES:
        before = recorded.packages.get(package, "none")
        if before != now.get(package, "none"):
            yield Difference(package, before, now.get(package, "none"))
    if recorded.python != platform.python_version():
        yield Difference("python", recorded.python, platform.python_version())
    if recorded.platform != platform.platform():
        yield Difference("platform", recorded.platform, platform.platform())
