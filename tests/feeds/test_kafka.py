"""Kafka: what is received is answered at least once, in order, whatever happens to reader and broker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from scorekit.errors import DataError, Unreachable, UsageError
from scorekit.feeds import Message, Source
from scorekit.feeds.letters import MESSAGE_ID
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.acting import answer
from tests.feeds.kafka_cluster import PRODUCE, KafkaCluster

READER = Path(__file__).parent / "reader.py"
MESSAGE_TOO_LARGE, OFFSET_FETCH, TOPIC_AUTHORIZATION_FAILED = 10, 9, 29
BATCH = 5
Got = tuple[bytes | None, bytes, dict[str, bytes], int]


@pytest.fixture
def kafka() -> Iterator[KafkaCluster]:
    cluster = KafkaCluster()
    cluster.create("rows")
    cluster.create("scores")
    yield cluster
    cluster.close()


def publish(kafka: KafkaCluster, values: Sequence[bytes], *, topic: str = "rows", **kwargs: object) -> None:
    producer = Producer({"bootstrap.servers": kafka.servers, "message.max.bytes": 64 << 20})
    for value in values:
        producer.produce(topic, value, **kwargs)
    assert producer.flush(20) == 0


def published(
    kafka: KafkaCluster, topic: str, count: int, *, within: float = 20, more: float = 0
) -> list[Got]:
    """What a topic holds, read without any of our code."""
    consumer = Consumer({"bootstrap.servers": kafka.servers, "group.id": "nobody", "log_level": 0})
    partitions = consumer.list_topics(topic, 5).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Got] = []
    until = time.monotonic() + within
    while time.monotonic() < until and len(found) < count:
        for record in consumer.consume(10_000, 0.2):
            assert record.error() is None
            found.append((record.key(), record.value(), dict(record.headers() or ()), record.partition()))
    if more:
        found += [
            (m.key(), m.value(), dict(m.headers() or ()), m.partition()) for m in consumer.consume(9, more)
        ]
    consumer.close()
    assert len(found) >= count
    return found


def source_of(kafka: KafkaCluster, patience: Patience | None = None, **options: object) -> Source:
    # the mock cluster lets a group that somebody left wait for a second less than a session
    options = {"group": "g", "session_seconds": 2, **options}
    return connect(kafka.uri("rows", **options), patience).source(1000, None)


def take(source: Source, count: int, *, most: int = 1000, within: float = 20) -> list[Message]:
    found: list[Message] = []
    until = time.monotonic() + within
    while len(found) < count and time.monotonic() < until:
        found += source.receive(most, 0.5, 0.05) or []
    return found


def test_an_answer_has_the_key_the_headers_and_an_id_of_its_own(kafka: KafkaCluster) -> None:
    publish(kafka, [b"a", b"b"], key=b"k", headers=[("trace", b"\xff\x00"), ("none", None)])
    source, sink = source_of(kafka), connect(kafka.uri("scores")).sink()
    messages = take(source, 2)
    assert [(m.line, m.value, m.key, m.position, m.topic) for m in messages] == [
        (1, b"a", b"k", "0/0", "rows"),
        (2, b"b", b"k", "0/1", "rows"),
    ]
    answer(sink, source, messages)
    source.close()
    sink.close()
    first, second = published(kafka, "scores", 2)
    assert first == (b"k", b"<a>", {"trace": b"\xff\x00", "none": b"", MESSAGE_ID: b"g/rows/0/0"}, 0)
    assert second[2][MESSAGE_ID] == b"g/rows/0/1"


def test_an_answer_to_an_answer_has_one_id(kafka: KafkaCluster) -> None:
    publish(kafka, [b"a"], headers=[(MESSAGE_ID, b"before")])
    source, sink = source_of(kafka), connect(kafka.uri("scores")).sink()
    answer(sink, source, take(source, 1))
    source.close()
    consumer = Consumer({"bootstrap.servers": kafka.servers, "group.id": "x"})
    consumer.assign([TopicPartition("scores", 0, 0)])
    assert consumer.poll(10).headers() == [(MESSAGE_ID, b"g/rows/0/0")]
    consumer.close()


def test_a_new_group_begins_with_the_oldest_message_or_with_the_next(kafka: KafkaCluster) -> None:
    publish(kafka, [b"old"])
    latest = source_of(kafka, group="late", **{"from": "latest"})
    assert take(latest, 1, within=6) == []
    publish(kafka, [b"new"])
    assert [m.value for m in take(latest, 1)] == [b"new"]
    latest.close()


def test_answers_stay_in_order_within_a_partition_without_any_key(kafka: KafkaCluster) -> None:
    kafka.create("wide", 3)
    kafka.create("wide-scores", 3)
    for partition in range(3):
        publish(kafka, [b"%d" % n for n in range(50)], topic="wide", partition=partition)
    source = connect(kafka.uri("wide", group="g", session_seconds=6)).source(1000, None)
    sink = connect(kafka.uri("wide-scores")).sink()
    answer(sink, source, take(source, 150))
    source.close()
    found = published(kafka, "wide-scores", 150)
    for partition in range(3):
        mine = [value for _, value, _, number in found if number == partition]
        assert mine == [b"<%d>" % n for n in range(50)]


def test_no_value_is_an_empty_one_and_a_long_one_is_kept_for_the_dead_letter(kafka: KafkaCluster) -> None:
    publish(kafka, [None])
    publish(kafka, [b"x" * (LINE_LIMIT + 1)])
    source = source_of(kafka)
    empty, long = take(source, 2)
    source.close()
    assert (empty.value, empty.too_long) == (b"", False)
    assert (len(long.value), long.too_long) == (LINE_LIMIT + 1, True)


def test_a_batch_takes_what_is_there_and_no_more(kafka: KafkaCluster) -> None:
    publish(kafka, [b"%d" % number for number in range(30)])
    source = source_of(kafka)
    take(source, 7, most=7)
    time.sleep(1)
    started = time.monotonic()
    assert len(source.receive(100, 10, 1) or []) == 23
    assert time.monotonic() - started < 1
    assert source.receive(100, 0.1, 1) == []
    source.stop()
    assert source.receive(100, 10, 1) is None
    source.close()


def test_lag_is_what_the_group_has_not_answered(kafka: KafkaCluster) -> None:
    publish(kafka, [b"%d" % number for number in range(10)])
    source = source_of(kafka)
    assert source.lag() == 10
    messages = take(source, 10)
    source.acknowledge(messages[:4])
    assert source.lag() == 6
    kafka.stop()
    assert source.lag() is None
    kafka.start()
    source.close()


def test_messages_of_readers_that_get_on_are_under_no_suspicion(kafka: KafkaCluster) -> None:
    publish(kafka, [b"%d" % number for number in range(9)])
    for number in range(4):
        source = source_of(kafka)
        (message,) = take(source, 1, most=1)
        assert message.value == b"%d" % number
        source.acknowledge([message])
        source.close()
    for _ in range(2):
        source = source_of(kafka)
        assert [message.value for message in take(source, 1)] == [b"4", b"5", b"6", b"7", b"8"]
        source.close()


def test_two_messages_that_end_their_readers_are_both_found(kafka: KafkaCluster) -> None:
    kafka.create("rows.dead-letters")
    publish(kafka, [b"a", b"bad", b"b", b"bad", b"c"])
    answered: list[bytes] = []
    sessions = 0
    while len(answered) < 3 and sessions < 12:
        source = source_of(kafka, max_deliveries=4)
        sessions += 1
        while len(answered) < 3 and (messages := take(source, 1, within=10)):
            if any(message.value == b"bad" for message in messages):
                break  # what becomes of a reader that is killed by it
            answered += [message.value for message in messages]
            source.acknowledge(messages)
        source.close()
    assert answered == [b"a", b"b", b"c"]
    # three times together, and then each by itself until it is dead
    assert sessions <= 7
    assert [value for _, value, _, _ in published(kafka, "rows.dead-letters", 2)] == [b"bad", b"bad"]


def run_group(kafka: KafkaCluster, seconds: float) -> tuple[Counter[bytes], Counter[bytes]]:
    """Two members of a group, one joining in the middle; answers by value, and by member and partition."""
    sink = connect(kafka.uri("scores")).sink()
    uri = kafka.uri("many", group="g", session_seconds=6)
    members = [connect(uri).source(1000, None)]
    by_value: Counter[bytes] = Counter()
    owners: Counter[bytes] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(by_value) < 400:
        if sum(by_value.values()) > 60 and len(members) == 1:
            members.append(connect(uri).source(1000, None))
        for number, member in enumerate(members):
            messages = member.receive(BATCH, 0.05, 0.01) or []
            if messages:
                answer(sink, member, messages)
                by_value.update(message.value for message in messages)
                owners.update(b"%d" % number for _ in messages)
    for member in members:
        member.close()
    return by_value, owners


def test_when_a_second_reader_joins_nothing_is_lost_and_no_more_than_a_batch_of_each_answered_twice(
    kafka: KafkaCluster,
) -> None:
    kafka.create("many", 4)
    for partition in range(4):
        publish(kafka, [b"%d:%d" % (partition, n) for n in range(100)], topic="many", partition=partition)
    by_value, owners = run_group(kafka, 60)
    assert len(by_value) == 400
    # a broker may refuse to commit what was answered just before the group was arranged anew
    assert sum(by_value.values()) - 400 <= BATCH * len(owners)
    assert len(owners) == 2


def test_nothing_is_committed_of_a_partition_that_was_lost(kafka: KafkaCluster) -> None:
    publish(kafka, [b"%d" % number for number in range(10)])
    slow = source_of(kafka, poll_seconds=2)
    messages = take(slow, 10)
    assert len(messages) == 10
    time.sleep(3)
    quick = source_of(kafka)
    again = take(quick, 10)
    assert [m.id for m in again] == [m.id for m in messages]
    quick.acknowledge(again)
    publish(kafka, [b"10"])
    assert [m.value for m in take(quick, 1)] == [b"10"]
    slow.acknowledge(messages[:3])
    assert slow.receive(10, 0.1, 0.1) == []
    assert quick.lag() == 1
    quick.close()
    assert [m.value for m in take(slow, 1)] == [b"10"]
    slow.close()


def test_a_broker_that_comes_back_in_time_is_gone_on_with(kafka: KafkaCluster) -> None:
    publish(kafka, [b"a"])
    said: list[str] = []
    source = source_of(kafka, Patience(limit=30, note=said.append), session_seconds=30)
    sink = connect(kafka.uri("scores"), Patience(limit=30)).sink()
    messages = take(source, 1)
    kafka.stop()
    starting = threading.Timer(8, kafka.start)
    starting.start()
    assert source.receive(10, 10, 0.1) == []
    starting.join()
    answer(sink, source, messages)
    publish(kafka, [b"b"])
    assert [m.value for m in take(source, 1, within=30)] == [b"b"]
    source.close()
    assert [value for _, value, _, _ in published(kafka, "scores", 1)] == [b"<a>"]
    assert "trying again for 30 s" in said[0]
    assert "it goes on" in said[1]


def test_a_broker_that_stays_away_ends_it_after_the_limit(kafka: KafkaCluster) -> None:
    publish(kafka, [b"a"])
    source = source_of(kafka, Patience(limit=3))
    sink = connect(kafka.uri("scores"), Patience(limit=3)).sink()
    messages = take(source, 1)
    kafka.stop()
    started = time.monotonic()
    with pytest.raises(Unreachable, match="scores cannot be reached"):
        sink.send([b"x"], messages)
    with pytest.raises(Unreachable, match="rows cannot be reached"):
        take(source, 1, within=60)
    assert time.monotonic() - started < 60
    sink.close()
    source.close()


def test_an_answer_too_large_for_the_broker_is_named(kafka: KafkaCluster) -> None:
    sink = connect(kafka.uri("scores")).sink()
    message = Message(b"", 1, position="0/7", topic="rows", id="g/rows/0/7", partition=0)
    kafka.refuse(PRODUCE, MESSAGE_TOO_LARGE)
    with pytest.raises(DataError, match="2,000 bytes is larger") as refusal:
        sink.send([b"x" * 2000], [message])
    assert refusal.value.code == "answer_too_large"
    with pytest.raises(DataError, match="70,000,000 bytes is larger"):
        sink.send([b"x" * 70_000_000], [message])
    sink.send([b"y"], [message])
    assert [value for _, value, _, _ in published(kafka, "scores", 1)] == [b"y"]


def test_more_answers_than_the_client_holds_wait_for_room(kafka: KafkaCluster) -> None:
    sink = connect(kafka.uri("scores")).sink()
    messages = [Message(b"", line) for line in range(150_000)]
    sink.send([b"%d" % line for line in range(150_000)], messages)
    consumer = Consumer({"bootstrap.servers": kafka.servers, "group.id": "x"})
    assert consumer.get_watermark_offsets(TopicPartition("scores", 0), 5)[1] == 150_000
    consumer.close()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("kafka://{}/rows", "names no group"),
        ("kafka://{}/?group=g", "names no topic"),
        ("kafka://{}/none?group=g", "no such topic"),
        ("kafka://{}/rows?group=g&gruop=h", "has no option gruop"),
        ("kafka://{}/rows?group=g&from=middle", "has from=middle"),
        ("kafka://me:word@{}/rows?group=g&sasl=OAUTH", "has sasl=OAUTH"),
        ("kafka://{}/rows?group=g&sasl=PLAIN", "not who"),
    ],
)
def test_what_is_wrong_with_an_address_is_named(kafka: KafkaCluster, uri: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refusal:
        connect(uri.format(kafka.servers)).source(10, None).receive(1, 0, 0)
    assert "word" not in f"{refusal.value.message} {refusal.value.hint}"


@pytest.mark.parametrize("end", ["sink", "dead_letters"])
def test_a_topic_that_is_missing_is_not_made(kafka: KafkaCluster, end: str) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="no such topic"):
            getattr(connect(kafka.uri("none")), end)()


def test_nothing_is_written_to_standard_error(kafka: KafkaCluster) -> None:
    program = (
        "import sys\n"
        "from scorekit.errors import Unreachable\n"
        "from scorekit.feeds.retrying import Patience\n"
        "from scorekit.feeds.uris import connect\n"
        "try:\n"
        "    connect(sys.argv[1], Patience(limit=1)).source(10, None).receive(1, 0, 0)\n"
        "except Unreachable as error:\n"
        "    print(error)\n"
    )
    uri = "kafka://me:sesame@127.0.0.1:1/rows?group=g"
    done = subprocess.run([sys.executable, "-c", program, uri], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert "cannot be reached" in done.stdout
    assert "sesame" not in done.stdout


def test_what_was_handed_out_before_is_not_taken_for_nothing_because_nobody_says(
    kafka: KafkaCluster,
) -> None:
    publish(kafka, [b"a"])
    # the client asks where to begin, and we ask how often it was handed out
    kafka.refuse(OFFSET_FETCH, 0, TOPIC_AUTHORIZATION_FAILED)
    source = source_of(kafka)
    with pytest.raises(Unreachable, match="Topic authorization failed"):
        take(source, 1)
    assert [message.value for message in take(source, 1)] == [b"a"]
    source.close()
