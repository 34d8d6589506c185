"""The moment in which an output becomes public, or is kept back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from scorekit.batch.partial import ERRORS_FILE, Partial
from scorekit.batch.plan import Job, quarantine_of
from scorekit.errors import ScorekitError, SwitchOpen, Unreachable
from scorekit.gate import Gate
from scorekit.tables.output import Metadata
from scorekit.tables.parts import exists, join_parts, publish_file, remove


class Withheld(Exception):
    """The output is kept back, because of ``refusal``."""

    def __init__(self, refusal: ScorekitError) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Publication:
    """Puts the parts of an output where they belong.

    Parameters
    ----------
    job : Job
    gate : Gate
        Asked whether the switch is still closed.
    metadata : callable
        What the table says of itself.
    """

    def __init__(self, job: Job, gate: Gate, metadata: Metadata) -> None:
        self._job = job
        self._gate = gate
        self._metadata = metadata

    def publish(self, parts: Sequence[Path], begun: Callable[[], None]) -> None:
        """Publish, unless the switch was opened since the window was judged.

        Parameters
        ----------
        parts : sequence of Path
        begun : callable
            Called before anything takes the place of the output.

        Raises
        ------
        Withheld
            If it is open, or nobody knows: that counts as open.
        """
        if self._job.stream:
            # what is written is public at once
            self._ask(now=True)
            self._join(parts, self._job.target, step=self._ask)
        else:
            begun()
            self._join(parts, self._job.target, ready=lambda: self._ask(now=True))

    def withhold(self, parts: Sequence[Path], run_id: str) -> str:
        """Put what was scored where nobody downstream takes it from; gives the place."""
        place = quarantine_of(self._job, run_id)
        if self._job.folder is not None and "://" not in place:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        self._join(parts, place)
        return place

    def publish_errors(self, partial: Partial, *, rejected: bool) -> None:
        """Publish the errors found, or nothing; what an earlier run left there is not true any more."""
        if self._job.errors is None:
            return
        if not rejected:
            remove_file(self._job.errors)
            return
        made = partial.folder / ERRORS_FILE
        # a copy: should the output not be published, the run is taken up with what it has found
        copy = made.with_suffix(".published")
        shutil.copyfile(made, copy)
        publish_file(copy, self._job.errors)

    def _ask(self, *, now: bool = False) -> None:
        try:
            self._gate.check_switch(now=now)
        except (SwitchOpen, Unreachable) as refusal:
            raise Withheld(refusal) from refusal

    def _join(
        self,
        parts: Sequence[Path],
        target: str,
        *,
        ready: Callable[[], None] = lambda: None,
        step: Callable[[], None] = lambda: None,
    ) -> None:
        join_parts(parts, target, format=self._job.format, metadata=self._metadata, ready=ready, step=step)


def remove_file(target: str) -> None:
    """Remove a file or object, if there is one; a device or a pipe stays."""
    if "://" in target or Path(target).is_file():
        remove(target)


def is_file(target: str) -> bool:
    """Whether there is such a file or object."""
    return exists(target) if "://" in target else Path(target).is_file()
