"""The checks of a window, in the order in which they are made.

A check is a small class with an id, a first line that says what it looks at, and what
it does unless a policy says otherwise. ``check`` is pure: it gets ``Evidence`` and gives
findings. One that raises, or cannot run, is ``unknown``, which is never as good as passed.

A package adds its own by an entry point of the group ``scorekit.checks``; the check is
made where the policy names it::

    [project.entry-points."scorekit.checks"]
    "shop.weekend" = "shop.checks:Weekend"
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from scorekit.quality.baseline import MISSING, UNSEEN, Special
from scorekit.quality.binomial import surprise
from scorekit.quality.counting import ColumnCounts
from scorekit.quality.settings import QualitySettings
from scorekit.quality.stability import ColumnStability
from scorekit.quality.verdict import Action, Finding, State
from scorekit.quality.window import Window

ROW_CODES = {
    "required": "row.required",
    "out_of_range": "row.range",
    "unseen_not_allowed": "row.unseen",
    "unseen": "column.unseen",
    "score_not_finite": "score.finite",
}
"""Check of a row's flaw; all others are ``row.invalid``."""

ROW_CHECKS = frozenset({"row.invalid", "row.required", "row.range", "row.unseen", "score.finite"})
"""Checks of single rows: where the policy rejects or replaces just those rows, the window only warns."""

UNLIKELY = 1e-4
"""Probability by chance below which a share that has grown is worth a warning."""
GROWN, GROWN_FAR = 0.02, 0.10
"""Growth of a share that is worth a warning, and an alarm."""
CONSTANT = 0.95
"""A column is constant now, but was not, where one bin holds all rows and held less than this."""
MEAN_MOVED, MEAN_MOVED_FAR = 0.2, 0.5
"""Standard deviations by which the mean score has moved."""
ENDS_GROWN, ENDS_GROWN_FAR = 0.10, 0.25
"""Growth of the share of scores in the outermost bins."""
FEWEST_ROWS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What checks go by.

    Attributes
    ----------
    window : Window
    settings : QualitySettings
    features, scores : sequence of ColumnCounts, or None
        None where the model has no baseline, or nothing was counted.
    feature_stability, score_stability : sequence of ColumnStability
        PSI of each, in the same order.
    answer_stability : sequence of ColumnStability
        PSI of what each rung of the fallback answered, against its answers at training.
    """

    window: Window
    settings: QualitySettings
    features: Sequence[ColumnCounts] | None
    scores: Sequence[ColumnCounts] | None
    feature_stability: Sequence[ColumnStability] = ()
    score_stability: Sequence[ColumnStability] = ()
    answer_stability: Sequence[ColumnStability] = ()


class Check(Protocol):
    """Looks at one thing of a window."""

    @property
    def id(self) -> str:
        """``group.name``."""

    @property
    def action(self) -> Action:
        """What it does where the policy does not say."""

    def check(self, evidence: Evidence) -> Iterable[Finding]:
        """What it finds; nothing means that there was nothing to look at."""


class _Input:
    action: ClassVar[Action] = "fail"


class RowCount(_Input):
    """Rows of the window, against the band that the policy gives."""

    id = "input.rows"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there is a band."""
        rows, band = evidence.window.rows, evidence.settings.rows
        if band.least is not None and rows < band.least:
            said = f"{rows:,} rows, fewer than {band.least:,}"
            yield Finding(self.id, "alarm", said, value=rows, expected=band.least)
        elif band.most is not None and rows > band.most:
            said = f"{rows:,} rows, more than {band.most:,}"
            yield Finding(self.id, "alarm", said, value=rows, expected=band.most)
        elif band.least is not None or band.most is not None:
            yield Finding(self.id, "ok", f"{rows:,} rows", value=rows)


class DuplicateIds(_Input):
    """Rows whose id stood in the input before, where id columns are named."""

    id = "input.duplicates"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are ids."""
        found = evidence.window.duplicates
        if found is not None:
            state: State = "alarm" if found else "ok"
            yield Finding(self.id, state, f"{found:,} rows repeat an id", value=found, expected=0)


class _Rows:
    """Rows with a flaw of one kind, by column."""

    id: ClassVar[str]
    action: ClassVar[Action] = "row"
    said: ClassVar[str]

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each column that has such rows."""
        for (code, column), count in sorted(evidence.window.flaws.items()):
            if ROW_CODES.get(code, "row.invalid") == self.id:
                said = self.said or code.replace("_", " ")
                yield Finding(self.id, "alarm", f"{count:,} rows: {said}", column, value=count, expected=0)


class InvalidValues(_Rows):
    """Rows that cannot be scored: not a number, not finite, missing where the model needs a value."""

    id, said = "row.invalid", ""


class RequiredValues(_Rows):
    """Rows without a value that the policy requires."""

    id, said = "row.required", "a required value is missing"


class HardRange(_Rows):
    """Rows with a value outside the range that the policy allows."""

    id, said = "row.range", "outside the allowed range"


class UnseenCategories(_Rows):
    """Rows with a category that training did not see and the policy does not allow."""

    id, said = "row.unseen", "a category that training did not see"


class ScoreFinite(_Rows):
    """Rows whose score is not a finite number."""

    id, said = "score.finite", "the score is not a finite number"
    action: ClassVar[Action] = "window"


class RejectedRows:
    """Share of rows without a score, against the largest that the policy allows."""

    id = "row.rejected"
    action: ClassVar[Action] = "window"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are rows."""
        window = evidence.window
        yield from _limited(self.id, window.rejected, window.rows, evidence.settings.rejected, "rejected")


class FallbackRows:
    """Share of rows that a fallback answered, against the largest that the policy allows."""

    id = "score.fallback"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are rows."""
        window = evidence.window
        said = "answered by the fallback"
        yield from _limited(self.id, window.fallback, window.rows, evidence.settings.fallback, said)


class FallbackPsi:
    """PSI of what each rung of the fallback answered, against its answers at training."""

    id = "fallback.psi"
    action: ClassVar[Action] = "warn"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each rung that answered enough rows; a few answers make no window insufficient."""
        for column in evidence.answer_stability:
            if column.state != "insufficient":
                yield stability_finding(self.id, column)


def _limited(check: str, count: int, rows: int, most: float, said: str) -> Iterator[Finding]:
    if rows:
        share = count / rows
        state: State = "alarm" if share > most else "ok"
        yield Finding(
            check,
            state,
            f"{share:.1%} of the rows {said}, allowed are {most:.1%}",
            value=share,
            expected=most,
        )


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


def grown(
    check: str,
    column: ColumnCounts,
    said: str,
    now: int,
    then: int,
    far: float = GROWN,
    farther: float = GROWN_FAR,
) -> Finding:
    """A finding on a share of a column's rows: of note is only what is both far and unlikely."""
    rows, trained = int(column.counts.sum()), column.bins.rows
    share, expected = now / rows if rows else 0.0, then / trained if trained else 0.0
    state: State = "ok"
    if rows < FEWEST_ROWS:
        state = "insufficient"
    elif share - expected >= far and surprise(now, rows, then, trained) <= UNLIKELY:
        state = "alarm" if share - expected >= farther else "warn"
    return Finding(
        check, state, f"{share:.1%} {said}, {expected:.1%} at training", column.bins.name, share, expected
    )


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


class ScorePsi:
    """PSI of each score column, judged by itself."""

    id = "score.psi"
    action: ClassVar[Action] = "window"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each score column."""
        if not evidence.scores:
            yield without_baseline(self.id)
        yield from (stability_finding(self.id, column) for column in evidence.score_stability)


def stability_finding(check: str, column: ColumnStability) -> Finding:
    """The finding on the PSI of one column."""
    if column.index is None:
        return Finding(check, "insufficient", "no rows", column.name)
    said = f"PSI {column.index.psi_adjusted:.3f} over {column.index.m:,} rows"
    return Finding(check, column.state, said, column.name, value=column.index.psi_adjusted)


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


def without_baseline(check: str) -> Finding:
    """What a check finds that has nothing to go by."""
    return Finding(check, "unknown", "the model has no baseline to go by")


CHECKS: tuple[Check, ...] = (
    RowCount(),
    DuplicateIds(),
    InvalidValues(),
    RequiredValues(),
    HardRange(),
    UnseenCategories(),
    RejectedRows(),
    MissingRate(),
    ConstantNow(),
    OutOfRange(),
    UnseenShare(),
    ColumnPsi(),
    ScoreFinite(),
    ScorePsi(),
    ScoreMean(),
    ScoreExtremes(),
    FallbackRows(),
    FallbackPsi(),
)
"""All checks, in the order in which they are made."""

BY_ID: Mapping[str, Check] = {check.id: check for check in CHECKS}
