"""Files that can seek, whatever the source: a copy is made of what cannot."""

from __future__ import annotations

import tempfile
from typing import BinaryIO

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
        given = source.open()
        with explained(tempfile.gettempdir()):
            copy = tempfile.TemporaryFile()  # noqa: SIM115  # the reader closes it
            pipe = Pipe(given)
            while data := pipe.read(_PIECE):
                copy.write(data)
            copy.seek(0)
        return copy
    if not source.local:
        return source.open()
    try:
        return pa.OSFile(source.uri)
    except OSError as error:
        raise unreadable(source.name, error) from None
