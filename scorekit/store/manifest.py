"""What a version says of itself: enough to check it, to score with it, and to make it again.

``manifest.json`` is read by every scorekit that comes later: ``format_version`` goes
up when the meaning of a field changes, and a reader for the old form stays here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from scorekit.errors import TamperedError
from scorekit.formats import Record, read_format
from scorekit.schema import Schema

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
ESTIMATOR_FILE = "estimator.joblib"
CARD_FILE = "card.md"
BASELINE_FILE = "baseline.json"
FALLBACK_FILE = "fallback.json"
COMPILED_DIR = "compiled"

Task = Literal["binary", "multiclass", "regression"]
Label = str | bool | int | float

METRIC_NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "ks": "KS",
    "log_loss": "log loss",
    "brier": "Brier score",
    "accuracy": "accuracy",
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
}
"""What people call the metrics of a manifest."""


class FileEntry(Record, frozen=True):
    """A file of the version: SHA-256 in hex, and bytes."""

    sha256: str
    size: int


class DataFile(Record, frozen=True):
    """A file the model was trained on."""

    uri: str
    sha256: str
    size: int


class CarriedColumn(Record, frozen=True):
    """A column that is no feature but may be carried to the output, and its Arrow type."""

    name: str
    arrow_type: str


class TrainingData(Record, frozen=True):
    """What the model was trained on.

    Attributes
    ----------
    files : tuple of DataFile
    fingerprint : str
        SHA-256 of the decoded rows: the same rows in another format have the same one.
    rows, columns : int
        Rows the model was fitted on, and feature columns.
    holdout_rows : int
        Rows kept back.
    period : tuple of str or None
        First and last time, where a time column was named.
    """

    files: tuple[DataFile, ...]
    fingerprint: str
    rows: int
    columns: int
    holdout_rows: int = 0
    period: tuple[str, str] | None = None


class Bin(Record, frozen=True):
    """One row of a calibration table: mean score, observed share or mean, rows."""

    score: float
    observed: float
    rows: int


class Metrics(Record, frozen=True):
    """How good the model is, on rows it had not seen.

    Attributes
    ----------
    holdout, cross_validated : dict of str to float, or None
        Metric name to value; cross-validated ones are of all out-of-fold predictions.
    calibration : tuple of Bin
        Of the holdout where there is one, else out of fold.
    folds : int
    """

    holdout: dict[str, float] | None = None
    cross_validated: dict[str, float] | None = None
    calibration: tuple[Bin, ...] = ()
    folds: int = 0


class ProofRecord(Record, frozen=True):
    """The comparison of the compiled model with scikit-learn (``engine.proof.Proof``)."""

    rows: int
    rejected: int
    largest_difference: float


class Scoring(Record, frozen=True):
    """How the version is scored.

    Attributes
    ----------
    engine : {"compiled", "reference"}
    method : {"predict_proba", "decision_function", "predict"}
        What is asked of the estimator.
    outputs : tuple of int
        Columns of the method's result that are the scores.
    meaning : {"probability", "decision", "value"}
        What a score is.
    columns : tuple of str
        Names of the score columns, ``("score",)`` or ``("score_a", "score_b", …)``.
    digest : str or None
        Of the compiled program.
    proof : ProofRecord or None
    not_lowered : str or None
        Why the reference engine scores, naming the step.
    """

    engine: Literal["compiled", "reference"]
    method: Literal["predict_proba", "decision_function", "predict"]
    outputs: tuple[int, ...]
    meaning: Literal["probability", "decision", "value"]
    columns: tuple[str, ...]
    digest: str | None = None
    proof: ProofRecord | None = None
    not_lowered: str | None = None


class Environment(Record, frozen=True):
    """Where it was made."""

    python: str
    platform: str
    packages: dict[str, str]
    threads: dict[str, int] = msgspec.field(default_factory=dict)
    git_commit: str | None = None
    git_dirty: bool | None = None


class Manifest(Record, frozen=True, kw_only=True):
    """Everything a version says of itself.

    Attributes
    ----------
    created : str
        ISO 8601, UTC.
    classes : tuple of label
        In scikit-learn's order; empty for regression.
    positive : label or None
        The class whose probability is the score, for two classes.
    inputs : Schema
    carried : tuple of CarriedColumn
        Id columns and others that were no features.
    recipe : dict
        What ``training.recipe.Recipe`` reads: estimator, parameters, columns, splits, seed.
    baseline : str or None
        Kind of baseline stored beside it (``out_of_fold``).
    derived_from : int or None
        The version it is the same model as, with another baseline.
    job : str or None
        Id of the job that made it.
    files : dict of str to FileEntry
        Every other file of the version.
    digest : str
        SHA-256 of the manifest without this field.
    """

    format_version: int = FORMAT_VERSION
    name: str
    version: int
    created: str
    task: Task
    target: str
    classes: tuple[Label, ...] = ()
    positive: Label | None = None
    inputs: Schema
    carried: tuple[CarriedColumn, ...] = ()
    recipe: dict[str, Any]
    training: TrainingData
    metrics: Metrics
    scoring: Scoring
    baseline: str | None = None
    derived_from: int | None = None
    job: str | None = None
    environment: Environment
    files: dict[str, FileEntry] = msgspec.field(default_factory=dict)
    digest: str = ""

    @property
    def estimator(self) -> str:
        """What was fitted: a short name, an import path, or ``MODULE:FACTORY``."""
        return str(self.recipe.get("pipeline") or self.recipe.get("estimator") or "unknown")

    @property
    def params(self) -> dict[str, Any]:
        """Parameters the estimator was given, and those that a search chose."""
        chosen = (self.recipe.get("search") or {}).get("chosen") or {}
        return {**(self.recipe.get("params") or {}), **chosen}

    def sealed(self, version: int, files: Mapping[str, FileEntry]) -> Manifest:
        """The manifest of a version about to be published, with its digest."""
        manifest = replace(self, version=version, files=dict(files), digest="")
        return replace(manifest, digest=manifest.compute_digest())

    def compute_digest(self) -> str:
        """SHA-256 of everything but the digest, as canonical JSON of what the file holds."""
        return _digest(self.plain())

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Manifest:
        """Read a manifest of this or an older format, and check its digest.

        Parameters
        ----------
        data : bytes
        source : str
            Where it came from, for errors.

        Raises
        ------
        TamperedError
            If it is no manifest or its digest does not hold.
        VersionMismatch
            If a newer scorekit wrote it.
        """
        content = read_format(data, source, "a manifest", newest=FORMAT_VERSION)
        claimed = content.get("digest")
        if claimed != _digest(content):
            raise TamperedError(f"{source} was changed after it was published: its digest does not hold")
        try:
            return msgspec.convert(content, cls, strict=False)
        except msgspec.ValidationError as error:
            raise TamperedError(f"{source} is not a manifest: {error}") from None


def _digest(content: Mapping[str, Any]) -> str:
    """Digest of a manifest as it was written, whatever its format."""
    return hashlib.sha256(
        _canonical({key: value for key, value in content.items() if key != "digest"})
    ).hexdigest()


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
