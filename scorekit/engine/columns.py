"""Decoding: Arrow batches and parsed rows become the same columns, to the bit.

Arrow is for bulk, parsed rows are for one request or a few lines, where building
an Arrow batch would cost more than scoring it. Both ways end in ``Columns``, and
everything after (checks, counts, transforms) reads only that.

pyarrow imports pandas behind the scenes in ``pa.array(ndarray)``, ``pa.scalar``,
``fill_null(value)`` and ``to_numpy(zero_copy_only=False)``. That would cost more
than scoring a small file, so values are read through their buffers here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.buffers import bits, null_mask
from scorekit.engine.categories import Coder, Texts, text_or_none, texts_of
from scorekit.engine.flaws import Flaw
from scorekit.engine.numbers import decode_number, drop, number_cell
from scorekit.errors import SchemaError
from scorekit.nearest import nearest
from scorekit.schema import ABSENT, UNSEEN, Schema

_EXACT = 1 << 53
"""Whole numbers below it are float64 numbers."""
MANY = 16
"""Records from which a column is read as a whole, if nothing in it needs a second look."""


class Named(NamedTuple):
    """Rows that hold a text which training did not see, and which the model knows all the same."""

    column: int
    """Of ``Columns.codes``, where these rows are ``UNSEEN``."""
    code: int
    """The text's own code, beyond those of the levels."""
    rows: NDArray[np.int64]


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
    named : tuple of Named
        Unseen texts that the model knows by name, such as what an imputer puts in.
    """

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]
    flaws: tuple[Flaw, ...] = ()
    texts: Mapping[int, Texts] = field(default_factory=dict)
    named: tuple[Named, ...] = ()

    def __len__(self) -> int:
        return len(self.numeric)

    def slice(self, start: int, stop: int) -> Columns:
        """Rows ``start`` to ``stop``, without their flaws."""
        texts = {column: text[start:stop] for column, text in self.texts.items()}
        named = self._named_of(np.arange(start, stop))
        return Columns(self.numeric[start:stop], self.codes[start:stop], (), texts, named)

    def take(self, rows: NDArray[np.int64]) -> Columns:
        """Some rows by number, without their flaws."""
        texts = {column: [text[row] for row in rows] for column, text in self.texts.items()}
        return Columns(self.numeric[rows], self.codes[rows], (), texts, self._named_of(rows))

    def _named_of(self, rows: NDArray[np.int64]) -> tuple[Named, ...]:
        return tuple(
            Named(column, code, np.flatnonzero(np.isin(rows, named))) for column, code, named in self.named
        )

    def all_codes(self) -> NDArray[np.int32]:
        """``codes``, with named texts by their own codes."""
        if not self.named:
            return self.codes
        codes = self.codes.copy(order="F")
        for column, code, rows in self.named:
            codes[rows, column] = code
        return codes


class Decoder:
    """Decodes by one schema; keeps look-up tables between batches.

    Parameters
    ----------
    schema : Schema
    keep_texts : bool
        Keep the strings of coded columns, which only the reference engine needs.
    known : mapping of str to sequence of str, optional
        Column to texts beside its levels that the compiled model knows; ``Program.known``.
    """

    def __init__(
        self, schema: Schema, *, keep_texts: bool = False, known: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.schema = schema
        self.keep_texts = keep_texts
        self._widths = len(schema.numeric), len(schema.coded)
        known = known or {}
        self._coded = [
            Coder(feature, schema.missing.texts, known.get(feature.name, ())) for feature in schema.coded
        ]
        self._known = [index for index, coder in enumerate(self._coded) if coder.known]
        self._singles = [i for i, feature in enumerate(schema.numeric) if feature.arrow_type == "float"]
        self._gone = _gone(schema)
        self._cells = [
            (
                feature.name,
                index,
                self._coded[index].code if feature.coded else number_cell(feature, schema.missing),
                feature.coded,
                feature.kind == "numeric",
            )
            for feature, index in schema.each()
        ]

    def batch(self, batch: pa.RecordBatch) -> Columns:
        """Decode an Arrow batch.

        Beside its columns it may hold which of its records lack a key; see ``ABSENT``.

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
        named: list[Named] = []
        for feature, index in self.schema.each():
            array = batch.column(found[feature.name])
            if (absent := found.get(ABSENT + feature.name)) is not None:
                flaws.append(Flaw("absent", feature.name, _marked(batch.column(absent))))
            if feature.coded:
                wrong, known = self._coded[index].decode(array, columns.codes[:, index])
                flaws += wrong
                named += [Named(index, code, rows) for code, rows in known]
                if self.keep_texts:
                    texts[index] = texts_of(array)
            else:
                flaws += decode_number(feature, array, columns.numeric[:, index], self.schema.missing)
        self._finish(columns.numeric)
        return Columns(columns.numeric, columns.codes, tuple(flaws), texts, tuple(named))

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Columns:
        """Decode parsed records, such as the objects of a JSON array.

        A record that lacks a key is flawed (``absent``), its neighbours are not.
        """
        columns = self._empty(len(rows))
        numeric, codes = columns.numeric, columns.codes
        bad: dict[tuple[str, str], list[int]] = {}
        for name, index, decode, is_code, is_number in self._cells:
            out = codes if is_code else numeric
            if len(rows) >= MANY and (is_code or is_number):
                whole = self._codes(rows, name, index) if is_code else _numbers(rows, name)
                if whole is not None:
                    out[:, index] = whole
                    continue
            for number, row in enumerate(rows):
                try:
                    value = row[name]
                except KeyError:
                    value = None
                    bad.setdefault(("absent", name), []).append(number)
                kind = type(value)
                if is_number and (kind is float or (kind is int and -_EXACT < value < _EXACT)):
                    out[number, index] = value  # as ``decode`` would, without calling it
                    continue
                out[number, index], flaw = decode(value)
                if flaw is not None:
                    bad.setdefault((flaw, name), []).append(number)
        self._finish(numeric)
        flaws = tuple(Flaw(code, name, np.array(at)) for (code, name), at in bad.items())
        texts = self._row_texts(rows) if self.keep_texts else {}
        named = [
            Named(index, code, at)
            for index in self._known
            if (codes[:, index] == UNSEEN).any()
            for code, at in self._coded[index].known_rows(self._column(rows, index))
        ]
        return Columns(numeric, codes, flaws, texts, tuple(named))

    def _codes(self, rows: Sequence[Mapping[str, Any]], name: str, index: int) -> list[int] | None:
        """Codes of a column in which every value is a level or missing; None of any other."""
        table = self._coded[index].table
        try:
            return [table[row[name]] for row in rows]
        except (KeyError, TypeError):
            return None

    def _finish(self, numeric: NDArray[np.float64]) -> None:
        """Bring columns trained as float32 to float32, so that 0.1 in a text file is the 0.1 of training.

        After that a number that means "missing" is the same number whatever it came in.
        """
        for index in self._singles:
            with np.errstate(over="ignore"):
                numeric[:, index] = numeric[:, index].astype(np.float32)
        for index, numbers in self._gone:
            drop(numeric[:, index], numbers)

    def _empty(self, rows: int) -> Columns:
        return Columns(
            np.empty((rows, self._widths[0]), order="F"),
            np.empty((rows, self._widths[1]), dtype=np.int32, order="F"),
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
        return {index: self._column(rows, index) for index in range(len(self._coded))}

    def _column(self, rows: Sequence[Mapping[str, Any]], index: int) -> Texts:
        name = self._coded[index].name
        return [text_or_none(row.get(name)) for row in rows]


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float] | None:
    """Values of a column in which every one is a number as it stands; None of any other."""
    try:
        values = [row[name] for row in rows]
    except KeyError:
        return None
    kinds = set(map(type, values))
    if kinds == {float} or (kinds <= {float, int} and min(values) > -_EXACT and max(values) < _EXACT):
        return values
    return None


def _gone(schema: Schema) -> list[tuple[int, list[float]]]:
    """The numbers that mean "missing" in each column of numbers, rounded as the column is."""
    numbers = list(schema.missing.numbers)
    if not numbers:
        return []
    with np.errstate(over="ignore"):
        singles = np.array(numbers).astype(np.float32).astype(np.float64).tolist()
    return [
        (index, singles if feature.arrow_type == "float" else numbers)
        for index, feature in enumerate(schema.numeric)
        if feature.kind == "numeric"
    ]


def _marked(marks: pa.Array) -> NDArray[np.int64]:
    """Where truth values are true, and not null."""
    marked = bits(marks.buffers()[1], marks.offset, len(marks))
    return np.flatnonzero(marked & ~null_mask(marks))


def missing_columns(missing: Sequence[str], present: Sequence[str]) -> SchemaError:
    """Error for columns the model needs and the data lacks, with the nearest names."""
    shown = ", ".join(repr(name) for name in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    near = nearest(missing[0], present)
    hint = f"the data has {near!r}; was it renamed?" if near else None
    noun = "column" if len(missing) == 1 else "columns"
    return SchemaError(f"the data lacks the {noun} {shown}{more}", hint=hint, code="missing_column")
