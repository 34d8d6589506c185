"""Arrow IPC: files (also called Feather) and streams, told apart by their first bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from scorekit.tables.batches import Batch, cut, skip
from scorekit.tables.columns import check_values, refuse_duplicates, wanted_names
from scorekit.tables.pipes import Pipe
from scorekit.tables.sources import STDIN, Source
from scorekit.tables.spool import seekable

# a damaged length may ask for more than there is of memory
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, MemoryError)
_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"
_MESSAGE = b"\xff\xff\xff\xff"
"""Before every message of a stream, since Arrow 0.15; a message of no bytes is the end."""


class ArrowReader:
    """Reads one Arrow file or stream; see ``TableReader``.

    A batch of the file is held as a whole. The number of rows of a file is not known
    beforehand: it stands with each batch.
    """

    rows: int | None = None

    def __init__(self, source: Source, *, columns: Sequence[str] | None, chunk_rows: int) -> None:
        self.source = source
        self._chunk_rows = chunk_rows
        self._handle, start = _opened(source)
        if not start:
            raise source.error("empty file, not Arrow")
        if start.startswith(_FEATHER_1):
            raise source.error("the old Feather format, version 1", hint="write it again as version 2")
        self._is_file = start.startswith(_FILE)
        self._end = (_MESSAGE if start.startswith(_MESSAGE) else b"") + bytes(4)
        try:
            self._reader = self._open(None)
            self.names: tuple[str, ...] = tuple(self._reader.schema.names)
            refuse_duplicates(source, self.names)
            self._wanted = wanted_names(self.names, columns)
            if self._is_file and len(self._wanted) < len(self.names):
                self._reader = self._open([self.names.index(name) for name in self._wanted])
        except _BROKEN as error:
            hint = "copy it again" if self._is_file else "name its format with --format"
            what = "Arrow that is cut off or damaged" if self._is_file else "not an Arrow file or stream"
            raise source.error(what, hint=hint) from error

    def _open(self, fields: list[int] | None) -> Any:
        if not self._is_file:
            self._pipe = Pipe(self._handle)
            return ipc.open_stream(self._pipe)
        self._handle.seek(0)
        options = ipc.IpcReadOptions(
            use_threads=False, **({} if fields is None else {"included_fields": fields})
        )
        return ipc.open_file(self._handle, options=options)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        stored: Iterable[pa.RecordBatch] = self._reader
        if self._is_file:
            stored = map(self._reader.get_batch, range(self._reader.num_record_batches))
        # also for a file: pyarrow takes no fields for all of them
        return (rows.select(self._wanted) for rows in stored)

    def batches(self, *, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches from row ``skip_rows`` on."""
        row = 0
        stored = self._batches()
        while True:
            try:
                rows = next(stored, None)
            except _BROKEN as error:
                raise self.source.error(
                    f"cut off or damaged after row {row}", hint="copy it again"
                ) from error
            if rows is None:
                self._check_end(row)
                return
            batch = skip(Batch(rows, row), skip_rows)
            row += rows.num_rows
            if batch is not None:
                check_values(self.source, batch.rows)
                yield from cut(batch.rows, batch.first_row, (), self._chunk_rows)

    def _check_end(self, row: int) -> None:
        """A stream that was cut off between two batches lacks its end."""
        if not self._is_file and not self._pipe.last.endswith(self._end):
            raise self.source.error(
                f"cut off after row {row}: the end of the stream is missing", hint="copy it again"
            )

    def schema(self) -> pa.Schema:
        """Names and types of the wanted columns."""
        schema = self._reader.schema
        return pa.schema([schema.field(name) for name in self._wanted])

    def close(self) -> None:
        """Let go of the file."""
        self._handle.close()


def _opened(source: Source) -> tuple[BinaryIO | pa.NativeFile, bytes]:
    """The handle to read from and its first bytes, which can still be read.

    A stream on standard input is read as it comes.
    """
    if source.uri == STDIN:
        stream = source.open()
        if isinstance(stream, io.BufferedReader) and not stream.peek(8).startswith(_FILE):
            return stream, stream.peek(8)[:8]
    handle = seekable(source)
    start = handle.read(8)
    handle.seek(0)
    return handle, start


def read_whole(source: Source) -> pa.Table:
    """All rows and columns, for training."""
    reader = ArrowReader(source, columns=None, chunk_rows=1 << 30)
    try:
        return pa.Table.from_batches([batch.rows for batch in reader.batches()], schema=reader.schema())
    finally:
        reader.close()


class ArrowEncoder:
    """Writes an Arrow IPC file, or a stream for a pipe; see ``Encoder``. It holds no metadata of a run."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, *, stream: bool) -> None:
        options = ipc.IpcWriteOptions(compression="zstd", use_threads=False)
        self._writer = (ipc.new_stream if stream else ipc.new_file)(file, schema, options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._writer.write_batch(batch)

    def finish(self, metadata: Mapping[str, str]) -> None:  # noqa: ARG002  # the footer was begun without it
        """Write the footer."""
        self._writer.close()

    def drop(self) -> None:
        """Let go without finishing."""
