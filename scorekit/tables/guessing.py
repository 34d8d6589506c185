"""CSV and JSON lines for training, in blocks whose types are told from all of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from scorekit.schema import Missing
from scorekit.tables import json_records
from scorekit.tables.arrays import texts as text_array
from scorekit.tables.csv_files import CsvBlocks
from scorekit.tables.csv_records import Block
from scorekit.tables.joining import NESTED, NO_TEXT
from scorekit.tables.json_records import Line, Number
from scorekit.tables.jsonl import JsonBlock, json_blocks, parse, refuse_array, widened
from scorekit.tables.sources import Source
from scorekit.tables.text_input import TextInput


def csv_tables(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[pa.Table]:
    """Every row of a CSV file, a table for each block; columns ``texts`` as the text that stands there.

    Raises
    ------
    FormatError
        At the first record that cannot be read.
    """
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
        table = _without_hexadecimals(file, data, convert, table)
    return _with_nulls(table)


def _without_hexadecimals(
    file: CsvBlocks, data: bytes, convert: pacsv.ConvertOptions, table: pa.Table
) -> pa.Table:
    """The table with ``0x10`` as text: pyarrow takes it for 16, but only in a column of whole numbers."""
    types = dict(convert.column_types)
    whole = [field.name for field in table.schema if pa.types.is_int64(field.type)]
    convert.column_types = types | dict.fromkeys(whole, pa.string())
    try:
        texts = file.parse(data, convert)
    finally:
        convert.column_types = types
    columns = {
        name: texts[name]
        if name in whole and pc.any(pc.match_substring(texts[name], "x", ignore_case=True)).as_py()
        else table[name]
        for name in table.column_names
    }
    return pa.table(columns)


def _with_nulls(table: pa.Table) -> pa.Table:
    """An empty field is null also in a column of text."""
    columns = table.columns
    for place, column in enumerate(columns):
        if pa.types.is_string(column.type) and pc.any(pc.equal(column, "")).as_py():
            columns[place] = pc.if_else(pc.equal(column, ""), NO_TEXT, column)
    return pa.table(columns, names=table.column_names)


def json_tables(source: Source, na_values: Sequence[str], texts: frozenset[str]) -> list[pa.Table]:
    """Every row of a file of JSON lines, a table for each block; columns ``texts`` as text.

    Raises
    ------
    FormatError
        At the first line that cannot be read.
    """
    with closing(TextInput(source)) as text:
        tables: list[pa.Table] = []
        for block in json_blocks(source, text):
            if block.data.strip():
                if not tables:
                    refuse_array(source, block)
                tables.append(_json_block(source, block, Missing.of(na_values), texts))
    if not tables:
        raise source.error("holds no records, only blank lines")
    return tables


def _json_block(source: Source, block: JsonBlock, missing: Missing, texts: frozenset[str]) -> pa.Table:
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
    return _from_objects(objects, missing, texts)


def _parsed(block: JsonBlock) -> pa.Table:
    """A block by pyarrow, which takes some dates for dates; they are told from all rows, later."""
    table = parse(block.data, None)
    types = {field.name: field.type for field in table.schema}
    dates = {name: pa.string() for name, kind in types.items() if pa.types.is_timestamp(kind)}
    return parse(block.data, {**types, **dates}) if dates else table


def _from_objects(objects: Sequence[Line], missing: Missing, texts: frozenset[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    rows = [line.value or {} for line in objects]
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kind = pa.string() if name in texts else _value_type(values, missing)
        if pa.types.is_nested(kind):
            columns[name] = pa.nulls(len(values), NESTED)
        elif pa.types.is_string(kind):
            columns[name] = text_array(
                [None if value is None else json_records.category_text(value) for value in values]
            )
        elif pa.types.is_null(kind):
            columns[name] = pa.nulls(len(values))
        else:
            kept = [None if _is_missing(value, missing) else value for value in values]
            columns[name] = json_records.typed_column(kind, kept)
    return pa.table(columns)


def _value_type(values: Iterable[object], missing: Missing) -> pa.DataType:
    """The type of values, less those that mean missing; text if there is nothing but those."""
    present = [value for value in values if value is not None]
    known = [value for value in present if not _is_missing(value, missing)]
    kind = pa.null()
    for value in known or present:
        kind = widened(kind, value)
    return kind


def _is_missing(value: object, missing: Missing) -> bool:
    if isinstance(value, Number):
        return bool(missing.numbers) and float(value) in missing.numbers
    return value is None or (isinstance(value, str) and value in missing.texts)
