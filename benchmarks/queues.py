"""Rows in a broker and answers there, without any of our code: four brokers, each in its client's own way.

Redis, RabbitMQ and NATS run on this machine at their standard ports. Kafka is the client library's mock
cluster, in a process of its own; a partition of it keeps 5 MB, so there are many of them.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from benchmarks.measure import HERE, PYTHON

HOST = "127.0.0.1"
PARTITIONS = 24
"""Of a topic of Kafka."""
GROUP = "benchmark"
TOGETHER = 1000
"""Messages that are put, or read, at a time."""
HELD = 2
"""Seconds after which NATS delivers again what a dead reader held."""


class Place(Protocol):
    """A broker, and names in it that nobody else has.

    Attributes
    ----------
    name : str
    source, sink : str
        Addresses for ``scorekit score-stream``.
    plain : tuple of str
        The same for ``plain_broker.py``.
    """

    name: str
    source: str
    sink: str
    plain: tuple[str, ...]

    def fill(self, lines: Sequence[bytes]) -> None:
        """Put rows there."""

    def count(self) -> int:
        """How many answers are there."""

    def answers(self) -> Iterator[tuple[bytes, str]]:
        """All of them, each with its id."""

    def clean(self) -> None:
        """Leave nothing behind."""


def _pieces(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (lines[start : start + TOGETHER] for start in range(0, len(lines), TOGETHER))


class RedisPlace:
    """Streams of a Redis server; the reader has a name, so that it finds what it held when it was killed."""

    name = "Redis Streams"

    def __init__(self, host: str = HOST, port: int = 6379) -> None:
        import redis

        self._client: Any = redis.Redis(host, port)
        self._rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self._scores = f"{self._rows}-scores"
        self.source = f"redis://{host}:{port}/{self._rows}?group={GROUP}&consumer=one"
        self.sink = f"redis://{host}:{port}/{self._scores}"
        self.plain: tuple[str, ...] = ("redis", host, str(port), self._rows, self._scores)

    def fill(self, lines: Sequence[bytes]) -> None:
        for some in _pieces(lines):
            together = self._client.pipeline(transaction=False)
            for line in some:
                together.xadd(self._rows, {"value": line})
            together.execute()

    def count(self) -> int:
        return int(self._client.xlen(self._scores))

    def answers(self) -> Iterator[tuple[bytes, str]]:
        after = "-"
        while found := self._client.xrange(self._scores, after, count=TOGETHER):
            for _, fields in found:
                yield fields[b"value"], fields[b"scorekit-message-id"].decode()
            after = f"({found[-1][0].decode()}"

    def clean(self) -> None:
        self._client.delete(self._rows, self._scores)
        self._client.close()


class RabbitPlace:
    """Quorum queues of a RabbitMQ server."""

    name = "RabbitMQ"

    def __init__(self, host: str = HOST, port: int = 5672) -> None:
        import pika

        self._properties = pika.BasicProperties
        self._put = 0
        self._connection = pika.BlockingConnection(pika.ConnectionParameters(host, port, heartbeat=0))
        self._channel = self._connection.channel()
        self._rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self._scores = f"{self._rows}-scores"
        for name in (self._rows, self._scores):
            self._channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
        self.source = f"amqp://{host}:{port}/{self._rows}"
        self.sink = f"amqp://{host}:{port}/{self._scores}"
        self.plain: tuple[str, ...] = ("rabbitmq", host, str(port), self._rows, self._scores)

    def fill(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._put += 1
            properties = self._properties(message_id=f"m{self._put}", delivery_mode=2)
            self._channel.basic_publish("", self._rows, line, properties)
        # an answer on the same channel comes after all of them
        self._channel.queue_declare(self._rows, passive=True)

    def count(self) -> int:
        return int(self._channel.queue_declare(self._scores, passive=True).method.message_count)

    def answers(self) -> Iterator[tuple[bytes, str]]:
        coming = self._channel.consume(self._scores, auto_ack=True, inactivity_timeout=5)
        for method, properties, body in coming:
            if method is None:
                break
            yield body, properties.message_id
        self._channel.cancel()

    def clean(self) -> None:
        for name in (self._rows, self._scores):
            self._channel.queue_delete(name)
        self._connection.close()


class NatsPlace:
    """Streams of a NATS server; that of the answers forgets ids at once, so that answers given twice show."""

    name = "NATS JetStream"

    def __init__(self, host: str = HOST, port: int = 4222) -> None:
        import nats

        self._loop = asyncio.new_event_loop()
        self._client: Any = self._loop.run_until_complete(nats.connect(f"nats://{host}:{port}"))
        self._stream: Any = self._client.jetstream()
        self._rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self._scores = f"{self._rows}-scores"
        for name in (self._rows, self._scores):
            self._do(self._stream.add_stream(name=name, subjects=[f"{name}.in"], duplicate_window=0.1))
        self.source = f"nats://{host}:{port}/{self._rows}.reader?ack-seconds={HELD}"
        self.sink = f"nats://{host}:{port}/{self._scores}.in"
        self.plain: tuple[str, ...] = ("nats", host, str(port), self._rows, self._scores)

    def _do(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def fill(self, lines: Sequence[bytes]) -> None:
        async def publish(some: Sequence[bytes]) -> None:
            await asyncio.gather(*(self._stream.publish(f"{self._rows}.in", line) for line in some))

        for some in _pieces(lines):
            self._do(publish(some))

    def count(self) -> int:
        return int(self._do(self._stream.stream_info(self._scores)).state.messages)

    def answers(self) -> Iterator[tuple[bytes, str]]:
        from nats.js.api import AckPolicy, ConsumerConfig

        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        reader = self._do(self._stream.pull_subscribe(f"{self._scores}.in", config=config))
        left = self.count()
        while left:
            found = self._do(reader.fetch(min(left, TOGETHER), timeout=10))
            left -= len(found)
            for message in found:
                yield message.data, message.headers["Nats-Msg-Id"]

    def clean(self) -> None:
        for name in (self._rows, self._scores):
            self._do(self._stream.delete_stream(name))
        self._do(self._client.close())
        self._loop.close()


class KafkaPlace:
    """Topics of a mock cluster in a process of its own."""

    name = "Kafka (mock cluster)"

    def __init__(self) -> None:
        import confluent_kafka as kafka

        command = [PYTHON, "-m", "benchmarks.queues"]
        pipe = subprocess.PIPE
        self._cluster = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=HERE.parent)
        assert self._cluster.stdout is not None
        servers = self._cluster.stdout.readline().strip()
        self._kafka = kafka
        quiet = {"bootstrap.servers": servers, "log_level": 0}
        self._producer = kafka.Producer({**quiet, "linger.ms": 20})
        self._reader: Any = kafka.Consumer({**quiet, "group.id": "nobody"})
        self.source = f"kafka://{servers}/rows?group={GROUP}&session-seconds=2"
        self.sink = f"kafka://{servers}/scores"
        self.plain: tuple[str, ...] = ("kafka", servers, "", "rows", "scores")

    def fill(self, lines: Sequence[bytes]) -> None:
        for number, line in enumerate(lines):
            while True:
                try:
                    self._producer.produce("rows", line, partition=number % PARTITIONS)
                except BufferError:
                    self._producer.poll(0.1)
                else:
                    break
        assert not self._producer.flush(60)

    def _ends(self) -> list[int]:
        places = (self._kafka.TopicPartition("scores", number) for number in range(PARTITIONS))
        return [self._reader.get_watermark_offsets(place, timeout=10)[1] for place in places]

    def count(self) -> int:
        return sum(self._ends())

    def answers(self) -> Iterator[tuple[bytes, str]]:
        left = self.count()
        self._reader.assign([self._kafka.TopicPartition("scores", number, 0) for number in range(PARTITIONS)])
        while left:
            found = self._reader.consume(min(left, TOGETHER), 10)
            assert found, f"{left} answers were not kept"
            left -= len(found)
            for record in found:
                yield record.value(), dict(record.headers())["scorekit-message-id"].decode()

    def clean(self) -> None:
        self._reader.close()
        self._cluster.communicate()


BROKERS: dict[str, Callable[[], Place]] = {
    "redis": RedisPlace,
    "rabbitmq": RabbitPlace,
    "nats": NatsPlace,
    "kafka": KafkaPlace,
}


@contextmanager
def opened(broker: str) -> Iterator[Place]:
    """A place in one of ``BROKERS``, with nothing left of it afterwards."""
    place = BROKERS[broker]()
    try:
        yield place
    finally:
        place.clean()


def chosen(arguments: Sequence[str]) -> list[str]:
    """The brokers that arguments name, else all."""
    return [name for name in BROKERS if name in arguments] or list(BROKERS)


def numbered(lines: Sequence[bytes]) -> Iterator[bytes]:
    """JSON objects without end, each with an id of its own."""
    for number, line in enumerate(itertools.cycle(lines)):
        yield b'{"id": %d, %b' % (number, line[1:].rstrip(b"\n"))


if __name__ == "__main__":
    from tests.feeds.kafka_cluster import KafkaCluster

    cluster = KafkaCluster()
    cluster.create("rows", PARTITIONS)
    cluster.create("scores", PARTITIONS)
    print(cluster.servers, flush=True)
    sys.stdin.read()
    cluster.close()
