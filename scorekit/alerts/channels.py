"""Channels: ways to tell somebody of an alert.

Whatever happens on the way, ``send`` ends within the channel's timeout, and raises
``DeliveryFailed`` or nothing. A timeout of a socket is not enough for that: it does not
bound looking up a name, nor a server that sends one byte now and then.
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from scorekit.alerts.decision import SEVERITIES, Alert
from scorekit.alerts.settings import AlertSettings, ChannelSettings
from scorekit.errors import DeliveryFailed, UsageError

MANY = 50
"""Alerts of a message that may hold several: more than a window finds as a rule."""


class Channel(ABC):
    """A way to tell somebody.

    Attributes
    ----------
    name : str
        What it is called in the record.
    address : str
        Where it leads, for people; without secrets.
    identity : str
        What deliveries to it are kept under: its name, and a digest of where it leads.
    most : int
        Alerts that one message of it holds. People get those of a window in one; a program that takes
        alerts one by one gets one at a time.

    Parameters
    ----------
    name : str
    settings : ChannelSettings
    address : str
    leads : str
        All of the address, which may be a secret.
    """

    most: ClassVar[int] = 1

    def __init__(self, name: str, settings: ChannelSettings, address: str, leads: str) -> None:
        self.name = name
        digest = hashlib.sha256(f"{type(self).__name__}\0{leads}".encode(errors="surrogatepass")).hexdigest()
        self.identity = f"{name} {digest[:16]}"
        self.address = address
        self.seconds = settings.timeout.total_seconds()
        self._least = SEVERITIES.index(settings.severity)

    def wants(self, alert: Alert) -> bool:
        """Whether an alert is severe enough."""
        return SEVERITIES.index(alert.severity) >= self._least

    def send(self, *alerts: Alert) -> None:
        """Tell of one or more alerts of a model in one message.

        Raises
        ------
        DeliveryFailed
            If it was not taken, or not in time.
        """
        failures: list[DeliveryFailed] = []

        def attempt() -> None:
            try:
                self.deliver(alerts)
            except DeliveryFailed as failure:
                failures.append(failure)
            except Exception as error:  # noqa: BLE001 - an alert never breaks what it tells of
                failures.append(self.failed(f"raised {type(error).__name__}"))

        # one that hangs is left behind, and keeps no process alive
        thread = threading.Thread(target=attempt, daemon=True, name=f"alert to {self.name}")
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            raise self.failed(f"did not answer within {self.seconds:g} s")
        if failures:
            raise failures[0]

    def failed(self, what: str) -> DeliveryFailed:
        """The error of this channel; says nothing that an address may hold."""
        return DeliveryFailed(f"the alert channel {self.name} ({self.address}) {what}")

    @abstractmethod
    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Tell of them, ``most`` at most; may raise anything."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.address}>"


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
