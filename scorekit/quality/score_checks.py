"""Checks of the scores, and of what the fallback answered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from scorekit.quality.baseline import UNSEEN
from scorekit.quality.counting import ColumnCounts
from scorekit.quality.evidence import Evidence, grown, limited, stability_finding, without_baseline
from scorekit.quality.stability import FEWEST_ROWS
from scorekit.quality.verdict import Action, Finding, State

MEAN_MOVED, MEAN_MOVED_FAR = 0.2, 0.5
"""Standard deviations by which the mean score has moved."""
ENDS_GROWN, ENDS_GROWN_FAR = 0.10, 0.25
"""Growth of the share of scores in the outermost bins."""


class ScorePsi:
    """PSI of each score column, judged by itself."""

    id = "score.psi"
    action: ClassVar[Action] = "window"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each score column."""
        if not evidence.scores:
            yield without_baseline(self.id)
        yield from (stability_finding(self.id, column) for column in evidence.score_stability)


class ScoreMean:
    """Mean of each score, in standard deviations from that of the baseline."""

    id = "score.mean"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each score column."""
        if not evidence.scores:
            yield without_baseline(self.id)
        for column in evidence.scores or ():
            if column.bins.mean is None or column.bins.deviation is None:
                yield Finding(self.id, "unknown", "the baseline has no mean", column.bins.name)
            elif column.mean is None:
                yield Finding(self.id, "insufficient", "no scores", column.bins.name)
            else:
                yield self._of(column, column.mean, column.bins.mean, column.bins.deviation)

    def _of(self, column: ColumnCounts, mean: float, expected: float, deviation: float) -> Finding:
        rows = int(column.counts.sum())
        moved = abs(mean - expected) / deviation if deviation else math.inf if mean != expected else 0.0
        noise = (1 / rows + 1 / max(1, column.bins.rows)) ** 0.5
        state: State = "ok"
        if rows < FEWEST_ROWS:
            state = "insufficient"
        elif moved >= MEAN_MOVED and moved >= 4 * noise:
            state = "alarm" if moved >= MEAN_MOVED_FAR else "warn"
        said = f"mean {mean:.4g}, {expected:.4g} at training: {moved:.2f} standard deviations"
        return Finding(self.id, state, said, column.bins.name, mean, expected)


class ScoreExtremes:
    """Share of scores in the outermost bins, against training."""

    id = "score.extremes"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each score column."""
        if not evidence.scores:
            yield without_baseline(self.id)
        for column in evidence.scores or ():
            yield self._of(column)

    def _of(self, column: ColumnCounts) -> Finding:
        ends, beyond = _ends(column)
        now = sum(int(column.counts[end]) for end in ends) + beyond
        then = sum(column.bins.counts[end] for end in ends)
        return grown(self.id, column, "in the outermost bins", now, then, ENDS_GROWN, ENDS_GROWN_FAR)


def _ends(column: ColumnCounts) -> tuple[set[int], int]:
    """The outermost bins of a score, and how many scores beyond are in none of them.

    One of a few distinct values has a bin for each of them, ascending, and then one for all
    others. Where there are no more than two, both are outermost, and only others are farther out.
    """
    bins = column.bins
    unseen = bins.special(UNSEEN)
    if unseen is None:
        return {bins.slots[1], bins.slots[-3]}, 0
    return ({0, unseen - 1}, column.outside) if unseen > 2 else ({unseen}, 0)


class FallbackRows:
    """Share of rows that a fallback answered, against the largest that the policy allows."""

    id = "score.fallback"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are rows."""
        window = evidence.window
        said = "answered by the fallback"
        yield from limited(self.id, window.fallback, window.rows, evidence.settings.fallback, said)


class FallbackPsi:
    """PSI of what each rung of the fallback answered, against its answers at training."""

    id = "fallback.psi"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each rung that answered enough rows; a few answers make no window insufficient."""
        for column in evidence.answer_stability:
            if column.state != "insufficient":
                yield stability_finding(self.id, column)
