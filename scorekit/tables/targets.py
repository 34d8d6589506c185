"""Where output bytes go: beside their target until complete, then in its place.

A local file is written in the folder of its target, synced and renamed. Where the file
system can, it has no name until it is complete, so that not even a killed process leaves
something behind; elsewhere it is called ``.{name}.{digest}.tmp`` and locked, and what a dead
process left of that name is removed by the next one. An object is written to
a temporary file and put when complete. Standard output and devices get their bytes at
once: they have no half.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from scorekit.errors import DISK_FULL, ScorekitError, Unreachable, UsageError
from scorekit.tables import remote

Made = TypeVar("Made")

STDOUT = "-"
_BUFFER = 1 << 20
_LARGE = 8 << 20
"""Bytes of an object that may take longer than a moment to put."""
_NEW = 60
"""Seconds in which whoever made a temporary file has locked it."""
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Target(Protocol):
    """A place for one output.

    Attributes
    ----------
    file : BinaryIO
        Takes the bytes.
    """

    file: BinaryIO

    def prepare(self) -> None:
        """Do what takes long, so that ``commit`` takes a moment."""

    def commit(self) -> None:
        """Publish what was written."""

    def abort(self) -> None:
        """Leave no trace of what was written; does nothing after ``commit``."""


def open_target(target: str, open_store: remote.OpenStore = remote.open_store) -> Target:
    """Open the place that ``target`` names: a path, an ``s3://`` URI, or ``-``.

    Raises
    ------
    UsageError
        If its folder is missing or may not be written to.
    """
    if target == STDOUT:
        if sys.stdout is None:
            raise UsageError("<stdout>: closed, so nothing can be written to it", code="bad_output")
        return Stream(sys.stdout.buffer)
    if remote.is_remote(target):
        return RemoteTarget(target, open_store)
    path = Path(target)
    with explained(target):
        if path.is_dir():
            raise UsageError(f"{target}: is a folder", hint="name a file in it", code="bad_output")
        if path.exists() and not path.is_file():
            return Stream(path.open("wb"), ours=True)
        return LocalTarget(path)


class LocalTarget:
    """A file, published by renaming."""

    def __init__(self, path: Path) -> None:
        # a link is written through, not replaced
        self._path = Path(os.path.realpath(path)) if path.is_symlink() else path
        if not self._path.parent.is_dir():
            raise UsageError(
                f"{path}: there is no folder {self._path.parent}",
                hint=f"mkdir -p {self._path.parent}",
                code="bad_output",
            )
        self._temporary: Path | None = None
        self.file: BinaryIO = _nameless(self._path.parent) or self._named()
        _lock(self.file)

    def prepare(self) -> None:
        """Sync what was written."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def commit(self) -> None:
        """Sync, then rename over the target."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if self._temporary is None:
            self._temporary, _ = _made_beside(self._path, self._link)
        # it is closed afterwards: while it has a temporary name it is locked
        self._temporary.replace(self._path)
        self._temporary = None
        self.file.close()
        sync_folder(self._path.parent)

    def _named(self) -> BinaryIO:
        self._temporary, file = _made_beside(self._path, lambda name: name.open("xb", buffering=_BUFFER))
        return file

    def _link(self, name: Path) -> None:
        # without a folder's descriptor Python would link the link in /proc
        os.link(f"/proc/self/fd/{self.file.fileno()}", name, src_dir_fd=0)

    def abort(self) -> None:
        """Remove the temporary file."""
        # what is buffered may not fit on a full disk
        with suppress(OSError):
            self.file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def _made_beside(path: Path, make: Callable[[Path], Made]) -> tuple[Path, Made]:
    """Make a file where it is until it takes the place of ``path``: its name, and what ``make`` gives."""
    for name in _names_beside(path):
        with suppress(FileExistsError):
            return name, make(name)
    raise AssertionError  # there is always one more


def _names_beside(path: Path) -> Iterator[Path]:
    """The usual name of a temporary file, and others for when somebody else is writing to it."""
    # a name may be as long as the file system takes
    usual = path.with_name(f".{path.name[:50]}.{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}.tmp")
    _remove_dead(usual)
    yield usual
    while True:
        yield path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.tmp")


def _remove_dead(temporary: Path) -> None:
    """Remove a temporary file that nobody holds; a new one may not be locked yet."""
    with suppress(OSError), temporary.open("r+b") as left:
        if time.time() - os.fstat(left.fileno()).st_mtime > _NEW:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()


def _lock(file: BinaryIO) -> None:
    """Show that somebody is writing a file, as far as the file system has locks."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _nameless(folder: Path) -> BinaryIO | None:
    """A new file without a name, on file systems of Linux that have them."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "wb", buffering=_BUFFER)
    except OSError:
        return None


def synced(file: BinaryIO) -> None:
    """Bring what was written to the disk now, so that publishing it takes no time later."""
    file.flush()
    # a pipe cannot be synced
    with suppress(OSError):
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, as far as it can be had."""
    # some network file systems cannot sync a folder, and one that may be written to need not be readable
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class RemoteTarget:
    """An object, put as a whole when complete; a large one beside its place first."""

    def __init__(self, uri: str, open_store: remote.OpenStore) -> None:
        self._uri = uri
        self._store = open_store(remote.split(uri)[0])
        self._beside: str | None = None
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  # closed below

    def prepare(self) -> None:
        """Put a large object beside its place, from where the store copies it in a moment."""
        if self.file.seek(0, os.SEEK_END) > _LARGE:
            self._beside = f"{self._uri}.{secrets.token_hex(4)}.tmp"
            self._put(self._beside)

    def commit(self) -> None:
        """Put the object in its place."""
        if self._beside is not None:
            remote.move(self._beside, self._uri, self._store)
            self._beside = None
        else:
            self._put(self._uri)
        self.file.close()

    def _put(self, uri: str) -> None:
        self.file.flush()
        self.file.seek(0)
        remote.put(uri, self.file, self._store)

    def abort(self) -> None:
        """Drop the temporary file, and what was put beside."""
        with suppress(OSError):
            self.file.close()
        if self._beside is not None:
            with suppress(ScorekitError):
                remote.delete(self._beside, self._store)


class Stream:
    """Standard output or a device; one that was opened here is closed, so that its reader sees the end."""

    def __init__(self, file: BinaryIO, *, ours: bool = False) -> None:
        self.file = file
        self._ours = ours

    def prepare(self) -> None:
        """There is nothing that could be done before."""

    def commit(self) -> None:
        """Nothing stays behind in a buffer."""
        self.file.flush()
        self.abort()

    def abort(self) -> None:
        """What was written is gone already."""
        if self._ours:
            with suppress(OSError):
                self.file.close()


@contextmanager
def explained(target: str) -> Iterator[None]:
    """What the operating system says while writing, as ours.

    ``BrokenPipeError`` passes: the reader of a pipe has had enough, which is no error.

    Raises
    ------
    Unreachable
        If there is no space left, or the device fails.
    UsageError
        If the folder is missing or may not be written to.
    """
    try:
        yield
    except (BrokenPipeError, ScorekitError):
        raise
    except OSError as error:
        raise _explanation(target, error) from error


def _explanation(target: str, error: OSError) -> ScorekitError:
    name = "<stdout>" if target == STDOUT else target
    if error.errno in DISK_FULL:
        return Unreachable(
            f"{name}: no space left while writing; nothing was published",
            hint="free some space, or write elsewhere",
            code="no_space",
        )
    if error.errno in _FORBIDDEN:
        return UsageError(
            f"{name}: may not be written ({os.strerror(error.errno)})",
            hint="check the folder's permissions, or write elsewhere",
            code="bad_output",
        )
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{name}: the name is too long", hint="choose a shorter one", code="bad_output")
    if error.errno == errno.ENOENT:
        if Path(name).absolute().parent.is_dir():  # a folder of the system's own, or tidied up by somebody
            return UsageError(
                f"{name}: cannot be made in this folder, or what was written of it has gone",
                hint="write elsewhere",
                code="bad_output",
            )
        return UsageError(
            f"{name}: its folder is missing", hint="make the folder, or write elsewhere", code="bad_output"
        )
    return Unreachable(f"{name}: writing failed ({error.strerror or error}); nothing was published")
