"""Lines as records: what each of them is, and what is wrong with it.

Many lines are read by pyarrow into columns, on every core; few of them one by one into
records, which costs less than a table would; and so are many where one of them is odd.
Both give the same scores to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.buffers import null_mask
from scorekit.feeds import Message
from scorekit.schema import Schema
from scorekit.scoring import Rows
from scorekit.stream.carrying import Carrier
from scorekit.stream.lanes import all_cores, pieces_of, side_by_side
from scorekit.tables import json_records
from scorekit.tables.absent import Unsure, lacking, with_absent
from scorekit.tables.batches import one_batch
from scorekit.tables.json_records import DEPTH, Integer, Number
from scorekit.tables.jsonl import JsonBlock, parse

EMPTY = "empty_line"
TOO_LONG = "too_long"

MANY = 64
"""Lines from which a table costs less than records."""

_PATIENCE = 3
"""Batches in a row that a table could not hold, after which none is tried for a while."""
_PAUSE = 50
"""Batches of that while."""
_DIGITS = 4000
"""Digits of the longest whole number that Python reads; a longer one is infinite as float64."""


class Wrong(NamedTuple):
    """What is wrong with a line that is no record."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A batch of messages, read.

    Attributes
    ----------
    messages : sequence of Message
        All but those that are empty.
    rows : pyarrow.RecordBatch or sequence of dict
        A row for each message; of one that is no record, an empty one.
    wrong : dict of int to Wrong
        What is wrong with messages that are no record, by row.
    carried : sequence of bytes
        What is carried from each row to its answer.
    empty : sequence of Message
        Those that hold nothing.
    """

    messages: Sequence[Message]
    rows: Rows
    carried: Sequence[bytes]
    wrong: Mapping[int, Wrong] = field(default_factory=dict)
    empty: Sequence[Message] = ()

    def __len__(self) -> int:
        return len(self.messages)


class LineReader:
    """Reads messages for a model.

    Parameters
    ----------
    inputs : Schema
    carrier : Carrier
    """

    def __init__(self, inputs: Schema, carrier: Carrier) -> None:
        self._carrier = carrier
        self._decoder = msgspec.json.Decoder(dict)
        self._plan = {feature.name: _PLANS.get(feature.kind, pa.string()) for feature in inputs.features}
        self._failed = 0
        self._pause = 0

    def read(self, messages: Sequence[Message]) -> Lines:
        """Read a batch of messages."""
        if len(messages) >= MANY:
            lines = self._as_table(messages)
            if lines is not None:
                return lines
        return self._one_by_one(messages)

    # many lines

    def _as_table(self, messages: Sequence[Message]) -> Lines | None:
        if self._pause:
            self._pause -= 1
            return None
        lines = self._table(messages)
        self._failed = 0 if lines is not None else self._failed + 1
        if self._failed == _PATIENCE:
            self._failed, self._pause = 0, _PAUSE
        return lines

    def _table(self, messages: Sequence[Message]) -> Lines | None:
        if any(message.too_long for message in messages):
            return None
        values = [message.value for message in messages]
        try:
            parts = [values[piece] for piece in pieces_of(len(values), all_cores())]
            rows = _joined(side_by_side(self._part, parts))
            return Lines(messages, rows, self._carried(values))
        except (pa.ArrowInvalid, Unsure, ValueError, RecursionError):
            return None

    def _part(self, values: Sequence[bytes]) -> _Part:
        """Some lines as columns.

        Raises
        ------
        Unsure, pyarrow.ArrowInvalid
            If they are not to be read so.
        """
        data = b"\n".join([*values, b""])
        if not JsonBlock(data, 1).plain(len(values)):
            raise Unsure
        rows = one_batch(parse(data, self._plan))
        if rows.num_rows != len(values):
            raise Unsure
        return _Part(rows, self._absent(rows, values))

    def _absent(self, rows: pa.RecordBatch, values: Sequence[bytes]) -> dict[str, NDArray[np.bool_]]:
        """Which lines lack which keys: only those with a null are looked through for them."""
        holed = [name for name in self._plan if rows.column(name).null_count]
        if not holed:
            return {}
        nulls = np.logical_or.reduce([null_mask(rows.column(name)) for name in holed])
        some = np.flatnonzero(nulls)
        found = lacking(b"\n".join([*(values[row] for row in some.tolist()), b""]), holed)
        return {name: _spread(lacks, some, len(values)) for name, lacks in found.items()}

    def _carried(self, values: Sequence[bytes]) -> Sequence[bytes]:
        if not self._carrier.anything:
            return [b""] * len(values)
        return [self._carrier.of_line(value) for value in values]

    # few lines, or odd ones

    def _one_by_one(self, messages: Sequence[Message]) -> Lines:
        kept: list[Message] = []
        rows: list[dict[str, Any]] = []
        carried: list[bytes] = []
        wrong: dict[int, Wrong] = {}
        empty: list[Message] = []
        for message in messages:
            if not message.too_long and (not message.value or message.value.isspace()):
                empty.append(message)
                continue
            found = self._record(message)
            if isinstance(found, Wrong):
                wrong[len(rows)] = found
                found = {}, b""
            kept.append(message)
            rows.append(found[0])
            carried.append(found[1])
        return Lines(kept, rows, carried, wrong, empty)

    def _record(self, message: Message) -> tuple[dict[str, Any], bytes] | Wrong:
        """A record and what is carried from it, or what is wrong."""
        if message.too_long:
            return Wrong(TOO_LONG, "longer than a line may be")
        value = message.value
        if len(value) > DEPTH and value.count(b"[") + value.count(b"{") > DEPTH:
            return self._slowly(message)
        try:
            record = self._decoder.decode(value)
            return record, self._carrier.of_line(value) if self._carrier.anything else b""
        except (ValueError, RecursionError):
            return self._slowly(message)

    def _slowly(self, message: Message) -> tuple[dict[str, Any], bytes] | Wrong:
        """What JSON does not have, such as NaN, or a number beyond float64; else, what is wrong."""
        # a message of a broker may have ends of lines within
        line = json_records.one_line(message.value, message.line)
        if line.value is None:
            return Wrong(line.code, line.message)
        return plain_record(line.value), self._carrier.of_record(line.value)


class _Part(NamedTuple):
    """Some lines of a batch as columns, and which of them lack which keys."""

    rows: pa.RecordBatch
    absent: Mapping[str, NDArray[np.bool_]]


def _joined(parts: Sequence[_Part]) -> pa.RecordBatch:
    """Parts that follow each other, as one."""
    rows = one_batch(pa.Table.from_batches([part.rows for part in parts]))
    absent: dict[str, NDArray[np.bool_]] = {}
    start = 0
    for part in parts:
        for name, lacks in part.absent.items():
            absent.setdefault(name, np.zeros(len(rows), dtype=bool))[start : start + len(lacks)] = lacks
        start += len(part.rows)
    return with_absent(rows, absent)


def _spread(marks: NDArray[np.bool_], rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Marks of some rows, among all of them."""
    spread = np.zeros(count, dtype=bool)
    spread[rows] = marks
    return spread


def plain_record(record: dict[str, Any]) -> dict[str, Any]:
    """A record with numbers in place of the texts they were kept as (``json_records``)."""
    if _KEPT.isdisjoint(map(type, record.values())):
        return record
    return {name: plain_value(value) for name, value in record.items()}


_KEPT = frozenset({Integer, Number})


def plain_value(value: Any) -> Any:
    """A number in place of the text it was kept as, infinite beyond float64; anything else as it is."""
    if isinstance(value, Integer):
        return int(value) if len(value) < _DIGITS else float(value)
    return float(value) if isinstance(value, Number) else value


_PLANS = {"numeric": pa.float64(), "boolean": pa.bool_()}
"""As what a table reads a feature; anything else as text."""
