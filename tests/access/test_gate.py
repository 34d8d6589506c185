"""From the headers of a request to who calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorekit.access import SCOPES, Anonymous, challenge, open_access
from scorekit.access.gate import Bearers
from scorekit.access.keys import id_of
from scorekit.access.settings import TokenSettings
from scorekit.errors import NotAllowed, NotAuthenticated, UsageError
from tests.access.issuer import AUDIENCE, Issuer, serving


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    with serving(made):
        yield made


@pytest.fixture
def both(state: str, issuer: Issuer) -> Iterator[Bearers]:
    with open_access(("keys", "jwt"), TokenSettings(issuer=issuer.url, audience=(AUDIENCE,))) as made:
        assert isinstance(made, Bearers)
        yield made


def refused(access: Bearers, *shown: str | None) -> NotAuthenticated:
    with pytest.raises(NotAuthenticated) as said:
        access.identify(*shown)
    return said.value


def test_a_key_and_a_token_are_told_apart(both: Bearers, key: str, issuer: Issuer) -> None:
    token = issuer.token()
    assert both.identify(f"Bearer {key}").id == f"key:{id_of(key)}"
    assert both.identify(f"Bearer {token}").id == "jwt:ada"
    assert both.known(f"Bearer {key}") == both.identify(None, key)
    assert both.known(f"Bearer {token}") == both.identify(f"bearer  {token} ")


def test_nothing_is_known_before_somebody_was_asked(both: Bearers, key: str, issuer: Issuer) -> None:
    assert both.known(f"Bearer {key}") is None
    assert both.known(f"Bearer {issuer.token()}") is None
    assert issuer.asked == []


def test_a_request_that_shows_nothing(both: Bearers) -> None:
    error = refused(both, None)
    assert (error.code, error.http_status, error.exit_code) == ("not_authenticated", 401, 2)
    assert challenge(error) == 'Bearer realm="scorekit"'
    with pytest.raises(NotAuthenticated):
        both.known(None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRhOnBhc3N3b3Jk",
        "Bearer x",
        "Token sk_aaaaaaaaaaaa_" + 43 * "x",
        "Bearer sk_aaaaaaaaaaaa_" + 43 * "x",
        "Bearer a.b.c",
        "Bearer " + "x" * 100_000,
        "Bearer " + ".".join(["e30" * 10_000] * 3),
        "\0",
        "Bearer é.é.é",
    ],
)
def test_what_does_not_hold(both: Bearers, header: str) -> None:
    error = refused(both, header)
    assert error.code == "bad_credentials"
    assert challenge(error) == 'Bearer realm="scorekit", error="invalid_token"'
    assert len(error.message) < 200


def test_a_request_that_shows_two_things_is_refused(both: Bearers, key: str, issuer: Issuer) -> None:
    assert "one of" in refused(both, f"Bearer {issuer.token()}", key).message
    assert both.identify(f"Bearer {key}", key).name == "desk"


def test_what_was_not_asked_for_is_not_taken(state: str, key: str, issuer: Issuer) -> None:
    settings = TokenSettings(issuer=issuer.url, audience=(AUDIENCE,))
    with open_access(("keys",), settings) as access:
        assert isinstance(access, Bearers)
        assert refused(access, f"Bearer {issuer.token()}").message.endswith("API keys")
    with open_access(("jwt",), settings) as access:
        assert isinstance(access, Bearers)
        assert refused(access, f"Bearer {key}").message.endswith("tokens")
    assert issuer.asked == []


def test_who_may_not_is_told_what_they_would_need(both: Bearers, key: str) -> None:
    caller = both.identify(f"Bearer {key}")
    caller.require("score")
    with pytest.raises(NotAllowed) as said:
        caller.require("admin")
    assert (said.value.code, said.value.http_status) == ("not_allowed", 403)
    assert challenge(said.value) == 'Bearer realm="scorekit", error="insufficient_scope", scope="admin"'


def test_a_service_that_asks_nobody() -> None:
    with open_access(()) as access:
        assert isinstance(access, Anonymous)
        caller = access.known("whatever is shown")
        assert caller == access.identify(None)
        assert all(caller.may(scope) for scope in SCOPES)


def test_what_is_missing_is_said_before_anybody_calls(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="nothing says whose") as refused:
        open_access(("jwt",))
    assert "[auth]" in str(refused.value.hint)
    monkeypatch.delenv("SCOREKIT_KEY_PEPPER")
    with pytest.raises(UsageError, match="SCOREKIT_KEY_PEPPER"):
        open_access(("keys",))


def test_keys_need_nothing_of_what_tokens_need(tmp_path: Path) -> None:
    program = (
        "import sys; from scorekit.access import open_access; open_access(('keys',)).close();"
        "print(sorted({'joserfc', 'cryptography', 'fastapi', 'sqlalchemy'} & set(sys.modules)))"
    )
    environment = {
        "SCOREKIT_KEY_PEPPER": 40 * "x",
        "SCOREKIT_DATABASE_URL": f"sqlite:///{tmp_path}/state.db",
    }
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("[]\n", "")
