"""Reading what comes through a pipe, so that a signal is heard while nothing comes.

Python hears a signal between two of its own steps, or when it interrupts a read. One that
comes after the last step and before the read waits for the next bytes, and in a read of
many pieces the steps are few. So pieces are read one by one, and only when they are there.
"""

from __future__ import annotations

import io
import select
from collections.abc import Callable
from typing import Any

_PIECE = 1 << 16
"""Bytes of a pipe that are read at a time: as many as it holds, on Linux."""

_LISTENS = 500
"""Milliseconds after which a signal is heard at the latest."""


class Pipe:
    """A stream that is read once, from its start to its end; also for pyarrow, which takes it for a file.

    Parameters
    ----------
    raw : binary file
        Closed by who opened it.

    Attributes
    ----------
    last : bytes
        The last eight bytes read.
    """

    closed = False

    def __init__(self, raw: Any) -> None:
        self._read: Callable[[int], bytes] = getattr(raw, "read1", None) or raw.read
        self._poll = _poll(raw)
        self._drained = False
        self._waiting = b""
        self.last = b""

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end, however few come at a time."""
        parts = [self._waiting] if self._waiting else []
        missing = size - len(self._waiting)
        while missing > 0 and (part := self._piece(missing)):
            parts.append(part)
            missing -= len(part)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._waiting, data = data[size:], data[:size]
        self.last = (self.last + data[-8:])[-8:]
        return data

    def unread(self, data: bytes) -> None:
        """Let the next bytes be these."""
        self._waiting = data + self._waiting

    def _piece(self, missing: int) -> bytes:
        if self._poll is None:
            return self._read(missing)
        # Python may hold some bytes already, which are no reason to wait; so many drain it
        while self._drained and not self._poll.poll(_LISTENS):
            pass
        self._drained = True
        return self._read(max(missing, _PIECE))

    def close(self) -> None:
        """Do nothing; see ``raw``."""

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never."""
        return False


def _poll(raw: Any) -> select.poll | None:
    """What says whether a pipe has bytes; None for what is none."""
    if not isinstance(raw, io.BufferedReader):
        return None
    try:
        descriptor = raw.fileno()
    except OSError:
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll
