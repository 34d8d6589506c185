"""Types that go together, and values in the wider of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

from scorekit.tables.columns import is_text

ZONED, LOCAL = pa.timestamp("us", "UTC"), pa.timestamp("us")
NESTED = pa.list_(pa.null())
"""Stands for lists and objects that differ: no feature can be made of them."""

NO_TEXT = pa.nulls(1, pa.string())[0]  # pyarrow makes no scalar of a value without importing pandas
_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d")


def join(kinds: Collection[pa.DataType]) -> pa.DataType | None:
    """The type that holds values of all of these, or None."""
    if len(kinds) < 2:
        return next(iter(kinds), pa.null())
    if any(map(pa.types.is_nested, kinds)):
        return NESTED
    return next((joined for fits, joined in _JOINS if all(map(fits, kinds))), None)


def is_temporal(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are dates or moments."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _is_local(kind: pa.DataType) -> bool:
    return is_temporal(kind) and getattr(kind, "tz", None) is None


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
    (_is_local, LOCAL),
    (is_temporal, ZONED),
    (pa.types.is_unsigned_integer, pa.uint64()),
    (_is_signed, pa.int64()),
    (_is_number, pa.float64()),
)
"""What types go together, and the type that holds them all; the first that fits."""


def drop_numbers(column: pa.ChunkedArray, numbers: Collection[float]) -> pa.ChunkedArray:
    """A column with nulls for numbers that mean "missing"; one that holds no numbers stays as it is."""
    if not numbers or not _is_number(column.type):
        return column
    values = column if column.type == pa.float32() else cast_to(column, pa.float64())
    gone = pc.is_in(values, value_set=pa.array(sorted(numbers), values.type))
    return pc.if_else(gone, pa.scalar(None, column.type), column)


def cast_to(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
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


def dates(column: pa.ChunkedArray, first: str, missing: frozenset[str | None]) -> pa.ChunkedArray:
    """A column of text as dates or times, if every value is one, as CSV is read by pyarrow; else as it is."""
    if not _DATE.match(first):
        return column
    known = pc.if_else(pc.is_in(column, value_set=pa.array(list(missing), pa.string())), NO_TEXT, column)
    in_microseconds = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(known), r"(\.\d{6})\d{1,3}", r"\1", max_replacements=1
    )
    for kind in (pa.date32(), LOCAL, ZONED):
        try:
            return in_microseconds.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column
