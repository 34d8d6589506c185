"""The whole way: rows from Kafka or NATS, through the loop, and answers there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from scorekit.feeds.letters import ERRORS, MESSAGE_ID
from tests.conftest import Bank
from tests.feeds.brokers import Found
from tests.feeds.kafka_cluster import KafkaCluster
from tests.feeds.nats_server import Streams, nats_server
from tests.stream.test_brokers import by_pipe, rows_of, run

ROWS = 1000


class KafkaPlace:
    """Topics of a cluster of our own."""

    kind = "kafka"
    rows, scores = "rows", "scores"

    def __init__(self) -> None:
        self._cluster = KafkaCluster()
        for topic in ("rows", "scores", "rows-dead"):
            self._cluster.create(topic)

    def source_uri(self, port: int | None = None, **options: object) -> str:
        return self._cluster.uri("rows", group="g", **options)

    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str:
        return self._cluster.uri(name or "scores", **options)

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        producer = Producer({"bootstrap.servers": self._cluster.servers})
        for value in values:
            producer.produce("rows", value, key, headers=headers)
        assert producer.flush(20) == 0

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        consumer = Consumer({"bootstrap.servers": self._cluster.servers, "group.id": "nobody"})
        consumer.assign([TopicPartition(name or "scores", 0, 0)])
        end = consumer.get_watermark_offsets(TopicPartition(name or "scores", 0), within)[1]
        found = consumer.consume(end, within) if end else []
        consumer.close()
        return [self._found(record.value(), record.key(), dict(record.headers())) for record in found]

    def _found(self, value: bytes, key: bytes | None, headers: dict[str, bytes]) -> Found:
        return Found(value, key, headers, headers.pop(MESSAGE_ID).decode())

    def clean(self) -> None:
        self._cluster.close()


class NatsPlace(Streams):
    """Streams of a server."""

    kind = "nats"

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        super().publish(values, **headers, **({"scorekit-key": key.decode()} if key else {}))

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        return [self._found(*each) for each in self.stored(name)]

    def _found(self, value: bytes, headers: dict[str, str]) -> Found:
        known_by, key = headers.pop("Nats-Msg-Id"), headers.pop("scorekit-key", "")
        named = {name: content.encode() for name, content in headers.items()}
        return Found(value, key.encode() or None, named, known_by.removeprefix("dead/"))


@pytest.fixture(params=["kafka", "nats"])
def broker(request: pytest.FixtureRequest) -> Iterator[KafkaPlace | NatsPlace]:
    if request.param == "kafka":
        kafka = KafkaPlace()
        yield kafka
        kafka.clean()
        return
    with nats_server() as place:
        nats = NatsPlace(*place)
        yield nats
        nats.clean()


def test_messages_get_the_answers_that_lines_get_to_the_bit(
    bank: Bank, broker: KafkaPlace | NatsPlace, tmp_path: Path
) -> None:
    rows = rows_of(bank, ROWS)
    broker.publish(rows, key=b"k", trace="t")
    assert run(bank, broker, until=ROWS).rows == ROWS
    found = broker.published(ROWS)
    assert [each.value for each in found] == by_pipe(bank, rows, tmp_path)
    assert {each.key for each in found} == {b"k"}
    assert [each.headers for each in found] == [{"trace": b"t"}] * ROWS
    assert len({each.id for each in found}) == ROWS


def test_what_has_no_score_is_a_dead_letter_and_the_rest_is_answered(
    bank: Bank, broker: KafkaPlace | NatsPlace
) -> None:
    good = rows_of(bank, 20)
    broker.publish([*good[:10], b"{bad", *good[10:]], key=b"k")
    assert run(bank, broker, until=21, dead=True).failures == 1
    assert len(broker.published(20)) == 20
    (dead,) = broker.published(1, name=f"{broker.rows}-dead")
    assert (dead.value, dead.key) == (b"{bad", b"k")
    assert dead.headers[f"{ERRORS}exception"] == b"invalid_json"
    assert dead.headers[f"{ERRORS}topic"] == broker.rows.encode()
    # Kafka counts from 0, a stream from 1
    assert dead.headers[f"{ERRORS}offset"] == (b"10" if broker.kind == "kafka" else b"11")
