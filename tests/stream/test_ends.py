"""Where a stream begins and ends: not in one place, and never silently."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.feeds import Message
from scorekit.feeds.kafka_sink import KafkaSink
from scorekit.feeds.kafka_source import KafkaSource
from scorekit.feeds.nats_sink import _letter
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import parse
from scorekit.stream.telling import Telling
from tests.conftest import Bank


def test_a_stream_does_not_answer_its_own_answers(bank: Bank, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    beside = tmp_path / "link.jsonl"
    beside.symlink_to(file)
    broker = "redis://me:secret@127.0.0.1:1/rows"
    for ends in ((file, file), (file, beside), (f"{broker}?group=g", broker)):
        places = ("--source", ends[0], "--sink", ends[1])
        done = bank.run("score-stream", "-m", "bank", *places, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 2, done.stderr
        assert "its own answers" in done.stderr
        assert "secret" not in done.stderr
    assert file.read_text() == "{}\n"


def test_what_could_not_be_told_is_said_once() -> None:
    heard: list[str] = []
    asked = threading.Semaphore(0)

    class Gate:
        def send_alerts(self) -> tuple[str, ...]:
            asked.release()
            if len(heard) > 1:
                raise RuntimeError
            return ("the channel a failed", "the channel b failed")

    telling = Telling(heard.append, again=0.01)
    telling.after(Gate())  # type: ignore[arg-type]
    for _ in range(5):
        assert asked.acquire(timeout=10)
    telling.close()
    assert heard == ["the channel a failed", "the channel b failed", "alerts could not be sent: RuntimeError"]


def test_no_header_of_a_message_becomes_an_instruction_to_the_server() -> None:
    headers = [("Nats Rollup", b"all"), ("nats-ttl", b"1"), ("a (b)/c", b"one\r\ntwo"), ("", b"x")]
    letter = _letter(b"{}", Message(b"{}", 1, key=b"k\n1", id="s/1"), headers)
    assert not any(name.lower().startswith("nats-") for name in letter.headers if name != "Nats-Msg-Id")
    assert "one two" in letter.headers.values()
    assert not any("\n" in value for value in letter.headers.values())


def test_settings_that_kafka_refuses_are_a_mistake_of_the_address(tmp_path: Path) -> None:
    late = parse("kafka://127.0.0.1:1/rows?group=g&retry-seconds=90000")
    with pytest.raises(UsageError, match="cannot be used as it is"):
        KafkaSource(late, Patience(90_000.0))
    (tmp_path / "ca.pem").write_text("no certificate")
    bad = parse(f"kafkas://127.0.0.1:1/rows?group=g&tls-ca={tmp_path}/ca.pem")
    for end in (KafkaSource, KafkaSink):
        with pytest.raises(UsageError, match="cannot be used as it is"):
            end(bad, Patience(1.0))
