"""Decoding numbers, truth values and moments: Arrow columns and single parsed values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.buffers import bits, null_mask, primitive
from scorekit.engine.flaws import Flaw
from scorekit.errors import SchemaError
from scorekit.schema import Feature, Missing, number_of

Cell = Callable[[Any], tuple[float, str | None]]
"""Decodes one parsed value: a number or code, and the flaw it has."""

Parser = Callable[[Any], float | None]
"""Reads a value that is there: a text without space around it, or anything else; None where it cannot."""

_UNREADABLE = {"numeric": "not_a_number", "boolean": "not_a_boolean", "timestamp": "not_a_timestamp"}
_MICROSECONDS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0}
_DAY = 86_400_000_000.0


def decode_number(
    feature: Feature, array: pa.Array, out: NDArray[np.float64], missing: Missing
) -> list[Flaw]:
    """Decode an Arrow column into ``out``, a number a row; gives what was wrong.

    In a column of numbers those that mean "missing" stay, for ``drop`` once they are rounded.

    Raises
    ------
    SchemaError
        If the column's type cannot be read as the feature's kind.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        out[:] = math.nan
        return []
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _decode_texts(feature, array, out, missing)
    _read_values(feature, array, out)
    if array.null_count:
        out[null_mask(array)] = math.nan
    if feature.kind == "boolean" and not pa.types.is_boolean(kind):
        drop(out, missing.numbers)
        return _refuse_untrue(feature, out)
    return []


def drop(values: NDArray[np.float64], numbers: Iterable[float]) -> None:
    """NaN for numbers that mean "missing"."""
    for number in numbers:
        values[values == number] = math.nan


def _refuse_untrue(feature: Feature, out: NDArray[np.float64]) -> list[Flaw]:
    """Numbers other than 0 and 1 where a truth value stands."""
    bad = np.flatnonzero((out != 0.0) & (out != 1.0) & ~np.isnan(out))
    out[bad] = math.nan
    out += 0.0
    return [Flaw(_UNREADABLE["boolean"], feature.name, bad)] if len(bad) else []


def _read_values(feature: Feature, array: pa.Array, out: NDArray[np.float64]) -> None:
    kind = array.type
    if feature.kind == "timestamp":
        if pa.types.is_timestamp(kind):
            values = primitive(array, np.int64)
            out[:] = values // 1_000 if kind.unit == "ns" else values * _MICROSECONDS[kind.unit]
            return
        if pa.types.is_date32(kind):
            np.multiply(primitive(array, np.int32), _DAY, out=out)
            return
        if pa.types.is_date64(kind):
            np.multiply(primitive(array, np.int64), 1_000.0, out=out)
            return
    elif pa.types.is_boolean(kind):
        out[:] = bits(array.buffers()[1], array.offset, len(array))
        return
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        out[:] = primitive(array, kind.to_pandas_dtype())
        return
    elif pa.types.is_decimal(kind):
        # straight to floats decimals are not rounded to the nearest one
        out[:] = primitive(array.cast(pa.string()).cast(pa.float64()), np.float64)
        return
    raise SchemaError(
        f"column {feature.name!r} is {kind}, but the model was trained on {feature.arrow_type}",
        code="wrong_type",
    )


def _decode_texts(
    feature: Feature, array: pa.Array, out: NDArray[np.float64], missing: Missing
) -> list[Flaw]:
    """Numbers written as text: one C++ cast for the whole column, one look at each value if it fails."""
    if feature.kind == "numeric" and not array.null_count:
        try:
            out[:] = primitive(array.cast(pa.float64()), np.float64)
        except pa.ArrowInvalid:
            pass
        else:
            return []
    parse = _PARSERS[feature.kind]
    bad: list[int] = []
    cache: dict[str | None, float] = {}
    for number, text in enumerate(array.to_pylist()):
        value = cache.get(text)
        if value is None:
            decoded = _decoded(parse, missing, text)
            if decoded is None:
                bad.append(number)
                decoded = math.nan
            else:
                cache[text] = decoded
            value = decoded
        out[number] = value
    return [Flaw(_UNREADABLE[feature.kind], feature.name, np.array(bad))] if bad else []


def number_cell(feature: Feature, missing: Missing) -> Cell:
    """What decodes one parsed value of a feature, as ``decode_number`` does a column."""
    return partial(_cell, _PARSERS[feature.kind], _UNREADABLE[feature.kind], missing)


def _cell(parse: Parser, flaw: str, missing: Missing, value: Any) -> tuple[float, str | None]:
    decoded = _decoded(parse, missing, value)
    return (math.nan, flaw) if decoded is None else (decoded, None)


def _decoded(parse: Parser, missing: Missing, value: Any) -> float | None:
    """One value; NaN where it means "missing", None where it cannot be read."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        return math.nan if missing.means(text) else parse(text)
    # a truth value is no number that means "missing"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return math.nan if number and value in missing.numbers else parse(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return number_of(value)
    try:
        return float(value)
    except OverflowError:
        # so does every format that writes numbers as text
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


_TRUTH = {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "1": 1.0, "1.0": 1.0}
_TRUTH |= {"false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0, "0": 0.0, "0.0": 0.0}


def _boolean(value: Any) -> float | None:
    if isinstance(value, str):
        return _TRUTH.get(value.lower())
    number = _number(value)
    if number is None or not (number in (0.0, 1.0) or math.isnan(number)):
        return None
    # of -0.0 that makes 0.0
    return number + 0.0


def _timestamp(value: Any) -> float | None:
    import datetime as dt

    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return float((aware - _EPOCH) // dt.timedelta(microseconds=1))
    if isinstance(value, dt.date):
        return (value.toordinal() - 719_163) * _DAY
    return math.nan if isinstance(value, float) and math.isnan(value) else None


def _epoch() -> Any:
    import datetime as dt

    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


_EPOCH = _epoch()
_PARSERS: dict[str, Parser] = {"numeric": _number, "boolean": _boolean, "timestamp": _timestamp}
