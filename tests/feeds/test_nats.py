"""NATS JetStream: what is received is answered at least once, whatever happens to reader and server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.js import api

from scorekit.errors import DataError, Unreachable, UsageError
from scorekit.feeds import Message, Source
from scorekit.feeds.letters import ERRORS
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.acting import BATCH, answer, answers, numbers, take
from tests.feeds.nats_server import Streams, nats_server, own_nats

READER = Path(__file__).parent / "reader.py"


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


def test_a_server_that_does_not_ask_for_tls_hears_no_password(place: tuple[str, int]) -> None:
    host, port = place
    with pytest.raises(Unreachable, match="does not ask for TLS") as caught:
        connect(f"natss://me:s3cret@{host}:{port}/scores").sink()
    assert "require TLS" in (caught.value.hint or "")


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
