"""Processes for large requests: they do as they are told, and are let go of with whoever asked."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from scorekit.errors import Refused, ScorekitError
from scorekit.server.heavy import Hand, Heavy


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0], ids=["before it began", "while it begins", "under way"])
def test_a_request_that_is_given_up_ends_what_is_done_for_it(seconds: float) -> None:
    async def give_up() -> int:
        heavy = Heavy(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds), heavy.one() as hand:
                await hand.do(time.sleep, 600)
        try:
            async with asyncio.timeout(60), heavy.one() as hand:
                return await hand.do(os.getpid)  # the next finds one that works
        finally:
            heavy.close()

    assert asyncio.run(give_up()) != os.getpid()


def test_a_process_that_is_killed_is_told_and_another_takes_its_place() -> None:
    async def ask() -> None:
        heavy = Heavy(1)
        try:
            async with heavy.one() as hand:
                with pytest.raises(Refused) as told:
                    await hand.do(_kill_oneself)
                assert told.value.code == "interrupted"
                assert await _answers(hand)
        finally:
            heavy.close()

    asyncio.run(ask())


def test_what_fails_there_is_told_without_what_it_says() -> None:
    async def ask() -> str:
        heavy = Heavy(1)
        try:
            async with heavy.one() as hand:
                with pytest.raises(ScorekitError) as told:
                    await hand.do(int, "a value of somebody")
                assert await _answers(hand)
                return str(told.value)
        finally:
            heavy.close()

    said = asyncio.run(ask())
    assert "ValueError" in said
    assert "somebody" not in said


async def _answers(hand: Hand) -> bool:
    return await hand.do(os.getpid) != os.getpid()


def _kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
