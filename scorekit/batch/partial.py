"""The unfinished output of a run: a hidden folder that a later run can take up.

``.scores.parquet.partial/`` holds finished parts, the errors found in them, and
``state.json``, which is replaced after each part. A part is a whole file of the
output's format. What stands in the state is on disk; what does not is scored again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scorekit.errors import NothingToDo

STATE_FILE = "state.json"
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class RunKey:
    """What makes two runs the same run.

    Attributes
    ----------
    model : str
        Digest of the version.
    inputs : tuple of str
        Content hash of each input, in order.
    options : mapping
        Whatever else changes the output.
    """

    model: str
    inputs: tuple[str, ...]
    options: Mapping[str, Any]

    def digest(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class State:
    """How far a run has come.

    Attributes
    ----------
    key : str
        Digest of its ``RunKey``.
    parts : list of str
        Finished parts, in order.
    source, row : int
        Where the next row to score stands: number of the input, row within it.
    error_bytes : int
        Bytes of the errors file that belong to finished parts.
    summary : dict
        ``ScoreSummary`` of the finished parts.
    """

    key: str
    parts: list[str] = field(default_factory=list)
    source: int = 0
    row: int = 0
    error_bytes: int = 0
    summary: dict[str, Any] = field(default_factory=dict)


class Partial:
    """The folder of an unfinished output, held by one run at a time.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this run.

        Raises
        ------
        NothingToDo
            If another run holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / LOCK_FILE).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise NothingToDo("another run is writing this output", code="locked") from None
        try:
            yield
        finally:
            lock.close()
            self._remove_if_idle()

    def read(self, key: str) -> State | None:
        """The state of an earlier run of the same key, if there is one that can be taken up."""
        try:
            state = State(**json.loads((self.folder / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        if state.key != key or not all((self.folder / part).exists() for part in state.parts):
            return None
        return state

    def write(self, state: State) -> None:
        """Make a state durable: what it names is on disk before it is."""
        beside = self.folder / f"{STATE_FILE}.new"
        with beside.open("w") as file:
            json.dump(asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / STATE_FILE)

    def clear(self) -> None:
        """Forget an earlier run; the lock stays."""
        for path in self.folder.iterdir():
            if path.name != LOCK_FILE:
                path.unlink()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_if_idle(self) -> None:
        """A folder without state holds nothing worth keeping."""
        if not (self.folder / STATE_FILE).exists():
            self.remove()


def folder_for(target: str) -> Path:
    """The hidden folder of an output: beside a local one, in the temporary directory for others."""
    if "://" in target:
        name = hashlib.sha256(target.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"scorekit-{os.getuid()}" / name
    path = Path(target)
    return path.parent / f".{path.name}.partial"
