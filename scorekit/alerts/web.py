"""Channels over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from scorekit import __version__
from scorekit.alerts.channel import MANY, Channel
from scorekit.alerts.decision import Alert
from scorekit.alerts.secrets import Secret, read_secret, redacted, web_address
from scorekit.alerts.settings import AlertmanagerSettings, SlackSettings, WebhookSettings, WebSettings
from scorekit.alerts.wording import alertmanager_body, slack_body, webhook_body
from scorekit.web import explain, opener

ALERTMANAGER_PATH = "/api/v2/alerts"


class _Web(Channel):
    """Posts JSON."""

    def __init__(self, name: str, settings: WebSettings) -> None:
        self._url = web_address(read_secret("url", settings.url, settings.url_env, settings.url_file))
        token = read_secret("token", settings.token, settings.token_env, settings.token_file)
        self._headers = {"Authorization": f"Bearer {token}"} if token else self._basic()
        super().__init__(name, settings, self._url.shown, self._url.value)

    def _basic(self) -> dict[str, str]:
        """A name and password in the address are sent as browsers do, and not as part of it."""
        parts = urlsplit(self._url.value)
        user, at, host = parts.netloc.rpartition("@")
        if not at:
            return {}
        self._url = Secret(urlunsplit(parts._replace(netloc=host)), self._url.shown)
        return {"Authorization": "Basic " + b64encode(unquote(user).encode()).decode()}

    def post(self, body: Any) -> None:
        """Post JSON; anything but a status from 200 to 299 is a failure."""
        try:
            post_json(self._url, body, self._headers, self.seconds)
        except urllib.error.HTTPError as answer:
            answer.close()
            raise self.failed(_answered(answer.code)) from None
        except (OSError, http.client.HTTPException) as error:
            raise self.failed(explain(error)) from None


class Webhook(_Web):
    """The alert as JSON."""

    def __init__(self, name: str, settings: WebhookSettings) -> None:
        super().__init__(name, settings)

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Post it."""
        self.post(webhook_body(*alerts))


class Slack(_Web):
    """A message to Slack, or what takes the like."""

    most = MANY

    def __init__(self, name: str, settings: SlackSettings) -> None:
        super().__init__(name, settings)

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Post it."""
        self.post(slack_body(alerts))


class Alertmanager(_Web):
    """Alerts of Prometheus Alertmanager."""

    most = MANY

    def __init__(self, name: str, settings: AlertmanagerSettings) -> None:
        super().__init__(name, settings)
        self._expires = settings.expires
        base = self._url.value.rstrip("/").removesuffix(ALERTMANAGER_PATH)
        self._url = Secret(base + ALERTMANAGER_PATH, redacted(base))

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Post it."""
        now = datetime.now(UTC)
        self.post([label for alert in alerts for label in alertmanager_body(alert, now, self._expires)])


def post_json(url: Secret, body: Any, headers: Mapping[str, str], seconds: float) -> None:
    """Post JSON, and follow no redirect: a moved address would get it as a GET, or in the clear."""
    request = urllib.request.Request(  # noqa: S310 - the address was held to be http or https
        url.value,
        data=json.dumps(body, default=str).encode(),
        headers={"Content-Type": "application/json", "User-Agent": f"scorekit/{__version__}", **headers},
        method="POST",
    )
    opener().open(request, timeout=seconds).close()


def _answered(code: int) -> str:
    try:
        phrase = f" {HTTPStatus(code).phrase}"
    except ValueError:
        phrase = ""
    where = "; give the address it leads to" if 300 <= code < 400 else ""
    return f"answered {code}{phrase}{where}"
