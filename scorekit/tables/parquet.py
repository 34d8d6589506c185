"""Parquet: the wanted columns of one row group after another."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from scorekit.errors import FormatError
from scorekit.tables.batches import Batch, skip
from scorekit.tables.columns import check_values, refuse_duplicates, wanted_names
from scorekit.tables.sources import STDIN, Source
from scorekit.tables.spool import seekable

_BUFFER = 1 << 20
"""Bytes read at a time of each column: a row group is never held as a whole."""

_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, ValueError)


class ParquetReader:
    """Reads one Parquet file; see ``TableReader``.

    Categories that are strings come as dictionaries, which is an order of magnitude
    cheaper to decode than the strings themselves.
    """

    def __init__(
        self,
        source: Source,
        *,
        columns: Sequence[str] | None,
        types: Mapping[str, str],
        chunk_rows: int,
    ) -> None:
        self.source = source
        self._handle = seekable(source)
        self._chunk_rows = chunk_rows
        self._file = self._open(())
        schema = self.schema
        self.names: tuple[str, ...] = tuple(schema.names)
        self.rows: int | None = self._file.metadata.num_rows
        refuse_duplicates(source, self.names)
        self._wanted = wanted_names(self.names, columns)
        coded = [
            name
            for name in self._wanted
            if types.get(name) == "category" and pa.types.is_string(schema.field(name).type)
        ]
        if coded:
            self._file = self._open(coded)

    def _open(self, dictionaries: Sequence[str]) -> pq.ParquetFile:
        remote = not self.source.local and self.source.uri != STDIN
        try:
            # ranges of a remote file are fetched together, a local one is read through small buffers
            file = pq.ParquetFile(
                self._handle,
                read_dictionary=list(dictionaries),
                pre_buffer=remote,
                buffer_size=0 if remote else _BUFFER,
                page_checksum_verification=True,
            )
            stated = file.metadata
            groups = (stated.row_group(number).num_rows for number in range(stated.num_row_groups))
            if sum(groups) != stated.num_rows:
                raise not_parquet(self.source, self._handle)
            self.schema = file.schema_arrow.remove_metadata()
            _ = self.schema.names  # a name may not be UTF-8
        except _BROKEN as error:
            raise not_parquet(self.source, self._handle) from error
        return file

    def batches(self, *, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches from row ``skip_rows`` on; row groups before it are not read."""
        metadata = self._file.metadata
        row = 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if row + rows > skip_rows:
                yield from self._group(group, row, row + rows, skip_rows)
            row += rows

    def _group(self, group: int, row: int, stop: int, skip_rows: int) -> Iterator[Batch]:
        """The rows of a group, which are numbered ``row`` to ``stop``."""
        try:
            # asking for a column also gets those whose names begin with it and a dot
            for rows in self._file.iter_batches(
                self._chunk_rows, row_groups=[group], columns=self._wanted, use_threads=False
            ):
                batch = skip(Batch(self._picked(rows), row, ()), skip_rows)
                row += rows.num_rows
                if batch is not None:
                    check_values(self.source, batch.rows)
                    yield batch
        except _BROKEN as error:
            raise self._damaged(group, row) from error
        if row != stop:
            raise self._damaged(group, row)

    def _damaged(self, group: int, row: int) -> FormatError:
        return self.source.error(
            f"damaged in row group {group}, after row {row}", hint="write the file again"
        )

    def _picked(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        return rows if rows.schema.names == self._wanted else rows.select(self._wanted)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._handle.close()


def not_parquet(source: Source, handle: BinaryIO) -> FormatError:
    """Why a file cannot be opened as Parquet: empty, cut off, or something else."""
    size = handle.seek(0, io.SEEK_END)
    handle.seek(0)
    if not size:
        return source.error("empty file, not Parquet")
    if handle.read(4) == b"PAR1":
        return source.error(
            "Parquet that is cut off or damaged: its footer cannot be read",
            hint="was it still being written or copied? copy it again",
        )
    return source.error("not a Parquet file", hint="name its format with --format")


ROW_GROUP_ROWS = 1 << 18
"""Rows gathered into one row group when writing."""


class ParquetEncoder:
    """Writes Parquet with zstd; see ``Encoder``."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows; they are written when they fill a row group."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._rows = [], 0

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the last row group and the footer."""
        self._flush()
        if metadata:
            self._writer.add_key_value_metadata(dict(metadata))
        self._writer.close()

    def drop(self) -> None:
        """Let go without finishing."""
        self._waiting = []
        # it would write a footer when collected, into a file that is gone
        self._writer.is_open = False


def read_whole(source: Source) -> pa.Table:
    """All rows and columns, for training."""
    reader = ParquetReader(source, columns=None, types={}, chunk_rows=1 << 20)
    batches = [batch.rows for batch in reader.batches()]
    reader.close()
    return pa.Table.from_batches(batches, schema=reader.schema)
