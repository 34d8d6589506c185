"""Alerts to whatever apprise knows: chats, pagers, telephones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from scorekit.alerts.channel import MANY, Channel
from scorekit.alerts.decision import Alert
from scorekit.alerts.secrets import read_secret, redacted
from scorekit.alerts.settings import AppriseSettings
from scorekit.alerts.wording import headline, plain_text, worst_of
from scorekit.errors import UsageError


class AppriseService(Channel):
    """A service by its apprise address."""

    most = MANY

    def __init__(self, name: str, settings: AppriseSettings) -> None:
        url = read_secret("url", settings.url, settings.url_env, settings.url_file)
        if url is None:
            raise UsageError("the address is not given", hint="give one of url, url_env and url_file")
        self._apprise = _apprise()
        self._service = self._apprise.Apprise()
        if not self._service.add(url):
            raise UsageError(
                f"apprise knows no such address: {redacted(url)}", hint="see its list of services"
            )
        for server in self._service:
            if server.overflow_mode == self._apprise.OverflowMode.UPSTREAM:  # whoever chose one keeps it
                server.overflow_mode = self._apprise.OverflowMode.SPLIT
        super().__init__(name, settings, redacted(url), url)

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Notify; apprise says only whether it worked."""
        worst = worst_of(alerts)
        kind = (
            "success"
            if worst.status == "resolved"
            else {"critical": "failure"}.get(worst.severity, "warning")
        )
        if not self._service.notify(title=headline(alerts), body=plain_text(alerts), notify_type=kind):
            raise self.failed("did not take the alert")


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise UsageError(
            "apprise is not installed", hint="install it with: pip install 'scorekit[alerts]'"
        ) from None
    for name in ("apprise", "urllib3"):  # at their lower levels these write whole addresses into the log
        logging.getLogger(name).setLevel(logging.ERROR)
    return apprise
