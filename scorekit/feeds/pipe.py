"""Lines through pipes and files.

What a pipe holds is read at once and never waited for, so that a single line is answered
at once and a flood in batches. Whoever reads slowly downstream keeps the write waiting,
and so the reading: nothing is queued here but what one read brought.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from scorekit.errors import DISK_FULL, FormatError, ScorekitError, Unreachable, UsageError
from scorekit.feeds import Message

STANDARD = "-"
"""Standard input or output."""

LINE_LIMIT = 4 << 20
"""Bytes of a line; no longer one is read into memory."""

_PIECE = 1 << 20
"""Bytes read at a time: as many as a pipe may be made to hold, on Linux."""

_GATHERED = 4 << 20
"""Bytes that may wait to be answered."""

_BOM = b"\xef\xbb\xbf"
_NO_TEXT = {
    b"\x1f\x8b": ("compressed with gzip", "zcat it into the pipe"),
    b"\xff\xfe": ("UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"),
    b"PAR1": ("Parquet", "score it with `scorekit score`"),
}
"""What is surely no JSON, by its first bytes."""
_MARKS = (_BOM, *_NO_TEXT)
_SOURCE = "name a file of JSON lines with --source, or - for standard input"


class LineSource:
    """Lines from a descriptor, in order; see ``Source``.

    Parameters
    ----------
    descriptor : int
        Of a pipe, a file, a terminal or a socket.
    name : str
    limit : int
        Bytes of the longest line.

    Attributes
    ----------
    overflow : callable
        Hears the bytes of a line that is too long to be held, piece by piece, its end and all.
    """

    def __init__(self, descriptor: int, name: str, *, limit: int = LINE_LIMIT) -> None:
        self.name = name
        self.overflow: Callable[[bytes], None] = _forget
        self._descriptor = descriptor
        self._limit = limit
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._ready: list[bytes | None] = []
        self._held = 0
        self._rest: list[bytes] = []
        self._line = 1
        self._start = b""
        self._started = self._skipping = self._ended = False
        _widen(descriptor)

    def wake_by(self, descriptor: int) -> None:
        """Let no waiting outlast a descriptor that can be read."""
        self._poll.register(descriptor, select.POLLIN)

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next lines; see ``Source.receive``.

        Raises
        ------
        FormatError
            If the first bytes are of something that is no text.
        Unreachable
            If it cannot be read.
        """
        if not self._ready and not self._ended and not self._read(wait):
            return []
        until = time.monotonic() + gather
        while self._wants(most) and time.monotonic() < until and self._read(0):
            pass
        if not self._ready:
            return None if self._ended else []
        return self._taken(most)

    def _wants(self, most: int) -> bool:
        # a line that is skipped goes by only when those before it are answered
        more = len(self._ready) < most and self._held < _GATHERED
        return more and bool(self._ready) and not (self._ended or self._skipping)

    def _taken(self, most: int) -> list[Message]:
        lines, self._ready = self._ready[:most], self._ready[most:]
        self._held = sum(map(len, filter(None, self._ready)))
        first, self._line = self._line, self._line + len(lines)
        if None not in lines and max(map(len, lines)) <= self._limit:  # type: ignore[arg-type]  # none is None
            return list(map(Message, lines, count(first)))  # type: ignore[arg-type]  # none is None
        return [self._message(line, number) for number, line in enumerate(lines, first)]

    def _message(self, line: bytes | None, number: int) -> Message:
        if line is None:
            return Message(b"", number, too_long=True)
        return Message(line, number, too_long=len(line) > self._limit)

    def _read(self, wait: float) -> bool:
        """Read a piece; False if nothing came."""
        if not self._poll.poll(max(0.0, wait) * 1000):
            return False
        # asked once more, for a signal may have come with the last bytes, and may say to read no more
        if [descriptor for descriptor, _ in self._poll.poll(0)] != [self._descriptor]:
            return False
        piece = self._piece()
        if piece is None:
            return False
        if piece:
            self._take(piece)
        else:
            self._end()
        return True

    def _piece(self) -> bytes | None:
        try:
            return os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EIO and os.isatty(self._descriptor):
                return b""  # the terminal has gone
            raise _unreadable(self.name, error) from None

    def _take(self, piece: bytes) -> None:
        if not self._started:
            piece = self._start + piece
            # as many bytes as say what this is
            if any(len(piece) <= len(mark) and mark.startswith(piece) for mark in _MARKS):
                self._start = piece
                return
            piece = self._begun(piece)
        if self._skipping:
            self._skip(piece)
        else:
            self._cut(piece)

    def _begun(self, start: bytes) -> bytes:
        """The first bytes, less a byte order mark.

        Raises
        ------
        FormatError
            If they are of something that is no text.
        """
        self._started, self._start = True, b""
        for mark, (what, hint) in _NO_TEXT.items():
            if start.startswith(mark):
                raise FormatError(f"{self.name}: this is {what}, not JSON lines", hint=hint)
        return start.removeprefix(_BOM)

    def _cut(self, piece: bytes) -> None:
        """Take the lines of a piece, and keep what has no end yet."""
        lines = piece.split(b"\n")
        self._rest.append(lines.pop())
        if lines:
            self._rest, lines[0] = [self._rest.pop()], b"".join([*self._rest, lines[0]])
            self._ready += lines
            self._held += sum(map(len, lines))
        self._skipping = sum(map(len, self._rest)) > self._limit

    def _skip(self, piece: bytes) -> None:
        """Let a line go by that is too long."""
        for part in self._rest:
            self.overflow(part)
        self._rest = []
        line, end, after = piece.partition(b"\n")
        self.overflow(line + end)
        if end:
            self._skipping = False
            self._ready.append(None)
            self._cut(after)

    def _end(self) -> None:
        """The last line may have no end."""
        self._ended = True
        if self._start:
            self._cut(self._begun(self._start))
        if self._skipping:
            self._skip(b"\n")
        elif rest := b"".join(self._rest):
            self._ready.append(rest)
        self._rest = []

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Do nothing: what was read from a pipe is gone."""

    def stop(self) -> None:
        """Read nothing more; a line whose end has not come is none."""
        if self._skipping and not self._rest:
            self.overflow(b"\n")
        self._rest, self._skipping, self._ended = [], False, True

    def close(self) -> None:
        """Close it, unless it is standard input."""
        if self._descriptor > 2:
            os.close(self._descriptor)


class LineSink:
    """Lines into a descriptor; see ``Sink``. What was written is with the system, whatever becomes of us.

    Parameters
    ----------
    descriptor : int
    name : str
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._descriptor = descriptor
        _widen(descriptor)

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:  # noqa: ARG002 - the protocol gives it
        """Write a line for each answer.

        Raises
        ------
        BrokenPipeError
            If the reader has gone.
        Unreachable
            If there is no space left, or the device fails.
        """
        if values:
            self.write(b"\n".join([*values, b""]))

    def write(self, data: bytes) -> None:
        """Write bytes as they are; for as long as it takes, where the reader is slow."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except BrokenPipeError:
                raise
            except OSError as error:
                raise _unwritable(self.name, error) from None

    def close(self) -> None:
        """Close it, unless it is standard output."""
        if self._descriptor > 2:
            os.close(self._descriptor)


class LineGrave:
    """Lines that could not be answered, in a file, byte by byte as they came; see ``DeadLetters``.

    Parameters
    ----------
    sink : LineSink
    """

    def __init__(self, sink: LineSink) -> None:
        self.name = sink.name
        self._sink = sink

    def bury(self, message: Message, code: str, said: str) -> None:  # noqa: ARG002 - the protocol gives it
        """Write the line; of one too long to be held ``overflow`` has heard already."""
        if message.value or not message.too_long:
            self._sink.write(message.value + b"\n")

    def overflow(self, piece: bytes) -> None:
        """Write a piece of a line that is too long to be held."""
        self._sink.write(piece)

    def close(self) -> None:
        """Let go of the file."""
        self._sink.close()


def open_source(place: str) -> LineSource:
    """Standard input, a file or a named pipe.

    Raises
    ------
    UsageError
        If there is no such file, or it may not be read.
    """
    if place == STANDARD:
        if sys.stdin is None:
            raise UsageError("<stdin>: closed, so nothing can be read from it", code="no_such_input")
        return LineSource(0, "<stdin>")
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise UsageError(f"{place}: a folder, not a file of lines", hint=_SOURCE, code="no_such_input")
    except OSError as error:
        raise _no_input(place, error) from None
    return LineSource(descriptor, place)


def open_sink(place: str) -> LineSink:
    """Standard output, or a file that is written on at its end.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    if place == STANDARD:
        if sys.stdout is None:
            raise UsageError("<stdout>: closed, so nothing can be written to it", code="bad_output")
        return LineSink(1, "<stdout>")
    try:
        descriptor = open_end(place)
    except OSError as error:
        raise no_output(place, error) from None
    sink = LineSink(descriptor, place)
    if not ends_a_line(descriptor):
        # a process that was killed left half a line
        sink.write(b"\n")
    return sink


def open_end(place: str, flags: int = 0) -> int:
    """A descriptor to write on at the end of a file.

    Raises
    ------
    OSError
    """
    # whoever may read a named pipe, too, never hears that its reader has gone
    access = os.O_RDWR if not os.path.exists(place) or os.path.isfile(place) else os.O_WRONLY  # noqa: PTH110, PTH113 - beside os.open
    return os.open(place, access | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)


def ends_a_line(descriptor: int) -> bool:
    """Whether what is written next begins a line."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return True
    return os.pread(descriptor, 1, status.st_size - 1) == b"\n"


def _forget(_piece: bytes) -> None:
    """What becomes of a line that is too long, where nobody wants it."""


def _widen(descriptor: int) -> None:
    """Let a pipe hold as much as is read at a time, where it is one and may."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIECE)


def _unreadable(name: str, error: OSError) -> ScorekitError:
    return Unreachable(f"{name}: cannot be read: {error.strerror}", code="unreachable")


def _unwritable(name: str, error: OSError) -> ScorekitError:
    if error.errno in DISK_FULL:
        return Unreachable(
            f"{name}: no space left while writing",
            hint="free some space, or write elsewhere",
            code="no_space",
        )
    return Unreachable(f"{name}: cannot be written: {error.strerror}", code="unreachable")


def no_output(place: str, error: OSError) -> UsageError:
    """A file that cannot be opened, as a user meets it."""
    return UsageError(
        f"{place}: cannot be written ({error.strerror})", hint="write elsewhere", code="bad_output"
    )


def _no_input(place: str, error: OSError) -> UsageError:
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{place}: no such file", hint=_SOURCE, code="no_such_input")
    if isinstance(error, PermissionError):
        return UsageError(f"{place}: may not be read", hint="check the file's permissions", code="no_access")
    return UsageError(f"{place}: cannot be opened: {error.strerror}", code="no_such_input")
