"""What every broker's adapter promises: answered at least once, in order, acknowledged after that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from scorekit.feeds import rabbit_connection
from scorekit.feeds.letters import DELIVERED_TOO_OFTEN, ERRORS
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.acting import BATCH, answer, answers, numbers, source_of, take
from tests.feeds.brokers import Place

READER = Path(__file__).parent / "reader.py"


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
    until = time.monotonic() + 60
    while sum(sizes) < 2500 and time.monotonic() < until:
        messages = source.receive(BATCH, 1, 0.05) or []
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
    again = sorted(take(second, 6), key=lambda message: message.value)
    assert [(m.value, m.id) for m in again] == [(m.value, m.id) for m in messages[4:]]
    second.acknowledge(again[:3])
    second.close()
    third = source_of(broker, claim_after=60)
    left: list[bytes] = []
    while messages := take(third, 1, within=3):
        left += [message.value for message in messages]
        third.acknowledge(messages)
    assert sorted(left) == [b"7", b"8", b"9"]
    third.close()
    fourth = source_of(broker)
    assert take(fourth, 1, within=2) == []
    fourth.close()


def test_a_single_message_is_there_at_once(broker: Place) -> None:
    broker.publish([b"before"])
    source = source_of(broker)
    source.acknowledge(take(source, 1))
    assert source.receive(BATCH, 0, 0.05) == []
    threading.Timer(0.5, lambda: broker.publish([b"a"])).start()
    began = time.monotonic()
    (message,) = source.receive(BATCH, 10, 0.05) or []
    assert message.value == b"a"
    assert time.monotonic() - began < 1.5
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
        f"{ERRORS}offset": message.offset.encode(),
    }
    assert message.offset
    source.close()
    grave.close()


def test_a_message_that_is_too_long_says_so_and_keeps_its_bytes(own_broker: Place) -> None:
    long = b"x" * (LINE_LIMIT + 1)
    own_broker.publish([long, b"short"])
    source = source_of(own_broker)
    first, second = take(source, 2)
    assert (first.too_long, second.too_long) == (True, False)
    assert first.value == long
    source.close()


def test_what_waits_is_counted(broker: Place) -> None:
    source = source_of(broker)
    assert source.receive(BATCH, 0, 0) == []
    assert source.lag() == 0
    broker.publish(numbers(500))
    messages = take(source, 1)
    source.acknowledge(messages)
    # a server may take a moment to count what it has taken, and some count what it fetched ahead
    until = time.monotonic() + 20
    while not 500 - len(messages) - BATCH <= source.lag() <= 500 - len(messages):
        assert time.monotonic() < until
        time.sleep(0.05)
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
    until = time.monotonic() + 40
    quiet = 0
    while (quiet < 4 or source.lag()) and time.monotonic() < until:
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
    said: list[str] = []
    while met and sessions < 9:
        source = source_of(broker, patience=Patience(note=said.append), max_deliveries=4)
        met, until = False, time.monotonic() + 3
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
    assert [note.partition(": ")[2] for note in said] == [
        "delivered 4 times and never answered; the message is with the dead letters now"
    ]
    assert sorted(answered) == [b"good1", b"good2"]


def test_what_is_held_for_long_is_nobody_elses(broker: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbit_connection, "_HEARTBEAT", 1)
    broker.publish(numbers(10))
    # the mock cluster leaves a reader on a busy machine a second less than a session to say that it is there
    options = {"session_seconds": 10} if broker.kind == "kafka" else {}
    slow, other = source_of(broker, **options), source_of(broker, **options)
    held = take(slow, 10)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert other.receive(BATCH, 0.5, 0) == []
    slow.acknowledge(held)
    slow.close()
    assert take(other, 1, within=2) == []
    other.close()
