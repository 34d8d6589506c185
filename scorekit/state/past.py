"""What was written down, as it is read (``history``): known without the library that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scorekit.quality.switch import SwitchState
from scorekit.quality.verdict import told
from scorekit.state.rows import Change


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """What a check said of a window, or of a column of it.

    Attributes
    ----------
    check, column : str
        The column is empty where the check is of none.
    state : str
    value, expected : float or None
        ``column.psi`` and ``score.psi`` hold the adjusted PSI.
    message : str
    """

    check: str
    column: str
    state: str
    value: float | None
    expected: float | None
    message: str

    def __str__(self) -> str:
        return told(self.check, self.column, self.message)


@dataclass(frozen=True, slots=True)
class PastWindow:
    """A window as it was judged.

    Attributes
    ----------
    version : int
        Of the model.
    run_id, kind : str
    number, first_row, rows, rejected, fallback : int
    state, outcome, reason : str
        Of the verdict; see ``quality.verdict.Verdict``.
    recorded : datetime
    verdicts : tuple of PastVerdict
    counts : mapping of (kind, column) to tuple of int
        Rows in the bins of the version's baseline; the kind is ``feature`` or ``score``.
    """

    version: int
    run_id: str
    kind: str
    number: int
    first_row: int
    rows: int
    rejected: int
    fallback: int
    state: str
    outcome: str
    reason: str
    recorded: datetime
    verdicts: tuple[PastVerdict, ...]
    counts: Mapping[tuple[str, str], tuple[int, ...]]

    @property
    def poor(self) -> int:
        """Rows that count as poor scores: all of a window that failed."""
        return self.rows if self.outcome != "pass" else self.rejected + self.fallback

    def psi(self) -> dict[str, float]:
        """Adjusted PSI of each feature that has one."""
        return {
            said.column: said.value
            for said in self.verdicts
            if said.check == "column.psi" and said.value is not None
        }


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as it went.

    Attributes
    ----------
    version : int
    run_id, kind : str
    started : datetime
    finished : datetime or None
        None while it runs, and where it was killed.
    outcome : str
        ``running`` also of one that was killed, until another run writes to the same output.
    output : str or None
    rows : int or None
        Of one that failed, those that were published before; None where nobody knows.
    """

    version: int
    run_id: str
    kind: str
    started: datetime
    finished: datetime | None
    outcome: str
    output: str | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class History:
    """What was written down of a model, oldest first.

    Attributes
    ----------
    model : str
    place : str
        Of the database, without secrets.
    switch : SwitchState
    windows : tuple of PastWindow
    runs : tuple of PastRun
    audit : tuple of Change
        Of the switch: all there is.
    ended : datetime or None
        When a run last came to its end, however it did; None where none has.
    """

    model: str
    place: str
    switch: SwitchState
    windows: tuple[PastWindow, ...]
    runs: tuple[PastRun, ...]
    audit: tuple[Change, ...]
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed.

    Attributes
    ----------
    before : datetime
        Everything older.
    windows, runs, alerts, jobs : int
    """

    before: datetime
    windows: int
    runs: int
    alerts: int
    jobs: int
