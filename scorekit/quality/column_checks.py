"""Checks of the columns of the model, each held against its baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from scorekit.quality.baseline import MISSING, UNSEEN, Special
from scorekit.quality.counting import ColumnCounts
from scorekit.quality.evidence import Evidence, grown, stability_finding, without_baseline
from scorekit.quality.stability import FEWEST_ROWS
from scorekit.quality.verdict import Action, Finding

CONSTANT = 0.95
"""A column is constant now, but was not, where one bin holds all rows and held less than this."""


class _Share:
    """A share of the rows of a column that has grown since training."""

    id: ClassVar[str]
    action: ClassVar[Action] = "warn"
    said: ClassVar[str]

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each column that can have such rows."""
        if evidence.features is None:
            yield without_baseline(self.id)
        for column in evidence.features or ():
            found = self.found(column)
            if found is not None:
                yield grown(self.id, column, self.said, *found)

    def found(self, column: ColumnCounts) -> tuple[int, int] | None:
        """Rows of a column that are such, now and at training."""
        raise NotImplementedError


class MissingRate(_Share):
    """Share of missing values, against training."""

    id, said = "column.missing", "missing"

    def found(self, column: ColumnCounts) -> tuple[int, int] | None:
        """Missing values."""
        return _in_bin(column, MISSING)


class OutOfRange(_Share):
    """Share of values outside the range of training."""

    id, said = "column.range", "outside the range of training"

    def found(self, column: ColumnCounts) -> tuple[int, int] | None:
        """Finite values outside."""
        return None if column.bins.kind == "category" else (column.outside, 0)


class UnseenShare(_Share):
    """Share of categories, or values of a few, that training did not see."""

    id, said = "column.unseen", "not seen at training"

    def found(self, column: ColumnCounts) -> tuple[int, int] | None:
        """Unseen levels or values."""
        return _in_bin(column, UNSEEN)


def _in_bin(column: ColumnCounts, which: Special) -> tuple[int, int] | None:
    place = column.bins.special(which)
    return None if place is None else (int(column.counts[place]), column.bins.counts[place])


class ConstantNow:
    """Columns of which all rows are in one bin now, but were not at training."""

    id = "column.constant"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each column."""
        if evidence.features is None:
            yield without_baseline(self.id)
        for column in evidence.features or ():
            yield self._of(column)

    def _of(self, column: ColumnCounts) -> Finding:
        rows, fullest = int(column.counts.sum()), int(column.counts.argmax())
        before = column.bins.counts[fullest] / column.bins.rows if column.bins.rows else 0.0
        name, held = column.bins.name, float(column.counts[fullest] / rows) if rows else 0.0
        if rows < FEWEST_ROWS:
            return Finding(self.id, "insufficient", "too few rows", name, held, before)
        if held == 1.0 and before < CONSTANT:
            said = f"all rows are in one bin, which had {before:.1%} at training"
            return Finding(self.id, "alarm", said, name, held, before)
        return Finding(self.id, "ok", f"{held:.1%} in the fullest bin", name, held, before)


class ColumnPsi:
    """PSI of each feature, with small samples told from shifts."""

    id = "column.psi"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each feature."""
        if evidence.features is None:
            yield without_baseline(self.id)
        yield from (stability_finding(self.id, column) for column in evidence.feature_stability)
