"""Alerts: which findings somebody is told of, and how.

``decide`` is pure and says what is to be told; a channel tells it. Between the two stands
the outbox of the state database, so that nothing is lost while a channel is down, and
nothing that a channel does ever changes a verdict.
"""

from scorekit.alerts.channel import Channel
from scorekit.alerts.channels import open_channels
from scorekit.alerts.decision import Alert, AlertState, Decided, Severity, decide
from scorekit.alerts.settings import AlertSettings

__all__ = [
    "Alert",
    "AlertSettings",
    "AlertState",
    "Channel",
    "Decided",
    "Severity",
    "decide",
    "open_channels",
]
