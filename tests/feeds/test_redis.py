"""Redis Streams: what only they have."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis import exceptions

from scorekit.errors import ScorekitError, Unreachable, UsageError
from scorekit.feeds import Message, redis_connection
from scorekit.feeds.letters import MESSAGE_ID
from scorekit.feeds.redis_streams import OPTIONS
from scorekit.feeds.retrying import Patience, Trouble
from scorekit.feeds.uris import connect
from tests.feeds.acting import BATCH, answer, answers, numbers, source_of, take
from tests.feeds.brokers import RedisPlace
from tests.feeds.servers import OwnRedis, own_redis, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with redis_server() as place:
        yield place


@pytest.fixture
def broker(server: tuple[str, int]) -> Iterator[RedisPlace]:
    made = RedisPlace(*server)
    yield made
    made.clean()


@pytest.fixture
def own() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


def lines(values: list[bytes]) -> list[Message]:
    return [Message(value, line) for line, value in enumerate(values, 1)]


def test_a_server_that_is_killed_and_started_again_loses_nothing(own: OwnRedis) -> None:
    broker = RedisPlace("127.0.0.1", own.port)
    broker.publish(numbers(1000))
    said: list[str] = []
    patience = Patience(note=said.append)
    source, sink = source_of(broker, patience=patience), connect(broker.sink_uri(), patience).sink()
    answered = 0
    for number in range(10):
        messages = source.receive(BATCH, 5, 0.05) or []
        if number in (3, 6):
            own.kill()
            threading.Timer(1.5, own.start).start()
        answer(sink, source, messages)
        answered += len(messages)
    assert answered == 1000
    assert source.receive(BATCH, 0, 0) == []
    found = broker.published(1000)
    assert [each.value for each in found] == answers(1000)
    assert any("trying again" in text for text in said)
    assert any("it goes on" in text for text in said)
    source.close()
    sink.close()


def test_clients_that_are_killed_come_back(broker: RedisPlace) -> None:
    broker.publish(numbers(1000))
    source, sink = source_of(broker, claim_after=60), connect(broker.sink_uri()).sink()
    answered: Counter[bytes] = Counter()
    while len(answered) < 1000:
        messages = source.receive(BATCH, 0.5, 0.05) or []
        for each in broker.client.client_list():
            if each["name"] == "scorekit":
                broker.client.client_kill_filter(_id=each["id"])
        answer(sink, source, messages)
        answered.update(message.value for message in messages)
    assert set(answered.values()) == {1}
    assert [each.value for each in broker.published(1000)] == answers(1000)
    source.close()
    sink.close()


def test_a_server_that_is_out_of_memory_is_waited_for(own: OwnRedis) -> None:
    client = redis.Redis("127.0.0.1", own.port)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + (2 << 20))
    said: list[str] = []
    uri = f"redis://127.0.0.1:{own.port}/scores"
    sink = connect(uri, Patience(note=said.append)).sink()
    threading.Timer(3, lambda: client.config_set("maxmemory", 0)).start()
    values = [b"%d-" % number + b"y" * 1000 for number in range(4000)]
    sink.send(values, lines(values))
    assert [fields[b"value"] for _, fields in client.xrange("scores")] == values
    assert any("out of memory" in text for text in said)
    client.config_set("maxmemory", 1)
    with pytest.raises(Unreachable, match="out of memory"):
        connect(f"{uri}?retry-seconds=1").sink().send([b"a"], lines([b"a"]))
    sink.close()
    client.close()


def test_an_entry_without_a_value_is_a_message_of_its_fields(broker: RedisPlace) -> None:
    broker.client.xadd(broker.rows, {"age": "41", "job": "admin"})
    broker.client.xadd(broker.rows, {"body": b"{}", "trace": "t"})
    source = source_of(broker)
    assert [message.value for message in take(source, 2)] == [
        b'{"age": "41", "job": "admin"}',
        b'{"body": "{}", "trace": "t"}',
    ]
    source.close()
    other = source_of(broker, group="other", field="body")
    assert take(other, 2)[1].value == b"{}"
    other.close()


def test_a_stream_of_answers_is_cut(broker: RedisPlace) -> None:
    sink = connect(broker.sink_uri(maxlen=500)).sink()
    sink.send(answers(3000), lines(numbers(3000)))
    assert 500 <= broker.client.xlen(broker.scores) < 1000
    sink.close()


def test_a_new_group_begins_with_the_oldest_entry_or_with_the_next(broker: RedisPlace) -> None:
    broker.publish([b"old"])
    late = source_of(broker, group="late", **{"from": "latest"})
    assert late.receive(BATCH, 0, 0) == []
    broker.publish([b"new"])
    assert [message.value for message in take(late, 1)] == [b"new"]
    late.close()
    early = source_of(broker, group="early")
    assert [message.value for message in take(early, 2)] == [b"old", b"new"]
    early.close()


def test_a_group_that_was_deleted_is_made_again(broker: RedisPlace) -> None:
    source = source_of(broker)
    assert source.receive(BATCH, 0, 0) == []
    broker.client.delete(broker.rows)
    broker.publish([b"a"])
    assert [message.value for message in take(source, 1)] == [b"a"]
    source.close()


def test_a_process_that_starts_again_under_its_name_takes_what_it_left_at_once(broker: RedisPlace) -> None:
    broker.publish(numbers(10))
    options = {"consumer": "one", "claim_after": 60}
    take(source_of(broker, **options), 10)  # and it dies
    other = source_of(broker, claim_after=60)
    assert other.receive(BATCH, 0.5, 0) == []
    again = source_of(broker, **options)
    began = time.monotonic()
    assert [message.value for message in again.receive(BATCH, 5, 0) or []] == numbers(10)
    assert time.monotonic() - began < 2
    again.close()
    other.close()


def test_what_was_cut_off_the_stream_is_not_looked_for_for_ever(broker: RedisPlace) -> None:
    broker.publish(numbers(3))
    first = source_of(broker)
    (gone, *_) = take(first, 3)
    broker.client.xdel(broker.rows, gone.position)
    first.close()
    second = source_of(broker)
    left = take(second, 2)
    assert [message.value for message in left] == [b"1", b"2"]
    second.acknowledge(left)
    assert broker.client.xpending(broker.rows, "g")["pending"] == 0
    second.close()


def test_names_that_no_process_will_have_again_leave_the_group(broker: RedisPlace) -> None:
    broker.publish(numbers(3))
    for consumer in ("", "stays"):
        source = source_of(broker, **({"consumer": consumer} if consumer else {}))
        source.acknowledge(source.receive(BATCH, 0.5, 0) or [])
        source.close()
    names = [each["name"] for each in broker.client.xinfo_consumers(broker.rows, "g")]
    assert names in ([], [b"stays"])
    broker.publish([b"a"])
    losing = source_of(broker)
    losing.acknowledge(take(losing, 1))
    broker.publish(numbers(3))
    (name,) = [
        n for each in broker.client.xinfo_consumers(broker.rows, "g") if (n := each["name"]) != b"stays"
    ]
    broker.client.xreadgroup("g", name, {broker.rows: ">"})  # a reply that never came
    losing.close()
    assert broker.client.xpending(broker.rows, "g")["pending"] == 3


def test_a_key_that_is_no_stream_is_said(broker: RedisPlace) -> None:
    broker.client.set(broker.rows, "text")
    with pytest.raises(Unreachable, match="WRONGTYPE") as caught:
        source_of(broker).receive(BATCH, 0, 0)
    assert "stream" in (caught.value.hint or "")


def test_an_answer_to_an_answer_has_one_id(broker: RedisPlace) -> None:
    broker.client.xadd(broker.rows, {"value": b"a", MESSAGE_ID: "before"})
    source, sink = source_of(broker), connect(broker.sink_uri()).sink()
    (message,) = take(source, 1)
    answer(sink, source, [message])
    (found,) = broker.published(1)
    assert found.id == message.id == f"g/{broker.rows}/{message.position}"
    source.close()
    sink.close()


def test_a_stream_and_a_group_are_named() -> None:
    for uri in ("redis://localhost?group=g", "redis://localhost/a/b?group=g", "redis://one,two/a?group=g"):
        with pytest.raises(UsageError):
            connect(uri)
    for uri in ("redis://localhost/a", "redis://localhost/a?group=g&from=now"):
        with pytest.raises(UsageError):
            connect(uri).source(BATCH, None)


def test_every_option_is_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "brokers.md").read_text()
    section = document.partition("## Redis Streams")[2].partition("\n## ")[0]
    assert [name for name in OPTIONS if f"| `{name}` |" not in section] == []


def test_what_was_to_be_sent_is_in_no_error() -> None:
    said = 'Command # 1 (XADD scores * value {"customer":"Ada"}) of pipeline caused error: '
    with pytest.raises(ScorekitError) as refused, redis_connection.translated("redis://h/s"):
        raise exceptions.ResponseError(f"{said}WRONGTYPE no stream")
    assert "Ada" not in str(refused.value)
    assert "WRONGTYPE" in str(refused.value)
    with pytest.raises(Trouble), redis_connection.translated("redis://h/s"):
        raise exceptions.ResponseError(f"{said}MISCONF cannot write")


def test_who_may_only_write_answers_without_having_looked(
    own: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = redis.Redis("127.0.0.1", own.port)
    rights = ["+xadd", "+multi", "+exec", "+client", "+hello", "+select"]
    client.acl_setuser("writer", enabled=True, passwords=["+SECRET"], keys=["*"], commands=rights)
    monkeypatch.setenv("SCOREKIT_REDIS_PASSWORD", "SECRET")
    sink = connect(f"redis://writer@127.0.0.1:{own.port}/scores?retry-seconds=1").sink()
    sink.send([b"<a>"], lines([b"a"]))
    sink.close()
    assert client.xlen("scores") == 1
