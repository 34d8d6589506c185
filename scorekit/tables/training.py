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

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
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
_NESTED = pa.list_(pa.null())
"""Stands for every list or object of JSON: no feature can be made of one."""

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
        Strings that mean "missing" where they stand for a number, a date or a truth value.

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
    return pa.concat_tables([_conformed(piece, schema) for piece in pieces])


def _read(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[_Piece]:
    """A file in pieces; columns ``texts`` as the text that stands there."""
    if source.format == "csv":
        rows = _csv(source, na_values, texts)
    elif source.format == "jsonl":
        rows = _jsonl(source, na_values, texts)
    else:
        rows = [(parquet if source.format == "parquet" else arrow).read_whole(source)]
    missing = pa.array([None, "", *na_values], pa.string())
    return [_piece(source, table, missing, texts) for table in rows]


def _piece(source: Source, rows: pa.Table, missing: pa.Array, texts: frozenset[str]) -> _Piece:
    """Rows and their types; guessed types are made the ones that every format has."""
    if not FORMATS[source.format].text:
        return _Piece(source, rows, dict(zip(rows.column_names, rows.schema.types, strict=True)))
    columns, kinds = {}, {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        kind = column.type
        if pa.types.is_nested(kind):
            column = _nulls(len(column), _NESTED)
        elif pa.types.is_timestamp(kind):
            column = _cast(column, _LOCAL if kind.tz is None else _ZONED)
        elif pa.types.is_string(kind) and name not in texts:
            column = _dates(column, missing)
        columns[name] = column
        kinds[name] = pa.null() if name not in texts and _is_blank(column, missing) else column.type
    # by names alone a table without columns would have no rows
    table = pa.table(columns) if columns else rows
    return _Piece(source, table, kinds)


def _nulls(length: int, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(length, kind)])


def _is_blank(column: pa.ChunkedArray, missing: pa.Array) -> bool:
    """Whether a column holds nothing, or only strings that mean missing."""
    if not pa.types.is_string(column.type):
        return bool(pa.types.is_null(column.type))
    # most columns say so in their first rows
    parts = (column.slice(0, _GLANCE), column.slice(_GLANCE))
    return all(pc.all(pc.is_in(part, value_set=missing), min_count=0).as_py() for part in parts)


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
    joined = _join(_kinds(name, pieces))
    zones = {pa.types.is_timestamp(kind) and kind.tz is not None for kind in guessed}
    if joined is None or (_is_temporal(joined) and len(zones) > 1):
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
    return next((joined for fits, joined in _JOINS if all(map(fits, kinds))), None)


def _is_temporal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _is_local(kind: pa.DataType) -> bool:
    return _is_temporal(kind) and getattr(kind, "tz", None) is None


def _is_text_dictionary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind)) and is_text(kind)


def _is_short_text(kind: pa.DataType) -> bool:
    return is_text(kind) and not pa.types.is_large_string(kind)


def _is_signed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) and kind != pa.uint64()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


_JOINS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (_is_text_dictionary, pa.dictionary(pa.int32(), pa.string())),
    (_is_short_text, pa.string()),
    (is_text, pa.large_string()),
    (_is_local, _LOCAL),
    (_is_temporal, _ZONED),
    (pa.types.is_unsigned_integer, pa.uint64()),
    (_is_signed, pa.int64()),
    (_is_number, pa.float64()),
)
"""What types go together, and the type that holds them all; the first that fits."""


def _conformed(piece: _Piece, schema: pa.Schema) -> pa.Table:
    """Rows in common types; a column that is not there is null."""
    columns = []
    for field in schema:
        column = _values(piece, field)
        try:
            columns.append(column if column.type == field.type else _cast(column, field.type))
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


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column in a wider type; the decoder would make the same of the narrower one.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a time is out of the range of the type.
    """
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # a cast cuts off towards zero, which is another microsecond before 1970
        column = pc.floor_temporal(column.cast(pa.timestamp("ns")), unit="microsecond")
    if pa.types.is_decimal(column.type):
        # straight to floats decimals are not rounded to the nearest one
        column = column.cast(pa.string())
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    # whole numbers beyond 2**53 are rounded, as they would be from text
    return column.cast(kind, safe=not pa.types.is_integer(column.type))


def _dates(column: pa.ChunkedArray, missing: pa.Array) -> pa.ChunkedArray:
    """A column of text as dates or times, if every value is one, as CSV is read by pyarrow; else as it is."""
    start = column.slice(0, _GLANCE)
    for kind in (pa.date32(), _LOCAL, _ZONED):
        if _read_as(kind, start, missing) is not None:
            found = _read_as(kind, column, missing)
            if found is not None and found.null_count < len(found):
                return found
    return column


def _read_as(kind: pa.DataType, column: pa.ChunkedArray, missing: pa.Array) -> pa.ChunkedArray | None:
    known = pc.if_else(pc.is_in(column, value_set=missing), pa.scalar(None, pa.string()), column)
    to_microseconds = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(known), r"(\.\d{6})\d{1,3}", r"\1", max_replacements=1
    )
    try:
        return to_microseconds.cast(kind)
    except pa.ArrowInvalid:
        return None


# CSV ---------------------------------------------------------------------------------


def _csv(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[pa.Table]:
    with closing(CsvBlocks(source)) as file:
        convert = pacsv.ConvertOptions(
            column_types=dict.fromkeys(texts & set(file.names), pa.string()),
            null_values=sorted({"", *na_values}),
            # not 0 and 1, which are numbers until a word is met
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
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
            return _csv_table(file, block.data, convert)
        except pa.ArrowInvalid:
            pass
    data, bad, total = file.bad_records(block)
    if bad:
        raise file.source.error(bad[0].message, line=bad[0].line, hint="mend the line, or leave it out")
    table = _csv_table(file, data, convert)
    if table.num_rows != total:
        raise file.source.error("cannot be read as CSV", line=block.line)
    return table


def _csv_table(file: CsvBlocks, data: bytes, convert: pacsv.ConvertOptions) -> pa.Table:
    table = file.parse(data, convert)
    if b"0x" in data or b"0X" in data:
        types = dict(convert.column_types)
        whole = [field.name for field in table.schema if pa.types.is_int64(field.type)]
        convert.column_types = types | dict.fromkeys(whole, pa.string())
        texts = file.parse(data, convert)
        # pyarrow takes 0x10 for 16, and only here
        odd = [name for name in whole if pc.any(pc.match_substring_regex(texts[name], "[xX]")).as_py()]
        convert.column_types = types
        for name in odd:
            table = table.set_column(table.column_names.index(name), name, texts[name])
    return _with_nulls(table)


def _with_nulls(table: pa.Table) -> pa.Table:
    """An empty field is null also in a column of text."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_string(field.type) and pc.any(pc.equal(column, "")).as_py():
            known = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
            table = table.set_column(place, field.name, known)
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
    if not texts and block.plain(lines):
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
    if not any(line.value for line in objects):
        return pa.table([pa.nulls(len(objects))], names=[""]).select([])
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
            columns[name] = pa.nulls(len(values), _NESTED)
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
