"""A channel: a way to tell somebody of an alert.

Whatever happens on the way, ``send`` ends within the channel's timeout, and raises
``DeliveryFailed`` or nothing. A timeout of a socket is not enough for that: it does not
bound looking up a name, nor a server that sends one byte now and then.
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from scorekit.alerts.decision import SEVERITIES, Alert
from scorekit.alerts.settings import ChannelSettings
from scorekit.errors import DeliveryFailed

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
