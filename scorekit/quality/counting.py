"""Counting the rows of a batch over the bins of a baseline, in the pass that scores them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import VersionMismatch
from scorekit.quality.baseline import Baseline, BinCounter, Bins, Codes, Values
from scorekit.schema import Schema


class Counter:
    """Counts batches over all bins of a baseline, one after the other in one vector.

    Parameters
    ----------
    baseline : Baseline
    schema : Schema
        Of the model; the baseline's features are found in it by name.

    Attributes
    ----------
    columns : tuple of Bins
        Features, then scores, in the order of the vector.

    Raises
    ------
    VersionMismatch
        If the baseline is of another schema.
    """

    def __init__(self, baseline: Baseline, schema: Schema) -> None:
        places = {feature.name: (feature.coded, index) for feature, index in schema.each()}
        strange = [bins.name for bins in baseline.features if bins.name not in places]
        if strange:
            raise VersionMismatch(
                f"the baseline has a feature that the model has not: {strange[0]!r}",
                hint="make it again with `scorekit quality baseline`",
            )
        self.columns: tuple[Bins, ...] = (*baseline.features, *baseline.scores)
        self._features = [(*places[bins.name], BinCounter(bins)) for bins in baseline.features]
        self._scores = [BinCounter(bins) for bins in baseline.scores]
        self._ends = np.cumsum([len(bins.labels) for bins in self.columns])

    def count(self, numeric: Values, codes: Codes, scores: Values) -> NDArray[np.int64]:
        """Count a batch.

        Parameters
        ----------
        numeric, codes : ndarray
            Decoded columns (``engine.columns.Columns``).
        scores : ndarray of float64, shape (n_rows, n_outputs)
            NaN in rejected rows.

        Returns
        -------
        ndarray of int64, shape (n_bins of all columns,)
            Adds up over batches.
        """
        found = [
            counter.count((codes if coded else numeric)[:, index]) for coded, index, counter in self._features
        ]
        found += [counter.count(column) for counter, column in zip(self._scores, scores.T, strict=True)]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def split(self, counts: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
        """The counts of each column."""
        return np.split(counts, self._ends[:-1]) if len(self.columns) else []
