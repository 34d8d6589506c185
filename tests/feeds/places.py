"""Every broker that is spoken to, and what some of them cannot be asked for in a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.feeds.brokers import Place, RabbitPlace, RedisPlace
from tests.feeds.kafka_cluster import KafkaPlace
from tests.feeds.nats_server import NatsPlace, nats_server, own_nats
from tests.feeds.servers import own_redis, rabbit_server, redis_server

KINDS = ("redis", "rabbit", "nats", "kafka")

CANNOT: Mapping[str, Mapping[str, str]] = {
    "refuse who logs in": {"kafka": "the mock cluster knows no users"},
    "be full": {"kafka": "a topic drops what is old, and refuses nothing"},
}
"""What a broker cannot be asked for, and why; ``docs/brokers.md`` says so, too."""

Server = tuple[str, str, int]


def able(what: str) -> pytest.MarkDecorator:
    """Only with brokers that can do something."""
    kinds = [kind for kind in KINDS if kind not in CANNOT[what]]
    return pytest.mark.parametrize("server", kinds, indirect=True, scope="module")


@contextmanager
def server_of(kind: str) -> Iterator[Server]:
    """A server that runs, else one that is started; Kafka's are started with each place."""
    if kind == "kafka":
        yield kind, "", 0
        return
    found = {"redis": redis_server, "rabbit": rabbit_server, "nats": nats_server}[kind]
    with found() as place:
        yield kind, *place


@contextmanager
def place_at(server: Server) -> Iterator[Place]:
    """Names at a server, with nothing left of them afterwards."""
    kind, *where = server
    made: Place
    if kind == "kafka":
        made = KafkaPlace()
    else:
        made = {"redis": RedisPlace, "rabbit": RabbitPlace, "nats": NatsPlace}[kind](*where)
    try:
        yield made
    finally:
        made.clean()


@contextmanager
def own_place(server: Server) -> Iterator[Place]:
    """Names at a server that a test may starve of memory, and that takes long messages."""
    kind = server[0]
    if kind == "redis":
        with own_redis() as own, place_at((kind, "127.0.0.1", own.port)) as place:
            yield place
    elif kind == "nats":
        with (
            own_nats(config="max_payload: 8MB\n") as roomy,
            place_at((kind, "127.0.0.1", roomy.port)) as place,
        ):
            yield place
    else:
        with place_at(server) as place:
            yield place
