"""TLS: servers that show a certificate, and ask for one."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, Producer

from scorekit.errors import Unreachable
from scorekit.feeds.kafka_settings import consumer_settings, producer_settings
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect, parse
from tests.feeds.acting import BATCH, answer, take
from tests.feeds.brokers import Place, RabbitPlace, RedisPlace
from tests.feeds.nats_server import NatsPlace, own_nats
from tests.feeds.servers import free_port, own_rabbit, own_redis
from tests.server.certificates import Authority


class Files(NamedTuple):
    """What an authority signed for a server and for a client, and an authority nobody knows."""

    ca: Path
    cert: Path
    key: Path
    client_cert: Path
    client_key: Path
    stranger: Path


class Secured(NamedTuple):
    """A server that takes nobody at its port who shows no certificate."""

    place: Place
    port: int
    files: Files

    def secure(self, uri: str, *, host: str = "127.0.0.1", **files: Path) -> str:
        """An address with TLS, and files of certificates."""
        scheme, _, rest = uri.replace("127.0.0.1", host).partition("://")
        options = "".join(f"&tls-{name}={file}" for name, file in files.items())
        return f"{scheme}s://{rest}{'' if '?' in rest else '?retry-seconds=2'}{options}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    return Files(ours.file, *ours.sign("server"), *ours.sign("client"), other.file)


Found = tuple[Place, int]
"""Names at a server, and its port with TLS."""


@contextmanager
def redis_with_tls(files: Files) -> Iterator[Found]:
    port = free_port()
    shown = ("--tls-cert-file", files.cert, "--tls-key-file", files.key, "--tls-ca-cert-file", files.ca)
    with own_redis("--tls-port", str(port), *map(str, shown), "--tls-auth-clients", "yes") as server:
        yield RedisPlace("127.0.0.1", server.port), port


@contextmanager
def rabbit_with_tls(files: Files) -> Iterator[Found]:
    port = free_port()
    settings = {
        "cacertfile": files.ca,
        "certfile": files.cert,
        "keyfile": files.key,
        "verify": "verify_peer",
        "fail_if_no_peer_cert": "true",
    }
    shown = (f"ssl_options.{name} = {value}" for name, value in settings.items())
    with own_rabbit(f"listeners.ssl.default = 127.0.0.1:{port}", *shown) as plain:
        yield RabbitPlace("127.0.0.1", plain), port


@contextmanager
def nats_with_tls(files: Files) -> Iterator[Found]:
    shown = f"cert_file: '{files.cert}', key_file: '{files.key}', ca_file: '{files.ca}', verify: true"
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.client_cert, files.client_key)
    with own_nats(config=f"tls: {{ {shown} }}\n") as server:
        yield NatsPlace("127.0.0.1", server.port, context), server.port


SERVERS = {"redis": redis_with_tls, "rabbit": rabbit_with_tls, "nats": nats_with_tls}


@pytest.fixture(scope="module", params=SERVERS)
def secured(request: pytest.FixtureRequest, files: Files) -> Iterator[Secured]:
    with SERVERS[request.param](files) as (place, port):
        yield Secured(place, port, files)
        place.clean()


def test_messages_pass_between_those_who_show_their_certificates(secured: Secured) -> None:
    place, files = secured.place, secured.files
    shown = {"ca": files.ca, "cert": files.client_cert, "key": files.client_key}
    place.publish([b"a"])
    source = connect(secured.secure(place.source_uri(secured.port), **shown)).source(BATCH, None)
    sink = connect(secured.secure(place.sink_uri(secured.port), **shown)).sink()
    answer(sink, source, take(source, 1))
    source.close()
    sink.close()
    assert [each.value for each in place.published(1)] == [b"<a>"]


def test_a_server_that_an_unknown_authority_vouches_for_is_refused_at_once(secured: Secured) -> None:
    uri = secured.place.source_uri(secured.port)
    for trusted in ({}, {"ca": secured.files.stranger}):
        with pytest.raises(Unreachable, match="certificate") as caught:
            connect(secured.secure(uri, **trusted)).source(BATCH, None).receive(1, 0, 0)
        assert "tried for" not in caught.value.message
        assert "tls-ca" in (caught.value.hint or "")


def test_a_certificate_of_another_host_is_refused_at_once(secured: Secured) -> None:
    files, uri = secured.files, secured.place.source_uri(secured.port)
    shown = {"ca": files.ca, "cert": files.client_cert, "key": files.client_key}
    with pytest.raises(Unreachable, match="certificate") as caught:
        connect(secured.secure(uri, host="localhost", **shown)).source(BATCH, None).receive(1, 0, 0)
    assert "tried for" not in caught.value.message


def test_a_client_that_shows_no_certificate_hears_so(secured: Secured) -> None:
    uri = secured.secure(secured.place.source_uri(secured.port, retry_seconds=2), ca=secured.files.ca)
    with pytest.raises(Unreachable) as caught:
        connect(uri).source(BATCH, None).receive(1, 0, 0)
    assert "tls-cert" in (caught.value.hint or "")


# Kafka: no cluster of the client library knows TLS or users -----------------------------


def test_what_an_address_says_of_tls_and_of_users_is_what_kafkas_client_is_told(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREKIT_KAFKA_USER", "me")
    monkeypatch.setenv("SCOREKIT_KAFKA_PASSWORD", "s3cret")
    tls = f"tls-ca={files.ca}&tls-cert={files.client_cert}&tls-key={files.client_key}"
    address = parse(f"kafkas://host/rows?group=g&sasl=scram-sha-512&{tls}")
    wanted = {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": str(files.ca),
        "ssl.certificate.location": str(files.client_cert),
        "ssl.key.location": str(files.client_key),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "s3cret",
    }
    for told in (
        consumer_settings(address, Patience(), print),
        producer_settings(address, Patience(), print, linger=0),
    ):
        assert {name: told.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("scheme", "user", "protocol"),
    [("kafka", "", "plaintext"), ("kafkas", "", "ssl"), ("kafka", "me:word@", "sasl_plaintext")],
)
def test_kafkas_protocol_is_what_the_address_says(scheme: str, user: str, protocol: str) -> None:
    told = consumer_settings(parse(f"{scheme}://{user}host/rows?group=g"), Patience(), print)
    assert told["security.protocol"] == protocol


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_kafkas_client_takes_what_it_is_told(files: Files, mechanism: str) -> None:
    tls = f"tls-ca={files.ca}&tls-cert={files.client_cert}&tls-key={files.client_key}"
    address = parse(f"kafkas://me:s3cret@127.0.0.1:1/rows?group=g&sasl={mechanism}&{tls}")
    Consumer(consumer_settings(address, Patience(), print)).close()
    Producer(producer_settings(address, Patience(), print, linger=0))
