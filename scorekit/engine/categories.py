"""Decoding categories and text: Arrow columns and single parsed values become level numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.buffers import null_mask, primitive
from scorekit.engine.flaws import Flaw
from scorekit.errors import SchemaError
from scorekit.schema import MISSING, NOT_TEXT, UNSEEN, Feature

Texts = Sequence[str | None]
KnownRows = tuple[int, NDArray[np.int64]]
"""The code of a known text, and the rows that hold it."""
_NO_ROWS = np.empty(0, dtype=np.int64)


class Coder:
    """Level numbers of one coded feature.

    Parameters
    ----------
    feature : Feature
    missing : frozenset of str
        Texts that mean "missing".
    known : sequence of str
        Texts beside the levels that have codes of their own; see ``Columns.named``.
    """

    def __init__(self, feature: Feature, missing: frozenset[str], known: Sequence[str] = ()) -> None:
        self.name = feature.name
        self.flag_unseen = feature.kind == "category"
        self.table: dict[Any, int] = {level: number for number, level in enumerate(feature.levels)}
        for text in missing:
            self.table.setdefault(text, MISSING)
        self.table[None] = MISSING
        codes = enumerate(known, len(feature.levels))
        self.known = {text: code for code, text in codes if text not in self.table}
        self._dictionary: pa.Array | None = None
        self._lookup: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._not_text: int | None = None
        self._named: list[tuple[int, int]] = []

    def code(self, value: Any) -> tuple[int, str | None]:
        """Code of one parsed value, and what is wrong with it."""
        try:
            return self.table[value], None
        except (KeyError, TypeError):
            text = text_or_none(value)
            if text is None:
                return (MISSING, None) if _is_nan(value) else (UNSEEN, "not_text")
            code = self.table.get(text, UNSEEN)
            return code, "unseen" if code == UNSEEN and self.flag_unseen else None

    def decode(self, array: pa.Array, out: NDArray[np.int32]) -> tuple[list[Flaw], list[KnownRows]]:
        """Codes of an Arrow column into ``out``, through its dictionary."""
        if pa.types.is_null(array.type):
            out[:] = MISSING
            return [], []
        if not pa.types.is_dictionary(array.type):
            array = _as_text(self.name, array).dictionary_encode()
        lookup = self._lookup_for(array.dictionary)
        indices = array.indices
        positions = primitive(indices, indices.type.to_pandas_dtype())
        if indices.null_count:
            # the slot of a null may hold anything, so it is sent to the last entry
            positions = np.where(null_mask(indices), len(lookup) - 1, positions)
        np.take(lookup, positions, out=out)
        odd = np.flatnonzero(positions == self._not_text) if self._not_text is not None else _NO_ROWS
        flaws = [Flaw("not_text", self.name, odd)] if len(odd) else []
        if self.flag_unseen and (lookup == UNSEEN).any():
            unseen = out == UNSEEN
            unseen[odd] = False
            rows = np.flatnonzero(unseen)
            flaws += [Flaw("unseen", self.name, rows)] if len(rows) else []
        named = [(code, np.flatnonzero(positions == place)) for place, code in self._named]
        return flaws, [(code, rows) for code, rows in named if len(rows)]

    def known_rows(self, texts: Sequence[Any]) -> list[KnownRows]:
        """The known texts among some."""
        named = [
            (code, np.flatnonzero([value == text for value in texts])) for text, code in self.known.items()
        ]
        return [(code, rows) for code, rows in named if len(rows)]

    def _lookup_for(self, dictionary: pa.Array) -> NDArray[np.int32]:
        if self._dictionary is not None and self._dictionary.equals(dictionary):
            return self._lookup
        texts = _as_text(self.name, dictionary).to_pylist()
        codes = [self.table.get(text, UNSEEN) for text in texts]
        self._lookup = np.array([*codes, MISSING], dtype=np.int32)
        self._named = [(place, self.known[text]) for place, text in enumerate(texts) if text in self.known]
        self._not_text = texts.index(NOT_TEXT) if NOT_TEXT in texts else None
        self._dictionary = dictionary
        return self._lookup


def _as_text(name: str, array: pa.Array) -> pa.Array:
    """An Arrow array as text, written as ``text_or_none`` writes single values."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise SchemaError(f"column {name!r} is {kind}, but the model was trained on text", code="wrong_type")
    if pa.types.is_floating(kind):
        # Arrow would write 1.0 as 1, which neither Python nor any JSON or CSV file does
        return pa.array([text_or_none(value) for value in array.to_pylist()], pa.string())
    return array.cast(pa.string())


def texts_of(array: pa.Array) -> Texts:
    """The texts of an Arrow column, None where it is null."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    texts: Texts = _as_text("", array).to_pylist()
    return texts


def text_or_none(value: Any) -> str | None:
    """A parsed value as text; None where there is none, as for NaN, a list or an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and not math.isnan(value)):
        return str(value)
    return None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
