"""What was found in a window, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from scorekit.quality.stability import ColumnStability, Thresholds
from scorekit.quality.window import Window

State = Literal["ok", "insufficient", "unknown", "warn", "alarm"]
"""How a check stands; ``unknown`` is one that could not run, and counts as not good."""

SEVERITY: dict[State, int] = {"ok": 0, "insufficient": 1, "warn": 2, "unknown": 3, "alarm": 4}
"""The states from best to worst."""

Action = Literal["ignore", "warn", "row", "window", "fail"]
"""What a check that is not good does: nothing, say so, reject or replace the row, fail the window,
or stop the run."""

Outcome = Literal["pass", "window", "fail"]
"""Whether a window failed, by a check whose action is ``window`` or ``fail``."""

OnFail = Literal["warn", "fallback", "fail"]
"""What a failed window does: it is published all the same, replaced, or kept back."""


def told(check: str, column: str, message: str) -> str:
    """A finding in one line."""
    return f"{check} {column}: {message}" if column else f"{check}: {message}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of a window, or of one column in it.

    Attributes
    ----------
    check : str
        Id of the check, such as ``column.psi``.
    state : State
    message : str
        For people, without values of rows.
    column : str
        Empty where the check is not of one column.
    value, expected : float or None
        What was measured, and what it is held against.
    action : Action
        What the policy makes of it.
    """

    check: str
    state: State
    message: str
    column: str = ""
    value: float | None = None
    expected: float | None = None
    action: Action = "warn"

    def __str__(self) -> str:
        return told(self.check, self.column, self.message)

    @property
    def bad(self) -> bool:
        """Whether the action of the policy is called for."""
        return self.state in ("alarm", "unknown") and self.action != "ignore"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The verdict of a window.

    Attributes
    ----------
    state : State
        The worst that was found, of the checks that are not ignored.
    outcome : {"pass", "window", "fail"}
        Whether the window failed by a check whose action is ``window`` or ``fail``.
    findings : tuple of Finding
        Of every check, worst first.
    features, scores : tuple of ColumnStability
        PSI of each column, in the order of the baseline.
    window : Window
    thresholds : Thresholds
        What the columns were held against.
    """

    state: State
    outcome: Outcome
    findings: tuple[Finding, ...]
    features: tuple[ColumnStability, ...]
    scores: tuple[ColumnStability, ...]
    window: Window
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def failed(self) -> bool:
        """Whether the window failed."""
        return self.outcome != "pass"

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """What the window failed by."""
        return tuple(found for found in self.findings if found.bad and found.action in ("window", "fail"))
