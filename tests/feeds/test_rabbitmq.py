"""RabbitMQ: what only it has."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scorekit.errors import Unreachable, UsageError
from scorekit.feeds import Message
from scorekit.feeds.rabbit_connection import SHORT
from scorekit.feeds.rabbit_sink import short
from scorekit.feeds.rabbitmq import OPTIONS
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.acting import BATCH, answer, answers, numbers, source_of, take
from tests.feeds.brokers import RabbitPlace
from tests.feeds.proxy import Proxy
from tests.feeds.servers import free_port, rabbit_server


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with rabbit_server() as place:
        yield place


@pytest.fixture
def broker(server: tuple[str, int]) -> Iterator[RabbitPlace]:
    made = RabbitPlace(*server)
    yield made
    made.clean()


def lines(values: list[bytes]) -> list[Message]:
    return [Message(value, line) for line, value in enumerate(values, 1)]


def test_what_a_lost_connection_brought_cannot_be_acknowledged_by_the_next(broker: RabbitPlace) -> None:
    broker.publish(numbers(10))
    with Proxy(broker.host, broker.port) as proxy:
        source = source_of(broker, proxy.port)
        before = take(source, 10)
        proxy.cut()
        again = take(source, 10)
        assert {message.value for message in again} == set(numbers(10))
        source.acknowledge(before)
        source.close()
    other = source_of(broker)
    left = []
    while messages := take(other, 1, within=2):
        left += messages
        other.acknowledge(messages)
    assert {message.value for message in left} == set(numbers(10))
    other.close()


def test_a_message_without_an_id_is_known_by_what_it_holds(broker: RabbitPlace) -> None:
    for body, key in ((b"same", "1"), (b"same", "1"), (b"same", "2"), (b"other", "1")):
        properties = pika.BasicProperties(headers={"n": key}, delivery_mode=2)
        broker.channel.basic_publish("", broker.rows, body, properties)
    first = source_of(broker)
    ids = [message.id for message in take(first, 4)]
    first.close()
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert ids[0].startswith(f"{broker.rows}/content:")
    second = source_of(broker)
    assert sorted(message.id for message in take(second, 4)) == sorted(ids)
    second.close()


def test_properties_go_with_a_message_and_what_tells_of_its_way_does_not(broker: RabbitPlace) -> None:
    properties = pika.BasicProperties(
        correlation_id="c1", reply_to="there", headers={"n": 5, "raw": b"\xff"}, delivery_mode=2
    )
    broker.channel.basic_publish("", broker.rows, b"a", properties)
    source, sink = source_of(broker), connect(broker.sink_uri()).sink()
    take(source, 1)
    source.close()
    source = source_of(broker)
    (message,) = take(source, 1)
    assert [name for name, _ in message.headers] == ["n", "raw", "amqp.correlation_id", "amqp.reply_to"]
    answer(sink, source, [message])
    _, found, _ = broker.channel.basic_get(broker.scores, auto_ack=True)
    assert (found.correlation_id, found.reply_to, found.delivery_mode) == ("c1", "there", 2)
    assert {name: value for name, value in found.headers.items() if name != "x-delivery-count"} == {
        "n": "5",
        "raw": b"\xff",
    }
    assert found.headers["x-delivery-count"] == 0
    source.close()
    sink.close()


def fill(broker: RabbitPlace) -> int:
    """Sends to the queue of answers until it says that it is full; how many messages it took."""
    channel = broker.connection.channel()
    channel.confirm_delivery()
    for sent in range(100_000):
        try:
            channel.basic_publish("", broker.scores, b"before")
        except pika.exceptions.NackError:
            return sent
    raise AssertionError("the queue takes everything")


def test_a_full_queue_is_waited_for(broker: RabbitPlace) -> None:
    broker.declare(broker.scores, x_max_length=50, x_overflow="reject-publish")
    before = fill(broker)
    said: list[str] = []
    full = threading.Event()

    def note(text: str) -> None:
        said.append(text)
        full.set()

    sink = connect(broker.sink_uri(), Patience(note=note)).sink()
    sending = threading.Thread(target=lambda: sink.send(answers(500), lines(numbers(500))))
    sending.start()
    assert full.wait(60)
    drained: list[bytes] = []
    while sending.is_alive():
        drained += [each.value for each in broker.published(1, within=0.2)]
    drained += [each.value for each in broker.published(0)]
    assert set(drained) == {b"before", *answers(500)}
    assert drained.count(b"before") == before
    assert any("the queue is full" in text for text in said)
    sink.close()


def test_a_queue_that_stays_full_ends_it(broker: RabbitPlace) -> None:
    broker.declare(broker.scores, x_max_length=5, x_overflow="reject-publish")
    fill(broker)  # a quorum queue says that it is full a little after it is
    sink = connect(broker.sink_uri(retry_seconds=2)).sink()
    with pytest.raises(Unreachable, match="the queue is full") as caught:
        sink.send(answers(100), lines(numbers(100)))
    assert "max-length" in (caught.value.hint or "")
    sink.close()


def test_a_queue_that_was_deleted_is_made_again(broker: RabbitPlace) -> None:
    sink = connect(broker.sink_uri()).sink()
    sink.send([b"1"], lines([b"1"]))
    broker.channel.queue_delete(broker.scores)
    sink.send([b"2"], lines([b"2"]))
    assert [each.value for each in broker.published(1)] == [b"2"]
    source = source_of(broker)
    assert source.receive(BATCH, 0.1, 0) == []
    broker.channel.queue_delete(broker.rows)
    time.sleep(0.5)
    assert source.receive(BATCH, 0.1, 0) == []
    broker.publish([b"3"])
    assert [message.value for message in take(source, 1)] == [b"3"]
    source.close()
    sink.close()


def test_an_exchange_gets_answers_by_their_keys_and_none_is_lost_that_nobody_wants(
    broker: RabbitPlace,
) -> None:
    exchange = f"{broker.rows}-exchange"
    broker.channel.exchange_declare(exchange, "direct")
    broker.declare(broker.scores)
    broker.channel.queue_bind(broker.scores, exchange, "blue")
    sink = connect(broker.sink_uri(name="blue", exchange=exchange, retry_seconds=1)).sink()
    try:
        sink.send([b"1", b"2"], [Message(b"1", 1, key=b"blue"), Message(b"2", 2)])
        assert [each.value for each in broker.published(2)] == [b"1", b"2"]
        with pytest.raises(Unreachable, match="no queue takes"):
            sink.send([b"3", b"4"], [Message(b"3", 3, key=b"red"), Message(b"4", 4, key=b"blue")])
        assert [each.value for each in broker.published(1)] == [b"4"]
    finally:
        broker.channel.exchange_delete(exchange)
        sink.close()


def test_an_exchange_that_is_not_there_is_told_before_anything_is_sent(broker: RabbitPlace) -> None:
    with pytest.raises(Unreachable, match="there is no such exchange") as caught:
        connect(broker.sink_uri(exchange="nowhere", retry_seconds=1)).sink()
    assert caught.value.hint == "declare the exchange, or mend exchange="


def test_a_routing_key_is_the_key_of_what_came_by_an_exchange(broker: RabbitPlace) -> None:
    exchange = f"{broker.rows}-exchange"
    broker.channel.exchange_declare(exchange, "fanout")
    broker.channel.queue_bind(broker.rows, exchange)
    broker.channel.basic_publish(exchange, "blue", b"a")
    broker.channel.exchange_delete(exchange)
    source = source_of(broker)
    assert [message.key for message in take(source, 1)] == [b"blue"]
    source.close()


def test_names_longer_than_amqp_has_them_are_cut_and_stay_apart(broker: RabbitPlace) -> None:
    exchange, long = f"{broker.rows}-exchange", "ä" * 200
    keys = [f"{long}{number}" for number in (1, 2)]
    broker.declare(broker.scores)
    broker.channel.exchange_declare(exchange, "direct")
    broker.channel.queue_bind(broker.scores, exchange, short(keys[0]))
    sink = connect(broker.sink_uri(name="other", exchange=exchange, retry_seconds=1)).sink()
    headers = tuple((key, b"v") for key in (*keys, "amqp.correlation_id"))
    message = Message(b"1", 1, key=keys[0].encode(), id=f"{long}/7", headers=headers)
    try:
        sink.send([b"1"], [message])
        with pytest.raises(Unreachable, match="no queue takes"):
            sink.send([b"2"], [Message(b"2", 2, key=keys[1].encode())])
    finally:
        broker.channel.exchange_delete(exchange)
        sink.close()
    method, found, _ = broker.channel.basic_get(broker.scores, auto_ack=True)
    assert method.routing_key == short(keys[0])
    assert found.message_id == short(message.id)
    assert {*map(short, keys)} <= set(found.headers)


@given(st.text(min_size=100, max_size=400), st.text(min_size=100, max_size=400))
@example("a" * 255, "a" * 256)
@example("a" * 300 + "b", "a" * 300 + "c")
def test_a_name_is_cut_where_it_has_to_be_and_always_in_the_same_way(one: str, other: str) -> None:
    assert len(short(one).encode(errors="replace")) <= SHORT
    assert short(one) == short(one)
    assert (short(one) == one) is (len(one.encode(errors="replace")) <= SHORT)
    assert (short(one) == short(other)) is (one == other)


def test_one_virtual_host_and_one_queue_are_named() -> None:
    for uri in ("amqp://localhost", "amqp://localhost/a/b/c", "amqp://one,two/q"):
        with pytest.raises(UsageError):
            connect(uri)


def test_a_virtual_host_that_is_not_there_is_said(broker: RabbitPlace) -> None:
    uri = f"amqp://{broker.host}:{broker.port}/nowhere/rows"
    with pytest.raises(Unreachable, match="nowhere") as caught:
        connect(uri).source(BATCH, None).receive(BATCH, 0, 0)
    assert caught.value.hint


def test_the_client_says_nothing_on_standard_error() -> None:
    program = (
        "import sys; from scorekit.errors import Unreachable; from scorekit.feeds.uris import connect\n"
        f"source = connect('amqp://127.0.0.1:{free_port()}/rows?retry-seconds=1').source(1, None)\n"
        "try: source.receive(1, 0, 0)\n"
        "except Unreachable: print('away')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("away\n", "")


def test_every_option_is_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "brokers.md").read_text()
    section = document.partition("## RabbitMQ")[2].partition("\n## ")[0]
    assert [name for name in OPTIONS if f"| `{name}` |" not in section] == []
