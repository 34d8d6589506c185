"""Uploaded data, kept in files until the job that is trained on it is over."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scorekit.errors import DISK_FULL, Unreachable, UsageError
from scorekit.tables.formats import FORMATS

_COMING = ".coming-"
_JOB = re.compile(r"[0-9a-f]{32}")
_LEFT_AFTER = 24 * 3600.0
"""Seconds after which what belongs to no job is removed: it may still be coming."""


class Upload:
    """Data on its way to a job, written piece by piece.

    Attributes
    ----------
    size : int
        Bytes so far.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.size = 0
        self._folder = folder
        self._name = name
        self._digest = hashlib.sha256()
        with _told():
            folder.mkdir(parents=True)
            self._file = (folder / name).open("wb")

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises
        ------
        Unreachable
            If the disk is full.
        """
        with _told():
            self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def described(self) -> Mapping[str, Any]:
        """What the job keeps of it: the same data has the same description."""
        return {"file": self._name, "sha256": self._digest.hexdigest(), "size": self.size}

    def become(self, folder: Path) -> None:
        """End, in the folder of a job."""
        with _told():
            self._file.close()
            self._folder.rename(folder)

    def drop(self) -> None:
        """Remove it, unless it has become a job's."""
        with suppress(OSError):
            self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Uploads:
    """A folder of uploaded data, which the service and its workers share.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, file_format: str) -> Upload:
        """Take data of a format, a name of ``FORMATS``."""
        return Upload(self.folder / f"{_COMING}{uuid.uuid4().hex}", f"data{FORMATS[file_format].endings[0]}")

    def of(self, job_id: str) -> Path:
        """The folder of a job."""
        return self.folder / job_id

    def file(self, job_id: str, described: Mapping[str, Any]) -> str:
        """Where the data of a job is.

        Raises
        ------
        UsageError
            If it is not there, or not all of it.
        """
        path = self.of(job_id) / described["file"]
        try:
            whole = path.stat().st_size == described["size"]
        except OSError:
            whole = False
        if not whole:
            raise UsageError(
                "the uploaded data of this job is not here",
                hint="the service and its workers have to share a folder: --uploads",
                code="upload_gone",
            )
        return str(path)

    def remove(self, job_id: str) -> None:
        """Remove the data of a job."""
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def sweep(self, over: Callable[[str], bool | None]) -> None:
        """Remove what was left by the dead.

        Parameters
        ----------
        over : callable
            Whether a job is over, by its id; None where there is none, or none yet.
        """
        try:
            found = list(self.folder.iterdir())
        except OSError:
            return
        for folder in found:
            job = bool(_JOB.fullmatch(folder.name))
            left = over(folder.name) if job else None
            if left is None and (job or folder.name.startswith(_COMING)):
                left = _age(folder) > _LEFT_AFTER
            if left:
                shutil.rmtree(folder, ignore_errors=True)


def _age(folder: Path) -> float:
    try:
        return time.time() - max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return 0.0


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors of the disk into ours."""
    try:
        yield
    except OSError as error:
        code = "no_space" if error.errno in DISK_FULL else None
        raise Unreachable(f"uploaded data cannot be kept: {error.strerror}", code=code) from None
