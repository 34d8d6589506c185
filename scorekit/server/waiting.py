"""Waiting for the end of jobs: one look at all of them at a time, however many requests wait."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from scorekit.errors import Unreachable
from scorekit.jobs import Job, Jobs

EVERY = 0.25
"""Seconds between two looks."""


class Waits:
    """Requests that wait for jobs.

    Parameters
    ----------
    jobs : Jobs
    most : int
        Requests that may wait at a time; others are answered at once, for scores need a place, too.
    """

    def __init__(self, jobs: Jobs, most: int) -> None:
        self._jobs = jobs
        self._most = most
        self._waited: dict[str, int] = {}
        self._seen: dict[str, Job] = {}
        self._looking: asyncio.Task[None] | None = None
        self._ended = False
        self._before: dict[int, Callable[[int, FrameType | None], object]] = {}

    async def for_end(self, job: Job, seconds: float, gone: Callable[[], Awaitable[bool]]) -> Job:
        """The job once it is over; as it stands after so many seconds, or once who has asked is gone.

        Parameters
        ----------
        job : Job
        seconds : float
        gone : callable
            Whether who has asked is gone.
        """
        if job.over or sum(self._waited.values()) >= self._most:
            return job
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        with self._waiting(job.id):
            while not job.over and not self._ended and loop.time() < end and not await gone():
                await asyncio.sleep(min(EVERY, max(0.0, end - loop.time())))
                if self._looking is not None and self._looking.done():
                    self._looking.result()  # what has ended it fails all that wait
                job = self._seen.get(job.id, job)
        return job

    @contextmanager
    def _waiting(self, job_id: str) -> Iterator[None]:
        self._waited[job_id] = self._waited.get(job_id, 0) + 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._waited[job_id] -= 1
            if not self._waited[job_id]:
                del self._waited[job_id]
                self._seen.pop(job_id, None)

    async def _look(self) -> None:
        while self._waited:
            with suppress(Unreachable):  # a look later may succeed
                found = await asyncio.to_thread(self._jobs.standing, list(self._waited))
                self._seen.update((job.id, job) for job in found if job.id in self._waited)
            await asyncio.sleep(EVERY)

    def start(self) -> None:
        """Hear the signals that stop the service: the server itself waits until every request is answered."""
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                self._before[number] = before
                signal.signal(number, self._heard)

    def close(self) -> None:
        """Leave signals to whoever heard them before."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._ended = True
        self._before[number](number, frame)
