"""Where the records of CSV text begin and end.

A file is read in blocks cut between records, so that each block can be parsed by
itself. A quote opens a field only at the field's start; within it ``""`` stands for a
quote, and newlines belong to the value. Blocks whose quotes all stand where they
should are recognized by array operations; the others are walked record by record.

A field whose closing quote is not followed by a separator, or that has none, is wrongly
quoted. Then the line on which its record begins is bad, and reading goes on with the
next physical line, so that a stray quote costs one row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import FormatError

BLOCK = 4 << 20
"""Bytes read at a time."""

OPEN_QUOTE_LIMIT = 16 << 20
"""A quote that is still open after so many bytes is taken for a stray one."""

RECORD_LIMIT = 64 << 20
"""A record of more bytes is none: the file is something else."""

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of a file.

    Attributes
    ----------
    data : bytes
    line : int
        Physical line of its first byte, from 1.
    clean : bool
        Whether every quote stands where it should.
    """

    data: bytes
    line: int
    clean: bool


class Record(NamedTuple):
    """One record: bytes ``start`` to ``stop`` of its block, and what is wrong with it."""

    start: int
    stop: int
    line: int
    code: str | None = None
    message: str = ""

    @property
    def unclosed(self) -> bool:
        """Whether a quote of it is still open at the end of the data."""
        return self.message is _UNCLOSED


_UNCLOSED = "a quote is never closed"
_EARLY = "a quote closes before the end of its field"


def count_lines(data: bytes) -> int:
    r"""Line ends in ``data``: ``\n``, ``\r\n`` or ``\r``."""
    # several times faster than bytes.count
    lines = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))
    return lines + (data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0)


def blocks(
    read: Callable[[int], bytes], delimiter: bytes, error: Callable[[str, int], FormatError]
) -> Iterator[Block]:
    """Cut what ``read`` gives into blocks of whole records.

    Parameters
    ----------
    read : callable
        Gives up to so many bytes, none at the end.
    delimiter : bytes
        One byte.
    error : callable
        Makes the error for a message and a line.

    Raises
    ------
    FormatError
        If a record is longer than ``RECORD_LIMIT``.
    """
    line = 1
    rest = b""
    while True:
        fresh = read(BLOCK)
        data = rest + fresh if rest else fresh
        if not data:
            return
        stop, clean = _last_end(data, delimiter, final=not fresh)
        if stop:
            yield Block(data[:stop], line, clean)
            line += count_lines(data[:stop])
        elif len(data) > RECORD_LIMIT:
            raise error(f"a record longer than {RECORD_LIMIT >> 20} MiB", line)
        rest = data[stop:]
        if not fresh:
            return


def _last_end(data: bytes, delimiter: bytes, *, final: bool) -> tuple[int, bool]:
    """Where the last whole record of ``data`` ends, and whether the quotes so far are in order."""
    if b'"' not in data:
        return (len(data) if final else _last_newline(data, 0, len(data))), True
    raw = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(raw == _QUOTE)
    if not _in_order(raw, quotes, delimiter[0]):
        return _walked_end(data, delimiter, final=final), False
    unclosed = bool(len(quotes) % 2)
    if final:
        return len(data), not unclosed
    stop = _last_newline_outside(data, quotes)
    if unclosed and len(data) - stop > OPEN_QUOTE_LIMIT:
        return _walked_end(data, delimiter, final=False), False
    return stop, True


def _last_newline(data: bytes, start: int, stop: int) -> int:
    r"""The end of the last line within a range, or 0.

    A file may end its lines with ``\r`` alone; one at the end may be half of ``\r\n``.
    """
    found = data.rfind(b"\n", start, stop)
    if found < 0:
        found = data.rfind(b"\r", start, min(stop, len(data) - 1))
    return found + 1


def _last_newline_outside(data: bytes, quotes: NDArray[np.int64]) -> int:
    """The end of the last line that is not within quotes, or 0."""
    edges = [-1, *quotes.tolist(), len(data)]
    # the gaps before an even number of quotes are outside
    last = len(edges) - 2 if len(quotes) % 2 == 0 else len(edges) - 3
    for gap in range(last, -1, -2):
        if stop := _last_newline(data, edges[gap] + 1, edges[gap + 1]):
            return stop
    return 0


def _in_order(raw: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: int) -> bool:
    """Whether every quote opens at the start of a field, closes at its end, or is doubled."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = raw[np.maximum(opening - 1, 0)]
    starts = _separates(before, delimiter) | (opening == 0)
    starts[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
    after = raw[np.minimum(closing + 1, len(raw) - 1)]
    ends = _separates(after, delimiter) | (closing == len(raw) - 1)
    following = opening[1 : len(closing) + 1]
    ends[: len(following)] |= following == closing[: len(following)] + 1
    return bool(starts.all() and ends.all())


def _separates(characters: NDArray[np.uint8], delimiter: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (characters == delimiter) | (characters == _NEWLINE) | (characters == _RETURN)
    return found


def _walked_end(data: bytes, delimiter: bytes, *, final: bool) -> int:
    if final:
        return len(data)
    stop = 0
    for record in records(data, delimiter, 1):
        if record.unclosed and len(data) - record.start <= OPEN_QUOTE_LIMIT:
            return record.start
        if _ended(data, record.stop):
            stop = record.stop
    return stop


def _ended(data: bytes, stop: int) -> bool:
    r"""Whether the record before ``stop`` ends in a newline that cannot be half of ``\r\n``."""
    return data[stop - 1 : stop] == b"\n" or (data[stop - 1 : stop] == b"\r" and stop < len(data))


@lru_cache(maxsize=8)
def _patterns(delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A record, and a quoted field of one; a quote within a field without quotes is a character."""
    mark = re.escape(delimiter)
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
    field = rb"(?:" + quoted + rb'|[^"\r\n' + mark + rb"][^\r\n" + mark + rb"]*+|)"
    return re.compile(field + rb"(?:" + mark + field + rb")*+"), re.compile(
        rb"(?:\A|(?<=" + mark + rb"))" + quoted
    )


_LINE_END = re.compile(rb"\r\n|\n|\r")


def records(data: bytes, delimiter: bytes, line: int) -> Iterator[Record]:
    """Every record of ``data`` that is not blank, one by one.

    Parameters
    ----------
    data : bytes
    delimiter : bytes
        One byte.
    line : int
        Physical line of its first byte.
    """
    shape, _ = _patterns(delimiter)
    start = 0
    while start < len(data):
        newline = _LINE_END.search(data, start)
        stop, after = newline.span() if newline else (len(data), len(data))
        lines, wrong = 1, ""
        if data.find(b'"', start, stop) >= 0:
            matched = shape.match(data, start)
            end = matched.end() if matched else start
            closed = _LINE_END.match(data, end)
            if closed or end == len(data):
                stop, after = closed.span() if closed else (end, end)
                lines = count_lines(data[start:stop]) + 1
            else:
                unclosed = data[end : end + 1] == b'"' and (end == start or data[end - 1 : end] == delimiter)
                wrong = _UNCLOSED if unclosed else _EARLY
        if wrong:
            yield Record(start, after, line, "wrong_quoting", wrong)
        elif stop > start:
            yield Record(start, after, line)
        start = after
        line += lines


def count_fields(record: bytes, delimiter: bytes) -> int:
    """Fields of one record whose quotes are in order."""
    if b'"' in record:
        record = _patterns(delimiter)[1].sub(b"", record)
    return record.count(delimiter) + 1
