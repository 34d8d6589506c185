"""What a worker says of the jobs it carries out: a line for each, on stderr."""

from __future__ import annotations

from typing import Any

from scorekit.errors import ScorekitError
from scorekit.jobs import Ending, Job, Listener
from scorekit.terminal import terminal

_SAID = {
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "queued": "put back, to be tried again",
    "running": "taken up by another worker",
}


def listener() -> Listener:
    """What says it."""
    return _Lines()


class _Lines:
    def began(self, job: Job) -> None:
        """Say that an attempt begins."""
        _log("job_began", job, f"attempt {job.attempts}")

    def ended(self, job: Job, ending: Ending) -> None:
        """Say how the job stands when an attempt has ended."""
        if job.status == "done":
            _log("job_done", job, f"published {job.model}:{job.version}", version=job.version)
            return
        error = job.error or {}
        said = [_SAID[job.status], error.get("message") or (ending.error.message if ending.error else "")]
        _log(f"job_{job.status}", job, ": ".join(filter(None, said)), code=error.get("code"))

    def failed(self, error: ScorekitError) -> None:
        """Say that nothing could be done."""
        terminal.log("error", error.message, prefix="error: ", code=error.code)


def _log(event: str, job: Job, text: str, **fields: Any) -> None:
    line = f"{job.model}, job {job.id}: {text}"
    terminal.log(event, line, job=job.id, model=job.model, attempt=job.attempts, **fields)
