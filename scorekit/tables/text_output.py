"""Writing CSV, TSV and JSON lines."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from scorekit.errors import UsageError
from scorekit.tables.arrays import texts as text_array


def compressed(file: BinaryIO) -> BinaryIO:
    """What is written here arrives in ``file`` compressed; the same bytes give the same file."""
    return cast("BinaryIO", gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0))


class CsvEncoder:
    """Writes CSV, or TSV with tabs: a null is an empty field, an empty string is ``""``; see ``Encoder``.

    In a table of one column a null would be a blank line, which is no record; there it is ``""`` too.
    """

    def __init__(
        self, file: BinaryIO, schema: pa.Schema, *, delimiter: str = ",", header: bool = True
    ) -> None:
        for field in schema:
            if pa.types.is_nested(field.type):
                raise UsageError(
                    f"column {field.name!r} is {field.type}, which CSV cannot hold",
                    hint="write JSON lines or Parquet, or leave the column out",
                    code="bad_output",
                )
        self._file = file
        self._alone = len(schema) == 1
        self._schema = pa.schema(
            [pa.field(field.name, pa.string() if self._alone else _plain(field.type)) for field in schema]
        )
        options = pacsv.WriteOptions(include_header=header, delimiter=delimiter)
        self._writer = pacsv.CSVWriter(file, self._schema, write_options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        arrays = [
            array if array.type == field.type else array.cast(field.type)
            for array, field in zip(batch.columns, self._schema, strict=True)
        ]
        if self._alone and arrays[0].null_count:
            arrays = [text_array([text or "" for text in arrays[0].to_pylist()])]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def finish(self, metadata: Mapping[str, str]) -> None:  # noqa: ARG002  # CSV has no place for it
        """End the file."""
        self._writer.close()
        if isinstance(self._file, gzip.GzipFile):
            self._file.close()

    def drop(self) -> None:
        """Let go without finishing."""


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type in which pyarrow writes values of a type as CSV."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if pa.types.is_string_view(kind) else kind


class JsonEncoder:
    """Writes an object a line; nulls, NaN and infinities are ``null``; see ``Encoder``."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self._row = _object_maker(schema.names)
        self._encoder = msgspec.json.Encoder()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        if batch.num_rows:
            rows = map(self._row, *map(_values, batch.columns))
            self._file.write(self._encoder.encode_lines(rows))

    def finish(self, metadata: Mapping[str, str]) -> None:  # noqa: ARG002  # JSON lines have no place for it
        """End the file."""
        if isinstance(self._file, gzip.GzipFile):
            self._file.close()

    def drop(self) -> None:
        """Let go without finishing."""


def _object_maker(names: Sequence[str]) -> Callable[..., Any]:
    """What makes an object of its values: a struct, whose names may hold no quotes or newlines, or a dict."""
    fields = {f"f{number}": name for number, name in enumerate(names)}
    try:
        return msgspec.defstruct("Row", list(fields), rename=fields, gc=False)
    except ValueError:
        return lambda *values: dict(zip(names, values, strict=True))


def _values(array: pa.Array) -> list[Any]:
    """Values as JSON can hold them: dates and decimals as text."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        table = _values(array.dictionary)
        return [None if index is None else table[index] for index in array.indices.to_pylist()]
    if pa.types.is_float64(kind):
        return _floats(array)
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        array = array.cast(pa.string())
    values: list[Any] = array.to_pylist()
    return values


def _floats(array: pa.Array) -> list[float]:
    """Floats through their buffer; NaN, which is written as null, for a null."""
    if not len(array):
        return []
    values = np.frombuffer(array.buffers()[1], dtype=np.float64)[array.offset : array.offset + len(array)]
    validity = array.buffers()[0]
    if array.null_count:
        bits = np.unpackbits(
            np.frombuffer(validity, np.uint8), count=array.offset + len(array), bitorder="little"
        )
        values = np.where(bits[array.offset :].astype(bool), values, np.nan)
    floats: list[float] = values.tolist()
    return floats
