"""Keys that records lack, which is not the same as null.

To pyarrow both are null. So the lines of a block in which a column has nulls are looked
through once more, for those keys only; a block without nulls costs nothing. What is
found goes to the decoder beside the columns, as columns of its own (``schema.ABSENT``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.schema import ABSENT
from scorekit.tables import arrays

_PIECE = 1 << 20
"""Bytes looked through at a time: each key found is an object for a moment."""


class Unsure(Exception):
    """The lines must be taken one by one to know."""


def lacking(data: bytes, names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Which lines lack which of some keys; only keys that a line lacks.

    Parameters
    ----------
    data : bytes
        Lines that are JSON objects, all of them.
    names : sequence of str

    Raises
    ------
    Unsure
        If a line holds a literal that JSON does not have, such as ``NaN``, or a name a quote or a line end.
    """
    if not names:
        return {}
    import msgspec

    try:
        full, any_of_them = _decoder(names), _decoder(names, None)
        found = np.concatenate([_lacked(full, any_of_them, piece, len(names)) for piece in _pieces(data)])
    except (ValueError, msgspec.DecodeError) as error:
        raise Unsure from error
    return {name: found[:, place] for place, name in enumerate(names) if found[:, place].any()}


def _decoder(names: Sequence[str], *default: None) -> Any:
    """Decodes objects that have these keys, all of them unless there is a default."""
    import msgspec

    renamed = {f"f{number}": name for number, name in enumerate(names)}
    fields: Any = [(field, msgspec.Raw, *default) for field in renamed]
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=renamed, gc=False))


def _lacked(full: Any, any_of_them: Any, lines: bytes, width: int) -> NDArray[np.bool_]:
    import msgspec

    try:
        return np.zeros((len(full.decode_lines(lines)), width), dtype=bool)
    except msgspec.ValidationError:
        rows = map(msgspec.structs.astuple, any_of_them.decode_lines(lines))
        return np.array([[value is None for value in row] for row in rows])


def _pieces(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        stop = data.find(b"\n", start + _PIECE) + 1 or len(data)
        yield data[start:stop]
        start = stop


def with_absent(rows: pa.RecordBatch, absent: Mapping[str, NDArray[np.bool_]]) -> pa.RecordBatch:
    """Rows with a column for each key that some of them lack."""
    if not absent:
        return rows
    marks = [arrays.booleans(lacks, np.ones(len(lacks), dtype=bool)) for lacks in absent.values()]
    names = [*rows.schema.names, *(ABSENT + name for name in absent)]
    return pa.RecordBatch.from_arrays([*rows.columns, *marks], names=names)
