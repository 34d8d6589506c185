"""What is said of the jobs that a worker or the service carries out."""

from __future__ import annotations

from typing import Any, NamedTuple

from scorekit.errors import ScorekitError
from scorekit.jobs import Ending, Job, Listener
from scorekit.terminal import terminal


class Said(NamedTuple):
    """What is said of a job: the name of an event, a text, and fields."""

    event: str
    text: str
    fields: dict[str, Any]


_ENDED = {
    "done": ("job_done", "done"),
    "failed": ("job_failed", "failed"),
    "cancelled": ("job_cancelled", "cancelled"),
    "queued": ("job_put_back", "put back, to be tried again"),
    "running": ("job_put_back", "taken up by another worker"),
}
"""Event and words by the status that a job has when an attempt at it has ended."""


def begin_of(job: Job) -> Said:
    """What is said of an attempt that begins."""
    return Said("job_began", f"attempt {job.attempts}", _fields(job))


def end_of(job: Job, ending: Ending) -> Said:
    """What is said of a job when an attempt at it has ended."""
    event, words = _ENDED[job.status]
    if job.status == "done":
        return Said(event, f"published {job.model}:{job.version}", {**_fields(job), "version": job.version})
    error = job.error or {}
    code = error.get("code") or (ending.error.code if ending.error else None)
    why = error.get("message") or (ending.error.message if ending.error else "")
    return Said(event, ": ".join(filter(None, (words, why))), {**_fields(job), "code": code})


def _fields(job: Job) -> dict[str, Any]:
    return {"job": job.id, "model": job.model, "attempt": job.attempts}


def listener() -> Listener:
    """What says it on stderr, a line for each."""
    return _Lines()


class _Lines:
    def began(self, job: Job) -> None:
        """Say that an attempt begins."""
        _log(job, begin_of(job))

    def ended(self, job: Job, ending: Ending) -> None:
        """Say how the job stands when an attempt has ended."""
        _log(job, end_of(job, ending))

    def failed(self, error: ScorekitError) -> None:
        """Say that nothing could be done."""
        terminal.log("error", error.message, prefix="error: ", code=error.code)


def _log(job: Job, said: Said) -> None:
    terminal.log(said.event, f"{job.model}, job {job.id}: {said.text}", **said.fields)
