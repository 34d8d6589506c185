"""The channels of a policy, each opened by its kind; what a kind needs is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scorekit.alerts.channel import Channel
from scorekit.alerts.settings import AlertSettings
from scorekit.errors import UsageError


def _webhook(name: str, settings: Any) -> Channel:
    from scorekit.alerts.web import Webhook

    return Webhook(name, settings)


def _slack(name: str, settings: Any) -> Channel:
    from scorekit.alerts.web import Slack

    return Slack(name, settings)


def _alertmanager(name: str, settings: Any) -> Channel:
    from scorekit.alerts.web import Alertmanager

    return Alertmanager(name, settings)


def _apprise(name: str, settings: Any) -> Channel:
    from scorekit.alerts.services import AppriseService

    return AppriseService(name, settings)


def _mail(name: str, settings: Any) -> Channel:
    from scorekit.alerts.mail import Mail

    return Mail(name, settings)


KINDS: Mapping[str, Callable[[str, Any], Channel]] = {
    "webhook": _webhook,
    "slack": _slack,
    "alertmanager": _alertmanager,
    "apprise": _apprise,
    "smtp": _mail,
}
"""How a channel of each kind is opened; what it needs is imported only then."""


def open_channels(settings: AlertSettings) -> tuple[Channel, ...]:
    """The channels of the settings, with their secrets read; nothing is connected yet.

    Raises
    ------
    UsageError
        If a secret is not where it should be, or the extra that a channel needs is not
        installed.
    """
    names = _names(settings)
    return tuple(_open(name, channel) for name, channel in zip(names, settings.channels, strict=True))


def _open(name: str, settings: Any) -> Channel:
    try:
        return KINDS[settings.kind](name, settings)
    except UsageError as error:
        raise UsageError(f"alert channel {name}: {error.message}", hint=error.hint, code="alerts") from None


def _names(settings: AlertSettings) -> list[str]:
    """The name of each channel: its own, else its kind, counted where there are more."""
    taken = {channel.name for channel in settings.channels}
    names: list[str] = []
    for channel in settings.channels:
        name, count = channel.name or channel.kind, 1
        while not channel.name and (name in taken or name in names):
            count += 1
            name = f"{channel.kind}-{count}"
        names.append(name)
    return names
