"""The same rows in every format, and what the readers make of a file."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from scorekit.engine.columns import Columns, Decoder
from scorekit.schema import UNSEEN, Schema
from scorekit.tables import BadRecord, Source, csv_files, csv_records, find, jsonl, open_table

quick = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ENDINGS = ("csv", "tsv", "jsonl", "parquet", "arrow")
Row = dict[str, Any]


class Read(NamedTuple):
    """What a reader gave of a file."""

    columns: Columns
    bad: tuple[BadRecord, ...]
    firsts: tuple[int, ...]
    most: int


def source(path: Path | str) -> Source:
    """The one table of a path."""
    (found,) = find([str(path)])
    return found


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Read text in blocks of ``size`` bytes, so that their borders fall anywhere."""
    monkeypatch.setattr(csv_records, "BLOCK", size)
    monkeypatch.setattr(csv_files, "SAMPLE", max(size, 1))
    monkeypatch.setattr(jsonl, "BLOCK", size)


def score_input(path: Path, schema: Schema, *, skip_rows: int = 0, **options: Any) -> Read:
    """Read a file for scoring, and decode it."""
    decoder = Decoder(schema, keep_texts=True)
    types = {feature.name: feature.kind for feature in schema.features}
    options = {"columns": schema.names, "types": types, "na_values": schema.na_values, **options}
    with closing(open_table(source(path), **options)) as reader:
        batches = list(reader.batches(skip_rows=skip_rows))
    sizes = [batch.rows.num_rows for batch in batches]
    row = skip_rows
    for batch in batches:
        assert batch.first_row == row
        row += batch.rows.num_rows
        assert all(batch.first_row <= bad.row < row for bad in batch.bad)
    return Read(
        _joined(decoder, [decoder.batch(batch.rows) for batch in batches]),
        tuple(bad for batch in batches for bad in batch.bad),
        tuple(batch.first_row for batch in batches),
        max(sizes, default=0),
    )


def score_bytes(path: Path, data: bytes, *, schema: Schema, block: int | None = None, **options: Any) -> Read:
    """What scoring reads of a file with this content, in blocks of so many bytes."""
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        if block is not None:
            small_blocks(patch, block)
        return score_input(path, schema, **options)


def _joined(decoder: Decoder, parts: Sequence[Columns]) -> Columns:
    if not parts:
        return decoder.rows([])
    flaws, row = [], 0
    for part in parts:
        flaws += [flaw.shifted(row) for flaw in part.flaws]
        row += len(part)
    texts = {
        index: [text for part in parts for text in part.texts[index]]
        for index in range(len(decoder.schema.coded))
    }
    numeric = np.concatenate([part.numeric for part in parts])
    return Columns(numeric, np.concatenate([part.codes for part in parts]), tuple(flaws), texts)


def described(columns: Columns, *, start: int = 0) -> list[object]:
    """Decoded columns as values that are equal if they are equal to the bit."""
    numeric = np.where(np.isnan(columns.numeric), np.nan, columns.numeric)[start:]
    unseen = {
        (row - start, index): columns.texts[index][row]
        for row, index in zip(*np.nonzero(columns.codes == UNSEEN), strict=True)
        if row >= start
    }
    flaws = {
        (flaw.code, flaw.column, int(row) - start)
        for flaw in columns.flaws
        for row in flaw.rows
        if row >= start
    }
    return [numeric.tobytes("F"), numeric.shape, columns.codes[start:].tolist(), unseen, flaws]


# Writing --------------------------------------------------------------------------------


def csv_text(value: Any) -> str:
    """A value as Python's csv module and pandas write it."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def csv_bytes(
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    *,
    delimiter: str = ",",
    end: str = "\n",
    quote: bool = False,
) -> bytes:
    """Rows as CSV; fields are quoted where they must be, or all of them."""

    def field(text: str) -> str:
        # Python's writer leaves a lone \r unquoted
        needed = quote or any(sign in text for sign in ('"', delimiter, "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if needed else text

    lines = [names, *([csv_text(row[name]) for name in names] for row in rows)]
    return "".join(delimiter.join(map(field, line)) + end for line in lines).encode()


def json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def json_bytes(rows: Sequence[Mapping[str, Any]], *, escape: bool = False) -> bytes:
    lines = (
        json.dumps({name: json_value(value) for name, value in row.items()}, ensure_ascii=escape)
        for row in rows
    )
    return "".join(line + "\n" for line in lines).encode()


def table(rows: Sequence[Mapping[str, Any]], types: Mapping[str, pa.DataType]) -> pa.Table:
    columns = [pa.array([row[name] for row in rows], kind) for name, kind in types.items()]
    return pa.table(columns, names=list(types))


def write(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, pa.DataType],
    *,
    group_rows: int = 7,
    **dialect: Any,
) -> Path:
    """Write rows in the format that the ending says."""
    ending = path.suffix.removeprefix(".")
    if ending in ("csv", "tsv"):
        tabs = {"delimiter": "\t"} if ending == "tsv" else {}
        path.write_bytes(csv_bytes(rows, list(types), **tabs, **dialect))
    elif ending == "jsonl":
        path.write_bytes(json_bytes(rows))
    elif ending == "parquet":
        pq.write_table(table(rows, types), path, row_group_size=group_rows)
    else:
        made = table(rows, types)
        with pa.ipc.new_file(path, made.schema) as writer:
            writer.write_table(made, max_chunksize=group_rows)
    return path


def most_memory(path: Path, types: Mapping[str, str]) -> int:
    """Bytes that reading a file holds at most."""
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with closing(open_table(source(path), columns=None, types=types)) as reader:
            arrow = max(pa.total_allocated_bytes() - before for _ in reader.batches())
        return arrow + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Damage ---------------------------------------------------------------------------------


def mixed_rows() -> pa.Table:
    """Sixty rows of columns that are laid out differently."""
    return pa.table(
        {
            "n": [1.5, None, 3.0] * 20,
            "c": ["a", "b", None] * 20,
            "s": pa.array([1, 2, 3] * 20, pa.timestamp("us")),
            "d": pa.array(["x", "y", "z"] * 20).dictionary_encode(),
            "l": pa.array([[1], [2], None] * 20),
        }
    )


_READ_DAMAGED = textwrap.dedent("""
    import random, sys
    from pathlib import Path
    from scorekit.errors import DataError
    from scorekit.tables import find, open_table

    path, types = Path(sys.argv[1]), {"n": "numeric", "c": "category"}
    whole, chance = path.read_bytes(), random.Random(5)
    outcomes = set()
    for _ in range(600):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            reader = open_table(find([str(path)])[0], columns=None, types=types, chunk_rows=7)
            rows = 0
            for batch in reader.batches():
                assert batch.first_row == rows
                rows += batch.rows.num_rows
                batch.rows.validate(full=True)
                # Python has no datetime for every number of microseconds
                [array.to_pylist() for array in batch.rows.columns if "timestamp" not in str(array.type)]
            assert reader.rows in (None, rows)
            outcomes.add(rows)
        except DataError:
            outcomes.add("refused")
    print(*outcomes)
    """)
"""Run in a process of its own: what damage might do to it is what is to be seen."""


def damaged(path: Path, *, first: str = "") -> set[str]:
    """What reading a file gives when a bit of it is flipped: ``refused``, or the number of rows."""
    done = subprocess.run([sys.executable, "-c", first + _READ_DAMAGED, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
