"""The declared fallback of a model: learned and validated on the rows the model was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scorekit.quality.baseline import Baseline
from scorekit.quality.fallback import Fallback, FallbackSettings
from scorekit.training.dataset import Dataset

if TYPE_CHECKING:
    from scorekit.training.publish import Response


def make_fallback(
    settings: FallbackSettings,
    dataset: Dataset,
    rows: NDArray[np.int64],
    scores: NDArray[np.float64],
    response: Response,
    baseline: Baseline,
) -> Fallback:
    """Learn a declared ladder.

    Parameters
    ----------
    settings : FallbackSettings
    dataset : Dataset
    rows : ndarray of int64, shape (n_rows,)
        Those the model was fitted on.
    scores : ndarray of float64, shape (n_rows, n_outputs)
        Of the baseline.
    response : Response
    baseline : Baseline

    Raises
    ------
    UsageError
        If a rung does not answer every row, or not as the model does on average.
    """
    from scorekit.quality.fallback_learning import TrainingRows, learn_fallback, outcomes

    return learn_fallback(
        settings,
        TrainingRows(
            schema=dataset.schema,
            numeric=dataset.columns.numeric[rows],
            codes=dataset.columns.codes[rows],
            targets=outcomes(dataset.target.truth()[rows], scores.shape[1]),
            scores=scores,
            baseline=baseline,
            outputs=response.columns,
            probabilities=response.meaning == "probability",
        ),
    )
