"""What every broker's adapter does about trouble: it tries again, loses nothing, and not for ever."""

from __future__ import annotations

import os
import threading
import time

import pytest

from scorekit.errors import Unreachable
from scorekit.feeds import (
    Message,
    kafka_settings,
    nats_connection,
    nats_sink,
    nats_source,
    rabbit_connection,
    redis_connection,
)
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Broker, connect
from tests.feeds.acting import BATCH, answer, answers, numbers, source_of, take
from tests.feeds.brokers import Place
from tests.feeds.places import able
from tests.feeds.servers import free_port


def test_a_connection_that_is_cut_again_and_again_loses_nothing(broker: Place) -> None:
    broker.publish(numbers(2000))
    # what is on its way to a reader is lost with the connection, too
    options = {"rabbit": {"prefetch": 2 * BATCH}, "redis": {"claim_after": 60}}.get(broker.kind, {})
    cuts, answered = 0, set()
    with broker.proxy() as before, broker.proxy() as behind:
        source, sink = source_of(broker, before.port, **options), connect(broker.sink_uri(behind.port)).sink()
        until = time.monotonic() + 60
        while len(answered) < 2000 and time.monotonic() < until:
            messages = source.receive(BATCH, 0.5, 0.05) or []
            due = cuts < 6 and len(messages) == BATCH and len(answered) >= cuts * 3 * BATCH
            if due and cuts % 3 == 0:
                behind.after = 1500  # in the middle of what is sent
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
    found = broker.published(2000)
    assert {each.value for each in found} == set(answers(2000))
    assert cuts == 6
    assert len(found) - 2000 <= cuts * options.get("prefetch", BATCH)
    assert len({each.id for each in found}) == 2000


def test_a_network_that_is_slow_is_no_fault(broker: Place) -> None:
    broker.publish(numbers(300))
    with broker.proxy() as proxy:
        proxy.delay = 0.05
        source, sink = source_of(broker, proxy.port), connect(broker.sink_uri(proxy.port)).sink()
        done, until = 0, time.monotonic() + 30
        while done < 300 and time.monotonic() < until:
            messages = source.receive(BATCH, 1, 0.05) or []
            answer(sink, source, messages)
            done += len(messages)
        source.close()
        sink.close()
    assert [each.value for each in broker.published(300)] == answers(300)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters that take a server for lost soon."""
    monkeypatch.setattr(rabbit_connection, "_HEARTBEAT", 1)
    monkeypatch.setattr(rabbit_connection, "_TIMEOUT", 2.0)
    monkeypatch.setattr(redis_connection, "_TIMEOUT", 1.0)
    monkeypatch.setattr(kafka_settings, "_TIMEOUT", 1.0)
    for module in (nats_connection, nats_sink, nats_source):
        monkeypatch.setattr(module, "TIMEOUT", 1.0)


@pytest.mark.usefixtures("impatient")
def test_a_network_that_swallows_is_left(broker: Place) -> None:
    broker.publish(numbers(10))
    with broker.proxy() as proxy:
        source, sink = source_of(broker, proxy.port), connect(broker.sink_uri(proxy.port)).sink()
        messages = take(source, 10)
        sink.send([], [])
        answer(sink, source, messages[:5])
        proxy.swallow()
        answer(sink, source, messages[5:])
        source.close()
        sink.close()
    assert {each.value for each in broker.published(10)} == set(answers(10))


@able("be full")
def test_a_place_that_is_full_is_waited_for_and_not_for_ever(own_broker: Place) -> None:
    make_room, told = own_broker.fill(), threading.Event()

    def note(text: str) -> None:
        if "trying again" in text:
            told.set()

    def make_room_once_told() -> None:
        told.wait(20)
        make_room()

    messages = [Message(value, line, id=f"i{line}") for line, value in enumerate(numbers(50), 1)]
    with pytest.raises(Unreachable) as caught:
        connect(own_broker.sink_uri(retry_seconds=1)).sink().send(answers(50), messages)
    assert caught.value.exit_code == 7
    assert "tried for 1 s" in caught.value.message
    sink = connect(own_broker.sink_uri(), Patience(note=note)).sink()
    waiting = threading.Thread(target=make_room_once_told)
    waiting.start()
    sink.send(answers(50), messages)
    waiting.join()
    assert {each.value for each in own_broker.published(50)} >= set(answers(50))
    assert told.is_set()
    sink.close()


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


@able("refuse who logs in")
@pytest.mark.parametrize("end", ["sink", "dead_letters"])
def test_a_wrong_password_of_what_is_sent_to_is_told_before_anything_is(broker: Place, end: str) -> None:
    with broker.guarded() as uri:
        # of NATS a stream and a consumer stand where a subject does
        made = connect(uri.partition("?")[0])
        with pytest.raises(Unreachable) as caught:
            getattr(made, end)()
    assert "_PASSWORD" in (caught.value.hint or "")


@pytest.mark.parametrize("end", ["sink", "dead_letters"])
def test_where_nothing_is_sent_yet_a_stop_waits_for_no_server(broker: Place, end: str) -> None:
    wake, woken = os.pipe()
    made = connect(broker.sink_uri(free_port()), Patience(wake=wake))
    threading.Timer(0.5, lambda: os.write(woken, b"\0")).start()
    getattr(made, end)().close()


@able("refuse who logs in")
def test_a_wrong_password_is_not_tried_again(broker: Place) -> None:
    with broker.guarded() as uri:
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
