"""Versions on local disk.

A version is written into a hidden staging folder and becomes a version by one rename,
which fails where the number is taken; a folder that holds no version closes its number.
A writer holds a lock on its staging folder for as long as it lives, so the next one can
tell what the dead have left and sweep it up.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scorekit.errors import Unreachable
from scorekit.store.manifest import MANIFEST_FILE
from scorekit.store.objects import (
    VERSION_NUMBER,
    Change,
    Claimant,
    Content,
    Objects,
    Seal,
    free_number,
    translated,
)

if TYPE_CHECKING:
    from obstore.store import LocalStore

LOCK_TIMEOUT = 30.0
"""Seconds to wait for a lock that is held for milliseconds."""
_LOCK = ".lock"
_STAGING = ".staging-"
_CLOSED = ".closed"


class LocalObjects(Objects):
    """Objects in a folder; it is made by the first publish."""

    def __init__(self, root: Path) -> None:
        self.uri = str(root)
        self.root = root
        self._bucket: LocalStore | None = None

    def bucket(self) -> LocalStore:
        """The folder as obstore sees it."""
        from obstore.store import LocalStore

        if self._bucket is None:
            if not self.root.is_dir():
                raise FileNotFoundError(errno.ENOENT, "no such folder", self.uri)
            self._bucket = LocalStore(self.root)
        return self._bucket

    def files(self, prefix: str) -> dict[str, int]:
        """Every file below a folder, also what obstore passes over: dangling links, ``name#1``."""
        top = self.root / prefix
        with translated(self.uri):
            found = [path for path in top.rglob("*") if path.is_symlink() or not path.is_dir()]
            return {path.relative_to(top).as_posix(): path.lstat().st_size for path in found}

    def published(self, name: str | None = None) -> set[tuple[str, int]]:
        """Versions: a number of folders, each with a manifest."""
        with translated(self.uri):
            return {
                (model, int(number))
                for model in ([name] if name else _folders(self.root))
                for number in _folders(self.root / model)
                if VERSION_NUMBER.fullmatch(number) and (self.root / model / number / MANIFEST_FILE).is_file()
            }

    def publish(self, name: str, files: Mapping[str, Content], seal: Seal) -> int:
        """Write aside, then rename; when the number was taken meanwhile, take the next."""
        with self._written_aside(name, files) as staging:
            number = 0
            while not number:
                free = self.free_number(name)
                number = free if _renamed(staging, self.root / name / str(free), seal(free)) else 0
        return number

    def free_number(self, name: str) -> int:
        """The number after the largest there is, published or not."""
        with translated(self.uri):
            folder = self.root / name
            return free_number(entry.name for entry in folder.iterdir()) if folder.exists() else 1

    def publish_at(
        self,
        name: str,
        number: int,
        files: Mapping[str, Content],
        manifest: bytes,
        claimant: Claimant,  # noqa: ARG002 - a rename needs no claim
    ) -> bool:
        """Write aside, then rename."""
        with self._written_aside(name, files) as staging:
            return _renamed(staging, self.root / name / str(number), manifest)

    def close(self, name: str, number: int, owner: str) -> None:  # noqa: ARG002 - a folder is closed to all
        """Put a folder there that holds no version."""
        with self._written_aside(name, {}) as staging:
            _renamed(staging, self.root / name / str(number), b"", _CLOSED)

    @contextmanager
    def _written_aside(self, name: str, files: Mapping[str, Content]) -> Iterator[Path]:
        """A folder that holds the files of a version, to be renamed."""
        folder = self.root / name
        with translated(self.uri):
            folder.mkdir(parents=True, exist_ok=True)
            with _staging(folder) as staging:
                for path, content in files.items():
                    _write(staging / path, content)
                yield staging

    def check_writable(self, name: str) -> None:
        """Refuse a folder that cannot be made or written to."""
        folder = self.root / name
        with translated(self.uri):
            while not folder.exists() and folder != folder.parent:
                folder = folder.parent
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def swap(self, path: str, change: Change) -> None:
        """Read, change and replace under the model's lock."""
        model = self.root / path.partition("/")[0]
        target = self.root / path
        with translated(self.uri), _locked(model / _LOCK):
            current = target.read_bytes() if target.exists() else None
            changed = change(current)
            if changed == current:
                return
            target.parent.mkdir(exist_ok=True)
            # Only who holds the lock writes here, so what a dead writer left is overwritten.
            beside = model / f"{_LOCK}-swap"
            _write(beside, changed)
            beside.replace(target)
            _sync(target.parent)


def _renamed(staging: Path, target: Path, last: bytes, name: str = MANIFEST_FILE) -> bool:
    """Write the last file and rename the folder; False where there is something already."""
    _write(staging / name, last)
    _sync_folders(staging)
    try:
        staging.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise
    _sync(target.parent)
    return True


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except FileNotFoundError:
        return []


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder to write a version in, gone afterwards unless it was renamed away."""
    work = folder / f"{_STAGING}{uuid.uuid4().hex}"
    with _locked(folder / _LOCK):
        for left in folder.glob(f"{_STAGING}*"):
            _sweep(left)
        work.mkdir()
        held = _lock(work / _LOCK)
    try:
        (work / "version").mkdir()
        yield work / "version"
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(held)


def _sweep(left: Path) -> None:
    """Remove a staging folder whose writer is dead.

    Called under the model's lock, under which a writer makes its folder and locks it:
    a folder without a lock was left between the two.
    """
    try:
        held = _lock(left / _LOCK, timeout=0)
    except (Unreachable, FileNotFoundError):
        return
    shutil.rmtree(left, ignore_errors=True)
    os.close(held)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    held = _lock(path)
    try:
        yield
    finally:
        os.close(held)


def _lock(path: Path, timeout: float = LOCK_TIMEOUT) -> int:
    """An exclusive lock that ends with the process, or when the descriptor is closed."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.005)
                continue
            os.close(held)
            raise Unreachable(
                f"{path} is locked by another process for more than {timeout:.0f} s",
                hint="see whether a scorekit process hangs",
            ) from None
        except BaseException:
            os.close(held)
            raise
        else:
            return held


def _write(path: Path, content: Content) -> None:
    """Write a file and have it on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _sync_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top):
        _sync(Path(folder))


def _sync(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
