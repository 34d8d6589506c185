"""Arrow arrays from Python values without ``pa.array``, which would import pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def texts(values: Sequence[str | None]) -> pa.Array:
    """A string array; large strings when they fill more than 2 GiB.

    Raises
    ------
    UnicodeEncodeError
        If a string holds half of a surrogate pair.
    """
    encoded = [b"" if value is None else value.encode() for value in values]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    valid = np.fromiter((value is not None for value in values), dtype=bool, count=len(encoded))
    return _strings(valid, offsets, b"".join(encoded))


def _strings(valid: NDArray[np.bool_], offsets: NDArray[np.int64], data: Any) -> pa.Array:
    """Strings by where they begin in ``data``; large strings when they fill more than 2 GiB."""
    small = offsets[-1] < 2**31
    begins = pa.py_buffer(offsets.astype(np.int32) if small else offsets)
    kind = pa.string() if small else pa.large_string()
    return pa.Array.from_buffers(kind, len(valid), [_bitmap(valid), begins, pa.py_buffer(data)])


def picked(choices: Sequence[str | None], numbers: NDArray[np.integer[Any]]) -> pa.Array:
    """A string array of one of a few choices for each row, by its number.

    A dictionary would be decoded by pyarrow.compute, whose import costs more than this.
    """
    encoded = [b"" if choice is None else choice.encode() for choice in choices]
    offsets = np.zeros(len(numbers) + 1, dtype=np.int64)
    np.cumsum(np.array([len(text) for text in encoded], dtype=np.int64)[numbers], out=offsets[1:])
    data = np.empty(offsets[-1], dtype=np.uint8)
    used = np.flatnonzero(np.bincount(numbers, minlength=len(choices)))
    for number in used:
        letters = np.frombuffer(encoded[number], dtype=np.uint8)
        if len(used) == 1:
            data.reshape(len(numbers), -1)[:] = letters
        elif len(letters):
            starts = offsets[:-1][numbers == number]
            data[starts[:, None] + np.arange(len(letters))] = letters
    valid = np.array([choice is not None for choice in choices], dtype=bool)[numbers]
    return _strings(valid, offsets, data)


def numbers(
    values: NDArray[np.generic], kind: pa.DataType, valid: NDArray[np.bool_] | None = None
) -> pa.Array:
    """A fixed-width array of ``kind`` over ``values``; null where not ``valid``."""
    buffers = [None if valid is None else _bitmap(valid), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def booleans(values: NDArray[np.bool_], valid: NDArray[np.bool_]) -> pa.Array:
    """A boolean array; null where not ``valid``."""
    packed = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [_bitmap(valid), packed])


def _bitmap(valid: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def with_null_rows(rows: pa.RecordBatch, total: int, nulls: Sequence[int]) -> pa.RecordBatch:
    """``rows`` spread over ``total`` rows, of which those numbered ``nulls`` are null."""
    if not len(nulls):
        return rows
    valid = np.ones(total, dtype=bool)
    valid[list(nulls)] = False
    positions = np.cumsum(valid, dtype=np.int64) - 1
    positions[~valid] = 0
    return rows.take(numbers(positions, pa.int64(), valid))
