"""How many rows there are to score, for who waits for them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from scorekit.batch.inputs import open_input
from scorekit.batch.plan import Plan
from scorekit.batch.run import Carried
from scorekit.model import Model
from scorekit.tables import Source
from scorekit.tables.sources import STDIN

_SAMPLE = 1 << 20
"""Bytes of a text file in which lines are counted."""


def count_rows(made: Plan, model: Model) -> int | None:
    """Rows of all inputs: as the files say, or for text as their first lines let expect.

    Returns
    -------
    int or None
        None where nothing can be said without reading everything: pipes, objects of text,
        compressed text.
    """
    counts = [_count(source, model) for job in made.jobs for source in job.sources]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _count(source: Source, model: Model) -> int | None:
    # the rows of an Arrow file stand with each of its batches, all over the file
    if source.uri == STDIN or source.format == "arrow":
        return None
    if source.format == "parquet":
        with closing(open_input(source, model, Carried((), (), model), 1)) as reader:
            return reader.rows
    return _expected(Path(source.uri)) if source.local and not source.uri.endswith(".gz") else None


def _expected(path: Path) -> int | None:
    """Lines of a file, were all of it like its beginning."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
    lines = start.count(b"\n")
    return round(path.stat().st_size * lines / len(start)) if lines else None
