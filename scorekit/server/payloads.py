"""What clients send to be scored: one payload for one record and for many.

::

    {"features": [{"age": 41, "job": "technician"}], "model": "bank@champion", "include": ["flags"]}

Records are read as lines of a stream are, so that the same rows give the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from scorekit.errors import FormatError, Refused
from scorekit.nearest import nearest
from scorekit.stream.lines import Wrong, plain_record
from scorekit.tables import json_records

PARTS = ("flags", "version", "quality")
"""What an answer can be asked to include."""

_NO_RECORD = Wrong("not_an_object", "not a JSON object")


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """Records to be scored.

    Attributes
    ----------
    rows : sequence of mapping
        Of one that is no record, an empty one.
    wrong : mapping of int to Wrong
        What is wrong with those.
    model : str or None
    include : frozenset of str
    """

    rows: Sequence[Mapping[str, Any]]
    wrong: Mapping[int, Wrong] = field(default_factory=dict)
    model: str | None = None
    include: frozenset[str] = frozenset()


def read_payload(body: bytes, most_rows: int) -> Payload:
    """A payload, if a body is one.

    Raises
    ------
    FormatError
        If it is no JSON, or no object with ``features``.
    Refused
        If it holds more records than it may.
    """
    content = read_object(body)
    records = content.get("features")
    if not isinstance(records, list) or not records:
        raise FormatError("features should be a list with one record or more", code="bad_payload")
    rows, wrong = read_records(records, most_rows)
    return Payload(rows, wrong, _model(content.get("model")), _include(content.get("include")))


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object; numbers that JSON has no word for may stand in it, as Python writes them.

    Raises
    ------
    FormatError
    """
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError):
        line = json_records.one_line(body, 1)
    if line.value is None:
        raise FormatError(f"the body is {line.message}", code="invalid_json")
    return line.value


_DECODER = msgspec.json.Decoder(dict[str, Any])


def read_records(records: Sequence[Any], most_rows: int) -> tuple[list[Mapping[str, Any]], dict[int, Wrong]]:
    """Records of a payload, and what is wrong with those that are none, or known to be wrong.

    Raises
    ------
    Refused
        If there are more than there may be.
    """
    if len(records) > most_rows:
        raise Refused(f"more records than the {most_rows:,} that are taken", code="too_many_rows")
    wrong = {
        index: record if isinstance(record, Wrong) else _NO_RECORD
        for index, record in enumerate(records)
        if not isinstance(record, dict)
    }
    return [plain_record(record) if isinstance(record, dict) else {} for record in records], wrong


def records_of(columns: Mapping[str, Sequence[Any]], rows: int) -> list[Mapping[str, Any]]:
    """Records, made of columns that are as long as there are rows."""
    if not columns:
        return [{} for _ in range(rows)]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


LONGEST_REFERENCE = 300
"""Characters of a reference to a model; a longer one is none, and would only be said again."""


def _model(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= LONGEST_REFERENCE):
        return value
    raise FormatError("model should be a text: name, name:version or name@alias", code="bad_payload")


def _include(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise FormatError("include should be a list of texts", code="bad_payload")
    for part in value:
        if part not in PARTS:
            near = nearest(part, PARTS)
            raise FormatError(
                f"include knows {', '.join(PARTS)}" + (f"; did you mean {near}?" if near else ""),
                code="bad_payload",
            )
    return frozenset(value)
