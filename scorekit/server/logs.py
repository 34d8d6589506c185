"""The log of the service: a JSON object a line on stderr, each with an ``event`` of a known name.

::

    {"time": "2026-03-01T08:15:00.123Z", "level": "info", "event": "request", "request_id": "…",
     "method": "POST", "path": "/v1/score/batch", "status": 200, "rows": 100, "seconds": 0.0021}

No value of the data is ever in it.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from typing import Any, Literal

import msgspec

Level = Literal["info", "warning", "error"]

EVENTS: dict[str, str] = {
    "started": "a worker has begun; its port answers once it is ready",
    "ready": "the models are loaded, verified and warmed; at its `url` it answers",
    "stopped": "a worker has ended, after what was under way was answered",
    "request": "a request was answered: method, path, status, rows, seconds",
    "refused": "a request was refused: code, and what was wrong with it",
    "failed": "a request was not answered for a reason that lies with the service",
    "version": "another version of a model took over",
    "follow": "an alias could not be followed; the version before goes on",
    "window": "a window was judged: its rows, its state and its outcome",
    "job_submitted": "a job was submitted, by whom",
    "job_began": "an attempt at a job has begun, by this service",
    "job_done": "a job has published its version",
    "job_failed": "a job has failed: code, and what was wrong",
    "job_cancelled": "a job was cancelled",
    "job_put_back": "an attempt has ended without a result; the job is tried again, or carried on elsewhere",
    "jobs": "no job could be taken up, or what became of one could not be written down",
    "alert": "an alert could not be sent",
    "traces": "traces could not be sent",
    "server": "what the HTTP server itself says",
}
"""Every event there is; log tools may define their alerts on these names."""

LIBRARIES = {"uvicorn": "server", "opentelemetry": "traces"}
"""Libraries that log by themselves, and the event that it becomes."""


class Log:
    """Writes events.

    Parameters
    ----------
    quiet : bool
        Whether only warnings and errors are written.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._encode = msgspec.json.Encoder().encode

    def event(self, name: str, text: str = "", /, *, level: Level = "info", **fields: Any) -> None:
        """Write an event of ``EVENTS``."""
        if self._quiet and level == "info":
            return
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
        said = {"message": text} if text else {}
        line = self._encode({"time": stamp, "level": level, "event": name, **said, **fields})
        with suppress(OSError):  # a disk that is full stops no answers
            sys.stderr.write(f"{line.decode()}\n")

    def warn(self, name: str, text: str, /, **fields: Any) -> None:
        """Write what somebody should look at."""
        self.event(name, text, level="warning", **fields)

    def fail(self, name: str, text: str, /, **fields: Any) -> None:
        """Write what went wrong with the service itself."""
        self.event(name, text, level="error", **fields)


class LibraryLog(logging.Handler):
    """Takes what a library logs to the same place, in the same form.

    Parameters
    ----------
    log : Log
    event : str
    """

    def __init__(self, log: Log, event: str) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; of an exception, no more than its kind."""
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        self._log.event(self._event, _said(record), level=level)


def _said(record: logging.LogRecord) -> str:
    """What a record says, without traces."""
    if record.exc_info and record.exc_info[0] is not None:
        return f"an exception passed: {record.exc_info[0].__name__}"
    text = record.getMessage()
    if "Traceback (most recent call last)" in text:  # uvicorn writes down why it could not begin
        return f"an exception passed: {text.strip().splitlines()[-1].partition(':')[0]}"
    return text


def listen(log: Log) -> None:
    """Have the logs of libraries written to ours, and nowhere else."""
    for name, event in LIBRARIES.items():
        logger = logging.getLogger(name)
        logger.handlers = [LibraryLog(log, event)]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
