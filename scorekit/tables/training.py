"""Reading for training: every row at once, each column in the one type that all of its values have.

Text is read in blocks, and pyarrow tells each block's types from all rows of the block.
The type of a column is what all of its blocks and files can be read as. Where a column
is a number here and a word there it is text, and then the files are read once more, for
the text of a number is not what is left of it: ``007`` is not ``7``.

Training refuses what scoring rejects row by row: a record that cannot be read may be
anything, and a model should not be fitted on what happens to be left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pacsv

from scorekit.errors import SchemaError
from scorekit.tables import arrow, json_records, parquet
from scorekit.tables.arrays import texts as text_array
from scorekit.tables.columns import is_text
from scorekit.tables.csv_files import CsvBlocks
from scorekit.tables.csv_records import Block
from scorekit.tables.formats import FORMATS
from scorekit.tables.json_records import Integer, Line, Number
from scorekit.tables.jsonl import JsonBlock, json_blocks, parse, refuse_array, widened
from scorekit.tables.sources import Source
from scorekit.tables.text_input import TextInput

_ZONED, _LOCAL = pa.timestamp("us", "UTC"), pa.timestamp("us")


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some rows of a file, in the types they have by themselves."""

    source: Source
    rows: pa.Table

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
        Strings that mean "missing" where they stand for a number, a date or a truth value.

    Returns
    -------
    pyarrow.Table
        The columns of the first table. The same rows give the same types and values
        whether they come in one file or in many, in CSV or as JSON lines.

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
    table = pa.concat_tables([_conformed(piece.rows, schema) for piece in pieces])
    if all(source.format == "jsonl" for source in sources):
        table = _with_dates(table)
    return table


def _read(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[_Piece]:
    """A file in pieces; columns ``texts`` as the text that stands there."""
    if source.format == "csv":
        rows = _csv(source, na_values, texts)
    elif source.format == "jsonl":
        rows = _jsonl(source, na_values, texts)
    else:
        rows = [(parquet if source.format == "parquet" else arrow).read_whole(source)]
    return [_Piece(source, table) for table in rows]


def _of(source: Source, pieces: Iterable[_Piece]) -> list[_Piece]:
    return [piece for piece in pieces if piece.source == source]


# Types -------------------------------------------------------------------------------


def _names(pieces: Sequence[_Piece]) -> list[str]:
    """The columns of all pieces; a JSON line may leave keys out, other rows may not."""
    names = list(dict.fromkeys(name for piece in pieces for name in piece.rows.column_names))
    known = set(names)
    for piece in pieces:
        if piece.source.format == "jsonl":
            continue
        lacking = known - set(piece.rows.column_names)
        if lacking:
            name = min(lacking, key=names.index)
            other = next(each.source for each in pieces if name in each.rows.column_names)
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
        schema = piece.rows.schema
        at = schema.get_field_index(name)
        if at >= 0:
            kind = schema.field(at).type
            if not pa.types.is_null(kind):
                found.setdefault(kind, piece.source)
    return found


def _mixed(name: str, pieces: Sequence[_Piece]) -> bool:
    """Whether a column's text has to be read again, because its guessed types do not go together."""
    guessed = _kinds(name, (piece for piece in pieces if piece.text))
    if any(pa.types.is_time(kind) for kind in guessed):
        return True
    everything = _kinds(name, pieces)
    joined = _join(everything)
    zones = {pa.types.is_timestamp(kind) and kind.tz is not None for kind in guessed}
    if joined is None or (_is_temporal(joined) and len(zones) > 1):
        return True
    return is_text(joined) and not all(map(is_text, guessed))


def _common(name: str, pieces: Sequence[_Piece]) -> pa.DataType:
    kinds = _kinds(name, pieces)
    joined = _join(kinds)
    if joined is None:
        (one, first), (two, second) = list(kinds.items())[:2]
        raise SchemaError(
            f"column {name!r} is {one} in {first.name}, but {two} in {second.name}",
            hint="write it as one type in all files",
            code="wrong_type",
        )
    return joined


def _join(kinds: Mapping[pa.DataType, Source]) -> pa.DataType | None:
    """The type that holds values of all of these, or None."""
    if len(kinds) < 2:
        return next(iter(kinds), pa.null())
    if all(map(is_text, kinds)):
        if all(map(pa.types.is_dictionary, kinds)):
            return pa.dictionary(pa.int32(), pa.string())
        return pa.large_string() if any(map(pa.types.is_large_string, kinds)) else pa.string()
    if all(map(_is_temporal, kinds)):
        zoned = any(pa.types.is_timestamp(kind) and kind.tz is not None for kind in kinds)
        return _ZONED if zoned else _LOCAL
    if all(map(pa.types.is_signed_integer, kinds)):
        return pa.int64()
    return pa.float64() if all(map(_is_number, kinds)) else None


def _is_temporal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in common types; a column that is not there is null."""
    columns = []
    held = set(rows.column_names)
    for field in schema:
        if field.name not in held:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, field.type)]))
            continue
        column = rows.column(field.name)
        if column.type != field.type:
            # whole numbers beyond 2**53 are rounded, as they would be from text
            column = column.cast(field.type, safe=False)
        columns.append(column)
    return pa.table(columns, schema=schema)


# CSV ---------------------------------------------------------------------------------


def _csv(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[pa.Table]:
    with closing(CsvBlocks(source)) as file:
        convert = pacsv.ConvertOptions(
            column_types=dict.fromkeys(texts & set(file.names), pa.string()),
            null_values=sorted({"", *na_values}),
            strings_can_be_null=False,
            check_utf8=False,
        )
        tables = [_csv_block(file, block, convert) for block in file]
        if tables:
            return tables
        return [pa.table({name: pa.nulls(0) for name in file.names})]


def _csv_block(file: CsvBlocks, block: Block, convert: pacsv.ConvertOptions) -> pa.Table:
    if not file.suspicious(block):
        try:
            return file.parse(block.data, convert)
        except pa.ArrowInvalid:
            pass
    data, bad, total = file.bad_records(block)
    if bad:
        raise file.source.error(bad[0].message, line=bad[0].line, hint="mend the line, or leave it out")
    table = file.parse(data, convert)
    if table.num_rows != total:
        raise file.source.error("cannot be read as CSV", line=block.line)
    return table


# JSON lines --------------------------------------------------------------------------


def _jsonl(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[pa.Table]:
    with closing(TextInput(source)) as text:
        tables: list[pa.Table] = []
        for block in json_blocks(source, text):
            if block.data.strip():
                if not tables:
                    refuse_array(source, block)
                tables.append(_json_block(source, block, frozenset(na_values), texts))
    if not tables:
        raise source.error("holds no records, only blank lines")
    return tables


def _json_block(
    source: Source, block: JsonBlock, na_values: frozenset[str], texts: frozenset[str]
) -> pa.Table:
    lines = block.count_lines()
    if not texts and block.plain(lines) and not block.odd_literals():
        try:
            table = _parsed(block)
        except pa.ArrowInvalid:
            pass
        else:
            if table.num_rows == lines:
                return table
    objects = list(json_records.lines(block.data, block.line))
    for line in objects:
        if line.value is None:
            raise source.error(line.message, line=line.line, hint="mend the line, or leave it out")
    return _from_objects(objects, na_values, texts)


def _parsed(block: JsonBlock) -> pa.Table:
    """A block by pyarrow, which takes some dates for dates; they are told from all rows, later."""
    table = parse(block.data, None)
    types = {field.name: field.type for field in table.schema}
    dates = {name: pa.string() for name, kind in types.items() if pa.types.is_timestamp(kind)}
    return parse(block.data, {**types, **dates}) if dates else table


def _from_objects(objects: Sequence[Line], na_values: frozenset[str], texts: frozenset[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    rows = [line.value or {} for line in objects]
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kind = pa.string() if name in texts else _value_type(values, na_values)
        if pa.types.is_nested(kind):
            columns[name] = pa.nulls(len(values), kind)
        elif pa.types.is_string(kind):
            columns[name] = text_array(
                [None if value is None else json_records.category_text(value) for value in values]
            )
        elif pa.types.is_null(kind):
            columns[name] = pa.nulls(len(values))
        else:
            kept = [None if _is_missing(value, na_values) else value for value in values]
            columns[name] = json_records.typed_column(kind, kept)
    return pa.table(columns)


def _value_type(values: Iterable[object], na_values: frozenset[str]) -> pa.DataType:
    """The type of values, less those that mean missing; text if there is nothing but those."""
    present = [value for value in values if value is not None]
    known = [value for value in present if not _is_missing(value, na_values)]
    kind = pa.null()
    for value in known or present:
        kind = widened(kind, value)
    return kind


def _is_missing(value: object, na_values: frozenset[str]) -> bool:
    plain = isinstance(value, str) and not isinstance(value, (Number, Integer))
    return value is None or (plain and (not value or value in na_values))


def _with_dates(table: pa.Table) -> pa.Table:
    """JSON has no dates: a column of which every text is one is dates, as it is in CSV."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and (dates := _dates(table.column(place))) is not None:
            table = table.set_column(place, field.name, dates)
    return table


def _dates(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if column.null_count == len(column):
        return None
    for kind in (_LOCAL, _ZONED):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None
