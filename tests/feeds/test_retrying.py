"""Trying again: longer and longer apart, not in step, and not for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import islice

import pytest

from scorekit.errors import SwitchOpen, Unreachable, UsageError
from scorekit.feeds import retrying
from scorekit.feeds.retrying import FIRST, LONGEST, Patience, Trouble, pauses


def failing(times: int, *, error: Exception | None = None) -> Callable[[], int]:
    """Something that fails so many times, and then says how often it was called."""
    called = 0

    def attempt() -> int:
        nonlocal called
        called += 1
        if called <= times:
            raise error or Trouble("the queue is full", hint="read it")
        return called

    return attempt


def test_pauses_double_up_to_the_longest_and_differ() -> None:
    found = list(islice(pauses(), 20))
    longest = FIRST
    for pause in found:
        assert longest / 2 <= pause <= longest
        longest = min(2 * longest, LONGEST)
    assert found[-1] > LONGEST / 2
    assert found != list(islice(pauses(), 20))


def test_what_passes_is_tried_until_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Patience().keep_trying("x", failing(0)) == 1
    assert Patience().keep_trying("x", failing(3)) == 4


def test_what_will_not_pass_is_not_tried_again() -> None:
    attempt = failing(1, error=UsageError("wrong"))
    with pytest.raises(UsageError):
        Patience().keep_trying("x", attempt)
    assert attempt() == 2


def test_it_ends_at_the_limit_and_says_what_it_was() -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        Patience(limit=1).keep_trying("redis://x", failing(1000))
    assert 0.9 < time.monotonic() - began < 2
    assert caught.value.message == "redis://x cannot be reached: the queue is full (tried for 1 s)"
    assert caught.value.hint == "read it"


def test_a_person_hears_of_it_once_and_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(retrying, "TOLD_AFTER", 0.2)
    Patience(note=said.append).keep_trying("x", failing(4))
    assert said == ["x: the queue is full; trying again for 120 s", "x: it goes on"]
    said.clear()
    Patience(note=said.append).keep_trying("x", failing(1))
    assert said == []


def test_nothing_goes_on_where_a_stop_ended_the_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "TOLD_AFTER", 0.0)
    said: list[str] = []
    wake, woken = os.pipe()
    tried = failing(3)

    def attempt() -> int:
        """As of a source: once it is to stop it needs no server."""
        try:
            return tried()
        except Trouble:
            if said:
                os.write(woken, b"\0")
            raise

    assert Patience(wake=wake, note=said.append).keep_trying("x", attempt) == 4
    assert said == ["x: the queue is full; trying again for 120 s"]


def test_little_patience_is_left_once_somebody_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "GRACE", 0.5)
    wake, woken = os.pipe()
    patience = Patience(wake=wake)
    assert not patience.stopping
    os.write(woken, b"\0")
    assert patience.stopping
    began = time.monotonic()
    with pytest.raises(Unreachable, match="asked to stop"):
        patience.keep_trying("x", failing(1000))
    assert time.monotonic() - began < 2


def test_before_each_attempt_it_is_asked_whether_one_is_allowed() -> None:
    asked = 0

    def allowed() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise SwitchOpen("open")

    attempt = failing(1000)
    with pytest.raises(SwitchOpen):
        Patience(allowed=allowed).keep_trying("x", attempt)
    assert asked == 3
    with pytest.raises(Trouble):
        attempt()
    assert Patience(allowed=lambda: None).keep_trying("x", failing(2)) == 3


def test_nothing_is_tried_that_was_not_allowed_from_the_beginning() -> None:
    def refuse() -> None:
        raise SwitchOpen("open")

    attempt = failing(0)
    with pytest.raises(SwitchOpen):
        Patience(allowed=refuse).keep_trying("x", attempt)
    assert attempt() == 1
