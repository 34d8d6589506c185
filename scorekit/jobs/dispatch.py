"""Dispatching jobs: threads that claim them and see to their attempts, run by huey.

The state is the queue. What huey holds, in memory, are only the turns of the threads to look
into it: one comes every second, and one as soon as a job is submitted in this process.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from scorekit.errors import ScorekitError, UsageError
from scorekit.jobs.allowed import AllowedPlaces
from scorekit.jobs.attempt import Assignment
from scorekit.jobs.queue import Jobs, crashed
from scorekit.jobs.supervising import Ending, Limits, Supervision
from scorekit.quality.fallback import FallbackSettings
from scorekit.state.jobs import Job

if TYPE_CHECKING:
    from huey.consumer import Consumer

LEASE = timedelta(seconds=30)
GRACE = 20.0
"""Seconds that an attempt may go on once the worker has to stop."""
_BETWEEN_SWEEPS = 3600.0
"""Seconds after which what the dead have left of uploads is removed again."""
_BETWEEN_LOOKS = 0.1
"""Seconds after which a thread sees that it has a turn."""


class Listener(Protocol):
    """Hears what becomes of jobs."""

    def began(self, job: Job) -> None:
        """An attempt begins."""

    def ended(self, job: Job, ending: Ending) -> None:
        """An attempt has ended; ``job`` as it stands now."""

    def failed(self, error: ScorekitError) -> None:
        """Nothing could be claimed, or what became of a job could not be written down."""


class Unheard:
    """A listener that does not listen."""

    def began(self, job: Job) -> None:
        """Say nothing."""

    def ended(self, job: Job, ending: Ending) -> None:
        """Say nothing."""

    def failed(self, error: ScorekitError) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How jobs are run.

    Attributes
    ----------
    concurrency : int
        Attempts at a time.
    limits : Limits
        Of each.
    allowed : AllowedPlaces
        What clients may name to train from.
    fallback : FallbackSettings or None
        What may answer in the place of the models that are trained.
    lease : timedelta
        After which a job is another's, if its worker says nothing.
    grace : float
        Seconds that attempts may go on once the worker has to stop.
    verbose : bool
        Whether what attempts print is shown.
    """

    concurrency: int = 1
    limits: Limits = field(default_factory=Limits)
    allowed: AllowedPlaces = field(default_factory=AllowedPlaces)
    fallback: FallbackSettings | None = None
    lease: timedelta = LEASE
    grace: float = GRACE
    verbose: bool = False


class Dispatcher:
    """Threads that carry out jobs until they are told to stop.

    Parameters
    ----------
    jobs : Jobs
    settings : DispatchSettings
    listener : Listener

    Raises
    ------
    UsageError
        If huey is not installed.
    """

    def __init__(self, jobs: Jobs, settings: DispatchSettings, listener: Listener) -> None:
        self._jobs = jobs
        self._settings = settings
        self._listener = listener
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._at_work = _Count()
        self._stop_at = float("inf")
        self._sweep_at = 0.0
        self._take_turn, self._consumer = _consumer(self._work, settings.concurrency)

    def start(self) -> None:
        """Begin."""
        self._sweep()
        self._consumer.start()
        self.notice()

    def notice(self) -> None:
        """Look for jobs now."""
        self._take_turn()

    def idle(self) -> bool:
        """Whether no job is worked on here, and none waits."""
        return not self._at_work.number and not self._jobs.waiting() and not self._at_work.number

    def stop(self) -> None:
        """Claim nothing more, and give attempts their time to end."""
        self._stop_at = min(self._stop_at, time.monotonic() + self._settings.grace)
        self._consumer.stop()

    def close(self) -> None:
        """Stop, and wait until every attempt has ended or was given back."""
        self.stop()
        self._consumer.stop(graceful=True)

    def _stopping(self) -> bool:
        return self._stop_at != float("inf")

    def _out_of_time(self) -> bool:
        return time.monotonic() >= self._stop_at

    def _work(self) -> None:
        """Carry out jobs until there is none to be had."""
        try:
            if time.monotonic() >= self._sweep_at:
                self._sweep()
            while not self._stopping() and self._one():
                pass
        except ScorekitError as error:
            self._listener.failed(error)
        except Exception as error:  # noqa: BLE001 - the thread has to go on; what it was is told by its kind
            self._listener.failed(ScorekitError(f"a job could not be seen to: {type(error).__name__}"))

    def _sweep(self) -> None:
        self._sweep_at = time.monotonic() + _BETWEEN_SWEEPS
        self._jobs.uploads.sweep(self._jobs.over)

    def _one(self) -> bool:
        """Carry out a job, if there is one."""
        with self._at_work.counted():
            job = self._jobs.claim(self._worker, self._settings.lease)
            if job is None:
                return False
            self._take_turn()  # another thread may have nothing to do
            self._listener.began(job)
            ending = self._supervised(job)
            self._settle(job, ending)
            self._listener.ended(self._jobs.get(job.id), ending)
        return True

    def _supervised(self, job: Job) -> Ending:
        settings = self._settings
        uri = self._jobs.store.uri
        folder = self._jobs.uploads.folder
        assignment = Assignment(job, uri, folder, settings.allowed, settings.fallback)
        return Supervision(
            self._jobs, assignment, settings.limits, settings.lease, self._out_of_time, settings.verbose
        ).run()

    def _settle(self, job: Job, ending: Ending) -> None:
        """Write down how an attempt ended."""
        if ending.how == "done" and ending.result is not None:
            self._jobs.finish(job, ending.result["version"], ending.result)
        elif ending.how == "failed":
            self._jobs.fail(job, ending.error or crashed(job.attempts))
        elif ending.how == "stopped":
            self._jobs.put_back(job, counted=False)
        elif ending.how == "unreachable":
            self._jobs.try_later(job, ending.error or crashed(job.attempts))
        elif ending.how == "crashed":
            self._jobs.put_back(job)


def start_dispatcher(
    jobs: Jobs, settings: DispatchSettings | None = None, listener: Listener | None = None
) -> Dispatcher:
    """Carry out jobs in threads of this process until ``close``.

    Parameters
    ----------
    jobs : Jobs
    settings : DispatchSettings, optional
    listener : Listener, optional

    Raises
    ------
    UsageError
        If huey is not installed.
    """
    dispatcher = Dispatcher(jobs, settings or DispatchSettings(), listener or Unheard())
    dispatcher.start()
    return dispatcher


class _Count:
    """How many threads are at work."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.number += 1
        try:
            yield
        finally:
            with self._lock:
                self.number -= 1


def _consumer(work: Callable[[], None], threads: int) -> tuple[Callable[[], None], Consumer]:
    """What gives a thread a turn to work, and the threads."""
    try:
        from huey import MemoryHuey
        from huey.consumer import Consumer, Scheduler
    except ImportError:
        raise UsageError(
            "jobs need a package that is not installed: huey", hint="pip install 'scorekit[serve]'"
        ) from None

    class Sweeping(Scheduler):  # type: ignore[misc]  # huey has no types
        """Gives a turn every second, unless the last one was not taken yet."""

        periodic_task_seconds = 1

        def enqueue_periodic_tasks(self, now: Any) -> None:
            if not self.huey.pending_count():
                super().enqueue_periodic_tasks(now)

    class Threads(Consumer):  # type: ignore[misc]  # huey has no types
        """Threads of a process whose signals are somebody else's."""

        scheduler_class = Sweeping

        def _set_signal_handlers(self) -> None:
            pass

    huey = MemoryHuey("scorekit", results=False)
    turn = huey.task(name="turn")(work)
    huey.periodic_task(lambda _now: True, name="sweep")(work)

    def take_turn() -> None:
        if huey.pending_count() < threads:
            turn()

    delays = {"initial_delay": _BETWEEN_LOOKS, "max_delay": _BETWEEN_LOOKS, "backoff": 1}
    return take_turn, Threads(huey, workers=threads, check_worker_health=False, **delays)
