"""Which findings somebody is told of: changes, escalations, and what goes on for long."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from scorekit.quality.verdict import Finding

Severity = Literal["warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "critical")
"""From the lesser to the worse."""

Status = Literal["firing", "resolved"]

_SEVERITY: Mapping[str, Severity] = {"warn": "warning", "alarm": "critical", "unknown": "critical"}
"""Of a finding's state; a check that could not run counts as not good. Others do not fire."""


def fingerprint_of(model: str, check: str, column: str) -> str:
    """What an alert is known by, whenever it fires."""
    return hashlib.sha256(f"{model}\0{check}\0{column}".encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to be told.

    Attributes
    ----------
    model, check, column : str
        What it is about; the column is empty where it is not of one.
    severity : {"warning", "critical"}
        Of one that is resolved: the worst it had.
    status : {"firing", "resolved"}
    summary : str
        One sentence for people.
    details : mapping
        What JSON can hold, for programs; ``since`` says when it began to fire.
    created : datetime
    """

    model: str
    check: str
    column: str
    severity: Severity
    status: Status
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def fingerprint(self) -> str:
        """What it is known by, whenever it fires."""
        return fingerprint_of(self.model, self.check, self.column)


@dataclass(frozen=True, slots=True)
class AlertState:
    """How an alert stood when it was last decided.

    Attributes
    ----------
    model, check, column : str
    status : {"firing", "resolved"}
    severity : {"warning", "critical"}
        The worst since it fires.
    since : datetime
        When it took this status.
    last_sent : datetime
        When it was last told.
    """

    model: str
    check: str
    column: str
    status: Status
    severity: Severity
    since: datetime
    last_sent: datetime

    @property
    def fingerprint(self) -> str:
        """What it is known by."""
        return fingerprint_of(self.model, self.check, self.column)


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows from the findings of a window.

    Attributes
    ----------
    alerts : tuple of Alert
        To be written to the outbox.
    states : tuple of AlertState
        Those that changed, to be kept in the same transaction.
    """

    alerts: tuple[Alert, ...]
    states: tuple[AlertState, ...]


def decide(
    model: str,
    previous: Iterable[AlertState],
    findings: Sequence[Finding],
    now: datetime,
    cool_down: timedelta,
    details: Mapping[str, Any] | None = None,
    *,
    settled: bool = True,
) -> Decided:
    """Decide which findings are told.

    An alert is told when it begins to fire, when it grows worse than it was since, when it
    still fires after the cool-down, and when it is good again. Too few rows to judge by
    change nothing.

    Parameters
    ----------
    model : str
    previous : iterable of AlertState
        Of this model.
    findings : sequence of Finding
        All there are: a check that says nothing of a column any more has found it good.
    now : datetime
        With its zone. The clock may go backwards: then the cool-down begins anew.
    cool_down : timedelta
    details : mapping, optional
        What every alert should carry, such as the version and the run.
    settled : bool
        Whether a check that says nothing has found nothing. It has not where there were too few
        rows to find anything, or the findings are not all there are: then what it said stands.
    """
    known = {state.fingerprint: state for state in previous}
    heard = _grouped(model, findings)
    alerts: list[Alert] = []
    states: list[AlertState] = []
    for fingerprint in {**heard, **known} if settled else heard:
        alert, state = _one(
            model, known.get(fingerprint), heard.get(fingerprint, ()), now, cool_down, details or {}
        )
        if alert is not None:
            alerts.append(alert)
        if state is not None and state != known.get(fingerprint):
            states.append(state)
    return Decided(tuple(alerts), tuple(states))


def _grouped(model: str, findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings by what their alert is known by; a column may be found bad in two ways."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.action != "ignore":
            found.setdefault(fingerprint_of(model, finding.check, finding.column), []).append(finding)
    return found


def _one(
    model: str,
    state: AlertState | None,
    findings: Sequence[Finding],
    now: datetime,
    cool_down: timedelta,
    details: Mapping[str, Any],
) -> tuple[Alert | None, AlertState | None]:
    """What is told of one alert, and how it stands then."""
    severities = [_SEVERITY[finding.state] for finding in findings if finding.state in _SEVERITY]
    firing = state is not None and state.status == "firing"
    if severities:
        return _fires(model, state if firing else None, findings, now, cool_down, details)
    if state is None or not firing or any(finding.state == "insufficient" for finding in findings):
        return None, state
    resolved = replace(state, status="resolved", since=now, last_sent=now)
    said = findings[0].message if findings else "nothing is wrong any more"
    return _alert(resolved, said, {**details, "since": state.since.isoformat()}, now), resolved


def _fires(
    model: str,
    state: AlertState | None,
    findings: Sequence[Finding],
    now: datetime,
    cool_down: timedelta,
    details: Mapping[str, Any],
) -> tuple[Alert | None, AlertState]:
    bad = [finding for finding in findings if finding.state in _SEVERITY]
    worst = max(bad, key=lambda finding: SEVERITIES.index(_SEVERITY[finding.state]))
    severity = _SEVERITY[worst.state]
    if state is None:
        standing = AlertState(model, worst.check, worst.column, "firing", severity, now, now)
    elif _worse(severity, state.severity):
        standing = replace(state, severity=severity, last_sent=now)
    elif now < state.last_sent:
        return None, replace(state, last_sent=now)
    elif now - state.last_sent >= cool_down:
        standing = replace(state, last_sent=now)
    else:
        return None, state
    said = "; ".join(dict.fromkeys(finding.message for finding in bad))
    measured = {
        "state": worst.state,
        "value": worst.value,
        "expected": worst.expected,
        "action": worst.action,
        "since": standing.since.isoformat(),
    }
    return _alert(replace(standing, severity=severity), said, {**details, **measured}, now), standing


def _worse(severity: Severity, than: Severity) -> bool:
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


def _alert(state: AlertState, summary: str, details: Mapping[str, Any], now: datetime) -> Alert:
    return Alert(state.model, state.check, state.column, state.severity, state.status, summary, details, now)
