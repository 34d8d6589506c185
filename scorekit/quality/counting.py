"""Counting the rows of a batch over the bins of a baseline, in the pass that scores them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import VersionMismatch
from scorekit.quality.baseline import Baseline, BinCounter, Bins, Codes, Values
from scorekit.schema import Schema

STEPS = 1 << 20
"""Parts of a baseline score's spread in which scores are added up, as whole numbers: so the
order of the batches changes no bit of their mean."""
FARTHEST = 1 << 11
"""Spreads from the mean beyond which a score counts as just so far: no sum overflows."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCounts:
    """What was counted of one column.

    Attributes
    ----------
    bins : Bins
        Of the baseline.
    counts : ndarray of int64, shape (n_bins,)
    outside : int
        Finite values outside the range of training; they are in a bin as well.
    mean : float or None
        Of a score's finite values; None for features and where there are none.
    """

    bins: Bins
    counts: NDArray[np.int64]
    outside: int = 0
    mean: float | None = None


class Counter:
    """Counts batches over all bins of a baseline, in one vector that adds up.

    The vector holds the bins of each column, one after the other; then for each column
    the values outside the range of training; then for each score the sum of its
    distances from the baseline's mean, and how many scores are in that sum. A row without
    a score is in no bin of it: how many are rejected is judged by itself, and as missing
    scores they would move the distribution of those there are.

    Parameters
    ----------
    baseline : Baseline
    schema : Schema
        Of the model; the baseline's features are found in it by name.

    Attributes
    ----------
    features, scores : tuple of Bins
        In the order of the vector.

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
        self.features = baseline.features
        self.scores = tuple(bins.without_missing() for bins in baseline.scores)
        self._features = [(*places[bins.name], BinCounter(bins)) for bins in self.features]
        self._scores = [(BinCounter(bins), _Sum(bins)) for bins in self.scores]
        self._ends = np.cumsum([len(bins.labels) for bins in self.columns], dtype=np.int64)
        self._begins: list[int] = [0, *self._ends.tolist()]
        self._size = self._begins[-1] + len(self.columns) + 2 * len(self.scores)

    @property
    def columns(self) -> tuple[Bins, ...]:
        """Features, then scores."""
        return (*self.features, *self.scores)

    def __len__(self) -> int:
        """Size of the vector."""
        return self._size

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
        ndarray of int64, shape (len(self),)
            Adds up over batches.
        """
        if len(scores) == 1:
            return self._count_one(numeric[0].tolist(), codes[0].tolist(), scores[0].tolist())
        found = [
            counter.count_with_range((codes if coded else numeric)[:, index])
            for coded, index, counter in self._features
        ]
        sums: list[int] = []
        for (counter, total), column in zip(self._scores, scores.T, strict=True):
            counts, outside = counter.count_with_range(column)
            counts[counter.missing] = 0
            found.append((counts, outside))
            sums += total.of(column)
        beside = np.array([*(outside for _, outside in found), *sums], dtype=np.int64)
        return np.concatenate([*(counts for counts, _ in found), beside])

    def _count_one(
        self, numbers: Sequence[float], codes: Sequence[int], scores: Sequence[float]
    ) -> NDArray[np.int64]:
        """The same of one row, by its values themselves: arrays of one cost ten times as much."""
        vector = self.nothing()
        beside = self._begins[-1]
        for column, (coded, index, counter) in enumerate(self._features):
            found, outside = counter.place(codes[index] if coded else numbers[index])
            vector[self._begins[column] + found] = 1
            vector[beside + column] = outside
        for place, ((counter, total), score) in enumerate(zip(self._scores, scores, strict=True)):
            column = len(self._features) + place
            found, outside = counter.place(score)
            vector[self._begins[column] + found] = found != counter.missing
            vector[beside + column] = outside
            sums = beside + len(self.columns) + 2 * place
            vector[sums : sums + 2] = total.of_one(score)
        return vector

    def nothing(self) -> NDArray[np.int64]:
        """The vector of no rows."""
        return np.zeros(len(self), dtype=np.int64)

    def split(self, vector: NDArray[np.int64]) -> Sequence[ColumnCounts]:
        """What was counted of each column."""
        *counts, beside = np.split(vector, self._ends)
        outside, sums = beside[: len(self.columns)], beside[len(self.columns) :]
        means = [None] * len(self.features) + [
            total.mean(int(sums[2 * place]), int(sums[2 * place + 1]))
            for place, (_, total) in enumerate(self._scores)
        ]
        return [
            ColumnCounts(bins, found, int(odd), mean)
            for bins, found, odd, mean in zip(self.columns, counts, outside, means, strict=True)
        ]


class _Sum:
    """Adds up the scores of one column as whole numbers."""

    def __init__(self, bins: Bins) -> None:
        self._centre = bins.mean or 0.0
        self._unit = (bins.deviation or 1.0) / STEPS

    def of(self, column: Values) -> tuple[int, int]:
        """Sum and number of the finite values."""
        finite = column[np.isfinite(column)]
        most = float(FARTHEST * STEPS)
        steps = np.clip((finite - self._centre) / self._unit, -most, most)
        return int(np.rint(steps).astype(np.int64).sum()), len(finite)

    def of_one(self, score: float) -> tuple[int, int]:
        """The same of one score."""
        if not math.isfinite(score):
            return 0, 0
        most = float(FARTHEST * STEPS)
        return round(min(max((score - self._centre) / self._unit, -most), most)), 1

    def mean(self, total: int, rows: int) -> float | None:
        """The mean that a sum stands for."""
        return self._centre + total / rows * self._unit if rows else None
