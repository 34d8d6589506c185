"""What the tests put into brokers and find there, without any of our code."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import pika
import redis

from scorekit.feeds.letters import MESSAGE_ID
from scorekit.feeds.rabbit_source import KEY
from tests.feeds.proxy import Proxy


class Found(NamedTuple):
    """A message as it was found."""

    value: bytes
    key: bytes | None
    headers: dict[str, bytes]
    id: str


class Place(Protocol):
    """A broker, and names in it that no other test has.

    Methods
    -------
    proxy
        A network in front of it.
    guarded
        The address of rows with a password that is wrong.
    fill
        Answers find no room from now on; what makes room again.
    """

    kind: str
    host: str
    port: int
    rows: str
    scores: str

    def source_uri(self, port: int | None = None, **options: object) -> str: ...
    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str: ...
    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None: ...
    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]: ...
    def proxy(self) -> Proxy: ...
    @contextmanager
    def guarded(self) -> Iterator[str]: ...
    def fill(self) -> Callable[[], object]: ...
    def clean(self) -> None: ...


def with_login(uri: str) -> str:
    """An address with a user nobody knows."""
    return uri.replace("://", "://nobody:s3cret@")


def uri_of(scheme: str, host: str, port: int, name: str, options: dict[str, object]) -> str:
    pairs = "&".join(f"{key.replace('_', '-')}={quote(str(value))}" for key, value in options.items())
    return f"{scheme}://{host}:{port}/{name}" + (f"?{pairs}" if pairs else "")


class RedisPlace:
    """Streams of a Redis server."""

    kind = "redis"

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self.scores = f"{self.rows}-scores"
        self.client = redis.Redis(host, port)

    def source_uri(self, port: int | None = None, **options: object) -> str:
        options = {"group": "g", "claim_after": 1, **options}
        return uri_of("redis", self.host, port or self.port, self.rows, options)

    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str:
        return uri_of("redis", self.host, port or self.port, name or self.scores, options)

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        together = self.client.pipeline(transaction=False)
        for value in values:
            together.xadd(self.rows, {"value": value, **({"key": key} if key else {}), **headers})
        together.execute()

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        until = time.monotonic() + within
        while (found := self.client.xrange(name or self.scores)) is not None:
            if len(found) >= count or time.monotonic() > until:
                return [self._found(fields) for _, fields in found]
            time.sleep(0.05)
        raise AssertionError

    def proxy(self) -> Proxy:
        return Proxy(self.host, self.port)

    @contextmanager
    def guarded(self) -> Iterator[str]:
        yield with_login(self.source_uri())

    def fill(self) -> Callable[[], object]:
        """Of a server of the test's own: it has no more memory."""
        self.client.config_set("maxmemory-policy", "noeviction")
        self.client.config_set("maxmemory", 1)
        return lambda: self.client.config_set("maxmemory", 0)

    def _found(self, fields: dict[bytes, bytes]) -> Found:
        value, key = fields.pop(b"value"), fields.pop(b"key", None)
        known_by = fields.pop(MESSAGE_ID.encode(), b"").decode()
        return Found(value, key, {name.decode(): content for name, content in fields.items()}, known_by)

    def clean(self) -> None:
        for name in self.client.scan_iter(f"{self.rows}*"):
            self.client.delete(name)
        self.client.close()


class RabbitPlace:
    """Queues of a RabbitMQ server."""

    kind = "rabbit"

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self.scores = f"{self.rows}-scores"
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(host, port, heartbeat=0))
        self.channel = self.connection.channel()
        self.declare(self.rows)
        self._sent = 0

    def declare(self, name: str, **arguments: object) -> None:
        arguments = {
            "x-queue-type": "quorum",
            **{key.replace("_", "-"): value for key, value in arguments.items()},
        }
        self.channel.queue_declare(name, durable=True, arguments=arguments)

    def source_uri(self, port: int | None = None, **options: object) -> str:
        options.pop("claim_after", None)
        return uri_of("amqp", self.host, port or self.port, self.rows, options)

    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str:
        return uri_of("amqp", self.host, port or self.port, name or self.scores, options)

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        named: dict[str, Any] = {**headers, **({KEY: key.decode()} if key else {})}
        for value in values:
            self._sent += 1
            properties = pika.BasicProperties(message_id=f"m{self._sent}", headers=named, delivery_mode=2)
            self.channel.basic_publish("", self.rows, value, properties)

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        found: list[Found] = []
        until = time.monotonic() + within
        while len(found) < count and time.monotonic() < until:
            method, properties, body = self.channel.basic_get(name or self.scores, auto_ack=True)
            if method is None:
                time.sleep(0.05)
                continue
            found.append(self._found(properties, body))
        return found + self._rest(name or self.scores)

    def proxy(self) -> Proxy:
        return Proxy(self.host, self.port)

    @contextmanager
    def guarded(self) -> Iterator[str]:
        yield with_login(self.source_uri())

    def fill(self) -> Callable[[], object]:
        """The queue of answers says that it is full, a little after it is."""
        self.declare(self.scores, x_max_length=5, x_overflow="reject-publish")
        channel = self.connection.channel()
        channel.confirm_delivery()
        with suppress(pika.exceptions.NackError):
            for _ in range(100_000):
                channel.basic_publish("", self.scores, b"before")
        return self._drop

    def _drop(self) -> None:
        """Delete the queue, which is made again without a limit; from any thread."""
        connection = pika.BlockingConnection(pika.ConnectionParameters(self.host, self.port))
        connection.channel().queue_delete(self.scores)
        connection.close()

    def _rest(self, name: str) -> list[Found]:
        found = []
        while (got := self.channel.basic_get(name, auto_ack=True))[0] is not None:
            found.append(self._found(*got[1:]))
        return found

    def _found(self, properties: Any, body: bytes) -> Found:
        headers = {
            name: value if isinstance(value, bytes) else str(value).encode()
            for name, value in (properties.headers or {}).items()
            if name != "x-delivery-count"
        }
        return Found(body, headers.pop(KEY, None), headers, properties.message_id)

    def clean(self) -> None:
        for name in (self.rows, self.scores, f"{self.rows}.dead-letters", f"{self.rows}-dead"):
            self.channel.queue_delete(name)
        self.connection.close()
