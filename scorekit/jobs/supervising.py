"""Seeing to one attempt at a job: its process, its limits, its lease."""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from scorekit.errors import JobFailed, ScorekitError, Unreachable
from scorekit.jobs.attempt import Assignment
from scorekit.jobs.queue import Jobs

How = Literal["done", "failed", "crashed", "unreachable", "cancelled", "lost", "stopped"]

LOOK = 0.1
"""Seconds between two looks at an attempt's memory and time."""
SOONEST_BEAT = 0.5
"""Seconds between two beats that tell progress."""
_ENDS_WITHIN = 30.0
"""Seconds for a process to end that has said how it ended."""
_OWN_MEMORY = ("RssAnon:", "RssShmem:", "VmSwap:")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may take.

    Attributes
    ----------
    seconds : float
    memory : int
        Bytes that are its own: not those of files that are mapped.
    """

    seconds: float = 3600.0
    memory: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes
    ----------
    how : {"done", "failed", "crashed", "unreachable", "cancelled", "lost", "stopped"}
    result : mapping or None
        Of one that is done.
    error : ScorekitError or None
        Of one that failed, or reached no store or database.
    """

    how: How
    result: Mapping[str, Any] | None = None
    error: ScorekitError | None = None


@dataclass(slots=True)
class Supervision:
    """One attempt, from its start to its end.

    Parameters
    ----------
    jobs : Jobs
    assignment : Assignment
    limits : Limits
    lease : timedelta
        For which the job is claimed, and stays so by every beat.
    out_of_time : callable
        Whether the worker has to stop now.
    verbose : bool
        Whether what the attempt prints is shown.
    """

    jobs: Jobs
    assignment: Assignment
    limits: Limits
    lease: timedelta
    out_of_time: Callable[[], bool]
    verbose: bool = False
    _begun: float = field(default_factory=time.monotonic)
    _beaten: float = field(default_factory=time.monotonic)
    _progress: Mapping[str, Any] = field(default_factory=dict)
    _told: bool = True
    _ending: Ending | None = None

    def run(self) -> Ending:
        """Carry it out; when this returns, its process is gone."""
        process = self._start()
        try:
            stopped = self._attend(process)
            if stopped is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_ENDS_WITHIN)
        finally:
            _kill(process)
        return stopped or self._ending or Ending("crashed")

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scorekit.jobs"],  # no module of the working directory
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if self.verbose else subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the worker to hear
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            pickle.dump(self.assignment, process.stdin)
            process.stdin.flush()
        return process

    def _attend(self, process: subprocess.Popen[bytes]) -> Ending | None:
        """Listen until it has nothing more to say; gives why it has to be stopped, if it has."""
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        spoken = process.stdout.fileno()
        rest = b""
        with selectors.DefaultSelector() as ready:
            ready.register(spoken, selectors.EVENT_READ)
            while True:
                if ready.select(LOOK):
                    data = os.read(spoken, 1 << 16)
                    if not data:
                        return None
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        self._hear(json.loads(line))
                stopped = self._over_limits(process.pid) or self._beat()
                if stopped is not None:
                    return stopped

    def _hear(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "progress":
            self._progress = {name: value for name, value in event.items() if name != "event"}
            self._told = False
        elif kind == "done":
            self._ending = Ending("done", result=event["result"])
        elif kind in ("failed", "unreachable"):
            error = ScorekitError(event["message"], hint=event["hint"], code=event["code"])
            self._ending = Ending(kind, error=error)
        elif kind == "memory":
            self._ending = self._out_of_memory()
        elif kind == "crashed":
            self._ending = Ending("crashed", error=JobFailed(f"{event['kind']} was raised"))
        else:
            self._ending = Ending(kind)

    def _over_limits(self, process_id: int) -> Ending | None:
        if self.out_of_time():
            return Ending("stopped")
        if memory_of(process_id) > self.limits.memory:
            return self._out_of_memory()
        if time.monotonic() - self._begun > self.limits.seconds:
            error = JobFailed(
                f"the job took longer than {self.limits.seconds:g} s",
                hint="train on fewer rows or with fewer folds, or have whoever runs the worker allow more",
                code="job_timeout",
            )
            return Ending("failed", error=error)
        return None

    def _out_of_memory(self) -> Ending:
        error = JobFailed(
            f"the job took more memory than {_amount(self.limits.memory)}",
            hint="train on fewer rows or columns, or have whoever runs the worker allow more",
            code="job_memory",
        )
        return Ending("failed", error=error)

    def _beat(self) -> Ending | None:
        """Extend the lease in good time; one that ran out while nothing answered is lost."""
        since = time.monotonic() - self._beaten
        lease = self.lease.total_seconds()
        if since < (lease / 4 if self._told else min(SOONEST_BEAT, lease / 4)):
            return None
        begun = time.monotonic()
        try:
            held = self.jobs.beat(self.assignment.job, self.lease, self._progress)
        except Unreachable:
            return Ending("lost") if since > lease else None
        self._beaten, self._told = begun, True
        return None if held == "held" else Ending(held)


def memory_of(process_id: int) -> int:
    """Bytes of memory that are a process's own; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(_OWN_MEMORY))


def _amount(size: int) -> str:
    gibibytes = size / 1024**3
    return f"{gibibytes:g} GiB" if gibibytes >= 1 else f"{size / 1024**2:g} MiB"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started, and wait for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()
