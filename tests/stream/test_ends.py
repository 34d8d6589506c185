"""Where a stream begins and ends: not in one place, and never silently."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from scorekit.errors import Unreachable, UsageError
from scorekit.feeds import Message
from scorekit.feeds.nats_sink import _letter
from scorekit.feeds.uris import connect
from scorekit.gate import Gate
from scorekit.model import open_model
from scorekit.policy import Policy
from scorekit.state.history import read
from scorekit.state.ledger import Ledger
from scorekit.store.versions import Store
from scorekit.stream.connecting import refuse_circle
from scorekit.stream.telling import Telling
from tests.conftest import Bank
from tests.stream.streams import running


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


@pytest.mark.parametrize(
    ("sink", "dead_letter", "refused"),
    [
        ("a.jsonl", "a.jsonl", True),
        ("a.jsonl", "b.jsonl", False),
        ("-", "b.jsonl", False),
        ("/dev/null", "/dev/null", False),
        ("redis://me:secret@h/scores?maxlen=9", "redis://h/scores", True),
        ("redis://h/scores?db=1", "redis://h/scores?db=2", False),
        ("amqp://h/scores?exchange=a", "amqp://h/scores", False),
        ("amqp://h/scores?exchange=", "amqp://h/scores", True),
        ("redis://h/scores?db=0", "redis://h/scores", True),
        ("redis://h/scores?db=01", "redis://h/scores?db=1", True),
    ],
)
def test_answers_are_not_mixed_with_lines_that_have_none(
    sink: str, dead_letter: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if not refused:
        refuse_circle("rows", sink, dead_letter)
        return
    with pytest.raises(UsageError, match="would stand among them") as caught:
        refuse_circle("rows", sink, dead_letter)
    assert "secret" not in caught.value.message


def test_standard_input_and_output_are_called_so(bank: Bank, tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    with answers.open("wb") as file, running(bank.store, "--dead-letter", answers, stdout=file) as process:
        assert process.wait(20) == 2
        assert b"error: standard output is where answers go" in process.stderr.read()  # type: ignore[union-attr]
    done = bank.run("score-stream", "--dead-letter", "redis://h/dead", input="{}\n")
    assert "redis://h:6379/dead cannot keep what comes from standard input" in done.stderr


def test_two_databases_of_a_server_are_two_places() -> None:
    refuse_circle("redis://h/rows?group=g", "redis://h/rows?db=1", None)


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


@pytest.fixture
def store(bank: Bank, tmp_path: Path) -> Store:
    """One with a state of its own."""
    made = tmp_path / "models"
    shutil.copytree(bank.store, made, ignore=shutil.ignore_patterns(".scorekit"))
    return Store.open(str(made))


def begun(store: Store, ledger: Ledger, run_id: str) -> Gate:
    made = Gate(open_model(store, store.resolve("bank")), Policy(), ledger=ledger, kind="stream")
    made.begin(run_id)
    return made


def runs_of(store: Store) -> list[tuple[str, str, int]]:
    history = read("bank", last=10, store_uri=store.uri)
    return sorted((run.run_id, run.outcome, run.rows) for run in history.runs)


def test_a_version_that_made_way_is_written_down_beside_the_stream(store: Store) -> None:
    with Ledger.open(store.uri) as ledger:
        telling = Telling(again=0.01)
        for rows, run_id in ((7, "one"), (0, "two")):
            telling.made_way(begun(store, ledger, run_id), rows)
        telling.close()
    assert runs_of(store) == [("one", "published", 7), ("two", "published", 0)]


def test_the_end_of_a_run_that_could_not_be_written_is_tried_again_and_said_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    tried = threading.Semaphore(0)
    usual = Ledger.finish

    def finish(*run: object) -> None:
        tried.release()
        raise Unreachable("the state is locked")

    with Ledger.open(store.uri) as ledger:
        gate = begun(store, ledger, "one")
        monkeypatch.setattr(Ledger, "finish", finish)
        telling = Telling(heard.append, again=0.01)
        telling.made_way(gate, 7)
        for _ in range(3):
            assert tried.acquire(timeout=10)
        monkeypatch.setattr(Ledger, "finish", usual)
        telling.close()
    assert heard == ["the end of a run could not be written down: the state is locked"]
    assert runs_of(store) == [("one", "published", 7)]


def test_no_header_of_a_message_becomes_an_instruction_to_the_server() -> None:
    headers = [("Nats Rollup", b"all"), ("nats-ttl", b"1"), ("a (b)/c", b"one\r\ntwo"), ("", b"x")]
    letter = _letter(b"{}", Message(b"{}", 1, key=b"k\n1", id="s/1"), headers)
    assert not any(name.lower().startswith("nats-") for name in letter.headers if name != "Nats-Msg-Id")
    assert "one two" in letter.headers.values()
    assert not any("\n" in value for value in letter.headers.values())


def test_settings_that_kafka_refuses_are_a_mistake_of_the_address(tmp_path: Path) -> None:
    late = connect("kafka://127.0.0.1:1/rows?group=g&retry-seconds=90000")
    with pytest.raises(UsageError, match="cannot be used as it is"):
        late.source(1, None)
    (tmp_path / "ca.pem").write_text("no certificate")
    bad = connect(f"kafkas://127.0.0.1:1/rows?group=g&tls-ca={tmp_path}/ca.pem")
    for open_one in (lambda: bad.source(1, None), bad.sink):
        with pytest.raises(UsageError, match="cannot be used as it is"):
            open_one()
