"""Jobs that the service carries out itself.

There is one dispatcher for a service, however many workers answer requests: it runs in the
process that starts them, which scores nothing where there are several, and so many jobs run
at a time as were asked for. Leases would let each worker have its own as well, but a worker that is
started again would begin its jobs anew, and the number of workers would multiply that of the jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scorekit import render_jobs
from scorekit.errors import ScorekitError
from scorekit.jobs import AllowedPlaces, DispatchSettings, Ending, Job, open_jobs, start_dispatcher
from scorekit.server.logs import Log
from scorekit.server.settings import ServeSettings


@contextmanager
def dispatching(settings: ServeSettings, log: Log) -> Iterator[Callable[[], None]]:
    """Carry out jobs; gives what has no more of them begun and those under way given back.

    Raises
    ------
    ScorekitError
        If the state cannot be used, or a library is missing.
    """
    asked = settings.jobs
    if not asked.concurrency:
        yield _nothing
        return
    how = DispatchSettings(
        concurrency=asked.concurrency,
        allowed=AllowedPlaces(asked.places),
        fallback=settings.policy.fallback,
        grace=0.0,  # whoever stops a service waits for it
    )
    with open_jobs(settings.store, uploads=asked.uploads) as jobs:
        dispatcher = start_dispatcher(jobs, how, _Events(log))
        try:
            yield dispatcher.stop
        finally:
            dispatcher.close()


def _nothing() -> None:
    """Stop nothing."""


class _Events:
    """Writes what becomes of jobs into the log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def began(self, job: Job) -> None:
        """Say that an attempt begins."""
        said = render_jobs.begin_of(job)
        self._log.event("job_began", said.text, **said.fields)

    def ended(self, job: Job, ending: Ending) -> None:
        """Say how the job stands; who has cancelled it has said so."""
        said = render_jobs.end_of(job, ending)
        if job.status == "done":
            self._log.event("job_done", said.text, **said.fields)
        elif job.status == "failed":
            self._log.warn("job_failed", said.text, **said.fields)
        elif job.status != "cancelled":
            self._log.event("job_put_back", said.text, **said.fields)

    def failed(self, error: ScorekitError) -> None:
        """Say that nothing could be done."""
        self._log.fail("jobs", error.message, code=error.code)
