"""The whole way: rows from a broker, through the loop, and answers in a broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from scorekit.errors import SwitchOpen
from scorekit.feeds.letters import ERRORS
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from scorekit.gate import Gate
from scorekit.model import open_model
from scorekit.policy import Policy
from scorekit.progress import Silent
from scorekit.state.ledger import Ledger
from scorekit.store.versions import Store
from scorekit.stream.engine import Stream
from scorekit.stream.journal import Journal
from scorekit.stream.options import StreamOptions, Tally
from scorekit.stream.road import Road
from scorekit.stream.stopping import Stopping
from scorekit.stream.telling import Telling
from tests.conftest import Bank
from tests.feeds.brokers import Place, RabbitPlace
from tests.feeds.conftest import broker, server

ROWS = 2000

__all__ = ["broker", "server"]


def rows_of(bank: Bank, count: int) -> list[bytes]:
    rows = bank.new.slice(0, count).to_pylist()
    return [json.dumps({"id": number, **row}, default=str).encode() for number, row in enumerate(rows)]


def run(bank: Bank, broker: Place, *, until: int, dead: bool = False) -> Tally:
    """Answer messages, until so many are, and a signal ends it."""
    store = Store.open(str(bank.store))
    options = StreamOptions(
        run_id=broker.rows, ids=("id",), batch_size=500, on_error="dead-letter" if dead else "emit"
    )
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(store.uri))
        stopping = stack.enter_context(Stopping())
        patience = Patience(wake=stopping.wake)
        source = connect(broker.source_uri(), patience).source(options.batch_size, None)
        stack.callback(source.close)
        sink = connect(broker.sink_uri(), patience).sink()
        stack.callback(sink.close)
        grave = (
            connect(broker.sink_uri(name=f"{broker.rows}-dead"), patience).dead_letters() if dead else None
        )

        def gate(model: object, policy: Policy) -> Gate:
            return Gate(model, policy, on_fail="warn", ledger=ledger, kind="stream", output=sink.name)

        road = Road.make(open_model(store, store.resolve("bank")), Policy(), options, gate)
        journal = Journal(None, Silent())
        telling = Telling()
        stack.callback(telling.close)
        stream = Stream(road, source, sink, options, journal, stopping, telling, grave=grave)

        def stop() -> None:
            give_up = time.monotonic() + 60
            while stream.tally.rows < until and time.monotonic() < give_up:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGTERM)

        ending = threading.Thread(target=stop)
        ending.start()
        try:
            stream.run()
        finally:
            stream.tally.rows = max(stream.tally.rows, until)
            ending.join()
    return stream.tally


def by_pipe(bank: Bank, rows: list[bytes], folder: Path) -> list[bytes]:
    (folder / "rows.jsonl").write_bytes(b"\n".join([*rows, b""]))
    out = folder / "scores.jsonl"
    arguments = ("--source", folder / "rows.jsonl", "--sink", out, "--id-column", "id")
    done = bank.run("score-stream", "-m", "bank", *arguments, "--on-quality-fail", "warn")
    assert done.returncode == 0, done.stderr
    return out.read_bytes().splitlines()


def test_messages_get_the_answers_that_lines_get_to_the_bit(
    bank: Bank, broker: Place, tmp_path: Path
) -> None:
    rows = rows_of(bank, ROWS)
    broker.publish(rows, key=b"k")
    tally = run(bank, broker, until=ROWS)
    assert tally.rows == ROWS
    found = broker.published(ROWS)
    assert [each.value for each in found] == by_pipe(bank, rows, tmp_path)
    assert {each.key for each in found} == {b"k"}
    assert len({each.id for each in found}) == ROWS


def test_what_has_no_score_is_a_dead_letter_and_the_rest_is_answered(bank: Bank, broker: Place) -> None:
    rows = rows_of(bank, 200)
    rows[50:50] = [b'{"age": ', b"\xff\xfe", b"[1]"]
    broker.publish(rows)
    run(bank, broker, until=203, dead=True)
    assert [json.loads(each.value)["id"] for each in broker.published(200)] == list(range(200))
    dead = broker.published(3, name=f"{broker.rows}-dead")
    assert [each.value for each in dead] == rows[50:53]
    assert all(each.headers[f"{ERRORS}exception"] for each in dead)


def test_while_the_switch_is_open_nothing_is_taken_and_everything_is_answered_afterwards(
    bank: Bank, broker: Place
) -> None:
    broker.publish(rows_of(bank, 300))
    why = ("--by", "ada", "--reason", "a test")
    assert bank.run("switch", "trip", "-m", "bank", *why).returncode == 0
    try:
        with pytest.raises(SwitchOpen):
            run(bank, broker, until=0)
    finally:
        assert bank.run("switch", "reset", "-m", "bank", *why).returncode == 0
    run(bank, broker, until=300)
    assert [json.loads(each.value)["id"] for each in broker.published(300)] == list(range(300))


def test_the_command_answers_messages_until_it_is_told_to_stop(bank: Bank, broker: Place) -> None:
    if isinstance(broker, RabbitPlace):
        broker.declare(broker.scores)  # it is read before the first answer is there
    broker.publish(rows_of(bank, 300))
    command = [sys.executable, "-m", "scorekit", "score-stream", "--store", str(bank.store), "-m", "bank"]
    places = ["--source", broker.source_uri(), "--sink", broker.sink_uri(), "--id-column", "id"]
    with subprocess.Popen([*command, *places], stderr=subprocess.PIPE, text=True) as process:
        try:
            found = broker.published(300, within=60)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert sorted(json.loads(answer.value)["id"] for answer in found) == list(range(300))


def test_an_end_that_is_no_address_is_refused(bank: Bank) -> None:
    done = bank.run(
        "score-stream", "--source", "redis://me:secret@localhost", "-m", "bank", stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2, done.stderr
    assert "secret" not in done.stderr
    mixed = (
        "--source",
        "redis://localhost/rows?group=g",
        "--dead-letter",
        "bad.jsonl",
        "--on-error",
        "dead-letter",
    )
    done = bank.run("score-stream", *mixed, "-m", "bank", stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "put lines aside in a file" in done.stderr


def test_a_message_of_several_lines_is_one_record(bank: Bank, broker: Place) -> None:
    row = bank.new.slice(0, 1).to_pylist()[0]
    pretty = json.dumps({"id": {"a": 1}, **row}, default=str, indent=1).encode()
    broker.publish([pretty, b'{"age": NaN,\n"job": 1}', b'{"age": 1,\n oops', pretty.replace(b" ", b"")])
    run(bank, broker, until=4)
    found = broker.published(4)
    answers = [json.loads(answer.value) for answer in found]
    assert not any(b"\n" in answer.value for answer in found)
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        None,
        "absent",
        "invalid_json",
        None,
    ]
    assert answers[0]["id"] == {"a": 1}
