"""What a quality report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scorekit.quality.baseline import MISSING, UNSEEN, Special
from scorekit.quality.stability import ColumnStability, Thresholds
from scorekit.quality.verdict import State, Verdict


@dataclass(frozen=True, slots=True)
class ColumnPoint:
    """How one column stood in one window.

    Attributes
    ----------
    psi : float or None
        Adjusted; None where there was nothing to compare.
    state : State
    missing, unseen : float or None
        Shares of the rows.
    """

    psi: float | None
    state: State
    missing: float | None = None
    unseen: float | None = None


def column_point(column: ColumnStability) -> ColumnPoint:
    """How a column stands, as the history keeps it."""
    return ColumnPoint(
        psi=column.index.psi_adjusted if column.index else None,
        state=column.state,
        missing=_share(column, MISSING),
        unseen=_share(column, UNSEEN),
    )


def _share(column: ColumnStability, which: Special) -> float | None:
    place, rows = column.bins.special(which), int(column.counts.sum())
    return int(column.counts[place]) / rows if place is not None and rows else None


@dataclass(frozen=True, slots=True)
class WindowPoint:
    """One window of the history.

    Attributes
    ----------
    at : datetime
        When it was judged.
    rows, rejected, fallback : int
    state : State
        Its verdict.
    failed : bool
    reason : str
        What it failed by.
    features, scores : mapping of str to ColumnPoint
    """

    at: datetime
    rows: int
    state: State
    failed: bool = False
    reason: str = ""
    rejected: int = 0
    fallback: int = 0
    features: Mapping[str, ColumnPoint] = field(default_factory=dict)
    scores: Mapping[str, ColumnPoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchEvent:
    """A change of the kill switch.

    Attributes
    ----------
    at : datetime
    who : str
    before, after : str
        ``closed``, ``open`` or ``half_open``.
    why : str
    """

    at: datetime
    who: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """All that one report shows.

    Attributes
    ----------
    model : str
    version : int
    digest : str
        Of the version.
    made : datetime
        When the report is made.
    verdict : Verdict
        Of the window that is reported.
    judged : str
        What that window is, for people: a file's name, or a time.
    consequence : str
        What became of its scores, as a sentence; empty where nothing was published.
    baseline : str
        What it is held against, for people.
    thresholds : Thresholds
    windows : tuple of WindowPoint
        From the oldest to the one that is reported.
    switch : str or None
        Position of the kill switch; None where there is none.
    switch_events : tuple of SwitchEvent
        From the oldest.
    """

    model: str
    version: int
    digest: str
    made: datetime
    verdict: Verdict
    judged: str = ""
    consequence: str = ""
    baseline: str = "the rows it was trained on"
    thresholds: Thresholds = field(default_factory=Thresholds)
    windows: tuple[WindowPoint, ...] = ()
    switch: str | None = None
    switch_events: tuple[SwitchEvent, ...] = ()
