"""Settings of alerts: what is read, what is refused, and that secrets are not shown."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from scorekit.alerts import AlertSettings, open_channels
from scorekit.alerts.secrets import Secret, redacted
from scorekit.errors import UsageError

TOML = """
cool_down = "90m"

[[channels]]
kind = "webhook"
url = "https://hooks.example.com/SECRET"
severity = "critical"
timeout = "2s"

[[channels]]
kind = "webhook"
url_env = "OPS_HOOK"

[[channels]]
kind = "slack"
name = "team"
url_file = "hook.txt"

[[channels]]
kind = "alertmanager"
url = "http://alerts:9093/"
token = "SECRET"
expires = "2d"

[[channels]]
kind = "smtp"
host = "mail.example.com"
username = "me"
password = "SECRET"
sender = "scorekit@example.com"
to = ["ops@example.com"]
"""


def read(content: dict[str, Any]) -> AlertSettings:
    return TypeAdapter(AlertSettings).validate_python(content)


def channel(**content: Any) -> AlertSettings:
    return read({"channels": [content]})


def test_every_kind_is_read_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPS_HOOK", "https://me:SECRET@ops.example.com:8443/SECRET?x=SECRET")
    monkeypatch.chdir(tmp_path)
    Path("hook.txt").write_text("https://hooks.slack.com/services/SECRET\n")
    settings = read(tomllib.loads(TOML))
    assert settings.cool_down == timedelta(minutes=90)
    channels = open_channels(settings)
    assert [each.name for each in channels] == ["webhook", "webhook-2", "team", "alertmanager", "smtp"]
    assert [each.address for each in channels] == [
        "https://hooks.example.com/…",
        "https://ops.example.com:8443/…",
        "https://hooks.slack.com/…",
        "http://alerts:9093/…",
        "mail.example.com:587",
    ]
    assert channels[0].seconds == 2
    assert "SECRET" not in f"{settings!r} {channels!r} {channels[0].failed('x')!r}"


def test_without_settings_nobody_is_told() -> None:
    assert open_channels(read({})) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cool_down": "soon"}, "a duration is a number with s, m, h or d"),
        ({"cool_down": 3600}, "a duration is"),
        ({"cooldown": "1h"}, "[Uu]nexpected"),
        ({"channels": [{"kind": "pigeon"}]}, "webhook"),
        ({"channels": [{"url": "https://x"}]}, "kind"),
        ({"channels": [{"kind": "webhook", "to": "x"}]}, "[Uu]nexpected"),
        ({"channels": [{"kind": "webhook", "severity": "info"}]}, "warning"),
        ({"channels": [{"kind": "webhook", "name": "a"}, {"kind": "slack", "name": "a"}]}, "same name"),
        ({"channels": [{"kind": "smtp", "host": "h", "sender": "a@b", "to": []}]}, "needs somebody"),
        ({"channels": [{"kind": "smtp", "host": "h", "sender": "a", "to": ["a@b"]}]}, "an @ in it"),
        (
            {"channels": [{"kind": "smtp", "host": "h", "sender": "a@b", "to": ["a@b\nBcc: c@d"]}]},
            "an @ in it",
        ),
        (
            {"channels": [{"kind": "smtp", "host": "h", "sender": "a@b", "to": ["a@b"], "password": "x"}]},
            "a password needs a username",
        ),
        (
            {
                "channels": [
                    {
                        "kind": "smtp",
                        "host": "h",
                        "sender": "a@b",
                        "to": ["a@b"],
                        "username": "u",
                        "security": "none",
                    }
                ]
            },
            "not sent without encryption",
        ),
    ],
)
def test_what_is_no_setting(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "the address is not given"),
        ({"url": "https://x", "url_env": "X"}, "url is given more than once"),
        ({"url_env": "NO_SUCH"}, "names NO_SUCH, and the environment has no such variable"),
        ({"url_file": "/no/such"}, "cannot read url_file /no/such: No such file"),
        ({"url_file": "/dev/null"}, "is empty"),
        ({"url": "file:///etc/SECRET"}, "none that can be posted to"),
        ({"url": "SECRET"}, "none that can be posted to"),
        ({"url": "https:///SECRET"}, "none that can be posted to"),
        ({"url": "https://x:99999/SECRET"}, "none that can be posted to"),
        ({"url": "https://x/SECRET\r\nX: y"}, "none that can be posted to"),
        ({"url": "https://[SECRET"}, "none that can be posted to"),
    ],
)
def test_an_address_that_is_not_where_it_should_be(content: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_channels(channel(kind="webhook", **content))
    assert caught.value.message.startswith("alert channel webhook: ")
    assert "SECRET" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "hook").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is no text"):
        open_channels(channel(kind="webhook", url_file=str(tmp_path / "hook")))


def test_a_mail_user_without_a_password() -> None:
    with pytest.raises(UsageError, match="the username has no password"):
        open_channels(channel(kind="smtp", host="h", sender="a@b", to=["a@b"], username="u"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/a?b#c", "https://h/…"),
        ("http://u:p@[::1]:8080/a", "http://[::1]:8080/…"),
        ("tgram://token:x/chat", "tgram://…"),
        ("mailto://user:pass@gmail.com", "mailto://…"),
        ("token", "…"),
        ("https://[x", "…"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert f"{Secret(url, shown)} {Secret(url, shown)!r}".count(url) == 0


def test_names_are_counted_around_those_that_were_given() -> None:
    hook = {"kind": "webhook", "url": "https://x"}
    channels = open_channels(read({"channels": [hook, {**hook, "name": "webhook"}, hook]}))
    assert [each.name for each in channels] == ["webhook-2", "webhook", "webhook-3"]
