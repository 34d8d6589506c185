"""The ``[alerts]`` table of ``scorekit.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from scorekit.alerts.decision import Severity
from scorekit.quality.bounds import FORBID

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smhd])")


def read_duration(given: object) -> timedelta:
    """A duration as settings write it.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> read_duration("90m")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(given, timedelta):
        return given
    found = _DURATION.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise ValueError("a duration is a number with s, m, h or d, such as 30s or 6h")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


Duration = Annotated[timedelta, BeforeValidator(read_duration)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What holds for every channel.

    Attributes
    ----------
    name : str
        What it is called in the record; the kind where there is one of it.
    severity : {"warning", "critical"}
        The least that it is told of.
    timeout : timedelta
        When an attempt counts as failed, all in all.
    """

    __pydantic_config__: ClassVar = FORBID

    name: str = ""
    severity: Severity = "warning"
    timeout: Duration = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings(ChannelSettings):
    """A channel with an address, given itself, by an environment variable or in a file.

    Attributes
    ----------
    url, url_env, url_file : str or None
        One of them.
    token, token_env, token_file : str or None
        Sent as ``Authorization: Bearer``.
    """

    url: str | None = field(default=None, repr=False)
    url_env: str | None = None
    url_file: str | None = None
    token: str | None = field(default=None, repr=False)
    token_env: str | None = None
    token_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(WebSettings):
    """Posts the alert as JSON."""

    kind: Literal["webhook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings(WebSettings):
    """Posts a message to Slack, Mattermost, or what else takes the like."""

    kind: Literal["slack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings(WebSettings):
    """Posts to Prometheus Alertmanager.

    Attributes
    ----------
    expires : timedelta
        How long an alert stands there without another word; longer than the time between
        two judged windows and than the cool-down.
    """

    kind: Literal["alertmanager"]
    expires: Duration = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseSettings(ChannelSettings):
    """Whatever apprise knows, by its address.

    Attributes
    ----------
    url, url_env, url_file : str or None
        One of them.
    """

    kind: Literal["apprise"]
    url: str | None = field(default=None, repr=False)
    url_env: str | None = None
    url_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(ChannelSettings):
    """Sends mail.

    Attributes
    ----------
    host : str
    port : int or None
        587 with STARTTLS, 465 with TLS, 25 with none.
    security : {"starttls", "tls", "none"}
        How the connection is kept secret.
    username : str or None
    password, password_env, password_file : str or None
        One of them, where there is a username.
    sender : str
    to : tuple of str
    """

    kind: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_env: str | None = None
    password_file: str | None = None
    sender: str
    to: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.to:
            raise ValueError("a mail needs somebody in to")
        for address in (self.sender, *self.to):
            if "@" not in address or not address.isprintable():
                raise ValueError("a mail address has an @ in it: name@example.com")
        passwords = (self.password, self.password_env, self.password_file)
        if self.username is None and any(given is not None for given in passwords):
            raise ValueError("a password needs a username")
        if self.username is not None and self.security == "none":
            raise ValueError('a password is not sent without encryption: security = "starttls" or "tls"')


AnySettings = Annotated[
    WebhookSettings | SlackSettings | AlertmanagerSettings | AppriseSettings | MailSettings,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told, and how often.

    Attributes
    ----------
    cool_down : timedelta
        How long nothing is told of an alert that only goes on.
    channels : tuple of ChannelSettings
    """

    __pydantic_config__: ClassVar = FORBID

    cool_down: Duration = timedelta(hours=6)
    channels: tuple[AnySettings, ...] = ()

    def __post_init__(self) -> None:
        names = [channel.name for channel in self.channels if channel.name]
        if len(set(names)) < len(names):
            raise ValueError("two channels have the same name")
