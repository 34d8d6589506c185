"""Addresses of brokers: what is read from them, what is refused, and what is never shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import ScorekitError, UsageError
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import SCHEMES, connect, is_address, parse, tls_context


def test_an_address_says_where_and_what() -> None:
    found = parse("redis://example.com/rows?group=g&claim_after=5")
    assert found.hosts == (("example.com", 6379),)
    assert (found.path, dict(found.options)) == ("rows", {"group": "g", "claim-after": "5"})
    assert parse("amqp://[::1]:7/v%2F1/q").hosts == (("::1", 7),)
    assert parse("amqp://[::1]:7/v%2F1/q").shown == "amqp://[::1]:7/v%2F1/q"
    assert parse("amqps://example.com/q").hosts == (("example.com", 5671),)


@pytest.mark.parametrize("uri", ["rows.jsonl", "-", "folder/rows", "redis:rows"])
def test_a_file_is_no_address(uri: str) -> None:
    assert not is_address(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("redi://host/rows", "redi:// names no broker"),
        ("redis://", "cannot be read"),
        ("redis:///rows", "cannot be read"),
        ("redis://host:99999/rows", "cannot be read"),
        ("redis://host:port/rows", "cannot be read"),
        ("redis://host/rows?group", "cannot be read"),
        ("redis://host/rows?group=a&group=b", "an option stands twice"),
        ("redis://host/rows?groop=a", "has no option groop"),
        ("redis://host/rows?tls-ca=/nowhere", "options of TLS"),
        ("rediss://host/rows?tls-ca=/nowhere", "no such file"),
        ("rediss://host/rows?tls-key=/dev/null", "without its tls-cert"),
        ("redis://host/rows?retry-seconds=soon", "retry-seconds takes a number"),
        ("redis://host/rows?retry-seconds=nan", "retry-seconds takes a number"),
        ("redis://host/rows?retry-seconds=inf", "retry-seconds takes a number"),
        ("redis://host/rows?retry-seconds=-1", "of at least 0, not -1"),
        ("redis://host/rows?db=1.5", "db takes a whole number"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(uri: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        connect(uri).sink()
    assert said in caught.value.message
    assert caught.value.hint
    assert caught.value.code == "bad_uri"


def test_an_option_that_is_nearly_one_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        connect("redis://host/rows?groop=a")
    assert caught.value.hint == "did you mean group?"


def test_who_may_log_in_stands_in_the_address_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (parse("redis://host/rows").user, parse("redis://host/rows").password) == (None, None)
    monkeypatch.setenv("SCOREKIT_REDIS_USER", "ada")
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("SCOREKIT_REDIS_PASSWORD_FILE", str(tmp_path / "secret"))
    found = parse("redis://host/rows")
    assert (found.user, found.password) == ("ada", "from a file")
    found = parse("redis://bob:p%40ss@host/rows")
    assert (found.user, found.password) == ("bob", "p@ss")
    assert parse("amqp://host/rows").user is None


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@given(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=4, max_size=12).filter(
        lambda text: any(not letter.isdigit() for letter in text)
    ),
    st.sampled_from(["", "?group=g", "?groop=g", "?tls-ca=/nowhere"]),
)
def test_no_password_is_ever_shown(scheme: str, password: str, options: str) -> None:
    secret = f"12{password}Qz"  # whatever sign of addresses it has, nobody wrote %23 for it
    shown = ""
    try:
        found = parse(f"{scheme}://me:{secret}@host/rows.r{options}")
        shown = f"{found} {found!r} {found.shown}"
        connect(f"{scheme}://me:{secret}@host/rows.r{options}", Patience())
    except ScorekitError as error:
        shown += f"{error} {error.hint}"
    assert "Qz" not in shown


def test_options_of_tls_are_shown_the_way_to_it() -> None:
    with pytest.raises(UsageError) as caught:
        parse("nats://host/s.c?tls-ca=/nowhere")
    assert caught.value.hint == "begin it with natss://"


def test_tls_trusts_what_the_address_says(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(UsageError, match="cannot be used"):
        tls_context(parse(f"amqps://host/q?tls-ca={tmp_path / 'junk.pem'}"))
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    made = subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 1 -keyout {key} -out {ca}".split(),
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("no openssl")
    context = tls_context(parse(f"amqps://host/q?tls-ca={ca}&tls-cert={ca}&tls-key={key}"))
    assert [dict(each["subject"][0])["commonName"] for each in context.get_ca_certs()] == ["test"]
    assert context.check_hostname


def test_an_address_is_read_without_any_client() -> None:
    program = (
        "import sys; from scorekit.feeds.uris import parse; parse('redis://host/rows'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"redis", "pika", "confluent_kafka", "nats", "ssl"} & set(done.stdout.split())


def test_a_client_that_is_not_installed_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from scorekit.errors import UsageError; from scorekit.feeds.uris import connect\n"
        "try: connect('redis://host/rows')\n"
        "except UsageError as error: print(error, '|', error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "needs redis, which is not installed" in done.stdout
    assert "scorekit[stream]" in done.stdout
