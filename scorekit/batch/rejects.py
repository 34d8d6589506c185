"""The errors file: one JSON line for each thing wrong with a rejected row.

::

    {"row": 17, "line": 18, "file": "new.csv", "id": {"customer": 4711},
     "column": "age", "code": "not_a_number", "message": "not a number"}

Rows are counted from 1 over all inputs. The value itself is not written: it may be
anyone's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pyarrow as pa

from scorekit.engine.flaws import FLAWS
from scorekit.scoring import ScoredBatch
from scorekit.tables import Source

_LONGEST = 1 << 16
"""Bytes in which the first line of an errors file has ended."""


def reject_lines(
    scored: ScoredBatch,
    *,
    first_row: int,
    file: str,
    ids: pa.RecordBatch,
    lines: Mapping[int, tuple[int, str]],
) -> Iterator[str]:
    """Lines for the rejected rows of a batch, row by row.

    Parameters
    ----------
    scored : ScoredBatch
    first_row : int
        Number of the batch's first row in the run, from 1.
    file : str
    ids : pyarrow.RecordBatch
        The id columns of the same rows.
    lines : mapping of int to (int, str)
        Line number and message of records that could not be read, by row in the batch.
    """
    found: dict[int, list[tuple[str, str]]] = {row: [] for row in scored.rejected.tolist()}
    for flaw in scored.flaws:
        if flaw.rejects:
            for row in flaw.rows.tolist():
                if row in found:
                    found[row].append((flaw.code, flaw.column))
    for row, reasons in found.items():
        line, said = lines.get(row, (None, None))
        head: dict[str, Any] = {"row": first_row + row, "file": file}
        if line is not None:
            head["line"] = line
        if ids.num_columns:
            head["id"] = {name: ids.column(name)[row].as_py() for name in ids.schema.names}
        for code, column in reasons:
            what = {"column": column} if column else {}
            yield json.dumps(
                {**head, **what, "code": code, "message": said or FLAWS[code].message}, default=str
            )


def describe_first(line: str) -> str:
    """The first line of an errors file in a few words."""
    content = json.loads(line)
    place = f"line {content['line']}" if "line" in content else f"row {content['row']}"
    column = f", column {content['column']!r}" if "column" in content else ""
    return f"{content['file']}: {place}{column}: {content['message']}"


def holds_rejects(target: str) -> bool:
    """Whether a file or object is an errors file, by its first line."""
    with closing(Source(target, target, "jsonl", "").open()) as file:
        try:
            first = json.loads(file.read(_LONGEST).partition(b"\n")[0])
        except ValueError:
            return False
    return isinstance(first, dict) and first.keys() >= {"row", "file", "code", "message"}
