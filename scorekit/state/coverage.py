"""Which rows of a run were counted, however they were cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scorekit.state import statements
from scorekit.state.database import Cursor, Database

Span = tuple[int, int]
"""From a row to before another."""


def take(
    database: Database, cursor: Cursor, which: Mapping[str, Any], first_row: int, rows: int
) -> tuple[Span, ...]:
    """Have rows counted; which of them were not before.

    Parameters
    ----------
    database : Database
    cursor : Cursor
        Of a transaction that nobody else who counts for the model is in.
    which : mapping
        ``model``, ``run_id`` and ``source`` of the rows, and what is ``now``.
    first_row, rows : int

    Returns
    -------
    tuple of Span
        Ascending, from 0 at the first row.
    """
    if rows <= 0:
        return ()
    bounds = {**which, "first_row": first_row, "end_row": first_row + rows}
    database.execute(cursor, statements.FIND_COUNTED, bounds)
    before = [(int(start), int(end)) for start, end in cursor.fetchall()]
    database.execute(cursor, statements.CLEAR_COUNTED, bounds)
    merged = {
        "first_row": min([first_row, *(start for start, _ in before)]),
        "end_row": max([first_row + rows, *(end for _, end in before)]),
    }
    database.execute(cursor, statements.WRITE_COUNTED, {**bounds, **merged})
    return tuple(_between(((start - first_row, end - first_row) for start, end in before), rows))


def _between(spans: Iterable[Span], rows: int) -> Iterator[Span]:
    """What is left of so many rows between spans that ascend and do not overlap."""
    place = 0
    for start, end in spans:
        if start > place:
            yield place, start
        place = max(place, end)
    if place < rows:
        yield place, rows
