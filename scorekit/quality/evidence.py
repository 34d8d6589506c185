"""What checks go by, what one looks like, and the findings that several of them make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from scorekit.quality.binomial import surprise
from scorekit.quality.counting import ColumnCounts
from scorekit.quality.settings import QualitySettings
from scorekit.quality.stability import FEWEST_ROWS, ColumnStability
from scorekit.quality.verdict import Action, Finding, State
from scorekit.quality.window import Window

UNLIKELY = 1e-4
"""Probability by chance below which a share that has grown is worth a warning."""
GROWN, GROWN_FAR = 0.02, 0.10
"""Growth of a share that is worth a warning, and an alarm."""


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


def without_baseline(check: str) -> Finding:
    """What a check finds that has nothing to go by."""
    return Finding(check, "unknown", "the model has no baseline to go by")


def limited(check: str, count: int, rows: int, most: float, said: str) -> Iterator[Finding]:
    """A finding on a share of the rows, of which the policy allows so many."""
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


def stability_finding(check: str, column: ColumnStability) -> Finding:
    """The finding on the PSI of one column."""
    if column.index is None:
        return Finding(check, "insufficient", "no rows", column.name)
    said = f"PSI {column.index.psi_adjusted:.3f} over {column.index.m:,} rows"
    return Finding(check, column.state, said, column.name, value=column.index.psi_adjusted)
