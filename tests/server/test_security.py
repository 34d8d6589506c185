"""Who may call a real service, and what somebody who may not can do to it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.requests import Request
from starlette.types import Message

from scorekit.access import SCOPES, keys
from scorekit.errors import Refused
from scorekit.server.bodies import read_body
from tests.access.issuer import AUDIENCE, Issuer, make_key, serving
from tests.conftest import Bank
from tests.server.conftest import PATIENCE, Running, eventually, running

PEPPER = "a pepper of more than thirty-two characters"
SCORE = "/v1/score/batch"
POST = b"POST /v1/score/batch HTTP/1.1\r\nHost: x\r\n"
ENDS_SOON = timedelta(seconds=2)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


class Guarded(NamedTuple):
    """A service that asks who calls, and what it knows them by."""

    service: Running
    issuer: Issuer
    keys: dict[str, str]
    environment: dict[str, str]

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str | None) -> Answer:
        """One request on a connection of its own; a header is named with ``_`` for ``-``."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json", **given})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def score(self, shown: str | None, body: Any = None, **headers: str) -> Answer:
        return self.ask(SCORE, "POST", body or {"features": [{}]}, Authorization=shown, **headers)

    def lives(self) -> None:
        """It answers those who may call, after whatever was done to it."""
        assert self.score(f"Bearer {self.keys['score']}").status in (200, 422)
        assert self.service.process.poll() is None
        assert self.service.events("failed") == []


def state_in(folder: Path) -> dict[str, str]:
    """The environment of a service whose state is in a folder."""
    return {"SCOREKIT_DATABASE_URL": f"sqlite:///{folder}/state.db", "SCOREKIT_KEY_PEPPER": PEPPER}


def make(environment: dict[str, str], *names: str, expires: timedelta | None = None) -> dict[str, str]:
    """Keys for the scopes, or else of the names."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return {
            name: keys.create(name, [name if name in SCOPES else "score"], expires, "Ada").key
            for name in names
        }


@pytest.fixture(scope="module")
def guarded(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, issuer = tmp_path_factory.mktemp("guarded"), Issuer()
    environment = state_in(folder)
    with serving(issuer):
        made = make(environment, *SCOPES)
        (folder / "scorekit.toml").write_text(f'[auth]\nissuer = "{issuer.url}"\naudience = "{AUDIENCE}"\n')
        options = ("--auth", "keys", "--auth", "jwt", "--max-rows", 1000, "--max-body", 2**20, "--timeout", 5)
        with running(folder, *options, env=environment, store=bank.store) as service:
            yield Guarded(service, issuer, made, environment)


# Who may call ------------------------------------------------------------------------

OPEN = {
    *("/livez", "/readyz", "/version", "/metrics", "/openapi.json", "/ping", "/health"),
    *("/v2", "/v2/health/live", "/v2/health/ready"),
}
"""What is answered to everybody."""


def routes(guarded: Guarded) -> list[tuple[str, str]]:
    paths = json.loads(guarded.ask("/openapi.json").body)["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_every_route_asks_who_calls_but_those_that_say_how_it_does(guarded: Guarded) -> None:
    asked = 0
    for method, path in routes(guarded):
        if path in OPEN:
            continue
        asked += 1
        place = path.replace("{name}", "bank").replace("{version}", "1").replace("{", "").replace("}", "")
        for header in (None, "Bearer sk_aaaaaaaaaaaa_" + 43 * "x", "Bearer a.b.c", "Basic YWRhOmFkYQ=="):
            answer = guarded.ask(place, method, {}, Authorization=header)
            # what a body should hold is said to nobody who may not send one
            assert (answer.status, method, path) == (401, method, path)
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="scorekit"')
            kind = "json" if path.startswith("/v2/") else "problem+json"
            assert answer.headers["Content-Type"] == f"application/{kind}"
    assert asked >= 8


def test_the_document_says_of_every_such_route_how_callers_show_who_they_are(guarded: Guarded) -> None:
    document = json.loads(guarded.ask("/openapi.json").body)
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            assert bool(found.get("security")) == (path not in OPEN), f"{method} {path}"


def test_a_key_opens_what_its_scope_is_for(guarded: Guarded) -> None:
    reached = {"score": {SCORE}, "train": set(), "admin": {SCORE, "/v1/switch/bank/reset"}}
    for scope, key in guarded.keys.items():
        for path in (SCORE, "/v1/switch/bank/reset"):
            body = {"reason": "a test"} if path != SCORE else {"features": [{}]}
            answer = guarded.ask(path, "POST", body, Authorization=f"Bearer {key}")
            assert (answer.status == 403) == (path not in reached[scope]), f"{scope} {path} {answer}"
            if answer.status == 403:
                assert answer.code == "not_allowed"
                assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert guarded.ask("/v1/models", X_API_Key=guarded.keys["score"]).status == 200


def test_who_moves_a_switch_is_who_showed_the_key(guarded: Guarded) -> None:
    admin = f"Bearer {guarded.keys['admin']}"
    body = {"reason": "a test", "by": "the president"}
    answer = guarded.ask("/v1/switch/bank/reset", "POST", body, Authorization=admin)
    last = json.loads(answer.body)["changes"][-1]
    assert keys.id_of(guarded.keys["admin"]) in last["who"]


def test_a_revoked_key_dies_within_five_seconds_and_an_expired_one_at_once(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = make(guarded.environment, "revoked")["revoked"]
    expiring = make(guarded.environment, "expiring", expires=ENDS_SOON)["expiring"]
    # a key that was made just now may be looked for in vain
    eventually(lambda: guarded.score(f"Bearer {revoked}").status != 401, lambda: "it is not taken")
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", guarded.environment["SCOREKIT_DATABASE_URL"])
    keys.revoke(revoked, "Ada")
    at = time.monotonic()
    time.sleep(ENDS_SOON.total_seconds())
    assert guarded.score(f"Bearer {expiring}").code == "bad_credentials"
    time.sleep(max(0.0, at + 5 - time.monotonic()))
    assert guarded.score(f"Bearer {revoked}").code == "bad_credentials"


def test_tokens_of_the_issuer_and_of_nobody_else(guarded: Guarded) -> None:
    issuer = guarded.issuer
    good = issuer.token(scope="score")
    assert guarded.score(f"Bearer {good}").status != 401
    assert (
        guarded.ask("/v1/switch/bank/trip", "POST", {"reason": "x"}, Authorization=f"Bearer {good}").status
        == 403
    )
    head, claims, signature = good.split(".")
    bad = {
        "another issuer": issuer.token(iss="https://eve.example"),
        "another audience": issuer.token(aud="another"),
        "expired": issuer.token(exp=int(time.time()) - 60),
        "not yet": issuer.token(nbf=int(time.time()) + 600),
        "without an end": issuer.token(exp=None),
        "no algorithm": f"eyJhbGciOiJub25lIn0.{claims}.",
        "no signature": f"{head}.{claims}.",
        "another's signature": issuer.token(make_key("ES256", "eve"), header={"kid": "one"}),
        "of another key": f"{head}.{issuer.token(sub='eve').split('.')[1]}.{signature}",
    }
    for why, token in bad.items():
        answer = guarded.score(f"Bearer {token}")
        assert (answer.status, why) == (401, why)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    guarded.lives()


def test_no_secret_of_a_caller_is_written_down(guarded: Guarded) -> None:
    token = guarded.issuer.token()
    wrong = guarded.keys["score"][:-1] + "!"
    shown = [*guarded.keys.values(), token, token + "x", wrong]
    answers = [guarded.score(f"Bearer {secret}") for secret in shown]
    answers.append(guarded.ask(f"/v1/models/{wrong}", Authorization=f"Bearer {wrong}"))
    guarded.service.wait_for("refused")
    log = guarded.service.log.read_text()
    for secret in shown:
        hidden = secret.rpartition("_" if secret.startswith("sk_") else ".")[2]
        assert hidden not in log
        assert not any(hidden.encode() in answer.body for answer in answers)


# What somebody can do to it ----------------------------------------------------------


def test_gzip_that_unpacks_to_nothing_is_stopped_where_it_becomes_too_large() -> None:
    sent, most = 0, 10_000

    async def receive() -> Message:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": gzip.compress(b"") * 100, "more_body": sent < most}

    packed = Request({"type": "http", "headers": [(b"content-encoding", b"gzip")]}, receive)
    with pytest.raises(Refused, match="larger than"):
        asyncio.run(read_body(packed, most, PATIENCE))
    assert sent < 10


def test_a_bomb_of_gzip_is_stopped_where_it_becomes_too_large(guarded: Guarded) -> None:
    bomb = gzip.compress(b'{"features": [' + b" " * 200_000_000, compresslevel=9)
    assert len(bomb) < 2**20
    answer = guarded.score(f"Bearer {guarded.keys['score']}", bomb, Content_Encoding="gzip")
    assert (answer.status, answer.code) == (413, "too_large")
    twice = gzip.compress(gzip.compress(bytes(10**8)))
    assert guarded.score(f"Bearer {guarded.keys['score']}", twice, Content_Encoding="gzip").status == 422
    answer = guarded.score(f"Bearer {guarded.keys['score']}", twice, Content_Encoding="gzip, gzip")
    assert (answer.status, answer.code) == (415, "unknown_encoding")
    guarded.lives()


def test_a_body_of_several_gzips_is_read_to_its_end(guarded: Guarded) -> None:
    parts = [gzip.compress(part) for part in (b'{"features": [{}, ', b"{}, {}", b"]}")]
    answer = guarded.score(f"Bearer {guarded.keys['score']}", b"".join(parts), Content_Encoding="gzip")
    assert (answer.code, "3 times" in json.loads(answer.body)["detail"]) == ("all_rejected", True)
    answer = guarded.score(f"Bearer {guarded.keys['score']}", b"".join(parts)[:-9], Content_Encoding="gzip")
    assert (answer.status, answer.code) == (400, "bad_encoding")
    answer = guarded.score(f"Bearer {guarded.keys['score']}", parts[0] + b"rest", Content_Encoding="gzip")
    assert (answer.status, answer.code) == (400, "bad_encoding")
    guarded.lives()


@pytest.mark.parametrize("origin", ["null", "http://[", "http://x]:1", "http://eve.example", "", "//"])
def test_a_page_of_nowhere_or_elsewhere_is_refused(guarded: Guarded, origin: str) -> None:
    answer = guarded.score(f"Bearer {guarded.keys['score']}", Origin=origin)
    assert (answer.status, answer.code) == (403, "cross_site")
    guarded.lives()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"features": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 422),
        (b'{"features": [' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}", 422),
        (b'{"features": [{"age": 1' + b"0" * 100_000 + b"}]}", None),
        (b'{"features": [{"age": "' + b"1" * 900_000 + b'"}]}', None),
        (b'{"features": [{"\\ud800": "\\udfff"}], "model": "\\ud800"}', None),
        (b'{"features": [' + b"{}," * 1000 + b"{}]}", 413),
        (b'{"features": [{}], "model": "../../etc/passwd"}', None),
        (b'{"features": [{}], "model": "' + b"x" * 500_000 + b'"}', None),
        (b"x" * (2**20 + 1), 413),
        (b"\xff\xfe\0\0", 422),
        (b"", 422),
    ],
)
def test_odd_bodies_are_refused(guarded: Guarded, body: bytes, status: int | None) -> None:
    answer = guarded.score(f"Bearer {guarded.keys['score']}", body)
    assert 400 <= answer.status < 500, answer
    assert status in (None, answer.status), answer
    assert len(answer.body) < 2000, "it is not said again"
    guarded.lives()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/switch/bank/trip", b'{"reason": "' + b"x" * 2**20 + b'"}', 413),
        ("/v1/switch/bank/trip", b"[" * 60_000, None),
        ("/v1/switch/bank/trip", b'{"reason": "\\ud800"}', None),
        ("/v1/switch/bank/trip", b'{"reason": "x", "\\ud800": 1}', 422),
        ("/v1/models/bank/promote", b'{"version": 1e400}', 422),
        ("/v1/models/bank/promote", b'{"version": ' + b"9" * 5000 + b"}", None),
        ("/v1/models/bank/promote", b'{"version": 99999999999999999999}', None),
        ("/v1/models/%2e%2e%2f%2e%2e/promote", b'{"version": 1}', None),
        ("/v1/models/bank%00/promote", b'{"version": 1}', None),
        ("/v1/models/%ff%fe/promote", b'{"version": 1}', None),
    ],
)
def test_odd_orders_are_refused(guarded: Guarded, path: str, body: bytes, status: int | None) -> None:
    answer = guarded.ask(path, "POST", body, Authorization=f"Bearer {guarded.keys['admin']}")
    assert 400 <= answer.status < 500, answer
    assert status in (None, answer.status), answer
    guarded.lives()


def test_nobody_fills_the_memory_without_showing_who_they_are(guarded: Guarded) -> None:
    before = memory(guarded.service)
    for path in ("/v1/switch/bank/trip", SCORE):
        with sent(guarded, path, f"Content-Length: {10**9}\r\n", None) as talk:
            try:
                for _ in range(2000):
                    talk.sendall(bytes(10**5))
            except OSError:
                pass  # it has hung up
    assert memory(guarded.service) < before + 100_000_000
    guarded.lives()


def memory(service: Running) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def sent(guarded: Guarded, path: str, headers: str, key: str | None, body: bytes = b"") -> socket.socket:
    """A connection on which the head of a request, and a part of its body, were sent."""
    talk = socket.create_connection(("127.0.0.1", guarded.service.port), timeout=PATIENCE)
    shown = f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{shown}{headers}\r\n"
    talk.sendall(head.encode() + body)
    return talk


def status_line(talk: socket.socket) -> bytes:
    with talk.makefile("rb") as answer:
        return answer.readline()


@pytest.mark.parametrize(("path", "key"), [(SCORE, "score"), ("/v1/switch/bank/trip", "admin")])
def test_a_body_that_does_not_come_is_not_waited_for(guarded: Guarded, path: str, key: str) -> None:
    with sent(guarded, path, "Content-Length: 100\r\n", guarded.keys[key], b'{"fea') as talk:
        assert b" 408 " in status_line(talk)
    guarded.lives()


def test_a_body_that_is_cut_off_leaves_nothing_behind(guarded: Guarded) -> None:
    for path, key in ((SCORE, "score"), ("/v1/switch/bank/trip", "admin"), (SCORE, None)):
        for body in (b"", b"{", b'{"reason": "x"'):
            key_shown = guarded.keys[key] if key else None
            with sent(guarded, path, "Content-Length: 100\r\n", key_shown, body) as talk:
                talk.shutdown(socket.SHUT_WR)
    state = json.loads(guarded.ask("/v1/switch/bank", Authorization=f"Bearer {guarded.keys['score']}").body)
    assert state["position"] == "closed"
    guarded.lives()


def test_slow_clients_hold_up_nobody_else(guarded: Guarded) -> None:
    slow = [socket.create_connection(("127.0.0.1", guarded.service.port)) for _ in range(200)]
    try:
        for number, talk in enumerate(slow):
            talk.sendall(POST[: number % 40])
        guarded.lives()
    finally:
        for talk in slow:
            talk.close()
    guarded.lives()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\xff" * 100,
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    ],
)
def test_what_is_no_request_is_answered_by_no_score(guarded: Guarded, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", guarded.service.port), timeout=PATIENCE) as talk:
        talk.sendall(head)
        answer = talk.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 4")
    guarded.lives()


# How often ---------------------------------------------------------------------------


def test_who_calls_too_often_is_told_when_to_come_back(bank: Bank, tmp_path: Path) -> None:
    environment = state_in(tmp_path)
    made = make(environment, "often", "seldom")
    options = ("--auth", "keys", "--rate-limit", "5/hour")
    with running(tmp_path, *options, env=environment, store=bank.store) as service:
        limited = Guarded(service, Issuer(), made, environment)
        models = [limited.ask("/v1/models", Authorization=f"Bearer {made['often']}") for _ in range(7)]
        assert [answer.status for answer in models] == [200] * 5 + [429] * 2
        assert models[-1].code == "too_many_requests"
        assert 0 < int(models[-1].headers["Retry-After"]) <= 3600
        # another's requests are counted apart, and so are those of who guesses keys
        assert limited.ask("/v1/models", Authorization=f"Bearer {made['seldom']}").status == 200
        guesses = [limited.ask("/v1/models", Authorization=f"Bearer {made['often'][:-1]}!") for _ in range(7)]
        assert [answer.status for answer in guesses] == [401] * 5 + [429] * 2
        assert limited.ask("/v1/models", Authorization=f"Bearer {made['seldom']}").status == 200
        assert limited.ask("/livez").status == 200


def test_nobody_is_let_in_while_the_state_is_away(bank: Bank, tmp_path: Path) -> None:
    environment = state_in(tmp_path)
    key = make(environment, "desk")["desk"]
    with running(tmp_path, "--auth", "keys", env=environment, store=bank.store) as service:
        asking = Guarded(service, Issuer(), {"score": key}, environment)
        assert asking.ask("/v1/models", Authorization=f"Bearer {key}").status == 200
        (tmp_path / "state.db").unlink()
        closed = eventually(
            lambda: [a for a in [asking.ask("/v1/models", Authorization=f"Bearer {key}")] if a.status == 503],
            lambda: "it lets them in for ever",
        )
        assert closed[0].headers["Retry-After"]
        assert str(tmp_path).encode() not in closed[0].body
        assert asking.ask("/livez").status == 200
