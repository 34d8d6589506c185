"""NATS JetStream: what is received is answered at least once, whatever happens to reader and server."""

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
from nats.js import api

from scorekit.errors import DataError, Unreachable, UsageError
from scorekit.feeds import Message, Sink, Source
from scorekit.feeds.letters import DELIVERED_TOO_OFTEN, ERRORS
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.nats_server import Streams, nats_server, own_nats
from tests.feeds.servers import free_port

READER = Path(__file__).parent / "reader.py"
BATCH = 100


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, int]]:
    with nats_server() as found:
        yield found


@pytest.fixture
def streams(place: tuple[str, int]) -> Iterator[Streams]:
    made = Streams(*place)
    yield made
    made.clean()


def source_of(streams: Streams, patience: Patience | None = None, **options: object) -> Source:
    return connect(streams.source_uri(**options), patience).source(BATCH, None)


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


def test_an_answer_has_the_headers_the_key_and_an_id_but_no_orders_to_the_server(streams: Streams) -> None:
    streams.publish([b"a"], **{"trace": "t1", "scorekit-key": "k", "Nats-Msg-Id": "before"})
    source, sink = source_of(streams), connect(streams.sink_uri()).sink()
    (message,) = take(source, 1)
    assert (message.key, message.headers) == (b"k", (("trace", b"t1"),))
    assert (message.topic, message.position, message.line) == (streams.rows, "1", 1)
    answer(sink, source, [message])
    source.close()
    sink.close()
    assert streams.stored() == [
        (b"<a>", {"trace": "t1", "scorekit-key": "k", "Nats-Msg-Id": f"reader/{streams.rows}/1"})
    ]


def test_many_come_in_batches_and_are_answered_in_order(streams: Streams) -> None:
    streams.publish(numbers(1234))
    source, sink = source_of(streams), connect(streams.sink_uri()).sink()
    sizes: list[int] = []
    while sum(sizes) < 1234:
        messages = source.receive(BATCH, 5, 0.05) or []
        assert messages
        sizes.append(len(messages))
        answer(sink, source, messages)
    source.close()
    sink.close()
    assert max(sizes) == BATCH
    assert [value for value, _ in streams.stored()] == answers(1234)


def test_what_was_acknowledged_never_comes_again_and_everything_else_does_at_once(streams: Streams) -> None:
    streams.publish(numbers(10))
    first = source_of(streams, ack_seconds=1)
    messages = take(first, 10)
    first.acknowledge(messages[:4])
    first.close()
    second = source_of(streams)
    again = take(second, 6, within=5)
    assert sorted((m.value, m.id) for m in again) == [(m.value, m.id) for m in messages[4:]]
    second.acknowledge(again)
    second.close()
    third = source_of(streams)
    assert take(third, 1, within=2.5) == []
    third.close()


def test_the_server_drops_an_answer_that_it_has(streams: Streams) -> None:
    streams.publish(numbers(10))
    first, sink = source_of(streams), connect(streams.sink_uri()).sink()
    sink.send(answers(10), take(first, 10))
    first.close()
    second = source_of(streams)
    again = take(second, 10)
    answer(sink, second, again)
    second.close()
    sink.close()
    assert len(again) == 10
    assert [value for value, _ in streams.stored()] == answers(10)


def test_what_is_held_for_long_is_nobody_elses(streams: Streams) -> None:
    streams.publish(numbers(10))
    slow, other = source_of(streams, ack_seconds=1), source_of(streams)
    held = take(slow, 10)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert other.receive(BATCH, 0.5, 0) == []
    slow.acknowledge(held)
    slow.close()
    assert take(other, 1, within=1.5) == []
    other.close()


def test_waiting_ends_with_a_message_with_a_signal_and_when_told_to(streams: Streams) -> None:
    wake, woken = os.pipe()
    source = source_of(streams, Patience(wake=wake))
    assert source.receive(BATCH, 0, 0.05) == []
    threading.Timer(0.5, lambda: streams.publish([b"a"])).start()
    began = time.monotonic()
    (message,) = source.receive(BATCH, 10, 0.05) or []
    assert time.monotonic() - began < 1.5
    source.acknowledge([message])
    threading.Timer(0.3, lambda: os.write(woken, b"\0")).start()
    began = time.monotonic()
    assert source.receive(BATCH, 20, 0.05) == []
    assert time.monotonic() - began < 2
    source.stop()
    assert source.receive(BATCH, 20, 0.05) is None
    source.close()


def test_what_waits_is_counted(streams: Streams) -> None:
    source = source_of(streams)
    assert source.receive(BATCH, 0, 0) == []
    assert source.lag() == 0
    streams.publish(numbers(50))
    assert source.lag() == 50
    source.receive(20, 5, 0)
    assert source.lag() == 30
    source.close()


def test_a_dead_letter_is_as_it_came_and_says_why(streams: Streams) -> None:
    streams.publish([b"\xff{"], trace="t1")
    source = source_of(streams)
    (message,) = take(source, 1)
    grave = connect(streams.sink_uri(name=f"{streams.rows}-dead")).dead_letters()
    grave.bury(message, "not_json", "cut short")
    source.close()
    grave.close()
    ((value, headers),) = streams.stored(f"{streams.rows}-dead")
    assert value == b"\xff{"
    assert headers == {
        "trace": "t1",
        f"{ERRORS}exception": "not_json",
        f"{ERRORS}message": "cut short",
        f"{ERRORS}topic": streams.rows,
        f"{ERRORS}partition": "0",
        f"{ERRORS}offset": "1",
        "Nats-Msg-Id": f"dead/reader/{streams.rows}/1",
    }


def test_a_message_that_ends_its_readers_is_dead_in_the_end_and_takes_no_other_along(
    streams: Streams,
) -> None:
    streams.publish([b"good1", b"bad", b"good2"])
    answered: list[bytes] = []
    for _ in range(8):
        source = source_of(streams, max_deliveries=4)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            messages = source.receive(BATCH, 0.3, 0.05) or []
            if any(message.value == b"bad" for message in messages):
                break  # what a reader does that is killed by it
            answered += [message.value for message in messages]
            source.acknowledge(messages)
        source.close()
    ((value, headers),) = streams.stored(f"{streams.rows}.dead-letters")
    assert value == b"bad"
    assert headers[f"{ERRORS}exception"] == DELIVERED_TOO_OFTEN
    assert headers[f"{ERRORS}message"] == "delivered 4 times and never answered"
    assert sorted(answered) == [b"good1", b"good2"]


def test_headers_of_other_brokers_are_made_fit(streams: Streams) -> None:
    sink = connect(streams.sink_uri()).sink()
    odd = (("a b:c", b"\xff\r\nInjected: 1"), ("Nats-Rollup", b"all"))
    sink.send([b"x"], [Message(b"", 1, key=b"\xfe", headers=odd, id="i")])
    sink.close()
    ((_, headers),) = streams.stored()
    assert set(headers) == {"a-b-c", "scorekit-key", "Nats-Msg-Id"}
    assert headers["a-b-c"].startswith("\\xff")


@pytest.mark.parametrize("size", [2_000_000, 1_048_570])
def test_an_answer_too_large_is_named(streams: Streams, size: int) -> None:
    sink = connect(streams.sink_uri()).sink()
    with pytest.raises(DataError, match="is larger than the server takes") as refusal:
        sink.send([b"x" * size], [Message(b"", 1, id="a")])
    assert refusal.value.code == "answer_too_large"
    sink.send([b"y"], [Message(b"", 1, id="b")])
    sink.close()
    assert [value for value, _ in streams.stored()] == [b"y"]


def test_an_answer_too_large_for_its_stream_is_named(streams: Streams) -> None:
    name = f"{streams.rows}-small"
    streams.add(name, [name], max_msg_size=100)
    sink = connect(streams.sink_uri(name=name)).sink()
    with pytest.raises(DataError, match="is larger than the server takes"):
        sink.send([b"x" * 200], [Message(b"", 1, id="a")])
    sink.close()


def test_a_full_stream_is_waited_for(streams: Streams) -> None:
    name = f"{streams.rows}-full"
    streams.add(name, [name], max_msgs=3, discard=api.DiscardPolicy.NEW)
    sink = connect(streams.sink_uri(name=name)).sink()
    said = [Message(b"", line, id=f"i{line}") for line in range(5)]
    purge = threading.Timer(2, lambda: streams.doing(lambda js: js.purge_stream(name)))
    purge.start()
    sink.send(numbers(5), said)
    assert not purge.is_alive()
    sink.close()
    assert [value for value, _ in streams.stored(name)] == [b"3", b"4"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.reader", "there is no stream none"),
        ("rows", "names no stream and consumer"),
        ("a/b", "several parts"),
        ("rows.reader?acks=1", "has no option acks"),
        ("rows.reader?from=middle", "earliest or latest"),
        ("rows.reader?subject=a&from=latest&max-deliveries=1", "at least 3"),
    ],
)
def test_what_is_wrong_with_an_address_is_named(streams: Streams, path: str, said: str) -> None:
    uri = f"nats://me:word@{streams.host}:{streams.port}/{path}"
    with pytest.raises(UsageError, match=said) as refusal:
        connect(uri).source(1, None).receive(1, 0, 0)
    assert "word" not in str(refusal.value)


def test_a_subject_that_no_stream_stores_is_named(streams: Streams) -> None:
    with pytest.raises(UsageError, match="no stream stores what is published to"):
        connect(streams.sink_uri(name="nothing.here")).sink()
    with pytest.raises(UsageError, match="names no subject"):
        connect(streams.sink_uri(name="all.>")).sink()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ack_policy": api.AckPolicy.ALL}, "does not acknowledge each message"),
        ({"ack_policy": api.AckPolicy.EXPLICIT, "max_deliver": 5}, "gives messages up after 5"),
        ({"ack_policy": api.AckPolicy.EXPLICIT, "deliver_subject": "x"}, "is pushed to"),
    ],
)
def test_a_consumer_that_would_lose_messages_is_refused(
    streams: Streams, options: dict[str, object], said: str
) -> None:
    made = api.ConsumerConfig(durable_name="reader", **options)
    streams.doing(lambda js: js.add_consumer(streams.rows, made))
    source = source_of(streams)
    with pytest.raises(UsageError, match=said):
        source.receive(1, 0, 0)
    source.close()


def test_a_new_consumer_may_begin_with_what_is_new_and_read_one_subject_only(streams: Streams) -> None:
    streams.publish([b"old"])
    source = source_of(streams, subject=f"{streams.rows}.more", **{"from": "latest"})
    assert source.receive(BATCH, 0, 0) == []
    streams.publish([b"other"])
    streams.doing(lambda js: js.publish(f"{streams.rows}.more", b"new"))
    assert [m.value for m in take(source, 1)] == [b"new"]
    assert take(source, 1, within=1) == []
    source.close()


# readers and servers that die ----------------------------------------------------------


def test_readers_that_are_killed_lose_nothing_and_repeat_nothing_that_is_stored(streams: Streams) -> None:
    streams.publish(numbers(1000))
    command = [sys.executable, str(READER), streams.source_uri(ack_seconds=1), streams.sink_uri(), "0.05"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(3):
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert reader.stdout is not None
        for _ in range(2):
            reader.stdout.readline()
        reader.send_signal(signal.SIGKILL)
        reader.wait()
        reader.stdout.close()
    source, sink = source_of(streams), connect(streams.sink_uri()).sink()
    answered: Counter[str] = Counter()
    while messages := take(source, 1, within=4):
        answer(sink, source, messages)
        answered.update(message.id for message in messages)
    source.close()
    sink.close()
    stored = streams.stored()
    assert {value for value, _ in stored} == set(answers(1000))
    assert len(stored) == len({headers["Nats-Msg-Id"] for _, headers in stored}) == 1000
    assert set(answered.values()) == {1}
    assert sum(answered.values()) <= 1000 - 3 * BATCH


def test_two_readers_share_what_is_there(streams: Streams) -> None:
    streams.publish(numbers(600))
    readers, sink = [source_of(streams), source_of(streams)], connect(streams.sink_uri()).sink()
    shares: Counter[int] = Counter()
    while sum(shares.values()) < 600:
        for number, reader in enumerate(readers):
            messages = reader.receive(50, 0.5, 0.01) or []
            answer(sink, reader, messages)
            shares[number] += len(messages)
    for each in (*readers, sink):
        each.close()
    assert sorted(shares.values()) == [300, 300]
    assert {value for value, _ in streams.stored()} == set(answers(600))


def test_a_server_that_is_killed_and_comes_back_is_gone_on_with() -> None:
    with own_nats() as server:
        streams = Streams("127.0.0.1", server.port)
        streams.publish(numbers(300))
        said: list[str] = []
        patience = Patience(limit=30, note=said.append)
        source = source_of(streams, patience, ack_seconds=5)
        sink = connect(streams.sink_uri(), patience).sink()
        answer(sink, source, take(source, 100))
        messages = source.receive(BATCH, 5, 0.05) or []
        assert len(messages) == 100
        for act in (lambda: sink.send(answers(200)[100:], messages), lambda: source.acknowledge(messages)):
            server.kill()
            starting = threading.Timer(4, server.start)
            starting.start()
            act()
            starting.join()
        while rest := take(source, 1, within=8):
            answer(sink, source, rest)
        source.close()
        sink.close()
        assert {value for value, _ in streams.stored()} == set(answers(300))
        assert len(streams.stored()) <= 300 + 2 * BATCH
    assert any("trying again for 30 s" in text for text in said)


def test_a_server_that_stays_away_ends_it_after_the_limit(streams: Streams) -> None:
    said: list[str] = []
    uri = f"nats://me:sesame@127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"refused.*tried for 2 s") as caught:
        connect(f"{uri}/rows.reader?retry-seconds=2", Patience(note=said.append)).source(1, None).receive(
            1, 0, 0
        )
    with pytest.raises(Unreachable, match=r"refused.*tried for 2 s"):
        connect(f"{uri}/scores?retry-seconds=2").sink()
    assert time.monotonic() - began < 8
    assert caught.value.exit_code == 7
    assert "sesame" not in f"{caught.value} {said}"


def test_who_may_not_log_in_hears_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with own_nats("--user", "me", "--pass", "s3cret") as server:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="refuses") as caught:
            connect(f"nats://me:wrong@127.0.0.1:{server.port}/scores").sink()
        assert time.monotonic() - began < 5
        assert "SCOREKIT_NATS_PASSWORD" in (caught.value.hint or "")
        assert "wrong" not in str(caught.value)
        monkeypatch.setenv("SCOREKIT_NATS_USER", "me")
        monkeypatch.setenv("SCOREKIT_NATS_PASSWORD", "s3cret")
        with pytest.raises(UsageError, match="no stream stores"):
            connect(f"nats://127.0.0.1:{server.port}/scores").sink()


def test_nothing_is_written_to_standard_error(streams: Streams) -> None:
    streams.publish(numbers(10))
    program = (
        "import sys\n"
        "from scorekit.feeds.uris import connect\n"
        "source, sink = connect(sys.argv[1]).source(10, None), connect(sys.argv[2]).sink()\n"
        "messages = source.receive(10, 5, 0.1)\n"
        "sink.send([m.value for m in messages], messages)\n"
        "source.acknowledge(messages[:5])\n"
        "source.close()\n"
        "sink.close()\n"
        "print(len(messages))\n"
    )
    command = [sys.executable, "-c", program, streams.source_uri(), streams.sink_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.stdout) == ("", "10\n")
