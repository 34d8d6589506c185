"""Checks on columns that every format shares."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from scorekit.errors import SchemaError
from scorekit.tables.sources import Source


def wanted_names(names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    """The wanted columns that a file has, in the order of the file; all of them for None."""
    if columns is None:
        return list(names)
    wanted = set(columns)
    return [name for name in names if name in wanted]


def refuse_duplicates(source: Source, names: Sequence[str]) -> None:
    """Refuse a file in which a name stands for two columns.

    Raises
    ------
    SchemaError
    """
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    twice = dict.fromkeys(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # add is None: not yet seen
    shown = ", ".join(repr(name) for name in list(twice)[:5])
    noun = "column name" if len(twice) == 1 else "column names"
    raise SchemaError(
        f"{source.name}: the {noun} {shown} {'stands' if len(twice) == 1 else 'stand'} more than once",
        hint="rename or drop one of the columns",
        code="duplicate_column",
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are strings, also within a dictionary."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def check_values(source: Source, rows: pa.RecordBatch) -> None:
    """Refuse strings that are not UTF-8, and values that point outside their buffers.

    Raises
    ------
    FormatError
    """
    for field, array in zip(rows.schema, rows.columns, strict=True):
        kind = field.type
        try:
            array.validate(full=not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind)))
        except pa.ArrowException as error:
            if "UTF8" in str(error):
                raise source.error(
                    f"column {field.name!r} holds text that is not UTF-8", hint="write it as UTF-8 again"
                ) from error
            raise source.error(f"column {field.name!r} is damaged", hint="copy the file again") from error
