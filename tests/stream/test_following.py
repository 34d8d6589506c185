"""When the alias moves, the next version takes over between two batches; one that is no good does not."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import scorekit
from scorekit.errors import Unreachable
from scorekit.store.references import Ref
from scorekit.store.versions import Store
from scorekit.stream.following import Following
from tests.conftest import Bank
from tests.conftest import scorekit as command
from tests.stream.streams import ask, lines_of, running


@pytest.fixture
def store(bank: Bank, tmp_path: Path) -> Path:
    """Two versions of a model, the first of them champion."""
    made = tmp_path / "models"
    shutil.copytree(bank.store, made, ignore=shutil.ignore_patterns(".scorekit"))
    data = bank.store.parent / "bank.parquet"
    args = ("--target", "y", "--name", "bank", "--estimator", "logistic", "--param", "C=0.01", "--cv", 2)
    done = command("train", data, *args, "--store", made)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def line(bank: Bank) -> bytes:
    return lines_of(bank.new.slice(0, 1))[0]


def promote(store: Path, version: int) -> None:
    opened = Store.open(str(store))
    opened.promote(opened.resolve(f"bank:{version}"), by="ann", why="better")


def versions(process: Any, line: bytes, *, until: int, seconds: float = 15) -> list[int]:
    """Versions that answer, one line after the other, until one does, or the time is over."""
    found: list[int] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(ask(process, line)["model_version"])
        if found[-1] == until:
            break
        time.sleep(0.05)
    return found


def test_the_next_version_takes_over_between_two_batches(store: Path, line: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(store, "--log-file", log) as process:
        assert ask(process, line)["model_version"] == 1
        promote(store, 2)
        found = versions(process, line, until=2)
        assert found == sorted(found), "and the old one never comes back"
        assert found[-1] == 2
        answer = ask(process, line)
        promote(store, 1)
        assert versions(process, line, until=1)[-1] == 1
        process.stdin.close()
        assert process.wait(20) == 0
        said = process.stderr.read().decode()
    expected = scorekit.load("bank:2", store=str(store)).score_row(json.loads(line))
    assert answer["score"] == expected["score"]
    assert "bank:1 made way for bank:2" in said
    assert "with bank:1, then bank:2, then bank:1" in said
    events = [json.loads(event) for event in log.read_text().splitlines()]
    # each has its own windows, over rows that are numbered on
    assert [event["window"] for event in events if event["event"] == "window"] == [0, 1, 2]


@pytest.mark.parametrize("args", [("--pin",), ("-m", "bank:1")])
def test_a_pinned_version_stays(args: tuple[str, ...], store: Path, line: bytes) -> None:
    with running(store, *args) as process:
        ask(process, line)
        promote(store, 2)
        assert set(versions(process, line, until=2, seconds=3)) == {1}


def test_a_version_that_does_not_hold_is_said_and_not_taken(store: Path, line: bytes) -> None:
    with running(store) as process:
        ask(process, line)
        promote(store, 2)
        # promoted whole, and harmed before anybody read it
        for file in (store / "bank/2/compiled").iterdir():
            file.write_bytes(file.read_bytes() + b" ")
        assert set(versions(process, line, until=2, seconds=4)) == {1}
        process.stdin.close()
        assert process.wait(20) == 0
        said = process.stderr.read().decode()
    assert said.count("bank:2 cannot be used") == 1
    assert "going on with bank:1" in said


def test_an_alias_that_cannot_be_read_is_said_once(store: Path, line: bytes) -> None:
    with running(store) as process:
        ask(process, line)
        (store / "bank/aliases/champion.json").write_text("{")
        assert set(versions(process, line, until=2, seconds=4)) == {1}
        (store / "bank/aliases/champion.json").unlink()
        promote(store, 2)
        assert versions(process, line, until=2)[-1] == 2
        process.stdin.close()
        assert process.wait(20) == 0
        said = process.stderr.read().decode()
    assert said.count("the alias cannot be read") == 1


# what may go wrong beside the stream

FIRST, SECOND = Ref("bank", 1), Ref("bank", 2)


def in_turn(*found: Ref | Exception) -> Callable[..., Ref]:
    """Gives, or raises, one after the other; then the last one again and again."""
    left: Iterator[Ref | Exception] = iter(found)

    def look(*_: object) -> Ref:
        what = next(left, found[-1])
        if isinstance(what, Exception):
            raise what
        return what

    return look


def followed(resolve: Callable[[], Ref], prepare: Callable[[Ref], Ref]) -> tuple[list[str], Ref | None]:
    """What is said until the second version is ready, and that."""
    said: list[str] = []
    following = Following(FIRST, resolve, prepare, every=0.01)
    end = time.monotonic() + 20
    ready = None
    while ready is None and time.monotonic() < end:
        ready = following.taken(said.append)
        time.sleep(0.005)
    following.close()
    return said, ready


def test_whatever_keeps_the_alias_from_being_read_is_said_once_and_ends_nothing() -> None:
    resolve = in_turn(*[OSError("secret")] * 3, FIRST, ValueError("secret"), SECOND)
    said, ready = followed(resolve, in_turn(SECOND))
    assert ready == SECOND
    assert said == ["the alias cannot be read: OSError", "the alias cannot be read: ValueError"]


def test_a_version_that_cannot_be_reached_is_said_once_and_tried_again() -> None:
    away = (Unreachable(f"no answer ({number})") for number in range(4))
    said, ready = followed(in_turn(SECOND), in_turn(*away, SECOND))
    assert ready == SECOND
    assert said == ["bank:2 cannot be loaded now: no answer (0); it is tried again"]


def test_whatever_a_version_fails_by_the_next_one_is_taken() -> None:
    resolve = in_turn(Ref("bank", 3), SECOND)
    said, ready = followed(resolve, in_turn(MemoryError("secret"), SECOND))
    assert ready == SECOND
    assert said == ["bank:3 cannot be used: MemoryError; going on with bank:1"]
