"""Arrow IPC: files (also called Feather) and streams, told apart by their first bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from scorekit.tables.batches import Batch, cut, skip
from scorekit.tables.columns import check_values, refuse_duplicates, wanted_names
from scorekit.tables.mapped import Mapped
from scorekit.tables.pipes import Pipe
from scorekit.tables.sources import STDIN, Source
from scorekit.tables.spool import seekable

# a damaged length may ask for more than there is of memory
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, MemoryError)
_LARGE = 64 << 20
"""Bytes of a batch from which on a file is mapped: who maps one is killed if it is cut short meanwhile."""

_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"
_MESSAGE = b"\xff\xff\xff\xff"
"""Before every message of a stream, since Arrow 0.15; a message of no bytes is the end."""


class ArrowReader:
    """Reads one Arrow file or stream; see ``TableReader``.

    A batch of the file is read as a whole, and must fit into memory; but for a local file
    of large ones that are not compressed, which is mapped, so that no more of it is held
    than is worked on. The number of rows of a file is not known beforehand: it stands with
    each batch.
    """

    rows: int | None = None

    def __init__(self, source: Source, *, columns: Sequence[str] | None, chunk_rows: int) -> None:
        self.source = source
        self._chunk_rows = chunk_rows
        self._mapped: Mapped | None = None
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
            if self._is_file:
                self._reader = self._open_wanted()
        except _BROKEN as error:
            hint = "copy it again" if self._is_file else "name its format with --format"
            what = "Arrow that is cut off or damaged" if self._is_file else "not an Arrow file or stream"
            raise source.error(what, hint=hint) from error

    def _open_wanted(self) -> Any:
        """The file again, for the wanted columns alone."""
        self._mapped = self._map()
        if self._mapped is not None:
            # columns that nobody looks at cost nothing; picking some would make pyarrow copy them
            return ipc.open_file(self._mapped.content)
        if len(self._wanted) == len(self.names):
            return self._reader
        return self._open([self.names.index(name) for name in self._wanted])

    def _map(self) -> Mapped | None:
        """The file in memory, if its batches are large and not compressed."""
        batches = self._reader.num_record_batches
        if not self.source.local or not batches or (self.source.size or 0) < _LARGE * batches:
            return None
        mapped = Mapped(self.source.uri)
        return None if mapped.compressed else mapped

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
                yield from self._checked(cut(batch.rows, batch.first_row, (), self._chunk_rows))

    def _checked(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            check_values(self.source, batch.rows)
            yield batch
            if self._mapped is not None:
                self._mapped.release()

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
