"""What is said of a version that a job has published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scorekit.store.manifest import Manifest


def result_of(manifest: Manifest) -> dict[str, Any]:
    """The result of a job, as JSON has it."""
    metrics, scoring = manifest.metrics, manifest.scoring
    return {
        "model": manifest.name,
        "version": manifest.version,
        "digest": manifest.digest,
        "task": manifest.task,
        "estimator": manifest.estimator,
        "engine": scoring.engine,
        "not_compiled": scoring.not_lowered,
        "rows": manifest.training.rows,
        "metrics": {
            "holdout": _finite(metrics.holdout),
            "cross_validated": _finite(metrics.cross_validated),
        },
    }


def _finite(metrics: Mapping[str, float] | None) -> dict[str, float | None] | None:
    if metrics is None:
        return None
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}
