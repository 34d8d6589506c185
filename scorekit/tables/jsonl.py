"""JSON lines: one object a line.

A block whose lines all look like objects is parsed by pyarrow with the types of the
plan. Where that fails, the block is taken line by line (``json_records``), and the plan
follows what was found: a file that writes numbers as strings is soon read the fast way
again. Both ways give the same bits.

Blank lines are no records, but lines are counted with them. A key that a line lacks is
null in that row, and said to be absent (``absent``): a request that lacks it is refused,
and so is a line. A key that no line has is a missing column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pajson
from numpy.typing import NDArray

from scorekit.errors import SchemaError
from scorekit.tables import json_records
from scorekit.tables.absent import Unsure, lacking, with_absent
from scorekit.tables.arrays import with_null_rows
from scorekit.tables.batches import BadRecord, Batch, in_order, one_batch
from scorekit.tables.columns import wanted_names
from scorekit.tables.json_records import Integer, Line, Number, is_int64
from scorekit.tables.sources import STDIN, Source
from scorekit.tables.text_input import TextInput, is_utf8

BLOCK = 8 << 20
LINE_LIMIT = 64 << 20
_OPEN, _CLOSE, _LIST, _NEWLINE, _RETURN = b"{}[\n\r"
_MINUS, _CAPITAL_I, _CAPITAL_N, _SMALL_N, _SMALL_F = b"-INnf"
_ODD_LITERAL = re.compile(rb"[:,\[\s](?:-?Inf|-NaN)[\s,\]}]")


class JsonBlock:
    """Whole lines of a file, and the number of the first."""

    __slots__ = ("data", "line")

    def __init__(self, data: bytes, line: int) -> None:
        self.data = data
        self.line = line

    def count_lines(self) -> int:
        """Line ends, and a last line without one."""
        ends = int(np.count_nonzero(np.frombuffer(self.data, dtype=np.uint8) == _NEWLINE))
        return ends + (self.data[-1:] != b"\n")

    def plain(self, lines: int) -> bool:
        """Whether pyarrow reads these lines as ``json_records`` would, or refuses them.

        Each line begins and ends as an object does. Then no object spans two lines, for
        ``}`` and ``{`` never follow each other within one; and pyarrow crashes on a line
        that is ``null``, and on nesting without end.
        """
        data = self.data
        raw = np.frombuffer(data.rstrip(b"\r\n"), dtype=np.uint8)
        if not len(raw) or raw[0] != _OPEN or raw[-1] != _CLOSE:
            return False
        ends = np.flatnonzero(raw == _NEWLINE)
        if len(ends) != lines - 1:
            return False
        last = raw[ends - 1]
        returned = last == _RETURN
        last = np.where(returned, raw[ends - 2], last) if returned.any() else last
        if not ((raw[ends + 1] == _OPEN).all() and (last == _CLOSE).all()):
            return False
        if _may_be_deep(raw, ends) or not is_utf8(data):
            return False
        return not (_may_be_odd(raw) and _ODD_LITERAL.search(data) is not None)


def _may_be_deep(raw: NDArray[np.uint8], ends: NDArray[np.int64]) -> bool:
    """Whether a line opens more lists and objects than may stand within each other."""
    most = json_records.DEPTH
    opened = (raw == _OPEN) | (raw == _LIST)
    if int(np.count_nonzero(opened)) <= len(ends) + most:
        return False
    lines = np.searchsorted(ends, np.flatnonzero(opened))
    return bool(np.bincount(lines).max() > most)


def _may_be_odd(raw: NDArray[np.uint8]) -> bool:
    """Whether infinity or NaN may be spelled as only pyarrow takes it: ``Inf``, ``-NaN``.

    Looked for by their capitals; the bytes begin and end with a brace.
    """
    infinite, no_number = np.flatnonzero(raw == _CAPITAL_I), np.flatnonzero(raw == _CAPITAL_N)
    infinite = infinite[raw[infinite + 1] == _SMALL_N]
    return bool((raw[infinite + 2] == _SMALL_F).any() or (raw[no_number - 1] == _MINUS).any())


def json_blocks(source: Source, text: TextInput) -> Iterator[JsonBlock]:
    """The file in blocks of whole lines.

    Raises
    ------
    FormatError
        If a line is longer than ``LINE_LIMIT``.
    """
    rest, line = b"", 1
    while True:
        fresh = text.read(BLOCK)
        data = rest + fresh if rest else fresh
        if not data:
            return
        stop = data.rfind(b"\n") + 1 if fresh else len(data)
        if stop:
            block = JsonBlock(data[:stop], line)
            yield block
            line += block.count_lines()
        elif len(data) > LINE_LIMIT:
            raise source.error(
                f"a line longer than {LINE_LIMIT >> 20} MiB", line=line, hint="one object a line"
            )
        rest = data[stop:]
        if not fresh:
            return


def parse(data: bytes, types: Mapping[str, pa.DataType] | None) -> pa.Table:
    """Parse lines by pyarrow, by types or by inference.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a line is not JSON, or a value not of its column's type.
    """
    if types is None:
        options = pajson.ParseOptions()
    else:
        options = pajson.ParseOptions(
            explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="ignore"
        )
    return pajson.read_json(
        pa.BufferReader(data),
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=options,
    )


class JsonReader:
    """Reads one file of JSON lines for scoring; see ``TableReader``.

    Decoded columns come as numbers or booleans where every value is one, else as
    strings, so that the decoder says which values are wrong.
    """

    rows: int | None = None

    def __init__(
        self,
        source: Source,
        *,
        columns: Sequence[str] | None,
        types: Mapping[str, str],
        chunk_rows: int,
        optional: Collection[str] = (),
    ) -> None:
        self.source = source
        self._chunk_rows = chunk_rows
        self._text = TextInput(source)
        self._blocks = json_blocks(source, self._text)
        self._first = self._first_block()
        found = first_types(source, self._first)
        absent = [name for name in columns or () if name not in found and name not in optional]
        for name in _keys_beyond(source, absent):
            found[name] = pa.null()
        self.names: tuple[str, ...] = tuple(found)
        self._wanted = wanted_names(self.names, columns)
        self._kinds = {name: types[name] for name in self._wanted if name in types}
        self._plan = {
            name: _PLANS[types[name]] if name in types else self._kept_type(name, found[name])
            for name in self._wanted
        }

    def _first_block(self) -> JsonBlock:
        for block in self._blocks:
            if block.data.strip():
                refuse_array(self.source, block)
                return block
        raise self.source.error("holds no records, only blank lines")

    def _kept_type(self, name: str, found: pa.DataType) -> pa.DataType:
        """The type of a column that is passed through, from the first block."""
        if pa.types.is_nested(found):
            raise SchemaError(
                f"{self.source.name}: column {name!r} holds lists or objects, which cannot be passed through",
                hint="leave it out, or use a format with types, such as Parquet",
                code="wrong_type",
            )
        return pa.string() if pa.types.is_null(found) or pa.types.is_timestamp(found) else found

    def batches(self, *, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches from row ``skip_rows`` on."""
        return in_order(self._all_blocks(), self._block, skip_rows, self._chunk_rows)

    def _all_blocks(self) -> Iterator[JsonBlock]:
        yield self._first
        yield from self._blocks

    def _block(self, block: JsonBlock, row: int) -> tuple[pa.RecordBatch, tuple[BadRecord, ...]]:
        rows = self._fast(block)
        return (rows, ()) if rows is not None else self._line_by_line(block, row)

    def _fast(self, block: JsonBlock) -> pa.RecordBatch | None:
        """A block by pyarrow; None if it must be taken line by line."""
        lines = block.count_lines()
        if not block.plain(lines):
            return None
        try:
            rows = one_batch(parse(block.data, self._plan))
            holed = [name for name in self._wanted if rows.column(name).null_count]
            return with_absent(rows, lacking(block.data, holed)) if rows.num_rows == lines else None
        except (pa.ArrowInvalid, Unsure):
            return None

    def _line_by_line(self, block: JsonBlock, row: int) -> tuple[pa.RecordBatch, tuple[BadRecord, ...]]:
        lines = list(json_records.lines(block.data, block.line))
        objects = [line for line in lines if line.value is not None]
        unlike: dict[int, str] = {}
        # a column too many: a batch of no columns has no rows
        columns = [*(self._column(name, objects, unlike) for name in self._wanted), pa.nulls(len(objects))]
        rows = pa.RecordBatch.from_arrays(columns, names=[*self._wanted, "\0"]).select(self._wanted)
        rows = with_absent(rows, _lacked(objects, self._wanted))
        spread = with_null_rows(
            rows, len(lines), [number for number, line in enumerate(lines) if line.value is None]
        )
        return spread, tuple(
            BadRecord(row + number, line.line, line.code or "other_type", line.message or unlike[line.line])
            for number, line in enumerate(lines)
            if line.code or line.line in unlike
        )

    def _column(self, name: str, objects: Sequence[Line], unlike: dict[int, str]) -> pa.Array:
        """One column; ``unlike`` hears of the lines whose value a carried one cannot hold."""
        values = [line.value.get(name) for line in objects if line.value is not None]
        kind, plan = self._kinds.get(name), self._plan[name]
        if kind is not None:
            self._plan[name] = _plan_for(kind, values, plan)
            return json_records.column(kind, values)
        found = json_records.other_types(plan, values)
        for number, other in found.items():
            said = f"column {name!r} is {other} here, but {plan} in the first lines"
            unlike.setdefault(objects[number].line, said)
        kept = [None if number in found else value for number, value in enumerate(values)]
        return json_records.typed_column(plan, kept)

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()


_PLANS = {
    "numeric": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.string(),
    "category": pa.string(),
    "text": pa.string(),
}
_OTHER_PLANS: dict[tuple[str, type], pa.DataType] = {
    ("numeric", str): pa.string(),
    ("numeric", bool): pa.bool_(),
    ("boolean", str): pa.string(),
    ("category", bool): pa.bool_(),
    ("text", bool): pa.bool_(),
    ("category", Integer): pa.int64(),
    ("text", Integer): pa.int64(),
}


def _plan_for(kind: str, values: Iterable[Any], before: pa.DataType) -> pa.DataType:
    """How to read a column's next block the fast way: by the one type this block had."""
    found = {type(value) for value in values if value is not None}
    if kind == "numeric" and found <= {Integer, Number}:
        found = set()
    if len(found) > 1:
        return before
    return _OTHER_PLANS.get((kind, found.pop()), _PLANS[kind]) if found else before


def _lacked(objects: Sequence[Line], names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Which objects lack which keys, as ``absent.lacking`` says it of lines."""
    found = {name: np.array([name not in (line.value or ()) for line in objects]) for name in names}
    return {name: lacks for name, lacks in found.items() if lacks.any()}


# What the first lines say ---------------------------------------------------------------


def first_types(source: Source, block: JsonBlock) -> dict[str, pa.DataType]:
    """Keys of the objects of a block, and the Arrow type of their values.

    Raises
    ------
    FormatError
        If no line is an object.
    """
    if block.plain(block.count_lines()):
        try:
            schema = parse(block.data, None).schema
        except pa.ArrowInvalid:
            pass
        else:
            return dict(zip(schema.names, schema.types, strict=True))
    found: dict[str, pa.DataType] = {}
    objects = 0
    for line in json_records.lines(block.data, block.line):
        for name, value in (line.value or {}).items():
            found[name] = widened(found.get(name, pa.null()), value)
        objects += line.value is not None
    if not objects:
        raise source.error("no line is a JSON object", line=block.line, hint="name the format with --format")
    return found


def widened(kind: pa.DataType, value: Any) -> pa.DataType:
    """The type of a column so far, with one more value; strings hold what does not go together."""
    if value is None:
        return kind
    if isinstance(value, (list, dict)):
        return pa.list_(pa.null())
    if isinstance(value, Integer):
        own = pa.int64() if is_int64(value) else pa.float64()
    elif isinstance(value, Number):
        own = pa.float64()
    else:
        own = pa.bool_() if isinstance(value, bool) else pa.string()
    if pa.types.is_null(kind) or kind == own:
        return own
    if {kind, own} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return kind if pa.types.is_nested(kind) else pa.string()


def refuse_array(source: Source, block: JsonBlock) -> None:
    """Refuse a file that is one JSON array.

    Raises
    ------
    FormatError
    """
    start = block.data.lstrip()
    if start[:1] == b"[" and start[1:64].lstrip()[:1] == b"{":
        raise source.error(
            "a JSON array, not one object a line", hint="convert it: jq -c '.[]'", line=block.line
        )


def _keys_beyond(source: Source, absent: Sequence[str]) -> list[str]:
    """Which of some keys that the first lines lack stand in a later one.

    Standard input cannot be read twice, so there the first lines decide.
    """
    wanted = set(absent)
    if not wanted or source.uri == STDIN:
        return []
    text = TextInput(source)
    try:
        for block in json_blocks(source, text):
            for name in list(wanted):
                if _has_key(block, name):
                    wanted.discard(name)
            if not wanted:
                break
    finally:
        text.close()
    return [name for name in absent if name not in wanted]


def _has_key(block: JsonBlock, name: str) -> bool:
    # any character may be escaped, and some writers do so with every slash
    spellings = {
        json.dumps(name).encode(),
        json.dumps(name, ensure_ascii=False).encode(errors="replace"),
        b"\\u",
        b"\\/",
    }
    if not any(spelling in block.data for spelling in spellings):
        return False
    some = (line for line in block.data.split(b"\n") if any(spelling in line for spelling in spellings))
    return any(name in (line.value or {}) for line in json_records.lines(b"\n".join(some), 1))
