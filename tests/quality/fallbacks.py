"""A small world to learn fallbacks in: pay day and outcome decide, age does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import TypeAdapter

from scorekit.quality.baseline import Baseline, category_bins, numeric_bins
from scorekit.quality.fallback import Fallback, FallbackSettings
from scorekit.quality.fallback_learning import TrainingRows, learn_fallback, outcomes
from scorekit.schema import Feature, Schema

LEVELS = ("failure", "other", "success")
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="numeric", arrow_type="int64", nullable=True),
        Feature(name="poutcome", kind="category", arrow_type="string", nullable=True, levels=LEVELS),
        Feature(name="pay day", kind="numeric", arrow_type="int64", nullable=True),
        Feature(name="note", kind="text", arrow_type="string", nullable=True),
    )
)
RATES = np.array([0.1, 0.2, 0.6])


def settings(*ladder: dict[str, Any]) -> FallbackSettings:
    return TypeAdapter(FallbackSettings).validate_python({"ladder": list(ladder)})


def training_rows(count: int = 2000, outputs: int = 1, seed: int = 1) -> TrainingRows:
    rng = np.random.default_rng(seed)
    numeric = np.asfortranarray(
        np.column_stack([rng.integers(18, 90, count), rng.integers(0, 4, count)]).astype(float)
    )
    codes = np.asfortranarray(
        np.column_stack([rng.integers(0, 3, count), np.full(count, -2)]), dtype=np.int32
    )
    chance = np.clip(RATES[codes[:, 0]] + 0.05 * numeric[:, 1], 0, 1)
    truth = (rng.random(count) < chance).astype(np.int64)
    scores = np.clip(chance + rng.normal(0, 0.02, count), 0, 1)[:, None]
    if outputs > 1:
        truth = truth + (rng.random(count) < 0.3)
        scores = np.tile(outcomes(truth, outputs).mean(axis=0), (count, 1))
    features = (
        numeric_bins("age", numeric[:, 0]),
        category_bins(SCHEMA.features[1], codes[:, 0]),
        numeric_bins("pay day", numeric[:, 1]),
    )
    return TrainingRows(
        schema=SCHEMA,
        numeric=numeric,
        codes=codes,
        targets=outcomes(truth, outputs),
        scores=scores,
        baseline=Baseline(kind="out_of_fold", rows=count, features=features),
        outputs=("score",) if outputs == 1 else tuple(f"score_{number}" for number in range(outputs)),
        probabilities=True,
    )


def learn(*ladder: dict[str, Any], rows: TrainingRows | None = None) -> Fallback:
    return learn_fallback(settings(*ladder), rows or training_rows())
