"""Reading for training: every row at once, each column in the one type that all of its values have.

Text is read in blocks, and each block's types are told from all of its rows. The type of
a column is what all of its blocks and files can be read as. Where a column is a number
here and a word there it is text, and then the files are read once more, for the text of
a number is not what is left of it: ``007`` is not ``7``. So the types do not depend on
where a block or a file ends.

Training refuses what scoring rejects row by row: a record that cannot be read may be
anything, and a model should not be fitted on what happens to be left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from scorekit.errors import SchemaError
from scorekit.schema import Missing
from scorekit.tables import arrow, parquet
from scorekit.tables.columns import is_text
from scorekit.tables.formats import FORMATS
from scorekit.tables.guessing import csv_tables, json_tables
from scorekit.tables.joining import LOCAL, NESTED, ZONED, cast_to, dates, drop_numbers, is_temporal, join
from scorekit.tables.sources import Source

_GLANCE = 1000
"""Rows that are looked at before all of them are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some rows of a file, in the types they have by themselves.

    Attributes
    ----------
    source : Source
    rows : pyarrow.Table
    kinds : dict of str to pyarrow.DataType
        Types of its columns; null for one without a value, which has the type of the others.
    """

    source: Source
    rows: pa.Table
    kinds: Mapping[str, pa.DataType]

    @property
    def text(self) -> bool:
        """Whether the types were guessed, and the rows can be read again as text."""
        return FORMATS[self.source.format].text


def read_tables(sources: Sequence[Source], *, na_values: Sequence[str]) -> pa.Table:
    """Every row of some tables, in their order.

    Parameters
    ----------
    sources : sequence of Source
        With the same columns, in any order.
    na_values : sequence of str
        Strings that mean "missing" where they stand for a number, a date or a truth value;
        so do the numbers that they are, in a format with types.

    Returns
    -------
    pyarrow.Table
        The columns of the first table. The same rows give the same types and values
        whether they come in one file or in many, in CSV or as JSON lines. An empty field
        of CSV is null.

    Raises
    ------
    FormatError
        If a file, or a record in it, cannot be read; names the line.
    SchemaError
        If the tables do not have the same columns, or types that do not go together.
    """
    pieces = [piece for source in sources for piece in _read(source, na_values, frozenset())]
    names = _names(pieces)
    mixed = frozenset(name for name in names if _mixed(name, pieces))
    if mixed:
        pieces = [
            piece
            for source in sources
            for piece in (
                _read(source, na_values, mixed) if FORMATS[source.format].text else _of(source, pieces)
            )
        ]
    schema = pa.schema([(name, _common(name, pieces)) for name in names])
    table = pa.concat_tables([_conformed(piece, schema) for piece in pieces])
    return _without_numbers(table, Missing.of(na_values))


def _without_numbers(table: pa.Table, missing: Missing) -> pa.Table:
    """A table with nulls for the numbers that mean "missing"."""
    columns = [drop_numbers(column, missing.numbers) for column in table.columns]
    return pa.table(columns, schema=table.schema) if missing.numbers else table


def _read(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[_Piece]:
    """A file in pieces; columns ``texts`` as the text that stands there."""
    if source.format in ("csv", "tsv"):
        rows = csv_tables(source, na_values, texts)
    elif source.format == "jsonl":
        rows = json_tables(source, na_values, texts)
    else:
        rows = [(parquet if source.format == "parquet" else arrow).read_whole(source)]
    missing = Missing.of(na_values)
    return [_piece(source, table, missing, texts) for table in rows]


def _piece(source: Source, rows: pa.Table, missing: Missing, texts: frozenset[str]) -> _Piece:
    """Rows and their types; guessed types are made the ones that every format has."""
    if not FORMATS[source.format].text:
        return _Piece(source, rows, dict(zip(rows.column_names, rows.schema.types, strict=True)))
    columns, kinds = {}, {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        kind = column.type
        if pa.types.is_nested(kind):
            column = _nulls(len(column), NESTED)
        elif pa.types.is_timestamp(kind):
            column = cast_to(column, LOCAL if kind.tz is None else ZONED)
        elif pa.types.is_string(kind) and name not in texts:
            none = frozenset((None, *missing.texts))
            first = _first_text(column, none)
            column = column if first is None else dates(column, first, none)
            kind = pa.null() if first is None else kind
        elif missing.numbers and not pa.types.is_null(kind):
            column = drop_numbers(column, missing.numbers)
            kind = pa.null() if column.null_count == len(column) else kind
        columns[name] = column
        kinds[name] = kind if pa.types.is_null(kind) else column.type
    # by names alone a table without columns would have no rows
    table = pa.table(columns) if columns else rows
    return _Piece(source, table, kinds)


def _nulls(length: int, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(length, kind)])


def _first_text(column: pa.ChunkedArray, missing: frozenset[str | None]) -> str | None:
    """The first string that does not mean missing."""
    for start in range(0, len(column), _GLANCE):
        for value in column.slice(start, _GLANCE).to_pylist():
            if value not in missing:
                return str(value)
    return None


def _of(source: Source, pieces: Iterable[_Piece]) -> list[_Piece]:
    return [piece for piece in pieces if piece.source == source]


# Types -------------------------------------------------------------------------------


def _names(pieces: Sequence[_Piece]) -> list[str]:
    """The columns of all pieces; a JSON line may leave keys out, other rows may not."""
    names = list(dict.fromkeys(name for piece in pieces for name in piece.kinds))
    for piece in pieces:
        if piece.source.format == "jsonl" or len(piece.kinds) == len(names):
            continue
        name = next(name for name in names if name not in piece.kinds)
        other = next(each.source for each in pieces if name in each.kinds)
        raise SchemaError(
            f"{piece.source.name} lacks the column {name!r}, which {other.name} has",
            hint="train on tables with the same columns",
            code="missing_column",
        )
    return names


def _kinds(name: str, pieces: Iterable[_Piece]) -> dict[pa.DataType, Source]:
    """The types a column has in its pieces, and a file for each; less those without a value."""
    found: dict[pa.DataType, Source] = {}
    for piece in pieces:
        kind = piece.kinds.get(name)
        if kind is not None and not pa.types.is_null(kind):
            found.setdefault(kind, piece.source)
    return found


def _mixed(name: str, pieces: Sequence[_Piece]) -> bool:
    """Whether a column's text has to be read again, because its guessed types do not go together."""
    guessed = _kinds(name, (piece for piece in pieces if piece.text))
    if any(pa.types.is_time(kind) for kind in guessed):
        return True
    joined = join(_kinds(name, pieces))
    zones = {pa.types.is_timestamp(kind) and kind.tz is not None for kind in guessed}
    if joined is None or (is_temporal(joined) and len(zones) > 1):
        return True
    return is_text(joined) and any(_lost_text(name, piece) for piece in pieces)


def _lost_text(name: str, piece: _Piece) -> bool:
    """Whether a column of a piece stands for more text than it holds, such as ``NA``."""
    if not piece.text or name not in piece.kinds or not piece.rows.num_rows:
        return False
    kind = piece.rows.schema.field(name).type
    return not is_text(kind) and not (pa.types.is_null(kind) and piece.source.format == "jsonl")


def _common(name: str, pieces: Sequence[_Piece]) -> pa.DataType:
    kinds = _kinds(name, pieces)
    joined = join(kinds)
    if joined is None:
        (one, first), (two, second) = list(kinds.items())[:2]
        raise SchemaError(
            f"column {name!r} is {one} in {first.name}, but {two} in {second.name}",
            hint="write it as one type in all files",
            code="wrong_type",
        )
    return joined


def _conformed(piece: _Piece, schema: pa.Schema) -> pa.Table:
    """Rows in common types; a column that is not there is null."""
    columns = []
    for field in schema:
        column = _values(piece, field)
        if pa.types.is_nested(field.type) and column.type != field.type:
            column = _nulls(len(column), field.type)
        try:
            columns.append(column if column.type == field.type else cast_to(column, field.type))
        except pa.ArrowInvalid:
            raise SchemaError(
                f"{piece.source.name}: column {field.name!r} is {column.type}, and not all of its values are "
                f"{field.type}, as in the other tables",
                hint="write it as one type in all files",
                code="wrong_type",
            ) from None
    return pa.table(columns, schema=schema)


def _values(piece: _Piece, field: pa.Field) -> pa.ChunkedArray:
    """A column of a piece, or nulls where it has none that the field could hold."""
    if field.name in piece.kinds:
        column = piece.rows.column(field.name)
        blank = pa.types.is_null(piece.kinds[field.name]) and not is_text(field.type)
        if not blank and not pa.types.is_null(column.type):
            return column
    return _nulls(piece.rows.num_rows, field.type)
