"""What every reader yields: rows in order, in bounded pieces, with what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa

from scorekit.tables.sources import Source

_Block = TypeVar("_Block")

CHUNK_ROWS = 65_536
"""Rows in a batch at most, unless told otherwise."""


class BadRecord(NamedTuple):
    """A record that could not be read, and stands in its batch as a row of nulls.

    One of ``other_type`` is null only where it holds a value of another type than its column.

    Attributes
    ----------
    row : int
        Its row number in the file, from 0.
    line : int
        Physical line on which it begins, from 1.
    code : str
        ``ragged``, ``wrong_quoting``, ``not_utf8``, ``nul_byte``, ``invalid_json``,
        ``not_an_object`` or ``other_type``.
    message : str
        What is wrong, without values.
    """

    row: int
    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Consecutive rows of one file.

    Attributes
    ----------
    rows : pyarrow.RecordBatch
        The wanted columns that the file has, in the order of the file; then, where a record
        lacks a key, a column that says so (``schema.ABSENT``).
    first_row : int
        Number in the file of the first row, from 0.
    bad : tuple of BadRecord
        Records among them that could not be read.
    """

    rows: pa.RecordBatch
    first_row: int
    bad: tuple[BadRecord, ...] = ()


class TableReader(Protocol):
    """Reads one file once, in order, in bounded memory.

    Attributes
    ----------
    source : Source
    names : tuple of str
        Columns of the file. For JSON lines: the keys of the first lines.
    rows : int or None
        Rows in the file, where the format says so (Parquet and Arrow files).
    """

    source: Source
    names: tuple[str, ...]
    rows: int | None

    def batches(self, *, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches from row ``skip_rows`` on; a reader can be read once."""

    def close(self) -> None:
        """Let go of the file."""


def cut(rows: pa.RecordBatch, first_row: int, bad: tuple[BadRecord, ...], chunk_rows: int) -> Iterator[Batch]:
    """A batch in pieces of at most ``chunk_rows`` rows."""
    if rows.num_rows <= chunk_rows:
        if rows.num_rows:
            yield Batch(rows, first_row, bad)
        return
    for start in range(0, rows.num_rows, chunk_rows):
        piece = rows.slice(start, chunk_rows)
        low = first_row + start
        yield Batch(piece, low, tuple(one for one in bad if low <= one.row < low + piece.num_rows))


def skip(batch: Batch, rows: int) -> Batch | None:
    """What is left of a batch when the rows before row ``rows`` of the file are not wanted."""
    surplus = rows - batch.first_row
    if surplus <= 0:
        return batch
    if surplus >= batch.rows.num_rows:
        return None
    bad = tuple(one for one in batch.bad if one.row >= rows)
    return Batch(batch.rows.slice(surplus), rows, bad)


def in_order(
    blocks: Iterable[_Block],
    read: Callable[[_Block, int], tuple[pa.RecordBatch, tuple[BadRecord, ...]]],
    skip_rows: int,
    chunk_rows: int,
) -> Iterator[Batch]:
    """Batches from row ``skip_rows`` on of blocks, which ``read`` reads given the number of the first row."""
    row = 0
    for block in blocks:
        rows, bad = read(block, row)
        batch = skip(Batch(rows, row, bad), skip_rows)
        row += rows.num_rows
        if batch is not None:
            yield from cut(batch.rows, batch.first_row, batch.bad, chunk_rows)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one batch, also when it has no rows."""
    batches = table.combine_chunks().to_batches()
    if batches:
        return batches[0]
    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in table.schema.types], schema=table.schema)
