"""A log that ends nothing: where it cannot be written, the stream goes on without it."""

from __future__ import annotations

import errno
import os
import select
import time

from scorekit.feeds.pipe import ends_a_line, no_output, open_end

_PATIENCE = 1.0
"""Seconds that a slow reader of a named pipe is waited for."""


class LogFile:
    """A file, or a named pipe, that is written on at its end.

    What cannot be written now, as the disk is full or a pipe has no reader, is lost; what
    comes later is tried again.

    Parameters
    ----------
    path : str

    Raises
    ------
    UsageError
        If there is no such folder, or it may not be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._failing = False
        self._whole = True
        try:
            self._open()
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise no_output(path, error) from None

    def _open(self) -> int:
        """Open it without waiting, as a named pipe does for a reader."""
        if self._descriptor is None:
            self._descriptor = open_end(self._path, os.O_NONBLOCK)
            self._whole = ends_a_line(self._descriptor)
        return self._descriptor

    def write(self, data: bytes) -> str | None:
        """Write lines; why that failed, the first time in a row."""
        try:
            self._write(data)
        except OSError as error:
            known, self._failing = self._failing, True
            why = "nobody reads it" if error.errno in _NO_READER else error.strerror
            return None if known else f"{self._path}: the log cannot be written ({why}); it goes on without"
        self._failing = False
        return None

    def _write(self, data: bytes) -> None:
        descriptor = self._open()
        left = memoryview(data if self._whole else b"\n" + data)
        until = time.monotonic() + (0.0 if self._failing else _PATIENCE)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
                self._whole = not left
            except BlockingIOError:
                waiting = until - time.monotonic()
                if waiting <= 0 or not select.select([], [descriptor], [], waiting)[1]:
                    raise

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)


_NO_READER = (errno.ENXIO, errno.EPIPE, errno.EAGAIN)
