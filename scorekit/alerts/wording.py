"""What an alert says to people, and to the programs that take it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from scorekit.alerts.decision import SEVERITIES, Alert

FORMAT_VERSION = 1


def one_line(text: str) -> str:
    """Without line ends and what else is no letter, for subjects and headlines."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def headline(alert: Alert) -> str:
    """The alert in one line.

    Examples
    --------
    >>> headline(Alert("bank", "column.psi", "age", "critical", "firing", "PSI 0.31 over 900 rows"))
    'CRITICAL bank: column.psi of age'
    """
    word = "RESOLVED" if alert.status == "resolved" else alert.severity.upper()
    of = f" of {alert.column}" if alert.column else ""
    return one_line(f"{word} {alert.model}: {alert.check}{of}")


def plain_text(alert: Alert) -> str:
    """The alert for people, in lines."""
    lines = [headline(alert), "", one_line(alert.summary), ""]
    lines += [f"{name}: {value}" for name, value in _shown(alert).items()]
    return "\n".join(lines) + "\n"


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


def slack_body(alert: Alert) -> dict[str, Any]:
    """The alert as a message of Slack; what has a meaning there is escaped."""
    said = f"*{_escaped(headline(alert))}*\n{_escaped(one_line(alert.summary))}"
    fields = " · ".join(f"{name} {value}" for name, value in _shown(alert).items())
    return {"text": f"{said}\n{_escaped(fields)}"}


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
        "annotations": {"summary": headline(alert), "description": one_line(alert.summary), **_shown(alert)},
        "startsAt": min(_since(alert), ends).isoformat(),
        "endsAt": ends.isoformat(),
    }


def _since(alert: Alert) -> datetime:
    try:
        return datetime.fromisoformat(alert.details["since"])
    except (KeyError, TypeError, ValueError):
        return alert.created
