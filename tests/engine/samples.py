"""Rows with targets that models can learn: numbers of several scales, categories, missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Data = dict[str, list[Any]]

LABELS = ("ash", "beech", "cedar", "date", "elm")


def numbers(rows: int = 200, columns: int = 4, *, seed: int = 0) -> Data:
    """Columns of numbers, their scales from 0.1 to 1,000."""
    rng = np.random.default_rng(seed)
    scales = np.logspace(-1, 3, columns)
    return {f"x{k}": (rng.normal(size=rows) * scale + scale).tolist() for k, scale in enumerate(scales)}


def mixed(rows: int = 200, *, seed: int = 0) -> Data:
    """Numbers and categories, some missing."""
    rng = np.random.default_rng(seed)
    data = numbers(rows, 3, seed=seed)
    data["x1"] = [
        None if lost else value for value, lost in zip(data["x1"], rng.random(rows) < 0.1, strict=True)
    ]
    data["colour"] = rng.choice(["red", "green", "blue"], size=rows).tolist()
    sizes = rng.choice(["s", "m", "l", "xl"], size=rows).tolist()
    data["size"] = [None if lost else size for size, lost in zip(sizes, rng.random(rows) < 0.1, strict=True)]
    return data


def labels(data: Data, classes: int = 2, *, seed: int = 0) -> list[str]:
    """A class for each row, learnable and noisy, every class among them."""
    return [LABELS[place] for place in np.digitize(_signal(data, seed), _cuts(classes))]


def amounts(data: Data, *, seed: int = 0) -> np.ndarray:
    """A positive, skewed number for each row."""
    return np.exp(0.5 * _signal(data, seed))


def prepared(estimator: Any) -> Pipeline:
    """``estimator`` behind imputing, scaling and one-hot encoding, for ``mixed`` rows."""
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    categorical = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        ColumnTransformer(
            [("numbers", numeric, ["x0", "x1", "x2"]), ("categories", categorical, ["colour", "size"])]
        ),
        estimator,
    )


def _signal(data: Data, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed + 1000)
    first = np.array(data["x0"])
    deviation = first.std() or 1.0
    return (first - first.mean()) / deviation + 0.7 * rng.normal(size=len(first))


def _cuts(classes: int) -> np.ndarray:
    return np.linspace(-1.0, 1.0, classes + 1)[1:-1]
