"""Channels over HTTP, against servers that take alerts and servers that do not."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from scorekit.alerts import Alert, AlertSettings, Channel, open_channels
from scorekit.errors import DeliveryFailed, UsageError
from tests.alerts import servers
from tests.alerts.servers import misbehaving, receiver

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALERT = Alert(
    "bank",
    "column.psi",
    "pay day",
    "critical",
    "firing",
    "PSI 0.31 over 900 rows",
    {"version": 3, "value": 0.31, "since": "2026-01-01T00:00:00+00:00", "odd": float("nan")},
    CREATED,
)
# its clock went backwards since it began to fire
RESOLVED = Alert(
    "bank",
    "column.psi",
    "pay day",
    "critical",
    "resolved",
    "PSI 0.01",
    {"since": "2027-01-01T00:00:00Z"},
    CREATED,
)


def opened(**content: Any) -> Channel:
    (channel,) = open_channels(TypeAdapter(AlertSettings).validate_python({"channels": [content]}))
    return channel


def test_a_webhook_gets_json() -> None:
    with receiver() as seen:
        opened(kind="webhook", url=f"{seen.url}/SECRET?key=1", token="TOKEN").send(ALERT)
    ((path, headers, body),) = seen.requests
    assert path == "/SECRET?key=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer TOKEN"
    assert headers["User-Agent"].startswith("scorekit/")
    assert body == {
        "format_version": 1,
        "fingerprint": ALERT.fingerprint,
        "model": "bank",
        "check": "column.psi",
        "column": "pay day",
        "severity": "critical",
        "status": "firing",
        "summary": "PSI 0.31 over 900 rows",
        "details": {"version": 3, "value": 0.31, "since": "2026-01-01T00:00:00+00:00", "odd": "nan"},
        "created": "2026-01-02T03:04:05+00:00",
    }


def test_a_name_and_password_in_the_address_are_sent_apart_from_it() -> None:
    with receiver(204) as seen:
        opened(kind="webhook", url=seen.url.replace("//", "//me:p%40ss@")).send(ALERT)
    assert seen.requests[0][1]["Authorization"] == "Basic bWU6cEBzcw=="
    assert "me" not in seen.requests[0][1]["Host"]


def test_a_chat_gets_a_message_with_its_signs_escaped() -> None:
    odd = Alert(
        "bank", "column.psi", "<!here> & *b*", "warning", "firing", "a < b\nand more", {"version": 3}, CREATED
    )
    with receiver() as seen:
        opened(kind="slack", url=seen.url).send(odd)
    text = seen.requests[0][2]["text"]
    headline, summary, details = text.splitlines()
    assert headline == "*WARNING bank: column.psi of &lt;!here&gt; &amp; ∗b∗*"
    assert summary == "a &lt; b and more"
    assert details == "version 3 · at 2026-01-02T03:04:05+00:00"


def moment(alert: dict[str, str], name: str) -> datetime:
    return datetime.fromisoformat(alert[name])


def test_alertmanager_gets_an_alert_that_ends_and_the_lesser_one_ended() -> None:
    before = datetime.now(UTC)
    with receiver() as seen:
        opened(kind="alertmanager", url=f"{seen.url}/", expires="2d").send(ALERT)
    ((path, _, (lesser, alert)),) = seen.requests
    assert path == "/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "ScorekitQuality",
        "model": "bank",
        "check": "column.psi",
        "column": "pay day",
        "severity": "critical",
    }
    assert alert["annotations"]["summary"] == "CRITICAL bank: column.psi of pay day"
    assert alert["annotations"]["description"] == "PSI 0.31 over 900 rows"
    assert all(isinstance(value, str) for value in alert["annotations"].values())
    assert alert["startsAt"] == "2026-01-01T00:00:00+00:00"
    assert timedelta(0) <= moment(alert, "endsAt") - before - timedelta(days=2) < timedelta(minutes=1)
    assert lesser["labels"] == {**alert["labels"], "severity": "warning"}
    assert moment(lesser, "endsAt") == CREATED


def test_alertmanager_is_told_that_it_is_over_whatever_it_was() -> None:
    with receiver() as seen:
        opened(kind="alertmanager", url=f"{seen.url}/api/v2/alerts").send(RESOLVED)
    ((path, _, ended),) = seen.requests
    assert path == "/api/v2/alerts"
    assert {alert["labels"]["severity"] for alert in ended} == {"warning", "critical"}
    assert all(moment(alert, "startsAt") <= moment(alert, "endsAt") == CREATED for alert in ended)


def test_who_wants_to_hear_of_the_worst_only() -> None:
    hears = opened(kind="webhook", url="http://x", severity="critical").wants
    warning = Alert("bank", "column.psi", "age", "warning", "firing", "", {}, CREATED)
    assert [hears(ALERT), hears(RESOLVED), hears(warning)] == [True, True, False]
    assert opened(kind="webhook", url="http://x").wants(warning)


def failure(channel: Channel) -> str:
    with pytest.raises(DeliveryFailed) as caught:
        channel.send(ALERT)
    chain, error = "", caught.value
    while error is not None:
        chain += repr(error)
        error = None if error.__suppress_context__ else error.__context__
    assert "SECRET" not in chain
    return caught.value.message


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "answered 500 Internal Server Error"),
        (404, "answered 404 Not Found"),
        (599, "answered 599"),
        (304, "answered 304 Not Modified; give the address it leads to"),
    ],
)
def test_an_answer_that_is_no_yes(status: int, said: str) -> None:
    with receiver(status) as seen:
        message = failure(opened(kind="webhook", url=f"{seen.url}/SECRET"))
    assert message == f"the alert channel webhook ({seen.url}/…) {said}"
    assert len(seen.requests) == 1


@pytest.mark.parametrize("to", ["{other}/SECRET", "file:///etc/hostname", "ftp://x/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, to: str) -> None:
    with receiver() as other, receiver(status, to.format(other=other.url)) as seen:
        message = failure(opened(kind="webhook", url=f"{seen.url}/SECRET"))
    assert f"answered {status}" in message
    assert "give the address it leads to" in message
    assert other.requests == []


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (servers.hang, "did not answer"),
        (servers.drip, "did not answer within 0.5 s"),
        (servers.close, "closed the connection"),
        (servers.babble, "does not speak HTTP as it should"),
    ],
)
def test_a_server_that_does_not_answer(behave: Callable[[Any], None], said: str) -> None:
    with misbehaving(behave) as port:
        channel = opened(kind="webhook", url=f"http://127.0.0.1:{port}/SECRET", timeout="0.5s")
        began = time.monotonic()
        message = failure(channel)
    assert said in message
    assert time.monotonic() - began < 3


def test_nobody_is_there() -> None:
    with misbehaving(servers.close) as port:
        pass
    assert "refused the connection" in failure(opened(kind="webhook", url=f"http://127.0.0.1:{port}/SECRET"))
    assert "host that is not known" in failure(opened(kind="webhook", url="http://no-such.invalid/SECRET"))


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    _, context = servers.certificate(tmp_path)

    def serve(connection: Any) -> None:
        context.wrap_socket(connection, server_side=True)

    with misbehaving(serve) as port:
        message = failure(opened(kind="webhook", url=f"https://localhost:{port}/SECRET"))
    assert "certificate that is not trusted" in message


def test_a_server_without_tls() -> None:
    with receiver() as seen:
        url = seen.url.replace("http:", "https:")
        assert "does not speak TLS" in failure(opened(kind="webhook", url=f"{url}/SECRET"))


def test_a_token_that_no_header_can_hold_is_not_told() -> None:
    with receiver() as seen:
        message = failure(opened(kind="webhook", url=seen.url, token="SECRET\r\nX: y"))
    assert "raised ValueError" in message
    assert seen.requests == []


def test_one_that_hangs_keeps_no_process_alive() -> None:
    with misbehaving(servers.hang) as port:
        failure(opened(kind="webhook", url=f"http://127.0.0.1:{port}", timeout="0.1s"))
    left = [thread for thread in threading.enumerate() if thread.name == "alert to webhook"]
    assert all(thread.daemon for thread in left)


# apprise ------------------------------------------------------------------------------


@pytest.fixture
def apprise() -> None:
    """Apprise is an extra; where everything should be tested it has to be there."""
    if find_spec("apprise") is None:
        assert not os.environ.get("CI"), "the extra `alerts` is not installed"
        pytest.skip("the extra `alerts` is not installed")


@pytest.mark.usefixtures("apprise")
def test_what_apprise_knows() -> None:
    with receiver() as seen:
        channel = opened(kind="apprise", url=seen.url.replace("http:", "json:") + "/SECRET")
        channel.send(ALERT)
        channel.send(RESOLVED)
    assert channel.address == "json://…"
    first, second = (body for _, _, body in seen.requests)
    assert first["title"] == "CRITICAL bank: column.psi of pay day"
    assert "PSI 0.31 over 900 rows" in first["message"]
    assert (first["type"], second["type"]) == ("failure", "success")


@pytest.mark.usefixtures("apprise")
def test_what_apprise_cannot_deliver(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with receiver(500) as seen:
        message = failure(opened(kind="apprise", url=seen.url.replace("http:", "json:") + "/SECRET"))
    assert message == "the alert channel apprise (json://…) did not take the alert"
    assert "SECRET" not in caplog.text


@pytest.mark.usefixtures("apprise")
@pytest.mark.parametrize(("asked", "expected"), [("", "split"), ("?overflow=truncate", "truncate")])
def test_a_message_longer_than_a_service_takes_is_split(asked: str, expected: str) -> None:
    channel: Any = opened(kind="apprise", url=f"discord://1234567890/abcdefghijklmnopqrstuvwxyz{asked}")
    (service,) = channel._service
    assert service.overflow_mode == expected
    parts = service._apply_overflow("x\n" * 3000)
    assert all(len(part["body"]) <= service.body_maxlen for part in parts)
    assert (len(parts) > 1) == (expected == "split")


@pytest.mark.usefixtures("apprise")
def test_an_address_that_apprise_does_not_know() -> None:
    with pytest.raises(UsageError, match=r"apprise knows no such address: pigeon://…$"):
        opened(kind="apprise", url="pigeon://SECRET/x")


def test_apprise_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match="apprise is not installed") as caught:
        opened(kind="apprise", url="json://x")
    assert "scorekit[alerts]" in (caught.value.hint or "")
