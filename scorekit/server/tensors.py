"""Tensors of the Open Inference Protocol: a column each, as JSON or as bytes behind it.

Bytes are those of the binary tensor data extension: little-endian, one after the other; a text is its
length in four bytes and its UTF-8. Missing is null in JSON and NaN in FP32 and FP64; an empty text is
missing as it is in every format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import Refused
from scorekit.stream.lines import Wrong
from scorekit.tables.json_records import Integer, Number

BYTES = "BYTES"
BOOL = "BOOL"

DTYPES: Mapping[str, str] = {
    BOOL: "|u1",
    "INT8": "|i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""What an element is by datatype; those of BYTES differ in length."""

_LENGTH = struct.Struct("<I")
_NOT_UTF8 = Wrong("not_utf8", "not UTF-8")
_WHOLE = frozenset({int, Integer})
_REAL = frozenset({int, float, Integer, Number})


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a request says of an input.

    Attributes
    ----------
    name : str
    datatype : str
    rows : int
    size : int or None
        Bytes that it has behind the JSON; None where its data stands in it.
    data : object
        As it stands in the JSON.
    """

    name: str
    datatype: str
    rows: int
    size: int | None
    data: Any = None

    def refused(self, what: str) -> Refused:
        """An error that says what is wrong with it."""
        return Refused(f"input {self.name}: {what}", code="bad_inference")


def from_json(tensor: Tensor) -> list[Any]:
    """The values of a tensor whose data stands in the JSON; None for a missing one.

    Raises
    ------
    Refused
    """
    values = _flat(tensor)
    kinds = set(map(type, values)) - {NoneType}
    if tensor.datatype == BYTES:
        return _typed(tensor, values, kinds, {str})
    if tensor.datatype == BOOL:
        return _typed(tensor, values, kinds, {bool})
    if tensor.datatype.startswith("FP"):
        return _reals(tensor, _typed(tensor, values, kinds, _REAL))
    return _integers(tensor, _typed(tensor, values, kinds, _WHOLE))


def _flat(tensor: Tensor) -> list[Any]:
    """The elements, which may stand in lists of one."""
    values = tensor.data
    if not isinstance(values, list):
        raise tensor.refused("data should be a list, or binary_data_size say how many bytes there are")
    if len(values) != tensor.rows:
        raise tensor.refused(f"{len(values):,} elements, and a shape of {tensor.rows:,}")
    if values and all(isinstance(value, list) and len(value) == 1 for value in values):
        return [value[0] for value in values]
    return values


def _typed(tensor: Tensor, values: list[Any], kinds: set[type], known: Iterable[type]) -> list[Any]:
    if kinds - set(known):
        raise tensor.refused(f"an element is no {tensor.datatype}")
    return values


def _reals(tensor: Tensor, values: list[Any]) -> list[float]:
    """Numbers as wide as the datatype is."""
    try:
        wide = np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    except OverflowError:
        raise _too_large(tensor) from None
    with np.errstate(over="ignore"):
        narrow = wide.astype(DTYPES[tensor.datatype])
    if np.any(np.isinf(narrow) & ~np.isinf(wide)):
        raise _too_large(tensor)
    found: list[float] = narrow.tolist()
    return found


def _integers(tensor: Tensor, values: list[Any]) -> list[int | None]:
    span = np.iinfo(DTYPES[tensor.datatype])
    if any(isinstance(value, Integer) and len(value) > len(str(span.min)) for value in values):
        raise _too_large(tensor)
    found = [None if value is None else int(value) for value in values]
    if any(value is not None and not span.min <= value <= span.max for value in found):
        raise _too_large(tensor)
    return found


def _too_large(tensor: Tensor) -> Refused:
    return tensor.refused(f"an element is too large for {tensor.datatype}")


def from_bytes(tensor: Tensor, data: memoryview) -> tuple[list[Any], dict[int, Wrong]]:
    """The values of a tensor that is bytes, and what is wrong with those that are no text.

    Raises
    ------
    Refused
        If the bytes are not those of as many elements as the shape has.
    """
    if tensor.datatype == BYTES:
        return _texts(tensor, data)
    dtype = np.dtype(DTYPES[tensor.datatype])
    if len(data) != tensor.rows * dtype.itemsize:
        raise tensor.refused(
            f"{len(data):,} bytes, where {tensor.rows:,} elements of {tensor.datatype} "
            f"have {tensor.rows * dtype.itemsize:,}"
        )
    elements = np.frombuffer(data, dtype)
    if tensor.datatype == BOOL:
        if np.any(elements > 1):
            raise tensor.refused("an element is neither 0 nor 1")
        elements = elements.astype(bool)
    return elements.tolist(), {}


def _texts(tensor: Tensor, data: memoryview) -> tuple[list[str], dict[int, Wrong]]:
    found: list[str] = []
    wrong: dict[int, Wrong] = {}
    start = 0
    while start < len(data):
        begin = start + _LENGTH.size
        stop = begin + _LENGTH.unpack_from(data, start)[0] if begin <= len(data) else begin
        if stop > len(data):
            raise tensor.refused("an element ends after the bytes of its tensor")
        if len(found) == tensor.rows:
            raise tensor.refused(f"more elements than a shape of {tensor.rows:,} has")
        try:
            found.append(str(data[begin:stop], "utf-8"))
        except UnicodeDecodeError:
            wrong[len(found)] = _NOT_UTF8
            found.append("")
        start = stop
    if len(found) != tensor.rows:
        raise tensor.refused(f"{len(found):,} elements, and a shape of {tensor.rows:,}")
    return found, wrong


def to_bytes(values: NDArray[Any] | Sequence[str | None]) -> bytes:
    """Elements as bytes; a text that is None is an empty one."""
    if isinstance(values, np.ndarray):
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [(value or "").encode() for value in values]
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def to_json(values: NDArray[Any] | Sequence[str | None]) -> list[Any]:
    """Elements as JSON has them; NaN is null."""
    if not isinstance(values, np.ndarray):
        return list(values)
    found: list[Any] = values.tolist()
    return [None if value != value else value for value in found]
