"""Opening a table for scoring, whatever its format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from scorekit.tables.batches import CHUNK_ROWS, TableReader
from scorekit.tables.sources import Source


def open_table(
    source: Source,
    *,
    columns: Sequence[str] | None,
    types: Mapping[str, str],
    na_values: Sequence[str] = (),
    chunk_rows: int = CHUNK_ROWS,
    delimiter: str | None = None,
    optional: Collection[str] = (),
) -> TableReader:
    """Open a table to be read in order, in bounded memory.

    Parameters
    ----------
    source : Source
        From ``find``.
    columns : sequence of str or None
        Wanted columns; None for all. Those the file lacks are left out.
    types : mapping of str to str
        Kind of each column that is decoded (``numeric``, ``boolean``, ``timestamp``,
        ``category``, ``text``). A wanted column that is not here keeps the type of the
        file: strings in CSV, in JSON lines the type of its first lines. A column that
        is both decoded and passed through must not be here; the decoder reads it all
        the same. Where a JSON line holds another type than the first lines, it is a bad
        record (``other_type``).
    na_values : sequence of str
        Strings that mean "missing", beside the empty string: those of the schema.
    chunk_rows : int
        Rows in a batch at most.
    delimiter : str, optional
        Between fields of CSV; found out from the first records unless given, a tab in TSV.
    optional : collection of str
        Wanted columns that may be missing: JSON lines whose first lines lack one are not
        read to their end to find it.

    Returns
    -------
    TableReader
        Its batches hold the same values, to the bit, whichever format the rows came in.

    Raises
    ------
    UsageError
        If the file cannot be opened.
    FormatError
        If it is empty or not of its format.
    SchemaError
        If a column name stands twice.
    """
    if source.format == "parquet":
        from scorekit.tables.parquet import ParquetReader

        return ParquetReader(source, columns=columns, types=types, chunk_rows=chunk_rows)
    if source.format == "arrow":
        from scorekit.tables.arrow import ArrowReader

        return ArrowReader(source, columns=columns, chunk_rows=chunk_rows)
    if source.format == "jsonl":
        from scorekit.tables.jsonl import JsonReader

        return JsonReader(source, columns=columns, types=types, chunk_rows=chunk_rows, optional=optional)
    from scorekit.tables.csv_files import CsvReader

    return CsvReader(
        source, columns=columns, types=types, na_values=na_values, chunk_rows=chunk_rows, delimiter=delimiter
    )
