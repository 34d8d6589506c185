"""Kafka brokers of the client library's own mock cluster: real connections, topics in memory.

Python reaches no more of it than a setting that starts one; the library itself has functions
to make topics, to stop brokers and to let them refuse, which are called here.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition

from scorekit.feeds.letters import MESSAGE_ID
from tests.feeds.brokers import Found, uri_of
from tests.feeds.proxy import Proxy

PRODUCE, FETCH = 0, 1
"""Kinds of requests."""

_NAMES = (
    "rd_kafka_conf_new",
    "rd_kafka_new",
    "rd_kafka_mock_cluster_new",
    "rd_kafka_mock_cluster_bootstraps",
    "rd_kafka_mock_cluster_destroy",
    "rd_kafka_destroy",
)


@cache
def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    for name in _NAMES:
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class KafkaCluster:
    """Brokers in this process, which other processes reach, too."""

    def __init__(self, brokers: int = 1) -> None:
        self._library = library = _library()
        said = ctypes.create_string_buffer(256)
        conf = ctypes.c_void_p(library.rd_kafka_conf_new())
        library.rd_kafka_conf_set(conf, b"bootstrap.servers", b"127.0.0.1:1", said, 256)
        library.rd_kafka_conf_set(conf, b"log_level", b"0", said, 256)
        self._client = ctypes.c_void_p(library.rd_kafka_new(0, conf, said, 256))
        self._brokers = brokers
        self._cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(self._client, brokers))
        # a group of one needs not wait for others
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 100)
        self.servers = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def uri(self, topic: str, **options: object) -> str:
        pairs = "&".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
        return f"kafka://{self.servers}/{topic}" + (f"?{pairs}" if pairs else "")

    def create(self, topic: str, partitions: int = 1) -> None:
        assert not self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def stop(self) -> None:
        for number in range(1, self._brokers + 1):
            self._library.rd_kafka_mock_broker_set_down(self._cluster, number)

    def start(self) -> None:
        for number in range(1, self._brokers + 1):
            self._library.rd_kafka_mock_broker_set_up(self._cluster, number)

    def refuse(self, request: int, *codes: int) -> None:
        """Let the next requests of a kind be answered by errors."""
        errors = (ctypes.c_int * len(codes))(*codes)
        push = self._library.rd_kafka_mock_push_request_errors_array
        push(self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(codes)), errors)

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


class KafkaPlace:
    """Topics of a cluster of the test's own."""

    kind = "kafka"
    rows, scores = "rows", "scores"

    def __init__(self) -> None:
        self.cluster = KafkaCluster()
        self.host, _, port = self.cluster.servers.partition(":")
        self.port = int(port)
        for topic in ("rows", "scores", "rows-dead", "rows.dead-letters"):
            self.cluster.create(topic)

    def source_uri(self, port: int | None = None, **options: object) -> str:
        options.pop("claim_after", None)
        options = {"group": "g", "session_seconds": 2, **options}
        return uri_of("kafka", self.host, port or self.port, self.rows, options)

    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str:
        return uri_of("kafka", self.host, port or self.port, name or self.scores, options)

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        producer = Producer({"bootstrap.servers": self.cluster.servers, "message.max.bytes": 64 << 20})
        for value in values:
            producer.produce(self.rows, value, key, headers=headers)
        assert producer.flush(20) == 0

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        consumer = Consumer({"bootstrap.servers": self.cluster.servers, "group.id": "nobody"})
        topic, until = TopicPartition(name or self.scores, 0, 0), time.monotonic() + within
        while (end := consumer.get_watermark_offsets(topic, within)[1]) < count and time.monotonic() < until:
            time.sleep(0.05)
        consumer.assign([topic])
        found: list[Found] = []
        while len(found) < end:
            for record in consumer.consume(end - len(found), within):
                found.append(_found(record.value(), record.key(), dict(record.headers() or ())))
        consumer.close()
        return found

    def proxy(self) -> Proxy:
        return Proxy(self.host, self.port, named=True)

    def clean(self) -> None:
        self.cluster.close()


def _found(value: bytes, key: bytes | None, headers: dict[str, bytes]) -> Found:
    return Found(value, key, headers, headers.pop(MESSAGE_ID, b"").decode())
