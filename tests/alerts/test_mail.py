"""Alerts by mail, against a real server: in the clear, with STARTTLS, with TLS, and refused."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scorekit.alerts import Alert
from scorekit.errors import DeliveryFailed
from tests.alerts import servers
from tests.alerts.servers import Mailbox, mail_server, misbehaving
from tests.alerts.test_web import ALERT, CREATED, opened

USER = {"username": "me", "password": "SECRET"}


def mail(box: Mailbox | int, security: str = "none", **content: Any) -> Any:
    port = box if isinstance(box, int) else box.port
    settings = {"sender": "scorekit@example.com", "to": ["a@example.com", "b@example.com"], "timeout": "5s"}
    return opened(kind="smtp", host="localhost", port=port, security=security, **{**settings, **content})


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A server with a certificate that this process trusts."""
    path, context = servers.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with mail_server(Mailbox(context=context, users={"me": "SECRET"})) as box:
        yield box


def test_a_mail() -> None:
    with mail_server(Mailbox()) as box:
        mail(box).send(ALERT)
    ((sender, recipients, data),) = box.mails
    assert (sender, recipients) == ("scorekit@example.com", ["a@example.com", "b@example.com"])
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["Subject"] == "[scorekit] CRITICAL bank: column.psi of pay day"
    assert message["To"] == "a@example.com, b@example.com"
    assert message["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Scorekit-Fingerprint"] == ALERT.fingerprint
    assert "@example.com" in message["Message-ID"]
    assert message.get_content().splitlines()[:5] == [
        "CRITICAL bank: column.psi of pay day",
        "",
        "PSI 0.31 over 900 rows",
        "",
        "version: 3",
    ]


def test_alerts_of_a_window_come_in_one_mail_the_worst_first() -> None:
    run = {"version": 3, "run_id": "night"}
    several = [
        Alert("bank", "column.psi", "age", "warning", "firing", "PSI 0.12", {**run, "value": 0.12}, CREATED),
        Alert("bank", "score.psi", "", "critical", "resolved", "PSI 0.01", run, CREATED),
        Alert("bank", "column.psi", "job", "critical", "firing", "PSI 0.4", {**run, "value": 0.4}, CREATED),
    ]
    with mail_server(Mailbox()) as box:
        mail(box).send(*several)
    ((_, _, data),) = box.mails
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["Subject"] == "[scorekit] CRITICAL bank: column.psi of job and 2 more"
    assert message.get_all("X-Scorekit-Fingerprint") == [alert.fingerprint for alert in several]
    assert message.get_content().replace("\r\n", "\n").split("\n\n") == [
        "CRITICAL bank: column.psi of job and 2 more",
        "CRITICAL bank: column.psi of job\nPSI 0.4\nvalue 0.4",
        "WARNING bank: column.psi of age\nPSI 0.12\nvalue 0.12",
        "RESOLVED bank: score.psi\nPSI 0.01",
        "version: 3\nrun_id: night\nat: 2026-01-02T03:04:05+00:00\n",
    ]


@pytest.mark.parametrize(
    "named", ["Night run <scorekit@example.com>", "scorekit@example.com (the run @ night)"]
)
def test_the_sender_may_have_a_name(named: str) -> None:
    with mail_server(Mailbox()) as box:
        mail(box, sender=named).send(ALERT)
    ((sender, _, data),) = box.mails
    assert sender == "scorekit@example.com"
    assert re.search(rb"^Message-ID:\s+<[^<> ]+@example\.com>\r?$", data, re.MULTILINE)


def test_a_column_name_cannot_add_headers() -> None:
    odd = Alert("bank", "c", "x\r\nBcc: eve@example.com\u2028ä", "critical", "firing", "s", {}, CREATED)
    with mail_server(Mailbox()) as box:
        mail(box).send(odd)
    message = email.message_from_bytes(box.mails[0][2], policy=email.policy.default)
    assert message["Bcc"] is None
    assert message["Subject"] == "[scorekit] CRITICAL bank: c of x Bcc: eve@example.com ä"


def test_starttls_and_a_login(trusted: Mailbox) -> None:
    mail(trusted, "starttls", **USER).send(ALERT)
    assert (len(trusted.mails), trusted.encrypted, trusted.logins) == (1, [True], ["me"])


def test_tls_from_the_start(trusted: Mailbox) -> None:
    trusted.implicit_tls = True
    mail(trusted, "tls", **USER).send(ALERT)
    assert (len(trusted.mails), trusted.encrypted, trusted.logins) == (1, [True], ["me"])


def failure(channel: Any) -> str:
    began = time.monotonic()
    with pytest.raises(DeliveryFailed) as caught:
        channel.send(ALERT)
    assert time.monotonic() - began < 4
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "SECRET" not in repr(caught.value)
    assert caught.value.message.startswith("the alert channel smtp (localhost:")
    return caught.value.message


def test_a_wrong_password_that_the_server_repeats_is_not_repeated_here(trusted: Mailbox) -> None:
    trusted.users = {"me": "other"}
    assert "did not take the username and password" in failure(mail(trusted, "starttls", **USER))
    assert trusted.mails == []


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    _, context = servers.certificate(tmp_path)
    with mail_server(Mailbox(context=context)) as box:
        assert "certificate that is not trusted" in failure(mail(box, "starttls"))
    assert box.mails == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server(Mailbox()) as box:
        assert "does not offer what security or username ask for" in failure(mail(box, "starttls"))
    assert box.mails == []


def test_refused_recipients(caplog: pytest.LogCaptureFixture) -> None:
    with mail_server(Mailbox(refused=("a@example.com",))) as box:
        mail(box).send(ALERT)
        assert box.mails[0][1] == ["b@example.com"]
        assert "refused 1 of 2 recipients" in caplog.text
        box.refused = ("a@example.com", "b@example.com")
        assert "took none of the recipients" in failure(mail(box))


def test_a_server_that_refuses_the_mail() -> None:
    with mail_server(Mailbox(data_reply=b"554 SECRET")) as box:
        assert failure(mail(box)).endswith("answered 554")


def test_servers_that_are_not_there() -> None:
    with misbehaving(servers.hang) as port:
        assert "did not answer" in failure(mail(port, timeout="0.5s"))
    assert "refused the connection" in failure(mail(port))
    with misbehaving(lambda connection: None) as port:
        assert "closed the connection" in failure(mail(port))
