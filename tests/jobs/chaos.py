"""Workers that are killed at named steps and at any moment while they carry out jobs.

Used by ``test_kills`` for a few jobs and by ``benchmarks/jobs.py`` for many.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from scorekit.errors import ModelNotFound
from scorekit.jobs import Job, Jobs
from scorekit.store.versions import Ref
from tests.jobs.samples import request
from tests.jobs.working import PATIENCE, alive, children, worker

OPTIONS = ("--lease", "3s", "--max-attempts", "1000")

STEPS: Mapping[str, Callable[[Jobs, Job], bool]] = {
    "claimed": lambda _jobs, job: not job.progress,
    "at work": lambda _jobs, job: bool(job.progress),
    "reserved": lambda _jobs, job: job.version is not None,
    "published": lambda jobs, job: (
        job.version is not None and jobs.store.job_of(Ref(job.model, job.version)) == job.id
    ),
}
"""Whether a running job has come to a step."""
ANY = "any moment"


@dataclass
class Told:
    """What became of the jobs.

    Attributes
    ----------
    jobs : int
    lost : int
        That are not done, though nothing was wrong with them.
    twice : int
        Versions beyond the first of a job.
    foreign : int
        Versions that are of none of the jobs.
    broken : int
        Versions that do not hold.
    promoted_twice : int
    kills : Counter of str
        By step.
    attempts : int
    seconds : float
    """

    jobs: int
    lost: int = 0
    twice: int = 0
    foreign: int = 0
    broken: int = 0
    promoted_twice: int = 0
    not_promoted: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        """All that should not be."""
        return self.lost + self.twice + self.foreign + self.broken + self.promoted_twice + self.not_promoted


class Chaos:
    """Two workers on the jobs of a store, one of which is killed again and again.

    Parameters
    ----------
    jobs : Jobs
    rows : Path
        What is trained on.
    log : Path
        What the workers say.
    seed : int
    """

    def __init__(self, jobs: Jobs, rows: Path, log: Path, seed: int = 1) -> None:
        self._jobs = jobs
        self._rows = rows
        self._log = log
        self._chance = random.Random(seed)
        self._options = ("--train-from", rows.parent, *OPTIONS)

    def run(self, count: int, kills: int) -> Told:
        """Submit jobs, kill so often, and see what became of all."""
        began = time.monotonic()
        submitted = [self._submit(number) for number in range(count)]
        told = Told(count)
        wanted = [*STEPS, ANY, ANY]
        with ExitStack() as stack:
            workers = [self._start(stack) for _ in range(2)]
            while sum(told.kills.values()) < kills:
                step = wanted[sum(told.kills.values()) % len(wanted)]
                if not self._kill_at(step, workers):
                    break
                told.kills[step] += 1
                workers[:] = [each if each.poll() is None else self._start(stack) for each in workers]
            self._wait_for(submitted)
            orphans = [child for each in workers for child in children(each.pid)]
        assert not any(map(alive, orphans)), "an attempt outlives its worker and its job"
        self._judge(submitted, told)
        told.seconds = time.monotonic() - began
        return told

    def _submit(self, number: int) -> str:
        asked = request(
            name=f"bank{number % 2}",
            data=[str(self._rows)],
            seed=number,
            promote=number % 3 == 0,
            estimator="tree",
        )
        return self._jobs.submit(asked, "ada", f"job {number}")[0].id

    def _start(self, stack: ExitStack) -> Popen[bytes]:
        return stack.enter_context(worker(self._jobs.store.uri, *self._options, log=self._log))

    def _kill_at(self, step: str, workers: list[Popen[bytes]]) -> bool:
        """Kill a worker, or now and then only its attempt, once a job has come to a step."""
        if step == ANY:
            time.sleep(self._chance.uniform(0.1, 4))
        mine = {each.pid: each for each in workers}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            running = [job for job in self._jobs.list(status="running", limit=10) if _worker(job) in mine]
            for job in running:
                if step == ANY or STEPS[step](self._jobs, job):
                    self._kill(mine[_worker(job)])
                    return True
            if not running and not self._jobs.waiting():
                return False
            time.sleep(0.001)
        raise AssertionError(f"no job came to the step: {step}")

    def _kill(self, process: Popen[bytes]) -> None:
        attempts = children(process.pid)
        if attempts and self._chance.random() < 0.2:
            with suppress(ProcessLookupError):
                os.kill(attempts[0], signal.SIGKILL)
            return
        process.kill()
        process.wait()

    def _wait_for(self, submitted: list[str]) -> None:
        end = time.monotonic() + PATIENCE
        while not all(self._jobs.get(job_id).over for job_id in submitted):
            assert time.monotonic() < end, f"jobs do not end:\n{self._log.read_text()}"
            time.sleep(0.1)

    def _judge(self, submitted: list[str], told: Told) -> None:
        store = self._jobs.store
        found: Counter[str | None] = Counter()
        promoted: Counter[str] = Counter()
        for name in store.names():
            for version in store.versions(name):
                ref = Ref(name, version)
                found[store.job_of(ref)] += 1
                told.broken += bool(store.verify(ref).problems)
            with suppress(ModelNotFound):
                promoted.update(move.why for move in store.history(name))
        for job_id in submitted:
            job = self._jobs.get(job_id)
            told.attempts += job.attempts
            whole = job.status == "done" and job.version is not None
            told.lost += not whole or store.job_of(Ref(job.model, job.version or 0)) != job_id
            told.twice += max(0, found.pop(job_id, 0) - 1)
            moves = promoted[f"job {job_id}"]
            told.promoted_twice += moves > 1
            told.not_promoted += bool(job.request["promote"]) and not moves
        told.foreign = sum(found.values())


def _worker(job: Job) -> int:
    """The process that has a job."""
    return int((job.worker or "::").split(":")[1])
