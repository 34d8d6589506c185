"""Alerts by mail."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from scorekit.alerts.channel import MANY, Channel
from scorekit.alerts.decision import Alert
from scorekit.alerts.secrets import read_secret
from scorekit.alerts.settings import MailSettings
from scorekit.alerts.wording import headline, plain_text, worst_of
from scorekit.errors import UsageError
from scorekit.web import explain

_LOG = logging.getLogger(__name__)
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Mail(Channel):
    """A mail to one or more people."""

    most = MANY

    def __init__(self, name: str, settings: MailSettings) -> None:
        self._settings = settings
        self._port = settings.port or PORTS[settings.security]
        self._password = read_secret(
            "password", settings.password, settings.password_env, settings.password_file
        )
        if settings.username is not None and self._password is None:
            raise UsageError("the username has no password", hint="give password_env or password_file")
        address = f"{settings.host}:{self._port}"
        super().__init__(name, settings, address, f"{address} {' '.join(sorted(settings.to))}")

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Send it."""
        try:
            self._sent(self._message(alerts))
        except smtplib.SMTPNotSupportedError:
            raise self.failed("does not offer what security or username ask for") from None
        except smtplib.SMTPAuthenticationError:
            raise self.failed("did not take the username and password") from None
        except smtplib.SMTPRecipientsRefused:
            raise self.failed("took none of the recipients") from None
        except smtplib.SMTPServerDisconnected as error:  # as smtplib calls every error of a read
            cause = error.__context__
            said = explain(cause) if isinstance(cause, OSError) else "closed the connection"
            raise self.failed(said) from None
        except smtplib.SMTPResponseException as answer:
            raise self.failed(f"answered {answer.smtp_code}") from None
        except OSError as error:  # also the rest of smtplib's
            raise self.failed(explain(error)) from None

    def _sent(self, message: EmailMessage) -> None:
        with self._connected() as server:
            if self._settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings.username is not None and self._password is not None:
                server.login(self._settings.username, self._password)
            refused = server.send_message(message)
        if refused:  # somebody was told; a second attempt would tell them again
            _LOG.warning("%s refused %d of %d recipients", self.address, len(refused), len(self._settings.to))

    def _connected(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._port
        if self._settings.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=self.seconds, context=context)
        return smtplib.SMTP(host, port, timeout=self.seconds)

    def _message(self, alerts: Sequence[Alert]) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = f"[scorekit] {headline(alerts)}"
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        message["Date"] = format_datetime(max(alert.created for alert in alerts))
        message["Message-ID"] = make_msgid(
            worst_of(alerts).fingerprint, domain=_domain(self._settings.sender)
        )
        message["Auto-Submitted"] = "auto-generated"
        for alert in alerts:
            message["X-Scorekit-Fingerprint"] = alert.fingerprint
        message.set_content(plain_text(alerts))
        return message


def _domain(sender: str) -> str:
    """Of an address, which may have a name before it: ``Night run <scorekit@example.com>``."""
    return parseaddr(sender)[1].rpartition("@")[2]
