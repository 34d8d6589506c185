"""Rates of segments: the mean target of rows that share up to two columns' bins.

A segment of few rows is a poor estimate, so it is filled up to ``FULL_SEGMENT`` with rows
at the rate of its first column alone, and that one with rows at the overall mean. A level
that training did not see has no rows of its own and gets all of it from there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scorekit.formats import Record
from scorekit.quality.baseline import BinCounter, Bins, Codes, Values

FULL_SEGMENT = 50
"""A segment with so many rows stands by itself."""

Cells = NDArray[np.int64]


class SegmentTable(Record, frozen=True):
    """Rates of segments, ready to be looked up.

    Attributes
    ----------
    columns : tuple of Bins
        Of one or two columns; a segment is one bin of each.
    rows : tuple of int
        Training rows of each segment, those of the second column next to each other.
    rates : tuple of tuple of float
        What each segment answers, for each output.
    """

    columns: tuple[Bins, ...]
    rows: tuple[int, ...]
    rates: tuple[tuple[float, ...], ...]


def learn_segments(
    columns: Sequence[Bins], values: Sequence[Values | Codes], targets: Values
) -> SegmentTable:
    """Learn the rates of segments.

    Parameters
    ----------
    columns : sequence of Bins
        One or two.
    values : sequence of ndarray, shape (n_rows,)
        Of these columns.
    targets : ndarray of float64, shape (n_rows, n_outputs)
        What a score should be: 0 and 1 for classes.

    Returns
    -------
    SegmentTable
    """
    bins = [BinCounter(column).bins_of(found) for column, found in zip(columns, values, strict=True)]
    sizes = [len(column.labels) for column in columns]
    cells, rates = np.zeros(len(targets), dtype=np.int64), targets.mean(axis=0)[None, :]
    rows = np.array([len(targets)])
    for number, size in zip(bins, sizes, strict=True):
        cells = cells * size + number
        rows = np.bincount(cells, minlength=len(rates) * size)
        rates = _filled_up(_sums(cells, targets, len(rows)), rows, np.repeat(rates, size, axis=0))
    return SegmentTable(
        columns=tuple(columns),
        rows=tuple(rows.tolist()),
        rates=tuple(tuple(rate) for rate in rates.tolist()),
    )


def _sums(cells: Cells, targets: Values, count: int) -> Values:
    return np.stack([np.bincount(cells, weights=target, minlength=count) for target in targets.T], axis=1)


def _filled_up(sums: Values, rows: Cells, above: Values) -> Values:
    short = np.maximum(FULL_SEGMENT - rows, 0)[:, None]
    return (sums + short * above) / (rows[:, None] + short)


class SegmentLookup:
    """Looks rows up in a table."""

    def __init__(self, table: SegmentTable) -> None:
        self._counters = [BinCounter(column) for column in table.columns]
        self._sizes = [len(column.labels) for column in table.columns]
        self._rates = np.array(table.rates)

    def rates(self, values: Sequence[Values | Codes]) -> Values:
        """Rate of each row's segment, shape (n_rows, n_outputs).

        Parameters
        ----------
        values : sequence of ndarray, shape (n_rows,)
            Of the table's columns.
        """
        cells: Cells = np.zeros(len(values[0]), dtype=np.int64)
        for counter, size, found in zip(self._counters, self._sizes, values, strict=True):
            cells = cells * size + counter.bins_of(found)
        answers: Values = self._rates[cells]
        return answers
