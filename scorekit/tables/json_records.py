"""JSON lines one by one: the exact way, for blocks that hold a line the fast way cannot take.

Numbers stay the text they were written as until their column is known, so that they
are rounded once, as in every other format. A number too large for float64 is infinite,
and the literals ``NaN``, ``Infinity`` and ``-Infinity``, which Python writes, are read.
Of keys that stand twice in an object the last counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from scorekit.schema import NOT_TEXT
from scorekit.tables import arrays

DEPTH = 200
"""Lists and objects that may stand within each other in a record."""

UNREADABLE = "\0"
"""Stands for a value that has no text of its own, and that no decoder can read."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Integer(Number):
    """A number without fraction or exponent."""

    __slots__ = ()


class Line(NamedTuple):
    """One line that is not blank: its object, or what is wrong with it."""

    line: int
    value: dict[str, Any] | None
    code: str = ""
    message: str = ""


_INT64_DIGITS = len(str(-(2**63)))
_DECODER = json.JSONDecoder(parse_int=Integer, parse_float=Number, parse_constant=Number)


def lines(data: bytes, first_line: int) -> Iterator[Line]:
    """Every line of ``data`` that is not blank.

    Parameters
    ----------
    data : bytes
    first_line : int
        Line number of its first line, from 1.
    """
    for number, text in enumerate(data.split(b"\n"), first_line):
        if text and not text.isspace():
            yield one_line(text, number)


def one_line(data: bytes, number: int) -> Line:
    """One record, or what is wrong with it; ends of lines within are blanks to JSON."""
    try:
        value = _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        return Line(number, None, "not_utf8", "not UTF-8")
    except json.JSONDecodeError as error:
        return Line(number, None, "invalid_json", f"not JSON at character {error.pos + 1}")
    except RecursionError:
        return Line(number, None, "invalid_json", "nested too deeply")
    if not isinstance(value, dict):
        return Line(number, None, "not_an_object", "not a JSON object")
    if data.count(b"[") + data.count(b"{") > DEPTH and _is_deep(value):
        return Line(number, None, "invalid_json", "nested too deeply")
    if b"\\u" in data and _half_pair(value):
        return Line(number, None, "not_utf8", "not UTF-8: half of a surrogate pair")
    return Line(number, value)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        inner = (part.values() if isinstance(part, dict) else part for part in level)
        level = [one for parts in inner for one in parts if isinstance(one, (dict, list))]
    return bool(level)


def _half_pair(value: Any) -> bool:
    """Whether a string anywhere in a value cannot be UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


# Columns -----------------------------------------------------------------------------


def column(kind: str, values: Sequence[Any]) -> pa.Array:
    """A decoded column of a kind: numbers or booleans if all are, else the text of each value."""
    present = [value for value in values if value is not None]
    if kind == "numeric" and all(isinstance(value, Number) for value in present):
        return _floats(values)
    if kind == "boolean" and all(isinstance(value, bool) for value in present):
        return _booleans(values)
    text = _TEXT_OF[kind]
    return arrays.texts([None if value is None else text(value) for value in values])


def _floats(values: Sequence[Any]) -> pa.Array:
    valid = np.array([value is not None for value in values], dtype=bool)
    floats = np.array([0.0 if value is None else float(value) for value in values], dtype=np.float64)
    return arrays.numbers(floats, pa.float64(), valid)


def _booleans(values: Sequence[Any]) -> pa.Array:
    valid = np.array([value is not None for value in values], dtype=bool)
    return arrays.booleans(np.array([value is True for value in values], dtype=bool), valid)


def _numeric_text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, str) else UNREADABLE


def _boolean_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        number = float(value)
        # any other is no truth value, but it may mean "missing"
        return None if math.isnan(number) else {0.0: "0", 1.0: "1"}.get(number, str(value))
    return value if isinstance(value, str) else UNREADABLE


def _timestamp_text(value: Any) -> str | None:
    if isinstance(value, Number):
        number = float(value)
        # 20240101 is a number here, and no day; it may mean "missing"
        return None if math.isnan(number) else f"{number:.17e}"
    return value if isinstance(value, str) else UNREADABLE


def category_text(value: Any) -> str | None:
    """The level that a value stands for: numbers as Python writes them."""
    if isinstance(value, Integer):
        return _integer_text(value)
    if isinstance(value, Number):
        number = float(value)
        return None if math.isnan(number) else str(number)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else NOT_TEXT


def _integer_text(value: str) -> str:
    return "0" if value == "-0" else str(value)


_TEXT_OF: dict[str, Callable[[Any], str | None]] = {
    "numeric": _numeric_text,
    "boolean": _boolean_text,
    "timestamp": _timestamp_text,
    "category": category_text,
    "text": category_text,
}


def other_types(kind: pa.DataType, values: Sequence[Any]) -> dict[int, str]:
    """Numbers of the values that a column of an Arrow type cannot hold, and what each is."""
    fits = _FITS[kind]
    return {
        number: type_name(value)
        for number, value in enumerate(values)
        if value is not None and not fits(value)
    }


def typed_column(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    """A column of a known Arrow type: string, boolean, int64 or float64; see ``other_types``."""
    if pa.types.is_string(kind):
        return arrays.texts([None if value is None else _as_written(value) for value in values])
    if pa.types.is_boolean(kind):
        return _booleans(values)
    if pa.types.is_int64(kind):
        valid = np.array([value is not None for value in values], dtype=bool)
        whole = np.array([0 if value is None else int(value) for value in values], dtype=np.int64)
        return arrays.numbers(whole, kind, valid)
    return _floats(values)


def is_int64(value: Integer) -> bool:
    """Whether a whole number fits 64 bits; Python would not even read one of thousands of digits."""
    return len(value) <= _INT64_DIGITS and -(2**63) <= int(value) < 2**63


def _as_written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_FITS: dict[pa.DataType, Callable[[Any], bool]] = {
    pa.string(): lambda value: not isinstance(value, (list, dict)),
    pa.bool_(): lambda value: isinstance(value, bool),
    pa.int64(): lambda value: isinstance(value, Integer) and is_int64(value),
    pa.float64(): lambda value: isinstance(value, Number),
}


def type_name(value: Any) -> str:
    """The JSON type of a value, as messages say it."""
    if isinstance(value, Integer):
        return "an integer"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, bool):
        return "true or false"
    return "a list" if isinstance(value, list) else "an object"
