"""Writing a table, whatever its format; nothing is seen of it until it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from scorekit.errors import SchemaError, UsageError
from scorekit.tables import remote
from scorekit.tables.formats import FORMATS, require_format
from scorekit.tables.targets import STDOUT, Target, explained, open_target, synced

Metadata = Callable[[], Mapping[str, str]]


class Encoder(Protocol):
    """Makes the bytes of one format."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write what stands at the end."""

    def drop(self) -> None:
        """Let go without finishing."""


class TableWriter:
    """Writes one table; a context manager that aborts unless ``commit`` was called.

    Attributes
    ----------
    rows : int
        Rows written so far.
    """

    def __init__(
        self,
        target: str,
        format: str,
        place: Target,
        encoder: Encoder,
        schema: pa.Schema,
        metadata: Metadata | None,
    ) -> None:
        self._target = target
        self._format = format
        self._place = place
        self._encoder = encoder
        self._schema = schema
        self._metadata = metadata
        self._open = True
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows, with the columns of the schema.

        Raises
        ------
        SchemaError
            If values do not fit the schema.
        UsageError
            If the format cannot hold them.
        Unreachable
            If there is no space left; nothing is published.
        """
        fitting = conformed(batch, self._schema)
        with explained(self._target), _held(self._target, self._format):
            self._encoder.write(fitting)
        self.rows += batch.num_rows

    def commit(self, ready: Callable[[], None] | None = None) -> None:
        """Finish the table and publish it.

        Parameters
        ----------
        ready : callable, optional
            Asked when everything is done but the last step; it may raise.

        Raises
        ------
        Unreachable
            If there is no space left, or the store does not answer; nothing is published.
        """
        with explained(self._target):
            self._encoder.finish(self._metadata() if self._metadata else {})
            if ready is not None:
                synced(self._place.file)
                self._place.prepare()
                ready()
            self._place.commit()
        self._open = False

    def abort(self) -> None:
        """Leave no trace of the table; does nothing after ``commit``."""
        if self._open:
            self._open = False
            self._encoder.drop()
            self._place.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch in the types of ``schema``; a dictionary may come where strings are written.

    Raises
    ------
    SchemaError
        If a column holds values of another type.
    """
    if batch.schema.equals(schema):
        return batch
    arrays = [_cast(field, array) for field, array in zip(schema, batch.columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(field: pa.Field, array: pa.Array) -> pa.Array:
    if array.type == field.type:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise SchemaError(
            f"column {field.name!r} is {array.type} here, but {field.type} in the first rows",
            hint="write all its values as one type, or do not pass it through",
            code="wrong_type",
        ) from None


@contextmanager
def _held(target: str, format: str) -> Iterator[None]:
    """A format that cannot hold a column, or some values of it."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            f"{target}: {FORMATS[format].title} cannot hold a column or some values of it",
            hint="leave out columns of bytes and intervals, or write another format",
            code="bad_output",
        ) from error


def open_output(
    target: str,
    *,
    schema: pa.Schema,
    format: str | None = None,
    metadata: Metadata | None = None,
    header: bool = True,
    open_store: remote.OpenStore = remote.open_store,
) -> TableWriter:
    """Open a table for writing.

    Parameters
    ----------
    target : str
        Path, ``s3://`` URI, or ``-`` for standard output. Text whose name ends in
        ``.gz`` is compressed.
    schema : pyarrow.Schema
        Columns of every batch.
    format : str, optional
        Name of the format; else the ending says it, and standard output gets JSON lines.
    metadata : callable, optional
        Called at the end for what goes into the key-value metadata of Parquet.
    header : bool
        Whether CSV or TSV begins with the names of its columns; the second part of a table does not.
    open_store : callable
        Makes the store of a bucket.

    Raises
    ------
    UsageError
        If the ending says no format, the folder is missing or may not be written to, or
        the format cannot hold a column.
    """
    if target == STDOUT and format is None:
        format = "jsonl"
    chosen = require_format(target, format)
    place = open_target(target, open_store)
    try:
        # a header is written at once
        with explained(target), _held(target, chosen.name):
            encoder = _encoder(chosen.name, place, target, schema, header=header)
    except BaseException:
        place.abort()
        raise
    return TableWriter(target, chosen.name, place, encoder, schema, metadata)


def _encoder(name: str, place: Target, target: str, schema: pa.Schema, *, header: bool) -> Encoder:
    if name == "parquet":
        from scorekit.tables.parquet import ParquetEncoder

        return ParquetEncoder(place.file, schema)
    if name == "arrow":
        from scorekit.tables.arrow import ArrowEncoder

        return ArrowEncoder(place.file, schema, stream=target == STDOUT)
    from scorekit.tables.text_output import CsvEncoder, JsonEncoder, compressed

    file = compressed(place.file) if target.lower().endswith(".gz") else place.file
    if name == "jsonl":
        return JsonEncoder(file, schema)
    return CsvEncoder(file, schema, delimiter="\t" if name == "tsv" else ",", header=header)
