"""Tokens of an issuer: which are taken, which are not, and what is known when it changes its keys."""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from scorekit.access import jwks, tokens
from scorekit.access.settings import ALGORITHMS, TokenSettings
from scorekit.access.tokens import TokenVerifier
from scorekit.errors import NotAuthenticated, Unreachable
from tests.access.issuer import AUDIENCE, Issuer, encoded, make_key, serving


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    with serving(made):
        yield made


def verifier(issuer: Issuer, /, **changed: Any) -> TokenVerifier:
    return TokenVerifier(TokenSettings(**{"issuer": issuer.url, "audience": (AUDIENCE,), **changed}))


def refused(verifier: TokenVerifier, token: str) -> str | None:
    """Why it is refused."""
    try:
        verifier.identify(token)
    except NotAuthenticated as error:
        said = error
    else:
        return None
    assert (said.code, said.http_status) == ("bad_credentials", 401)
    assert not any(len(part) > 20 and part in said.message for part in token.split("."))
    return said.message


def rewritten(token: str, part: int, **changes: Any) -> str:
    """A token whose header (0) or claims (1) were changed, and its signature was not."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = encoded({**content, **changes})
    return ".".join(parts)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_asymmetric_signature_is_taken(issuer: Issuer, algorithm: str) -> None:
    issuer.keys = [make_key(algorithm), make_key("ES256", "another")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a library that finds an algorithm's name old says so to nobody
        caller = verifier(issuer).identify(issuer.token(algorithm=algorithm))
    assert (caller.id, caller.name, caller.scopes) == ("jwt:ada", "ada", {"score"})


def test_an_algorithm_that_was_not_chosen_is_not_taken(issuer: Issuer) -> None:
    issuer.keys = [make_key("RS256"), make_key("ES256", "other")]
    chosen = verifier(issuer, algorithms=("ES256",))
    assert refused(chosen, issuer.token(make_key("RS256"), "RS256"))
    assert refused(chosen, issuer.token(make_key("ES256", "other"), "ES256")) is None


CHANGED: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://eve.example"},
    "of an issuer that is called alike": {"iss": "http://127.0.0.1"},
    "of a list of issuers": {"iss": ["x"]},
    "without an issuer": {"iss": None},
    "for somebody else": {"aud": "another service"},
    "for others": {"aud": ["another", "service"]},
    "for nobody": {"aud": None},
    "for an audience that holds ours": {"aud": "not scorekit"},
    "expired": {"exp": int(time.time()) - 60},
    "without an end": {"exp": None},
    "with an end that is none": {"exp": "tomorrow"},
    "with an end that is true": {"exp": True},
    "that ends never": {"exp": float("inf")},
    "that ends at no number": {"exp": float("nan")},
    "not good yet": {"nbf": int(time.time()) + 3600},
    "made in the future": {"iat": int(time.time()) + 3600},
    "of nobody": {"sub": None},
    "of no name": {"sub": ""},
    "of a number": {"sub": 7},
    "of a name with a line break": {"sub": "ada\nroot"},
    "of a very long name": {"sub": 256 * "x"},
}


@pytest.mark.parametrize("claims", CHANGED.values(), ids=CHANGED)
def test_a_token_is_not_taken(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert refused(verifier(issuer), issuer.token(**claims))


HEADERS: dict[str, dict[str, Any]] = {
    "a note of a logout": {"typ": "logout+jwt"},
    "a token of encryption": {"typ": "dpop+jwt"},
    "something that has to be understood": {"crit": ["exp"], "exp": 1},
    "a key that the issuer does not have": {"kid": "another"},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_token_with_another_header_is_not_taken(issuer: Issuer, header: dict[str, Any]) -> None:
    assert refused(verifier(issuer), issuer.token(header=header))


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": None}, {"kid": None}, {"x5t": "abc", "own": "x"}]
)
def test_headers_that_do_no_harm(issuer: Issuer, header: dict[str, Any]) -> None:
    assert refused(verifier(issuer), issuer.token(header=header)) is None


def test_clocks_may_differ_a_little(issuer: Issuer) -> None:
    now = int(time.time())
    assert refused(verifier(issuer), issuer.token(exp=now - 5, nbf=now + 5, iat=now + 5)) is None
    assert refused(verifier(issuer, leeway=timedelta(0)), issuer.token(exp=now - 5))


# Forged ------------------------------------------------------------------------------


def test_a_token_without_a_signature_is_not_taken(issuer: Issuer) -> None:
    head, claims, signature = issuer.token().split(".")
    for algorithm in ("none", "None", "NONE", "nOnE"):
        forged = encoded({"alg": algorithm, "typ": "JWT"})
        for end in ("", signature, "AAAA"):
            assert refused(verifier(issuer), f"{forged}.{claims}.{end}")
    assert refused(verifier(issuer), f"{head}.{claims}.")
    assert refused(verifier(issuer), f"{head}.{claims}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_secret_to_sign_with(issuer: Issuer, algorithm: str) -> None:
    key = make_key("RS256")
    issuer.keys = [key]
    _, claims, _ = issuer.token(algorithm="RS256").split(".")
    signed = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': key.kid})}.{claims}"
    for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode(), b""):
        forged = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
        assert refused(verifier(issuer), f"{signed}.{encoded(forged)}")


def test_a_shared_secret_among_the_keys_is_not_used(issuer: Issuer) -> None:
    shared = OctKey.generate_key(256, {"kid": "shared"})
    issuer.documents["/keys"] = {"keys": [shared.as_dict(private=True), make_key().as_dict(private=False)]}
    assert refused(verifier(issuer), issuer.token(shared, "HS256"))
    assert refused(verifier(issuer), issuer.token()) is None


def test_a_key_that_the_token_brings_along_is_not_used(issuer: Issuer) -> None:
    eve = make_key("ES256", "eve")
    elsewhere = Issuer()
    elsewhere.keys = [eve]
    with serving(elsewhere):
        for header in (
            {"jwk": eve.as_dict(private=False)},
            {"jwk": eve.as_dict(private=False), "kid": None},
            {"jku": f"{elsewhere.url}/keys"},
            {"x5u": f"{elsewhere.url}/keys", "kid": "one"},
        ):
            assert refused(verifier(issuer), issuer.token(eve, header=header))
    assert elsewhere.asked == []


def test_another_key_of_the_same_name_signs_nothing(issuer: Issuer) -> None:
    imposter = type(make_key()).generate_key("P-256", {"kid": "one"})
    assert refused(verifier(issuer), issuer.token(imposter))


def test_a_key_is_used_for_its_own_algorithm_only(issuer: Issuer) -> None:
    key = make_key("RS256")
    issuer.documents["/keys"] = {"keys": [{**key.as_dict(private=False), "alg": "RS256"}]}
    assert refused(verifier(issuer), issuer.token(key, "RS256")) is None
    assert refused(verifier(issuer), issuer.token(key, "PS256"))
    issuer.documents["/keys"] = {"keys": [{**key.as_dict(private=False), "use": "enc"}]}
    with pytest.raises(Unreachable):
        verifier(issuer).identify(issuer.token(key, "RS256"))


def test_a_key_that_can_be_broken_is_not_used(issuer: Issuer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
        issuer.documents["/keys"] = {"keys": [weak.as_dict(private=False), make_key().as_dict(private=False)]}
        assert refused(verifier(issuer), issuer.token(weak, "RS256"))


@pytest.mark.parametrize("part", [0, 1])
def test_what_is_signed_cannot_be_changed(issuer: Issuer, part: int) -> None:
    token = issuer.token()
    assert refused(verifier(issuer), rewritten(token, part, scope="admin"))
    assert refused(verifier(issuer), rewritten(token, part, alg="RS256"))


@pytest.fixture(scope="module")
def ready() -> Iterator[tuple[Issuer, TokenVerifier]]:
    made = Issuer()
    with serving(made):
        yield made, verifier(made)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "enc", "x5c", "iss", "aud", "exp", "sub"])


@settings(max_examples=60)
@given(
    header=st.dictionaries(NAMES, ANY_JSON, max_size=4), claims=st.dictionaries(NAMES, ANY_JSON, max_size=4)
)
def test_whatever_a_header_or_claims_hold_nothing_else_is_raised(
    ready: tuple[Issuer, TokenVerifier], header: dict[str, Any], claims: dict[str, Any]
) -> None:
    issuer, verifier = ready
    token = issuer.token()
    assert refused(verifier, rewritten(token, 0, **{"kid": "another", **header, "alg": "ES256", "more": 1}))
    _, original, signature = token.split(".")
    assert refused(verifier, f"{encoded(header)}.{original}.{signature}")
    assert refused(verifier, f"{encoded({'alg': 'ES256', **header})}.{encoded(claims)}.{signature}")


@given(claims=st.dictionaries(NAMES, ANY_JSON, max_size=4))
def test_whatever_is_signed_nothing_else_is_raised(
    ready: tuple[Issuer, TokenVerifier], claims: dict[str, Any]
) -> None:
    issuer, verifier = ready
    refused(verifier, issuer.token(**claims))


@given(
    text=st.text(max_size=40)
    | st.lists(st.binary(max_size=20).map(encoded), min_size=3, max_size=3).map(".".join)
)
def test_what_is_no_token_is_not_taken(ready: tuple[Issuer, TokenVerifier], text: str) -> None:
    assert refused(ready[1], text)


@pytest.mark.parametrize(
    "content", [b"[" * 3000, b'{"a":' * 600, b"\xff\xfe", b"null", b"[]", b'{"alg":"ES256"}' * 2]
)
def test_odd_headers(ready: tuple[Issuer, TokenVerifier], content: bytes) -> None:
    assert refused(ready[1], f"{encoded(content)}.e30.e30")
    head = encoded({"alg": "ES256", "kid": "one"})
    assert refused(ready[1], f"{head}.{encoded(content)}.e30")


# Scopes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "claims", "scopes"),
    [
        ({}, {"scope": "openid score train"}, {"score", "train"}),
        ({}, {"scope": ["score", "admin"]}, {"score", "admin"}),
        ({}, {"scope": None}, set()),
        ({}, {"scope": "Score ADMIN administrator"}, set()),
        ({}, {"scope": {"score": True}}, set()),
        ({}, {"scope": 7}, set()),
        ({}, {"scope": ["score", 7, None]}, {"score"}),
        ({"scopes_claim": "scp"}, {"scope": "admin", "scp": "score"}, {"score"}),
        ({"scopes_claim": "roles"}, {"roles": ["train"]}, {"train"}),
        ({"scopes_claim": "realm_access.roles"}, {"realm_access": {"roles": ["train"]}}, {"train"}),
        ({"scopes_claim": "https://x.example/roles"}, {"https://x.example/roles": ["train"]}, {"train"}),
        ({"scopes_claim": "a.b.c"}, {"a": {"b": "score"}}, set()),
        ({"scope_prefix": "ml:"}, {"scope": "ml:score train ml:fly"}, {"score"}),
    ],
)
def test_scopes_are_those_of_the_claim(
    issuer: Issuer, changed: dict[str, Any], claims: dict[str, Any], scopes: set[str]
) -> None:
    caller = verifier(issuer, **changed).identify(issuer.token(**claims))
    assert caller.scopes == scopes


def test_one_audience_of_several_is_enough(issuer: Issuer) -> None:
    several = verifier(issuer, audience=("scorekit", "scores"))
    assert several.identify(issuer.token(aud=["another", "scores"])).name == "ada"


# The issuer's keys -------------------------------------------------------------------


def test_keys_are_fetched_once(issuer: Issuer) -> None:
    once = verifier(issuer)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: once.identify(issuer.token(sub=f"user {number}")), range(40)))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_new_key_of_the_issuer_is_taken_at_once(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "AGAIN", 0.0)
    taking = verifier(issuer)
    taking.identify(issuer.token())
    issuer.keys.append(make_key("ES256", "two"))
    assert taking.identify(issuer.token(make_key("ES256", "two"))).name == "ada"


def test_keys_that_were_made_up_are_not_asked_for_more_than_every_half_minute(issuer: Issuer) -> None:
    assert jwks.AGAIN >= 30
    taking = verifier(issuer)
    taking.identify(issuer.token())
    for number in range(50):
        assert refused(taking, issuer.token(header={"kid": f"made up {number}"}))
    assert len(issuer.asked) == 2


def test_a_key_that_the_issuer_took_away_is_taken_no_more(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "AGAIN", 0.0)
    monkeypatch.setattr(tokens, "KEPT", 0.0)
    taking = verifier(issuer, refresh=timedelta(seconds=0.2))
    stolen = issuer.token()
    taking.identify(stolen)
    issuer.keys = [make_key("ES256", "two")]
    time.sleep(0.3)
    assert refused(taking, stolen)
    assert refused(taking, issuer.token()) is None


def test_keys_are_kept_while_the_issuer_is_away_and_not_for_ever(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "AGAIN", 0.0)
    monkeypatch.setattr(jwks, "RETRY", 0.0)
    monkeypatch.setattr(tokens, "KEPT", 0.0)
    taking = verifier(issuer, refresh=timedelta(milliseconds=1), keep=timedelta(seconds=3))
    taking.identify(issuer.token())
    fetched = time.monotonic()
    issuer.away = True
    for _ in range(3):
        token = issuer.token()
        if time.monotonic() < fetched + 2:
            assert refused(taking, token) is None
    time.sleep(max(0.0, fetched + 3.1 - time.monotonic()))
    with pytest.raises(Unreachable, match="answered 503") as error:
        taking.identify(issuer.token())
    assert (error.value.code, error.value.http_status) == ("token_keys", 503)
    issuer.away = False
    assert refused(taking, issuer.token()) is None


def test_an_issuer_that_was_never_there(issuer: Issuer) -> None:
    waiting = verifier(issuer, issuer="http://127.0.0.1:9")
    for _ in range(3):
        with pytest.raises(Unreachable, match="refused the connection"):
            waiting.identify(issuer.token())


REPLIES: dict[str, tuple[str, Any]] = {
    "is not of the issuer": ("/.well-known/openid-configuration", {"issuer": "https://eve.example"}),
    "is not of the issuer ": ("/.well-known/openid-configuration", ["issuer"]),
    "http:// is for this machine only": (
        "/.well-known/openid-configuration",
        {"issuer": "", "jwks_uri": "http://eve.example/keys"},
    ),
    "should be an address": (
        "/.well-known/openid-configuration",
        {"issuer": "", "jwks_uri": "file:///etc/passwd"},
    ),
    "holds no JSON": ("/keys", b"<html>"),
    "holds no JSON ": ("/keys", b"[" * 100_000),
    "no set of keys": ("/keys", {"key": []}),
    "holds no key": ("/keys", {"keys": [{"kty": "oct", "k": "AAAA"}, {"kty": "EC"}, 7, None, {}]}),
    "too large": ("/keys", b'{"keys": ["' + b"x" * (1 << 20) + b'"]}'),
}


@pytest.mark.parametrize("said", REPLIES)
def test_what_is_no_answer_of_an_issuer_is_not_gone_by(issuer: Issuer, said: str) -> None:
    path, reply = REPLIES[said]
    if isinstance(reply, dict) and reply.get("issuer") == "":
        reply = {**reply, "issuer": issuer.url}
    issuer.documents[path] = reply
    with pytest.raises(Unreachable, match=said.strip()):
        verifier(issuer).identify(issuer.token())


def test_no_redirect_is_followed(issuer: Issuer) -> None:
    def elsewhere(handler: Any) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{issuer.url}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    issuer.documents["/keys"] = elsewhere
    with pytest.raises(Unreachable, match="answered 302"):
        verifier(issuer).identify(issuer.token())
    assert "/elsewhere" not in issuer.asked


def test_an_issuer_that_answers_drop_by_drop_holds_nobody_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            for _ in range(600):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    monkeypatch.setattr(jwks, "TIMEOUT", 0.5)
    issuer.documents["/keys"] = slowly
    with pytest.raises(Unreachable, match="too slowly"):
        verifier(issuer).identify(issuer.token())


def test_keys_in_a_file(issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "AGAIN", 0.0)
    monkeypatch.setattr(jwks, "RETRY", 0.0)
    file = tmp_path / "keys.json"
    taking = verifier(issuer, jwks_file=str(file))
    with pytest.raises(Unreachable, match="No such file"):
        taking.identify(issuer.token())
    file.write_text(json.dumps(issuer.answer("/keys")))
    assert refused(taking, issuer.token()) is None
    file.write_text(json.dumps({"keys": [make_key("ES256", "two").as_dict(private=False)]}))
    assert refused(taking, issuer.token(make_key("ES256", "two"))) is None
    assert issuer.asked == []


# Tokens that were verified before ----------------------------------------------------


def test_a_token_that_was_verified_is_known(issuer: Issuer) -> None:
    taking, token = verifier(issuer), issuer.token()
    assert taking.known(token) is None
    caller = taking.identify(token)
    assert taking.known(token) == caller
    assert taking.known(rewritten(token, 1, scope="admin")) is None
    assert tokens.KEPT <= 60


def test_a_token_is_known_no_longer_than_it_is_good(issuer: Issuer) -> None:
    taking = verifier(issuer, leeway=timedelta(0))
    token = issuer.token(exp=int(time.time()) + 2)
    taking.identify(token)
    time.sleep(2.1)
    assert taking.known(token) is None
    assert refused(taking, token) == "the token is not taken: it has expired"


def test_no_more_tokens_are_remembered_than_there_is_room_for(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_KEPT", 5)
    taking = verifier(issuer)
    made = [issuer.token(sub=f"user {number}") for number in range(8)]
    for token in made:
        taking.identify(token)
    assert [taking.known(token) is not None for token in made] == [False] * 3 + [True] * 5
