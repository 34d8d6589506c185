"""Files that can seek, whatever the source: a copy is made of what cannot."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, BinaryIO

import pyarrow as pa

from scorekit.tables.pipes import Pipe
from scorekit.tables.sources import STDIN, Source, unreadable
from scorekit.tables.targets import explained

_PIECE = 1 << 20


def seekable(source: Source) -> BinaryIO | pa.NativeFile:
    """A source as a file that can seek; what comes on standard input is copied to one without a name.

    Raises
    ------
    UsageError
        If there is no such file, or it may not be read.
    Unreachable
        If there is no space for the copy.
    """
    if source.uri == STDIN:
        with explained(tempfile.gettempdir()):
            copy = tempfile.TemporaryFile()  # noqa: SIM115  # the reader closes it
            _copy(source, copy)
            copy.seek(0)
        return copy
    if not source.local:
        return source.open()
    try:
        return pa.OSFile(source.uri)
    except OSError as error:
        raise unreadable(source.name, error) from None


def kept(source: Source, path: Path) -> Source:
    """What comes on standard input, kept in a file, so that it can be read again.

    Raises
    ------
    Unreachable
        If there is no space for it.
    """
    with explained(str(path)), path.open("wb") as copy:
        _copy(source, copy)
    return replace(source, uri=str(path), size=path.stat().st_size)


def _copy(source: Source, copy: IO[bytes]) -> None:
    pipe = Pipe(source.open())
    while data := pipe.read(_PIECE):
        copy.write(data)
