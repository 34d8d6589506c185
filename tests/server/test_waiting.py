"""Who waits for a job is told of its end, and of what keeps the service from seeing it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from scorekit.errors import Unreachable
from scorekit.server.waiting import Waits


class Desk:
    """Jobs that stand as they are told to, look by look; an error is raised."""

    def __init__(self, *looks: Any) -> None:
        self.looks = list(looks)
        self.asked = 0

    def standing(self, job_ids: Collection[str]) -> list[Any]:
        self.asked += 1
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return [found] if found.id in job_ids else []


QUEUED, DONE = SimpleNamespace(id="a", over=False), SimpleNamespace(id="a", over=True)


async def never() -> bool:
    return False


def wait(desk: Any, seconds: float, times: int = 1) -> list[Any]:
    async def all_of_them() -> list[Any]:
        waits = Waits(desk, 10)
        asked = (waits.for_end(QUEUED, seconds, never) for _ in range(times))  # type: ignore[arg-type]
        return await asyncio.gather(*asked)

    return asyncio.run(all_of_them())


def test_all_that_wait_are_told_by_one_look_at_a_time() -> None:
    desk = Desk(QUEUED, Unreachable("away"), QUEUED, DONE)
    assert wait(desk, 60, times=5) == [DONE] * 5
    assert desk.asked <= 5


def test_what_ends_the_looking_fails_who_waits_at_once() -> None:
    desk = Desk(QUEUED, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        wait(desk, 60)
    assert desk.asked == 2, "it would be waited for to the end of its time, and looked at again"


def test_after_its_time_it_is_told_how_the_job_stands() -> None:
    assert wait(Desk(QUEUED), 0.6) == [QUEUED]
