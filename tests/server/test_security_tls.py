"""Mutual TLS as a gate: who shows no certificate of the authority does not get as far as a route."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Bank
from tests.server.certificates import Authority
from tests.server.conftest import PATIENCE, Running, running


class Gated(NamedTuple):
    service: Running
    ours: Authority
    others: Authority


@pytest.fixture(scope="module")
def gated(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    folder = tmp_path_factory.mktemp("gated")
    ours, others = Authority(folder, "ours"), Authority(folder, "others")
    certificate, key = ours.sign("server")
    tls = ("--ssl-certfile", certificate, "--ssl-keyfile", key, "--ssl-ca-certs", ours.file)
    environment = {"SCOREKIT_DATABASE_URL": f"sqlite:///{folder}/state.db"}
    with running(folder, *tls, "--ssl-cert-reqs", "required", env=environment, store=bank.store) as service:
        service.wait_for("ready")
        yield Gated(service, ours, others)


def status(gated: Gated, certificate: tuple[Path, Path] | None, **versions: ssl.TLSVersion) -> int | None:
    """What a client is answered; None where the connection is not taken."""
    context = ssl.create_default_context(cafile=str(gated.ours.file))
    for name, version in versions.items():
        setattr(context, name, version)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    connection = http.client.HTTPSConnection(
        "127.0.0.1", gated.service.port, timeout=PATIENCE, context=context
    )
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_a_certificate_of_the_authority_opens_the_gate(gated: Gated) -> None:
    assert status(gated, gated.ours.sign("client")) == 200


def test_nothing_else_does(gated: Gated) -> None:
    assert status(gated, None) is None
    assert status(gated, gated.others.sign("stranger")) is None
    assert status(gated, gated.ours.sign("late", days=-1)) is None
    assert status(gated, gated.ours.sign("client")) == 200


def test_old_versions_of_tls_are_not_spoken(gated: Gated) -> None:
    client = gated.ours.sign("client")
    assert status(gated, client, minimum_version=ssl.TLSVersion.TLSv1_2) == 200
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    with pytest.warns(DeprecationWarning, match="TLS"):
        assert status(gated, client, **old) is None


def test_the_service_shows_whose_it_is(gated: Gated) -> None:
    context = ssl.create_default_context(cafile=str(gated.others.file))
    connection = http.client.HTTPSConnection("127.0.0.1", gated.service.port, timeout=10, context=context)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/livez")
