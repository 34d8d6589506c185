"""What an alert says to people, and to the programs that take it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from scorekit.alerts.decision import SEVERITIES, Alert

FORMAT_VERSION = 1


def one_line(text: str) -> str:
    """Without line ends and what else is no letter, for subjects and headlines."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def worst_of(alerts: Sequence[Alert]) -> Alert:
    """The one to name first: the first of those that fire, as severe as there are."""
    return max(alerts, key=_weight)


def _weight(alert: Alert) -> tuple[bool, int]:
    return alert.status == "firing", SEVERITIES.index(alert.severity)


def headline(alerts: Sequence[Alert]) -> str:
    """Alerts of a model in one line.

    Examples
    --------
    >>> alert = Alert("bank", "column.psi", "age", "critical", "firing", "PSI 0.31 over 900 rows")
    >>> headline([alert])
    'CRITICAL bank: column.psi of age'
    >>> headline([alert, alert, alert])
    'CRITICAL bank: column.psi of age and 2 more'
    """
    worst = worst_of(alerts)
    word = "RESOLVED" if worst.status == "resolved" else worst.severity.upper()
    of = f" of {worst.column}" if worst.column else ""
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return one_line(f"{word} {worst.model}: {worst.check}{of}{more}")


def plain_text(alerts: Sequence[Alert]) -> str:
    """Alerts of a model for people, in lines: the worst first, and last what is true of all."""
    each, common = _parted(alerts)
    lines = [headline(alerts), ""]
    for alert, own in each:
        lines += [headline([alert])] * (len(each) > 1) + [one_line(alert.summary)] + _joined(own) + [""]
    lines += [f"{name}: {value}" for name, value in common.items()]
    return "\n".join(lines) + "\n"


def _parted(alerts: Sequence[Alert]) -> tuple[list[tuple[Alert, dict[str, str]]], dict[str, str]]:
    """Each alert with the details that are its own, and the details of all."""
    every = [(alert, _shown(alert)) for alert in sorted(alerts, key=_weight, reverse=True)]
    first = every[0][1].items()
    common = dict(item for item in first if all(item in shown.items() for _, shown in every))
    return [(alert, {n: v for n, v in shown.items() if n not in common}) for alert, shown in every], common


def _joined(details: Mapping[str, str]) -> list[str]:
    return [" · ".join(f"{name} {value}" for name, value in details.items())] if details else []


def _shown(alert: Alert) -> dict[str, str]:
    every = {**alert.details, "at": alert.created.isoformat(timespec="seconds")}
    return {one_line(name): one_line(str(value)) for name, value in every.items() if value is not None}


def webhook_body(alert: Alert) -> dict[str, Any]:
    """The alert for programs."""
    return {
        "format_version": FORMAT_VERSION,
        "fingerprint": alert.fingerprint,
        "model": alert.model,
        "check": alert.check,
        "column": alert.column,
        "severity": alert.severity,
        "status": alert.status,
        "summary": alert.summary,
        "details": _plain(alert.details),
        "created": alert.created.isoformat(),
    }


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def slack_body(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Alerts of a model as a message of Slack; what has a meaning there is escaped."""
    each, common = _parted(alerts)
    lines = [f"*{_escaped(headline(alerts))}*"]
    for alert, own in each:
        lines += [f"*{_escaped(headline([alert]))}*"] * (len(each) > 1)
        lines += map(_escaped, [one_line(alert.summary), *_joined(own)])
    return {"text": "\n".join([*lines, *map(_escaped, _joined(common))])}


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("*", "∗").replace("`", "ˋ")  # looks alike, and means nothing


def alertmanager_body(alert: Alert, now: datetime, expires: timedelta) -> list[dict[str, Any]]:
    """The alert for Alertmanager.

    There the severity is part of what an alert is known by. So one that grew worse ends
    the lesser, and one that is resolved ends both. ``endsAt`` is always set: without it
    Alertmanager takes an alert for over after five minutes.
    """
    return [
        _labelled(alert, severity, now + expires if _fires(alert, severity) else alert.created)
        for severity in SEVERITIES
    ]


def _fires(alert: Alert, severity: str) -> bool:
    return alert.status == "firing" and alert.severity == severity


def _labelled(alert: Alert, severity: str, ends: datetime) -> dict[str, Any]:
    labels: Mapping[str, str] = {
        "alertname": "ScorekitQuality",
        "model": alert.model,
        "check": alert.check,
        "column": alert.column,
        "severity": severity,
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {
            "summary": headline([alert]),
            "description": one_line(alert.summary),
            **_shown(alert),
        },
        "startsAt": min(_since(alert), ends).isoformat(),
        "endsAt": ends.isoformat(),
    }


def _since(alert: Alert) -> datetime:
    try:
        return datetime.fromisoformat(alert.details["since"])
    except (KeyError, TypeError, ValueError):
        return alert.created
