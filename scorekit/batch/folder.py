"""A folder of outputs: file by file, and ``_SUCCESS`` when all of them are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

from scorekit.batch.aftermath import finish_lost
from scorekit.batch.inputs import hash_inputs, run_key
from scorekit.batch.job import run_job
from scorekit.batch.options import Fate, JobOptions, JobResult, worst
from scorekit.batch.partial import Partial, folder_for
from scorekit.batch.plan import Job, Plan
from scorekit.errors import NothingToDo, Unreachable, UsageError
from scorekit.gate import Gate
from scorekit.progress import Progress
from scorekit.tables import Source
from scorekit.tables.parts import exists, publish_bytes, remove
from scorekit.tables.targets import explained

SUCCESS_FILE = "_SUCCESS"
"""Stands in a folder that is complete, and says by which key each file was made."""

DONE_FILE = ".scorekit-done.json"
"""Says the same of the files that an unfinished run has made."""

RUN_NAME = "scorekit-run"
"""Its lock is held as long as a run writes to the folder, as that of an output would be."""


def run_folder(
    made: Plan, folder: str, gate: Gate, options: JobOptions, progress: Progress
) -> Iterator[JobResult]:
    """Score into a folder, file by file.

    Yields
    ------
    JobResult
        Of each file that is scored now, not of those an earlier run had made. One that is
        withheld is the last.

    Raises
    ------
    NothingToDo
        If the folder is complete already, of the same inputs, model and options, or another
        run is writing to it.
    UsageError
        If it is complete, but of others, or unfinished, and the run is told neither to go
        on nor to begin anew.
    """
    if "://" not in folder:
        _make_folder(Path(folder))
    lock = Partial(folder_for(f"{folder}/{RUN_NAME}"))
    with ExitStack() as stack:
        with explained(folder):
            stack.enter_context(lock.held())
        yield from _run_held(made, folder, gate, options, progress, lock)


def _run_held(
    made: Plan, folder: str, gate: Gate, options: JobOptions, progress: Progress, held: Partial
) -> Iterator[JobResult]:
    """Score into a folder that no other run writes to."""
    done = _Done(folder, gate, options)
    finish_lost(held, gate, published=done.complete)
    done.refuse_complete(made)
    held.own(options.run_id)
    fates: list[Fate] = []
    for number, job in enumerate(made.jobs):
        if done.has(job):
            progress.note(f"{job.target} is done already")
            _clean(Partial(folder_for(job.target)))
            continue
        if "://" not in job.target:
            with explained(job.target):
                Path(job.target).parent.mkdir(parents=True, exist_ok=True)
        try:
            heard = partial(done.add, job)
            result = run_job(job, gate, options, progress, number=number, made=heard)
        except NothingToDo as nothing:
            if nothing.code != "complete":
                raise
            continue
        yield result
        if result.refusal is not None:
            # what follows waits until somebody has looked at this one
            return
        fates.append(result.fate)
    held.own(options.run_id, worst(fates))
    done.finish()


def _clean(left: Partial) -> None:
    """Remove what a run that was killed at its very end left of a file that is done."""
    if left.folder.exists():
        with left.held():
            left.clear()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise UsageError(
            f"no such folder for the output: {folder.parent}", hint=f"mkdir -p {folder.parent}"
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}", hint="name another with -o"
        ) from None


class _Done:
    """The files of a folder that are made, each by the key of the run that made it."""

    def __init__(self, folder: str, gate: Gate, options: JobOptions) -> None:
        self._folder = folder
        self._gate = gate
        self._options = options
        self._keys: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """Whether a run came to the end of its files."""
        return exists(f"{self._folder}/{SUCCESS_FILE}")

    def refuse_complete(self, made: Plan) -> None:
        """Refuse a folder that is complete, and one that is not without being told what to do with it."""
        marker, unfinished = f"{self._folder}/{SUCCESS_FILE}", f"{self._folder}/{DONE_FILE}"
        if not self._options.force and exists(marker):
            self._keys = _read(marker)
            if not all(map(self._is_made, made.jobs)):
                raise UsageError(
                    f"the output {self._folder} exists, made of other input, by another model or policy",
                    hint="replace it with --force, or name another with -o",
                )
            self._forget()
            raise NothingToDo(
                f"{self._folder} is complete already", hint="score it again with --force", code="complete"
            )
        self._keys = _read(unfinished)
        if self._keys and not self._options.resume and not self._options.force:
            raise UsageError(
                f"{self._folder} holds a run that did not end",
                hint="go on with --resume, or replace it with --force",
            )
        if exists(marker):
            remove(marker)
        if not self._options.resume:
            self._keys = {}
            self._forget()

    def _forget(self) -> None:
        """Remove the list of an unfinished run; who may not remove objects leaves a small one."""
        with suppress(Unreachable):
            if exists(f"{self._folder}/{DONE_FILE}"):
                remove(f"{self._folder}/{DONE_FILE}")

    def has(self, job: Job) -> bool:
        """Whether an earlier run made this file, and it is still there."""
        return self._options.resume and self._is_made(job)

    def _is_made(self, job: Job) -> bool:
        known = self._keys.get(self._name(job))
        return known is not None and exists(job.target) and known == self.key(job)

    def key(self, job: Job) -> str:
        """The key of this run."""
        decisive = {**self._options.decisive(), **self._gate.decisive()}
        return run_key(job, self._gate.model, decisive, hash_inputs(job))

    def add(self, job: Job, key: str) -> None:
        """A file is made."""
        self._keys[self._name(job)] = key
        publish_bytes(f"{self._folder}/{DONE_FILE}", self._content())

    def finish(self) -> None:
        """All files are made."""
        publish_bytes(f"{self._folder}/{SUCCESS_FILE}", self._content())
        self._forget()

    def _content(self) -> bytes:
        return json.dumps(self._keys).encode()

    def _name(self, job: Job) -> str:
        return job.target[len(self._folder) + 1 :]


def _read(path: str) -> dict[str, str]:
    """Keys by file, as far as there are any."""
    if not exists(path):
        return {}
    with closing(Source(path, path, "jsonl", "").open()) as file:
        try:
            keys = json.loads(file.read())
        except ValueError:
            return {}
    return keys if isinstance(keys, dict) else {}
