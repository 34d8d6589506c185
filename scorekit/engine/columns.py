"""Decoding: Arrow batches and parsed rows become the same columns, to the bit.

Arrow is for bulk, parsed rows are for one request or a few lines, where building
an Arrow batch would cost more than scoring it. Both ways end in ``Columns``, and
everything after (checks, counts, transforms) reads only that.

pyarrow imports pandas behind the scenes in ``pa.array(ndarray)``, ``pa.scalar``,
``fill_null(value)`` and ``to_numpy(zero_copy_only=False)``. That would cost more
than scoring a small file, so values are read through their buffers here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.flaws import Flaw
from scorekit.errors import SchemaError
from scorekit.schema import MISSING, UNSEEN, Feature, Schema

Texts = Sequence[str | None]
Cell = Callable[[Any], tuple[float, str | None]]
"""Decodes one parsed value: a number or code, and the flaw it has."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Rows decoded by a schema.

    Attributes
    ----------
    numeric : ndarray of float64, shape (n_rows, n_numeric), column-major
        Numbers, booleans and timestamps; NaN where missing.
    codes : ndarray of int32, shape (n_rows, n_coded), column-major
        Level numbers; ``MISSING`` and ``UNSEEN`` are negative.
    flaws : tuple of Flaw
        What was wrong with rows on the way here.
    texts : dict of int to sequence
        The strings of coded columns, by column of ``codes``; kept on request only.
    """

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]
    flaws: tuple[Flaw, ...] = ()
    texts: Mapping[int, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numeric)

    def slice(self, start: int, stop: int) -> Columns:
        """Rows ``start`` to ``stop``, without their flaws."""
        texts = {column: text[start:stop] for column, text in self.texts.items()}
        return Columns(self.numeric[start:stop], self.codes[start:stop], (), texts)

    def take(self, rows: NDArray[np.int64]) -> Columns:
        """Some rows by number, without their flaws."""
        texts = {column: [text[row] for row in rows] for column, text in self.texts.items()}
        return Columns(self.numeric[rows], self.codes[rows], (), texts)


class Decoder:
    """Decodes by one schema; keeps look-up tables between batches.

    Parameters
    ----------
    schema : Schema
    keep_texts : bool
        Keep the strings of coded columns, which only the reference engine needs.
    """

    def __init__(self, schema: Schema, *, keep_texts: bool = False) -> None:
        self.schema = schema
        self.keep_texts = keep_texts
        self._missing_texts = frozenset(("", *schema.na_values))
        self._coded = [_Coder(feature, self._missing_texts) for feature in schema.coded]
        self._singles = [i for i, feature in enumerate(schema.numeric) if feature.arrow_type == "float"]
        self._cells = [
            (feature.name, index, self._cell(feature, index), feature.coded)
            for feature, index in schema.each()
        ]

    def batch(self, batch: pa.RecordBatch) -> Columns:
        """Decode an Arrow batch.

        Raises
        ------
        SchemaError
            If a column is missing, stands twice, or has a type that cannot be read
            as its feature's kind.
        """
        found = self._positions(batch.schema)
        columns = self._empty(batch.num_rows)
        flaws: list[Flaw] = []
        texts: dict[int, Texts] = {}
        for feature, index in self.schema.each():
            array = batch.column(found[feature.name])
            if feature.coded:
                flaws += self._coded[index].decode(array, columns.codes[:, index])
                if self.keep_texts:
                    texts[index] = _texts(array)
            else:
                flaws += _decode_number(feature, array, columns.numeric[:, index], self._missing_texts)
        self._round_singles(columns.numeric)
        return Columns(columns.numeric, columns.codes, tuple(flaws), texts)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Columns:
        """Decode parsed records, such as the objects of a JSON array.

        A record that lacks a key is flawed (``absent``), its neighbours are not.
        """
        columns = self._empty(len(rows))
        numeric, codes = columns.numeric, columns.codes
        bad: dict[tuple[str, str], list[int]] = {}
        for name, index, decode, is_code in self._cells:
            out = codes if is_code else numeric
            for number, row in enumerate(rows):
                try:
                    value = row[name]
                except KeyError:
                    value = None
                    bad.setdefault(("absent", name), []).append(number)
                if type(value) is float and not is_code:
                    out[number, index] = value
                    continue
                out[number, index], flaw = decode(value)
                if flaw is not None:
                    bad.setdefault((flaw, name), []).append(number)
        self._round_singles(numeric)
        flaws = tuple(Flaw(code, name, np.array(at)) for (code, name), at in bad.items())
        return Columns(numeric, codes, flaws, self._row_texts(rows) if self.keep_texts else {})

    def _round_singles(self, numeric: NDArray[np.float64]) -> None:
        """Bring columns trained as float32 to float32, so that 0.1 in a text file is the 0.1 of training."""
        for index in self._singles:
            with np.errstate(over="ignore"):
                numeric[:, index] = numeric[:, index].astype(np.float32)

    def _cell(self, feature: Feature, index: int) -> Cell:
        """What decodes one parsed value of a feature."""
        if feature.coded:
            return self._coded[index].code
        return partial(_cell, _CELLS[feature.kind], _UNREADABLE[feature.kind], self._missing_texts)

    def _empty(self, rows: int) -> Columns:
        return Columns(
            np.empty((rows, len(self.schema.numeric)), order="F"),
            np.empty((rows, len(self.schema.coded)), dtype=np.int32, order="F"),
        )

    def _positions(self, schema: pa.Schema) -> dict[str, int]:
        positions = {name: index for index, name in enumerate(schema.names)}
        missing = [name for name in self.schema.names if name not in positions]
        if missing:
            raise missing_columns(missing, schema.names)
        if len(positions) != len(schema.names):
            wanted = set(self.schema.names)
            for name in schema.names:
                if name in wanted and schema.names.count(name) > 1:
                    raise SchemaError(f"column {name!r} stands {schema.names.count(name)} times in the data")
        return positions

    def _row_texts(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, Texts]:
        return {
            index: [_text_or_none(row.get(feature.name)) for row in rows]
            for index, feature in enumerate(self.schema.coded)
        }


def missing_columns(missing: Sequence[str], present: Sequence[str]) -> SchemaError:
    """Error for columns the model needs and the data lacks, with the nearest names."""
    import difflib

    shown = ", ".join(repr(name) for name in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    near = difflib.get_close_matches(missing[0], list(present), n=1)
    hint = f"the data has {near[0]!r}; was it renamed?" if near else None
    noun = "column" if len(missing) == 1 else "columns"
    return SchemaError(f"the data lacks the {noun} {shown}{more}", hint=hint, code="missing_column")


# Numbers, booleans and timestamps ---------------------------------------------------

_UNREADABLE = {"numeric": "not_a_number", "boolean": "not_a_boolean", "timestamp": "not_a_timestamp"}
_MICROSECONDS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0}
_DAY = 86_400_000_000.0


def _decode_number(
    feature: Feature, array: pa.Array, out: NDArray[np.float64], missing: frozenset[str]
) -> list[Flaw]:
    """Decode one Arrow column into ``out``."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        out[:] = math.nan
        return []
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _decode_number_texts(feature, array, out, missing)
    _read_values(feature, array, out)
    if array.null_count:
        out[null_mask(array)] = math.nan
    return []


def _read_values(feature: Feature, array: pa.Array, out: NDArray[np.float64]) -> None:
    kind = array.type
    if feature.kind == "timestamp":
        if pa.types.is_timestamp(kind):
            values = _primitive(array, np.int64)
            out[:] = values // 1_000 if kind.unit == "ns" else values * _MICROSECONDS[kind.unit]
            return
        if pa.types.is_date32(kind):
            np.multiply(_primitive(array, np.int32), _DAY, out=out)
            return
        if pa.types.is_date64(kind):
            np.multiply(_primitive(array, np.int64), 1_000.0, out=out)
            return
    elif pa.types.is_boolean(kind):
        out[:] = _bits(array.buffers()[1], array.offset, len(array))
        return
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        out[:] = _primitive(array, kind.to_pandas_dtype())
        return
    elif pa.types.is_decimal(kind):
        out[:] = _primitive(array.cast(pa.float64()), np.float64)
        return
    raise SchemaError(
        f"column {feature.name!r} is {kind}, but the model was trained on {feature.arrow_type}",
        code="wrong_type",
    )


def _decode_number_texts(
    feature: Feature, array: pa.Array, out: NDArray[np.float64], missing: frozenset[str]
) -> list[Flaw]:
    """Numbers written as text: one C++ cast for the whole column, one look at each value if it fails."""
    if feature.kind == "numeric" and not array.null_count:
        try:
            out[:] = _primitive(array.cast(pa.float64()), np.float64)
        except pa.ArrowInvalid:
            pass
        else:
            return []
    cell = _CELLS[feature.kind]
    bad: list[int] = []
    cache: dict[str | None, float] = {}
    for number, text in enumerate(array.to_pylist()):
        value = cache.get(text)
        if value is None:
            decoded = cell(text, missing)
            if decoded is None:
                bad.append(number)
                decoded = math.nan
            else:
                cache[text] = decoded
            value = decoded
        out[number] = value
    return [Flaw(_UNREADABLE[feature.kind], feature.name, np.array(bad))] if bad else []


def _cell(
    parse: Callable[[Any, frozenset[str]], float | None], flaw: str, missing: frozenset[str], value: Any
) -> tuple[float, str | None]:
    decoded = parse(value, missing)
    return (math.nan, flaw) if decoded is None else (decoded, None)


def _number(value: Any, missing: frozenset[str]) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text in missing:
            return math.nan
        try:
            # float() also takes underscores, which no data file means
            return None if "_" in text else float(text)
        except ValueError:
            return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


_TRUTH = {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "1": 1.0, "1.0": 1.0}
_TRUTH |= {"false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0, "0": 0.0, "0.0": 0.0}


def _boolean(value: Any, missing: frozenset[str]) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        return math.nan if text in missing else _TRUTH.get(text.lower())
    number = _number(value, missing)
    return number if number in (0.0, 1.0) or (number is not None and math.isnan(number)) else None


def _timestamp(value: Any, missing: frozenset[str]) -> float | None:
    import datetime as dt

    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text in missing:
            return math.nan
        try:
            value = dt.datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return float((aware - _EPOCH) // dt.timedelta(microseconds=1))
    if isinstance(value, dt.date):
        return (value.toordinal() - 719_163) * _DAY
    return None


def _epoch() -> Any:
    import datetime as dt

    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


_EPOCH = _epoch()
_CELLS: dict[str, Callable[[Any, frozenset[str]], float | None]] = {
    "numeric": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


# Categories and text ----------------------------------------------------------------


class _Coder:
    """Level numbers of one coded feature."""

    def __init__(self, feature: Feature, missing: frozenset[str]) -> None:
        self.name = feature.name
        self.flag_unseen = feature.kind == "category"
        self.table: dict[Any, int] = {level: number for number, level in enumerate(feature.levels)}
        for text in missing:
            self.table.setdefault(text, MISSING)
        self.table[None] = MISSING
        self._dictionary: pa.Array | None = None
        self._lookup: NDArray[np.int32] = np.empty(0, dtype=np.int32)

    def code(self, value: Any) -> tuple[int, str | None]:
        """Code of one parsed value, and what is wrong with it."""
        try:
            return self.table[value], None
        except (KeyError, TypeError):
            text = _text_or_none(value)
            if text is None:
                return (MISSING, None) if _is_nan(value) else (UNSEEN, "not_text")
            code = self.table.get(text, UNSEEN)
            return code, "unseen" if code == UNSEEN and self.flag_unseen else None

    def decode(self, array: pa.Array, out: NDArray[np.int32]) -> list[Flaw]:
        """Codes of an Arrow column into ``out``, through its dictionary."""
        if pa.types.is_null(array.type):
            out[:] = MISSING
            return []
        if not pa.types.is_dictionary(array.type):
            array = _as_text(self.name, array).dictionary_encode()
        lookup = self._lookup_for(array.dictionary)
        indices = array.indices
        positions = _primitive(indices, indices.type.to_pandas_dtype())
        if indices.null_count:
            # the slot of a null may hold anything, so it is sent to the last entry
            positions = np.where(null_mask(indices), len(lookup) - 1, positions)
        np.take(lookup, positions, out=out)
        if self.flag_unseen and (lookup == UNSEEN).any():
            rows = np.flatnonzero(out == UNSEEN)
            return [Flaw("unseen", self.name, rows)] if len(rows) else []
        return []

    def _lookup_for(self, dictionary: pa.Array) -> NDArray[np.int32]:
        if self._dictionary is not None and self._dictionary.equals(dictionary):
            return self._lookup
        texts = _as_text(self.name, dictionary).to_pylist()
        codes = [self.table.get(text, UNSEEN) for text in texts]
        self._lookup = np.array([*codes, MISSING], dtype=np.int32)
        self._dictionary = dictionary
        return self._lookup


def _as_text(name: str, array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise SchemaError(f"column {name!r} is {kind}, but the model was trained on text", code="wrong_type")
    return array.cast(pa.string())


def _texts(array: pa.Array) -> Texts:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    texts: Texts = _as_text("", array).to_pylist()
    return texts


def _text_or_none(value: Any) -> str | None:
    """A value as the text Arrow would make of it, or None if it has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and not math.isnan(value)):
        return str(value)
    return None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


# Buffers ----------------------------------------------------------------------------


def null_mask(array: pa.Array) -> NDArray[np.bool_]:
    """Where an Arrow array is null, without pandas."""
    validity = array.buffers()[0]
    if validity is None:
        return np.zeros(len(array), dtype=bool)
    return ~_bits(validity, array.offset, len(array))


def _bits(buffer: pa.Buffer, offset: int, length: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(buffer, dtype=np.uint8)
    return np.unpackbits(packed, count=offset + length, bitorder="little")[offset:].view(bool)


def _primitive(array: pa.Array, dtype: Any) -> NDArray[Any]:
    """The values buffer of a fixed-width Arrow array; the slots of nulls hold anything."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype=dtype)
    values = np.frombuffer(buffer, dtype=dtype)
    return values[array.offset : array.offset + len(array)]
