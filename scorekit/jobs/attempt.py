"""One attempt at a job, in a process of its own: ``python -m scorekit.jobs``.

It reads from standard input what to do, and says on standard output how it goes, a JSON
object a line. Standard input stays open as long as whoever started it lives: the end of it
ends the attempt, too.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from scorekit.errors import ScorekitError, Unreachable
from scorekit.jobs.allowed import AllowedPlaces
from scorekit.jobs.publication import Publication
from scorekit.jobs.queue import Jobs, LeaseLost
from scorekit.jobs.request import TrainRequest
from scorekit.jobs.results import result_of
from scorekit.jobs.uploads import Uploads
from scorekit.quality.fallback import FallbackSettings
from scorekit.state import place
from scorekit.state.jobs import Job
from scorekit.state.session import Session
from scorekit.store.versions import Store

Say = Callable[[Mapping[str, Any]], None]
"""Says how it goes."""

NICENESS = 10
"""Scores that are waited for come before training."""
_LONGEST = 1000
"""Characters of what is said of an error: names of columns are a caller's, and may be of any length."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an attempt needs to know.

    Attributes
    ----------
    job : Job
        As it was claimed.
    store : str
    uploads : Path
    allowed : AllowedPlaces
    fallback : FallbackSettings or None
    """

    job: Job
    store: str
    uploads: Path
    allowed: AllowedPlaces
    fallback: FallbackSettings | None


def main() -> None:
    """Carry out one attempt; the last line that is said says how it ended."""
    say = _speaker()
    given: BinaryIO = sys.stdin.buffer
    assignment: Assignment = pickle.load(given)  # noqa: S301 - from the process that started this one
    threading.Thread(target=_end_with, args=(given,), daemon=True).start()
    os.nice(NICENESS)
    say(_carried_out(assignment, say))


def _speaker() -> Say:
    """Takes standard output for what is said here; what else is printed goes to standard error."""
    spoken = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: Mapping[str, Any]) -> None:
        spoken.write(json.dumps(event) + "\n")
        spoken.flush()

    return say


def _end_with(given: BinaryIO) -> None:
    """End when nobody is there any more to tell how it goes, and to stop it."""
    given.read()
    os._exit(1)


def _carried_out(assignment: Assignment, say: Say) -> Mapping[str, Any]:
    """How it ended."""
    try:
        return {"event": "done", "result": _train(assignment, say)}
    except LeaseLost:
        return {"event": "lost"}
    except Unreachable as error:
        return {"event": "unreachable", **_described(error)}
    except ScorekitError as error:
        return {"event": "failed", **_described(error)}
    except MemoryError:
        return {"event": "memory"}
    except Exception as error:  # noqa: BLE001 - what it says may hold values of the data
        return {"event": "crashed", "kind": type(error).__name__}


def _described(error: ScorekitError) -> dict[str, Any]:
    return {"code": error.code, "message": _short(error.message), "hint": error.hint and _short(error.hint)}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _train(assignment: Assignment, say: Say) -> dict[str, Any]:
    from scorekit.training.train import train

    job = assignment.job
    asked = dict(job.request)
    uploads = Uploads(assignment.uploads)
    upload = asked.pop("upload", None)
    request = TrainRequest.read(asked)
    if upload is not None:
        inputs = [uploads.file(job.id, upload)]
    else:
        inputs = assignment.allowed.inputs(request.data, request.format)
    folders = {str(path.parent) for path in map(Path, inputs) if path.is_absolute()}
    with _without(folders | {assignment.store}), Session(place.find(assignment.store)) as session:
        jobs = Jobs(session, Store.open(assignment.store), uploads)
        done = train(
            inputs,
            request.recipe(),
            by=job.owner,
            store=assignment.store,
            promote=request.promote,
            fallback=assignment.fallback,
            progress=_Told(say),
            publish=Publication(jobs, job),
        )
    return {**result_of(done.manifest), "notes": list(done.notes)}


@contextmanager
def _without(folders: Collection[str]) -> Iterator[None]:
    """Name files in errors without their folders: where they are is nothing for a client."""
    try:
        yield
    except ScorekitError as error:
        for folder in sorted(folders, key=len, reverse=True):  # one may be in another
            error.hide(folder, "its folder")
        raise


class _Told:
    """Progress as it is said."""

    drawn = True

    def __init__(self, say: Say) -> None:
        self._say = say
        self._stage: dict[str, Any] = {}
        self._done = 0

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Begin a stage."""
        self._stage = {"event": "progress", "stage": name, "total": total, "unit": unit}
        self._done = 0
        self._say({**self._stage, "done": 0})

    def advance(self, amount: int = 1) -> None:
        """So much more of it is done."""
        self._done += amount
        self._say({**self._stage, "done": self._done})

    def note(self, text: str) -> None:
        """Say nothing: notes stand in the result."""
