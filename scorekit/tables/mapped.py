"""An Arrow file in memory, page by page as its bytes are looked at."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

_SCHEMA_AT = 8
"""Where the first message of a file stands, behind what says that it is one."""


class Mapped:
    """A local Arrow file, mapped.

    Attributes
    ----------
    content : pyarrow.Buffer
        All of it. Its pages are there as long as they are needed.
    """

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.content = pa.py_buffer(self._map)

    @property
    def compressed(self) -> bool:
        """Whether its batches must be decompressed, into memory of their own.

        Raises
        ------
        pyarrow.ArrowException, ValueError
            If it is damaged.
        """
        for message in ipc.MessageReader.open_stream(self.content.slice(_SCHEMA_AT)):
            if message.type == "record batch":
                try:
                    return _names_compression(message.metadata.to_pybytes())
                except struct.error as error:
                    raise ValueError("a message of another layout") from error
        return False

    def release(self) -> None:
        """Give back the pages looked at so far; whoever looks again gets them again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


# pyarrow does not say it: https://github.com/apache/arrow/blob/main/format/Message.fbs
_HEADER, _COMPRESSION = 2, 3
"""Numbers of fields: of a message its header, of the header of a batch its compression."""


def _names_compression(message: bytes) -> bool:
    (root,) = struct.unpack_from("<I", message)
    at = _field(message, root, _HEADER)
    (forward,) = struct.unpack_from("<I", message, at)
    return _field(message, at + forward, _COMPRESSION) > 0


def _field(message: bytes, table: int, number: int) -> int:
    """Where a field of a table of a flatbuffer stands; 0 if it does not."""
    (back,) = struct.unpack_from("<i", message, table)
    layout, entry = table - back, 4 + 2 * number
    (size,) = struct.unpack_from("<H", message, layout)
    if entry >= size:
        return 0
    (offset,) = struct.unpack_from("<H", message, layout + entry)
    return table + int(offset) if offset else 0
