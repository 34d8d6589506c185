"""Arrow arrays read through their buffers: no copy, and no pandas behind the scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def null_mask(array: pa.Array) -> NDArray[np.bool_]:
    """Where an Arrow array is null, without pandas."""
    validity = array.buffers()[0]
    if validity is None:
        # a column of type null has no buffers, and nothing but nulls
        return np.full(len(array), array.null_count > 0)
    return ~bits(validity, array.offset, len(array))


def bits(buffer: pa.Buffer, offset: int, length: int) -> NDArray[np.bool_]:
    """``length`` bits of a buffer from the bit ``offset`` on."""
    first, skipped = divmod(offset, 8)
    packed = np.frombuffer(buffer, dtype=np.uint8)[first : (offset + length + 7) // 8]
    return np.unpackbits(packed, count=skipped + length, bitorder="little")[skipped:].view(bool)


def primitive(array: pa.Array, dtype: Any) -> NDArray[Any]:
    """The values buffer of a fixed-width Arrow array; the slots of nulls hold anything."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype=dtype)
    values = np.frombuffer(buffer, dtype=dtype)
    return values[array.offset : array.offset + len(array)]
