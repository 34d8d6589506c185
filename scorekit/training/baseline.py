"""The baseline of a model: the rows it learned from, and scores by models that had not seen them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.quality.baseline import Baseline, BaselineKind, Bins, category_bins, numeric_bins
from scorekit.schema import Schema


def make_baseline(
    columns: Columns,
    schema: Schema,
    rows: NDArray[np.int64],
    scores: NDArray[np.float64],
    names: Sequence[str],
    *,
    kind: BaselineKind,
) -> Baseline:
    """Bins and counts of the features of some rows, and of their scores.

    Parameters
    ----------
    columns : Columns
        All rows of the data.
    schema : Schema
    rows : ndarray of int64, shape (n_rows,)
        Those the model was fitted on.
    scores : ndarray of float64, shape (n_rows, n_outputs)
    names : sequence of str
        Of the score columns.
    kind : {"out_of_fold", "in_sample", "data"}
        Whether the scores are of models that had not seen the row. In-sample scores
        of a forest are far from those of new rows where nothing has moved.
    """
    features: list[Bins] = []
    for feature, index in schema.each():
        if feature.kind == "category":
            features.append(category_bins(feature, columns.codes[rows, index]))
        elif not feature.coded:
            features.append(numeric_bins(feature.name, columns.numeric[rows, index]))
    return Baseline(
        kind=kind,
        rows=len(rows),
        features=tuple(features),
        scores=tuple(
            numeric_bins(name, column).without_missing() for name, column in zip(names, scores.T, strict=True)
        ),
    )
