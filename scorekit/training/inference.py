"""The schema of a table, from all of its rows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from scorekit.engine.columns import Columns
from scorekit.errors import SchemaError
from scorekit.schema import Feature, Kind, Schema

TEXT_LEVELS = 1000
"""A column with more distinct strings than this, and than half the rows, is text, not a category."""

_ID_ROWS = 20
"""From so many rows on, a column whose strings all differ is taken for an id."""

_LIKE_SHARE = 0.9
"""If so many of a text column's levels are numbers, or dates, the others are probably mistakes."""

_LOOKED_AT = 100
"""Levels that tell whether it is worth looking at all of them."""

_LIKE: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("numbers", float),
    ("dates", dt.datetime.fromisoformat),
)
"""What a column of text may be but for a few values, and what reads one value."""

_TIME = r"(?:[ T]\d{1,2}:\d{2}.*)?"
_DATE = rf"(?:\d{{4}}([./-])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([./-])\d{{1,2}}\2\d{{2}}(?:\d{{2}})?){_TIME}"
_GROUPED = r"\d{1,3}([,.'\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?|\d{1,3}(?: \d{3})+[.,]\d+"
_NUMBER = rf"[-+]?(?:[$€£¥] ?)?(?:{_GROUPED}|\d+(?:[.,]\d+)?)(?: ?[$€£¥%])?"
_FOREIGN = (("dates", "2026-06-30", _DATE), ("numbers", "1234.5", _NUMBER))
"""What a column of text may be in another notation, the one that is read, and the pattern of others."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a table's columns are.

    Attributes
    ----------
    schema : Schema
        Without ranges, which are known after decoding; see ``with_ranges``.
    left_out : tuple of str
        Columns that cannot help the model.
    notes : tuple of str
        Why, and what else is odd.
    """

    schema: Schema
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def infer(table: pa.Table, names: Sequence[str], na_values: Sequence[str], *, keep_text: bool) -> Inferred:
    """Infer the features of a table.

    Parameters
    ----------
    table : pyarrow.Table
    names : sequence of str
        Columns that may be features, in order.
    na_values : sequence of str
        Strings that mean missing.
    keep_text : bool
        Whether columns of free text and ids stay, as a user's own pipeline may read them.

    Raises
    ------
    SchemaError
        If a column has a type no feature can have.
    """
    missing = frozenset(("", *na_values))
    features: list[Feature] = []
    left_out: list[str] = []
    notes: list[str] = []
    unusable: list[tuple[str, pa.DataType]] = []
    for name in names:
        column = table.column(name)
        kind = _kind(column.type)
        if kind is None:
            unusable.append((name, column.type))
            continue
        feature = _feature(name, column, kind, missing)
        why = _why_left_out(feature, column, keep_text=keep_text)
        almost = _almost(feature, column, missing)
        if why is None:
            features.append(feature)
            notes += [f"column {name!r} is read as categories: {almost}"] if almost else []
        else:
            left_out.append(name)
            notes.append(f"column {name!r} is left out: {almost or why}")
    if unusable:
        raise _unusable(unusable)
    return Inferred(
        Schema(features=tuple(features), na_values=tuple(na_values)), tuple(left_out), tuple(notes)
    )


def _kind(arrow_type: pa.DataType) -> Kind | None:
    """The kind of a column by its Arrow type; None for what no feature can be."""
    types = pa.types
    if types.is_null(arrow_type):
        return "numeric"
    if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return "numeric"
    if types.is_boolean(arrow_type):
        return "boolean"
    if types.is_timestamp(arrow_type) or types.is_date(arrow_type):
        return "timestamp"
    if types.is_dictionary(arrow_type):
        inner = arrow_type.value_type
        return None if types.is_nested(inner) or types.is_binary(inner) else "category"
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return "category"
    return None


def _unusable(columns: Sequence[tuple[str, pa.DataType]]) -> SchemaError:
    shown = ", ".join(f"{name!r} ({kind})" for name, kind in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    noun = "column" if len(columns) == 1 else "columns"
    drops = " ".join(f"--drop {name!r}" if " " in name else f"--drop {name}" for name, _ in columns[:5])
    return SchemaError(f"no feature can be made of the {noun} {shown}{more}", hint=drops, code="wrong_type")


def _feature(name: str, column: pa.ChunkedArray, kind: Kind, missing: frozenset[str]) -> Feature:
    arrow_type = str(column.type)
    if kind != "category":
        return Feature(name=name, kind=kind, arrow_type=arrow_type, nullable=True)
    levels = tuple(sorted(_levels(column) - missing))
    dictionary = pa.types.is_dictionary(column.type)
    if len(levels) > max(TEXT_LEVELS, len(column) / 2):
        return Feature(name=name, kind="text", arrow_type=arrow_type, nullable=True, dictionary=dictionary)
    return Feature(
        name=name, kind=kind, arrow_type=arrow_type, nullable=True, levels=levels, dictionary=dictionary
    )


def _levels(column: pa.ChunkedArray) -> set[str]:
    """Distinct strings, as the decoder will see them."""
    if pa.types.is_dictionary(column.type):
        used = pc.unique(column)
        column = used.dictionary.take(used.indices)
    distinct = pc.unique(column)
    if not pa.types.is_string(distinct.type):
        distinct = distinct.cast(pa.string())
    return {text for text in distinct.to_pylist() if text is not None}


def _why_left_out(feature: Feature, column: pa.ChunkedArray, *, keep_text: bool) -> str | None:
    if feature.kind == "category" and not feature.levels:
        return "every value is missing"
    if not feature.coded and pc.all(pc.is_null(column, nan_is_null=True)).as_py():
        return "every value is missing"
    if keep_text or not feature.coded:
        return None
    if len(column) >= _ID_ROWS and pc.count_distinct(column).as_py() == len(column):
        return "every value is another, like an id (carry it along with --id-column)"
    if feature.kind == "text":
        return "free text; a --pipeline of your own can read it"
    return None


def _almost(feature: Feature, column: pa.ChunkedArray, missing: frozenset[str]) -> str | None:
    """What keeps a column of text from being numbers or dates: a few values, or how they are written."""
    if not feature.coded:
        return None
    levels = feature.levels or tuple(sorted(_levels(column) - missing))
    some = levels[:: max(1, len(levels) // _LOOKED_AT)]
    for what, read in _LIKE:
        if sum(_reads(read, text) for text in some) < len(some) / 2:
            continue
        odd = [text for text in levels if not _reads(read, text)]
        if odd and len(odd) <= (1 - _LIKE_SHARE) * len(levels):
            return (
                f"{len(odd)} of its {len(levels)} distinct values are no {what}, first in row "
                f"{_first_row(column, odd):,} (if they mean missing, name them by --na-values)"
            )
    unread = [text for text in some if not any(_reads(read, text) for _, read in _LIKE)]
    for what, as_read, pattern in _FOREIGN:
        if unread and sum(bool(re.fullmatch(pattern, text)) for text in unread) >= _LIKE_SHARE * len(some):
            return f"its values look like {what}, which are read only if written like {as_read}"
    return None


def _first_row(column: pa.ChunkedArray, texts: Sequence[str]) -> int:
    """Where one of some texts stands first, counted from 1; only so many of them are looked for."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    rows: list[int] = [pc.index(column, pa.scalar(text, column.type)).as_py() for text in texts[:20]]
    return 1 + min(rows)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def with_ranges(schema: Schema, columns: Columns) -> Schema:
    """The schema with what decoding found: ranges, and whether values were missing."""
    features = []
    for feature, index in schema.each():
        if feature.coded:
            nullable = bool((columns.codes[:, index] == -1).any())
            features.append(replace(feature, nullable=nullable))
            continue
        values = columns.numeric[:, index]
        finite = values[np.isfinite(values)]
        found = {
            "nullable": bool(np.isnan(values).any()),
            "minimum": float(finite.min()) if len(finite) else None,
            "maximum": float(finite.max()) if len(finite) else None,
        }
        features.append(replace(feature, **found))
    return Schema(features=tuple(features), na_values=schema.na_values)
