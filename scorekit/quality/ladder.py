"""Answering by a ladder: row by row, the first rung that can."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scorekit.quality.baseline import BinCounter, Bins, Codes, Values
from scorekit.quality.expressions import Expression, parse
from scorekit.quality.fallback import ExpressionRung, Fallback, Learned, MeanRung, Rung, SegmentRung
from scorekit.quality.segments import SegmentLookup, SegmentTable
from scorekit.schema import Schema

NOBODY = -1
"""Rung of a row that nothing answered."""

RowNumbers = NDArray[np.int64]


class Answerer(Protocol):
    """A rung that answers rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it uses."""

    def answer(self, numeric: Values, codes: Codes, rows: RowNumbers) -> Values:
        """Answer rows of decoded columns by number.

        Returns
        -------
        ndarray of float64, shape (len(rows), n_outputs)
            NaN in rows that it cannot answer.
        """


@dataclass(frozen=True, slots=True)
class Silent:
    """Answers nothing, such as a version that cannot be read now."""

    columns: tuple[str, ...] = ()

    def answer(self, numeric: Values, codes: Codes, rows: RowNumbers) -> Values:  # noqa: ARG002 - the same for every row
        """NaN."""
        return np.full((len(rows), 1), math.nan)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same answer for every row; NaN answers null on purpose."""

    values: tuple[float, ...]
    columns: tuple[str, ...] = ()

    def answer(self, numeric: Values, codes: Codes, rows: RowNumbers) -> Values:  # noqa: ARG002 - the same for every row
        """The values."""
        return np.tile(np.array(self.values), (len(rows), 1))


@dataclass(frozen=True, slots=True)
class ExpressionAnswerer:
    """The value of an expression."""

    expression: Expression

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the expression."""
        return self.expression.columns

    def answer(self, numeric: Values, codes: Codes, rows: RowNumbers) -> Values:
        """NaN where a value that it needs is missing."""
        return self.expression.evaluate(numeric[rows], codes[rows])[:, None]


class SegmentAnswerer:
    """The rate of a segment."""

    def __init__(self, table: SegmentTable, schema: Schema) -> None:
        self.columns = tuple(column.name for column in table.columns)
        places = {feature.name: (feature.coded, place) for feature, place in schema.each()}
        self._places = [places[name] for name in self.columns]
        self._lookup = SegmentLookup(table)

    def answer(self, numeric: Values, codes: Codes, rows: RowNumbers) -> Values:
        """Every row has a segment."""
        found = [(codes if coded else numeric)[rows, place] for coded, place in self._places]
        return self._lookup.rates(found)


def answerer(rung: Rung, schema: Schema, outputs: int) -> Answerer:
    """What answers for a rung; a version needs a model, so it is silent here."""
    match rung:
        case SegmentRung():
            return SegmentAnswerer(rung.table, schema)
        case ExpressionRung():
            return ExpressionAnswerer(parse(rung.expression, schema))
        case MeanRung():
            return Constant(rung.values)
        case _:
            return Constant((math.nan,) * outputs) if rung.kind == "null" else Silent()


def make_ladder(fallback: Fallback, schema: Schema) -> Ladder:
    """The rungs of a fallback, ready to answer; a rung of another version is silent (``Ladder.of``)."""
    outputs = len(fallback.outputs)
    rungs = [answerer(rung, schema, outputs) for rung in fallback.rungs]
    return Ladder(rungs, outputs, probabilities=fallback.probabilities)


class Ladder:
    """Answers rows by the first rung that can.

    Parameters
    ----------
    rungs : sequence of Answerer
        From the first.
    outputs : int
        Scores of a row.
    probabilities : bool
        An answer that does not lie within 0 and 1 is none.
    """

    def __init__(self, rungs: Sequence[Answerer], outputs: int, *, probabilities: bool) -> None:
        self.rungs = tuple(rungs)
        self._outputs = outputs
        self._probabilities = probabilities
        self._least, self._most = (0.0, 1.0) if probabilities else (-math.inf, math.inf)

    def of(self, rungs: Sequence[Answerer]) -> Ladder:
        """The same ladder with other rungs."""
        return Ladder(rungs, self._outputs, probabilities=self._probabilities)

    def answer(
        self,
        numeric: Values,
        codes: Codes,
        rows: RowNumbers,
        bad_columns: AbstractSet[str] = frozenset(),
        flawed: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> tuple[Values, NDArray[np.int8]]:
        """Answer some rows of a batch.

        Parameters
        ----------
        numeric, codes : ndarray
            Decoded columns of the batch (``engine.columns.Columns``).
        rows : ndarray of int64, shape (n_rows,)
            Which rows of the batch are to be answered.
        bad_columns : set of str
            Columns whose check failed; no rung that uses one answers.
        flawed : mapping of str to ndarray of bool, shape (rows of the batch,)
            Rows in which a column is not to be trusted, by column.

        Returns
        -------
        values : ndarray of float64, shape (n_rows, n_outputs)
            NaN where nothing answered, or null did.
        rungs : ndarray of int8, shape (n_rows,)
            Which rung answered; ``NOBODY`` where none did.
        """
        values = np.full((len(rows), self._outputs), math.nan)
        answered = np.full(len(rows), NOBODY, dtype=np.int8)
        for number, rung in enumerate(self.rungs):
            free = self._free(rung, rows, answered, bad_columns, flawed or {})
            if not len(free):
                continue
            found = rung.answer(numeric, codes, rows[free])
            good = self._good(rung, found)
            values[free[good]] = found[good]
            answered[free[good]] = number
        return values, answered

    def _free(
        self,
        rung: Answerer,
        rows: RowNumbers,
        answered: NDArray[np.int8],
        bad_columns: AbstractSet[str],
        flawed: Mapping[str, NDArray[np.bool_]],
    ) -> RowNumbers:
        """Places among the rows that nobody has answered and that the rung may."""
        if not bad_columns.isdisjoint(rung.columns):
            return np.zeros(0, dtype=np.int64)
        trusted = answered == NOBODY
        for column in rung.columns:
            if column in flawed:
                trusted &= ~flawed[column][rows]
        return np.flatnonzero(trusted)

    def _good(self, rung: Answerer, found: Values) -> RowNumbers:
        """Places of the answers that can stand; what is declared as the same for all always can."""
        if isinstance(rung, Constant):
            return np.arange(len(found))
        within = (found >= self._least) & (found <= self._most) & np.isfinite(found)
        return np.flatnonzero(within.all(axis=1))


class AnswerCounter:
    """Counts answers by rung, over the bins of what the rung answered at training.

    The vector holds the rows that each rung answered, then for every rung and output the
    bins, one after the other; it adds up over batches.
    """

    def __init__(self, fallback: Fallback) -> None:
        self.columns: tuple[tuple[int, Bins], ...] = tuple(
            (place, bins)
            for place, rung in enumerate(fallback.rungs)
            if isinstance(rung, Learned)
            for bins in rung.answers
        )
        self._rungs = len(fallback.rungs)
        self._outputs = len(fallback.outputs)
        self._counters = [BinCounter(bins) for _, bins in self.columns]
        self._sizes = [self._rungs, *(len(bins.labels) for _, bins in self.columns)]

    def __len__(self) -> int:
        return sum(self._sizes)

    def count(self, values: Values, rungs: NDArray[np.int8]) -> NDArray[np.int64]:
        """Count answers of ``Ladder.answer``."""
        found = [np.bincount(rungs[rungs >= 0], minlength=self._rungs)]
        for number, ((place, _), counter) in enumerate(zip(self.columns, self._counters, strict=True)):
            found.append(counter.count(values[rungs == place, number % self._outputs]))
        return np.concatenate(found).astype(np.int64)

    def split(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Rows of each rung, and the counts of each of ``columns``."""
        rungs, *columns = np.split(counts, np.cumsum(self._sizes)[:-1])
        return rungs, columns
