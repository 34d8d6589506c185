"""A bucket as a store: who may use it, and what happens when it does not answer."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

from scorekit.errors import ScorekitError, Unreachable, UsageError
from scorekit.store.versions import Ref, Store
from tests.store.raw import Raw
from tests.store.test_versions import publish

ROLE = "arn:aws:iam::123456789012:role/scorer"
SECRETS = ("AKIAEXAMPLE", "wJalrEXAMPLEKEY")


def failure(action: Any) -> ScorekitError:
    """The error of an action, which names no secret."""
    with pytest.raises(ScorekitError) as caught:
        action()
    assert not any(secret in f"{caught.value} {caught.value.hint}" for secret in SECRETS)
    return caught.value


def test_a_claim_whose_publisher_died_costs_a_number_only(bucket: str) -> None:
    store = Store.open(f"s3://{bucket}/m")
    raw = Raw(f"s3://{bucket}/m")
    raw.write("bank/.claims/1", b"")
    raw.write("bank/1/card.md", b"half")
    assert store.names() == []
    assert publish(store) == Ref("bank", 2)
    assert store.versions("bank") == [2]
    assert store.resolve("bank") == Ref("bank", 2)


def test_a_store_copied_without_its_claims_goes_on_counting(bucket: str) -> None:
    store = Store.open(f"s3://{bucket}/m")
    for _ in range(3):
        publish(store)
    raw = Raw(f"s3://{bucket}/m")
    for path in raw.everything():
        if "/.claims/" in path:
            raw.delete(path)
    assert publish(store) == Ref("bank", 4)


def test_a_store_fills_a_bucket_or_a_prefix(bucket: str) -> None:
    publish(Store.open(f"s3://{bucket}"), "whole")
    publish(Store.open(f"s3://{bucket}/some/prefix/"), "part")
    assert Store.open(f"s3://{bucket}/").names() == ["whole"]
    assert Store.open(f"s3://{bucket}/some/prefix").names() == ["part"]
    assert Store.open(f"s3://{bucket}/some/pre").names() == []


def test_more_versions_than_a_listing_has_on_a_page(bucket: str) -> None:
    raw = Raw(f"s3://{bucket}/m")
    for version in range(1, 1102):
        raw.write(f"bank/{version}/manifest.json", b"{}")
    assert Store.open(f"s3://{bucket}/m").versions("bank") == list(range(1, 1102))


def test_no_such_bucket(aws: str) -> None:
    store = Store.open("s3://no-such-bucket-here/m")
    for action in (store.names, lambda: store.resolve("bank"), lambda: publish(store)):
        error = failure(action)
        assert isinstance(error, Unreachable)
        assert "s3://no-such-bucket-here/m cannot be reached: there is no such bucket" in error.message


def test_an_endpoint_where_nobody_listens(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        started = time.monotonic()
        error = failure(lambda: Store.open("s3://bucket/m").resolve("bank"))
    assert isinstance(error, Unreachable)
    assert error.exit_code == 7
    assert "the store s3://bucket/m cannot be reached: no connection" in error.message
    assert "AWS_ENDPOINT_URL" in str(error.hint)
    assert time.monotonic() - started < 60, "seconds were meant, not minutes"


def test_an_endpoint_whose_name_nobody_knows(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
    error = failure(lambda: Store.open("s3://bucket/m").names())
    assert isinstance(error, Unreachable)
    assert "s3://bucket/m" in error.message


def test_an_endpoint_that_never_answers(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorekit.s3.connection.READ_TIMEOUT", timedelta(seconds=0.5))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        error = failure(lambda: Store.open("s3://bucket/m").resolve("bank"))
    assert isinstance(error, Unreachable)
    assert "did not answer in time" in error.message


@pytest.fixture
def enforced(endpoint: str) -> Iterator[None]:
    """The server looks at who asks; made so before anything else is asked by the test."""
    yield
    _authorize_after(endpoint, "inf")


def _authorize_after(endpoint: str, count: str) -> None:
    address, plain = f"{endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(address, count.encode(), plain)).close()


def _allow(*actions: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
        }
    )


@pytest.fixture
def scorer_role(aws: str, bucket: str, enforced: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user who may only assume a role, the role that may use S3, and a server that minds."""
    iam = boto3.client("iam", region_name="us-east-1")
    user = f"user-{bucket}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="assume", PolicyDocument=_allow("sts:AssumeRole"))
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    if "scorer" not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
        iam.create_role(RoleName="scorer", AssumeRolePolicyDocument=_allow("sts:AssumeRole"))
        iam.put_role_policy(RoleName="scorer", PolicyName="s3", PolicyDocument=_allow("s3:*"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    _authorize_after(aws, "0")
    return ROLE


def test_the_assumed_role_may_what_its_user_may_not(
    scorer_role: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = failure(lambda: Store.open(f"s3://{bucket}/m").resolve("bank"))
    assert isinstance(error, Unreachable)
    assert "access denied (AccessDenied)" in error.message
    assert "credentials" in str(error.hint)
    monkeypatch.setenv("SCOREKIT_AWS_ROLE_ARN", scorer_role)
    store = Store.open(f"s3://{bucket}/m")
    ref = publish(store)
    assert store.verify(ref).ok


def test_a_role_that_may_not_be_assumed(
    scorer_role: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("SCOREKIT_AWS_ROLE_ARN", scorer_role)
    error = failure(lambda: Store.open(f"s3://{bucket}/m").names())
    assert isinstance(error, Unreachable)
    assert f"AWS refused the role {ROLE}: InvalidClientTokenId" in error.message
    assert "check the role" in str(error.hint)


def test_wrong_keys(scorer_role: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    error = failure(lambda: publish(Store.open(f"s3://{bucket}/m")))
    assert isinstance(error, Unreachable)
    assert "access denied" in error.message


class Sts(BaseHTTPRequestHandler):
    """STS as moto plays it, but with an external id asked for, and credentials for a minute."""

    moto: str
    asked: list[dict[str, list[str]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(parse_qs(body.decode()))
        wanted = self.asked[-1].get("ExternalId") == ["tenant-7"]
        if wanted:
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type", "X-Amz-Date")}
            with urllib.request.urlopen(urllib.request.Request(self.moto, body, headers)) as answer:
                content = answer.read()
            soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
            head, rest = content.split(b"<Expiration>")
            content = head + b"<Expiration>" + soon.encode() + rest[rest.index(b"</Expiration>") :]
        else:
            content = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        self.send_response(200 if wanted else 403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *message: object) -> None:
        pass


@pytest.fixture
def sts(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Sts]]:
    handler = type("OwnSts", (Sts,), {"moto": aws, "asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()


def test_assumed_credentials_are_renewed_before_they_end(
    sts: type[Sts], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREKIT_AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("SCOREKIT_AWS_EXTERNAL_ID", "tenant-7")
    monkeypatch.setenv("SCOREKIT_AWS_SESSION_NAME", "nightly")
    store = Store.open(f"s3://{bucket}/m")
    for _ in range(3):
        publish(store)
        time.sleep(0.2)
    assert store.versions("bank") == [1, 2, 3]
    assert len(sts.asked) >= 3
    assert sts.asked[0]["RoleArn"] == [ROLE]
    assert sts.asked[0]["RoleSessionName"] == ["nightly"]


def test_a_role_refused_for_want_of_its_external_id(
    sts: type[Sts], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREKIT_AWS_ROLE_ARN", ROLE)
    error = failure(lambda: Store.open(f"s3://{bucket}/m").names())
    assert isinstance(error, Unreachable)
    assert f"AWS refused the role {ROLE}: AccessDenied" in error.message
    assert sts.asked[0]["RoleSessionName"] == ["scorekit"]


def test_an_sts_that_cannot_be_reached(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("SCOREKIT_AWS_ROLE_ARN", ROLE)
    error = failure(lambda: Store.open(f"s3://{bucket}/m").names())
    assert isinstance(error, Unreachable)
    assert "no credentials from the role" in error.message


@pytest.mark.parametrize("default", [True, False])
def test_a_profile(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, *, default: bool
) -> None:
    file = tmp_path / "credentials"
    name = "default" if default else "prod"
    file.write_text(f"[{name}]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    if not default:
        monkeypatch.setenv("AWS_PROFILE", name)
    assert publish(Store.open(f"s3://{bucket}/m")) == Ref("bank", 1)


def test_no_such_profile(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    error = failure(lambda: Store.open(f"s3://{bucket}/m").names())
    assert isinstance(error, UsageError)
    assert error.message == "no such AWS profile: prod"


def test_no_credentials_at_all(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        error = failure(lambda: Store.open(f"s3://{bucket}/m").names())
    assert isinstance(error, Unreachable)
    assert "no AWS credentials were found" in error.message
    assert "AWS_PROFILE" in str(error.hint)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_keys_in_the_environment_need_no_boto3(bucket: str) -> None:
    publish(Store.open(f"s3://{bucket}/m"))
    said = run(
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "from scorekit.store.versions import Store\n"
        f"store = Store.open('s3://{bucket}/m'); ref = store.resolve('bank'); store.manifest(ref)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(ref, *loaded & {'pandas', 'sklearn', 'cryptography'})"
    )
    assert said.split() == ["bank:1"]


@pytest.mark.parametrize("variable", ["SCOREKIT_AWS_ROLE_ARN", "AWS_PROFILE"])
def test_what_needs_boto3_says_so(bucket: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    said = run(
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "from scorekit.store.versions import Store; from scorekit.errors import UsageError\n"
        f"try: Store.open('s3://{bucket}/m').names()\n"
        "except UsageError as error: print(error.hint)"
    )
    assert said == "pip install 'scorekit[aws]'\n"
