"""What every broker's adapter promises: answered at least once, in order, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scorekit.errors import Unreachable
from scorekit.feeds import Message, Sink, Source
from scorekit.feeds.letters import DELIVERED_TOO_OFTEN, ERRORS
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Broker, connect
from tests.feeds.brokers import Place, RabbitPlace, RedisPlace
from tests.feeds.proxy import Proxy
from tests.feeds.servers import free_port, rabbit_server, redis_server

READER = Path(__file__).parent / "reader.py"
BATCH = 100


@pytest.fixture(scope="module", params=["redis", "rabbit"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, int]]:
    with (redis_server if request.param == "redis" else rabbit_server)() as place:
        yield (request.param, *place)


@pytest.fixture
def broker(server: tuple[str, str, int]) -> Iterator[Place]:
    kind, *place = server
    made: Place = (RedisPlace if kind == "redis" else RabbitPlace)(*place)
    yield made
    made.clean()


def source_of(
    broker: Place, port: int | None = None, patience: Patience | None = None, **options: object
) -> Source:
    return connect(broker.source_uri(port, **options), patience).source(BATCH, None)


def take(source: Source, count: int, *, within: float = 20) -> list[Message]:
    found: list[Message] = []
    until = time.monotonic() + within
    while len(found) < count and time.monotonic() < until:
        found += source.receive(BATCH, 0.5, 0.05) or []
    return found


def answer(sink: Sink, source: Source, messages: Sequence[Message]) -> None:
    sink.send([b"<%b>" % message.value for message in messages], messages)
    source.acknowledge(messages)


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def answers(count: int) -> list[bytes]:
    return [b"<%d>" % number for number in range(count)]


# one after the other ------------------------------------------------------------------


def test_an_answer_has_the_key_the_headers_and_an_id(broker: Place) -> None:
    broker.publish([b"a", b"b"], key=b"k", trace="t1")
    source, sink = source_of(broker), connect(broker.sink_uri()).sink()
    messages = take(source, 2)
    assert [(m.line, m.value, m.key, m.headers, m.topic) for m in messages] == [
        (1, b"a", b"k", (("trace", b"t1"),), broker.rows),
        (2, b"b", b"k", (("trace", b"t1"),), broker.rows),
    ]
    answer(sink, source, messages)
    found = broker.published(2)
    assert [each[:3] for each in found] == [
        (b"<a>", b"k", {"trace": b"t1"}),
        (b"<b>", b"k", {"trace": b"t1"}),
    ]
    assert [each.id for each in found] == [m.id for m in messages]
    assert len({each.id for each in found}) == 2
    source.close()
    sink.close()


def test_many_messages_come_in_batches_and_are_answered_in_order(broker: Place) -> None:
    broker.publish(numbers(2500))
    source, sink = source_of(broker), connect(broker.sink_uri()).sink()
    sizes: list[int] = []
    while sum(sizes) < 2500:
        messages = source.receive(BATCH, 5, 0.05)
        assert messages
        sizes.append(len(messages))
        answer(sink, source, messages)
    source.close()
    assert max(sizes) == BATCH
    assert [each.value for each in broker.published(2500)] == answers(2500)
    sink.close()


def test_what_was_acknowledged_never_comes_again_and_everything_else_does_with_its_id(broker: Place) -> None:
    broker.publish(numbers(10))
    first = source_of(broker, claim_after=60)
    messages = take(first, 10)
    first.acknowledge(messages[:4])
    first.close()
    second = source_of(broker, claim_after=60)
    again = take(second, 6)
    assert [(m.value, m.id) for m in again] == [(m.value, m.id) for m in messages[4:]]
    second.acknowledge(again[3:])
    second.close()
    third = source_of(broker, claim_after=60)
    left: list[bytes] = []
    while messages := take(third, 1, within=2):
        left += [message.value for message in messages]
        third.acknowledge(messages)
    assert sorted(left) == [b"4", b"5", b"6"]
    third.close()
    fourth = source_of(broker)
    assert take(fourth, 1, within=2) == []
    fourth.close()


def test_a_single_message_is_there_at_once(broker: Place) -> None:
    source = source_of(broker)
    assert source.receive(BATCH, 0, 0.05) == []
    threading.Timer(0.5, lambda: broker.publish([b"a"])).start()
    began = time.monotonic()
    (message,) = source.receive(BATCH, 10, 0.05) or []
    assert message.value == b"a"
    assert time.monotonic() - began < 1
    source.close()


def test_waiting_ends_with_a_signal_and_receiving_when_told_to(broker: Place) -> None:
    wake, woken = os.pipe()
    source = source_of(broker, patience=Patience(wake=wake))
    assert source.receive(BATCH, 0.1, 0) == []
    threading.Timer(0.3, lambda: os.write(woken, b"\0")).start()
    began = time.monotonic()
    assert source.receive(BATCH, 20, 0.05) == []
    assert time.monotonic() - began < 2
    source.stop()
    assert source.receive(BATCH, 20, 0.05) is None
    source.close()


def test_what_cannot_be_answered_lies_there_as_it_came(broker: Place) -> None:
    broker.publish([b"\xff{"], key=b"k", trace="t1")
    source = source_of(broker)
    name = f"{broker.rows}-dead"
    grave = connect(broker.sink_uri(name=name)).dead_letters()
    (message,) = take(source, 1)
    grave.bury(message, "not_json", "cut short")
    source.acknowledge([message])
    (found,) = broker.published(1, name=name)
    assert found.value == b"\xff{"
    assert found.key == b"k"
    assert found.headers == {
        "trace": b"t1",
        f"{ERRORS}exception": b"not_json",
        f"{ERRORS}message": b"cut short",
        f"{ERRORS}topic": broker.rows.encode(),
        f"{ERRORS}partition": b"0",
        f"{ERRORS}offset": message.position.encode(),
    }
    assert message.position
    source.close()
    grave.close()


def test_a_message_that_is_too_long_says_so_and_keeps_its_bytes(broker: Place) -> None:
    long = b"x" * (LINE_LIMIT + 1)
    broker.publish([long, b"short"])
    source = source_of(broker)
    first, second = take(source, 2)
    assert (first.too_long, second.too_long) == (True, False)
    assert first.value == long
    source.close()


def test_what_waits_is_counted(broker: Place) -> None:
    source = source_of(broker)
    assert source.receive(BATCH, 0, 0) == []
    assert source.lag() == 0
    broker.publish(numbers(500))
    source.receive(BATCH, 5, 0)
    # a server may take a moment to count what it has taken
    until = time.monotonic() + 20
    while source.lag() < 300 and time.monotonic() < until:
        time.sleep(0.05)
    assert 300 <= source.lag() <= 499
    source.close()


# readers that die ---------------------------------------------------------------------


def start_reader(broker: Place, hold: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(READER), broker.source_uri(), broker.sink_uri(), str(hold)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_what_a_killed_reader_held_is_answered_again_and_nothing_else(broker: Place) -> None:
    broker.publish(numbers(1000))
    killed = 0
    for _ in range(2):
        reader = start_reader(broker, hold=0.05)
        assert reader.stdout is not None
        for _ in range(3):
            reader.stdout.readline()
        reader.send_signal(signal.SIGKILL)
        reader.wait()
        killed += 1
    source, sink = source_of(broker), connect(broker.sink_uri()).sink()
    until = time.monotonic() + 10
    quiet = 0
    while quiet < 4 and time.monotonic() < until:
        messages = source.receive(BATCH, 0.5, 0.05)
        answer(sink, source, messages or [])
        quiet = 0 if messages else quiet + 1
    source.close()
    sink.close()
    found = broker.published(1000)
    assert {each.value for each in found} == set(answers(1000))
    assert len(found) - 1000 <= killed * BATCH
    ids = Counter(each.id for each in found)
    assert len(ids) == 1000
    assert {each.value for each in found if ids[each.id] > 1} == {
        value for value, times in Counter(each.value for each in found).items() if times > 1
    }


def test_a_message_that_ends_its_readers_is_dead_in_the_end_and_takes_no_other_along(broker: Place) -> None:
    broker.publish([b"good1", b"bad", b"good2"])
    answered: list[bytes] = []
    met = True
    sessions = 0
    while met:
        source = source_of(broker, max_deliveries=4)
        met, until = False, time.monotonic() + 2
        while time.monotonic() < until and not met:
            messages = source.receive(BATCH, 0.3, 0.05) or []
            met = any(message.value == b"bad" for message in messages)
            if not met:
                answered += [message.value for message in messages]
                source.acknowledge(messages)
        source.close()  # which is what becomes of a reader that is killed by it
        sessions += 1
    assert sessions == 5
    (found,) = broker.published(1, name=f"{broker.rows}.dead-letters")
    assert found.value == b"bad"
    assert found.headers[f"{ERRORS}exception"] == DELIVERED_TOO_OFTEN.encode()
    assert found.headers[f"{ERRORS}message"] == b"delivered 4 times and never answered"
    assert sorted(answered) == [b"good1", b"good2"]


def test_what_is_held_for_long_is_nobody_elses(broker: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from scorekit.feeds import rabbit_connection

    monkeypatch.setattr(rabbit_connection, "_HEARTBEAT", 1)
    broker.publish(numbers(10))
    slow, other = source_of(broker), source_of(broker)
    held = take(slow, 10)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert other.receive(BATCH, 0.5, 0) == []
    slow.acknowledge(held)
    slow.close()
    assert take(other, 1, within=2) == []
    other.close()


# the way there ------------------------------------------------------------------------


def test_a_connection_that_is_cut_again_and_again_loses_nothing(broker: Place) -> None:
    broker.publish(numbers(3000))
    # what is on its way to a reader is lost with the connection, too
    options = {"prefetch": 3 * BATCH} if broker.kind == "rabbit" else {"claim_after": 60}
    cuts, answered = 0, set()
    with Proxy(broker.host, broker.port) as before, Proxy(broker.host, broker.port) as behind:
        source, sink = source_of(broker, before.port, **options), connect(broker.sink_uri(behind.port)).sink()
        until = time.monotonic() + 60
        while len(answered) < 3000 and time.monotonic() < until:
            messages = source.receive(BATCH, 0.5, 0.05) or []
            due = cuts < 9 and len(messages) == BATCH
            if due and cuts % 3 == 0:
                behind.after = 5000  # in the middle of what is sent
            elif due and cuts % 3 == 1:
                before.back = 500  # in the middle of what is received next
            sink.send([b"<%b>" % message.value for message in messages], messages)
            if due and cuts % 3 == 2:
                before.cut()
                behind.cut()
            cuts += due
            assert behind.after is None
            source.acknowledge(messages)
            answered |= {message.value for message in messages}
        source.close()
        sink.close()
    found = broker.published(3000)
    assert {each.value for each in found} == set(answers(3000))
    assert cuts == 9
    assert len(found) - 3000 <= cuts * options.get("prefetch", BATCH)
    assert len({each.id for each in found}) == 3000


def test_a_network_that_is_slow_is_no_fault(broker: Place) -> None:
    broker.publish(numbers(300))
    with Proxy(broker.host, broker.port) as proxy:
        proxy.delay = 0.05
        source, sink = source_of(broker, proxy.port), connect(broker.sink_uri(proxy.port)).sink()
        done = 0
        while done < 300:
            messages = source.receive(BATCH, 5, 0.05)
            assert messages
            answer(sink, source, messages)
            done += len(messages)
        source.close()
        sink.close()
    assert [each.value for each in broker.published(300)] == answers(300)


def test_a_network_that_swallows_is_left(broker: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from scorekit.feeds import rabbit_connection, redis_connection

    monkeypatch.setattr(rabbit_connection, "_HEARTBEAT", 1)
    monkeypatch.setattr(rabbit_connection, "_TIMEOUT", 2.0)
    monkeypatch.setattr(redis_connection, "_TIMEOUT", 1.0)
    broker.publish(numbers(10))
    with Proxy(broker.host, broker.port) as proxy:
        source, sink = source_of(broker, proxy.port), connect(broker.sink_uri(proxy.port)).sink()
        messages = take(source, 10)
        sink.send([], [])
        answer(sink, source, messages[:5])
        proxy.swallow()
        answer(sink, source, messages[5:])
        source.close()
        sink.close()
    assert {each.value for each in broker.published(10)} == set(answers(10))


def _reach_source(broker: Broker) -> None:
    broker.source(BATCH, None).receive(BATCH, 0, 0)


def _reach_sink(broker: Broker) -> None:
    broker.sink().send([b"a"], [Message(b"a", 1)])


def test_who_cannot_be_reached_for_too_long_ends_it_and_the_person_hears_of_it(broker: Place) -> None:
    said: list[str] = []
    for open_one in ("source", "sink"):
        uri = (broker.source_uri if open_one == "source" else broker.sink_uri)(free_port(), retry_seconds=2)
        uri = uri.replace("://", "://me:s3cret@")
        made = connect(uri, Patience(note=said.append))
        began = time.monotonic()
        reach = _reach_source if open_one == "source" else _reach_sink
        with pytest.raises(Unreachable) as caught:
            reach(made)
        assert 1 < time.monotonic() - began < 5
        assert "tried for 2 s" in caught.value.message
        assert "refused" in caught.value.message.lower()
        assert caught.value.exit_code == 7
        assert "s3cret" not in f"{caught.value} {said}"
    assert any("trying again for 2 s" in text for text in said)


def test_a_wrong_password_is_not_tried_again(broker: Place) -> None:
    uri = broker.source_uri().replace("://", "://nobody:s3cret@")
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        connect(uri).source(BATCH, None).receive(BATCH, 0, 0)
    assert time.monotonic() - began < 8
    assert "_PASSWORD" in (caught.value.hint or "")
    assert "s3cret" not in str(caught.value)


def test_a_source_that_cannot_be_reached_ends_quietly_when_asked_to(broker: Place) -> None:
    wake, woken = os.pipe()
    source = source_of(broker, free_port(), Patience(wake=wake))
    threading.Timer(0.5, lambda: os.write(woken, b"\0")).start()
    began = time.monotonic()
    assert source.receive(BATCH, 1, 0) == []
    assert time.monotonic() - began < 3
    source.close()
