"""A small version to publish: what a manifest needs, and files of a few bytes."""

from __future__ import annotations

from scorekit.schema import Feature, Schema
from scorekit.store.manifest import (
    DataFile,
    Environment,
    Manifest,
    Metrics,
    ProofRecord,
    Scoring,
    TrainingData,
)


def manifest(name: str = "bank", **changes: object) -> Manifest:
    age = Feature(name="age", kind="numeric", arrow_type="int64", nullable=False, minimum=18.0, maximum=95.0)
    job = Feature(
        name="job", kind="category", arrow_type="string", nullable=True, levels=("admin.", "retired")
    )
    content = {
        "name": name,
        "version": 0,
        "created": "2026-02-03T04:05:06Z",
        "task": "binary",
        "target": "y",
        "classes": ("no", "yes"),
        "positive": "yes",
        "inputs": Schema(features=(age, job), na_values=("NA",)),
        "recipe": {"target": "y", "estimator": "logistic", "params": {"C": 0.5}},
        "training": TrainingData(
            files=(DataFile(uri="bank.parquet", sha256="0" * 64, size=1234),),
            fingerprint="1" * 64,
            rows=800,
            columns=2,
            holdout_rows=200,
        ),
        "metrics": Metrics(holdout={"roc_auc": 0.75, "log_loss": 0.31}, folds=0),
        "scoring": Scoring(
            engine="compiled",
            method="predict_proba",
            outputs=(1,),
            meaning="probability",
            columns=("score",),
            digest="2" * 64,
            proof=ProofRecord(rows=900, rejected=3, largest_difference=2.2e-16),
        ),
        "environment": Environment(python="3.11.9", platform="linux", packages={"scikit-learn": "1.9.1"}),
        **changes,
    }
    return Manifest(**content)


def files(mark: str = "") -> dict[str, bytes]:
    return {
        "compiled/program.json": b'{"steps": [], "mark": "' + mark.encode() + b'"}',
        "compiled/arrays.npz": bytes(range(256)),
        "estimator.joblib": b"not really a pickle " + mark.encode(),
        "card.md": b"# bank\n",
    }
