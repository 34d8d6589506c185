"""The bytes of a text file: decompressed, without a byte order mark, checked for what it cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from scorekit.errors import FormatError, Unreachable
from scorekit.tables.formats import binary_format
from scorekit.tables.pipes import Pipe
from scorekit.tables.sources import Source

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_OTHER_TEXT = (b"\xff\xfe", b"\xfe\xff")
_BINARY = {"parquet": "Parquet", "arrow": "Arrow", "zip": "a zip archive or spreadsheet"}
_START = 8
"""Bytes that tell what a file is."""


class TextInput:
    """Reads a text source from its start to its end, once.

    Compression with gzip is recognized by its first bytes, whatever the ending says.

    Parameters
    ----------
    source : Source

    Raises
    ------
    FormatError
        If it is empty, UTF-16, or another format.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._raw = source.open()
        pipe = Pipe(self._raw)
        self._read: Callable[[int], bytes] = pipe.read
        self._compressed = False
        self._start = self._fill(_START)
        if self._start.startswith(_GZIP):
            self._compressed = True
            pipe.unread(self._start)
            self._read = pa.CompressedInputStream(pa.PythonFile(pipe), "gzip").read
            self._start = self._fill(_START)
        elif source.uri.lower().endswith(".gz"):
            raise source.error(
                "empty file" if not self._start else "not compressed with gzip, as its ending says"
            )
        self._check_start()
        self._start = self._start.removeprefix(_BOM)

    def _fill(self, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; decompressed they come in pieces of any size."""
        parts: list[bytes] = []
        while size > 0:
            try:
                part = self._read(size)
            except Unreachable:
                raise
            except (OSError, pa.ArrowException) as error:
                raise self._broken(error) from error
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _broken(self, error: Exception) -> FormatError:
        if self._compressed:
            return self.source.error("compressed data that is cut off or damaged", hint="copy the file again")
        why = error.strerror if isinstance(error, OSError) else None
        return self.source.error(f"cannot be read: {why or type(error).__name__}")

    def _check_start(self) -> None:
        if not self._start:
            raise self.source.error("empty file")
        if self._start.startswith(_OTHER_TEXT):
            raise self.source.error("UTF-16 text", hint="convert it: iconv -f UTF-16 -t UTF-8", line=1)
        if binary := _BINARY.get(binary_format(self._start) or ""):
            raise self.source.error(f"this is {binary}", hint="name the format with --format")

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end."""
        start, self._start = self._start, b""
        return start + self._fill(size - len(start)) if start else self._fill(size)

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8 text."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
