"""Hashes of the ids of rows, to find those that stand twice."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.buffers import null_mask, primitive
from scorekit.quality.duplicates import Hashes, combine, hash_numbers, hash_texts
from scorekit.tables.arrays import texts

_NULL = np.uint64(0xC3A5C85C97CB3127)
"""Of a missing id; it is no other one's, as 0 would be that of the number 0."""


def hash_ids(ids: pa.RecordBatch) -> Hashes:
    """A hash of each row's id columns; a row in which all of them are null has no id."""
    hashes: Hashes = combine([_hashed(column) for column in ids.columns])
    if all(column.null_count for column in ids.columns):
        without = np.logical_and.reduce([null_mask(column) for column in ids.columns])
        identified: Hashes = hashes[~without]
        return identified
    return hashes


def _hashed(array: pa.Array) -> Hashes:
    if pa.types.is_integer(array.type):
        hashes = hash_numbers(primitive(array, array.type.to_pandas_dtype()).astype(np.int64))
    elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        hashes = hash_texts(*_bytes(array))
    else:
        told = texts([None if value is None else str(value) for value in array.to_pylist()])
        hashes = hash_texts(*_bytes(told))
    if array.null_count:
        hashes = hashes.copy()
        hashes[null_mask(array)] = _NULL
    return hashes


def _bytes(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of a string array, and where each text begins."""
    width = np.int32 if pa.types.is_string(array.type) else np.int64
    _, begins, data = array.buffers()
    offsets = np.frombuffer(begins, dtype=width)[array.offset : array.offset + len(array) + 1]
    filled = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return filled, offsets.astype(np.int64)
