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
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.errors import NothingToDo, UsageError

if TYPE_CHECKING:
    from scorekit.recording import Ending

STATE_FILE = "state.json"
LOCK_FILE = "lock"
ERRORS_FILE = "errors.jsonl"
IDS_FILE = "ids"
"""Hashes of the ids of the rows of finished parts, eight bytes each."""
FORMAT_VERSION = 3
_ID_BYTES = 8
_LONGEST_NAME = 200
_SCRATCH = "stream-"
_NEW = 60
"""Seconds in which a run has locked the folder that it has made."""
PUBLISHING_FILE = "publishing.json"
RUN_FILE = "run.json"
"""Says under which run id the rows are counted, from before they are until they are published."""
OWNER_FILE = "owner.json"
"""Names the run that holds the folder, and what it has come to once its output is in place."""
INPUT_FILE = "input"
"""What came on standard input, where it may have to be read again."""


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
    schema : str
        Arrow schema of the finished parts, in hex.
    window, poor : dict
        What is judged of the finished parts: ``Window`` and ``PoorRows``.
    ids : int
        Hashes of ids that belong to finished parts.
    run_id : str
        Of the run that began; one that takes it up is the same run.
    format_version : int
    """

    key: str
    parts: list[str] = field(default_factory=list)
    source: int = 0
    row: int = 0
    error_bytes: int = 0
    summary: dict[str, Any] = field(default_factory=dict)
    schema: str = ""
    window: dict[str, Any] = field(default_factory=dict)
    poor: dict[str, Any] = field(default_factory=dict)
    ids: int = 0
    run_id: str = ""
    format_version: int = FORMAT_VERSION

    def keep_schema(self, schema: pa.Schema) -> None:
        """Remember the columns of the parts, which those to come must have too."""
        self.schema = schema.serialize().to_pybytes().hex()

    def arrow_schema(self) -> pa.Schema:
        """The columns of the parts."""
        return pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(self.schema)))


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
        lock = self._lock()
        with lock:
            try:
                yield
            finally:
                # while it is locked: whoever waits for it then sees that it is gone
                if self._is_this(lock) and not self.begun and not self.counted:
                    self.remove()

    def _lock(self) -> IO[str]:
        """Lock the folder; one that a run has just removed is made again."""
        while True:
            self.folder.mkdir(exist_ok=True)
            lock = self._open_lock()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise NothingToDo("another run is writing this output", code="locked") from None
            if self._is_this(lock):
                return lock
            lock.close()

    def _open_lock(self) -> IO[str]:
        try:
            return (self.folder / LOCK_FILE).open("w")
        except OSError:  # a full disk may have had room for a folder
            with contextlib.suppress(OSError):
                self.folder.rmdir()
            raise

    def _is_this(self, lock: IO[str]) -> bool:
        """Whether the file that is locked is the folder's, not one that was removed meanwhile."""
        try:
            return (self.folder / LOCK_FILE).stat().st_ino == os.fstat(lock.fileno()).st_ino
        except FileNotFoundError:
            return False

    @property
    def begun(self) -> bool:
        """Whether an earlier run left something to be taken up."""
        return (self.folder / STATE_FILE).exists()

    @property
    def counted(self) -> bool:
        """Whether an earlier run may have counted its rows, and has not published them."""
        return (self.folder / RUN_FILE).exists()

    def keep_run(self, key: str, run_id: str) -> None:
        """Remember under which run id the rows of a key are about to be counted."""
        self._replace(RUN_FILE, json.dumps([key, run_id]))

    def run_of(self, key: str) -> str | None:
        """Under which run id the rows of a key were counted, if they were."""
        try:
            known, run_id = json.loads((self.folder / RUN_FILE).read_text())
        except (OSError, ValueError):
            return None
        return str(run_id) if known == key else None

    def own(self, run_id: str, ending: Ending = "failed") -> None:
        """Remember which run holds the folder, and what it will have come to should it be killed."""
        (self.folder / OWNER_FILE).write_text(json.dumps([run_id, ending]))

    def owner(self) -> tuple[str, Ending] | None:
        """The run that held the folder last, as ``own`` was told; None where it has cleaned up."""
        try:
            run_id, ending = json.loads((self.folder / OWNER_FILE).read_text())
        except (OSError, ValueError):
            return None
        return run_id, ending

    def input(self, number: int) -> Path:
        """Where an input is kept that can be read only once."""
        return self.folder / f"{INPUT_FILE}-{number}"

    def read(self, key: str) -> State | None:
        """The state of an earlier run of the same key, if there is one that can be taken up."""
        try:
            state = State(**json.loads((self.folder / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        if (
            state.key != key
            or state.format_version != FORMAT_VERSION
            or not state.schema
            or not all((self.folder / part).exists() for part in state.parts)
            or self._size(ERRORS_FILE) < state.error_bytes
            or self._size(IDS_FILE) < (state.ids * _ID_BYTES or -1)
        ):
            return None
        return state

    def _size(self, name: str) -> int:
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            return -1

    def add_ids(self, hashes: NDArray[np.uint64], before: int) -> int:
        """Keep hashes of ids behind those that were kept before; how many they are now."""
        path = self.folder / IDS_FILE
        with path.open("r+b" if before else "wb") as file:
            file.seek(before * _ID_BYTES)
            file.write(hashes.tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return before + len(hashes)

    def ids(self, count: int) -> NDArray[np.uint64]:
        """The first hashes of ids that were kept."""
        return np.fromfile(self.folder / IDS_FILE, dtype=np.uint64, count=count)

    def write(self, state: State) -> None:
        """Make a state durable: what it names is on disk before it is."""
        self._replace(STATE_FILE, json.dumps(asdict(state)))

    def _replace(self, name: str, content: str) -> None:
        """Write a small file whole or not at all, and for good."""
        beside = self.folder / f"{name}.new"
        with beside.open("w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / name)

    def publishing(self, key: str, before: str) -> None:
        """Remember what stands in the place of the output just before a run of ``key`` replaces it."""
        self._replace(PUBLISHING_FILE, json.dumps([key, before]))

    def published(self, now: str, key: str | None = None) -> bool:
        """Whether a run, of ``key`` if one is given, ended after it had put its output in its place."""
        try:
            known, before = json.loads((self.folder / PUBLISHING_FILE).read_text())
        except (OSError, ValueError):
            return False
        return bool(key in (None, known) and before != now)

    def clear(self) -> None:
        """Forget an earlier run; the lock stays. Its state goes first."""
        self.clear_scores()
        for path in self.folder.iterdir():
            if path.name != LOCK_FILE:
                path.unlink()

    def clear_scores(self) -> None:
        """Forget what was scored; whose it is, its run id and the input that was kept stay."""
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.name not in (LOCK_FILE, RUN_FILE, OWNER_FILE) and not path.name.startswith(INPUT_FILE):
                path.unlink()

    def remove(self) -> None:
        """Remove the folder, its state first."""
        with contextlib.suppress(OSError):
            (self.folder / STATE_FILE).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_for(target: str) -> Path:
    """The hidden folder of an output: beside a local one, in the temporary directory for others.

    Raises
    ------
    UsageError
        If somebody else has taken its place in the temporary directory.
    """
    if "://" not in target:
        path = Path(target)
        return path.parent / f".{_short(path.name)}.partial"
    return _mine() / hashlib.sha256(target.encode()).hexdigest()[:16]


@contextlib.contextmanager
def scratch() -> Iterator[Partial]:
    """A folder for an output that goes where nothing can lie beside it; what dead runs left of theirs goes.

    Raises
    ------
    UsageError
        If somebody else has taken the place of such folders in the temporary directory.
    """
    folders = _mine()
    _remove_dead(folders)
    partial = Partial(folders / f"{_SCRATCH}{secrets.token_hex(8)}")
    with partial.held():
        try:
            yield partial
        finally:
            partial.remove()


def _remove_dead(folders: Path) -> None:
    """Remove folders that nobody holds; a new one may not be locked yet."""
    for folder in folders.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError, NothingToDo):
            if time.time() - folder.stat().st_mtime > _NEW:
                left = Partial(folder)
                with left.held():
                    left.remove()


def _mine() -> Path:
    """Where this user's folders are in the temporary directory."""
    mine = Path(tempfile.gettempdir()) / f"scorekit-{os.getuid()}"
    # rows of others may be scored here: nobody else may read them
    mine.mkdir(mode=0o700, exist_ok=True)
    if mine.is_symlink() or mine.stat().st_uid != os.getuid():
        raise UsageError(f"{mine} belongs to somebody else", hint="name another folder with TMPDIR")
    return mine


def _short(name: str) -> str:
    """A name that leaves room for what is put around it; a long one keeps its start and a hash of all."""
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f"{os.fsencode(name)[: _LONGEST_NAME - 17].decode(errors='ignore')}-{digest}"
