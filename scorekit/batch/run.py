"""One job: the rows of its inputs, scored in order into its output."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from scorekit.engine.columns import missing_columns
from scorekit.errors import SchemaError, UsageError
from scorekit.model import Model
from scorekit.scoring import ScoredBatch, Scorer, output_columns, output_fields
from scorekit.tables import Batch, Source, TableReader

WAITING = 2
"""Chunks beyond one for each thread that may wait to be scored or written."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredChunk:
    """A chunk of input with its scores.

    Attributes
    ----------
    source : int
        Number of the input it came from.
    batch : Batch
    scored : ScoredBatch
    output : pyarrow.RecordBatch
        The rows as they are written.
    """

    source: int
    batch: Batch
    scored: ScoredBatch
    output: pa.RecordBatch


class Carried:
    """The columns that go from input to output unchanged.

    Parameters
    ----------
    ids : sequence of str
    passthrough : sequence of str or "all"
    model : Model
        Its recipe says which id columns there were in training.
    """

    def __init__(self, ids: Sequence[str], passthrough: Sequence[str], model: Model) -> None:
        self._known = tuple(model.manifest.recipe.get("id_columns", ()))
        self._everything = "all" in passthrough
        self._asked = tuple(dict.fromkeys((*ids, *(name for name in passthrough if name != "all"))))
        self._own = {field.name for field in output_fields(model.manifest)}
        self._ids = tuple(ids)

    def columns(self) -> tuple[str, ...] | None:
        """Columns to read beside the model's; None for all there are."""
        return None if self._everything else tuple(dict.fromkeys((*self._asked, *self._known)))

    @property
    def optional(self) -> frozenset[str]:
        """Columns that are carried where there are some, and not missed where there are none."""
        return frozenset(self._known).difference(self._asked)

    def names(self, reader: TableReader) -> tuple[str, ...]:
        """Columns to carry from one input.

        Raises
        ------
        SchemaError
            If the input lacks one.
        UsageError
            If one is called like a column of the output.
        """
        if self._everything:
            wanted = tuple(dict.fromkeys((*self._ids, *reader.names)))
        elif self._ids:
            wanted = self._asked
        else:
            known = (name for name in self._known if name in reader.names)
            wanted = tuple(dict.fromkeys((*known, *self._asked)))
        self._check(wanted, reader)
        return wanted

    def _check(self, wanted: Sequence[str], reader: TableReader) -> None:
        missing = [name for name in wanted if name not in reader.names]
        if missing:
            with told_of(reader.source):
                raise missing_columns(missing, reader.names)
        for name in wanted:
            if name in self._own:
                raise UsageError(
                    f"the column {name!r} cannot be carried: the output has one of that name",
                    hint="rename it, or list the columns to carry with --passthrough",
                )

    def ids(self, names: Sequence[str]) -> tuple[str, ...]:
        """Of the carried columns those that identify a row."""
        return self._ids or tuple(name for name in names if name in self._known)

    def arrays(self, rows: pa.RecordBatch, names: Sequence[str]) -> list[pa.Array]:
        """The carried columns as they stand in the input: an id ``007`` stays one."""
        arrays = (rows.column(name) for name in names)
        return [
            array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays
        ]


def scored_chunks(
    model: Model,
    scorer: Scorer,
    carried: Carried,
    chunks: Iterator[tuple[int, Batch, tuple[str, ...]]],
    sources: Sequence[Source],
    threads: int,
) -> Iterator[ScoredChunk]:
    """Score chunks in several threads; they come out in the order they went in.

    Reading goes on in the calling thread while others score, and no more than
    ``threads + WAITING`` chunks are in memory.

    Parameters
    ----------
    model : Model
    scorer : Scorer
    carried : Carried
    chunks : iterator of (int, Batch, tuple of str)
        Number of the input, rows, and the columns to carry.
    sources : sequence of Source
        The inputs, for errors.
    threads : int
    """
    local = threading.local()

    def score(source: int, batch: Batch, names: tuple[str, ...]) -> ScoredChunk:
        if not hasattr(local, "scorer"):
            local.scorer = scorer.fork()
        with told_of(sources[source]):
            scored = local.scorer.score(
                batch.rows, unreadable=[bad.row - batch.first_row for bad in batch.bad]
            )
        arrays = carried.arrays(batch.rows, names) + output_columns(scored, model.manifest)
        fields = [pa.field(name, array.type) for name, array in zip(names, arrays, strict=False)]
        schema = pa.schema(fields + output_fields(model.manifest))
        return ScoredChunk(source, batch, scored, pa.RecordBatch.from_arrays(arrays, schema=schema))

    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        pending: deque[Future[ScoredChunk]] = deque()
        try:
            for chunk in chunks:
                pending.append(pool.submit(score, *chunk))
                if len(pending) > threads + WAITING:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def told_of(source: Source) -> Iterator[None]:
    """Name the file in errors of its schema."""
    try:
        yield
    except SchemaError as error:
        if error.message.startswith(source.name):
            raise
        raise SchemaError(f"{source.name}: {error.message}", hint=error.hint, code=error.code) from error
